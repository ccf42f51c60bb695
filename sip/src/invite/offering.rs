//! Our offers within a dialog, and our refreshes of its session (RFC 3261 §14.1, RFC 3311 §5.1, RFC 4028 §7.4): one at a time, when
//! nothing else is open, and again after a glare, unless they offer meanwhile.

use std::time::{Duration, Instant};

use rand::Rng;

use super::asking::Kind;
use super::session_timer::{self, Running, Said};
use super::talking::Hangup;
use super::{Phase, Usage, body_of, fingerprint};
use crate::arena::Key;
use crate::config::Body;
use crate::dialog::Dialog;
use crate::event::{End, Event, InviteId, Loss};
use crate::message::Message;
use crate::request::Purpose;
use crate::user_agent::UserAgent;

/// What we want to change or refresh.
#[derive(Default)]
pub(crate) struct Offering {
    wanted: Option<Wanted>,
    /// Our owner's offer, which waits for the refresh that is on the way.
    next: Option<Body>,
}

struct Wanted {
    /// Our owner's offer; none refreshes what holds.
    offer: Option<Body>,
    state: State,
    tries: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It leaves as soon as nothing else is open.
    Ready,
    /// It leaves then: it met theirs, or they asked us to wait.
    Waiting(Instant),
    Sent,
}

/// How often one offer is made: by then both ends have met often enough.
const TRIES_MAX: u8 = 5;
/// RFC 3311 §5.2: nobody has to wait longer than this after a 500.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);

impl Offering {
    /// When something that waits may leave.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.wanted {
            Some(Wanted { state: State::Waiting(at), .. }) => Some(at),
            _ => None,
        }
    }

    /// Whether something may leave. What has waited long enough needs no timer any more: it leaves once nothing else is open.
    fn is_due(&mut self, now: Instant) -> bool {
        let Some(wanted) = &mut self.wanted else { return false };
        if matches!(wanted.state, State::Waiting(at) if now >= at) {
            wanted.state = State::Ready;
        }
        wanted.state == State::Ready
    }

    /// Our owner has an offer. Gives whether there is room for it.
    fn want(&mut self, offer: Body) -> bool {
        match &self.wanted {
            Some(Wanted { offer: Some(_), .. }) => return false,
            Some(Wanted { state: State::Sent, .. }) if self.next.is_some() => return false,
            Some(Wanted { state: State::Sent, .. }) => self.next = Some(offer),
            // It refreshes as well.
            Some(_) | None => {
                self.wanted = Some(Wanted { offer: Some(offer), state: State::Ready, tries: 0 });
            }
        }
        true
    }

    /// What waited for the end of the one before.
    fn advance(&mut self) {
        if let Some(next) = self.next.take_if(|_| self.wanted.is_none()) {
            self.want(next);
        }
    }

    /// Our owner has answered an offer of theirs. What it offered before is older than that answer, and would take the session back
    /// (RFC 3264 §8). Gives whether something was, and leaves no more.
    pub fn is_overtaken(&mut self) -> bool {
        let met_theirs =
            |wanted: &mut Wanted| wanted.offer.is_some() && wanted.tries > 0 && wanted.state != State::Sent;
        self.wanted.take_if(met_theirs).is_some() | self.next.take().is_some()
    }

    fn want_refresh(&mut self) {
        self.wanted.get_or_insert(Wanted { offer: None, state: State::Ready, tries: 0 });
    }
}

impl Usage {
    /// The dialog in which an offer of ours may stand now, or will once nothing else is open (RFC 3311 §5.1: in an early dialog
    /// only when the first offer has been answered).
    fn offerable(&self) -> Option<&Dialog> {
        match &self.phase {
            Phase::Talking(talking) => matches!(talking.hangup, Hangup::None).then_some(&talking.dialog),
            Phase::Calling(calling) if calling.quitting.is_none() && self.allows_update => {
                calling.forks.settled()
            }
            Phase::Ringing(ringing) if self.allows_update => ringing.settled(),
            Phase::Calling(_) | Phase::Ringing(_) | Phase::Over => None,
        }
    }

