//! Campaigns and their recipients. Nothing here holds more recipients than one chunk: a campaign is a cursor over its rows,
//! and its counters are kept by the schema's triggers.

mod rows;
mod statements;

use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::{Replay, Store, StoreError};
use crate::model::{
    Abandonment, Campaign, CampaignId, CampaignStatus, ClaimedRecipient, Idempotency, KeyId, NewCampaign,
    NewRecipient, Recipient, RecipientId, RecipientState, StoredResponse, TenantId, Timestamp,
};

/// Rows that one statement inserts or changes.
const CHUNK: usize = 1_000;

/// Campaigns that the runner looks after at once.
const OPEN_MAX: u32 = 10_000;

/// What became of a campaign to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Made {
    /// It is on disk, with all its recipients.
    Created,
    /// The same request was accepted before; nothing was written.
    Replay(StoredResponse),
    /// The same idempotency key was used with another body, or its first use is not over; nothing was written.
    Conflict,
}

/// What the runner looks after.
#[derive(Debug)]
pub struct OpenCampaigns {
    /// In their order, at most 10,000.
    pub campaigns: Vec<Campaign>,
    /// How many are scheduled for later.
    pub later: u64,
}

impl OpenCampaigns {
    /// Are there as many as are looked after at once? More wait for one of them to end.
    pub fn is_full(&self) -> bool {
        self.campaigns.len() >= OPEN_MAX as usize
    }
}

/// Which recipients to take, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct RecipientClaim {
    /// Of this campaign.
    pub campaign: CampaignId,
    /// Those due by then.
    pub now: Timestamp,
    /// Nobody else takes them for so long.
    pub lease: Duration,
    /// At most so many, and at most 1,000.
    pub limit: u32,
}

/// Which recipients to list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RecipientFilter {
    /// Those after this place.
    pub after: Option<u32>,
    /// Only those who stand so.
    pub state: Option<RecipientState>,
}

impl Store {
    /// Makes a campaign with all its recipients, a chunk at a time, so that calls' writes pass in between. It exists once the
    /// last chunk is there: whatever a crash leaves of it before is removed by [`Store::remove_unfinished_campaigns`], and whatever a
    /// failure leaves of one by the next with its idempotency key, too. Of those that have one, whoever calls this makes one of
    /// each [`KeyId`]'s at a time.
    pub async fn create_campaign(
        &self,
        new: NewCampaign,
        recipients: Vec<NewRecipient>,
        promise: Option<(Idempotency, StoredResponse)>,
    ) -> Result<Made, StoreError> {
        let (id, key, status) = (new.campaign.id, new.campaign.key, new.campaign.status);
        let idempotency = promise.as_ref().map(|(idempotency, _)| idempotency.clone());
        if let Some(idempotency) = idempotency.clone() {
            self.remove_leftover(key, idempotency).await?;
        }
        if !self.aside(move |engine| async move { engine.begin_campaign(&new, promise).await }).await? {
            let Some(idempotency) = idempotency else { return Err(StoreError::Corrupt("campaign id")) };
            return Ok(match self.find_replay(key, &idempotency).await? {
                Some(Replay::Same(response)) => Made::Replay(response),
                Some(Replay::Conflict) | None => Made::Conflict,
            });
        }
        let Err(error) = self.fill_campaign(id, status, recipients).await else { return Ok(Made::Created) };
        match self.remove_campaign(id).await {
            // It is made: only the answer of its last commit was lost.
            Ok(false) => Ok(Made::Created),
            // If it could not be removed, the next with its key removes it, or the next start.
            Ok(true) | Err(_) => Err(error),
        }
    }

    async fn fill_campaign(
        &self,
        id: CampaignId,
        status: CampaignStatus,
        recipients: Vec<NewRecipient>,
    ) -> Result<(), StoreError> {
        let recipients: Arc<[NewRecipient]> = recipients.into();
        for first in (0..recipients.len()).step_by(CHUNK) {
            let recipients = Arc::clone(&recipients);
            self.aside(move |engine| async move {
                let chunk = &recipients[first..recipients.len().min(first + CHUNK)];
                engine.add_recipients(id, first, chunk).await
            })
            .await?;
        }
        self.aside(move |engine| async move { engine.finish_campaign(id, status).await }).await
    }

    /// Removes the campaign that an attempt with this idempotency key has begun and not finished: nobody was told of it.
    async fn remove_leftover(&self, key: KeyId, idempotency: Idempotency) -> Result<(), StoreError> {
        let left = move |engine: Arc<Engine>| async move { engine.leftover(key, &idempotency).await };
        match self.aside(left).await? {
            Some(left) => self.remove_campaign(left).await.map(drop),
            None => Ok(()),
        }
    }

    /// Removes what crashes left of campaigns that were being made. For the start, before anybody makes one.
    pub async fn remove_unfinished_campaigns(&self) -> Result<usize, StoreError> {
        let left = self.aside(|engine| async move { engine.campaigns_being_created().await }).await?;
        for id in &left {
            self.remove_campaign(*id).await?;
        }
        Ok(left.len())
    }

