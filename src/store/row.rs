//! Between values and rows: what the writer sends as JSON, one array a kind, and what reads give back. The names of the
//! fields are the names of the columns, in both engines.

mod read;
mod written;

use serde::Serialize;

use super::StoreError;
pub(super) use read::{CALL_COLUMNS, read_call, read_delivery, read_dialog, read_replay};
pub(super) use written::{
    AnsweredRow, AttemptRow, DialingRow, EndedRow, EventRow, HoldRow, IntentRow, JudgedRow, LaterRow,
    ReleaseRow, ReviewRow, SettledRow,
};

/// Rows as one JSON array, which one statement takes apart, however many they are.
pub(super) fn json<T: Serialize>(rows: &[T]) -> String {
    let text = serde_json::to_string(rows).expect("rows are strings and numbers");
    if text.contains("\\u0000") { without_nul(&text) } else { text }
}

/// PostgreSQL's text cannot hold U+0000, and a peer's header can: it becomes U+FFFD.
fn without_nul(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let length = if escape.starts_with("\\u") { 6 } else { 2 };
        let (escape, after) = escape.split_at(length);
        out.push_str(if escape == "\\u0000" { "\\ufffd" } else { escape });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A row, in either engine's type. All integers are 64 bits wide.
pub(super) trait Columns {
    fn integer(&self, column: &str) -> Result<Option<i64>, sqlx::Error>;
    fn text(&self, column: &str) -> Result<Option<String>, sqlx::Error>;
}

macro_rules! columns {
    ($($row:ty),+) => {$(
        impl Columns for $row {
            fn integer(&self, column: &str) -> Result<Option<i64>, sqlx::Error> {
                sqlx::Row::try_get(self, column)
            }

            fn text(&self, column: &str) -> Result<Option<String>, sqlx::Error> {
                sqlx::Row::try_get(self, column)
            }
        }
    )+};
}

columns!(sqlx::sqlite::SqliteRow, sqlx::postgres::PgRow);

pub(super) fn id(row: &impl Columns, column: &'static str) -> Result<Option<u64>, StoreError> {
    row.integer(column)?
        .map(|value| u64::try_from(value).map_err(|_| StoreError::Corrupt(column)))
        .transpose()
}

pub(super) fn small(row: &impl Columns, column: &'static str) -> Result<Option<u16>, StoreError> {
    row.integer(column)?
        .map(|value| u16::try_from(value).map_err(|_| StoreError::Corrupt(column)))
        .transpose()
}

pub(super) fn word<T>(
    text: Option<String>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    text.map(|text| read(&text).ok_or(StoreError::Corrupt("word"))).transpose()
}

pub(super) fn required<T>(value: Option<T>, column: &'static str) -> Result<T, StoreError> {
    value.ok_or(StoreError::Corrupt(column))
}

/// Ids are below 2^53, page offsets are bounded by the faces; what is larger finds nothing.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_becomes_a_replacement_character_and_a_written_escape_stays() {
        let text = json(&["a\0b", "\\u0000", "\"\\\0"]);
        let back: Vec<String> = serde_json::from_str(&text).expect("json");
        assert_eq!(back, ["a\u{fffd}b", "\\u0000", "\"\\\u{fffd}"]);
    }
}
