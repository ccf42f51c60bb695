//! What became of an INVITE.

use trunkline_sip::Method;

use super::words::{outcome, response, table, time};
use super::{challenges, options};
use crate::doctor::finding::{Code, Finding, Step};
use crate::doctor::observation::CallSeen;
use crate::doctor::patient::Patient;
use crate::doctor::remedy::Remedy;
use crate::model::PhoneNumber;

/// An INVITE over UDP that is longer is cut into fragments, which many firewalls drop (RFC 3261 §18.1.1).
const WHOLE_BYTES_MAX: usize = 1_300;

/// How a call came about.
pub fn accepted(to: &PhoneNumber, call: &CallSeen) -> Finding {
    let came_back = match call.has_early_media {
        true => format!("{}, with audio before the answer", outcome(&call.exchange)),
        false => outcome(&call.exchange),
    };
    Finding::ok(Step::Call, tried(to), came_back)
}

/// A call that a change of the configuration cured.
pub fn cured(patient: &Patient, to: &PhoneNumber, refused: &CallSeen, remedy: &Remedy) -> Finding {
    let refusal = refused.exchange.last_final().map_or_else(String::new, response);
    Finding::fault(
        Step::Call,
        remedy.code,
        tried(to),
        format!("{refusal}; with {remedy} the same call was taken"),
        format!("In {} set {remedy}.", table(&patient.trunk)),
    )
}

/// A call that nothing cured.
pub fn refused(patient: &Patient, to: &PhoneNumber, call: &CallSeen, tried_too: &[Remedy]) -> Finding {
    let (trunk, tried) = (&patient.trunk, tried(to));
    let Some(last) = call.exchange.last_final() else { return silent(patient, to, call) };
    let came_back = match tried_too {
        [] => outcome(&call.exchange),
        tried => {
            let tried: Vec<_> = tried.iter().map(ToString::to_string).collect();
            format!("{}; no better with {}", outcome(&call.exchange), tried.join(", "))
        }
    };
    let table = table(trunk);
    let says = response(last);
    let (code, advice) = match last.status().unwrap_or_default() {
        status @ (480 | 486 | 487 | 600 | 603) => {
            let advice = "Name another number with --call: this one is busy, away or declines, which says nothing of the trunk.";
            let code = Code::CalleeUnavailable;
            return match (status, is_blocked(last.phrase())) {
                (603, true) => Finding::fault(
                    Step::Call,
                    Code::CallRefused,
                    tried,
                    came_back,
                    "Ask the carrier why it blocks calls from this number as unwanted, and register the number with its \
                     analytics provider.",
                ),
                _ => Finding::warning(Step::Call, code, tried, came_back, advice),
            };
        }
        503 => return Finding { step: Step::Call, ..options::overloaded(patient, tried, &call.exchange) },
        403 if challenges(&call.exchange).next().is_some() => (
            Code::CallRefused,
            format!(
                "Ask the carrier why it answers {says} to user `{}`: whether the account may call this destination and show \
                 this number; and check `username`, `password` and `from_domain` in {table}.",
                trunk.username.as_deref().unwrap_or_default()
            ),
        ),
        403 => (
            Code::AddressNotAllowed,
            format!(
                "Ask the carrier to allow the address that our requests come from, or for a user name and password, and set \
                 `username` and `password` in {table}.",
            ),
        ),
        404 | 410 | 414 | 416 | 484 | 485 | 604 => (
            Code::NumberRefused,
            format!(
                "Ask the carrier how it wants numbers written and whether the destination is open to this account; then set \
                 `number_format` in {table}."
            ),
        ),
        415 | 488 | 606 => (
            Code::CodecRefused,
            format!(
                "Ask the carrier which codecs it takes and whether it wants SRTP; then set `codecs` and `srtp` in {table}."
            ),
        ),
        420 | 421 => (
            Code::ExtensionRequired,
            format!(
                "Ask the carrier about its {says}: it asks for an extension, or against one; `prack` and \
                     `session_expires_seconds` in {table} are those that can be changed."
            ),
        ),
        422 => (
            Code::SessionTooBrief,
            format!("In {table} raise `session_expires_seconds`, or set it to 0 for no session timer."),
        ),
        402 => (Code::CallRefused, "Ask the carrier for the account's balance.".into()),
        300..=399 => (
            Code::CallRefused,
            format!(
                "In {table} set `uri` to where the carrier sends us, or raise `redirects_max`; ask it which is meant."
            ),
        ),
        _ => (Code::CarrierError, format!("Ask the carrier why it answers an INVITE with {says}.")),
    };
    Finding::fault(Step::Call, code, tried, came_back, advice)
}

/// 603 with these words is a network's, not a person's (ATIS-1000099).
fn is_blocked(phrase: &str) -> bool {
    phrase.to_ascii_lowercase().contains("blocked")
}

/// Nothing, or nothing final.
fn silent(patient: &Patient, to: &PhoneNumber, call: &CallSeen) -> Finding {
    let exchange = &call.exchange;
    let invite = exchange.requests(Method::Invite).next();
    let bytes = invite.map_or(0, |seen| seen.message.as_bytes().len());
    let took = time(exchange.took);
    if exchange.responses(Method::Invite).next().is_some() {
        let last = exchange.responses(Method::Invite).next_back().map(|seen| response(&seen.message));
        return Finding::warning(
            Step::Call,
            Code::NobodyAnswered,
            tried(to),
            format!("{}, and nothing final within {took}", last.unwrap_or_default()),
            "Name a number with --call that answers by itself, so that its audio can be heard.",
        );
    }
    if bytes > WHOLE_BYTES_MAX {
        return Finding::fault(
            Step::Call,
            Code::InviteTooLarge,
            tried(to),
            format!(
                "nothing within {took}, though OPTIONS was answered; our INVITE has {bytes} bytes, more than one packet"
            ),
            format!(
                "In {} add `;transport=tcp` to `uri`, or name fewer `codecs` and `headers`: the carrier or a firewall drops \
                 fragments.",
                table(&patient.trunk)
            ),
        );
    }
    Finding::fault(
        Step::Call,
        Code::InviteUnanswered,
        tried(to),
        format!("nothing within {took}, though OPTIONS was answered"),
        "Ask the carrier whether it sees our INVITE and takes calls from our address; and switch off SIP ALG on the router, which \
         tampers with INVITEs.",
    )
}

pub fn tried(to: &PhoneNumber) -> String {
    format!("called {to}")
}
