//! Campaigns as the API shows them, and the queries of their lists. Seed 001 documents the answer to a new one, the vendor that to
//! a launch; the reads are ours.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::json;
use super::record::end;
use crate::face::last_of_full;
use crate::model::{
    Campaign, CampaignStatus, InvalidRecipient, Learned, Recipient, RecipientState, Refusal, Retry,
    StoredResponse, Timestamp,
};

/// Entries a page if the client does not say.
const LIMIT_DEFAULT: u32 = 25;
/// Campaigns a page at most; who asks for more gets so many.
const CAMPAIGNS_MAX: u32 = 100;
/// Recipients a page at most.
const RECIPIENTS_MAX: u32 = 1_000;

/// The answer to a new campaign.
#[derive(Serialize, ToSchema)]
#[schema(as = nixflex::CampaignCreated)]
pub struct Created<'a> {
    campaign_id: String,
    status: &'static str,
    valid_count: u64,
    invalid_count: usize,
    invalid: &'a [InvalidRecipient],
    /// Only for who asked that nobody be called twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_count: Option<u64>,
}

/// The answer to a new campaign: 201, as seed 001 shows it.
pub fn campaign_created(
    campaign: &Campaign,
    invalid: &[InvalidRecipient],
    duplicates: Option<u64>,
) -> StoredResponse {
    let created = Created {
        campaign_id: campaign.id.to_string(),
        status: campaign.status.as_str(),
        valid_count: campaign.counts.total,
        invalid_count: invalid.len(),
        invalid,
        duplicate_count: duplicates,
    };
    StoredResponse { status: 201, body: json(&created) }
}

/// How a campaign stands.
#[derive(Serialize, ToSchema)]
#[schema(as = nixflex::CampaignStanding)]
pub struct Standing {
    campaign_id: String,
    status: &'static str,
    recipients_count: u64,
    queued_count: u64,
}

/// The answer to an order: launch, pause, resume, cancel.
pub fn campaign_standing(campaign: &Campaign) -> String {
    json(&Standing {
        campaign_id: campaign.id.to_string(),
        status: campaign.status.as_str(),
        recipients_count: campaign.counts.total,
        queued_count: queued(campaign),
    })
}

/// One campaign.
#[derive(Serialize, ToSchema)]
#[schema(as = nixflex::Campaign)]
pub struct Report<'a> {
    #[serde(flatten)]
    full: Full<'a>,
    single_calls_count: u64,
    /// Of a campaign whose calls are people's, once it has called somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pacing: Option<Pacing>,
}

/// One campaign: `GET /v1/calls/batch/{id}`. `single_calls` named it without being its own.
pub fn campaign(campaign: &Campaign, single_calls: u64, learned: Option<Learned>) -> String {
    let pacing = learned.map(|learned| Pacing::of(&learned));
    json(&Report { full: Full::of(campaign), single_calls_count: single_calls, pacing })
}

/// What such a campaign has learned of its calls since the switch started, and what becomes of its next one.
#[derive(Serialize, ToSchema)]
#[schema(as = nixflex::CampaignPacing)]
pub struct Pacing {
    /// From so many calls.
    calls: u64,
    /// Of a hundred calls, so many are answered, by persons or machines.
    answered_percent: f64,
    /// Of a hundred who answer, so many want a person.
    wanted_percent: f64,
    /// From the INVITE until a person is wanted: the median.
    #[schema(required)]
    lead_seconds: Option<f64>,
    /// How long is talked: the median.
    #[schema(required)]
    talk_seconds: Option<f64>,
    /// Of a hundred who wanted a person, so many heard nobody, of late.
    abandoned_percent: f64,
    /// With what chance whoever answers the next call would hear nobody, as it was weighed last.
    #[schema(required)]
    risk_percent: Option<f64>,
    /// With what chance it may: the next call leaves while its risk is not more.
    #[schema(required)]
    risk_percent_max: Option<f64>,
}

impl Pacing {
    fn of(learned: &Learned) -> Self {
        let rounded = |value: f64| (value * 100.0).round() / 100.0;
        let percent = |share: f64| rounded(share * 100.0);
        let seconds = |time: Duration| rounded(time.as_secs_f64());
        Self {
            calls: learned.calls,
            answered_percent: percent(learned.answered),
            wanted_percent: percent(learned.wanted),
            lead_seconds: learned.lead.map(seconds),
            talk_seconds: learned.talk.map(seconds),
            abandoned_percent: percent(learned.abandoned),
            risk_percent: learned.risk.map(|(risk, _)| percent(risk)),
            risk_percent_max: learned.risk.map(|(_, allowed)| percent(allowed)),
        }
    }
}

