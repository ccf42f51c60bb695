//! A campaign's calls: they never wait in the dialer's queue, since who waits for them has their prompts on disk.

use tokio::sync::watch;

use super::{Dialer, Ticket, bill};
use crate::admission::Permit;
use crate::billing::Held;
use crate::model::{CallId, OutboundRequest, Refusal, StoredResponse};

/// A call that has its permit and its money, and no intent on disk yet. Dropping it gives both back.
pub struct Prepared {
    dialer: Dialer,
    ticket: Ticket,
    permit: Permit,
    held: Option<Held>,
}

impl Dialer {
    /// Resolves agent, number and trunk, and takes a permit and what the call may cost. Over a limit, or unpaid, it is
    /// refused, and nothing is consumed.
    pub async fn prepare(&self, request: OutboundRequest) -> Result<Prepared, Refusal> {
        if self.is_draining() {
            return Err(Refusal::Draining);
        }
        let snapshot = self.0.parts.directory.snapshot();
        let route = snapshot.resolve(&request)?;
        let key = snapshot.key_by_id(request.key).cloned();
        let face = key.as_ref().map(|key| key.face);
        let rate = self.0.price(request.tenant, &request.to).await?;
        let mut ticket = self.ticket(request, route, key, None).await?;
        ticket.ask = rate.map(|rate| bill::ask(&ticket, rate, face, None));
        self.0.not_too_dear(ticket.ask.as_ref())?;
        let (permit, held) = self.0.admit(&mut ticket.plan, ticket.ask.as_ref())?;
        ticket.record.trunk.clone_from(&ticket.plan.trunk.name);
        Ok(Prepared { dialer: self.clone(), ticket, permit, held })
    }
}

impl Dialer {
    /// Tells whoever waits for money that there may be more; never, where calls cost nothing.
    pub fn more_money(&self) -> watch::Receiver<()> {
        match &self.0.parts.cashier {
            Some(cashier) => cashier.accounts().more(),
            None => watch::channel(()).1,
        }
    }
}

impl Prepared {
    /// Commits the intent, which moves the recipient, and starts the call. [`Refusal::Superseded`]: the recipient is not to be
    /// dialled any more.
    pub async fn start(self) -> Result<CallId, Refusal> {
        let Self { dialer, ticket, permit, held } = self;
        let call = ticket.plan.call;
        // No client waits for this answer.
        let unused = StoredResponse { status: 201, body: String::new() };
        dialer.0.start_now(ticket, permit, held, unused).await?;
        Ok(call)
    }
}
