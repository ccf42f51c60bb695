//! What an accepted call says of reliable provisionals (RFC 3262) and session timers (RFC 4028).

use trunkline_sip::{Message, Method};

use super::words::table;
use crate::doctor::finding::{Code, Finding, Step};
use crate::doctor::observation::{CallSeen, Exchange};
use crate::doctor::patient::Patient;

/// Of a call that was taken.
pub fn extensions(patient: &Patient, call: &CallSeen) -> Vec<Finding> {
    let exchange = &call.exchange;
    let mut found: Vec<Finding> =
        choked(patient, exchange).or_else(|| reliable(exchange)).into_iter().collect();
    found.extend(session(patient, exchange));
    found
}

/// A 420, and a call that was taken once it asked for less (RFC 3261 §8.1.3.5): it costs a round trip a call.
fn choked(patient: &Patient, exchange: &Exchange) -> Option<Finding> {
    let refusal = exchange.responses(Method::Invite).find(|seen| seen.message.status() == Some(420))?;
    let unsupported = header(&refusal.message, "Unsupported");
    let table = table(&patient.trunk);
    let (step, code, key) = match unsupported.contains("timer") {
        true => (Step::SessionTimer, Code::TimerRefused, "session_expires_seconds = 0"),
        false => (Step::Reliable, Code::ReliableRefused, "prack = \"off\""),
    };
    Some(Finding::warning(
        step,
        code,
        "offered 100rel and timer",
        format!("420: not {unsupported}; taken when asked again without"),
        format!("In {table} set `{key}`: the carrier does not know {unsupported}, and each call asks twice."),
    ))
}

/// Whether ringing was acknowledged, if the carrier asked for that.
fn reliable(exchange: &Exchange) -> Option<Finding> {
    let requires = |message: &Message| header(message, "Require").contains("100rel");
    let rung = exchange.responses(Method::Invite).map(|seen| &seen.message).find(|message| requires(message));
    if rung.is_none() && exchange.last_final().and_then(Message::status) != Some(200) {
        return None;
    }
    let tried = "looked for reliable ringing";
    Some(match rung {
        None => Finding::ok(Step::Reliable, tried, "the carrier does not ask for it"),
        Some(_) => {
            let acknowledged = exchange.responses(Method::Prack).count();
            Finding::ok(
                Step::Reliable,
                tried,
                format!("asked for, and {acknowledged} of our PRACKs answered"),
            )
        }
    })
}

/// What was agreed, and whether it had to be asked for twice.
fn session(patient: &Patient, exchange: &Exchange) -> Option<Finding> {
    let asked = patient.trunk.session.map(|session| session.interval.as_secs());
    let tried = match asked {
        Some(seconds) => format!("asked for a session timer of {seconds} s"),
        None => "asked for no session timer".to_owned(),
    };
    let answer = exchange.last_final().filter(|message| message.status() == Some(200))?;
    let refusal = exchange.responses(Method::Invite).find(|seen| seen.message.status() == Some(422));
    if let Some(refusal) = refusal {
        let min = header(&refusal.message, "Min-SE");
        let min = min.split(';').next().unwrap_or_default().trim().to_owned();
        return Some(Finding::warning(
            Step::SessionTimer,
            Code::SessionTooBrief,
            tried,
            format!(
                "422: not below {min} s; taken when asked again, at the cost of one more round trip a call"
            ),
            format!("In {} set `session_expires_seconds = {min}`.", table(&patient.trunk)),
        ));
    }
    let agreed = match header(answer, "Session-Expires") {
        text if text.is_empty() => "none: the carrier does not do session timers".to_owned(),
        text => format!("agreed: {text}"),
    };
    Some(Finding::ok(Step::SessionTimer, tried, agreed))
}

fn header(message: &Message, name: &str) -> String {
    message.header_named(name).unwrap_or_default().to_ascii_lowercase()
}
