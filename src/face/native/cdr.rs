//! Call detail records, as spreadsheets and programs take them: one row a call. The columns keep their order; new ones are added
//! at the end.

use super::record;
use crate::model::review::Progress;
use crate::model::{CallId, CallRecord, Disposition, Timestamp};

/// How an export looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CdrFormat {
    /// RFC 4180, with a header.
    Csv,
    /// One JSON document a line: the native record.
    Ndjson,
}

impl CdrFormat {
    /// The value of a word; `None` if it is none of ours.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "csv" => Some(Self::Csv),
            "ndjson" => Some(Self::Ndjson),
            _ => None,
        }
    }

    /// The ending of a file of it.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }

    /// Its media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    /// What stands before the first call.
    pub fn head(self) -> Vec<u8> {
        match self {
            Self::Csv => rows([COLUMNS.map(str::to_owned)]),
            Self::Ndjson => Vec::new(),
        }
    }

    /// Calls in it.
    pub fn calls(self, records: &[CallRecord], base: &str) -> Vec<u8> {
        match self {
            Self::Csv => rows(records.iter().map(row)),
            Self::Ndjson => {
                records.iter().flat_map(|one| (record::call(one, base) + "\n").into_bytes()).collect()
            }
        }
    }
}

/// The header.
pub const COLUMNS: [&str; 36] = [
    "call_id",
    "direction",
    "from",
    "to",
    "state",
    "disposition",
    "ended_by",
    "created_at",
    "ringing_at",
    "answered_at",
    "ended_at",
    "duration_ms",
    "billable_minutes",
    "trunk",
    "sip_call_id",
    "sip_status",
    "q850",
    "detail",
    "invites",
    "verdict",
    "verdict_reason",
    "dead_air_ms",
    "charged_micros",
    "recorded",
    "agent",
    "application",
    "key",
    "campaign",
    "recipient",
    "metadata",
    "parent_call_id",
    "analysis",
    "sentiment",
    "success",
    "summary",
    "people",
];

fn row(call: &CallRecord) -> [String; COLUMNS.len()] {
    let found = call.findings();
    let time = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.to_string());
    [
        call.call.ca(),
        call.direction.as_str().to_owned(),
        call.from.clone(),
        call.to.clone(),
        call.state.as_str().to_owned(),
        call.disposition.map_or("", Disposition::as_str).to_owned(),
        call.ended_by.clone().unwrap_or_default(),
        call.created_at.to_string(),
        time(call.ringing_at),
        time(call.answered_at),
        time(call.ended_at),
        number(call.duration().map(|span| span.as_millis())),
        number(call.billable_minutes()),
        call.trunk.clone(),
        call.sip_call_id.clone(),
        number(call.sip_status),
        number(call.q850),
        call.detail.clone().unwrap_or_default(),
        call.attempts.len().max(1).to_string(),
        call.verdict.clone().unwrap_or_default(),
        call.verdict_reason.clone().unwrap_or_default(),
        number(call.dead_air.map(|gap| gap.as_millis())),
        number(call.charge.map(|charge| charge.0)),
        record::recorded(call).to_string(),
        call.agent.0.to_string(),
        number(call.application.map(|application| application.0)),
        number(call.key.map(|key| key.0)),
        record::campaign(call).unwrap_or_default(),
        number(call.recipient.map(|recipient| recipient.position)),
        call.metadata.clone().unwrap_or_default(),
        call.parent.map(CallId::ca).unwrap_or_default(),
        call.analysis().map_or("none", Progress::as_str).to_owned(),
        found.map_or("", |found| found.sentiment.as_str()).to_owned(),
        found.and_then(|found| found.success).map_or_else(String::new, |success| success.to_string()),
        found.map(|found| found.summary.clone()).unwrap_or_default(),
        call.people.iter().map(|person| person.0.to_string()).collect::<Vec<_>>().join(" "),
    ]
}

fn number(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Lines of RFC 4180: CR LF ends them, and what holds a comma, a quote or a line break is quoted.
fn rows(rows: impl IntoIterator<Item = [String; COLUMNS.len()]>) -> Vec<u8> {
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        csv.write_record(row.map(harmless)).expect("a vector takes every row");
    }
    csv.into_inner().expect("a vector takes every row")
}

/// A spreadsheet takes what begins so for a formula, and would run what a caller's name says: an apostrophe makes it text. A
/// telephone number is a number to it, and stays what it is.
fn harmless(cell: String) -> String {
    let is_number = |text: &str| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && !is_number(&cell) {
        true => format!("'{cell}"),
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::nixflex::ended_call;
    use crate::model::{CallState, PersonId};

    fn dialling() -> CallRecord {
        let state = CallState::Dialing;
        CallRecord { state, ended_at: None, disposition: None, ..ended_call() }
    }

    fn parsed(text: &[u8]) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text);
        let rows = reader.records().map(|row| row.expect("as long as the header"));
        rows.map(|row| row.iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn a_row_has_a_cell_a_column_and_ends_with_crlf() {
        let ended = CallRecord { people: vec![PersonId(1_001), PersonId(7)], ..ended_call() };
        let csv = [CdrFormat::Csv.head(), CdrFormat::Csv.calls(&[ended, dialling()], "")].concat();
        assert_eq!(csv.iter().filter(|byte| **byte == b'\n').count(), 3);
        assert!(csv.ends_with(b"\r\n"));
        let rows = parsed(&csv);
        assert_eq!(rows[0], COLUMNS);
        let cell = |row: usize, name: &str| {
            &rows[row][COLUMNS.iter().position(|column| *column == name).expect("a column")]
        };
        assert_eq!(cell(1, "call_id"), &ended_call().call.ca());
        assert_eq!((cell(1, "from").as_str(), cell(1, "people").as_str()), ("+447446466847", "1001 7"));
        assert_eq!(
            (cell(1, "sip_status"), cell(1, "q850"), cell(1, "duration_ms")),
            (&"200".into(), &"".into(), &"12600".into())
        );
        assert_eq!(
            (cell(2, "ended_at"), cell(2, "disposition"), cell(2, "state")),
            (&String::new(), &String::new(), &"dialing".into())
        );
    }

    #[test]
    fn what_a_spreadsheet_would_run_becomes_text() {
        for (text, shown) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1+cmd", "'+1+cmd"),
            ("-1-1", "'-1-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\r\n=1", "'\r\n=1"),
            ("+447446466847", "+447446466847"),
            ("-7", "-7"),
            ("a=b", "a=b"),
            ("+", "'+"),
        ] {
            let call = CallRecord { detail: Some(text.to_owned()), ..ended_call() };
            let rows = parsed(&CdrFormat::Csv.calls(&[call], ""));
            let place = COLUMNS.iter().position(|column| *column == "detail").expect("a column");
            assert_eq!(rows[0][place], shown);
        }
    }

    #[test]
    fn lines_of_json_are_whole_records() {
        let lines = CdrFormat::Ndjson.calls(&[ended_call(), dialling()], "");
        let text = String::from_utf8(lines).expect("text");
        let calls: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!((calls.len(), &calls[0]["call_id"]), (2, &serde_json::json!(ended_call().call.ca())));
        assert_eq!(calls[1]["state"], "ringing");
    }
}
