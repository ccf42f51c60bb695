//! Transfers within a call (RFC 3515, RFC 4488, RFC 3891, RFC 3892): those we ask for, those we are asked for, and the NOTIFYs that
//! tell how they go. A subscription lives no longer than its call, nor than its timer.

mod asked;
mod wanted;

use std::time::Instant;

pub(crate) use asked::Asked;
pub(crate) use wanted::Wanted;

use crate::arena::Key;
use crate::config::Body;
use crate::event::InviteId;
use crate::invite::{Phase, Talking};
use crate::message::{Message, Method, Name, Params, Replaces};
use crate::request::{Purpose, Request, next_cseq};
use crate::transaction::Minted;
use crate::user_agent::UserAgent;

/// The transfers of one call: at most one each way.
#[derive(Default)]
pub(crate) struct Referral {
    /// The one we asked for.
    pub ours: Option<Asked>,
    /// The one they asked for.
    pub theirs: Option<Wanted>,
}

/// Which call an INVITE with Replaces takes the place of (RFC 3891 §3).
pub(crate) enum Replaced {
    /// It names none.
    None,
    /// This one of ours.
    Call(InviteId),
    /// None it may take: refuse it.
    Refused(u16),
}

impl UserAgent {
    /// The timer of a call's transfers fired.
    pub(crate) fn referral_due(&mut self, now: Instant, key: Key) {
        self.refer_overdue(now, key);
        self.subscription_overdue(now, key);
    }

    /// A call ends, and its transfers with it.
    pub(crate) fn end_referral(&mut self, now: Instant, key: Key) {
        self.decline_refer(now, key, 487);
        let Some(referral) = self.usages.get_mut(key).map(|usage| std::mem::take(&mut usage.referral)) else {
            return;
        };
        let timers = [referral.ours.map(|asked| asked.timer), referral.theirs.map(|wanted| wanted.timer)];
        timers.into_iter().flatten().for_each(|timer| self.layer.let_sleep(timer));
    }

    /// A new request of ours in the dialog of a call that talks and has not been hung up.
    fn request_within(&mut self, key: Key, method: Method, purpose: Purpose) -> Option<Request> {
        let cseq = next_cseq(&mut self.usages, key)?;
        let usage = self.usages.get_mut(key)?;
        let Phase::Talking(talking) = &usage.phase else { return None };
        let mut request = Request::new(method, talking.dialog.state.clone(), purpose);
        request.dialog.local_cseq = cseq;
        request.within = Some(key);
        request.last = Some(talking.dialog.path);
        request.tls.clone_from(&usage.tls);
        request.credentials.clone_from(&usage.credentials);
        request.authenticator = usage.authenticator.lend();
        request.tap = usage.tap;
        Some(request)
    }

    /// Sends an INFO within a dialog. Gives whether it left.
    pub(crate) fn send_info(&mut self, now: Instant, key: Key, body: Body) -> bool {
        let Some(mut request) = self.request_within(key, Method::Info, Purpose::Nobody) else { return false };
        request.body = Some(body);
        self.begin_bye(now, request);
        true
    }

    /// Finds the call that an INVITE wants to take the place of.
    pub(crate) fn find_replaced(&self, request: &Message) -> Replaced {
        let mut values = request.lines(Name::Replaces);
        let Some(value) = values.next() else { return Replaced::None };
        // §3: more than one, or one that cannot be read.
        let (Some(replaces), None) = (Replaces::parse(value), values.next()) else {
            return Replaced::Refused(400);
        };
        let Some(minted) = Minted::parse(&replaces.to_tag) else { return Replaced::Refused(481) };
        let Some(usage) = self.usages.get(minted.key).filter(|usage| usage.tag == minted) else {
            return Replaced::Refused(481);
        };
        match &usage.phase {
            Phase::Talking(talking) if is_named(talking, &replaces) => match replaces.early_only {
                true => Replaced::Refused(486),
                false => Replaced::Call(InviteId(minted.key)),
            },
            // An early dialog may be replaced at the end that called (§3), not where it rings.
            Phase::Calling(calling)
                if calling.call_id == replaces.call_id && calling.knows(&replaces.from_tag) =>
            {
                Replaced::Call(InviteId(minted.key))
            }
            Phase::Talking(_) | Phase::Calling(_) | Phase::Ringing(_) | Phase::Over => Replaced::Refused(481),
        }
    }
}

/// Whether a Replaces names this dialog; a tag `0` stands for none at all (RFC 3891 §6.1).
fn is_named(talking: &Talking, replaces: &Replaces) -> bool {
    let state = &talking.dialog.state;
    let tag = &state.remote_tag;
    state.call_id == replaces.call_id
        && (*tag == replaces.from_tag || (tag.is_empty() && replaces.from_tag == "0"))
}

/// The `id` of an Event header of the refer package; `None` for another package.
fn refer_event(message: &Message) -> Option<Option<&str>> {
    let (package, id) = event_of(message);
    package.eq_ignore_ascii_case("refer").then_some(id)
}

/// Package and id of an Event header (RFC 6665 §8.2.1).
pub(crate) fn event_of(message: &Message) -> (&str, Option<&str>) {
    let value = message.header(Name::Event).unwrap_or_default();
    let (package, params) = value.split_once(';').unwrap_or((value, ""));
    (package.trim_ascii(), Params::new(params).get("id"))
}

/// Whether a Refer-Sub header asks for no subscription (RFC 4488 §4).
fn refuses_subscription(message: &Message) -> bool {
    let value = message.header_named(REFER_SUB).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim_ascii().eq_ignore_ascii_case("false")
}

const REFER_SUB: &str = "Refer-Sub";
