//! What a call costs before it is placed: its price, whether it can be paid, and what is kept back for it.

use std::sync::Arc;

use super::{Inner, Ticket, stored};
use crate::billing::{Ask, Held};
use crate::clock::wall_now;
use crate::model::{
    Agent, Application, Face, Key, PhoneNumber, Rate, Refusal, SpendControl, Spender, TenantId,
};

impl Inner {
    /// What a call to this number costs; `None` if calls cost nothing here.
    pub(super) async fn price(&self, tenant: TenantId, to: &PhoneNumber) -> Result<Option<Rate>, Refusal> {
        let Some(cashier) = &self.parts.cashier else { return Ok(None) };
        cashier.seat(tenant).await.map_err(|error| stored(&error))?;
        cashier.price(tenant, to).map(Some)
    }

    /// What a call to a SIP URI costs: nothing, unless the prices say so.
    pub(super) async fn endpoint_price(&self, tenant: TenantId) -> Result<Option<Rate>, Refusal> {
        let Some(cashier) = &self.parts.cashier else { return Ok(None) };
        cashier.seat(tenant).await.map_err(|error| stored(&error))?;
        Ok(cashier.endpoint_price(tenant))
    }

    /// Could it be paid now? Spend controls and balance come before whatever else may keep the call from starting.
    pub(super) fn look(&self, ticket: &Ticket) -> Result<(), Refusal> {
        match self.parts.cashier.as_ref().zip(ticket.ask.as_ref()) {
            Some((cashier, ask)) => cashier.accounts().look(wall_now(), ask),
            None => Ok(()),
        }
    }

    /// A price that waiting does not change is this number's fault, and not the account's.
    pub(super) fn not_too_dear(&self, ask: Option<&Ask>) -> Result<(), Refusal> {
        match self.parts.cashier.as_ref().zip(ask) {
            Some((cashier, ask)) if cashier.accounts().is_too_dear(ask) => {
                let reason = "its first interval costs more than one call may".to_owned();
                Err(Refusal::DestinationForbidden { reason })
            }
            _ => Ok(()),
        }
    }

    /// Keeps the money back.
    pub(super) fn hold(&self, ask: Option<&Ask>) -> Result<Option<Held>, Refusal> {
        match self.parts.cashier.as_ref().zip(ask) {
            Some((cashier, ask)) => cashier.accounts().hold(wall_now(), ask).map(Some),
            None => Ok(None),
        }
    }
}

/// MiniVoice's documents have the rate before the trunk.
pub fn asks_the_price_first(face: Option<Face>) -> bool {
    face == Some(Face::MiniVoice)
}

/// The longest call that the agent and any of the trunks allow, at this price.
pub fn ask(ticket: &Ticket, rate: Rate, face: Option<Face>, application: Option<&Application>) -> Ask {
    let plan = &ticket.plan;
    let own = plan.agent.call_duration_max;
    let by_trunk = plan.trunks.iter().map(|trunk| trunk.destinations.longest(own));
    Ask {
        tenant: ticket.record.tenant,
        spenders: spenders(plan.key.as_deref(), application),
        rate,
        longest: by_trunk.max().unwrap_or(own),
        partial: face.is_some_and(takes_any_balance),
    }
}

/// Whose limits a call counts against.
pub fn spenders(key: Option<&Key>, application: Option<&Application>) -> Vec<(Spender, SpendControl)> {
    let key = key.map(|key| (Spender::Key(key.id), key.spend));
    let application = application.map(|one| (Spender::Application(one.id), one.spend));
    key.into_iter().chain(application).collect()
}

/// A face whose documents refuse a call only when nothing is left.
fn takes_any_balance(face: Face) -> bool {
    face == Face::ThunderPhone
}

/// The hold goes into the call's row, and the call lasts no longer than it: whatever ends a call that is too long ends it then.
pub fn write_down(ticket: &mut Ticket, held: Option<&Held>) {
    let Some(held) = held else { return };
    ticket.record.hold = Some(held.hold().clone());
    let (own, lasts) = (ticket.plan.agent.call_duration_max, held.lasts());
    if lasts < own {
        let shorter = Agent { call_duration_max: lasts, ..Agent::clone(&ticket.plan.agent) };
        ticket.plan.agent = Arc::new(shorter);
    }
}