/// A page of campaigns.
#[derive(Serialize, ToSchema)]
#[schema(as = nixflex::CampaignPage)]
pub struct Page<'a> {
    campaigns: Vec<Full<'a>>,
    count: u64,
    limit: u32,
    offset: u64,
}

/// A page of campaigns: `GET /v1/calls/batch`.
pub fn campaigns(campaigns: &[Campaign], count: u64, list: &CampaignList) -> String {
    let campaigns = campaigns.iter().map(Full::of).collect();
    json(&Page { campaigns, count, limit: list.limit, offset: list.offset })
}

/// A page of recipients.
#[derive(Serialize, ToSchema)]
#[schema(as = nixflex::RecipientPage)]
pub struct RecipientPage<'a> {
    recipients: Vec<Row<'a>>,
    limit: u32,
    next_cursor: Option<String>,
}

/// A page of recipients: `GET /v1/calls/batch/{id}/recipients`.
pub fn recipients(recipients: &[Recipient], list: &RecipientList) -> String {
    let last = last_of_full(recipients, list.limit).map(|last| last.position.to_string());
    json(&RecipientPage {
        recipients: recipients.iter().map(Row::of).collect(),
        limit: list.limit,
        next_cursor: last,
    })
}

/// A cancelled campaign calls nobody more, though its recipients may not all have been told so yet.
fn queued(campaign: &Campaign) -> u64 {
    if campaign.status == CampaignStatus::Cancelled { 0 } else { campaign.counts.pending }
}

/// A campaign as reads show it.
#[derive(Serialize, ToSchema)]
#[schema(as = nixflex::CampaignRow)]
pub struct Full<'a> {
    campaign_id: String,
    #[schema(required)]
    name: Option<&'a str>,
    agent_id: String,
    /// The first of them, where each recipient sees one of its own: its call tells which.
    from_number: &'a str,
    status: &'static str,
    /// Why it failed.
    #[schema(required)]
    status_reason: Option<&'a str>,
    timezone: &'a str,
    #[schema(required)]
    window_start_minutes: Option<u16>,
    #[schema(required)]
    window_end_minutes: Option<u16>,
    #[schema(required)]
    window_days: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callee_window_start_minutes: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callee_window_end_minutes: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callee_window_days: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<RetryShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_after_failures: Option<u32>,
    due_at: Timestamp,
    created_at: Timestamp,
    #[schema(required)]
    launched_at: Option<Timestamp>,
    #[schema(required)]
    ended_at: Option<Timestamp>,
    recipients_count: u64,
    invalid_count: u64,
    queued_count: u64,
    active_count: u64,
    answered_count: u64,
    /// Of those, the ones for whom nobody was free to talk.
    abandoned_count: u64,
    unanswered_count: u64,
    failed_count: u64,
    indeterminate_count: u64,
    cancelled_count: u64,
}

impl<'a> Full<'a> {
    fn of(campaign: &'a Campaign) -> Self {
        let (counts, window, callees) = (&campaign.counts, &campaign.window, &campaign.callee_window);
        Self {
            campaign_id: campaign.id.to_string(),
            name: campaign.name.as_deref(),
            agent_id: campaign.agent.render(),
            from_number: campaign.from.as_str(),
            status: campaign.status.as_str(),
            status_reason: campaign.reason.as_deref(),
            timezone: campaign.zone.name(),
            window_start_minutes: window.minutes.map(|(start, _)| start),
            window_end_minutes: window.minutes.map(|(_, end)| end),
            window_days: window.days.map(|days| days.names().collect()),
            callee_window_start_minutes: callees.minutes.map(|(start, _)| start),
            callee_window_end_minutes: callees.minutes.map(|(_, end)| end),
            callee_window_days: callees.days.map(|days| days.names().collect()),
            retry: campaign.retry.as_ref().map(RetryShown::of),
            pause_after_failures: campaign.breaker,
            due_at: campaign.due_at,
            created_at: campaign.created_at,
            launched_at: campaign.launched_at,
            ended_at: campaign.ended_at,
            recipients_count: counts.total,
            invalid_count: campaign.invalid,
            queued_count: queued(campaign),
            active_count: counts.active,
            answered_count: counts.answered,
            abandoned_count: counts.abandoned,
            unanswered_count: counts.unanswered,
            failed_count: counts.failed,
            indeterminate_count: counts.indeterminate,
            cancelled_count: counts.cancelled + counts.pending - queued(campaign),
        }
    }
}

/// When somebody is called again.
#[derive(Serialize, ToSchema)]
#[schema(as = nixflex::CampaignRetry)]
pub struct RetryShown {
    max_attempts: u32,
    wait_seconds: u64,
    on: Vec<&'static str>,
}

