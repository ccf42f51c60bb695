//! Campaigns and their recipients. Nothing here holds more recipients than one chunk: a campaign is a cursor over its rows,
//! and its counters are kept by the schema's triggers.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sqlx::Row;

use super::engine::{Engine, on, signed};
use super::postgres::PATIENCE;
use super::row::{Columns, id, json, required, word};
use super::{Replay, Store, StoreError};
use crate::model::{
    AgentId, CallId, Campaign, CampaignId, CampaignStatus, ClaimedRecipient, Counts, Days, Disposition,
    Idempotency, KeyId, NewCampaign, NewRecipient, PhoneNumber, Recipient, RecipientId, RecipientState,
    StoredResponse, TenantId, Timestamp, Variable, Window,
};

/// Rows that one statement inserts or changes.
const CHUNK: usize = 1_000;
/// Campaigns that the runner looks after at once; more wait for one of them to end.
const OPEN_MAX: i64 = 10_000;

/// What became of a campaign to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Begun {
    /// It is on disk, with all its recipients.
    Created,
    /// The same request was accepted before; nothing was written.
    Replay(StoredResponse),
    /// The same idempotency key was used with another body, or its first use is not over; nothing was written.
    Conflict,
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
    /// last chunk is there: whatever a crash leaves of it before is removed by [`Store::remove_unfinished_campaigns`].
    pub async fn create_campaign(
        &self,
        new: NewCampaign,
        recipients: Vec<NewRecipient>,
        promise: Option<(Idempotency, StoredResponse)>,
    ) -> Result<Begun, StoreError> {
        let (id, key, status) = (new.campaign.id, new.campaign.key, new.campaign.status);
        let idempotency = promise.as_ref().map(|(idempotency, _)| idempotency.clone());
        if !self.aside(move |engine| async move { engine.begin_campaign(&new, promise).await }).await? {
            let Some(idempotency) = idempotency else { return Err(StoreError::Corrupt("campaign id")) };
            return Ok(match self.find_replay(key, &idempotency).await? {
                Some(Replay::Same(response)) => Begun::Replay(response),
                Some(Replay::Conflict) | None => Begun::Conflict,
            });
        }
        let filled = self.fill_campaign(id, status, recipients).await;
        if filled.is_err() {
            // Best effort: the next start removes what stays.
            let _ = self.remove_campaign(id).await;
        }
        filled.map(|()| Begun::Created)
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

    /// Removes what crashes left of campaigns that were being made. For the start, before anybody makes one.
    pub async fn remove_unfinished_campaigns(&self) -> Result<usize, StoreError> {
        let left = self.aside(|engine| async move { engine.campaigns_being_created().await }).await?;
        for id in &left {
            self.remove_campaign(*id).await?;
        }
        Ok(left.len())
    }

    async fn remove_campaign(&self, id: CampaignId) -> Result<(), StoreError> {
        while self.aside(move |engine| async move { engine.remove_recipients(id).await }).await? > 0 {}
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

    /// Every tenant's campaigns that something is to be done for: scheduled and running ones, and cancelled ones whose
    /// recipients are not all told so.
    pub async fn open_campaigns(&self) -> Result<Vec<Campaign>, StoreError> {
        self.engine.open_campaigns().await
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

/// The columns that [`read_campaign`] wants.
const COLUMNS: &str = "campaign, tenant, key_id, agent, from_number, name, status, reason, zone, window_start, window_end, window_days, due_at,
    created_at, launched_at, ended_at, invalid, total, pending, active, answered, unanswered, failed, indeterminate,
    cancelled";

/// A new recipient's row.
#[derive(Serialize)]
struct RecipientRow<'a> {
    position: usize,
    phone: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
}

impl<'a> From<(usize, &'a NewRecipient)> for RecipientRow<'a> {
    fn from((position, recipient): (usize, &'a NewRecipient)) -> Self {
        let pairs: Vec<_> =
            recipient.variables.iter().map(|variable| (&variable.name, &variable.value)).collect();
        Self {
            position,
            phone: recipient.phone.as_str(),
            variables: (!pairs.is_empty()).then(|| json(&pairs)),
            prompt: recipient.prompt.as_deref(),
        }
    }
}

/// Bounded, as every statement on the writer's connection is.
async fn patient<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

impl Engine {
    /// `false`: its key was used before.
    pub(super) async fn begin_campaign(
        &self,
        new: &NewCampaign,
        promise: Option<(Idempotency, StoredResponse)>,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO campaigns (campaign, tenant, key_id, agent, from_number, name, prompt, status, zone,
              window_start, window_end, window_days, due_at, created_at, launched_at, invalid, total, pending,
              idempotency_key, body_hash, response_status, response_body)
            VALUES ($1, $2, $3, $4, $5, $6, $7, 'creating', $8, $9, $10, $11, $12, $13, $14, $15, $16, $16, $17, $18, $19,
              $20) ON CONFLICT DO NOTHING";
        let campaign = &new.campaign;
        let (start, end) = campaign.window.minutes.unzip();
        let days = campaign.window.days.map(|days| days.names().collect::<Vec<_>>().join(","));
        let (idempotency, response) = promise.unzip();
        on!(self, writer, |pool| {
            let query = sqlx::query(SQL)
                .bind(signed(campaign.id.0))
                .bind(signed(campaign.tenant.0))
                .bind(signed(campaign.key.0))
                .bind(signed(campaign.agent.0))
                .bind(campaign.from.as_str())
                .bind(campaign.name.as_deref())
                .bind(new.prompt.as_str())
                .bind(campaign.zone.name())
                .bind(start.map(i64::from))
                .bind(end.map(i64::from))
                .bind(days)
                .bind(campaign.due_at.0)
                .bind(campaign.created_at.0)
                .bind(campaign.launched_at.map(|at| at.0))
                .bind(signed(campaign.invalid))
                .bind(signed(campaign.counts.total))
                .bind(idempotency.as_ref().map(|idempotency| idempotency.key.as_str()))
                .bind(idempotency.as_ref().map(|idempotency| hex::encode(idempotency.body_hash)))
                .bind(response.as_ref().map(|response| i64::from(response.status)))
                .bind(response.as_ref().map(|response| response.body.as_str()));
            Ok(patient(query.execute(pool)).await?.rows_affected() == 1)
        })
    }

    pub(super) async fn add_recipients(
        &self,
        campaign: CampaignId,
        first: usize,
        chunk: &[NewRecipient],
    ) -> Result<(), StoreError> {
        const SQLITE: &str = "INSERT INTO recipients (campaign, position, phone, variables, prompt)
            SELECT $1, value ->> 'position', value ->> 'phone', value ->> 'variables', value ->> 'prompt' FROM json_each($2)";
        const POSTGRES: &str = "INSERT INTO recipients (campaign, position, phone, variables, prompt)
            SELECT $1, r.* FROM json_to_recordset($2::text::json)
              AS r (position bigint, phone text, variables text, prompt text)";
        let rows: Vec<_> = (first..).zip(chunk).map(RecipientRow::from).collect();
        let sql = self.either(SQLITE, POSTGRES);
        on!(self, writer, |pool| {
            patient(sqlx::query(sql).bind(signed(campaign.0)).bind(json(&rows)).execute(pool)).await?;
            Ok(())
        })
    }

    async fn finish_campaign(&self, campaign: CampaignId, status: CampaignStatus) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE campaigns SET status = $2 WHERE campaign = $1 AND status = 'creating'";
        on!(self, writer, |pool| {
            patient(sqlx::query(SQL).bind(signed(campaign.0)).bind(status.as_str()).execute(pool)).await?;
            Ok(())
        })
    }

    async fn campaigns_being_created(&self) -> Result<Vec<CampaignId>, StoreError> {
        const SQL: &str = "SELECT campaign FROM campaigns WHERE status = 'creating'";
        on!(self, writer, |pool| {
            let rows = patient(sqlx::query(SQL).fetch_all(pool)).await?;
            rows.iter().map(|row| Ok(CampaignId(required(id(row, "campaign")?, "campaign")?))).collect()
        })
    }

    async fn remove_recipients(&self, campaign: CampaignId) -> Result<u64, StoreError> {
        const SQL: &str = "WITH first AS MATERIALIZED (
              SELECT position FROM recipients WHERE campaign = $1 ORDER BY position LIMIT $2)
            DELETE FROM recipients WHERE campaign = $1 AND position IN (SELECT position FROM first)";
        on!(self, writer, |pool| {
            let query = sqlx::query(SQL).bind(signed(campaign.0)).bind(signed(CHUNK as u64));
            Ok(patient(query.execute(pool)).await?.rows_affected())
        })
    }

    async fn remove_campaign(&self, campaign: CampaignId) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM campaigns WHERE campaign = $1 AND status = 'creating'";
        on!(self, writer, |pool| {
            patient(sqlx::query(SQL).bind(signed(campaign.0)).execute(pool)).await?;
            Ok(())
        })
    }

    async fn campaign(&self, tenant: TenantId, campaign: CampaignId) -> Result<Option<Campaign>, StoreError> {
        on!(self, readers, |pool| {
            let mut query = sqlx::QueryBuilder::new("SELECT ");
            query.push(COLUMNS).push(" FROM campaigns WHERE campaign = ").push_bind(signed(campaign.0));
            query.push(" AND status <> 'creating' AND tenant = ").push_bind(signed(tenant.0));
            let row = query.build().fetch_optional(pool).await?;
            row.map(|row| read_campaign(&row)).transpose()
        })
    }

    async fn campaigns(
        &self,
        tenant: TenantId,
        status: Option<CampaignStatus>,
        limit: u32,
        offset: u64,
    ) -> Result<(Vec<Campaign>, u64), StoreError> {
        on!(self, readers, |pool| {
            let mut count = sqlx::QueryBuilder::new("SELECT count(*) FROM campaigns WHERE tenant = ");
            let mut list = sqlx::QueryBuilder::new("SELECT ");
            list.push(COLUMNS).push(" FROM campaigns WHERE tenant = ");
            for query in [&mut count, &mut list] {
                query.push_bind(signed(tenant.0)).push(" AND status <> 'creating'");
                if let Some(status) = status {
                    query.push(" AND status = ").push_bind(status.as_str());
                }
            }
            list.push(" ORDER BY campaign DESC LIMIT ").push_bind(i64::from(limit));
            list.push(" OFFSET ").push_bind(signed(offset));
            let count: i64 = count.build().fetch_one(pool).await?.try_get(0)?;
            let rows = list.build().fetch_all(pool).await?;
            Ok((rows.iter().map(read_campaign).collect::<Result<_, _>>()?, count.unsigned_abs()))
        })
    }

    async fn open_campaigns(&self) -> Result<Vec<Campaign>, StoreError> {
        on!(self, readers, |pool| {
            let mut query = sqlx::QueryBuilder::new("SELECT ");
            query.push(COLUMNS).push(
                " FROM campaigns WHERE (status IN ('creating', 'scheduled', 'running')
                    OR (status = 'cancelled' AND pending > 0)) AND status <> 'creating' ORDER BY campaign LIMIT ",
            );
            let rows = query.push_bind(OPEN_MAX).build().fetch_all(pool).await?;
            rows.iter().map(read_campaign).collect()
        })
    }

    async fn recipients(
        &self,
        campaign: CampaignId,
        filter: RecipientFilter,
        limit: u32,
    ) -> Result<Vec<Recipient>, StoreError> {
        on!(self, readers, |pool| {
            let mut query = sqlx::QueryBuilder::new(
                "SELECT position, phone, state, call, disposition, reason, ended_at FROM recipients WHERE campaign = ",
            );
            query.push_bind(signed(campaign.0));
            query.push(" AND position > ").push_bind(filter.after.map_or(-1, i64::from));
            if let Some(state) = filter.state {
                query.push(" AND state = ").push_bind(state.as_str());
            }
            query.push(" ORDER BY position LIMIT ").push_bind(i64::from(limit));
            query.build().fetch_all(pool).await?.iter().map(read_recipient).collect()
        })
    }

    async fn campaign_prompt(&self, campaign: CampaignId) -> Result<Option<String>, StoreError> {
        const SQL: &str = "SELECT prompt FROM campaigns WHERE campaign = $1";
        on!(self, readers, |pool| {
            let row = sqlx::query(SQL).bind(signed(campaign.0)).fetch_optional(pool).await?;
            Ok(row.map(|row| row.text("prompt")).transpose()?.flatten())
        })
    }

    async fn single_calls_of(&self, tenant: TenantId, campaign: CampaignId) -> Result<u64, StoreError> {
        const SQL: &str = "SELECT count(*) FROM calls
            WHERE tenant = $1 AND campaign = $2 AND campaign IS NOT NULL AND batch IS NULL";
        on!(self, readers, |pool| {
            let query = sqlx::query(SQL).bind(signed(tenant.0)).bind(campaign.to_string());
            let count: i64 = query.fetch_one(pool).await?.try_get(0)?;
            Ok(count.unsigned_abs())
        })
    }

    async fn move_campaign(
        &self,
        campaign: CampaignId,
        from: CampaignStatus,
        to: CampaignStatus,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE campaigns SET status = $3, reason = $4,
            launched_at = CASE WHEN $3 = 'running' THEN coalesce(launched_at, $5) ELSE launched_at END,
            ended_at = CASE WHEN $3 = 'cancelled' AND pending = 0 AND active = 0 THEN $5 ELSE ended_at END,
            prompt = CASE WHEN $3 = 'cancelled' AND pending = 0 AND active = 0 THEN NULL ELSE prompt END
            WHERE campaign = $1 AND status = $2";
        on!(self, writer, |pool| {
            let query = sqlx::query(SQL)
                .bind(signed(campaign.0))
                .bind(from.as_str())
                .bind(to.as_str())
                .bind(reason)
                .bind(now.0);
            Ok(patient(query.execute(pool)).await?.rows_affected() == 1)
        })
    }

    async fn claim_recipients(&self, claim: RecipientClaim) -> Result<Vec<ClaimedRecipient>, StoreError> {
        /// The same words but for the lock, which SQLite's one writer needs not. Materialized, since a planner may run a
        /// subquery that locks more than once, and each run takes others.
        macro_rules! claim {
            ($lock:literal) => {
                concat!(
                    "WITH due AS MATERIALIZED (
                       SELECT position FROM recipients WHERE campaign = $1 AND state = 'pending' AND due_at <= $2
                       ORDER BY due_at, position LIMIT $4 ",
                    $lock,
                    ") UPDATE recipients SET state = 'claimed', lease_until = $3
                     WHERE campaign = $1 AND position IN (SELECT position FROM due)
                       AND EXISTS (SELECT 1 FROM campaigns WHERE campaign = $1 AND status = 'running')
                     RETURNING position, phone, variables, prompt"
                )
            };
        }
        let sql = self.either(claim!(""), claim!("FOR UPDATE SKIP LOCKED"));
        let lease = i64::try_from(claim.lease.as_millis()).unwrap_or(i64::MAX);
        let mut claimed: Vec<ClaimedRecipient> = on!(self, writer, |pool| {
            let query = sqlx::query(sql)
                .bind(signed(claim.campaign.0))
                .bind(claim.now.0)
                .bind(claim.now.0.saturating_add(lease))
                .bind(i64::from(claim.limit.min(CHUNK as u32)));
            let rows = patient(query.fetch_all(pool)).await?;
            rows.iter().map(read_claimed).collect::<Result<_, StoreError>>()?
        });
        claimed.sort_by_key(|claimed| claimed.position);
        Ok(claimed)
    }

    async fn release(&self, campaign: CampaignId, positions: &[u32]) -> Result<(), StoreError> {
        const SQLITE: &str = "UPDATE recipients SET state = 'pending', lease_until = NULL
            WHERE campaign = $1 AND state = 'claimed' AND position IN (SELECT value FROM json_each($2))";
        const POSTGRES: &str = "UPDATE recipients SET state = 'pending', lease_until = NULL
            WHERE campaign = $1 AND state = 'claimed' AND position IN (
              SELECT text::bigint FROM json_array_elements_text($2::text::json) AS r (text))";
        let sql = self.either(SQLITE, POSTGRES);
        on!(self, writer, |pool| {
            patient(sqlx::query(sql).bind(signed(campaign.0)).bind(json(positions)).execute(pool)).await?;
            Ok(())
        })
    }

    async fn release_all(&self, campaign: Option<CampaignId>) -> Result<u64, StoreError> {
        const SQL: &str =
            "UPDATE recipients SET state = 'pending', lease_until = NULL WHERE state = 'claimed'";
        const OF_ONE: &str = "UPDATE recipients SET state = 'pending', lease_until = NULL
            WHERE campaign = $1 AND state = 'claimed'";
        on!(self, writer, |pool| {
            let done = match campaign {
                Some(campaign) => patient(sqlx::query(OF_ONE).bind(signed(campaign.0)).execute(pool)).await?,
                None => patient(sqlx::query(SQL).execute(pool)).await?,
            };
            Ok(done.rows_affected())
        })
    }

    async fn release_lapsed(&self, now: Timestamp) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE recipients SET state = 'pending', lease_until = NULL
            WHERE state = 'claimed' AND lease_until < $1";
        on!(self, writer, |pool| {
            let query = sqlx::query(SQL).bind(now.0);
            Ok(patient(query.execute(pool)).await?.rows_affected())
        })
    }

    async fn fail_recipient(
        &self,
        recipient: RecipientId,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str =
            "UPDATE recipients SET state = 'failed', lease_until = NULL, reason = $3, ended_at = $4,
            variables = NULL, prompt = NULL WHERE campaign = $1 AND position = $2 AND state = 'claimed'";
        on!(self, writer, |pool| {
            let query =
                sqlx::query(SQL).bind(signed(recipient.campaign.0)).bind(i64::from(recipient.position));
            patient(query.bind(reason).bind(now.0).execute(pool)).await?;
            Ok(())
        })
    }

    async fn cancel_recipients(&self, campaign: CampaignId, now: Timestamp) -> Result<u64, StoreError> {
        const SQL: &str = "WITH left_over AS MATERIALIZED (
              SELECT position FROM recipients WHERE campaign = $1 AND state = 'pending' ORDER BY due_at, position LIMIT $3)
            UPDATE recipients SET state = 'cancelled', ended_at = $2, variables = NULL, prompt = NULL
            WHERE campaign = $1 AND position IN (SELECT position FROM left_over)
              AND EXISTS (SELECT 1 FROM campaigns WHERE campaign = $1 AND status = 'cancelled')";
        on!(self, writer, |pool| {
            let query = sqlx::query(SQL).bind(signed(campaign.0)).bind(now.0).bind(signed(CHUNK as u64));
            Ok(patient(query.execute(pool)).await?.rows_affected())
        })
    }

    const fn either(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite(_) => sqlite,
            Self::Postgres(_) => postgres,
        }
    }
}

