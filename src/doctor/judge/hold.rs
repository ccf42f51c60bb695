//! Hold, and what is said to it (RFC 3261 §14, RFC 3264 §8.4): transfers, and calls that are parked, need it.

use crate::doctor::finding::{Code, Finding, Step};
use crate::doctor::observation::{CallSeen, Reoffered};

/// Of a call that was put on hold, if it was.
pub fn hold(call: &CallSeen) -> Option<Finding> {
    let hold = call.hold.as_ref()?;
    let tried = match hold.resumed {
        Some(_) => "put the callee on hold by a re-INVITE with a=sendonly, and took it back",
        None => "put the callee on hold by a re-INVITE with a=sendonly",
    };
    let refused = |came_back: String| {
        let advice = "Ask the carrier to take a re-INVITE that changes who sends (RFC 3261 §14.2): without it calls cannot be held, \
                      parked or transferred.";
        Some(Finding::warning(Step::Hold, Code::HoldRefused, tried, came_back, advice))
    };
    match (&hold.held, &hold.resumed) {
        (Reoffered::Ended, _) | (_, Some(Reoffered::Ended)) => refused("the callee hung up".to_owned()),
        (Reoffered::Refused(status), _) => refused(refusal(*status)),
        (_, Some(Reoffered::Refused(status))) => {
            refused(format!("held, and not to be taken back: {}", refusal(*status)))
        }
        (Reoffered::Taken(Some(direction)), _) if direction.sends() => Some(Finding::warning(
            Step::Hold,
            Code::HoldIgnored,
            tried,
            format!("answered with a={direction}, as if nothing had been asked"),
            "Ask the carrier to answer a=sendonly with a=recvonly or a=inactive (RFC 3264 §6.1): it goes on sending on hold.",
        )),
        (Reoffered::Taken(direction), _) => {
            let said = direction.map_or("no SDP", |direction| direction.attribute());
            Some(Finding::ok(Step::Hold, tried, format!("both taken; on hold it answers {said}")))
        }
    }
}

fn refusal(status: Option<u16>) -> String {
    match status {
        Some(status) => format!("refused with {status}"),
        None => "no answer".to_owned(),
    }
}