    /// Removes a campaign that is being made. `false`: it is made, and stays as it is.
    pub(super) async fn remove_campaign(&self, id: CampaignId) -> Result<bool, StoreError> {
        self.aside_until_none(move |engine| async move { engine.remove_recipients(id).await }).await?;
        self.aside(move |engine| async move { engine.remove_campaign(id).await }).await
    }

    /// One campaign of a tenant.
    pub async fn campaign(
        &self,
        tenant: TenantId,
        campaign: CampaignId,
    ) -> Result<Option<Campaign>, StoreError> {
        self.engine.campaign(tenant, campaign).await
    }

    /// A tenant's campaigns, newest first, and how many there are in all.
    pub async fn campaigns(
        &self,
        tenant: TenantId,
        status: Option<CampaignStatus>,
        limit: u32,
        offset: u64,
    ) -> Result<(Vec<Campaign>, u64), StoreError> {
        self.engine.campaigns(tenant, status, limit, offset).await
    }

    /// Every tenant's campaigns that something is to be done for: running ones, scheduled ones that are due by then, and cancelled
    /// ones whose recipients are not all told so.
    pub async fn open_campaigns(&self, by: Timestamp) -> Result<OpenCampaigns, StoreError> {
        self.engine.open_campaigns(by).await
    }

    /// A campaign's recipients, in their order.
    pub async fn recipients(
        &self,
        campaign: CampaignId,
        filter: RecipientFilter,
        limit: u32,
    ) -> Result<Vec<Recipient>, StoreError> {
        self.engine.recipients(campaign, filter, limit).await
    }

    /// What a campaign's calls are about, until its last attempt has ended.
    pub async fn campaign_prompt(&self, campaign: CampaignId) -> Result<Option<String>, StoreError> {
        self.engine.campaign_prompt(campaign).await
    }

    /// How many calls named this campaign without being made for one of its recipients.
    pub async fn single_calls_of(&self, tenant: TenantId, campaign: CampaignId) -> Result<u64, StoreError> {
        self.engine.single_calls_of(tenant, campaign).await
    }

    /// This campaign's calls since then that a person answered, and those of them that nobody of ours had time for.
    pub async fn abandonment(
        &self,
        campaign: CampaignId,
        since: Timestamp,
    ) -> Result<Abandonment, StoreError> {
        self.engine.abandonment(campaign, since).await
    }

    /// Moves a campaign from one status to another, and takes back whoever was claimed unless it goes on running. `false`: it
    /// did not stand so.
    pub async fn move_campaign(
        &self,
        campaign: CampaignId,
        from: CampaignStatus,
        to: CampaignStatus,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let reason = reason.map(str::to_owned);
        self.aside(move |engine| async move {
            let moved = engine.move_campaign(campaign, from, to, reason.as_deref(), now).await?;
            if moved && to != CampaignStatus::Running {
                engine.release_all(Some(campaign)).await?;
            }
            Ok(moved)
        })
        .await
    }

    /// Takes due recipients of a running campaign under a lease, in their order.
    pub async fn claim_recipients(&self, claim: RecipientClaim) -> Result<Vec<ClaimedRecipient>, StoreError> {
        self.aside(move |engine| async move { engine.claim_recipients(claim).await }).await
    }

    /// Gives claimed recipients back.
    pub async fn release_recipients(
        &self,
        campaign: CampaignId,
        positions: Vec<u32>,
    ) -> Result<(), StoreError> {
        self.aside(move |engine| async move { engine.release(campaign, &positions).await }).await
    }

    /// Gives claimed recipients back, each until it is due.
    pub async fn postpone(
        &self,
        campaign: CampaignId,
        later: Vec<(u32, Timestamp)>,
    ) -> Result<(), StoreError> {
        self.aside(move |engine| async move { engine.postpone(campaign, &later).await }).await
    }

    /// Gives back whoever an earlier run had claimed: no INVITE has left for them. For the start.
    pub async fn release_claimed(&self) -> Result<u64, StoreError> {
        self.aside(|engine| async move { engine.release_all(None).await }).await
    }

    /// Gives back whoever's lease has lapsed.
    pub async fn release_lapsed(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.aside(move |engine| async move { engine.release_lapsed(now).await }).await
    }

    /// A claimed recipient cannot be called, and why.
    pub async fn fail_recipient(
        &self,
        recipient: RecipientId,
        reason: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.aside(move |engine| async move { engine.fail_recipient(recipient, &reason, now).await }).await
    }

    /// Cancels at most 1,000 recipients of a cancelled campaign who were not dialled; says how many. Zero: all are.
    pub async fn cancel_recipients(&self, campaign: CampaignId, now: Timestamp) -> Result<u64, StoreError> {
        self.aside(move |engine| async move { engine.cancel_recipients(campaign, now).await }).await
    }
}