impl RetryShown {
    fn of(retry: &Retry) -> Self {
        Self {
            max_attempts: retry.attempts_max,
            wait_seconds: retry.wait.as_secs(),
            on: retry.on.iter().map(|reason| reason.as_str()).collect(),
        }
    }
}

/// A recipient as reads show it.
#[derive(Serialize, ToSchema)]
#[schema(as = nixflex::CampaignRecipient)]
pub struct Row<'a> {
    position: u32,
    phone: &'a str,
    status: &'static str,
    /// The last one.
    call_id: Option<String>,
    attempts: u32,
    /// When it is called, or called again, if that is not now.
    next_attempt_at: Option<Timestamp>,
    ended_reason: Option<&'static str>,
    /// Why it could not be called.
    reason: Option<&'a str>,
    ended_at: Option<Timestamp>,
}

impl<'a> Row<'a> {
    fn of(recipient: &'a Recipient) -> Self {
        Self {
            position: recipient.position,
            phone: recipient.phone.as_str(),
            status: recipient.state.as_str(),
            call_id: recipient.call.map(|call| call.ca()),
            attempts: recipient.attempts,
            next_attempt_at: recipient.due_at,
            ended_reason: recipient.disposition.map(|disposition| end(disposition).1),
            reason: recipient.reason.as_deref(),
            ended_at: recipient.ended_at,
        }
    }
}

/// Which campaigns, and which page of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CampaignList {
    /// Only those that stand so.
    pub status: Option<CampaignStatus>,
    /// Campaigns a page, 1 to 100.
    pub limit: u32,
    /// Campaigns before it.
    pub offset: u64,
}

/// Which recipients, and which page of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecipientList {
    /// Only those who stand so.
    pub status: Option<RecipientState>,
    /// Those after this place: `next_cursor` of the page before.
    pub after: Option<u32>,
    /// Recipients a page, 1 to 1,000.
    pub limit: u32,
}

/// Parses a query string. Unknown parameters are ignored, known ones must make sense; of two equal names the last holds.
pub fn parse_campaign_list(query: &str) -> Result<CampaignList, Refusal> {
    let mut list = CampaignList { status: None, limit: LIMIT_DEFAULT, offset: 0 };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "limit" => list.limit = limit(&value, CAMPAIGNS_MAX)?,
            "offset" => match value.parse::<u64>() {
                Ok(offset) if i64::try_from(offset).is_ok() => list.offset = offset,
                _ => return Err(wrong("offset", "must be a number from 0")),
            },
            "status" => {
                let status = CampaignStatus::from_word(&value);
                list.status = Some(status.ok_or_else(|| wrong("status", "is no status of a campaign"))?);
            }
            _ => {}
        }
    }
    Ok(list)
}

/// As [`parse_campaign_list`].
pub fn parse_recipient_list(query: &str) -> Result<RecipientList, Refusal> {
    let mut list = RecipientList { status: None, after: None, limit: LIMIT_DEFAULT };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "limit" => list.limit = limit(&value, RECIPIENTS_MAX)?,
            "cursor" => {
                let after = value.parse().map_err(|_| wrong("cursor", "is none that a page has named"))?;
                list.after = Some(after);
            }
            "status" => {
                let status = RecipientState::from_word(&value);
                list.status = Some(status.ok_or_else(|| wrong("status", "is no status of a recipient"))?);
            }
            _ => {}
        }
    }
    Ok(list)
}

fn limit(value: &str, max: u32) -> Result<u32, Refusal> {
    match value.parse::<u64>() {
        Ok(limit) if limit > 0 => Ok(u32::try_from(limit).unwrap_or(u32::MAX).min(max)),
        _ => Err(wrong("limit", "must be a number from 1")),
    }
}

fn wrong(field: &str, reason: &str) -> Refusal {
    Refusal::InvalidField { field: field.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_or_refused_by_name() {
        let list = parse_recipient_list("limit=5000&cursor=24&status=ended&unknown=1").expect("valid");
        let expected = RecipientList { status: Some(RecipientState::Ended), after: Some(24), limit: 1_000 };
        assert_eq!(list, expected);
        let list = parse_campaign_list("limit=500&offset=7&status=paused").expect("valid");
        assert_eq!(list, CampaignList { status: Some(CampaignStatus::Paused), limit: 100, offset: 7 });
        for query in ["limit=0", "limit=x", "status=creating", "cursor=-1"] {
            let name = query.split('=').next().expect("a name");
            match parse_recipient_list(query) {
                Err(Refusal::InvalidField { field, .. }) => assert_eq!(field, name),
                other => panic!("{query}: {other:?}"),
            }
        }
        for query in ["limit=-1", "offset=-1", "status=creating"] {
            assert!(parse_campaign_list(query).is_err(), "{query}");
        }
    }
}
