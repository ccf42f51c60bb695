//! A campaign's calls: they never wait in the dialer's queue, since who waits for them has their prompts on disk.

use super::{Dialer, Ticket};
use crate::admission::Permit;
use crate::model::{CallId, OutboundRequest, Refusal, StoredResponse};

/// A call that has its permit, and no intent on disk yet. Dropping it gives the permit back.
pub struct Prepared {
    dialer: Dialer,
    ticket: Ticket,
    permit: Permit,
}

impl Dialer {
    /// Resolves agent, number and trunk, and takes a permit. Over a limit it is refused, and nothing is consumed.
    pub async fn prepare(&self, request: OutboundRequest) -> Result<Prepared, Refusal> {
        if self.is_draining() {
            return Err(Refusal::Draining);
        }
        let snapshot = self.0.parts.directory.snapshot();
        let route = snapshot.resolve(&request)?;
        let key = snapshot.key_by_id(request.key).cloned();
        let mut ticket = self.ticket(request, route, key, None).await?;
        let permit = self.0.admit(&mut ticket.plan)?;
        ticket.record.trunk.clone_from(&ticket.plan.trunk.name);
        Ok(Prepared { dialer: self.clone(), ticket, permit })
    }
}

impl Prepared {
    /// Commits the intent, which moves the recipient, and starts the call. [`Refusal::Superseded`]: the recipient is not to be
    /// dialled any more.
    pub async fn start(self) -> Result<CallId, Refusal> {
        let Self { dialer, ticket, permit } = self;
        let call = ticket.plan.call;
        // No client waits for this answer.
        let unused = StoredResponse { status: 201, body: String::new() };
        dialer.0.start_now(ticket, permit, unused).await?;
        Ok(call)
    }
}
