//! The form of `POST …/Calls.json`, and of `POST …/Calls/{sid}.json`.

use std::collections::HashMap;
use std::time::Duration;

use crate::face::Outbound;
use crate::face::body::{TEXT_BYTES_MAX, wrong};
use crate::model::{
    AgentChoice, Callback, EventKind, EventSet, Face, FromPolicy, Guide, Key, OutboundRequest, PhoneNumber,
    Refusal, URL_BYTES_MAX, VoicemailAction, WhenFull,
};

use super::twiml;

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
    let guide = match (form.text("Twiml"), form.text("Url")) {
        (Some(text), _) => {
            let first = twiml::parse(None, text).map_err(|reason| wrong("Twiml", reason))?;
            Guide { url: String::new(), face: Face::Twilio, first }
        }
        (None, Some(_)) => Guide { url: form.url("Url")?, face: Face::Twilio, first: Vec::new() },
        (None, None) => return Err(Refusal::MissingField("Url")),
    };
    form.only_post("Method")?;
    let record = form.flag("Record")?;
    form.one_of("MachineDetection", &["Enable", "DetectMessageEnd", "none"])?;
    form.flag("AsyncAmd")?;
    if form.text("AsyncAmdStatusCallback").is_some() {
        let reason = "is not called by this switch: AnsweredBy comes with the StatusCallback";
        return Err(wrong("AsyncAmdStatusCallback", reason));
    }
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
            guide: Some(guide),
            ..OutboundRequest::new(key.tenant, key.id, AgentChoice::Script(Vec::new()), to)
        },
    })
}

/// What a client wants of a call that lives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Hang up.
    Complete,
    /// Hang up if nobody answered yet.
    Cancel,
    /// Do what the document there says, from now on.
    Redirect(String),
}

/// Reads the form of a change.
pub fn parse_change(body: &[u8]) -> Result<Change, Refusal> {
    let form = Form::parse(body)?;
    match (form.text("Status"), form.text("Url")) {
        (Some("completed"), _) => Ok(Change::Complete),
        (Some("canceled"), _) => Ok(Change::Cancel),
        (Some(_), _) => Err(wrong("Status", "must be \"completed\" or \"canceled\"")),
        (None, Some(_)) => {
            form.only_post("Method")?;
            form.url("Url").map(Change::Redirect)
        }
        (None, None) if form.text("Twiml").is_some() => {
            Err(wrong("Twiml", "does not take the place of a live call's: send a Url"))
        }
        (None, None) => Err(Refusal::MissingField("Status")),
    }
}

fn callback(form: &Form) -> Result<Option<Callback>, Refusal> {
    if form.text("StatusCallback").is_none() {
        return Ok(None);
    }
    let url = form.url("StatusCallback")?;
    form.only_post("StatusCallbackMethod")?;
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
    Ok(Some(Callback { url, events }))
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

    /// An absolute URL.
    fn url(&self, name: &str) -> Result<String, Refusal> {
        let text = self.text(name).unwrap_or_default();
        let usable =
            url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !usable || text.len() > URL_BYTES_MAX {
            return Err(wrong(name, format!("must be an http(s) URL of at most {URL_BYTES_MAX} bytes")));
        }
        Ok(text.to_owned())
    }

    fn only_post(&self, name: &str) -> Result<(), Refusal> {
        match self.text(name) {
            Some(method) if !method.eq_ignore_ascii_case("POST") => Err(wrong(name, "must be POST")),
            _ => Ok(()),
        }
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
