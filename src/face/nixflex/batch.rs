//! The body of `POST /v1/calls/batch` (seed 001). Checks go in the document's order: presence, types, E.164. What depends on
//! agent, number and calendar is judged by the campaign room, and is only read here.

use serde_json::value::RawValue;

use crate::face::body::{Body, PROMPT_BYTES_MAX, TEXT_BYTES_MAX, bounded, can_be_said, placeholders, wrong};
use crate::model::{
    BatchRefusal, BatchRequest, Days, InvalidRecipient, Key, NewRecipient, Refusal, Window, Zone,
};

/// Recipients of one campaign.
const RECIPIENTS_MAX: usize = 1_000_000;
/// Minutes of a day.
const DAY_MINUTES: i64 = 1_440;

/// What a window's fields are called, and what is said of them.
struct WindowWords {
    start: &'static str,
    end: &'static str,
    days: &'static str,
    unpaired: &'static str,
    equal: &'static str,
    no_days: &'static str,
}

/// The words of the fields that begin so.
macro_rules! window_words {
    ($with:literal) => {
        WindowWords {
            start: concat!($with, "window_start_minutes"),
            end: concat!($with, "window_end_minutes"),
            days: concat!($with, "window_days"),
            unpaired: concat!($with, "window_start_minutes and ", $with, "window_end_minutes go together"),
            equal: concat!($with, "window_start_minutes and ", $with, "window_end_minutes are equal"),
            no_days: concat!(
                $with,
                "window_days must name at least one of mon, tue, wed, thu, fri, sat, sun, and nothing else"
            ),
        }
    };
}

/// When the campaign may call, by its own clock.
const WINDOW: WindowWords = window_words!("");
/// The same by its callees'.
const CALLEE_WINDOW: WindowWords = window_words!("callee_");

/// A valid body.
pub struct Batch {
    /// The request, for this key. Its idempotency is not set: the header has a say in it.
    pub request: BatchRequest,
    /// `idempotency_key` of the body.
    pub idempotency_key: Option<String>,
}

/// Parses and checks a body.
pub fn parse_batch(key: &Key, body: &[u8]) -> Result<Batch, BatchRefusal> {
    let body = Body::parse(body)?;
    for field in ["prompt", "agent_id"] {
        if body.is_blank(field) {
            return Err(Refusal::MissingField(field).into());
        }
    }
    let listed: Vec<&RawValue> = body.typed("recipients", "must be an array of objects")?.unwrap_or_default();
    if listed.is_empty() {
        return Err(Refusal::MissingField("recipients").into());
    }
    let schedule = body.text("schedule_type", TEXT_BYTES_MAX)?;
    if schedule.as_deref() == Some("schedule") && body.is_blank("scheduled_date") {
        return Err(Refusal::MissingField("scheduled_date").into());
    }
    if listed.len() > RECIPIENTS_MAX {
        return Err(wrong("recipients", format!("has more than {RECIPIENTS_MAX} entries")).into());
    }
    let agent = body.text("agent_id", TEXT_BYTES_MAX)?.unwrap_or_default();
    let prompt = body.text("prompt", PROMPT_BYTES_MAX)?.unwrap_or_default();
    let name = body.text("name", TEXT_BYTES_MAX)?;
    let from = body.text("from_number", TEXT_BYTES_MAX)?;
    let skip_invalid = body.typed("skip_invalid", "must be a boolean")?.unwrap_or(false);
    let date = date(schedule.as_deref(), body.text("scheduled_date", TEXT_BYTES_MAX)?.as_deref());
    let zone = body.text("timezone", TEXT_BYTES_MAX)?;
    let (window, callee_window) = (window(&body, WINDOW)?, window(&body, CALLEE_WINDOW)?);
    let idempotency_key = body.text("idempotency_key", TEXT_BYTES_MAX)?;
    let retry = super::persistence::retry(&body)?;
    let breaker = super::persistence::breaker(&body)?;
    let deduplicate = body.typed("deduplicate", "must be a boolean")?.unwrap_or(false);
    let (mut recipients, invalid) = recipients(&listed, &prompt)?;
    let duplicates = deduplicate.then(|| super::persistence::keep_first(&mut recipients));
    if !invalid.is_empty() && (!skip_invalid || recipients.is_empty()) {
        return Err(BatchRefusal::InvalidRecipients(invalid));
    }
    let request = BatchRequest {
        tenant: key.tenant,
        key: key.id,
        agent,
        from: from.map(|text| text.parse().map_err(drop)),
        name,
        prompt,
        recipients,
        invalid,
        date,
        zone: zone.map(|text| text.parse().map_err(drop)).transpose(),
        window,
        callee_window,
        retry,
        breaker,
        duplicates,
        idempotency: None,
    };
    Ok(Batch { request, idempotency_key })
}

