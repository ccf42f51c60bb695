//! OPTIONS: whether the trunk is there, and whether its answers find back.

use super::words::{outcome, response, table, time};
use super::{digest, words};
use crate::doctor::finding::{Code, Finding, Step};
use crate::doctor::observation::Exchange;
use crate::doctor::patient::Patient;

/// Any final answer is a sign of life (RFC 3261 §11); a challenge is judged as one.
pub fn options(patient: &Patient, exchange: &Exchange) -> Vec<Finding> {
    let trunk = &patient.trunk;
    let tried = format!("sent OPTIONS {}", trunk.uri);
    let Some(last) = exchange.last_final() else {
        return match patient.call {
            // Some carriers drop pings and take calls: the call says which.
            Some(_) => Vec::new(),
            None => vec![unanswered(patient, exchange, false)],
        };
    };
    let came_back = outcome(exchange);
    let alive = |why: &str| Finding::ok(Step::Options, tried.clone(), format!("{came_back}{why}"));
    vec![match last.status().unwrap_or_default() {
        401 | 407 => alive(": it is alive, and asks who we are"),
        404 => alive(": it is alive; it knows no such user, which for OPTIONS says nothing"),
        405 | 501 => alive(": it is alive, and does not do OPTIONS"),
        403 if digest::challenges(exchange).next().is_none() => Finding::warning(
            Step::Options,
            Code::AddressNotAllowed,
            tried.clone(),
            came_back.clone(),
            format!(
                "Ask the carrier to allow the address that our requests come from, or for a user name and password, and set \
                 `username` and `password` in {}.",
                table(trunk)
            ),
        ),
        503 => overloaded(patient, tried.clone(), exchange),
        500.. => Finding::warning(
            Step::Options,
            Code::CarrierError,
            tried.clone(),
            came_back.clone(),
            format!("Ask the carrier why its server answers OPTIONS with {}.", response(last)),
        ),
        _ => alive(""),
    }]
}

/// 503, and how long it asks for.
pub fn overloaded(patient: &Patient, tried: String, exchange: &Exchange) -> Finding {
    let after = exchange.last_final().and_then(|message| message.retry_after());
    let wait = after.map_or_else(
        || "a few minutes".to_owned(),
        |after| format!("the {} that it asks for in Retry-After", words::time(after)),
    );
    Finding::fault(
        Step::Options,
        Code::Overloaded,
        tried,
        outcome(exchange),
        format!(
            "Wait {wait}; if it goes on, lower `cps` and `channels` in {} or ask the carrier whether the trunk is suspended.",
            table(&patient.trunk)
        ),
    )
}

/// OPTIONS without an answer: a fault, unless calls are answered.
pub fn unanswered(patient: &Patient, exchange: &Exchange, is_calling: bool) -> Finding {
    let tried = format!("sent OPTIONS {}", patient.trunk.uri);
    let table = table(&patient.trunk);
    if is_calling {
        return Finding::warning(
            Step::Options,
            Code::OptionsUnanswered,
            tried,
            format!("{}, and calls are answered", outcome(exchange)),
            format!(
                "In {table} set `options_interval_seconds = 0`: this carrier does not answer pings, and would look down."
            ),
        );
    }
    let remote = exchange.ours().next().map(|seen| seen.remote.to_string());
    let remote = remote.unwrap_or_else(|| patient.trunk.uri.clone());
    Finding::fault(
        Step::Options,
        Code::NoAnswer,
        tried,
        outcome(exchange),
        format!(
            "Let SIP from this machine to {remote} and back through every firewall, and check the host and port of `uri` in {table}; \
             some carriers drop what comes from an address that they do not know: ask the carrier to allow ours.",
        ),
    )
}

/// Whether answers come back to the port that asked, though the Via names another (RFC 3581 §4).
pub fn return_path(patient: &Patient, exchange: &Exchange) -> Finding {
    let Some(asked) = exchange.ours().next() else {
        return Finding::skipped(Step::ReturnPath, "nothing could be sent");
    };
    let tried = format!("sent OPTIONS from port {}, with another port in the Via", asked.local.port());
    let advice = format!(
        "Ask the carrier to answer to the source port of a request (RFC 3581, `rport`); until then in [sip] set `advertise` with \
         the very port that `listen` has and that no router changes, as {} is answered there.",
        table(&patient.trunk)
    );
    match exchange.theirs().find(|seen| seen.message.status().is_some()) {
        Some(answer) if answer.local == asked.local => {
            Finding::ok(Step::ReturnPath, tried, "answered to the port that asked")
        }
        Some(answer) => Finding::warning(
            Step::ReturnPath,
            Code::NoRport,
            tried,
            format!("answered to port {}, which the Via names", answer.local.port()),
            advice,
        ),
        None => Finding::warning(
            Step::ReturnPath,
            Code::NoRport,
            tried,
            format!("nothing within {}, though the same with our own port was answered", time(exchange.took)),
            advice,
        ),
    }
}
