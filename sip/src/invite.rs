//! INVITE usages: one call's SIP leg from its first message to its last (RFC 3261 §13 to §15). Bodies are opaque.
//!
//! A usage is `Calling` (we called) or `Ringing` (they called), then `Talking` in one dialog, then `Over`. It tells its owner of
//! its end exactly once, on leaving the first three.

mod answer;
mod answered;
mod asking;
mod calling;
mod early;
pub(crate) mod extensions;
mod offer;
mod offering;
mod progress;
mod reliable;
mod ringing;
pub(crate) mod session_timer;
mod talking;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

pub(crate) use calling::{Calling, loose_route};
pub(crate) use ringing::Ringing;
pub(crate) use talking::{Hangup, Talking};

use self::answer::Unacked;
use self::asking::Asked;
use self::offer::PendingOffer;
use self::offering::Offering;
use crate::arena::Key;
use crate::config::Body;
use crate::dialog::Dialog;
use crate::digest::{Authenticator, Challenge, Credentials};
use crate::event::{Cause, End, Event, Failure, InviteId, Loss};
use crate::message::{Message, Name, NameAddr, Writer};
use crate::path::Path;
use crate::reason::Reason;
use crate::referral::Referral;
use crate::tls::ClientTls;
use crate::transaction::{Armed, Minted};
use crate::user_agent::UserAgent;

/// One INVITE and what became of it.
pub(crate) struct Usage {
    pub token: u64,
    /// The token, if every message is to be traced.
    pub tap: Option<u64>,
    /// Our tag.
    pub tag: Minted,
    pub credentials: Option<Arc<Credentials>>,
    /// How to speak TLS to its trunk.
    pub tls: Option<Arc<ClientTls>>,
    pub authenticator: Authenticator,
    /// The transaction of our INVITE, as long as it may bring another response.
    pub invite: Option<Key>,
    /// The 2xx we took, and what we say each time it comes again.
    pub acked: Option<Acked>,
    /// To-tags of other forks' 2xx that were ended.
    pub ended_forks: Vec<String>,
    pub referral: Referral,
    /// We sent the INVITE, and so made the Call-ID.
    pub is_caller: bool,
    /// The last CSeq that we used, in any dialog of this call: early ones share it, for only its order matters (§12.2.1.1).
    pub cseq: u32,
    /// Our requests within its dialogs, but for the BYE.
    pub asked: Vec<Asked>,
    /// How many there were.
    asked_count: u32,
    /// Their offer, which our owner has not answered.
    pub offer: Option<Box<PendingOffer>>,
    /// Ours, and refreshes of the session.
    pub offering: Offering,
    /// The session timer we would like.
    pub wish: Option<session_timer::Wish>,
    /// The session timer that runs.
    pub session: Option<session_timer::Running>,
    /// The far end hears UPDATEs.
    pub allows_update: bool,
    /// The description that we sent last: a re-INVITE that only refreshes repeats it (RFC 4028 §7.4).
    pub local: Option<Body>,
    /// The description that they sent last, in short.
    pub remote: Option<u64>,
    /// When this usage wants to be woken.
    armed: Option<Armed>,
    pub phase: Phase,
}

/// A 2xx that was ACKed.
pub(crate) struct Acked {
    /// Its To-tag.
    pub tag: String,
    /// The way it goes; none while its next hop is being resolved.
    pub path: Option<Path>,
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
            tls: None,
            authenticator: Authenticator::new(),
            invite: None,
            acked: None,
            ended_forks: Vec::new(),
            referral: Referral::default(),
            is_caller: false,
            cseq: 0,
            asked: Vec::new(),
            asked_count: 0,
            offer: None,
            offering: Offering::default(),
            wish: None,
            session: None,
            allows_update: false,
            local: None,
            remote: None,
            armed: None,
            phase: Phase::Over,
        }
    }

    /// The CSeq of our next request within a dialog.
    pub fn next_cseq(&mut self) -> u32 {
        self.cseq = self.cseq.saturating_add(1);
        self.cseq
    }

    /// Takes note of what the far end hears, if it says so.
    pub fn hear_allow(&mut self, message: &Message) {
        self.allows_update = extensions::allows_update(message).unwrap_or(self.allows_update);
    }

    /// Its interval was too small (RFC 4028 §7.3). Gives whether another try is worth it.
    pub fn raise(&mut self, said: session_timer::Said) -> bool {
        self.wish.as_mut().is_some_and(|wish| wish.raise(said))
    }

    /// The dialog with this end.
    pub fn dialog_mut(&mut self, tag: &str) -> Option<&mut Dialog> {
        match &mut self.phase {
            Phase::Calling(calling) => calling.forks.dialog_mut(tag),
            Phase::Ringing(ringing) => {
                Some(&mut ringing.dialog).filter(|dialog| dialog.state.remote_tag == tag)
            }
            Phase::Talking(talking) => {
                Some(&mut talking.dialog).filter(|dialog| dialog.state.remote_tag == tag)
            }
            Phase::Over => None,
        }
    }

    /// Whether a 2xx to an INVITE of ours may still come again after the end.
    fn lingers(&self) -> bool {
        self.invite.is_some() && self.acked.is_some() || self.awaits_answer_of_reinvite()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let phase = match &self.phase {
            Phase::Ringing(ringing) => ringing.poll_timeout(),
            Phase::Talking(talking) => talking.unacked.as_ref().map(Unacked::poll_timeout),
            Phase::Calling(_) => None,
            Phase::Over => return None,
        };
        let session = self.session.as_ref().map(session_timer::Running::poll_timeout);
        [phase, session, self.offering.poll_timeout()].into_iter().flatten().min()
    }
}

