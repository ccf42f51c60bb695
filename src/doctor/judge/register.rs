//! REGISTER (RFC 3261 §10.2). Its challenges are judged as any.

use trunkline_sip::Name;

use super::challenges;
use super::words::{outcome, response, table, time};
use crate::doctor::finding::{Code, Finding, Step};
use crate::doctor::observation::Exchange;
use crate::doctor::patient::Patient;

/// What the registrar said.
pub fn register(patient: &Patient, exchange: &Exchange) -> Finding {
    let trunk = &patient.trunk;
    let table = table(trunk);
    let wanted = trunk.registration.as_ref();
    let registrar = wanted.and_then(|wanted| wanted.registrar.as_ref()).unwrap_or(&trunk.uri);
    let seconds = wanted.map_or(0, |wanted| wanted.expires.as_secs());
    let tried = format!("registered at {registrar} for {seconds} s, and took it back");
    let fault =
        |code, advice: String| Finding::fault(Step::Register, code, tried.clone(), outcome(exchange), advice);
    let Some(last) = exchange.last_final() else {
        return Finding::fault(
            Step::Register,
            Code::NoAnswer,
            tried,
            outcome(exchange),
            format!(
                "In {table} correct `registrar`: {registrar} does not answer REGISTER; or ask the carrier for its registrar."
            ),
        );
    };
    let brief = exchange.responses(exchange.method).find(|seen| seen.message.status() == Some(423));
    match last.status().unwrap_or_default() {
        200..=299 => match brief {
            None => Finding::ok(Step::Register, tried, outcome(exchange)),
            Some(brief) => {
                let min = brief.message.header(Name::MinExpires).unwrap_or_default().trim().to_owned();
                Finding::warning(
                    Step::Register,
                    Code::RegistrationTooBrief,
                    tried,
                    format!(
                        "{}: not for less than {min} s; granted when asked again",
                        response(&brief.message)
                    ),
                    format!("In {table} set `register_expires_seconds = {min}`."),
                )
            }
        },
        423 => fault(
            Code::RegistrationTooBrief,
            format!(
                "In {table} raise `register_expires_seconds`: the registrar finds {seconds} s too brief."
            ),
        ),
        403 if challenges(exchange).next().is_some() => fault(
            Code::RegisterRefused,
            format!(
                "In {table} correct `username` and `register_user`: the registrar took an answer to its challenge and says {} rather \
                 than asking again, as to a user that may not register; if they are right, ask the carrier whether the account is open, \
                 and correct `password`.",
                response(last)
            ),
        ),
        403 => fault(
            Code::RegisterRefused,
            format!(
                "Ask the carrier whether this account may register, and check `username`, `password` and `register_user` in {table}; \
                 if it knows us by our address, set `register = false`."
            ),
        ),
        404 | 604 => fault(
            Code::RegisterRefused,
            format!(
                "In {table} correct `username`, `register_user` or `from_domain`: the registrar knows no such user. It is not the password."
            ),
        ),
        405 | 501 => fault(
            Code::RegisterRefused,
            format!(
                "In {table} set `register = false`, or correct `registrar`: {registrar} is no registrar."
            ),
        ),
        503 => fault(
            Code::Overloaded,
            match last.retry_after() {
                Some(after) => format!("Wait the {} that the registrar asks for.", time(after)),
                None => "Ask the carrier whether its registrar is down.".to_owned(),
            },
        ),
        _ => fault(
            Code::RegisterRefused,
            format!("Ask the carrier why its registrar answers {}.", response(last)),
        ),
    }
}
