//! A transfer that we ask for: the far end shall call somebody else in our place (RFC 5589 §6, blind). It pays as we would, so the
//! number passes the trunk's destinations. The call ends when it has come to pass, and goes on as it was if it has not.

use trunkline_sip::{Refer, Replaces};

use super::{Call, Context};
use crate::model::{CallFact, DialogRecord, Disposition, EndedBy, NotDone, PhoneNumber};
use crate::trunk::{destination, route};

/// A REFER of ours that nobody has said the last word of.
pub struct Referral {
    to: String,
    /// Where the party sits that it is to be put through to, if the agent has talked with it before.
    place: Option<u8>,
    /// The far end has agreed to it.
    is_accepted: bool,
}

impl Call {
    /// Somebody wants the far end to be put through elsewhere.
    pub fn handle_transfer(&mut self, cx: &mut Context<'_>, to: PhoneNumber) -> Result<(), NotDone> {
        let Some(party) = self.party.as_ref().filter(|_| self.is_talking() && !self.is_moving()) else {
            return Err(if self.is_moving() { NotDone::UnderWay } else { NotDone::NotTalking });
        };
        let trunk = &self.plan.trunk;
        destination::check(trunk, &self.ours, &to).map_err(NotDone::Forbidden)?;
        let refer = Refer {
            to: route::number(trunk, &to),
            replaces: None,
            referred_by: Some(route::from(trunk, &self.ours, self.plan.right_to_use)),
            subscribe: true,
        };
        if !cx.agent.refer(cx.now, party.invite(), refer) {
            return Err(NotDone::NotTalking);
        }
        let to = to.as_str().to_owned();
        self.tell(cx, CallFact::Transfer { to: to.clone(), status: 100, is_final: false });
        self.referral = Some(Referral { to, place: None, is_accepted: false });
        Ok(())
    }

    /// The far end shall take our place in the call with the party at this place (RFC 5589 §7.3). `false`: it cannot be asked.
    pub(super) fn refer_to_party(
        &mut self,
        cx: &mut Context<'_>,
        place: u8,
        to: String,
        dialog: &DialogRecord,
    ) -> bool {
        let Some(party) = self.party.as_ref().filter(|_| !self.is_moving()) else { return false };
        let replaces = Replaces {
            call_id: dialog.call_id.clone(),
            to_tag: dialog.remote_tag.clone(),
            from_tag: dialog.local_tag.clone(),
            early_only: false,
        };
        let refer = Refer {
            to: dialog.remote_target.clone(),
            replaces: Some(replaces),
            referred_by: Some(route::from(&self.plan.trunk, &self.ours, self.plan.right_to_use)),
            subscribe: true,
        };
        let is_asked = cx.agent.refer(cx.now, party.invite(), refer);
        if is_asked {
            self.referral = Some(Referral { to, place: Some(place), is_accepted: false });
        }
        is_asked
    }

    /// Is the far end being put through elsewhere, because we asked for it?
    pub(super) fn is_referred(&self) -> bool {
        self.referral.is_some()
    }

    /// Is the far end being put through to the party at this place?
    pub(super) fn is_referred_to(&self, place: u8) -> bool {
        self.referral.as_ref().is_some_and(|referral| referral.place == Some(place))
    }

    /// How it goes.
    pub(super) fn refer_progress(&mut self, cx: &mut Context<'_>, status: u16, is_final: bool) {
        let Some(referral) = &mut self.referral else { return };
        referral.is_accepted |= !is_final || status < 300;
        let (to, place) = (referral.to.clone(), referral.place);
        self.tell(cx, CallFact::Transfer { to, status, is_final });
        if !is_final {
            return;
        }
        if status < 300 {
            // RFC 5589 §6: the new party is there, we are no longer wanted.
            self.put_through();
            return self.close(cx, Disposition::Completed, EndedBy::Operator);
        }
        self.referral = None;
        self.listen_again(cx);
        match place {
            Some(place) => self.refused_referral(cx, place),
            None => self.untransferred(cx),
        }
    }

    /// The far end hangs up: has it gone where we asked it to go? Some do so without another word.
    pub(super) fn is_put_through(&mut self) -> bool {
        let is_so = self.referral.as_ref().is_some_and(|referral| referral.is_accepted);
        if is_so {
            self.put_through();
        }
        is_so
    }

    fn put_through(&mut self) {
        let to = self.referral.take().map(|referral| referral.to);
        self.facts.detail = to.map(|to| format!("transferred to {to}"));
    }
}
