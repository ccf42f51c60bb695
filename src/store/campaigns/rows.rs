//! Between campaigns and their rows.

use std::time::Duration;

use serde::Serialize;

use crate::model::{
    AgentId, CallId, Campaign, CampaignId, CampaignStatus, ClaimedRecipient, Counts, Days, Disposition,
    KeyId, NewRecipient, PhoneNumber, Recipient, RecipientState, Retry, RetryReason, TenantId, Timestamp,
    Variable, Window, Zone,
};
use crate::store::StoreError;
use crate::store::row::{Columns, id, json, required, word};

/// The columns that [`read_campaign`] wants.
pub const COLUMNS: &str = "campaign, tenant, key_id, agent, from_number, number_per_callee, name, status, reason, zone, window_start, window_end, window_days, callee_window_start, callee_window_end, callee_window_days, due_at,
    created_at, launched_at, ended_at, retry_max, retry_wait_ms, retry_on, breaker_max, invalid, total, pending, active, answered, abandoned, unanswered, failed, indeterminate,
    cancelled";

/// A new recipient's row.
#[derive(Serialize)]
pub struct RecipientRow<'a> {
    position: usize,
    phone: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<&'a str>,
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
            zone: recipient.zone.as_ref().map(Zone::name),
        }
    }
}

pub fn read_campaign(row: &impl Columns) -> Result<Campaign, StoreError> {
    let count = |column| required(id(row, column)?, column);
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
        number_per_callee: count("number_per_callee")? != 0,
        name: row.text("name")?,
        status: word(row.text("status")?, CampaignStatus::from_word)?.ok_or(StoreError::Corrupt("status"))?,
        reason: row.text("reason")?,
        zone: zone.parse().map_err(|_| StoreError::Corrupt("zone"))?,
        window: Window {
            minutes: minute("window_start")?.zip(minute("window_end")?),
            days: row.text("window_days")?.map(days).transpose()?,
        },
        callee_window: Window {
            minutes: minute("callee_window_start")?.zip(minute("callee_window_end")?),
            days: row.text("callee_window_days")?.map(days).transpose()?,
        },
        due_at: Timestamp(required(row.integer("due_at")?, "due_at")?),
        retry: read_retry(row)?,
        breaker: id(row, "breaker_max")?
            .map(|most| u32::try_from(most).map_err(|_| StoreError::Corrupt("breaker_max")))
            .transpose()?,
        invalid: count("invalid")?,
        counts: Counts {
            total: count("total")?,
            pending: count("pending")?,
            active: count("active")?,
            answered: count("answered")?,
            abandoned: count("abandoned")?,
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

/// The ends after which it is called again, each between commas, so that one is found in them by a plain search.
pub fn retry_on(retry: &Retry) -> String {
    let words: Vec<_> = retry.dispositions().map(Disposition::as_str).collect();
    format!(",{},", words.join(","))
}

fn read_retry(row: &impl Columns) -> Result<Option<Retry>, StoreError> {
    let Some(words) = row.text("retry_on")? else { return Ok(None) };
    let number = |column| required(id(row, column)?, column);
    let has = |reason: &RetryReason| {
        reason.dispositions().iter().all(|end| words.contains(&format!(",{},", end.as_str())))
    };
    Ok(Some(Retry {
        attempts_max: u32::try_from(number("retry_max")?).map_err(|_| StoreError::Corrupt("retry_max"))?,
        wait: Duration::from_millis(number("retry_wait_ms")?),
        on: RetryReason::ALL.into_iter().filter(has).collect(),
    }))
}

pub fn read_recipient(row: &impl Columns) -> Result<Recipient, StoreError> {
    let call = id(row, "call")?.map(|call| CallId::new(call).ok_or(StoreError::Corrupt("call id")));
    let attempts = required(id(row, "attempts")?, "attempts")?;
    let state = word(row.text("state")?, RecipientState::from_word)?.ok_or(StoreError::Corrupt("state"))?;
    let waits = matches!(state, RecipientState::Pending | RecipientState::Claimed);
    Ok(Recipient {
        position: position(row)?,
        phone: phone(row.text("phone")?)?,
        state,
        call: call.transpose()?,
        attempts: u32::try_from(attempts).map_err(|_| StoreError::Corrupt("attempts"))?,
        // 0 is from the beginning on.
        due_at: row.integer("due_at")?.filter(|due| waits && *due > 0).map(Timestamp),
        disposition: word(row.text("disposition")?, Disposition::from_word)?,
        reason: row.text("reason")?,
        ended_at: row.integer("ended_at")?.map(Timestamp),
    })
}

pub fn read_claimed(row: &impl Columns) -> Result<ClaimedRecipient, StoreError> {
    let variables = match row.text("variables")? {
        None => Vec::new(),
        Some(text) => serde_json::from_str::<Vec<(String, String)>>(&text)
            .map_err(|_| StoreError::Corrupt("variables"))?
            .into_iter()
            .map(|(name, value)| Variable { name, value })
            .collect(),
    };
    let zone =
        row.text("zone")?.map(|name| name.parse().map_err(|_| StoreError::Corrupt("zone"))).transpose()?;
    let recipient =
        NewRecipient { phone: phone(row.text("phone")?)?, variables, prompt: row.text("prompt")?, zone };
    let is_forbidden = row.integer("forbidden")? == Some(1);
    Ok(ClaimedRecipient { position: position(row)?, recipient, is_forbidden })
}

fn position(row: &impl Columns) -> Result<u32, StoreError> {
    let position = required(id(row, "position")?, "position")?;
    u32::try_from(position).map_err(|_| StoreError::Corrupt("position"))
}

fn phone(text: Option<String>) -> Result<PhoneNumber, StoreError> {
    required(text, "number")?.parse().map_err(|_| StoreError::Corrupt("number"))
}
