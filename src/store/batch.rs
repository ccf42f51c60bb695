//! What one transaction writes: one JSON array a kind of change. The engines take the arrays apart with one statement a
//! kind, however many rows they hold, so that a call's share of a commit stays small.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::outbox::Settlement;
use super::row::{AnsweredRow, DialingRow, EndedRow, IntentRow, SettledRow, json};
use super::types::{Intent, Write};
use crate::model::Dialing;

/// An array without rows.
const NONE: &str = "[]";

/// One transaction. Kinds are applied in the order of the fields, which is the order of a call's life.
pub(super) struct Batch {
    pub intents: String,
    pub dialing: String,
    pub answered: String,
    pub ended: String,
    pub withdrawn: String,
    pub settled: String,
    /// How many rows all of them are.
    pub rows: usize,
}

/// What a transaction did.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// The calls that were new.
    pub inserted: HashSet<i64>,
    /// How many outbox rows it made.
    pub outbox: u64,
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
        let mut ended = Vec::new();
        let mut withdrawn = Vec::new();
        for write in &self.writes {
            match write {
                Write::Answered { call, ringing_at, answered_at, dialog } => {
                    let row = AnsweredRow {
                        call: call.get(),
                        ringing_at: ringing_at.map(|at| at.0),
                        answered_at: answered_at.0,
                        dialog: serde_json::to_string(&**dialog).expect("a dialog is strings and numbers"),
                    };
                    match places.get(&row.call) {
                        Some(place) => answered[*place] = row,
                        None => {
                            places.insert(row.call, answered.len());
                            answered.push(row);
                        }
                    }
                }
                Write::Ended(record) => ended.push(EndedRow::from(&**record)),
                Write::Withdrawn(call) => withdrawn.push(call.get()),
            }
        }
        let intents: Vec<_> = self.intents.iter().map(|intent| IntentRow::from(*intent)).collect();
        let settled: Vec<_> =
            self.settlements.iter().map(|settlement| SettledRow::from(*settlement)).collect();
        let dialing: Vec<_> = self.dialing.iter().map(|dialing| DialingRow::from(*dialing)).collect();
        Batch {
            rows: intents.len() + dialing.len() + self.writes.len() + settled.len(),
            intents: array(&intents),
            dialing: array(&dialing),
            answered: array(&answered),
            ended: array(&ended),
            withdrawn: array(&withdrawn),
            settled: array(&settled),
        }
    }
}

fn array<T: Serialize>(rows: &[T]) -> String {
    if rows.is_empty() { NONE.to_owned() } else { json(rows) }
}

/// Is there nothing in it?
pub(super) fn is_none(array: &str) -> bool {
    array == NONE
}
