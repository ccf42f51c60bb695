//! From a valid request to a call on its way, and from a crash to an end that is told.
//!
//! `originate` takes permits, ports and the journal's slot, commits the intent and gives the call to its shard; `queue`
//! holds calls that wait for room, and `waiting` says what becomes of them; `inbound` decides about calls that come in; `second` places the parties that calls wish for; `plan` freezes what a call needs, `words` are what it reads in texts; `recovery` settles what an earlier run left.
#![expect(clippy::disallowed_methods, reason = "a shell reads the clock and starts tasks")]

mod bill;
mod briefing;
mod ids;
mod inbound;
mod leg;
mod plan;
mod queue;
mod recipient;
mod recovery;
mod second;
mod waiting;
mod words;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::{Duration, Instant};

use trunkline_media::Media;

use tokio_util::sync::CancellationToken;

use crate::admission::{Admission, Permit};
use crate::billing::{Ask, Held};
use crate::call::{Command, Events, Mailbox, Told};
use crate::cashier::Cashier;
use crate::clock::wall_now;
use crate::directory::{Directory, Route};
use crate::journal::{Journal, Slot};
use crate::metrics::{Metrics, trunk_label};
use crate::model::{
    Accepted, Application, CallId, CallPlan, CallRecord, Direction, Disposition, EndedBy, Idempotency, Key,
    KeyId, NotDone, OutboundRequest, Outcome, Placed, Refusal, Review, ReviewOffer, Step, StoredResponse,
    WhenFull,
};
use crate::store::{Intended, Replay, Store, StoreError};
use crate::watched::watched;
use crate::webhook::Asker;

pub(crate) use ids::Ids;
pub use inbound::callers;
use leg::OpenLeg;
use queue::Queue;
pub use recipient::Prepared;
pub use second::{dials, plan_of as plan_of_second};

/// What the dialer is made of.
pub struct DialerParts {
    /// Who may call from where.
    pub directory: Directory,
    /// Who may call now.
    pub admission: Admission,
    /// Where calls are written down.
    pub journal: Journal,
    /// Ids, and what was asked before.
    pub store: Store,
    /// Who says what calls cost, if they cost anything.
    pub cashier: Option<Cashier>,
    /// Where legs are opened.
    pub media: Arc<Media>,
    /// The shard.
    pub mailbox: Mailbox,
    /// Where calls are counted.
    pub metrics: Metrics,
    /// Where the ends of calls that no shard ever had are told.
    pub events: Events,
    /// Asks tenants' programs who answers calls that come in.
    pub asker: Asker,
    /// What holds for every call.
    pub settings: Settings,
}

/// What holds for every call.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where recordings go; `None` records nothing.
    pub recordings: Option<PathBuf>,
    /// What becomes of calls that are over.
    pub reviews: ReviewOffer,
    /// The address that SDP offers instead of the one that RTP is bound to.
    pub advertise: Option<IpAddr>,
    /// How long an answered call may be without RTP.
    pub rtp_timeout: Duration,
    /// How long a call may wait for room.
    pub queue_max: Duration,
}

/// Places calls. Cheap to clone.
#[derive(Clone)]
pub struct Dialer(Arc<Inner>);

struct Inner {
    parts: DialerParts,
    ids: Ids,
    /// Below it are the ids of earlier runs.
    first: u64,
    queue: Arc<Queue>,
    draining: AtomicBool,
    /// Who starts queued calls.
    over: CancellationToken,
}

/// A call that is decided but not yet accepted.
struct Ticket {
    plan: CallPlan,
    record: CallRecord,
    idempotency: Option<Idempotency>,
    /// What it wants to be paid, if it costs anything.
    ask: Option<Ask>,
}

impl Dialer {
    /// A dialer, and the task that starts queued calls when there is room. From here on calls may come in.
    pub async fn start(parts: DialerParts) -> Result<Self, StoreError> {
        let ids = Ids::new(parts.store.clone());
        let first = ids.begin().await?;
        let (queue, admission) = (Arc::<Queue>::default(), parts.admission.clone());
        let draining = AtomicBool::new(false);
        let over = CancellationToken::new();
        let inner = Inner { parts, ids, first, queue: Arc::clone(&queue), draining, over: over.clone() };
        let dialer = Self(Arc::new(inner));
        tokio::spawn(watched(&over, queue::run(Arc::downgrade(&dialer.0), queue, admission)));
        Ok(dialer)
    }

    /// Cancelled when nobody starts queued calls any more: the dialer is gone, or who did it died.
    pub fn over(&self) -> CancellationToken {
        self.0.over.clone()
    }

