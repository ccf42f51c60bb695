//! What each row means, said a second time by somebody who does not look at the table. One test a row of expectations, and one
//! that no row of the table goes without.

use super::Progress::{Alerting, Progressing, Silent};
use super::*;
use crate::model::RetryReason;
use Disposition::{
    Busy, Cancelled, InvalidNumber, NetworkBlocked, NoAnswer, Rejected, TrunkFailed, Unreachable,
};

/// What may be tried after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    /// The number, another time.
    Later,
    /// The number neither now nor later.
    Never,
    /// Another gateway, now.
    NextTrunk,
    /// Never, and nobody of the same tenant either: such calls are unwanted there.
    Unwanted,
}

/// A failure, as a test writes it.
#[derive(Clone)]
struct Fails {
    failure: Failure,
    progress: Progress,
}

fn says(status: u16) -> Fails {
    let failure = Failure { cause: Cause::Response, status: Some(status), ..silence() };
    Fails { failure, progress: Silent }
}

fn without_word(cause: Cause) -> Fails {
    Fails { failure: Failure { cause, ..silence() }, progress: Silent }
}

impl Fails {
    fn after(self, progress: Progress) -> Self {
        Self { progress, ..self }
    }

    fn q850(mut self, cause: u16) -> Self {
        self.failure.reasons.push(Reason { protocol: "Q.850".into(), cause: Some(cause), text: None });
        self
    }

    fn text(mut self, text: &str) -> Self {
        self.failure.reasons.push(Reason {
            protocol: "Q.850".into(),
            cause: Some(21),
            text: Some(text.into()),
        });
        self
    }

    fn phrase(mut self, phrase: &str) -> Self {
        self.failure.phrase = phrase.into();
        self
    }

    fn twilio(mut self, value: &str) -> Self {
        self.failure.headers.push(("X-Twilio-Error".into(), value.into()));
        self
    }

    fn ruling(&self) -> Ruling {
        judge(&self.failure, self.progress)
    }
}

/// Is the number called again by whoever does not say when?
fn again(ruling: &Ruling) -> bool {
    RetryReason::USUAL.into_iter().any(|reason| reason.dispositions().contains(&ruling.disposition))
}

fn then(ruling: &Ruling) -> Then {
    match (again(ruling), ruling.next_trunk, ruling.is_unwanted) {
        (true, false, false) => Then::Later,
        (false, false, false) => Then::Never,
        (true, true, false) => Then::NextTrunk,
        (false, false, true) => Then::Unwanted,
        other => panic!("no such fate: {other:?}"),
    }
}

/// Name, what happens, what it makes of the call, what may be tried then, what it says of the trunk.
macro_rules! expect {
    ($($name:ident: $fails:expr => $disposition:ident, $then:ident, $sign:ident;)*) => {
        $(
            #[test]
            fn $name() {
                let ruling = $fails.ruling();
                let expected = ($disposition, Then::$then, Sign::$sign);
                assert_eq!((ruling.disposition, then(&ruling), ruling.sign), expected, "{}", ruling.why);
            }
        )*

        /// Every row of the table decides at least one of the expectations.
        #[test]
        fn no_row_goes_untested() {
            let decided: Vec<usize> = vec![$($fails.ruling().row),*];
            for (index, row) in TABLE.iter().enumerate() {
                assert!(decided.contains(&index), "row {index} decides nothing: {} ({})", row.why, row.source);
            }
        }

        /// A callee that has spoken, or whose telephone has rung, is not rung by a second gateway.
        #[test]
        fn nothing_rings_a_second_gateway_once_it_rang() {
            $(
                let ruling = $fails.after(Alerting).ruling();
                assert!(!ruling.next_trunk, "{}: {}", stringify!($name), ruling.why);
            )*
        }
    };
}