fn read_campaign(row: &impl Columns) -> Result<Campaign, StoreError> {
    let count = |column| Ok::<_, StoreError>(required(id(row, column)?, column)?);
    let minute = |column| -> Result<Option<u16>, StoreError> {
        id(row, column)?
            .map(|value| u16::try_from(value).map_err(|_| StoreError::Corrupt(column)))
            .transpose()
    };
    let zone = required(row.text("zone")?, "zone")?;
    let days = |text: String| Days::from_names(text.split(',')).ok_or(StoreError::Corrupt("window_days"));
    Ok(Campaign {
        id: CampaignId(count("campaign")?),
        tenant: TenantId(count("tenant")?),
        key: KeyId(count("key_id")?),
        agent: AgentId(count("agent")?),
        from: phone(row.text("from_number")?)?,
        name: row.text("name")?,
        status: word(row.text("status")?, CampaignStatus::from_word)?.ok_or(StoreError::Corrupt("status"))?,
        reason: row.text("reason")?,
        zone: zone.parse().map_err(|_| StoreError::Corrupt("zone"))?,
        window: Window {
            minutes: minute("window_start")?.zip(minute("window_end")?),
            days: row.text("window_days")?.map(days).transpose()?,
        },
        due_at: Timestamp(required(row.integer("due_at")?, "due_at")?),
        invalid: count("invalid")?,
        counts: Counts {
            total: count("total")?,
            pending: count("pending")?,
            active: count("active")?,
            answered: count("answered")?,
            unanswered: count("unanswered")?,
            failed: count("failed")?,
            indeterminate: count("indeterminate")?,
            cancelled: count("cancelled")?,
        },
        created_at: Timestamp(required(row.integer("created_at")?, "created_at")?),
        launched_at: row.integer("launched_at")?.map(Timestamp),
        ended_at: row.integer("ended_at")?.map(Timestamp),
    })
}

