//! INVITE usages: one call's SIP leg from its first message to its last (RFC 3261 §13 to §15). Bodies are opaque.
//!
//! A usage is `Calling` (we called) or `Ringing` (they called), then `Talking` in one dialog, then `Over`. It tells its owner of
//! its end exactly once, on leaving the first three.

mod answer;
mod answered;
mod calling;
mod offer;
mod ringing;
mod talking;

use std::sync::Arc;

use bytes::Bytes;

pub(crate) use calling::{Calling, loose_route};
pub(crate) use ringing::Ringing;
pub(crate) use talking::Talking;

use crate::arena::Key;
use crate::config::Body;
use crate::digest::{Authenticator, Challenge, Credentials};
use crate::event::{Cause, End, Event, Failure, InviteId};
use crate::message::{Message, Name, Writer};
use crate::path::Path;
use crate::reason::Reason;
use crate::transaction::Minted;
use crate::user_agent::UserAgent;

/// What we can hear, for the Allow header.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE";

/// One INVITE and what became of it.
pub(crate) struct Usage {
    pub token: u64,
    /// The token, if every message is to be traced.
    pub tap: Option<u64>,
    /// Our tag.
    pub tag: Minted,
    pub credentials: Option<Arc<Credentials>>,
    pub authenticator: Authenticator,
    /// The transaction of our INVITE, as long as it may bring another response.
    pub invite: Option<Key>,
    /// The 2xx we took, and what we say each time it comes again.
    pub acked: Option<Acked>,
    /// To-tags of other forks' 2xx that were ended.
    pub ended_forks: Vec<String>,
    pub phase: Phase,
}

/// A 2xx that was ACKed.
pub(crate) struct Acked {
    /// Its To-tag.
    pub tag: String,
    pub path: Path,
    pub ack: Bytes,
}

/// Where a usage stands.
pub(crate) enum Phase {
    /// We called, and nobody has answered.
    Calling(Box<Calling>),
    /// We are called, and have not answered.
    Ringing(Box<Ringing>),
    /// Answered.
    Talking(Box<Talking>),
    /// The owner knows that it is over; what is left waits for repetitions of the 2xx.
    Over,
}

impl Usage {
    pub fn new(token: u64, tag: Minted) -> Self {
        Self {
            token,
            tap: None,
            tag,
            credentials: None,
            authenticator: Authenticator::new(),
            invite: None,
            acked: None,
            ended_forks: Vec::new(),
            phase: Phase::Over,
        }
    }
}

impl UserAgent {
    /// Tells the owner that a call came to nothing.
    pub(crate) fn fail(&mut self, key: Key, failure: Failure) {
        let Some(token) = self.close(key) else { return };
        self.layer.events.push_back(Event::Failed { id: InviteId(key), token, failure });
    }

    /// Tells the owner that a dialog is over.
    pub(crate) fn end(&mut self, key: Key, end: End) {
        let Some(token) = self.close(key) else { return };
        self.layer.events.push_back(Event::Ended { id: InviteId(key), token, end });
    }

    /// Takes a usage out of the living. Gives its token the first time, and so sees to it that an end is told once.
    fn close(&mut self, key: Key) -> Option<u64> {
        let usage = self.usages.get_mut(key)?;
        let phase = std::mem::replace(&mut usage.phase, Phase::Over);
        let (token, lingers) = (usage.token, usage.invite.is_some() && usage.acked.is_some());
        match phase {
            Phase::Over => return None,
            Phase::Talking(talking) => {
                if let Some(unacked) = talking.unacked {
                    self.layer.let_sleep(unacked.timer);
                }
            }
            Phase::Calling(_) | Phase::Ringing(_) => {}
        }
        self.live -= 1;
        if !lingers {
            self.usages.remove(key);
        }
        Some(token)
    }

    /// The INVITE's transaction is gone: no further 2xx is expected.
    pub(crate) fn invite_done(&mut self, key: Key, transaction: Key) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        if usage.invite != Some(transaction) {
            return;
        }
        usage.invite = None;
        if matches!(usage.phase, Phase::Over) {
            self.usages.remove(key);
        }
    }
}

impl Failure {
    /// A failure without a response.
    pub(crate) fn silent(cause: Cause, cancelled: bool) -> Self {
        Self {
            cause,
            status: None,
            phrase: String::new(),
            reasons: Vec::new(),
            retry_after: None,
            warning: None,
            contacts: Vec::new(),
            cancelled,
            transport: None,
            headers: Vec::new(),
        }
    }

    /// What a final response says.
    pub(crate) fn from_response(response: &Message, cause: Cause, cancelled: bool) -> Self {
        let is_redirect = response.status().is_some_and(|status| (300..400).contains(&status));
        let contacts = response.values(Name::Contact).take(if is_redirect { CONTACTS_MAX } else { 0 });
        Self {
            cause,
            status: response.status(),
            phrase: response.phrase().to_owned(),
            reasons: reasons(response),
            retry_after: response.retry_after(),
            warning: response.header(Name::Warning).map(str::to_owned),
            contacts: contacts.map(str::to_owned).collect(),
            cancelled,
            transport: None,
            headers: telling_headers(response),
        }
    }
}

/// The header lines of a response that tell who refused and what it misses.
fn telling_headers(response: &Message) -> Vec<(String, String)> {
    let told = |(name, value): (&str, &str)| {
        let known = Name::from_token(name);
        let value = match known {
            Name::WwwAuthenticate | Name::ProxyAuthenticate => Challenge::realm_of(value)?,
            _ if TELLING.contains(&known) || is_carriers_own(name) => value.to_owned(),
            _ => return None,
        };
        let name = if is_carriers_own(name) { name } else { known.as_str() };
        Some((name.to_owned(), value.chars().take(TOLD_CHARS_MAX).collect()))
    };
    response.headers().filter_map(told).take(TOLD_MAX).collect()
}

/// Headers by which carriers say in their own words why they refuse (`X-Twilio-Error`).
fn is_carriers_own(name: &str) -> bool {
    name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("X-"))
}

/// What [`Failure::headers`] has as it came.
const TELLING: [Name; 13] = [
    Name::Server,
    Name::UserAgent,
    Name::Warning,
    Name::Reason,
    Name::Require,
    Name::Unsupported,
    Name::Allow,
    Name::Supported,
    Name::Accept,
    Name::MinExpires,
    Name::MinSe,
    Name::RetryAfter,
    Name::CallInfo,
];
/// Lines of one response that are told.
const TOLD_MAX: usize = 16;
/// Characters of each.
const TOLD_CHARS_MAX: usize = 256;
/// How many places a redirection may name.
const CONTACTS_MAX: usize = 16;

/// The Reason headers of a message (RFC 3326).
pub(crate) fn reasons(message: &Message) -> Vec<Reason> {
    Reason::parse_all(message.values(Name::Reason))
}

/// The body of a message, if it has one.
pub(crate) fn body_of(message: &Message) -> Option<Body> {
    let bytes = message.body_bytes();
    let content_type = || message.content_type().unwrap_or("application/sdp").to_owned();
    (!bytes.is_empty()).then(|| Body { content_type: content_type(), bytes })
}

/// Ends a message with a body, or without.
pub(crate) fn finish(writer: Writer, body: Option<&Body>) -> Bytes {
    match body {
        Some(body) => writer.body(&body.content_type, &body.bytes),
        None => writer.finish(),
    }
}

/// Adds header lines.
pub(crate) fn with_headers<N: AsRef<str>>(mut writer: Writer, headers: &[(N, String)]) -> Writer {
    for (name, value) in headers {
        writer = writer.header(name, value);
    }
    writer
}