impl UserAgent {
    /// Tells the owner that a call came to nothing.
    pub(crate) fn fail(&mut self, now: Instant, key: Key, failure: Failure) {
        let Some(token) = self.close(now, key) else { return };
        self.layer.events.push_back(Event::Failed { id: InviteId(key), token, failure });
    }

    /// Tells the owner that a dialog is over.
    pub(crate) fn end(&mut self, now: Instant, key: Key, end: End) {
        let Some(token) = self.close(now, key) else { return };
        self.layer.events.push_back(Event::Ended { id: InviteId(key), token, end });
    }

    /// Takes a usage out of the living. Gives its token the first time, and so sees to it that an end is told once.
    fn close(&mut self, now: Instant, key: Key) -> Option<u64> {
        if self.usages.get(key).is_none_or(|usage| matches!(usage.phase, Phase::Over)) {
            return None;
        }
        self.withdraw(now, key);
        self.end_referral(now, key);
        self.ack_targets(now, key, &[]);
        let usage = self.usages.get_mut(key)?;
        usage.phase = Phase::Over;
        usage.forget_unsent();
        let (token, lingers) = (usage.token, usage.lingers());
        self.arm_usage(key);
        self.live -= 1;
        if !lingers {
            self.usages.remove(key);
        }
        Some(token)
    }

    /// A transaction of an INVITE of ours is gone: no further 2xx is expected.
    pub(crate) fn invite_done(&mut self, key: Key, transaction: Key) {
        self.asked_done(key, transaction);
        let Some(usage) = self.usages.get_mut(key) else { return };
        usage.invite.take_if(|invite| *invite == transaction);
        if matches!(usage.phase, Phase::Over) && !usage.lingers() {
            self.usages.remove(key);
        }
    }

    /// Sets a usage's timer to the next thing that it waits for.
    pub(crate) fn arm_usage(&mut self, key: Key) {
        let Self { layer, usages, .. } = self;
        let Some(usage) = usages.get_mut(key) else { return };
        let at = usage.poll_timeout();
        layer.arm_usage(&mut usage.armed, at, key);
    }

    /// A usage's time has come.
    pub(crate) fn usage_woken(&mut self, now: Instant, key: Key) {
        if let Some(usage) = self.usages.get_mut(key) {
            usage.armed = None;
        }
        self.repeat_progress(now, key);
        self.renew_progress(now, key);
        self.repeat_answer(now, key);
        let session = self.usages.get_mut(key).and_then(|usage| usage.session.as_mut());
        match session.map(|session| session.handle_timeout(now)) {
            Some(session_timer::Due::Refresh) => self.begin_refresh(now, key),
            Some(session_timer::Due::Expired) => self.expire_session(now, key),
            Some(session_timer::Due::Nothing) | None => self.try_offering(now, key),
        }
        self.arm_usage(key);
    }

    /// Nobody refreshed the session (RFC 4028 §10).
    fn expire_session(&mut self, now: Instant, key: Key) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        usage.session = None;
        // Whoever is hanging up has done so already, or does at the ACK.
        if matches!(&usage.phase, Phase::Talking(talking) if matches!(talking.hangup, Hangup::None)) {
            self.abandon(now, key, End::Lost { status: None, cause: Loss::SessionTimer });
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
        Self {
            cause,
            status: response.status(),
            phrase: response.phrase().to_owned(),
            reasons: reasons(response),
            retry_after: response.retry_after(),
            warning: response.header(Name::Warning).map(str::to_owned),
            contacts: contacts(response),
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

/// Where a redirection points, best first (§8.1.3.4, §20.10): by q, and where that is equal in the order given. 305 and 380 ask
/// for something else than another address, and are refused (§21.3.4, §21.3.5).
fn contacts(response: &Message) -> Vec<String> {
    if !matches!(response.status(), Some(300..=304 | 306..=379 | 381..=399)) {
        return Vec::new();
    }
    let mut contacts: Vec<&str> = response.values(Name::Contact).take(CONTACTS_MAX).collect();
    contacts.sort_by_key(|contact| std::cmp::Reverse(q_thousandths(contact)));
    contacts.into_iter().map(str::to_owned).collect()
}

/// The q of a Contact in thousandths; one that has none, or none that can be read, is as good as any.
fn q_thousandths(contact: &str) -> u16 {
    let q = NameAddr::parse(contact).and_then(|address| address.params.get("q")?.trim().parse::<f32>().ok());
    q.filter(|q| (0.0..=1.0).contains(q)).map_or(1000, |q| (q * 1000.0) as u16)
}

/// What was said in short: the same again is no news.
pub(crate) fn fingerprint(status: u16, body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (status, body).hash(&mut hasher);
    hasher.finish()
}

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