expect! {
    // Without the far end's word.
    hung_up_before_anything: without_word(Cause::Abandoned) => Cancelled, Never, Nothing;
    credentials_refused: without_word(Cause::Unauthorized) => TrunkFailed, NextTrunk, Refused;
    not_sent: without_word(Cause::Transport) => TrunkFailed, NextTrunk, Dead;
    no_address: without_word(Cause::Unresolved) => TrunkFailed, NextTrunk, Dead;
    silence_of_the_trunk: without_word(Cause::Timeout) => TrunkFailed, NextTrunk, Dead;
    silence_after_183: without_word(Cause::Timeout).after(Progressing) => NoAnswer, Later, Carried;
    silence_after_180: without_word(Cause::Timeout).after(Alerting) => NoAnswer, Later, Carried;
    // Blocked as unwanted.
    six_oh_three_plus_by_phrase: says(603).phrase("Network Blocked") => NetworkBlocked, Never, Carried;
    six_oh_three_plus_by_reason: says(603).phrase("Decline").text("v=analytics1;url=https://a.example") => NetworkBlocked, Never, Carried;
    unwanted_607: says(607) => NetworkBlocked, Unwanted, Carried;
    rejected_608: says(608) => NetworkBlocked, Never, Carried;
    // The carriers' own marks.
    telnyx_caller_id_invalid: says(403).phrase("Caller Origination Number is Invalid D35") => TrunkFailed, NextTrunk, Nothing;
    telnyx_channels_exceeded: says(403).phrase("User channel limit exceeded D1") => TrunkFailed, NextTrunk, Overloaded;
    telnyx_account_blocked: says(404).phrase("Not Found D19") => TrunkFailed, NextTrunk, Refused;
    telnyx_number_invalid: says(403).phrase("Destination Number +1 is invalid D11") => InvalidNumber, Never, Carried;
    twilio_number_invalid: says(400).twilio("13224 invalid phone number") => InvalidNumber, Never, Carried;
    twilio_geography: says(403).twilio("32205 Geo Permission") => TrunkFailed, NextTrunk, Nothing;
    twilio_caller_id: says(403).twilio("21210 not verified") => TrunkFailed, NextTrunk, Nothing;
    twilio_unknown_code: says(486).twilio("99999 whatever") => Busy, Later, Carried;
    // The callee's own word.
    busy_here: says(486) => Busy, Later, Carried;
    busy_everywhere: says(600) => Busy, Later, Carried;
    busy_whatever_the_cause: says(486).q850(21) => Busy, Later, Carried;
    declined: says(603) => Rejected, Never, Carried;
    declined_whatever_the_cause: says(603).q850(17) => Rejected, Never, Carried;
    exists_nowhere: says(604) => InvalidNumber, Never, Carried;
    not_acceptable_606: says(606) => Rejected, Never, Carried;
    anonymous_not_wanted: says(433) => Rejected, Never, Carried;
    // What Q.850 says where the status does not.
    unallocated: says(404).q850(1) => InvalidNumber, Never, Carried;
    unallocated_behind_480: says(480).q850(1) => InvalidNumber, Never, Carried;
    unallocated_behind_403: says(403).q850(1) => InvalidNumber, Never, Carried;
    number_changed: says(410).q850(22) => InvalidNumber, Never, Carried;
    busy_behind_500: says(500).q850(17) => Busy, Later, Carried;
    busy_behind_503: says(503).q850(17) => Busy, Later, Carried;
    no_answer_behind_404: says(404).q850(19) => NoAnswer, Later, Carried;
    no_user_responding: says(408).q850(18) => NoAnswer, Later, Carried;
    subscriber_absent: says(480).q850(20) => Unreachable, Later, Carried;
    destination_out_of_order: says(502).q850(27) => Unreachable, Later, Carried;
    rejected_behind_403: says(403).q850(21) => Rejected, Never, Carried;
    rejected_behind_480: says(480).q850(21) => Rejected, Never, Carried;
    number_malformed: says(484).q850(28) => InvalidNumber, Never, Carried;
    no_route: says(404).q850(3) => Unreachable, NextTrunk, Nothing;
    no_circuit: says(503).q850(34) => TrunkFailed, NextTrunk, Overloaded;
    no_circuit_behind_480: says(480).q850(34) => TrunkFailed, NextTrunk, Overloaded;
    no_circuit_after_ringing: says(480).q850(34).after(Alerting) => NoAnswer, Later, Carried;
    not_granted: says(403).q850(57) => TrunkFailed, NextTrunk, Refused;
    cleared_normally_says_nothing: says(480).q850(16) => NoAnswer, Later, Carried;
    a_cause_beside_488_says_nothing: says(488).q850(17) => TrunkFailed, NextTrunk, Refused;
    // The statuses alone.
    not_found: says(404) => InvalidNumber, Never, Carried;
    gone: says(410) => InvalidNumber, Never, Carried;
    incomplete: says(484) => InvalidNumber, Never, Carried;
    ambiguous: says(485) => InvalidNumber, Never, Carried;
    forbidden_by_the_trunk: says(403) => TrunkFailed, NextTrunk, Refused;
    forbidden_after_183: says(403).after(Progressing) => Rejected, Never, Carried;
    forbidden_by_the_callee: says(403).after(Alerting) => Rejected, Never, Carried;
    timeout_of_the_trunks: says(408) => TrunkFailed, NextTrunk, Overloaded;
    timeout_of_the_callees: says(408).after(Alerting) => NoAnswer, Later, Carried;
    unavailable: says(480) => NoAnswer, Later, Carried;
    terminated: says(487).after(Alerting) => NoAnswer, Later, Carried;
    internal_error: says(500) => TrunkFailed, NextTrunk, Overloaded;
    service_unavailable: says(503) => TrunkFailed, NextTrunk, Overloaded;
    service_unavailable_after_183: says(503).after(Progressing) => TrunkFailed, NextTrunk, Overloaded;
    service_unavailable_after_ringing: says(503).after(Alerting) => TrunkFailed, Later, Overloaded;
    server_timeout: says(504) => TrunkFailed, NextTrunk, Overloaded;
    bad_gateway: says(502) => TrunkFailed, NextTrunk, Refused;
    not_implemented: says(501) => TrunkFailed, NextTrunk, Refused;
    bad_gateway_after_ringing: says(502).after(Alerting) => TrunkFailed, Later, Refused;
    moved_and_not_followed: says(302) => Unreachable, Later, Carried;
    use_proxy: says(305) => TrunkFailed, NextTrunk, Refused;
    alternative_service: says(380) => Unreachable, Later, Carried;
    payment_required: says(402) => TrunkFailed, NextTrunk, Refused;
    not_acceptable_here: says(488) => TrunkFailed, NextTrunk, Refused;
    not_acceptable_after_ringing: says(488).after(Alerting) => TrunkFailed, Later, Carried;
    invalid_identity: says(438) => TrunkFailed, NextTrunk, Refused;
    an_answer_that_is_none: says(200) => TrunkFailed, Later, Nothing;
}

