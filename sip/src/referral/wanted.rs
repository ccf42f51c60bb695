//! A transfer that the far end asks us for: its REFER, our owner's word on it, and the NOTIFYs that tell how it goes (RFC 3515
//! §2.4.5).

use std::time::{Duration, Instant};

use super::{REFER_SUB, refuses_subscription};
use crate::arena::Key;
use crate::config::Body;
use crate::event::{Event, InviteId};
use crate::message::{Message, Method, Name, NameAddr, Replaces, Uri, percent_decode, phrase};
use crate::path::Path;
use crate::request::Purpose;
use crate::timers::TimerId;
use crate::transaction::reply_path;
use crate::user_agent::UserAgent;

/// A REFER of theirs.
pub(crate) struct Wanted {
    state: State,
    /// When it is declined, or its subscription runs out.
    until: Instant,
    pub timer: TimerId,
}

enum State {
    /// Our owner has not said what becomes of it.
    Asked { transaction: Key, request: Box<Message>, path: Path },
    /// They hear how it goes. The id is their REFER's CSeq.
    Subscribed { id: u32 },
}

/// How long our owner may think: well below the 32 s after which the far end stops waiting.
const DECIDED_WITHIN: Duration = Duration::from_secs(20);
/// How long a transfer is told of: longer than anybody lets a phone ring.
const SUBSCRIBED_FOR: Duration = Duration::from_secs(600);

impl UserAgent {
    /// A REFER in the dialog of a call that talks.
    pub(crate) fn hear_refer(&mut self, now: Instant, key: Key, path: Path, request: &Message) {
        let Some(usage) = self.usages.get(key) else { return };
        if usage.referral.theirs.is_some() {
            // One at a time.
            let after = self.retry_after();
            return self.refuse(now, path, request, 500, &[(Name::RetryAfter, &after)]);
        }
        let (token, tap) = (usage.token, usage.tap);
        let mut targets = request.lines(Name::ReferTo);
        // §2.4.2: exactly one Refer-To.
        let (Some(target), None) = (targets.next().and_then(target_of), targets.next()) else {
            return self.refuse(now, path, request, 400, &[]);
        };
        let Some(transaction) = self.layer.accept(request, reply_path(request, path), key, tap) else {
            return self.refuse_overloaded(now, path, request);
        };
        let until = now + DECIDED_WITHIN;
        let timer = self.layer.wake_referral(until, key);
        let state = State::Asked { transaction, request: Box::new(request.clone()), path };
        if let Some(usage) = self.usages.get_mut(key) {
            usage.referral.theirs = Some(Wanted { state, until, timer });
        }
        self.layer.events.push_back(Event::Refer {
            id: InviteId(key),
            token,
            refer_to: target.uri,
            replaces: target.replaces,
            referred_by: request.header(Name::ReferredBy).map(str::to_owned),
        });
    }

    /// The owner agrees.
    pub(crate) fn agree_to_refer(&mut self, now: Instant, key: Key) {
        let Some(Wanted { state: State::Asked { transaction, request, path }, .. }) = self.take_wanted(key)
        else {
            return;
        };
        let is_silent = refuses_subscription(&request);
        let mut response =
            self.response(path, &request, 202, None).header(Name::Contact, &self.layer.contact);
        if is_silent {
            response = response.header(REFER_SUB, "false");
        }
        self.layer.respond(now, transaction, 202, response.finish());
        if is_silent {
            return;
        }
        let until = now + SUBSCRIBED_FOR;
        let timer = self.layer.wake_referral(until, key);
        let state = State::Subscribed { id: request.cseq().0 };
        if let Some(usage) = self.usages.get_mut(key) {
            usage.referral.theirs = Some(Wanted { state, until, timer });
        }
        self.notify(now, key, 100, "");
    }

