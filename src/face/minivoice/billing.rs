//! `/v1/rates` and `/v1/usage`. Money is integer micros.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::face::money::{parse, query, time, wrong};
use crate::model::{Account, ListedRate, Micros, Rate, Refusal, StoredResponse, Timestamp, Usage};

/// The longest interval, in seconds.
const INTERVAL_MAX: u32 = 3_600;
/// The highest price of anything, in micros: a thousand units.
const PRICE_MAX: i64 = 1_000_000_000;
/// How far usage goes back when nobody says.
const USAGE_MS: i64 = 30 * 86_400_000;

/// `{"prefix":"+44","per_minute_micros":12000,"first_interval":60,"next_interval":60,"minimum_micros":0,"connection_fee_micros":0,
/// "valid_from":null,"valid_until":null}`; the first two must be there.
pub fn parse_rate(body: &[u8]) -> Result<ListedRate, Refusal> {
    #[derive(Deserialize)]
    struct Body {
        prefix: Option<String>,
        per_minute_micros: Option<i64>,
        first_interval: Option<u32>,
        next_interval: Option<u32>,
        minimum_micros: Option<i64>,
        connection_fee_micros: Option<i64>,
        valid_from: Option<String>,
        valid_until: Option<String>,
    }
    let body: Body = parse(body)?;
    let prefix = body.prefix.ok_or(Refusal::MissingField("prefix"))?;
    let digits = prefix.strip_prefix('+').unwrap_or(&prefix);
    if digits.len() > 15 || digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong("prefix", "must be the beginning of an E.164 number"));
    }
    let price = |field: &'static str, value: Option<i64>| match value.unwrap_or(0) {
        micros @ 0..=PRICE_MAX => Ok(Micros(micros)),
        _ => Err(wrong(field, "must be 0 to 1000000000 micros")),
    };
    let interval = |field: &'static str, value: Option<u32>| match value.unwrap_or(60) {
        seconds @ 1..=INTERVAL_MAX => Ok(seconds),
        _ => Err(wrong(field, "must be 1 to 3600 seconds")),
    };
    let per_minute = body.per_minute_micros.ok_or(Refusal::MissingField("per_minute_micros"))?;
    let moment = |field, text: Option<String>| text.map(|text| time(field, &text)).transpose();
    let valid_from = moment("valid_from", body.valid_from)?;
    let valid_until = moment("valid_until", body.valid_until)?;
    if valid_from.zip(valid_until).is_some_and(|(from, until)| from >= until) {
        return Err(wrong("valid_until", "must be after valid_from"));
    }
    let rate = Rate {
        prefix: digits.to_owned(),
        per_minute: price("per_minute_micros", Some(per_minute))?,
        first_interval: interval("first_interval", body.first_interval)?,
        next_interval: interval("next_interval", body.next_interval)?,
        minimum: price("minimum_micros", body.minimum_micros)?,
        connection_fee: price("connection_fee_micros", body.connection_fee_micros)?,
    };
    Ok(ListedRate { id: 0, tenant: None, rate, valid_from, valid_until })
}

/// `?since=…&until=…`, RFC 3339: until now, and thirty days back from there.
pub fn parse_span(text: &str, now: Timestamp) -> Result<(Timestamp, Timestamp), Refusal> {
    let (mut since, mut until) = (None, now);
    for (name, value) in query(text) {
        match name.as_str() {
            "since" => since = Some(time("since", &value)?),
            "until" => until = time("until", &value)?,
            _ => {}
        }
    }
    let since = since.unwrap_or(Timestamp(until.0.saturating_sub(USAGE_MS)));
    if since < until { Ok((since, until)) } else { Err(wrong("until", "must be after since")) }
}

/// `POST /v1/rates`
pub fn created(listed: &ListedRate) -> StoredResponse {
    StoredResponse { status: 201, body: rate(listed).to_string() }
}

/// `GET /v1/rates`
pub fn rates(listed: &[ListedRate]) -> String {
    let rates: Vec<Value> = listed.iter().map(rate).collect();
    json!({ "rates": rates, "count": rates.len() }).to_string()
}

