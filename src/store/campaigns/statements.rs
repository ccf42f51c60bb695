//! What is said to either engine about campaigns, always on the writer's connection where something changes.

use sqlx::Row;

use super::rows::{COLUMNS, RecipientRow, read_campaign, read_claimed, read_recipient, retry_on};
use super::{CHUNK, OPEN_MAX, OpenCampaigns, RecipientClaim, RecipientFilter};
use crate::model::{
    Abandonment, Campaign, CampaignId, CampaignStatus, ClaimedRecipient, Idempotency, KeyId, NewCampaign,
    NewRecipient, Recipient, RecipientId, StoredResponse, TenantId, Timestamp, Window,
};
use crate::store::StoreError;
use crate::store::engine::{Engine, on};
use crate::store::row::{Columns, id, json, required, signed};

impl Engine {
    /// `false`: its key was used before.
    pub(in crate::store) async fn begin_campaign(
        &self,
        new: &NewCampaign,
        promise: Option<(Idempotency, StoredResponse)>,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO campaigns (campaign, tenant, key_id, agent, from_number, name, prompt, status, zone,
              window_start, window_end, window_days, due_at, created_at, launched_at, invalid, total, pending,
              idempotency_key, body_hash, response_status, response_body, retry_max, retry_wait_ms, retry_on, breaker_max,
              callee_window_start, callee_window_end, callee_window_days, number_per_callee)
            VALUES ($1, $2, $3, $4, $5, $6, $7, 'creating', $8, $9, $10, $11, $12, $13, $14, $15, $16, $16, $17, $18, $19,
              $20, $21, $22, $23, $24, $25, $26, $27, $28) ON CONFLICT DO NOTHING";
        let campaign = &new.campaign;
        let (start, end) = campaign.window.minutes.unzip();
        let (callee_start, callee_end) = campaign.callee_window.minutes.unzip();
        let days = |window: &Window| window.days.map(|days| days.names().collect::<Vec<_>>().join(","));
        let (idempotency, response) = promise.unzip();
        let retry = campaign.retry.as_ref();
        on!(self, writer, |connection| {
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
                .bind(days(&campaign.window))
                .bind(campaign.due_at.0)
                .bind(campaign.created_at.0)
                .bind(campaign.launched_at.map(|at| at.0))
                .bind(signed(campaign.invalid))
                .bind(signed(campaign.counts.total))
                .bind(idempotency.as_ref().map(|idempotency| idempotency.key.as_str()))
                .bind(idempotency.as_ref().map(|idempotency| hex::encode(idempotency.body_hash)))
                .bind(response.as_ref().map(|response| i64::from(response.status)))
                .bind(response.as_ref().map(|response| response.body.as_str()))
                .bind(retry.map_or(1, |retry| i64::from(retry.attempts_max)))
                .bind(retry.map_or(0, |retry| i64::try_from(retry.wait.as_millis()).unwrap_or(i64::MAX)))
                .bind(retry.map(retry_on))
                .bind(campaign.breaker.map(i64::from))
                .bind(callee_start.map(i64::from))
                .bind(callee_end.map(i64::from))
                .bind(days(&campaign.callee_window))
                .bind(i64::from(campaign.number_per_callee));
            Ok(query.execute(&mut *connection).await?.rows_affected() == 1)
        })
    }

    pub(in crate::store) async fn add_recipients(
        &self,
        campaign: CampaignId,
        first: usize,
        chunk: &[NewRecipient],
    ) -> Result<(), StoreError> {
        const SQLITE: &str = "INSERT INTO recipients (campaign, position, phone, variables, prompt, zone)
            SELECT $1, value ->> 'position', value ->> 'phone', value ->> 'variables', value ->> 'prompt', value ->> 'zone'
              FROM json_each($2)";
        const POSTGRES: &str = "INSERT INTO recipients (campaign, position, phone, variables, prompt, zone)
            SELECT $1, r.* FROM json_to_recordset($2::text::json)
              AS r (position bigint, phone text, variables text, prompt text, zone text)";
        let rows: Vec<_> = (first..).zip(chunk).map(RecipientRow::from).collect();
        let sql = self.either(SQLITE, POSTGRES);
        on!(self, writer, |connection| {
            sqlx::query(sql).bind(signed(campaign.0)).bind(json(&rows)).execute(&mut *connection).await?;
            Ok(())
        })
    }

    pub(in crate::store) async fn finish_campaign(
        &self,
        campaign: CampaignId,
        status: CampaignStatus,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE campaigns SET status = $2 WHERE campaign = $1 AND status = 'creating'";
        on!(self, writer, |connection| {
            sqlx::query(SQL).bind(signed(campaign.0)).bind(status.as_str()).execute(&mut *connection).await?;
            Ok(())
        })
    }