    /// The owner, or his silence, declines.
    pub(crate) fn decline_refer(&mut self, now: Instant, key: Key, status: u16) {
        let is_asked = |wanted: &Wanted| matches!(wanted.state, State::Asked { .. });
        let usage = self.usages.get(key);
        if !usage.and_then(|usage| usage.referral.theirs.as_ref()).is_some_and(is_asked) {
            return;
        }
        if let Some(Wanted { state: State::Asked { transaction, request, path }, .. }) = self.take_wanted(key)
        {
            let response = self.response(path, &request, status, None).finish();
            self.layer.respond(now, transaction, status, response);
        }
    }

    /// Tells the far end how its transfer goes; a final status ends the subscription.
    pub(crate) fn notify(&mut self, now: Instant, key: Key, status: u16, words: &str) {
        let wanted = self.usages.get(key).and_then(|usage| usage.referral.theirs.as_ref());
        let Some(Wanted { state: State::Subscribed { id }, until, .. }) = wanted else { return };
        let state = match status {
            ..200 => format!("active;expires={}", until.saturating_duration_since(now).as_secs()),
            200.. => String::from("terminated;reason=noresource"),
        };
        let id = *id;
        if status >= 200 {
            self.take_wanted(key);
        }
        let Some(mut request) = self.request_within(key, Method::Notify, Purpose::Notify(key)) else {
            return;
        };
        let words = if words.is_empty() { phrase(status) } else { words.replace(['\r', '\n'], " ") };
        request.headers = vec![
            (Name::Event.as_str().to_owned(), format!("refer;id={id}")),
            (Name::SubscriptionState.as_str().to_owned(), state),
        ];
        request.body = Some(Body {
            content_type: String::from("message/sipfrag;version=2.0"),
            bytes: format!("SIP/2.0 {status} {words}\r\n").into(),
        });
        self.begin_bye(now, request);
    }

    /// A NOTIFY of ours was answered. Whoever does not know the subscription has ended it (RFC 6665 §4.2.2).
    pub(crate) fn notify_concluded(&mut self, key: Key, status: Option<u16>) {
        if matches!(status, None | Some(404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604)) {
            self.take_wanted(key);
        }
    }

    /// Time for our owner to have decided, or for a transfer to have come to something.
    pub(super) fn subscription_overdue(&mut self, now: Instant, key: Key) {
        let wanted = self.usages.get(key).and_then(|usage| usage.referral.theirs.as_ref());
        let Some(wanted) = wanted.filter(|wanted| now >= wanted.until) else { return };
        match wanted.state {
            State::Asked { .. } => self.decline_refer(now, key, 603),
            State::Subscribed { .. } => self.notify(now, key, 408, ""),
        }
    }

    fn take_wanted(&mut self, key: Key) -> Option<Wanted> {
        let wanted = self.usages.get_mut(key)?.referral.theirs.take()?;
        self.layer.let_sleep(wanted.timer);
        Some(wanted)
    }
}

struct Target {
    uri: String,
    replaces: Option<Replaces>,
}

/// The URI of a Refer-To and the Replaces in it (RFC 3891 §4). Its other header fields would be put into a request of ours, which
/// is not theirs to write: they are left out.
fn target_of(value: &str) -> Option<Target> {
    let uri = NameAddr::parse(value)?.uri;
    let parsed = Uri::parse(uri)?;
    let is_invite = parsed.params.get("method").is_none_or(|method| method.eq_ignore_ascii_case("INVITE"));
    if !is_invite {
        return None;
    }
    let plain = uri.split_once('?').map_or(uri, |(plain, _)| plain);
    let fields = parsed.headers.unwrap_or_default().split('&').filter_map(|field| field.split_once('='));
    let mut named = fields.filter(|(name, _)| percent_decode(name).eq_ignore_ascii_case("Replaces"));
    let replaces = named.next().map(|(_, value)| Replaces::parse(&percent_decode(value)));
    match replaces {
        // A Replaces that cannot be read must not become a call that replaces nothing.
        Some(None) => None,
        replaces => Some(Target { uri: plain.to_owned(), replaces: replaces.flatten() }),
    }
}
