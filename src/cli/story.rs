//! A call's facts as lines for people.

use std::time::{Duration, Instant};

use crate::model::{CallFact, Disposition, EndedBy, Objection, Outcome};

/// One fact as a line; `None` for those that say nothing to people.
pub fn line(fact: &CallFact) -> Option<String> {
    Some(match fact {
        CallFact::Dialing { .. } => "dialling".into(),
        CallFact::Diverted { trunk, uri: None, why } => format!("{why}: now by trunk {trunk}"),
        CallFact::Diverted { trunk, uri: Some(uri), why } => {
            format!("{why}: now to {uri}, by trunk {trunk}")
        }
        CallFact::Ringing { status: 180 } => "ringing".into(),
        CallFact::Ringing { status } => format!("progress ({status})"),
        CallFact::EarlyMedia => "audio before the answer".into(),
        CallFact::Answered { .. } => "answered".into(),
        CallFact::Transfer { to, status: 100, is_final: false } => format!("to be transferred to {to}"),
        CallFact::Transfer { status, is_final: false, .. } => format!("transfer: {status}"),
        CallFact::Transfer { status, is_final: true, .. } => format!("the transfer ends with {status}"),
        CallFact::Moved { .. } => "another party took over".into(),
        CallFact::Verdict(heard) => format!("verdict after {}: {}", seconds(heard.at), heard.reason),
        CallFact::AgentSpoke { dead_air } => {
            format!("the agent speaks, {} ms after the verdict", dead_air.as_millis())
        }
        CallFact::Controlled { what, failed: None } => format!("{what}: done"),
        CallFact::Controlled { what, failed: Some(why) } => format!("{what}: {why}"),
        CallFact::Objected { reason: Objection::Unwanted, .. } => "such calls are unwanted there".into(),
        CallFact::Objected { .. } => "asked not to be called again".into(),
        CallFact::RecordingStarted => "recorded from now on".into(),
        CallFact::Answer { step, came: "digits" } => format!("{step}: keys that count"),
        CallFact::Answer { step, came: "invalid" } => format!("{step}: keys that lead nowhere"),
        CallFact::Answer { step, came } => format!("{step}: {came}"),
        CallFact::BargeIn => "the callee interrupts the agent".into(),
        CallFact::Dtmf { digit } => format!("the callee presses {digit}"),
        CallFact::Ended(outcome) => ended(outcome),
        CallFact::Judged | CallFact::Message { .. } => return None,
    })
}

fn ended(outcome: &Outcome) -> String {
    let what = outcome.disposition.as_str().replace('_', " ");
    let who = match (outcome.disposition, outcome.ended_by) {
        (
            Disposition::Busy | Disposition::Rejected | Disposition::Unreachable | Disposition::InvalidNumber,
            EndedBy::Callee,
        ) => outcome.sip_status.map_or_else(String::new, |status| format!(" ({status})")),
        (_, EndedBy::Callee) => ", the callee hung up".into(),
        (_, EndedBy::Agent) => ", the agent hung up".into(),
        (_, EndedBy::Operator) => ", hung up by hand".into(),
        (_, EndedBy::Switch) => ", the switch hung up".into(),
    };
    let detail = match (&outcome.detail, outcome.disposition) {
        (
            Some(detail),
            Disposition::TrunkFailed
            | Disposition::AgentFailed
            | Disposition::Unreachable
            | Disposition::InvalidNumber,
        ) => format!(": {detail}"),
        _ => String::new(),
    };
    match duration(outcome) {
        Some(talked) => format!("ended: {what}{who}, after {}{detail}", seconds(talked)),
        None => format!("ended: {what}{who}{detail}"),
    }
}

/// From the answer to the end, of an answered call.
pub fn duration(outcome: &Outcome) -> Option<Duration> {
    outcome.answered_at.map(|answered: Instant| outcome.ended_at.saturating_duration_since(answered))
}

/// `2.4 s`
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