    pub(in crate::store) async fn campaigns_being_created(&self) -> Result<Vec<CampaignId>, StoreError> {
        const SQL: &str = "SELECT campaign FROM campaigns WHERE status = 'creating'";
        on!(self, writer, |connection| {
            let rows = sqlx::query(SQL).fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(CampaignId(required(id(row, "campaign")?, "campaign")?))).collect()
        })
    }

    pub(in crate::store) async fn leftover(
        &self,
        key: KeyId,
        idempotency: &Idempotency,
    ) -> Result<Option<CampaignId>, StoreError> {
        const SQL: &str = "SELECT campaign FROM campaigns
            WHERE key_id = $1 AND idempotency_key = $2 AND status = 'creating'";
        on!(self, writer, |connection| {
            let query = sqlx::query(SQL).bind(signed(key.0)).bind(idempotency.key.as_str());
            let row = query.fetch_optional(&mut *connection).await?;
            row.map(|row| Ok(CampaignId(required(id(&row, "campaign")?, "campaign")?))).transpose()
        })
    }

    pub(in crate::store) async fn remove_recipients(&self, campaign: CampaignId) -> Result<u64, StoreError> {
        const SQL: &str = "WITH first AS MATERIALIZED (
              SELECT position FROM recipients WHERE campaign = $1 ORDER BY position LIMIT $2)
            DELETE FROM recipients WHERE campaign = $1 AND position IN (SELECT position FROM first)
              AND EXISTS (SELECT 1 FROM campaigns WHERE campaign = $1 AND status = 'creating')";
        on!(self, writer, |connection| {
            let query = sqlx::query(SQL).bind(signed(campaign.0)).bind(signed(CHUNK as u64));
            Ok(query.execute(&mut *connection).await?.rows_affected())
        })
    }

    /// `false`: it is not one that is being made.
    pub(in crate::store) async fn remove_campaign(&self, campaign: CampaignId) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM campaigns WHERE campaign = $1 AND status = 'creating'";
        on!(self, writer, |connection| {
            let removed = sqlx::query(SQL).bind(signed(campaign.0)).execute(&mut *connection).await?;
            Ok(removed.rows_affected() == 1)
        })
    }

    pub(in crate::store) async fn campaign(
        &self,
        tenant: TenantId,
        campaign: CampaignId,
    ) -> Result<Option<Campaign>, StoreError> {
        on!(self, readers, |connection| {
            let mut query = sqlx::QueryBuilder::new("SELECT ");
            query.push(COLUMNS).push(" FROM campaigns WHERE campaign = ").push_bind(signed(campaign.0));
            query.push(" AND status <> 'creating' AND tenant = ").push_bind(signed(tenant.0));
            let row = query.build().fetch_optional(&mut *connection).await?;
            row.map(|row| read_campaign(&row)).transpose()
        })
    }

    pub(in crate::store) async fn campaigns(
        &self,
        tenant: TenantId,
        status: Option<CampaignStatus>,
        limit: u32,
        offset: u64,
    ) -> Result<(Vec<Campaign>, u64), StoreError> {
        on!(self, readers, |connection| {
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
            let count: i64 = count.build().fetch_one(&mut *connection).await?.try_get(0)?;
            let rows = list.build().fetch_all(&mut *connection).await?;
            Ok((rows.iter().map(read_campaign).collect::<Result<_, _>>()?, count.unsigned_abs()))
        })
    }

    pub(in crate::store) async fn open_campaigns(&self, by: Timestamp) -> Result<OpenCampaigns, StoreError> {
        // In the words of their index.
        const OPEN: &str = " FROM campaigns
            WHERE (status IN ('scheduled', 'running') OR (status = 'cancelled' AND pending > 0))";
        on!(self, readers, |connection| {
            let mut open = sqlx::QueryBuilder::new("SELECT ");
            open.push(COLUMNS).push(OPEN).push(" AND (status <> 'scheduled' OR due_at <= ").push_bind(by.0);
            open.push(") ORDER BY campaign LIMIT ").push_bind(i64::from(OPEN_MAX));
            let mut later = sqlx::QueryBuilder::new("SELECT count(*)");
            later.push(OPEN).push(" AND status = 'scheduled' AND due_at > ").push_bind(by.0);
            let rows = open.build().fetch_all(&mut *connection).await?;
            let later: i64 = later.build().fetch_one(&mut *connection).await?.try_get(0)?;
            let campaigns = rows.iter().map(read_campaign).collect::<Result<_, _>>()?;
            Ok(OpenCampaigns { campaigns, later: later.unsigned_abs() })
        })
    }

    pub(in crate::store) async fn recipients(
        &self,
        campaign: CampaignId,
        filter: RecipientFilter,
        limit: u32,
    ) -> Result<Vec<Recipient>, StoreError> {
        on!(self, readers, |connection| {
            let mut query = sqlx::QueryBuilder::new(
                "SELECT position, phone, state, call, attempts, due_at, disposition, reason, ended_at FROM recipients WHERE campaign = ",
            );
            query.push_bind(signed(campaign.0));
            query.push(" AND position > ").push_bind(filter.after.map_or(-1, i64::from));
            if let Some(state) = filter.state {
                query.push(" AND state = ").push_bind(state.as_str());
            }
            query.push(" ORDER BY position LIMIT ").push_bind(i64::from(limit));
            query.build().fetch_all(&mut *connection).await?.iter().map(read_recipient).collect()
        })
    }

    pub(in crate::store) async fn campaign_prompt(
        &self,
        campaign: CampaignId,
    ) -> Result<Option<String>, StoreError> {
        const SQL: &str = "SELECT prompt FROM campaigns WHERE campaign = $1";
        on!(self, readers, |connection| {
            let row = sqlx::query(SQL).bind(signed(campaign.0)).fetch_optional(&mut *connection).await?;
            Ok(row.map(|row| row.text("prompt")).transpose()?.flatten())
        })
    }

    pub(in crate::store) async fn single_calls_of(
        &self,
        tenant: TenantId,
        campaign: CampaignId,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "SELECT count(*) FROM calls
            WHERE tenant = $1 AND campaign = $2 AND campaign IS NOT NULL AND batch IS NULL";
        on!(self, readers, |connection| {
            let query = sqlx::query(SQL).bind(signed(tenant.0)).bind(campaign.to_string());
            let count: i64 = query.fetch_one(&mut *connection).await?.try_get(0)?;
            Ok(count.unsigned_abs())
        })
    }

    /// By the index of its calls.
    pub(in crate::store) async fn abandonment(
        &self,
        campaign: CampaignId,
        since: Timestamp,
    ) -> Result<Abandonment, StoreError> {
        const SQL: &str = "SELECT count(*), count(CASE WHEN disposition = 'abandoned' THEN 1 END) FROM calls
            WHERE batch = $1 AND batch IS NOT NULL AND created_at >= $2
              AND state = 'ended' AND answered_at IS NOT NULL AND disposition <> 'voicemail_detected'";
        on!(self, readers, |pool| {
            let row = sqlx::query(SQL).bind(signed(campaign.0)).bind(since.0).fetch_one(pool).await?;
            let (answered, abandoned): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok(Abandonment { answered: answered.unsigned_abs(), abandoned: abandoned.unsigned_abs() })
        })
    }

    pub(in crate::store) async fn move_campaign(
        &self,
        campaign: CampaignId,
        from: CampaignStatus,
        to: CampaignStatus,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE campaigns SET status = $3, reason = $4,
            breaker_count = CASE WHEN $3 = 'running' THEN 0 ELSE breaker_count END,
            launched_at = CASE WHEN $3 = 'running' THEN coalesce(launched_at, $5) ELSE launched_at END,
            ended_at = CASE WHEN $3 = 'cancelled' AND pending = 0 AND active = 0 THEN $5 ELSE ended_at END,
            prompt = CASE WHEN $3 = 'cancelled' AND pending = 0 AND active = 0 THEN NULL ELSE prompt END
            WHERE campaign = $1 AND status = $2";
        on!(self, writer, |connection| {
            let query = sqlx::query(SQL)
                .bind(signed(campaign.0))
                .bind(from.as_str())
                .bind(to.as_str())
                .bind(reason)
                .bind(now.0);
            Ok(query.execute(&mut *connection).await?.rows_affected() == 1)
        })
    }

    pub(in crate::store) async fn claim_recipients(
        &self,
        claim: RecipientClaim,
    ) -> Result<Vec<ClaimedRecipient>, StoreError> {
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
                     RETURNING position, phone, variables, prompt, zone, CASE WHEN EXISTS (SELECT 1 FROM do_not_call AS d
                       WHERE d.tenant = (SELECT tenant FROM campaigns WHERE campaign = $1) AND d.number = recipients.phone)
                       THEN CAST(1 AS BIGINT) ELSE 0 END AS forbidden"
                )
            };
        }
        let sql = self.either(claim!(""), claim!("FOR UPDATE SKIP LOCKED"));
        let lease = i64::try_from(claim.lease.as_millis()).unwrap_or(i64::MAX);
        let mut claimed: Vec<ClaimedRecipient> = on!(self, writer, |connection| {
            let query = sqlx::query(sql)
                .bind(signed(claim.campaign.0))
                .bind(claim.now.0)
                .bind(claim.now.0.saturating_add(lease))
                .bind(i64::from(claim.limit.min(CHUNK as u32)));
            let rows = query.fetch_all(&mut *connection).await?;
            rows.iter().map(read_claimed).collect()
        })?;
        claimed.sort_by_key(|claimed| claimed.position);
        Ok(claimed)
    }

    pub(in crate::store) async fn release(
        &self,
        campaign: CampaignId,
        positions: &[u32],
    ) -> Result<(), StoreError> {
        const SQLITE: &str = "UPDATE recipients SET state = 'pending', lease_until = NULL
            WHERE campaign = $1 AND state = 'claimed' AND position IN (SELECT value FROM json_each($2))";
        const POSTGRES: &str = "UPDATE recipients SET state = 'pending', lease_until = NULL
            WHERE campaign = $1 AND state = 'claimed' AND position IN (
              SELECT text::bigint FROM json_array_elements_text($2::text::json) AS r (text))";
        let sql = self.either(SQLITE, POSTGRES);
        on!(self, writer, |connection| {
            sqlx::query(sql).bind(signed(campaign.0)).bind(json(positions)).execute(&mut *connection).await?;
            Ok(())
        })
    }

    pub(in crate::store) async fn postpone(
        &self,
        campaign: CampaignId,
        later: &[(u32, Timestamp)],
    ) -> Result<(), StoreError> {
        const SQLITE: &str =
            "UPDATE recipients SET state = 'pending', lease_until = NULL, due_at = later.due_at
            FROM (SELECT value ->> 0 AS position, value ->> 1 AS due_at FROM json_each($2)) AS later
            WHERE campaign = $1 AND state = 'claimed' AND recipients.position = later.position";
        const POSTGRES: &str =
            "UPDATE recipients SET state = 'pending', lease_until = NULL, due_at = later.due_at
            FROM (SELECT (value ->> 0)::bigint AS position, (value ->> 1)::bigint AS due_at
              FROM json_array_elements($2::text::json)) AS later
            WHERE campaign = $1 AND state = 'claimed' AND recipients.position = later.position";
        let sql = self.either(SQLITE, POSTGRES);
        let rows: Vec<_> = later.iter().map(|(position, due_at)| (*position, due_at.0)).collect();
        on!(self, writer, |connection| {
            sqlx::query(sql).bind(signed(campaign.0)).bind(json(&rows)).execute(&mut *connection).await?;
            Ok(())
        })
    }

    pub(in crate::store) async fn release_all(
        &self,
        campaign: Option<CampaignId>,
    ) -> Result<u64, StoreError> {
        const SQL: &str =
            "UPDATE recipients SET state = 'pending', lease_until = NULL WHERE state = 'claimed'";
        // Every lease is; said for the planner, which would walk the whole campaign otherwise.
        const OF_ONE: &str = "UPDATE recipients SET state = 'pending', lease_until = NULL
            WHERE campaign = $1 AND state = 'claimed' AND lease_until >= 0";
        on!(self, writer, |connection| {
            let done = match campaign {
                Some(campaign) => {
                    sqlx::query(OF_ONE).bind(signed(campaign.0)).execute(&mut *connection).await?
                }
                None => sqlx::query(SQL).execute(&mut *connection).await?,
            };
            Ok(done.rows_affected())
        })
    }

    pub(in crate::store) async fn release_lapsed(&self, now: Timestamp) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE recipients SET state = 'pending', lease_until = NULL
            WHERE state = 'claimed' AND lease_until < $1";
        on!(self, writer, |connection| {
            let query = sqlx::query(SQL).bind(now.0);
            Ok(query.execute(&mut *connection).await?.rows_affected())
        })
    }

    pub(in crate::store) async fn fail_recipient(
        &self,
        recipient: RecipientId,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str =
            "UPDATE recipients SET state = 'failed', lease_until = NULL, reason = $3, ended_at = $4,
            variables = NULL, prompt = NULL WHERE campaign = $1 AND position = $2 AND state = 'claimed'";
        on!(self, writer, |connection| {
            let query =
                sqlx::query(SQL).bind(signed(recipient.campaign.0)).bind(i64::from(recipient.position));
            query.bind(reason).bind(now.0).execute(&mut *connection).await?;
            Ok(())
        })
    }

    pub(in crate::store) async fn cancel_recipients(
        &self,
        campaign: CampaignId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "WITH left_over AS MATERIALIZED (
              SELECT position FROM recipients WHERE campaign = $1 AND state = 'pending' ORDER BY due_at, position LIMIT $3)
            UPDATE recipients SET state = 'cancelled', ended_at = $2, variables = NULL, prompt = NULL
            WHERE campaign = $1 AND position IN (SELECT position FROM left_over)
              AND EXISTS (SELECT 1 FROM campaigns WHERE campaign = $1 AND status = 'cancelled')";
        on!(self, writer, |connection| {
            let query = sqlx::query(SQL).bind(signed(campaign.0)).bind(now.0).bind(signed(CHUNK as u64));
            Ok(query.execute(&mut *connection).await?.rows_affected())
        })
    }
}