/// A rate of the configuration has no id of its own.
fn rate(listed: &ListedRate) -> Value {
    let ListedRate { id, rate, valid_from, valid_until, .. } = listed;
    json!({
        "id": (*id != 0).then(|| format!("rate_{id}")),
        "prefix": format!("+{}", rate.prefix),
        "per_minute_micros": rate.per_minute,
        "first_interval": rate.first_interval,
        "next_interval": rate.next_interval,
        "minimum_micros": rate.minimum,
        "connection_fee_micros": rate.connection_fee,
        "valid_from": valid_from,
        "valid_until": valid_until,
    })
}

/// `GET /v1/usage`
pub fn usage(usage: &Usage, account: &Account, (since, until): (Timestamp, Timestamp)) -> String {
    json!({
        "since": since,
        "until": until,
        "calls": usage.calls,
        "answered_calls": usage.answered,
        "duration_seconds": usage.seconds,
        "billable_minutes": usage.billable_minutes,
        "charged_micros": usage.charged,
        "currency": account.currency.as_str(),
        "balance_micros": account.available.0.saturating_add(account.held.0),
        "held_micros": account.held,
        "available_micros": account.available,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_reads_back_as_it_was_given() {
        let body = r#"{"prefix":"+44","per_minute_micros":12000,"first_interval":30,"next_interval":6,
            "minimum_micros":5,"connection_fee_micros":7,"valid_from":"2026-01-01T00:00:00Z"}"#;
        let listed = parse_rate(body.as_bytes()).expect("valid");
        let shown: Value =
            serde_json::from_str(&created(&ListedRate { id: 4, ..listed }).body).expect("JSON");
        let expected = json!({
            "id": "rate_4", "prefix": "+44", "per_minute_micros": 12_000, "first_interval": 30,
            "next_interval": 6, "minimum_micros": 5, "connection_fee_micros": 7,
            "valid_from": "2026-01-01T00:00:00.000Z", "valid_until": null,
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_rate_that_makes_no_sense_is_refused() {
        assert_eq!(parse_rate(b"{}"), Err(Refusal::MissingField("prefix")));
        assert_eq!(parse_rate(br#"{"prefix":""}"#), Err(Refusal::MissingField("per_minute_micros")));
        for fields in [
            r#""prefix":"044""#,
            r#""prefix":"x""#,
            r#""prefix":"1234567890123456""#,
            r#""per_minute_micros":-1"#,
            r#""per_minute_micros":1.5"#,
            r#""per_minute_micros":1000000001"#,
            r#""first_interval":0"#,
            r#""next_interval":3601"#,
            r#""minimum_micros":"5""#,
            r#""valid_from":"tomorrow""#,
            r#""valid_from":"2026-01-02T00:00:00Z","valid_until":"2026-01-01T00:00:00Z""#,
        ] {
            let mut body = String::from("{");
            for (name, default) in
                [("prefix", r#""prefix":"44""#), ("per_minute_micros", r#""per_minute_micros":1"#)]
            {
                if !fields.contains(name) {
                    body += default;
                    body.push(',');
                }
            }
            let body = format!("{body}{fields}}}");
            assert!(matches!(parse_rate(body.as_bytes()), Err(Refusal::InvalidField { .. })), "{body}");
        }
    }

    #[test]
    fn usage_is_of_thirty_days_unless_somebody_says() {
        let now = Timestamp(USAGE_MS + 5);
        assert_eq!(parse_span("", now), Ok((Timestamp(5), now)));
        let span = parse_span("since=1970-01-01T00%3A00%3A01Z&until=1970-01-01T00:00:02Z", now);
        assert_eq!(span, Ok((Timestamp(1_000), Timestamp(2_000))));
        for text in ["since=x", "until=1970-01-01T00:00:00Z&since=1970-01-01T00:00:00Z"] {
            assert!(parse_span(text, now).is_err(), "{text}");
        }
    }
}
