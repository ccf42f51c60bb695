//! The rows. What stands further up goes first: a carrier's own mark, then what only the callee can have said, then the
//! statuses that leave the cause open and yield to Q.850, then what is left.

use trunkline_sip::Cause;

use super::Came::{Anything, Cause as Local, Status};
use super::Progress::{Alerting, Progressing, Silent};
use super::{Fate, Mark, Row};
use crate::model::Disposition::{
    self, Busy, Cancelled, InvalidNumber, NetworkBlocked, NoAnswer, Rejected, TrunkFailed, Unreachable,
};
use crate::trunk::health::Sign;

/// No other trunk is tried.
const FINAL: Fate = Fate { next_trunk: false, is_unwanted: false };
/// The trunk's own trouble: another one may do better, now.
const ELSEWHERE: Fate = Fate { next_trunk: true, is_unwanted: false };
/// Whoever has the number wants no such calls at all.
const UNWANTED: Fate = Fate { next_trunk: false, is_unwanted: true };

/// Statuses that leave the cause open: a Q.850 cause beside them says more. 486 and the 6xx say it all by themselves.
const OPEN: super::Came =
    Status(&[403..=404, 408..=408, 410..=410, 480..=480, 484..=484, 487..=487, 500..=599]);

/// A row that any failure fits; the table narrows it.
const fn row(disposition: Disposition, fate: Fate, why: &'static str, source: &'static str) -> Row {
    Row {
        came: Status(&[300..=699]),
        q850: &[],
        until: Alerting,
        mark: Mark::None,
        disposition,
        fate,
        sign: Sign::Carried,
        holds: false,
        why,
        source,
    }
}

