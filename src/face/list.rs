//! The query of `GET /v1/calls`, which every vendor has and none forbids what another one names; and where the next page of a list
//! begins.

use crate::model::{Refusal, Timestamp};

/// Calls a page if the client does not say.
const LIMIT_DEFAULT: u32 = 25;
/// Calls a page at most; who asks for more gets so many.
const LIMIT_MAX: u32 = 100;

/// Which calls, and which page of them. `None` does not filter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct List {
    /// Only this agent's; in any rendering, not yet looked up.
    pub agent: Option<String>,
    /// Only inbound (`true`) or only outbound calls.
    pub inbound: Option<bool>,
    /// Started at this time or later.
    pub since: Option<Timestamp>,
    /// Started before this time.
    pub until: Option<Timestamp>,
    /// Only those that a voicemail ended, or that none did.
    pub voicemail_detected: Option<bool>,
    /// Calls a page, 1 to 100.
    pub limit: u32,
    /// Calls before it.
    pub offset: u64,
}

/// Parses a query string. Unknown parameters are ignored, known ones must make sense; of two equal names the last holds.
pub fn parse_list(query: &str) -> Result<List, Refusal> {
    let mut list = List {
        agent: None,
        inbound: None,
        since: None,
        until: None,
        voicemail_detected: None,
        limit: LIMIT_DEFAULT,
        offset: 0,
    };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let wrong =
            |reason: &str| Refusal::InvalidField { field: name.to_string(), reason: reason.to_owned() };
        match &*name {
            "limit" => {
                let limit: u64 = value.parse().map_err(|_| wrong("must be a number from 1"))?;
                if limit == 0 {
                    return Err(wrong("must be a number from 1"));
                }
                list.limit = u32::try_from(limit).unwrap_or(u32::MAX).min(LIMIT_MAX);
            }
            // What no database counts to is no page either.
            "offset" => match value.parse::<u64>() {
                Ok(offset) if i64::try_from(offset).is_ok() => list.offset = offset,
                _ => return Err(wrong("must be a number from 0")),
            },
            "agent_id" => list.agent = Some(value.into_owned()),
            "direction" => match &*value {
                "inbound" => list.inbound = Some(true),
                "outbound" => list.inbound = Some(false),
                _ => return Err(wrong("must be \"inbound\" or \"outbound\"")),
            },
            "since" => list.since = Some(time(&value).ok_or_else(|| wrong(TIME))?),
            "until" => list.until = Some(time(&value).ok_or_else(|| wrong(TIME))?),
            "voicemail_detected" => match &*value {
                "true" => list.voicemail_detected = Some(true),
                "false" => list.voicemail_detected = Some(false),
                _ => return Err(wrong("must be \"true\" or \"false\"")),
            },
            _ => {}
        }
    }
    Ok(list)
}

/// What a time must be.
pub(super) const TIME: &str = "must be a time such as 2026-01-31T09:00:00Z, or a date";

/// RFC 3339, or a date, whose 00:00 UTC is meant. A `+` that was not escaped has become a space.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let escaped = text.replace(' ', "+");
    let moment = escaped.parse::<jiff::Timestamp>().ok().or_else(|| {
        let date: jiff::civil::Date = text.parse().ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })?;
    Some(Timestamp(moment.as_millisecond()))
}

/// Where the next page begins: behind the last of one that is full. `None`: nothing comes after it.
pub fn last_of_full<T>(page: &[T], limit: u32) -> Option<&T> {
    page.last().filter(|_| u32::try_from(page.len()) == Ok(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_query_it_is_the_first_page_of_everything() {
        let list = parse_list("").expect("valid");
        assert_eq!((list.limit, list.offset, list.agent), (25, 0, None));
    }

    #[test]
    fn every_parameter_is_read() {
        let query = "limit=500&offset=50&agent_id=agent_demo&direction=outbound&since=2023-11-14T22:13:20%2B00:00\
                     &until=2023-11-15&voicemail_detected=true&unknown=1";
        let list = parse_list(query).expect("valid");
        assert_eq!(
            list,
            List {
                agent: Some("agent_demo".into()),
                inbound: Some(false),
                since: Some(Timestamp(1_700_000_000_000)),
                until: Some(Timestamp(1_700_006_400_000)),
                voicemail_detected: Some(true),
                limit: 100,
                offset: 50,
            }
        );
        assert_eq!(parse_list("since=2023-11-14T22:13:20+00:00").expect("valid").since, list.since);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for query in [
            "limit=0",
            "limit=-1",
            "limit=x",
            "offset=-1",
            "offset=9223372036854775808",
            "direction=up",
            "since=yesterday",
            "until=",
            "voicemail_detected=maybe",
        ] {
            let name = query.split('=').next().expect("a name");
            match parse_list(query) {
                Err(Refusal::InvalidField { field, .. }) => assert_eq!(field, name),
                other => panic!("{query}: {other:?}"),
            }
        }
    }
}
