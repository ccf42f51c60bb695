//! The one table that says what a SIP answer, a timer or a failure means for the call.
//!
//! Knows nothing of dialogs or transactions. Sources: RFC 3261 §21 for the statuses, RFC 3398 §8.2.6.1 and ITU-T Q.850
//! for the causes, RFC 8197 (607), RFC 8688 (608), ATIS-1000099 (603+).

use trunkline_sip::{Cause, Failure};

use crate::model::{Disposition, EndedBy};

/// Why we hung up before the INVITE had its final answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hangup {
    /// What that makes of the call.
    pub disposition: Disposition,
    /// Who wanted it.
    pub by: EndedBy,
}

/// What a failed INVITE makes of the call. A hang-up of ours decides, whatever answer raced it.
pub fn of_failure(failure: &Failure, hangup: Option<Hangup>) -> (Disposition, EndedBy) {
    if let Some(Hangup { disposition, by }) = hangup {
        return (disposition, by);
    }
    match failure.cause {
        Cause::Response => {
            let status = failure.status.unwrap_or(500);
            (of_status(status, q850(failure), &failure.phrase), EndedBy::Callee)
        }
        // Timer B without any answer: the trunk is dead (RFC 3261 §17.1.1.2). Timer C after one: nobody took the call.
        Cause::Timeout if failure.status.is_some() => (Disposition::NoAnswer, EndedBy::Switch),
        Cause::Timeout | Cause::Transport | Cause::Unresolved | Cause::Unauthorized => {
            (Disposition::TrunkFailed, EndedBy::Switch)
        }
        Cause::Abandoned => (Disposition::Cancelled, EndedBy::Switch),
    }
}

/// The Q.850 cause among a failure's Reason headers.
pub fn q850(failure: &Failure) -> Option<u16> {
    let reason = failure.reasons.iter().find(|reason| reason.protocol.eq_ignore_ascii_case("Q.850"))?;
    reason.cause
}

/// What a final status of 300 to 699 means. A status that leaves the cause open yields to the network's Q.850 cause.
pub fn of_status(status: u16, q850: Option<u16>, phrase: &str) -> Disposition {
    use Disposition::{Busy, NetworkBlocked, NoAnswer, Rejected, TrunkFailed, Unreachable};
    match status {
        // Redirections are not followed: where a call goes is its owner's decision (toll fraud).
        300..=399 => Unreachable,
        486 | 600 => Busy,
        603 if phrase.eq_ignore_ascii_case("Network Blocked") => NetworkBlocked,
        607 | 608 => NetworkBlocked,
        433 | 603 | 606 => Rejected,
        404 | 410 | 414 | 416 | 424 | 484 | 485 | 604 => q850.and_then(of_q850).unwrap_or(Unreachable),
        403 => q850.and_then(of_q850).unwrap_or(Rejected),
        408 | 480 | 487 => q850.and_then(of_q850).unwrap_or(NoAnswer),
        500..=599 => q850.and_then(of_q850).unwrap_or(TrunkFailed),
        600..=699 => Rejected,
        // What is left says that request and trunk do not fit: credentials, codecs, extensions, syntax.
        _ => TrunkFailed,
    }
}

/// ITU-T Q.850 §2.2.7: what the causes that name the callee say. `None` for those about the network itself.
fn of_q850(cause: u16) -> Option<Disposition> {
    match cause {
        17 => Some(Disposition::Busy),
        18 | 19 => Some(Disposition::NoAnswer),
        21 => Some(Disposition::Rejected),
        1 | 2 | 3 | 20 | 22 | 27 | 28 => Some(Disposition::Unreachable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Disposition::{Busy, NetworkBlocked, NoAnswer, Rejected, TrunkFailed, Unreachable};

    /// Every status from 300 to 699 stands in exactly one row.
    #[test]
    fn every_final_status_has_a_meaning() {
        let rows: &[(&[u16], Disposition)] = &[
            (&[486, 600], Busy),
            (&[408, 480, 487], NoAnswer),
            (&[403, 433, 603, 606], Rejected),
            (&[404, 410, 414, 416, 424, 484, 485, 604], Unreachable),
            (&[607, 608], NetworkBlocked),
        ];
        for status in 300..=699 {
            let named =
                rows.iter().find(|(statuses, _)| statuses.contains(&status)).map(|(_, meaning)| *meaning);
            let expected = named.unwrap_or(match status {
                300..=399 => Unreachable,
                600..=699 => Rejected,
                _ => TrunkFailed,
            });
            assert_eq!(of_status(status, None, ""), expected, "{status}");
        }
    }

    #[test]
    fn q850_speaks_where_the_status_is_silent() {
        for (status, cause, expected) in [
            (500, 17, Busy),
            (503, 17, Busy),
            (480, 1, Unreachable),
            (480, 17, Busy),
            (480, 21, Rejected),
            (403, 1, Unreachable),
            (404, 19, NoAnswer),
            (503, 34, TrunkFailed),
            (480, 16, NoAnswer),
            (486, 21, Busy),
            (603, 17, Rejected),
            (488, 17, TrunkFailed),
        ] {
            assert_eq!(of_status(status, Some(cause), ""), expected, "{status} with {cause}");
        }
    }

    #[test]
    fn a_603_of_the_network_is_a_block_and_not_a_refusal() {
        assert_eq!(of_status(603, None, "Network Blocked"), NetworkBlocked);
        assert_eq!(of_status(603, None, "Decline"), Rejected);
    }

    fn failure(cause: Cause, status: Option<u16>) -> Failure {
        Failure {
            cause,
            status,
            phrase: String::new(),
            reasons: vec![],
            retry_after: None,
            warning: None,
            contacts: vec![],
            cancelled: false,
            headers: vec![],
            transport: None,
        }
    }

    #[test]
    fn failures_without_an_answer_are_the_trunks() {
        for cause in [Cause::Timeout, Cause::Transport, Cause::Unresolved, Cause::Unauthorized] {
            assert_eq!(of_failure(&failure(cause, None), None), (TrunkFailed, EndedBy::Switch), "{cause:?}");
        }
        assert_eq!(of_failure(&failure(Cause::Timeout, Some(180)), None).0, NoAnswer);
    }

    #[test]
    fn our_own_hangup_decides_whatever_raced_it() {
        let ours = Hangup { disposition: NoAnswer, by: EndedBy::Switch };
        for failure in [failure(Cause::Response, Some(487)), failure(Cause::Response, Some(486))] {
            assert_eq!(of_failure(&failure, Some(ours)), (NoAnswer, EndedBy::Switch));
        }
    }
}
