//! Batch campaigns: made, launched, paused and cancelled here, and dialled by the [`Runner`]. The recipients are the store's; this
//! room holds no more of them than it is about to dial.
//!
//! | file | what |
//! |---|---|
//! | [`window`] | when a campaign may dial. Pure |
//! | `hours` | when a recipient may be called, by its own clock. Pure |
//! | `step` | what an order makes of a campaign's status. Pure |
//! | `abandonment` | how many callees nobody had time for, and whether it may dial ahead. Pure |
//! | `desks` | room for the requests of those that are being made |
//! | `turns` | which keys' are being stored, one of each at a time |
//! | `lines` | whose turn it is: round robin by key, then by campaign. Pure |
//! | [`pacing`] | how far one of people's dials ahead of them. Pure |
//! | `runner` | the task that claims and dials |
#![expect(clippy::disallowed_methods, reason = "a shell reads the clock and starts tasks")]

mod abandonment;
mod desks;
mod hours;
mod lines;
pub mod pacing;
mod runner;
mod step;
mod turns;
pub mod window;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use desks::{Desk, Desks};
pub use pacing::Pace;
pub use runner::{Runner, Staffing};
pub use step::Order;
use turns::Turns;

use crate::clock::wall_now;
use crate::dialer::Ids;
use crate::directory::{Directory, Route};
use crate::model::{
    Agent, BatchRefusal, BatchRequest, CallerIds, Campaign, CampaignCounters, CampaignId, CampaignStatus,
    Counts, CreationFault, InvalidRecipient, Learned, NewCampaign, Placed, Recipient, Refusal,
    StoredResponse, TenantId, Timestamp,
};
use crate::store::{Made, RecipientFilter, Replay, Store, StoreError};

/// A handle to all campaigns. Cheap to clone.
#[derive(Clone)]
pub struct Campaigns(Arc<Inner>);

struct Inner {
    store: Store,
    directory: Directory,
    ids: Ids,
    /// What was learned of the calls of those that need people.
    pace: Pace,
    /// Something is to be done that the runner has not seen.
    wake: Notify,
    tally: Tally,
    /// Of those that may be repeated, each key's are stored one at a time.
    making: Turns,
    /// Room for the requests of those that are being made, whose recipients are in memory until they are stored.
    desks: Desks,
}

/// What the runner did since the start.
#[derive(Default)]
struct Tally {
    claimed: AtomicU64,
    dialled: AtomicU64,
    failed: AtomicU64,
    released: AtomicU64,
    running: AtomicU64,
    scheduled: AtomicU64,
    held_back: AtomicU64,
}

/// Renders the answer that is stored with the campaign.
type Render = fn(&Campaign, &[InvalidRecipient], Option<u64>) -> StoredResponse;

/// An order is decided anew so often when the campaign moves under it.
const DECISIONS_MAX: usize = 8;

impl Campaigns {
    /// Campaigns kept here, of these agents and numbers. A [`Runner`] dials them, as this paces it.
    pub fn new(store: Store, directory: Directory, pace: Pace) -> Self {
        Self(Arc::new(Inner {
            ids: Ids::new(store.clone()),
            store,
            directory,
            pace,
            wake: Notify::new(),
            tally: Tally::default(),
            making: Turns::default(),
            desks: Desks::default(),
        }))
    }

    /// Settles what an earlier run left: campaigns half made, and recipients claimed but not dialled. Call it before anybody makes
    /// one.
    pub async fn settle(&self) -> Result<(), StoreError> {
        let removed = self.0.store.remove_unfinished_campaigns().await?;
        let released = self.0.store.release_claimed().await?;
        if removed > 0 || released > 0 {
            tracing::warn!(removed, released, "campaigns of an earlier run were settled");
        }
        Ok(())
    }

    /// Room for one request of a tenant's, to be had before its body is read and held until it is answered. Waits for so long.
    pub async fn desk(&self, tenant: TenantId, patience: Duration) -> Result<Desk, Refusal> {
        let desk = self.0.desks.take(tenant, patience).await;
        desk.ok_or(Refusal::Overloaded("too many campaigns are being made"))
    }

