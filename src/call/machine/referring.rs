//! A transfer that we ask for: the far end shall call somebody else in our place (RFC 5589 §6, blind). It pays as we would, so the
//! number passes the trunk's destinations. The call ends when it has come to pass, and goes on as it was if it has not.

use trunkline_sip::Refer;

use super::{Call, Context};
use crate::model::{CallFact, Disposition, EndedBy, NotDone, PhoneNumber};
use crate::trunk::{destination, route};

/// A REFER of ours that nobody has said the last word of.
pub struct Referral {
    to: PhoneNumber,
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
        self.tell(cx, CallFact::Transfer { to: to.as_str().to_owned(), status: 100, is_final: false });
        self.referral = Some(Referral { to, is_accepted: false });
        Ok(())
    }

    /// How it goes.
    pub(super) fn refer_progress(&mut self, cx: &mut Context<'_>, status: u16, is_final: bool) {
        let Some(referral) = &mut self.referral else { return };
        referral.is_accepted |= !is_final || status < 300;
        let to = referral.to.as_str().to_owned();
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
        self.untransferred(cx);
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
        self.facts.detail = to.map(|to| format!("transferred to {}", to.as_str()));
    }
}
