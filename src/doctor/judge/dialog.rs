//! Requests within an answered call: whether our ACK and BYE arrive, and where Contact and Record-Route lead (RFC 3261 §12, §13.2.2.4).

use trunkline_sip::message::{NameAddr, Uri};
use trunkline_sip::{Method, Name};

use super::words::time;
use crate::doctor::finding::{Code, Finding, Step};
use crate::doctor::observation::{CallSeen, Exchange};

/// A 2xx comes again until its ACK does (RFC 3261 §13.3.1.4); one repetition may have crossed it.
const REPETITIONS_MAX: usize = 1;

/// Of an answered call.
pub fn dialog(call: &CallSeen) -> Vec<Finding> {
    let exchange = &call.exchange;
    let bye = exchange.requests(Method::Bye).next();
    let is_unanswered = bye.is_some() && exchange.responses(Method::Bye).next().is_none();
    let answers = exchange.responses(Method::Invite).filter(|seen| seen.message.status() == Some(200));
    let repetitions = answers.count().saturating_sub(1);
    let is_unheard = repetitions > REPETITIONS_MAX;
    let mut found = Vec::new();
    let tried = "acknowledged the answer and hung up";
    let contact = contact(exchange);
    if (is_unanswered || is_unheard) && leads_nowhere(call) {
        found.push(Finding::fault(
            Step::Dialog,
            Code::ContactUnreachable,
            tried,
            format!("its Contact is {contact}, where nothing is heard of ACK and BYE"),
            format!(
                "Ask the carrier to put an address into its Contact that can be reached from here, or to stay in the path with \
                 Record-Route: {contact} leads nowhere."
            ),
        ));
    } else if is_unheard {
        found.push(Finding::fault(
            Step::Dialog,
            Code::AckUnheard,
            tried,
            format!("200 came again {repetitions} times, as if our ACK had not arrived"),
            format!(
                "Ask the carrier why it does not take our ACK, which goes to its Contact, {contact}, as RFC 3261 §13.2.2.4 asks."
            ),
        ));
    } else if is_unanswered {
        found.push(Finding::fault(
            Step::Dialog,
            Code::ByeUnanswered,
            tried,
            format!("no answer to {} BYEs", exchange.requests(Method::Bye).count()),
            format!(
                "Ask the carrier why it does not answer our BYE, which goes to its Contact, {contact}: calls may be billed on after \
                 they ended."
            ),
        ));
    }
    found.extend(strict_route(exchange));
    if found.is_empty() {
        found.push(match bye {
            Some(_) => Finding::ok(Step::Dialog, tried, "both were heard"),
            None => {
                let took = time(exchange.took);
                Finding::ok(
                    Step::Dialog,
                    "acknowledged the answer",
                    format!("the callee hung up within {took}"),
                )
            }
        });
    }
    found
}

/// A proxy that stays in the path without `lr` wants the Request-URI rewritten, as RFC 2543 had it (RFC 3261 §16.12).
fn strict_route(exchange: &Exchange) -> Option<Finding> {
    let answer = exchange.last_final()?;
    let strict = answer.values(Name::RecordRoute).find(|value| {
        let uri = NameAddr::parse(value).and_then(|route| Uri::parse(route.uri));
        uri.is_some_and(|uri| !uri.is_loose_router())
    })?;
    Some(Finding::warning(
        Step::Dialog,
        Code::StrictRoute,
        "read the answer's Record-Route",
        format!("{strict} routes strictly"),
        format!(
            "Ask the carrier to add `;lr` to its Record-Route, {strict}: strict routing is obsolete, and breaks behind many firewalls."
        ),
    ))
}

fn contact(exchange: &Exchange) -> String {
    let contact = exchange.last_final().and_then(|answer| answer.header(Name::Contact));
    contact.unwrap_or("missing").to_owned()
}

/// It has no address, or another one than where the call's answer came from.
fn leads_nowhere(call: &CallSeen) -> bool {
    let Some(there) = call.exchange.theirs().next().map(|seen| seen.remote) else { return false };
    !call.contact.contains(&there)
}