    /// Makes a campaign: resolves agent and number, checks schedule, zone and window, stores it with its recipients. It is made
    /// even if nobody waits for the answer any more. `None`: making it panicked.
    pub async fn create(
        &self,
        request: BatchRequest,
        render: Render,
    ) -> Option<Result<Placed, BatchRefusal>> {
        let this = self.clone();
        tokio::spawn(async move { this.make(request, render).await }).await.ok()
    }

    async fn make(&self, request: BatchRequest, render: Render) -> Result<Placed, BatchRefusal> {
        let store = &self.0.store;
        // Only what may be repeated has to wait for its equal.
        let _turn = match request.idempotency {
            Some(_) => Some(self.0.making.take(request.key).await),
            None => None,
        };
        if let Some(idempotency) = &request.idempotency {
            match store.find_replay(request.key, idempotency).await.map_err(stored)? {
                Some(Replay::Same(response)) => return Ok(Placed::Replayed(response)),
                Some(Replay::Conflict) => return Err(Refusal::IdempotencyConflict.into()),
                None => {}
            }
        }
        let route = self.route(&request).map_err(BatchRefusal::Creation)?;
        let campaign = planned(&request, &route, wall_now()).map_err(BatchRefusal::Creation)?;
        let id = CampaignId(self.0.ids.next().await.map_err(stored)?.get());
        let campaign = Campaign { id, ..campaign };
        let response = render(&campaign, &request.invalid, request.duplicates);
        let promise = request.idempotency.map(|idempotency| (idempotency, response.clone()));
        let new = NewCampaign { campaign, prompt: request.prompt };
        match store.create_campaign(new, request.recipients, promise).await.map_err(stored)? {
            Made::Created => {
                self.0.wake.notify_one();
                Ok(Placed::New(response))
            }
            Made::Replay(replayed) => Ok(Placed::Replayed(replayed)),
            Made::Conflict => Err(Refusal::IdempotencyConflict.into()),
        }
    }

    /// Agent, number, trunk, in the document's order. The number is fixed from now on, unless the agent chooses one for each callee.
    fn route(&self, request: &BatchRequest) -> Result<Route, CreationFault> {
        let snapshot = self.0.directory.snapshot();
        let agent = snapshot.agent(request.tenant, &request.agent).ok_or(CreationFault::AgentNotFound)?;
        let way = match &request.from {
            Some(Ok(from)) => snapshot.way(request.tenant, &request.agent, Some(from)),
            Some(Err(())) => return Err(CreationFault::FromNumberNotFound),
            None if agent.caller_ids != CallerIds::First => {
                snapshot.way_to_anybody(request.tenant, &request.agent)
            }
            None if snapshot.outbound_numbers(agent.id) > 1 => return Err(CreationFault::FromNumberRequired),
            None => snapshot.way(request.tenant, &request.agent, None),
        };
        way.map_err(|refusal| match refusal {
            Refusal::AgentMissingPhoneNumber => CreationFault::AgentMissingPhoneNumber,
            Refusal::FromNumberNotFound => CreationFault::FromNumberNotFound,
            Refusal::NumberHasNoTrunk => CreationFault::NumberHasNoTrunk,
            _ => CreationFault::AgentNotFound,
        })
    }

    /// Carries out an order; the campaign as it then stands. What is so already is no fault.
    pub async fn order(
        &self,
        tenant: TenantId,
        id: CampaignId,
        order: Order,
    ) -> Result<Campaign, BatchRefusal> {
        let store = &self.0.store;
        for _ in 0..DECISIONS_MAX {
            let campaign = self.read(tenant, id).await?;
            let Some(next) = step::next(&campaign, order)? else { return Ok(campaign) };
            if matches!(order, Order::Launch | Order::Resume) && !self.has_key(&campaign) {
                return Err(BatchRefusal::KeyRevoked);
            }
            let now = wall_now();
            if !store.move_campaign(id, campaign.status, next, None, now).await.map_err(stored)? {
                continue;
            }
            tracing::info!(campaign = %id, from = campaign.status.as_str(), to = next.as_str(), "a campaign was ordered");
            if next == CampaignStatus::Cancelled {
                // Most campaigns are told at once; the runner goes on with the others.
                store.cancel_recipients(id, now).await.map_err(stored)?;
            }
            self.0.wake.notify_one();
            return self.read(tenant, id).await;
        }
        Err(Refusal::Overloaded("the campaign changes faster than it can be read").into())
    }