#[test]
fn every_final_status_is_ruled_on_and_only_trunks_trouble_goes_elsewhere() {
    // The statuses after which another gateway may be asked while nothing rang: the trunk's own trouble.
    let elsewhere = |status: u16| {
        matches!(status, 305 | 400..=403 | 405..=409 | 411..=432 | 434..=479 | 481..=483 | 487..=499 | 500..=599)
            && !matches!(status, 486 | 487)
    };
    for status in 300..=699 {
        let ruling = says(status).ruling();
        assert_eq!(ruling.next_trunk, elsewhere(status), "{status}: {}", ruling.why);
        assert!(!ruling.next_trunk || again(&ruling), "{status}");
        assert_eq!(ruling.by, EndedBy::Callee);
    }
}

#[test]
fn retry_after_holds_the_trunk_only_where_it_is_the_trunks() {
    let asks = |fails: Fails, seconds: u64| {
        let mut fails = fails;
        fails.failure.retry_after = Some(Duration::from_secs(seconds));
        let ruling = fails.ruling();
        (ruling.hold, ruling.callee_hold)
    };
    let after = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(asks(says(503), 120), (after(120), None));
    assert_eq!(asks(says(500), 7), (after(7), None));
    assert_eq!(asks(says(503), 1_000_000), (Some(HOLD_MAX), None));
    // RFC 3261 §20.33: here the called party says when it is back.
    for status in [404, 480, 486, 600, 603] {
        assert_eq!(asks(says(status), 120), (None, after(120)), "{status}");
    }
    assert_eq!(asks(says(503).q850(17), 120), (None, after(120)), "a busy callee behind 503");
    assert_eq!(asks(says(486), 1_000_000), (None, Some(CALLEE_HOLD_MAX)));
    for status in [502, 504] {
        assert_eq!(asks(says(status), 120).1, None, "{status} is nobody's word but the network's");
    }
}

#[test]
fn every_row_says_why_and_who_says_so() {
    for row in TABLE {
        assert!(!row.why.is_empty() && !row.why.ends_with('.'), "{row:?}");
        assert!(!row.source.is_empty(), "{row:?}");
    }
}