    /// Places one call: resolves agent, number and trunk, takes permits, commits the intent, starts the call. `render`
    /// makes the face's answer, which is stored with the commit. Over a limit the call is accepted and waits for room.
    pub async fn originate(
        &self,
        request: OutboundRequest,
        render: impl FnOnce(&Accepted) -> StoredResponse + Send,
    ) -> Result<Placed, Refusal> {
        if self.is_draining() {
            return Err(Refusal::Draining);
        }
        if let Some(replayed) = self.replay(&request).await? {
            return Ok(Placed::Replayed(replayed));
        }
        let snapshot = self.0.parts.directory.snapshot();
        let key = snapshot.key_by_id(request.key).cloned();
        let face = key.as_ref().map(|key| key.face);
        // Everybody's checks are the same; the order in which they answer is the vendor's.
        let mut rate = None;
        if bill::asks_the_price_first(face) {
            rate = self.0.price(request.tenant, &request.to).await?;
        }
        let route = snapshot.resolve(&request)?;
        let application =
            key.as_ref().and_then(|key| snapshot.application_by_id(key.application()?)).cloned();
        if !bill::asks_the_price_first(face) {
            rate = self.0.price(request.tenant, &request.to).await?;
        }
        let when_full = request.when_full;
        let mut ticket = self.ticket(request, route, key.clone(), application.as_deref()).await?;
        ticket.ask = rate.map(|rate| bill::ask(&ticket, rate, face, application.as_deref()));
        self.0.look(&ticket)?;
        let accepted = Accepted { record: ticket.record.clone(), application, key };
        self.0.accept(ticket, when_full, render(&accepted)).await
    }

    /// Places one call that no key asked for (the command line), through this route. It does not wait for room.
    pub async fn place(&self, request: OutboundRequest, route: Route, tap: bool) -> Result<CallId, Refusal> {
        let mut ticket = self.ticket(request, route, None, None).await?;
        ticket.plan.tap = tap;
        let call = ticket.plan.call;
        let (permit, _) = self.0.admit(&mut ticket.plan, None)?;
        ticket.record.trunk.clone_from(&ticket.plan.trunk.name);
        let unused = StoredResponse { status: 201, body: String::new() };
        self.0.start_now(ticket, permit, None, unused).await?;
        Ok(call)
    }

    /// Does something to a call that talks; says whether it will be done. How it goes is told as facts.
    pub async fn control(&self, call: CallId, step: Step, interrupt: bool) -> Result<(), NotDone> {
        let (sender, asked) = tokio::sync::oneshot::channel();
        // Who asked may not wait for the answer any more.
        let told: Told = Box::new(move |result| drop(sender.send(result)));
        self.0.parts.mailbox.send(Command::Control { call, step, interrupt, told }).await;
        asked.await.unwrap_or(Err(NotDone::NotTalking))
    }

    /// Ends a call, if it lives: one that waits for room never starts.
    pub async fn hangup(&self, call: CallId) {
        if !self.0.hang_up_waiting(call) {
            self.0.hang_up_live(call).await;
        }
    }

    /// Settles what an earlier run left unfinished. Call it before the first call is placed; one that comes in meanwhile is this
    /// run's own.
    pub async fn recover(&self) -> Result<usize, StoreError> {
        recovery::run(&self.0.parts, self.0.first).await
    }

    /// No new calls from now on; those that still wait for room end as interrupted, live ones go on.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
        // See `Inner::reserve`.
        fence(Ordering::SeqCst);
        self.0.empty();
    }

    /// Ends every live call with a BYE or a CANCEL.
    pub async fn hangup_all(&self) {
        self.0.parts.mailbox.send(Command::HangupAll).await;
    }

    /// No new calls?
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// How many calls wait for room, asked at any time; it does not keep the dialer alive.
    pub fn queue_length(&self) -> impl Fn() -> usize + Send + use<> {
        let inner = Arc::downgrade(&self.0);
        move || inner.upgrade().map_or(0, |inner| inner.queue.len())
    }

    /// Looked up before anything is taken. Two first requests at once are told apart by the commit.
    async fn replay(&self, request: &OutboundRequest) -> Result<Option<StoredResponse>, Refusal> {
        let Some(idempotency) = &request.idempotency else { return Ok(None) };
        self.certain(request.key, idempotency).await?;
        let found = self.0.parts.store.find_replay(request.key, idempotency).await;
        // It may have come meanwhile.
        self.certain(request.key, idempotency).await?;
        match found.map_err(|error| stored(&error))? {
            Some(Replay::Same(response)) => Ok(Some(response)),
            Some(Replay::Conflict) => Err(Refusal::IdempotencyConflict),
            None => Ok(None),
        }
    }

    /// Refuses while what the store says of an earlier request may be taken back.
    async fn certain(&self, key: KeyId, idempotency: &Idempotency) -> Result<(), Refusal> {
        match self.0.parts.journal.is_certain(key, idempotency).await {
            true => Ok(()),
            false => Err(Refusal::Overloaded("the database")),
        }
    }

    async fn ticket(
        &self,
        request: OutboundRequest,
        route: Route,
        key: Option<Arc<Key>>,
        application: Option<&Application>,
    ) -> Result<Ticket, Refusal> {
        let call = self.0.ids.next().await.map_err(|error| stored(&error))?;
        let record = self.0.parts.settings.recordings.is_some();
        let now = (Instant::now(), wall_now());
        let mut ticket = plan::freeze(call, request, route, key.clone(), application, record, now)?;
        ticket.record.review = Review::wanted(&ticket.plan.agent, self.0.parts.settings.reviews);
        if let Some(key) = &key {
            ticket.record.endpoints = self.0.parts.directory.snapshot().endpoints_for(key.tenant, key.face);
        }
        Ok(ticket)
    }
}

