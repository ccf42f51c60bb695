//! The form of `POST …/Calls.json`, and of `POST …/Calls/{sid}.json`.

use std::collections::HashMap;
use std::time::Duration;

use crate::face::Outbound;
use crate::face::body::{TEXT_BYTES_MAX, wrong};
use crate::model::{
    AgentChoice, Callback, EventKind, EventSet, FromPolicy, Key, OutboundRequest, PhoneNumber, Refusal,
    VoicemailAction, WhenFull,
};

use super::twiml;

/// A URL is at most so long, in bytes.
const URL_BYTES_MAX: usize = 2_048;
/// Seconds of ringing: `Timeout`.
const TIMEOUT_SECONDS: std::ops::RangeInclusive<u64> = 1..=600;
/// Seconds of talking: `TimeLimit`. More is our own limit all the same.
const TIME_LIMIT_SECONDS: std::ops::RangeInclusive<u64> = 1..=14_400;
/// No call lasts longer than this here.
const CALL_DURATION_MAX: Duration = Duration::from_secs(1_800);

/// Parses and checks a form.
pub fn parse(key: &Key, body: &[u8]) -> Result<Outbound, Refusal> {
    let form = Form::parse(body)?;
    for field in ["To", "From"] {
        if form.text(field).is_none() {
            return Err(Refusal::MissingField(field));
        }
    }
    let to = form.number("To")?;
    let from = form.number("From")?;
    let script = match (form.text("Twiml"), form.text("Url")) {
        (Some(text), _) => twiml::parse(text)?,
        (None, Some(_)) => {
            return Err(wrong("Url", "is not fetched by this switch: send the document itself as Twiml"));
        }
        (None, None) => return Err(Refusal::MissingField("Url")),
    };
    let record = form.flag("Record")?;
    form.one_of("MachineDetection", &["Enable", "DetectMessageEnd", "none"])?;
    let limit = form.seconds("TimeLimit", TIME_LIMIT_SECONDS)?;
    Ok(Outbound {
        idempotency_key: None,
        from_unusable: false,
        request: OutboundRequest {
            from: Some(from),
            from_policy: FromPolicy::OfTenant,
            voicemail: Some(VoicemailAction::Ignore),
            record: Some(record),
            when_full: WhenFull::Refuse,
            ring_timeout: form.seconds("Timeout", TIMEOUT_SECONDS)?,
            call_duration_max: limit.map(|limit| limit.min(CALL_DURATION_MAX)),
            callback: callback(&form)?,
            ..OutboundRequest::new(key.tenant, key.id, AgentChoice::Script(script), to)
        },
    })
}

/// What a client wants of a call that lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Hang up.
    Complete,
    /// Hang up if nobody answered yet.
    Cancel,
}

/// Reads the form of a change. Redirecting a call to other TwiML is none that this switch makes.
pub fn parse_change(body: &[u8]) -> Result<Change, Refusal> {
    let form = Form::parse(body)?;
    match form.text("Status") {
        Some("completed") => Ok(Change::Complete),
        Some("canceled") => Ok(Change::Cancel),
        Some(_) => Err(wrong("Status", "must be \"completed\" or \"canceled\"")),
        None => Err(Refusal::MissingField("Status")),
    }
}

fn callback(form: &Form) -> Result<Option<Callback>, Refusal> {
    let Some(url) = form.text("StatusCallback") else { return Ok(None) };
    let usable =
        url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !usable || url.len() > URL_BYTES_MAX {
        return Err(wrong(
            "StatusCallback",
            format!("must be an http(s) URL of at most {URL_BYTES_MAX} bytes"),
        ));
    }
    if form.text("StatusCallbackMethod").is_some_and(|method| !method.eq_ignore_ascii_case("POST")) {
        return Err(wrong("StatusCallbackMethod", "must be POST"));
    }
    let named = form.all("StatusCallbackEvent").flat_map(str::split_ascii_whitespace);
    let events: Result<EventSet, Refusal> = named
        .map(|name| match name {
            "initiated" => Ok(EventKind::Started),
            "ringing" => Ok(EventKind::Ringing),
            "answered" => Ok(EventKind::Answered),
            "completed" => Ok(EventKind::Completed),
            _ => Err(wrong("StatusCallbackEvent", "must be initiated, ringing, answered or completed")),
        })
        .collect();
    let chosen = events?;
    let none = chosen == EventSet::default();
    let events = if none { [EventKind::Completed].into_iter().collect() } else { chosen };
    Ok(Some(Callback { url: url.to_owned(), events }))
}

/// `application/x-www-form-urlencoded`; a name may stand there several times.
struct Form(HashMap<String, Vec<String>>);

impl Form {
    fn parse(body: &[u8]) -> Result<Self, Refusal> {
        if std::str::from_utf8(body).is_err() {
            return Err(wrong("body", "is not UTF-8"));
        }
        let mut fields: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            if value.contains('\0') {
                return Err(wrong(&name, "contains a NUL"));
            }
            fields.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        Ok(Self(fields))
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }

    /// The last one that says something.
    fn text(&self, name: &str) -> Option<&str> {
        self.all(name).last().map(str::trim).filter(|text| !text.is_empty())
    }

    fn number(&self, field: &'static str) -> Result<PhoneNumber, Refusal> {
        let text = self.text(field).filter(|text| text.len() <= TEXT_BYTES_MAX).unwrap_or_default();
        // A `+` that was not escaped is a space, which the trim took away.
        let escaped = if text.starts_with('+') { text.to_owned() } else { format!("+{text}") };
        let parsed = if self.all(field).last().is_some_and(|raw| raw.starts_with(' ')) {
            escaped.parse()
        } else {
            text.parse()
        };
        parsed.map_err(|_| Refusal::InvalidPhone { field })
    }

    fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.text(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(wrong(name, "must be true or false")),
        }
    }

    fn one_of(&self, name: &str, words: &[&str]) -> Result<(), Refusal> {
        match self.text(name) {
            Some(word) if !words.iter().any(|known| known.eq_ignore_ascii_case(word)) => {
                Err(wrong(name, format!("must be one of {}", words.join(", "))))
            }
            _ => Ok(()),
        }
    }

    fn seconds(
        &self,
        name: &str,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<Duration>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let seconds = text.parse().ok().filter(|seconds| bounds.contains(seconds));
        let reason = || wrong(name, format!("must be {} to {} seconds", bounds.start(), bounds.end()));
        seconds.map(|seconds| Some(Duration::from_secs(seconds))).ok_or_else(reason)
    }
}
