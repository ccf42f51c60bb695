//! What becomes of calls that wait for room: accepted over a limit, they start when their turn has come, and end when somebody hangs
//! them up, when they have waited for too long, or when their key is gone.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::leg::OpenLeg;
use super::queue::{Found, Waiting};
use super::{Inner, Ticket, bill};
use crate::admission::Permit;
use crate::clock::wall_now;
use crate::model::{
    CallEvent, CallFact, CallId, CallState, Dialing, Direction, Disposition, EndedBy, Outcome, Placed,
    Refusal, StoredResponse, Trunk,
};
use crate::store::StoreError;

const HUNG_UP: &str = "hung up while it waited for room";

/// Why a call could not start though there was room.
enum Hitch {
    /// It may be otherwise soon.
    Passing(String),
    /// It will not.
    Lasting(String),
    /// Nobody calls this number any more.
    DoNotCall,
}

impl Inner {
    /// Accepts a call that has to wait.
    pub(super) async fn let_wait(
        &self,
        mut ticket: Ticket,
        response: StoredResponse,
    ) -> Result<Placed, Refusal> {
        let is_alone = self.parts.directory.snapshot().tenants().len() < 2;
        let place = self.queue.reserve(ticket.plan.agent.tenant, is_alone);
        let place = place.ok_or(Refusal::Overloaded("the queue of waiting calls is full"))?;
        let mut slot = self.reserve()?;
        let held = self.hold(ticket.ask.as_ref())?;
        bill::write_down(&mut ticket, held.as_ref());
        slot.keep(held);
        ticket.record.state = CallState::Accepted;
        match self.commit(slot, ticket.record, ticket.idempotency, &response).await? {
            Some(replayed) => Ok(Placed::Replayed(replayed)),
            None => {
                place.fill(ticket.plan);
                self.empty_if_draining();
                Ok(Placed::New(response))
            }
        }
    }

    /// A queued call's turn has come. False: it could not start now, and waits on.
    pub(super) async fn start_waiting(&self, mut waiting: Waiting, permit: Permit) -> bool {
        let (call, tenant) = (waiting.plan.call, waiting.plan.agent.tenant);
        let ready = self.make_ready(&mut waiting).await;
        if self.queue.is_hung_up() {
            self.queue.left(tenant);
            self.cancelled(call, HUNG_UP);
            return true;
        }
        match ready {
            Ok(leg) => {
                self.launch(waiting.plan, leg, permit);
                if self.queue.left(tenant) {
                    // Just now: it has left, and hears of it as any other call does.
                    self.hang_up_live(call).await;
                }
                true
            }
            Err(Hitch::Passing(why)) => {
                tracing::debug!(%call, %why, "a call that has room cannot start yet; it waits on");
                drop(permit);
                match self.queue.put_back(waiting) {
                    None => self.empty_if_draining(),
                    Some(_) => self.cancelled(call, HUNG_UP),
                }
                false
            }
            Err(Hitch::Lasting(why)) => {
                self.queue.left(tenant);
                self.never_started(call, &why);
                true
            }
            Err(Hitch::DoNotCall) => {
                self.queue.left(tenant);
                self.cancelled(call, "its number was put on the do-not-call list while it waited for room");
                true
            }
        }
    }

    /// Ports, and the intent on disk, unless somebody has objected meanwhile.
    async fn make_ready(&self, waiting: &mut Waiting) -> Result<OpenLeg, Hitch> {
        let plan = &waiting.plan;
        // Ports and media threads are given back by calls that end.
        let leg = OpenLeg::open(&self.parts, plan, Direction::Outbound)
            .map_err(|refusal| Hitch::Passing(refusal.to_string()))?;
        // It was not listed when it was accepted.
        let listed = self.parts.store.do_not_call(plan.agent.tenant, &plan.to).await;
        if listed.map_err(|error| Hitch::Passing(error.to_string()))?.is_some() {
            return Err(Hitch::DoNotCall);
        }
        let dialing = Dialing {
            call: plan.call,
            trunk: plan.trunk.name.clone(),
            sip_call_id: plan.sip_call_id.clone(),
            attempts: Vec::new(),
            started_at: Some(*waiting.started_at.get_or_insert_with(wall_now)),
        };
        self.parts.journal.dialing(dialing).await.map_err(|error| match error {
            StoreError::QueueFull | StoreError::Unavailable | StoreError::Database(_) => {
                Hitch::Passing(error.to_string())
            }
            error => Hitch::Lasting(error.to_string()),
        })?;
        Ok(leg)
    }

    /// Ends those that have waited for too long, and those whose key nobody may use any more, or none of whose trunks.
    pub(super) fn end_overdue(&self) {
        let (now, most) = (Instant::now(), self.parts.settings.queue_max);
        let snapshot = self.parts.directory.snapshot();
        let overdue = self.queue.take_over(|plan| {
            if plan.key.as_ref().is_some_and(|key| !snapshot.is_usable(key)) {
                let why = "its key was revoked while it waited for room".to_owned();
                return Some((Disposition::Cancelled, EndedBy::Operator, why));
            }
            let is_there = |trunk: &Arc<Trunk>| snapshot.trunk_by_id(trunk.id).is_some_and(|now| now.enabled);
            plan.trunks.retain(is_there);
            if plan.trunks.is_empty() {
                let why = "its trunks were disabled or removed while it waited for room".to_owned();
                return Some((Disposition::Cancelled, EndedBy::Operator, why));
            }
            let is_old = now.saturating_duration_since(plan.asked_at) >= most;
            is_old.then(|| {
                let why = format!("no room within {} s (limits.queue_seconds)", most.as_secs());
                (Disposition::Overloaded, EndedBy::Switch, why)
            })
        });
        for (waiting, (disposition, ended_by, why)) in overdue {
            let outcome = Outcome { ended_by, ..Outcome::by_switch(disposition, now, &why) };
            self.end(waiting.plan.call, outcome);
        }
    }

    /// Ends a call that waits. False: it does not wait, or not any more.
    pub(super) fn hang_up_waiting(&self, call: CallId) -> bool {
        match self.queue.hang_up(call) {
            Found::Waiting => {
                self.cancelled(call, HUNG_UP);
                true
            }
            Found::Starting => true,
            Found::Elsewhere => false,
        }
    }

    fn cancelled(&self, call: CallId, why: &str) {
        let outcome = Outcome::by_switch(Disposition::Cancelled, Instant::now(), why);
        self.end(call, Outcome { ended_by: EndedBy::Operator, ..outcome });
    }

    /// A drain that began meanwhile has emptied the queue before this call came.
    fn empty_if_draining(&self) {
        if self.draining.load(Ordering::Acquire) {
            self.empty();
        }
    }

    /// The switch stops: whoever still waits for room is told so.
    pub(super) fn empty(&self) {
        for waiting in self.queue.take_all() {
            self.never_started(waiting.plan.call, "the switch was stopped before the call could start");
        }
    }

    pub(super) fn end(&self, call: CallId, outcome: Outcome) {
        let at = outcome.ended_at;
        (self.parts.events)(CallEvent { call, at, fact: CallFact::Ended(Box::new(outcome)) });
    }
}
