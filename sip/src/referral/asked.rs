//! A transfer that we ask for: REFER, its answer, and the NOTIFYs that follow (RFC 3515 §2.4.4).

use std::time::{Duration, Instant};

use super::{REFER_SUB, refer_event, refuses_subscription};
use crate::arena::Key;
use crate::config::Refer;
use crate::event::{Event, InviteId};
use crate::message::{Message, Method, Name, Params};
use crate::path::Path;
use crate::request::{Outcome, Purpose};
use crate::timers::TimerId;
use crate::user_agent::UserAgent;

/// A REFER of ours, and the subscription it made.
pub(crate) struct Asked {
    /// The CSeq it was sent with last: the id of its NOTIFYs.
    cseq: u32,
    /// Whether its owner knows how it ended; what still comes is answered, and told no more.
    is_told: bool,
    /// When we stop waiting.
    until: Instant,
    pub timer: TimerId,
}

/// What a NOTIFY may prolong the wait by.
const WAIT_MAX: Duration = Duration::from_secs(3600);
/// The last NOTIFY may come this much after the subscription has run out.
const GRACE: Duration = Duration::from_secs(5);

impl UserAgent {
    /// Sends a REFER. Gives whether it left.
    pub(crate) fn send_refer(&mut self, now: Instant, key: Key, refer: &Refer) -> bool {
        let is_open = |asked: &Asked| !asked.is_told;
        if self.usages.get(key).is_none_or(|usage| usage.referral.ours.as_ref().is_some_and(is_open)) {
            return false;
        }
        let Some(mut request) = self.request_within(key, Method::Refer, Purpose::Refer(key)) else {
            return false;
        };
        let target = match &refer.replaces {
            Some(replaces) => format!("{}?Replaces={}", refer.to, escape(&replaces.to_string())),
            None => refer.to.clone(),
        };
        let mut header = |name: &str, value: String| request.headers.push((name.to_owned(), value));
        header(Name::ReferTo.as_str(), format!("<{target}>"));
        if let Some(referred_by) = &refer.referred_by {
            header(Name::ReferredBy.as_str(), referred_by.clone());
        }
        if !refer.subscribe {
            header(REFER_SUB, String::from("false"));
            header(Name::Supported.as_str(), String::from("norefersub"));
        }
        // RFC 6665 §4.1.2.4, timer N: as long as a REFER may go unanswered, and then its first NOTIFY.
        let until = now + self.layer.config.timers.give_up() * 2;
        let timer = self.layer.wake_referral(until, key);
        let asked = Asked { cseq: request.dialog.local_cseq, is_told: false, until, timer };
        if let Some(old) = self.usages.get_mut(key).and_then(|usage| usage.referral.ours.replace(asked)) {
            self.layer.let_sleep(old.timer);
        }
        self.begin_bye(now, request);
        true
    }

    /// Our REFER is sent anew, as another request of its dialog.
    pub(crate) fn refer_renumbered(&mut self, key: Key, cseq: u32) {
        if let Some(asked) = self.usages.get_mut(key).and_then(|usage| usage.referral.ours.as_mut()) {
            asked.cseq = cseq;
        }
    }

    /// Our REFER was answered, or was not.
    pub(crate) fn refer_concluded(&mut self, now: Instant, key: Key, outcome: &Outcome<'_>) {
        let give_up = self.layer.config.timers.give_up();
        let asked = self.usages.get(key).and_then(|usage| usage.referral.ours.as_ref());
        if asked.is_none_or(|asked| asked.is_told) {
            return;
        }
        match outcome {
            Outcome::Response(response) if outcome.is_success() && !refuses_subscription(response) => {
                self.await_notify(key, now + give_up);
                self.tell_refer(key, 202, false);
            }
            Outcome::Response(response) => {
                let status = if outcome.is_success() { 202 } else { response.status().unwrap_or(500) };
                self.tell_refer(key, status, true);
                self.forget_refer(key);
            }
            Outcome::Silence(_) => {
                self.tell_refer(key, 408, true);
                self.forget_refer(key);
            }
        }
    }