impl Inner {
    /// Starts the call now. Where a limit is reached, it waits, if its face lets it.
    async fn accept(
        &self,
        mut ticket: Ticket,
        when_full: WhenFull,
        response: StoredResponse,
    ) -> Result<Placed, Refusal> {
        match self.admit(&mut ticket.plan, ticket.ask.as_ref()) {
            Ok((permit, held)) => {
                ticket.record.trunk.clone_from(&ticket.plan.trunk.name);
                self.start_now(ticket, permit, held, response).await
            }
            Err(Refusal::Limited { .. }) if when_full == WhenFull::Wait => {
                self.let_wait(ticket, response).await
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Room for the call by one of its trunks, which the plan names from then on, and its money.
    fn admit(&self, plan: &mut CallPlan, ask: Option<&Ask>) -> Result<(Permit, Option<Held>), Refusal> {
        let (now, key) = (Instant::now(), plan.key.as_deref());
        let pay = || self.hold(ask);
        let (chosen, permit, held) = self.parts.admission.admit_paid(now, key, &plan.trunks, pay)?;
        plan.trunk = Arc::clone(&plan.trunks[chosen]);
        Ok((permit, held))
    }

    /// The intent is committed before the INVITE leaves.
    async fn start_now(
        &self,
        mut ticket: Ticket,
        permit: Permit,
        held: Option<Held>,
        response: StoredResponse,
    ) -> Result<Placed, Refusal> {
        let mut slot = self.reserve()?;
        bill::write_down(&mut ticket, held.as_ref());
        slot.keep(held);
        let leg = OpenLeg::open(&self.parts, &ticket.plan, Direction::Outbound)?;
        match self.commit(slot, ticket.record, ticket.idempotency, &response).await? {
            Some(replayed) => Ok(Placed::Replayed(replayed)),
            None => {
                self.launch(ticket.plan, leg, permit);
                Ok(Placed::New(response))
            }
        }
    }

    /// The slot goes first and the look after it, the drain does it the other way round: so a call that does not see the
    /// drain is one that the drain waits for.
    fn reserve(&self) -> Result<Slot, Refusal> {
        let slot = self
            .parts
            .journal
            .reserve()
            .ok_or(Refusal::Overloaded("too many calls are being written down"))?;
        fence(Ordering::SeqCst);
        if self.draining.load(Ordering::Acquire) { Err(Refusal::Draining) } else { Ok(slot) }
    }

    /// `Some`: the same request was accepted before.
    async fn commit(
        &self,
        slot: Slot,
        record: CallRecord,
        idempotency: Option<Idempotency>,
        response: &StoredResponse,
    ) -> Result<Option<StoredResponse>, Refusal> {
        let promise = idempotency.map(|idempotency| (idempotency, response.clone()));
        match self.parts.journal.intend(slot, record, promise).await.map_err(|error| stored(&error))? {
            Intended::Committed => Ok(None),
            Intended::Replay(replayed) => Ok(Some(replayed)),
            Intended::Conflict => Err(Refusal::IdempotencyConflict),
            Intended::Superseded => Err(Refusal::Superseded),
            Intended::DoNotCall => Err(Refusal::DoNotCall),
        }
    }

    fn launch(&self, plan: CallPlan, leg: OpenLeg, permit: Permit) {
        // The room goes first: a leg that nobody takes over is closed by being dropped here.
        let Some(room) = self.parts.mailbox.room() else {
            return self.never_started(plan.call, "the shard's mailbox is full");
        };
        self.parts.metrics.call_started(&trunk_label(plan.trunk.tenant, &plan.trunk.name));
        room.give(Command::Originate(Box::new(leg.hand_over(plan, permit))));
    }

    /// An accepted call that no INVITE left for still ends, once.
    fn never_started(&self, call: CallId, why: &str) {
        let now = Instant::now();
        let disposition = if self.draining.load(Ordering::Acquire) {
            Disposition::Interrupted
        } else {
            Disposition::Overloaded
        };
        self.end(call, Outcome::by_switch(disposition, now, why));
    }

    async fn hang_up_live(&self, call: CallId) {
        let (disposition, by) = (Disposition::Cancelled, EndedBy::Operator);
        self.parts.mailbox.send(Command::Hangup { call, disposition, by }).await;
    }
}

fn stored(error: &StoreError) -> Refusal {
    tracing::error!(%error, "the store refused a call");
    Refusal::Storage
}

#[cfg(test)]
pub(crate) mod tests;
