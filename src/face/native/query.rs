//! The queries of the switch's own lists. Unlike the vendors', an unknown parameter is refused: a filter that was misspelt must
//! not show what it should have hidden.

use crate::model::{
    CallCursor, CallId, CallState, CampaignId, Direction, Disposition, EventKind, PhoneNumber, Refusal,
    Timestamp,
};

use super::cdr::CdrFormat;
use crate::face::list::{TIME, time};

/// Rows a page if the client does not say.
const LIMIT_DEFAULT: u32 = 50;
/// Rows a page at most; who asks for more gets so many.
const LIMIT_MAX: u32 = 200;

/// Which calls, and which page of them. `None` does not filter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CallQuery {
    /// Only those that stand so.
    pub state: Option<CallState>,
    /// Only these.
    pub direction: Option<Direction>,
    /// Only this agent's, by name or id, not yet looked up.
    pub agent: Option<String>,
    /// Only those from or to this number.
    pub number: Option<String>,
    /// Only single calls that name this campaign.
    pub campaign: Option<String>,
    /// Only those of this batch campaign.
    pub batch: Option<CampaignId>,
    /// Only those that ended so.
    pub disposition: Option<Disposition>,
    /// Accepted at this time or later.
    pub since: Option<Timestamp>,
    /// Accepted before this time.
    pub until: Option<Timestamp>,
    /// Calls a page, 1 to 200.
    pub limit: u32,
    /// The last call of the page before.
    pub after: Option<CallCursor>,
    /// How an export looks.
    pub format: Option<CdrFormat>,
}

/// Which deliveries. `None` does not filter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeliveryQuery {
    /// Only this endpoint's, not yet looked up.
    pub endpoint: Option<String>,
    /// Only this call's.
    pub call: Option<CallId>,
    /// Only those that stand so: `pending`, `delivered` or `failed`.
    pub state: Option<&'static str>,
    /// Deliveries a page, 1 to 200.
    pub limit: u32,
    /// The last delivery of the page before.
    pub after: Option<u64>,
}

/// How a delivery can stand.
pub const DELIVERY_STATES: [&str; 3] = ["pending", "delivered", "failed"];

/// Parses a query of calls. `is_export`: it has a format, and no pages.
pub fn calls(query: &str, is_export: bool) -> Result<CallQuery, Refusal> {
    let mut list = CallQuery { limit: LIMIT_DEFAULT, ..CallQuery::default() };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let wrong = |reason: &str| wrong(&name, reason);
        if value.contains('\0') {
            return Err(wrong("contains a NUL"));
        }
        match &*name {
            "state" => list.state = Some(CallState::from_word(&value).ok_or_else(|| wrong(STATES))?),
            "direction" => {
                let word = Direction::from_word(&value);
                list.direction = Some(word.ok_or_else(|| wrong("must be \"inbound\" or \"outbound\""))?);
            }
            "agent" => list.agent = Some(value.into_owned()),
            "number" => match value.replace(' ', "+") {
                number if number.len() <= NUMBER_MAX => list.number = Some(number),
                _ => return Err(wrong("is longer than any number")),
            },
            "campaign" => match value.parse() {
                Ok(batch) => list.batch = Some(batch),
                Err(()) => list.campaign = Some(value.into_owned()),
            },
            "disposition" => {
                let word = Disposition::from_word(&value);
                list.disposition = Some(word.ok_or_else(|| wrong("is no way in which a call ends"))?);
            }
            "since" => list.since = Some(time(&value).ok_or_else(|| wrong(TIME))?),
            "until" => list.until = Some(time(&value).ok_or_else(|| wrong(TIME))?),
            "limit" if !is_export => list.limit = limit(&name, &value)?,
            "after" if !is_export => {
                list.after = Some(value.parse().map_err(|()| wrong(CURSOR))?);
            }
            "format" if is_export => {
                let format = CdrFormat::from_word(&value);
                list.format = Some(format.ok_or_else(|| wrong("must be \"csv\" or \"ndjson\""))?);
            }
            _ => return Err(wrong("is no parameter of this path")),
        }
    }
    Ok(list)
}

/// Parses a query of deliveries.
pub fn deliveries(query: &str) -> Result<DeliveryQuery, Refusal> {
    let mut list = DeliveryQuery { limit: LIMIT_DEFAULT, ..DeliveryQuery::default() };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let wrong = |reason: &str| wrong(&name, reason);
        match &*name {
            "endpoint" => list.endpoint = Some(value.into_owned()),
            "call" => list.call = Some(value.parse().map_err(|()| wrong("is no call's id"))?),
            "state" => {
                let state = DELIVERY_STATES.into_iter().find(|state| *state == value);
                let must = "must be \"pending\", \"delivered\" or \"failed\"";
                list.state = Some(state.ok_or_else(|| wrong(must))?);
            }
            "limit" => list.limit = limit(&name, &value)?,
            "after" => list.after = Some(value.parse().map_err(|_| wrong(CURSOR))?),
            _ => return Err(wrong("is no parameter of this path")),
        }
    }
    Ok(list)
}

/// Parses the query of the do-not-call list: numbers a page, and the last one of the page before.
pub fn do_not_call(query: &str) -> Result<(u32, Option<PhoneNumber>), Refusal> {
    let (mut most, mut after) = (LIMIT_DEFAULT, None);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "limit" => most = limit(&name, &value)?,
            // A plus that was not escaped is read as a blank.
            "after" => after = Some(value.replace(' ', "+").parse().map_err(|_| wrong(&name, CURSOR))?),
            _ => return Err(wrong(&name, "is no parameter of this path")),
        }
    }
    Ok((most, after))
}