    /// A NOTIFY in the dialog of a call that talks. One for a subscription we do not have is told so (RFC 6665 §4.1.3).
    pub(crate) fn hear_notify(&mut self, now: Instant, key: Key, path: Path, request: &Message) {
        let Some(id) = refer_event(request) else { return self.hear_notify_outside(now, path, request) };
        let asked = self.usages.get_mut(key).and_then(|usage| usage.referral.ours.as_mut());
        // The id may be missing for the first REFER of a dialog (RFC 3515 §2.4.6).
        let is_ours = |asked: &&mut Asked| id.is_none_or(|id| id == asked.cseq.to_string());
        let Some(asked) = asked.filter(is_ours) else { return self.refuse(now, path, request, 481, &[]) };
        let state = request.header(Name::SubscriptionState).unwrap_or_default();
        let (word, params) = state.split_once(';').unwrap_or((state, ""));
        let is_over = word.trim_ascii().eq_ignore_ascii_case("terminated");
        let lasts = Params::new(params).get("expires").and_then(|value| value.parse().ok());
        let is_told = asked.is_told;
        if !self.accept_and_reply(now, key, path, request, false) {
            return;
        }
        if let Some(lasts) = lasts.map(Duration::from_secs) {
            self.await_notify(key, now + lasts.min(WAIT_MAX) + GRACE);
        }
        let status = sipfrag_status(request);
        match status {
            _ if is_told => {}
            Some(status @ 200..) => self.tell_refer(key, status, true),
            // It ends without having said how (RFC 3515 §2.4.5: what is provisional is no outcome).
            _ if is_over => self.tell_refer(key, 500, true),
            Some(status) => self.tell_refer(key, status, false),
            None => {}
        }
        if is_over {
            self.forget_refer(key);
        }
    }

    /// Nothing more was heard of a transfer in its time.
    pub(super) fn refer_overdue(&mut self, now: Instant, key: Key) {
        let Some(asked) = self.usages.get_mut(key).and_then(|usage| usage.referral.ours.as_mut()) else {
            return;
        };
        if now < asked.until {
            return;
        }
        if !asked.is_told {
            self.tell_refer(key, 408, true);
        }
        self.forget_refer(key);
    }

    fn await_notify(&mut self, key: Key, until: Instant) {
        let Some(asked) = self.usages.get_mut(key).and_then(|usage| usage.referral.ours.as_mut()) else {
            return;
        };
        self.layer.let_sleep(asked.timer);
        asked.until = until;
        asked.timer = self.layer.wake_referral(until, key);
    }

    fn tell_refer(&mut self, key: Key, status: u16, is_final: bool) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let (id, token) = (InviteId(key), usage.token);
        if let Some(asked) = &mut usage.referral.ours {
            asked.is_told |= is_final;
        }
        self.layer.events.push_back(Event::ReferProgress { id, token, status, is_final });
    }

    fn forget_refer(&mut self, key: Key) {
        let asked = self.usages.get_mut(key).and_then(|usage| usage.referral.ours.take());
        if let Some(asked) = asked {
            self.layer.let_sleep(asked.timer);
        }
    }
}

/// The status of a `message/sipfrag` body's first line (RFC 3420).
fn sipfrag_status(request: &Message) -> Option<u16> {
    let kind = request.content_type()?.split(';').next()?.trim_ascii();
    kind.eq_ignore_ascii_case("message/sipfrag").then_some(())?;
    let line = request.body().split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let mut words = str::from_utf8(line).ok()?.split_ascii_whitespace();
    words.next()?.eq_ignore_ascii_case("SIP/2.0").then_some(())?;
    words.next()?.parse().ok().filter(|status| (100..700).contains(status))
}

/// Percent-encodes what may not stand in a URI's header part (RFC 3261 §25.1, hvalue).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'_'
            | b'.'
            | b'!'
            | b'~'
            | b'*'
            | b'('
            | b')' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