/// Every failure, and what follows from it. The first row that fits decides.
pub static TABLE: &[Row] = &[
    // What ended without the far end's word.
    Row {
        came: Local(Cause::Abandoned),
        sign: Sign::Nothing,
        ..row(Cancelled, FINAL, "we hung up before anything answered", "RFC 3261 §9.1")
    },
    Row {
        came: Local(Cause::Unauthorized),
        sign: Sign::Refused,
        ..row(TrunkFailed, ELSEWHERE, "the trunk does not take our credentials", "RFC 3261 §22.2")
    },
    Row {
        came: Local(Cause::Transport),
        sign: Sign::Dead,
        ..row(TrunkFailed, ELSEWHERE, "the trunk could not be reached", "RFC 3261 §8.1.3.1")
    },
    Row {
        came: Local(Cause::Unresolved),
        sign: Sign::Dead,
        ..row(TrunkFailed, ELSEWHERE, "the trunk's host has no address", "RFC 3263 §4")
    },
    // Timer B is a 408 of our own; timer C, or a ring that never ends, is a callee who does not answer.
    Row {
        came: Local(Cause::Timeout),
        until: Silent,
        sign: Sign::Dead,
        ..row(TrunkFailed, ELSEWHERE, "the trunk did not answer", "RFC 3261 §8.1.3.1, §17.1.1.2")
    },
    Row {
        came: Local(Cause::Timeout),
        ..row(NoAnswer, FINAL, "nobody answered", "RFC 3261 §16.8 (timer C)")
    },
    // Calls that the networks block as unwanted.
    Row {
        came: Status(&[603..=603]),
        mark: Mark::Words { phrase: "Network Blocked", text: "v=analytics1" },
        ..row(
            NetworkBlocked,
            FINAL,
            "a network's analytics blocked the caller's number",
            "ATIS-1000099 (603+)",
        )
    },
    Row {
        came: Status(&[608..=608]),
        ..row(NetworkBlocked, FINAL, "a network's analytics rejected the caller's number", "RFC 8688 §3")
    },
    Row {
        came: Status(&[607..=607]),
        ..row(NetworkBlocked, UNWANTED, "the callee calls this unwanted", "RFC 8197 §4")
    },
    // Carriers' own marks, which say more than the status that carries them.
    Row {
        mark: Mark::Provider(&["D35", "D36", "D51"]),
        sign: Sign::Nothing,
        ..row(
            TrunkFailed,
            ELSEWHERE,
            "the carrier does not let this number call",
            "Telnyx SIP response codes",
        )
    },
    Row {
        came: Status(&[403..=403]),
        mark: Mark::Provider(&["D1", "D2", "D3", "D22", "D24"]),
        sign: Sign::Overloaded,
        holds: true,
        ..row(
            TrunkFailed,
            ELSEWHERE,
            "the account's channels or its rate are used up",
            "Telnyx SIP response codes",
        )
    },
    Row {
        came: Status(&[403..=404]),
        mark: Mark::Provider(&["D18", "D19", "D40"]),
        sign: Sign::Refused,
        ..row(
            TrunkFailed,
            ELSEWHERE,
            "the carrier does not carry calls of this account, or to there",
            "Telnyx SIP response codes",
        )
    },
    Row {
        came: Status(&[403..=403]),
        mark: Mark::Provider(&["D11"]),
        ..row(InvalidNumber, FINAL, "the carrier calls the number invalid", "Telnyx SIP response codes")
    },
    Row {
        came: Status(&[400..=499]),
        mark: Mark::Provider(&["13223", "13224"]),
        ..row(InvalidNumber, FINAL, "the carrier calls the number invalid", "Twilio error dictionary")
    },
    Row {
        came: Status(&[400..=499]),
        mark: Mark::Provider(&["13225", "13227", "32205"]),
        sign: Sign::Nothing,
        ..row(TrunkFailed, ELSEWHERE, "the account may not call there", "Twilio error dictionary")
    },
    Row {
        came: Status(&[400..=499]),
        mark: Mark::Provider(&["21210"]),
        sign: Sign::Nothing,
        ..row(TrunkFailed, ELSEWHERE, "the carrier does not let this number call", "Twilio error dictionary")
    },
    // What only the callee, or somebody who speaks for all of its devices, can have said.
    Row {
        came: Status(&[486..=486, 600..=600]),
        ..row(Busy, FINAL, "the callee is busy", "RFC 3261 §21.4.24, §21.6.1")
    },
    Row {
        came: Status(&[604..=604]),
        ..row(InvalidNumber, FINAL, "the number does not exist anywhere", "RFC 3261 §21.6.3")
    },
    Row { came: Status(&[603..=603]), ..row(Rejected, FINAL, "the callee declined", "RFC 3261 §21.6.2") },
    Row {
        came: Status(&[601..=602, 605..=606, 609..=699]),
        ..row(Rejected, FINAL, "the callee refused", "RFC 3261 §21.6")
    },
    Row {
        came: Status(&[433..=433]),
        ..row(Rejected, FINAL, "the callee takes no anonymous calls", "RFC 5079 §5")
    },
    // A cause of the network's, where the status leaves it open.
    Row {
        came: OPEN,
        q850: &[1],
        ..row(InvalidNumber, FINAL, "the number is not allocated", "Q.850 cause 1, RFC 3398 §7.2.4.1")
    },
    Row {
        came: OPEN,
        q850: &[22],
        ..row(InvalidNumber, FINAL, "the number has changed", "Q.850 cause 22, RFC 3398 §7.2.4.1")
    },
    Row { came: OPEN, q850: &[17], ..row(Busy, FINAL, "the callee is busy", "Q.850 cause 17") },
    Row { came: OPEN, q850: &[18, 19], ..row(NoAnswer, FINAL, "nobody answered", "Q.850 causes 18 and 19") },
    Row {
        came: OPEN,
        q850: &[20, 27],
        ..row(Unreachable, FINAL, "the callee cannot be reached now", "Q.850 causes 20 and 27")
    },
    Row { came: OPEN, q850: &[21], ..row(Rejected, FINAL, "the callee rejected the call", "Q.850 cause 21") },
    Row {
        came: OPEN,
        q850: &[28],
        ..row(InvalidNumber, FINAL, "the number is incomplete or malformed", "Q.850 cause 28")
    },
    Row {
        came: OPEN,
        q850: &[2, 3, 5],
        until: Progressing,
        sign: Sign::Nothing,
        ..row(Unreachable, ELSEWHERE, "the trunk has no route to the number", "Q.850 causes 2, 3 and 5")
    },
    Row {
        came: OPEN,
        q850: &[34, 38, 41, 42, 44, 47],
        until: Progressing,
        sign: Sign::Overloaded,
        holds: true,
        ..row(
            TrunkFailed,
            ELSEWHERE,
            "the network is congested or out of order",
            "Q.850 class 010, RFC 3398 §7.2.4.1 (503)",
        )
    },
    Row {
        came: OPEN,
        q850: &[50, 55, 57, 58, 63, 65, 70, 79, 87, 88],
        until: Progressing,
        sign: Sign::Refused,
        ..row(
            TrunkFailed,
            ELSEWHERE,
            "the network does not grant this service",
            "Q.850 classes 011 to 101, RFC 3398 §7.2.4.1",
        )
    },
    // The statuses by themselves.
    Row {
        came: Status(&[404..=404]),
        ..row(InvalidNumber, FINAL, "the number does not exist", "RFC 3261 §21.4.5")
    },
    Row {
        came: Status(&[410..=410]), ..row(InvalidNumber, FINAL, "the number is gone", "RFC 3261 §21.4.8")
    },
    Row {
        came: Status(&[484..=485]),
        ..row(InvalidNumber, FINAL, "the number is incomplete or ambiguous", "RFC 3261 §21.4.22, §21.4.23")
    },
    Row {
        came: Status(&[403..=403]),
        until: Silent,
        sign: Sign::Refused,
        ..row(TrunkFailed, ELSEWHERE, "the trunk refuses the call", "RFC 3261 §21.4.4")
    },
    Row {
        came: Status(&[403..=403]),
        ..row(Rejected, FINAL, "the callee refused, having been reached", "RFC 3261 §21.4.4")
    },
    Row {
        came: Status(&[408..=408]),
        until: Silent,
        sign: Sign::Overloaded,
        ..row(TrunkFailed, ELSEWHERE, "the trunk got no answer in time", "RFC 3261 §21.4.9")
    },
    Row {
        came: Status(&[408..=408, 480..=480, 487..=487]),
        ..row(NoAnswer, FINAL, "nobody answered", "RFC 3261 §21.4.9, §21.4.18, §21.4.25")
    },
    Row {
        came: Status(&[500..=500, 503..=504]),
        until: Progressing,
        sign: Sign::Overloaded,
        holds: true,
        ..row(
            TrunkFailed,
            ELSEWHERE,
            "the trunk is overloaded or out of order",
            "RFC 3261 §21.5.1, §21.5.4, §21.5.5",
        )
    },
    Row {
        came: Status(&[500..=500, 503..=504]),
        sign: Sign::Overloaded,
        holds: true,
        ..row(TrunkFailed, FINAL, "the trunk lost the call while it rang", "RFC 3261 §21.5")
    },
    Row {
        came: Status(&[501..=502, 505..=599]),
        until: Progressing,
        sign: Sign::Refused,
        ..row(TrunkFailed, ELSEWHERE, "the trunk could not carry the call", "RFC 3261 §21.5")
    },
    Row {
        came: Status(&[501..=502, 505..=599]),
        sign: Sign::Refused,
        ..row(TrunkFailed, FINAL, "the trunk lost the call while it rang", "RFC 3261 §21.5")
    },
    // Where a call goes is its owner's decision: what was not followed within the trunk's limits ends here.
    Row {
        came: Status(&[305..=305]),
        sign: Sign::Refused,
        ..row(
            TrunkFailed,
            ELSEWHERE,
            "the trunk wants another proxy to be used, which only its owner can say",
            "RFC 3261 §21.3.4",
        )
    },
    Row {
        came: Status(&[300..=304, 306..=399]),
        ..row(Unreachable, FINAL, "the call was sent elsewhere, where it may not go", "RFC 3261 §21.3")
    },
    // What is left of 4xx says that request and trunk do not fit: credentials, codecs, extensions, signature, syntax.
    Row {
        came: Status(&[400..=499]),
        until: Silent,
        sign: Sign::Refused,
        ..row(TrunkFailed, ELSEWHERE, "the trunk does not take such a request", "RFC 3261 §21.4")
    },
    Row {
        came: Status(&[400..=499]),
        ..row(TrunkFailed, FINAL, "the far end does not take such a request", "RFC 3261 §21.4")
    },
    // A 2xx that raced our CANCEL, which nobody but a hang-up explains; or what has no row yet.
    Row {
        came: Anything,
        sign: Sign::Nothing,
        ..row(TrunkFailed, FINAL, "the answer is none", "RFC 3261 §7.2")
    },
];
