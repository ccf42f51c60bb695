//! Challenges: who asks, and why our answer was not enough (RFC 3261 §22, RFC 7616). Never shows a password, a nonce or a response.

use trunkline_sip::digest::Challenge;
use trunkline_sip::{Message, Name};

use super::words::{response, table};
use crate::doctor::finding::{Code, Finding, Step};
use crate::doctor::observation::Exchange;
use crate::doctor::patient::Patient;

/// The 401s and 407s of an exchange, repetitions left out.
pub fn challenges(exchange: &Exchange) -> impl Iterator<Item = &Message> {
    let asked = exchange.responses(exchange.method).map(|seen| &seen.message);
    let mut last = None;
    asked.filter(|message| matches!(message.status(), Some(401 | 407))).filter(move |message| {
        let cseq = message.cseq().0;
        last.replace(cseq) != Some(cseq)
    })
}

/// What became of the challenges; nothing, if there were none.
pub fn digest(patient: &Patient, exchange: &Exchange) -> Option<Finding> {
    let asked: Vec<&Message> = challenges(exchange).collect();
    let first = *asked.first()?;
    let offered: Vec<Challenge> = lines(first).flat_map(Challenge::parse_line).collect();
    let last = exchange.last_final().and_then(Message::status);
    let is_open = matches!(last, Some(401 | 407));
    let (trunk, table) = (&patient.trunk, table(&patient.trunk));
    let realm = offered.first().map(|challenge| challenge.realm.clone());
    let tried = match (&trunk.username, &realm) {
        (Some(username), Some(realm)) => format!("answered realm \"{realm}\" as `{username}`"),
        _ => "was asked for credentials".to_owned(),
    };
    let fault = |code, came_back: String, advice: String| {
        Some(Finding::fault(Step::Digest, code, tried.clone(), came_back, advice))
    };
    if trunk.username.is_none() {
        let realm = realm.map_or_else(String::new, |realm| format!(" for realm \"{realm}\""));
        return fault(
            Code::CredentialsMissing,
            response(first),
            format!("In {table} set `username` and `password` to what the carrier gave you{realm}."),
        );
    }
    let others = |realm: &String| offered.iter().all(|challenge| challenge.realm != *realm);
    if let Some(ours) = trunk.auth_realm.as_ref().filter(|realm| is_open && others(realm))
        && let Some(theirs) = &realm
    {
        return fault(
            Code::RealmMismatch,
            format!("{} for realm \"{theirs}\", and only \"{ours}\" is answered", response(first)),
            format!(
                "In {table} set `auth_realm = \"{theirs}\"`, or leave `auth_realm` out to answer any realm."
            ),
        );
    }
    if offered.is_empty() {
        let asked = lines(first).next().unwrap_or("nothing").split([' ', ',']).next().unwrap_or_default();
        return fault(
            Code::ChallengeUnsupported,
            format!("{}, by scheme `{asked}` or an algorithm that is not spoken here", response(first)),
            "Ask the carrier to offer digest authentication with MD5, SHA-256 or SHA-512-256 and qop=auth."
                .into(),
        );
    }
    if !is_open {
        let algorithm = strongest(&offered);
        let taken = match last {
            Some(403 | 404) => "our answer was not asked for again, but the request was refused",
            _ => "our answer was taken",
        };
        return Some(Finding::ok(Step::Digest, tried, format!("{algorithm}; {taken}")));
    }
    let stale = asked.iter().filter(|message| lines(message).any(is_stale)).count();
    if stale >= 2 {
        return fault(
            Code::NonceLoop,
            format!("{stale} times stale=true: each nonce was called too old as soon as it was used"),
            "Ask the carrier why its servers call every nonce stale: behind a load balancer they must share their nonces, and their \
             clocks must agree. Nothing in this configuration helps."
                .into(),
        );
    }
    fault(
        Code::CredentialsRefused,
        format!("{} again: our answer was not taken", response(first)),
        format!(
            "In {table} correct `password`, or `username`: the carrier knows its users by realm \"{}\", and some want the \
             account's name rather than the telephone number.",
            offered[0].realm
        ),
    )
}

fn lines(message: &Message) -> impl Iterator<Item = &str> {
    message.lines(Name::WwwAuthenticate).chain(message.lines(Name::ProxyAuthenticate))
}

fn is_stale(line: &str) -> bool {
    Challenge::parse_line(line).iter().any(|challenge| challenge.stale)
}

fn strongest(offered: &[Challenge]) -> &'static str {
    offered.iter().max_by_key(|challenge| challenge.algorithm.hash).map_or("", |best| best.algorithm.as_str())
}
