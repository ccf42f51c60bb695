//! What one transaction writes: one JSON array a kind of change. The engines take the arrays apart with one statement a
//! kind, however many rows they hold, so that a call's share of a commit stays small.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::do_not_call::DoNotCallRow;
use super::outbox::Settlement;
use super::row::{
    AnsweredRow, AttemptRow, DialingRow, EndedRow, EventRow, HoldRow, IntentRow, JudgedRow, LaterRow,
    ReleaseRow, ReviewRow, SettledRow, json,
};
use super::types::{Intent, Write};
use crate::model::{CallRecord, CallState, Dialing, EventKind};

/// An array without rows.
const NONE: &str = "[]";

/// One transaction. Kinds are applied in the order of the fields, which is the order of a call's life.
pub(super) struct Batch {
    pub intents: String,
    pub dialing: String,
    pub events: String,
    pub answered: String,
    pub judged: String,
    pub ended: String,
    /// Recipients whose next call is put off.
    pub later: String,
    pub withdrawn: String,
    pub settled: String,
    /// The tries of what was settled.
    pub attempts: String,
    /// What is kept back for the intents that were taken.
    pub holds: String,
    /// What is given back, and what was charged, of the calls that ended or were withdrawn.
    pub released: String,
    /// Calls that end and are to be gone over.
    pub reviews: String,
    /// Numbers that are not to be called any more.
    pub do_not_call: String,
    /// How many rows all of them are.
    pub rows: usize,
}

/// What a transaction did.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// The calls that were new.
    pub inserted: HashSet<i64>,
    /// How many events it told of.
    pub events: u64,
    /// How many outbox rows it made.
    pub outbox: u64,
    /// How many calls it brought to be gone over.
    pub reviews: u64,
    /// How many outbox rows it made wait no more.
    pub next: u64,
}

/// Collects changes until they are sent.
#[derive(Default)]
pub(super) struct Changes<'a> {
    pub intents: Vec<&'a Intent>,
    pub dialing: Vec<&'a Dialing>,
    pub writes: Vec<&'a Write>,
    pub settlements: Vec<&'a Settlement>,
}

impl Changes<'_> {
    /// Writes the arrays.
    pub fn batch(&self) -> Batch {
        let mut answered: Vec<AnsweredRow> = Vec::new();
        // A call that moved has answered twice: the statement takes each call once, and the last dialog is the one that counts.
        let mut places: HashMap<u64, usize> = HashMap::new();
        let mut judged = Vec::new();
        let mut ended = Vec::new();
        let mut withdrawn = Vec::new();
        let mut released = Vec::new();
        let mut later = Vec::new();
        let mut reviews = Vec::new();
        let mut do_not_call = Vec::new();
        let mut events = Vec::new();
        for intent in &self.intents {
            begun(&intent.record, &mut events);
        }
        for dialing in &self.dialing {
            events.extend(dialing.started_at.map(|at| EventRow::new(dialing.call, EventKind::Started, at)));
        }
        for write in &self.writes {
            match write {
                Write::Answered { call, ringing_at, answered_at, dialog, told } => {
                    let row = AnsweredRow {
                        call: call.get(),
                        ringing_at: ringing_at.map(|at| at.0),
                        answered_at: answered_at.0,
                        dialog: serde_json::to_string(&**dialog).expect("a dialog is strings and numbers"),
                    };
                    events.extend(told.iter().map(|kind| EventRow::new(*call, kind, *answered_at)));
                    match places.get(&row.call) {
                        Some(place) => answered[*place] = row,
                        None => {
                            places.insert(row.call, answered.len());
                            answered.push(row);
                        }
                    }
                }
                Write::Judged { record, at } => {
                    events.push(EventRow::new(record.call, EventKind::Judged, *at));
                    judged.push(JudgedRow::from(&**record));
                }
                Write::Told { call, event, at } => events.push(EventRow::new(*call, *event, *at)),
                Write::Ended(record) => {
                    over(record, &mut events);
                    ended.push(EndedRow::from(&**record));
                    later.extend(LaterRow::of(record));
                    released.extend(ReleaseRow::of(record));
                    reviews.extend(ReviewRow::of(record));
                }
                Write::Withdrawn(call) => {
                    withdrawn.push(call.get());
                    released.push(ReleaseRow::nothing(*call));
                }
                Write::DoNotCall(entry) => do_not_call.push(DoNotCallRow::from(entry)),
            }
        }
        let intents: Vec<_> = self.intents.iter().map(|intent| IntentRow::from(*intent)).collect();
        let holds: Vec<_> = self.intents.iter().filter_map(|intent| HoldRow::of(&intent.record)).collect();
        let settled: Vec<_> =
            self.settlements.iter().map(|settlement| SettledRow::from(*settlement)).collect();
        let attempts: Vec<_> =
            self.settlements.iter().filter_map(|settlement| AttemptRow::of(settlement)).collect();
        let dialing: Vec<_> = self.dialing.iter().map(|dialing| DialingRow::from(*dialing)).collect();
        Batch {
            rows: intents.len() + dialing.len() + self.writes.len() + settled.len(),
            intents: array(&intents),
            dialing: array(&dialing),
            events: array(&events),
            answered: array(&answered),
            judged: array(&judged),
            ended: array(&ended),
            withdrawn: array(&withdrawn),
            settled: array(&settled),
            attempts: array(&attempts),
            holds: array(&holds),
            released: array(&released),
            later: array(&later),
            reviews: array(&reviews),
            do_not_call: array(&do_not_call),
        }
    }
}

/// What is told of a call that is committed. Who wants to hear it, the statement looks up itself.
fn begun(record: &CallRecord, events: &mut Vec<EventRow>) {
    let started = (record.state == CallState::Dialing).then_some(EventKind::Started);
    let kinds = [Some(EventKind::Created), started].into_iter().flatten();
    events.extend(kinds.map(|kind| EventRow::new(record.call, kind, record.created_at)));
}

/// What is told of a call that ended. One that nobody answered has failed; for a receiver who doesn't tell the two apart it is
/// over like any other.
fn over(record: &CallRecord, events: &mut Vec<EventRow>) {
    let recorded = match (&record.recording, &record.recording_error) {
        (Some(_), _) => Some(EventKind::RecordingCompleted),
        (None, Some(_)) if record.answered_at.is_some() => Some(EventKind::RecordingFailed),
        (None, _) => None,
    };
    let end = if record.answered_at.is_none() { EventKind::Failed } else { EventKind::Completed };
    let at = record.ended_at.unwrap_or(record.created_at);
    events.extend(recorded.map(|kind| EventRow::new(record.call, kind, at)));
    events.push(EventRow::new(record.call, end, at).waiting(record.event_waits()));
}

fn array<T: Serialize>(rows: &[T]) -> String {
    if rows.is_empty() { NONE.to_owned() } else { json(rows) }
}

/// Is there nothing in it?
pub(super) fn is_none(array: &str) -> bool {
    array == NONE
}