/// Parses `since` of a replay, which must be there.
pub fn since(query: &str) -> Result<Timestamp, Refusal> {
    let mut since = None;
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "since" => since = Some(time(&value).ok_or_else(|| wrong(&name, TIME))?),
            _ => return Err(wrong(&name, "is no parameter of this path")),
        }
    }
    since.ok_or(Refusal::MissingField("since"))
}

/// What a stream of events tells of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EventQuery {
    /// Only events that one of these means, in anybody's words; empty takes all.
    pub types: Vec<String>,
    /// The last event that the client has seen, for those that can't set a header.
    pub last_event_id: Option<String>,
}

impl EventQuery {
    /// Is it told?
    pub fn wants(&self, kind: EventKind) -> bool {
        self.types.is_empty() || self.types.iter().any(|word| kind.is_called(word))
    }
}

/// Parses the query of a stream.
pub fn events(query: &str) -> Result<EventQuery, Refusal> {
    let mut asked = EventQuery::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "types" => {
                asked.types = value
                    .split(',')
                    .map(str::trim)
                    .filter(|word| !word.is_empty())
                    .map(str::to_owned)
                    .collect();
                let unknown =
                    asked.types.iter().find(|word| !EventKind::ALL.iter().any(|kind| kind.is_called(word)));
                if let Some(unknown) = unknown {
                    return Err(wrong(&name, &format!("names `{unknown}`, which is no event")));
                }
            }
            "last_event_id" => asked.last_event_id = Some(value.into_owned()),
            _ => return Err(wrong(&name, "is no parameter of this path")),
        }
    }
    Ok(asked)
}

/// The id of an event.
pub fn event_id(text: &str) -> Result<u64, Refusal> {
    let id = text.trim().parse::<u64>().ok().filter(|id| i64::try_from(*id).is_ok());
    id.ok_or_else(|| wrong("Last-Event-ID", "must be the id of an event of this stream"))
}

const STATES: &str = "must be \"accepted\", \"dialing\", \"answered\" or \"ended\"";
const CURSOR: &str = "must be the next_cursor of the page before";
/// The longest address of record that a trunk may have sent as a caller's, in bytes.
const NUMBER_MAX: usize = 256;

fn limit(name: &str, value: &str) -> Result<u32, Refusal> {
    match value.parse::<u64>() {
        Ok(1..) => Ok(value.parse().unwrap_or(u32::MAX).min(LIMIT_MAX)),
        _ => Err(wrong(name, "must be a number from 1")),
    }
}

fn wrong(name: &str, reason: &str) -> Refusal {
    Refusal::InvalidField { field: name.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_database_can_hold_is_refused_by_its_name() {
        for name in ["number", "campaign", "agent"] {
            let Err(Refusal::InvalidField { field, .. }) = calls(&format!("{name}=a%00b"), false) else {
                panic!("{name}")
            };
            assert_eq!(field, name);
        }
    }

    #[test]
    fn every_parameter_of_calls_is_read() {
        let query = calls(
            "state=ended&direction=inbound&agent=agent_demo&number=+447446466847&campaign=spring&disposition=busy\
             &since=2023-11-14T22:13:20Z&until=2023-11-15&limit=1000&after=1700000000000.7",
            false,
        );
        let expected = CallQuery {
            state: Some(CallState::Ended),
            direction: Some(Direction::Inbound),
            agent: Some("agent_demo".into()),
            number: Some("+447446466847".into()),
            campaign: Some("spring".into()),
            batch: None,
            disposition: Some(Disposition::Busy),
            since: Some(Timestamp(1_700_000_000_000)),
            until: Some(Timestamp(1_700_006_400_000)),
            limit: 200,
            after: "1700000000000.7".parse().ok(),
            format: None,
        };
        assert_eq!(query, Ok(expected));
        let batch = calls("campaign=batchcall_0000000000000007&format=csv", true).expect("valid");
        assert_eq!(
            (batch.batch, batch.campaign, batch.format),
            (Some(CampaignId(7)), None, Some(CdrFormat::Csv))
        );
    }

    #[test]
    fn what_makes_no_sense_or_is_unknown_is_refused_by_name() {
        let refused = |result: Result<(), Refusal>, query: &str| match result {
            Err(Refusal::InvalidField { field, .. }) => {
                assert_eq!(field, query.split('=').next().expect("a name"))
            }
            other => panic!("{query}: {other:?}"),
        };
        for query in [
            "state=gone",
            "direction=up",
            "disposition=x",
            "since=yesterday",
            "limit=0",
            "limit=x",
            "after=7",
            "stat=ended",
            "format=csv",
            "offset=1",
        ] {
            refused(calls(query, false).map(drop), query);
        }
        for query in ["format=xlsx", "limit=5", "after=1.1"] {
            refused(calls(query, true).map(drop), query);
        }
        for query in ["state=dead", "call=x", "after=-1", "key=1"] {
            refused(deliveries(query).map(drop), query);
        }
        for query in ["types=call.gone", "since=1"] {
            refused(events(query).map(drop), query);
        }
        assert_eq!(since(""), Err(Refusal::MissingField("since")));
        assert!(
            event_id("x").is_err() && event_id("-1").is_err() && event_id("9223372036854775808").is_err()
        );
        assert_eq!(event_id("7"), Ok(7));
    }

    #[test]
    fn a_stream_takes_an_events_names_in_anybodys_words() {
        let asked = events("types=telephony.complete,call.ringing").expect("valid");
        assert!(asked.wants(EventKind::Completed) && asked.wants(EventKind::Ringing));
        assert!(!asked.wants(EventKind::Answered));
        assert!(EventQuery::default().wants(EventKind::Answered));
    }
}
