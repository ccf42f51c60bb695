//! The do-not-call list in the switch's own words.

use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::control::{read, wrong};
use crate::face::body::bounded;
use crate::face::last_of_full;
use crate::model::{CallId, DoNotCall, NOTE_BYTES_MAX, PhoneNumber, Refusal};

/// Numbers of one request, which one transaction writes.
pub const NUMBERS_MAX: usize = 1_000;

/// What is put on the list. An unknown field is a mistake, and is refused.
#[derive(Deserialize, ToSchema)]
#[schema(as = native::DoNotCallNumbers)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// In E.164.
    #[schema(required, nullable = false, min_items = 1, max_items = 1_000)]
    numbers: Option<Vec<String>>,
    /// What is to be remembered of them.
    #[schema(max_length = 256)]
    note: Option<String>,
}

/// `{"numbers":["+15551234567"],"note":"…"}`: all of them, or none.
pub fn parse(body: &[u8]) -> Result<(Vec<PhoneNumber>, Option<String>), Refusal> {
    let Listing { numbers, note } = read(body)?;
    let texts = numbers.ok_or(Refusal::MissingField("numbers"))?;
    if !(1..=NUMBERS_MAX).contains(&texts.len()) {
        return Err(wrong("numbers", format!("must be 1 to {NUMBERS_MAX}, not {}", texts.len())));
    }
    let note = note.map(|note| bounded("note", note, NOTE_BYTES_MAX)).transpose()?;
    let number = |(place, text): (usize, &String)| {
        text.trim().parse().map_err(|error| wrong(&format!("numbers[{place}]"), format!("is {error}")))
    };
    Ok((texts.iter().enumerate().map(number).collect::<Result<_, _>>()?, note))
}

/// A number of the list.
pub fn show(entry: &DoNotCall) -> Value {
    json!({
        "number": entry.number.as_str(),
        "reason": entry.reason.as_str(),
        "note": entry.note,
        "call_id": entry.call.map(CallId::ca),
        "created_at": entry.at,
    })
}

/// A page, and the cursor of the next one if there may be one.
pub fn page(entries: &[DoNotCall], limit: u32) -> Value {
    let next = last_of_full(entries, limit).map(|last| last.number.as_str());
    json!({ "data": entries.iter().map(show).collect::<Vec<_>>(), "next_cursor": next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_numbers_are_read_or_none() {
        let (numbers, note) =
            parse(br#"{"numbers":["+15551234567"," +447386172392 "],"note":"by letter"}"#).expect("valid");
        assert_eq!(
            numbers.iter().map(PhoneNumber::as_str).collect::<Vec<_>>(),
            ["+15551234567", "+447386172392"]
        );
        assert_eq!(note.as_deref(), Some("by letter"));
        let long = json!({ "numbers": ["+15551234567"], "note": "x".repeat(NOTE_BYTES_MAX + 1) }).to_string();
        let many = json!({ "numbers": vec!["+15551234567"; NUMBERS_MAX + 1] }).to_string();
        for (body, field) in [
            ("[", "body"),
            (r#"{"numbers":5}"#, "body"),
            (r#"{"numbers":[],"x":1}"#, "body"),
            (r#"{"numbers":[]}"#, "numbers"),
            (many.as_str(), "numbers"),
            (r#"{"numbers":["+15551234567","5551234567"]}"#, "numbers[1]"),
            (long.as_str(), "note"),
            (r#"{"numbers":["+15551234567"],"note":"a\u0000b"}"#, "note"),
        ] {
            let Err(Refusal::InvalidField { field: named, .. }) = parse(body.as_bytes()) else {
                panic!("{field}");
            };
            assert_eq!(named, field);
        }
        assert_eq!(parse(b"{}"), Err(Refusal::MissingField("numbers")));
    }
}