    /// Whether an offer of ours, or a refresh, makes sense.
    pub fn may_offer(&self) -> bool {
        self.offerable().is_some()
    }

    /// Whether neither end has an offer open (§14.1).
    fn is_quiet(&self) -> bool {
        let is_acked = match &self.phase {
            Phase::Talking(talking) => talking.unacked.is_none(),
            Phase::Calling(_) | Phase::Ringing(_) | Phase::Over => true,
        };
        is_acked && self.offer.is_none() && !self.is_offering()
    }
}

impl UserAgent {
    /// The owner offers another session.
    pub(crate) fn begin_offer(&mut self, now: Instant, key: Key, offer: Body) -> bool {
        let Some(usage) = self.usages.get_mut(key) else { return false };
        if usage.offerable().is_none() || !usage.offering.want(offer) {
            return false;
        }
        self.try_offering(now, key);
        true
    }

    /// The session wants its refresh (RFC 4028 §10).
    pub(crate) fn begin_refresh(&mut self, now: Instant, key: Key) {
        if let Some(usage) = self.usages.get_mut(key) {
            usage.offering.want_refresh();
        }
        self.try_offering(now, key);
    }

    /// Sends what we want, if it may leave now.
    pub(crate) fn try_offering(&mut self, now: Instant, key: Key) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let is_due = usage.offering.is_due(now);
        let dialog = usage.offerable().filter(|_| is_due && usage.is_quiet());
        if let Some(dialog) = dialog.cloned() {
            let is_answered = matches!(usage.phase, Phase::Talking(_));
            let Usage { offering: Offering { wanted: Some(wanted), .. }, .. } = usage else { return };
            let (kind, body) = match &wanted.offer {
                Some(offer) if is_answered => (Kind::Reinvite, Some(offer.clone())),
                Some(offer) => (Kind::Update, Some(offer.clone())),
                None if usage.allows_update || usage.local.is_none() => (Kind::Update, None),
                // RFC 4028 §7.4: the description that was sent last, unchanged.
                None => (Kind::Reinvite, usage.local.clone()),
            };
            wanted.state = State::Sent;
            wanted.tries += 1;
            if !self.ask(now, key, kind, dialog, body) {
                self.offered(now, key, kind, None);
            }
        }
        self.arm_usage(key);
    }

    /// A request within a dialog has come to its end; `None` if nothing was heard.
    pub(crate) fn offered(&mut self, now: Instant, key: Key, kind: Kind, response: Option<&Message>) {
        // RFC 3262 §4: what becomes of the call after a refused PRACK, its INVITE tells.
        if matches!(kind, Kind::Prack(_)) {
            return;
        }
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Some(wanted) = usage.offering.wanted.take() else { return };
        if usage.offerable().is_none() {
            return;
        }
        let is_answered = matches!(usage.phase, Phase::Talking(_));
        let status = response.and_then(Message::status);
        match (status, response) {
            (Some(200..300), Some(response)) => self.offer_accepted(now, key, wanted, response),
            (None | Some(408 | 481), _) if is_answered => return self.lose(now, key, status),
            (Some(422), Some(response)) if usage.raise(Said::of(response)) => {
                self.offer_again(key, wanted, State::Ready, status);
            }
            (Some(491), _) => {
                let wait = self.glare_wait(key);
                self.offer_again(key, wanted, State::Waiting(now + wait), status);
            }
            (Some(500), Some(response)) if response.retry_after().is_some() => {
                let wait = response.retry_after().unwrap_or_default().min(RETRY_AFTER_MAX);
                self.offer_again(key, wanted, State::Waiting(now + wait), status);
            }
            _ if wanted.offer.is_none() && kind == Kind::Update => {
                // Whatever it has against an UPDATE, a re-INVITE it has to know.
                usage.allows_update = false;
                self.offer_again(key, wanted, State::Ready, status);
            }
            _ => self.offer_refused(key, &wanted, status),
        }
        if let Some(usage) = self.usages.get_mut(key) {
            usage.offering.advance();
        }
        self.try_offering(now, key);
    }

    fn offer_accepted(&mut self, now: Instant, key: Key, wanted: Wanted, response: &Message) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let said = Said::of(response);
        usage.hear_allow(response);
        let tag = response.to().and_then(|to| to.tag()).unwrap_or_default();
        if let Some(dialog) = usage.dialog_mut(tag) {
            dialog.refresh_target(response);
        }
        if matches!(usage.phase, Phase::Talking(_)) {
            let terms = usage.wish.map_or(session_timer::agreed(said), |wish| wish.agreed(said));
            usage.session = terms.map(|terms| Running::new(now, terms));
        }
        let (body, is_ours) = (body_of(response), wanted.offer.is_some());
        usage.local = wanted.offer.or(usage.local.take());
        let said = body.as_ref().map(|body| fingerprint(0, &body.bytes));
        let is_news = said.is_some() && usage.remote != said;
        usage.remote = said.or(usage.remote);
        // The answer to a refresh is news if the far end has moved.
        if is_ours || is_news {
            let (id, token) = (InviteId(key), usage.token);
            self.layer.events.push_back(Event::Reanswered { id, token, body });
        }
    }

    /// An offer is made again, if it has not been made too often.
    fn offer_again(&mut self, key: Key, wanted: Wanted, state: State, status: Option<u16>) {
        if wanted.tries >= TRIES_MAX {
            return self.offer_refused(key, &wanted, status);
        }
        let Some(usage) = self.usages.get_mut(key) else { return };
        usage.offering.wanted = Some(Wanted { state, ..wanted });
    }

    /// One of several early dialogs was answered, and our offer stood in another.
    pub(crate) fn drop_offer_elsewhere(&mut self, key: Key, tag: &str) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        if !usage.forget_offers_elsewhere(tag) {
            return;
        }
        if let Some(wanted) = usage.offering.wanted.take() {
            self.offer_refused(key, &wanted, None);
        }
    }

    /// Our owner has described the session anew, in answer to the far end. An offer of ours that waits has nothing to add: the far
    /// end has what our owner wants now.
    pub(crate) fn offer_overtaken(&mut self, key: Key) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        if usage.offering.is_overtaken() {
            let (id, token) = (InviteId(key), usage.token);
            self.layer.events.push_back(Event::Reanswered { id, token, body: None });
        }
    }

    /// An offer came to nothing. A refresh that did is told of when the session expires.
    fn offer_refused(&mut self, key: Key, wanted: &Wanted, status: Option<u16>) {
        let Some(usage) = self.usages.get(key) else { return };
        if wanted.offer.is_some() {
            let (id, token) = (InviteId(key), usage.token);
            self.layer.events.push_back(Event::OfferRefused { id, token, status });
        }
    }

    /// How long to wait after both ends offered at once (§14.1): who made the Call-ID waits longer, so that they do not meet again.
    fn glare_wait(&mut self, key: Key) -> Duration {
        let is_caller = self.usages.get(key).is_some_and(|usage| usage.is_caller);
        let units = match is_caller {
            true => self.layer.rng.random_range(210..=400),
            false => self.layer.rng.random_range(0..=200),
        };
        Duration::from_millis(10) * units
    }

    /// The dialog is gone at the far end (§12.2.1.2): a BYE for its sake, and an end.
    pub(crate) fn lose(&mut self, now: Instant, key: Key, status: Option<u16>) {
        self.abandon(now, key, End::Lost { status, cause: Loss::Request });
    }

    /// Ends an answered call that is lost: BYE, and nobody waits for what comes of it.
    pub(crate) fn abandon(&mut self, now: Instant, key: Key, end: End) {
        let Some(Usage { phase: Phase::Talking(talking), .. }) = self.usages.get(key) else { return };
        let (dialog, last) = (talking.dialog.state.clone(), talking.dialog.path);
        self.withdraw(now, key);
        self.bye(now, key, dialog, last, None, Purpose::Nobody);
        self.end(now, key, end);
    }
}