    /// Whose limits hold for its calls. A key that is revoked does not come back.
    fn has_key(&self, campaign: &Campaign) -> bool {
        let snapshot = self.0.directory.snapshot();
        snapshot.key_by_id(campaign.key).is_some_and(|key| snapshot.is_usable(key))
    }

    /// A tenant's campaign.
    pub async fn read(&self, tenant: TenantId, id: CampaignId) -> Result<Campaign, BatchRefusal> {
        self.0.store.campaign(tenant, id).await.map_err(stored)?.ok_or(BatchRefusal::NotFound)
    }

    /// How many single calls named this campaign, besides its own.
    pub async fn single_calls(&self, campaign: &Campaign) -> Result<u64, BatchRefusal> {
        self.0.store.single_calls_of(campaign.tenant, campaign.id).await.map_err(stored)
    }

    /// What a campaign of people's has learned of its calls. `None`: it is none, or has called nobody yet.
    pub fn learned(&self, campaign: &Campaign) -> Option<Learned> {
        self.0.pace.lock().learned(Instant::now(), campaign.id)
    }

    /// A tenant's campaigns, newest first, and how many there are in all.
    pub async fn list(
        &self,
        tenant: TenantId,
        status: Option<CampaignStatus>,
        limit: u32,
        offset: u64,
    ) -> Result<(Vec<Campaign>, u64), BatchRefusal> {
        self.0.store.campaigns(tenant, status, limit, offset).await.map_err(stored)
    }

    /// Recipients of a tenant's campaign, in their order.
    pub async fn recipients(
        &self,
        tenant: TenantId,
        id: CampaignId,
        filter: RecipientFilter,
        limit: u32,
    ) -> Result<Vec<Recipient>, BatchRefusal> {
        self.read(tenant, id).await?;
        self.0.store.recipients(id, filter, limit).await.map_err(stored)
    }

    /// What was done so far, asked at any time; it keeps nothing alive.
    pub fn counters(&self) -> impl Fn() -> CampaignCounters + Send + use<> {
        let inner = Arc::downgrade(&self.0);
        move || inner.upgrade().map_or_else(CampaignCounters::default, |inner| inner.tally.read())
    }
}

impl Tally {
    fn read(&self) -> CampaignCounters {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        CampaignCounters {
            claimed: read(&self.claimed),
            dialled: read(&self.dialled),
            failed: read(&self.failed),
            released: read(&self.released),
            running: read(&self.running),
            scheduled: read(&self.scheduled),
            held_back: read(&self.held_back),
        }
    }
}

/// The campaign that a request describes; its id is given later. Schedule, then zone, then window.
fn planned(request: &BatchRequest, route: &Route, now: Timestamp) -> Result<Campaign, CreationFault> {
    let date = request.date.map_err(CreationFault::InvalidSchedule)?;
    let zone = request.zone.clone().map_err(|()| CreationFault::InvalidTimezone)?;
    let window = request.window.map_err(CreationFault::InvalidWindow)?;
    let callee_window = request.callee_window.map_err(CreationFault::InvalidWindow)?;
    let agent: &Agent = &route.agent;
    let zone = zone.or_else(|| agent.timezone.clone()).unwrap_or_default();
    let due_at = match date {
        Some(date) => window::due_at(date, &zone)
            .ok_or(CreationFault::InvalidSchedule("scheduled_date is out of the calendar"))?,
        None => now,
    };
    let total = request.recipients.len() as u64;
    Ok(Campaign {
        id: CampaignId(0),
        tenant: request.tenant,
        key: request.key,
        agent: agent.id,
        from: route.from.clone(),
        number_per_callee: request.from.is_none() && agent.caller_ids != CallerIds::First,
        name: request.name.clone(),
        status: if date.is_some() { CampaignStatus::Scheduled } else { CampaignStatus::Running },
        reason: None,
        zone,
        window,
        callee_window,
        due_at,
        retry: request.retry.clone(),
        breaker: request.breaker,
        invalid: request.invalid.len() as u64,
        counts: Counts { total, pending: total, ..Counts::default() },
        created_at: now,
        launched_at: date.is_none().then_some(now),
        ended_at: None,
    })
}

fn stored(error: StoreError) -> BatchRefusal {
    tracing::error!(%error, "the store refused a campaign");
    Refusal::Storage.into()
}