fn read_recipient(row: &impl Columns) -> Result<Recipient, StoreError> {
    let call = id(row, "call")?.map(|call| CallId::new(call).ok_or(StoreError::Corrupt("call id")));
    Ok(Recipient {
        position: position(row)?,
        phone: phone(row.text("phone")?)?,
        state: word(row.text("state")?, RecipientState::from_word)?.ok_or(StoreError::Corrupt("state"))?,
        call: call.transpose()?,
        disposition: word(row.text("disposition")?, Disposition::from_word)?,
        reason: row.text("reason")?,
        ended_at: row.integer("ended_at")?.map(Timestamp),
    })
}

fn read_claimed(row: &impl Columns) -> Result<ClaimedRecipient, StoreError> {
    let variables = match row.text("variables")? {
        None => Vec::new(),
        Some(text) => serde_json::from_str::<Vec<(String, String)>>(&text)
            .map_err(|_| StoreError::Corrupt("variables"))?
            .into_iter()
            .map(|(name, value)| Variable { name, value })
            .collect(),
    };
    let recipient =
        NewRecipient { phone: phone(row.text("phone")?)?, variables, prompt: row.text("prompt")? };
    Ok(ClaimedRecipient { position: position(row)?, recipient })
}

fn position(row: &impl Columns) -> Result<u32, StoreError> {
    let position = required(id(row, "position")?, "position")?;
    u32::try_from(position).map_err(|_| StoreError::Corrupt("position"))
}

fn phone(text: Option<String>) -> Result<PhoneNumber, StoreError> {
    required(text, "number")?.parse().map_err(|_| StoreError::Corrupt("number"))
}