/// `None`: now.
fn date(schedule: Option<&str>, date: Option<&str>) -> Result<Option<jiff::civil::Date>, &'static str> {
    match (schedule, date) {
        (None | Some("now"), _) => Ok(None),
        (Some("schedule"), Some(text)) => {
            let date = text.parse().ok().filter(|_| text.len() == "YYYY-MM-DD".len());
            date.map(Some).ok_or("scheduled_date must be a day of the calendar, as YYYY-MM-DD")
        }
        (Some("schedule"), None) => Err("scheduled_date is missing"),
        (Some(_), _) => Err("schedule_type must be \"now\" or \"schedule\""),
    }
}

/// The outer result is the types', the inner one the meaning's, which is judged later.
fn window(body: &Body<'_>, words: WindowWords) -> Result<Result<Window, &'static str>, Refusal> {
    let start: Option<i64> = body.typed(words.start, "must be an integer")?;
    let end: Option<i64> = body.typed(words.end, "must be an integer")?;
    let days: Option<Vec<String>> = body.typed(words.days, "must be an array of strings")?;
    let minutes = match (start, end) {
        (None, None) => Ok(None),
        (Some(start), Some(end)) if start == end => Err(words.equal),
        (Some(start), Some(end)) => minutes(start, end).map(Some),
        _ => Err(words.unpaired),
    };
    let days = match days {
        None => Ok(None),
        Some(names) => Days::from_names(names.iter().map(String::as_str)).map(Some).ok_or(words.no_days),
    };
    Ok(minutes.and_then(|minutes| Ok(Window { minutes, days: days? })))
}

fn minutes(start: i64, end: i64) -> Result<(u16, u16), &'static str> {
    if !(0..DAY_MINUTES).contains(&start) || !(0..=DAY_MINUTES).contains(&end) {
        return Err("minutes since midnight are 0 to 1439, and 1440 for the end of the day");
    }
    let small = |minutes: i64| u16::try_from(minutes).map_err(|_| "minutes are out of range");
    Ok((small(start)?, small(end)?))
}

/// Who is called, and who is not.
fn recipients(
    listed: &[&RawValue],
    prompt: &str,
) -> Result<(Vec<NewRecipient>, Vec<InvalidRecipient>), Refusal> {
    let common = (prompt.len(), placeholders(prompt));
    let (mut valid, mut invalid) = (Vec::with_capacity(listed.len()), Vec::new());
    for (index, raw) in listed.iter().enumerate() {
        let path = format!("recipients[{index}]");
        let within = |refusal| match refusal {
            Refusal::InvalidField { field, reason } if field == "body" => wrong(&path, reason),
            Refusal::InvalidField { field, reason } => wrong(&format!("{path}.{field}"), reason),
            refusal => refusal,
        };
        let fields = Body::of(raw.get()).map_err(|_| wrong(&path, "must be an object"))?;
        let variables = fields.variables("variables").map_err(within)?;
        let own = fields.text("prompt_override", PROMPT_BYTES_MAX).map_err(within)?;
        let own = own.filter(|text| !text.trim().is_empty());
        let (bytes, names) = own.as_deref().map_or(common, |own| (own.len(), placeholders(own)));
        if !can_be_said(bytes, names, &variables) {
            return Err(wrong(&format!("{path}.variables"), "would make the prompt too long"));
        }
        let zone = fields.text("timezone", TEXT_BYTES_MAX).map_err(within)?;
        let zone = zone.filter(|name| !name.trim().is_empty()).map(|name| name.parse::<Zone>()).transpose();
        let zone = zone.map_err(|unknown| wrong(&format!("{path}.timezone"), unknown.to_string()))?;
        match phone(&fields) {
            Ok(phone) => valid.push(NewRecipient { phone, variables, prompt: own, zone }),
            Err((phone, reason)) => invalid.push(InvalidRecipient { index, phone, reason }),
        }
    }
    Ok((valid, invalid))
}

/// A number, or what stands in its place and what is wrong with it.
fn phone(fields: &Body<'_>) -> Result<crate::model::PhoneNumber, (Option<String>, &'static str)> {
    let raw = fields.field("phone").ok_or((None, "missing"))?;
    let shown = |text: &str| Some(text.chars().take(TEXT_BYTES_MAX).collect());
    let text: String = serde_json::from_str(raw.get()).map_err(|_| (shown(raw.get()), "not a string"))?;
    let text = bounded("phone", text, TEXT_BYTES_MAX).map_err(|_| (None, "not a valid E.164 number"))?;
    text.parse().map_err(|_| (Some(text.clone()), "not a valid E.164 number"))
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
