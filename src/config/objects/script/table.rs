//! How a script is written: the tables of the file, and the objects of the API.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::prompt::{self, Prompts};

/// One step of a script: a label, if another step leads here, and exactly one of the things that can be done.
#[derive(Deserialize, Serialize, utoipa::ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ScriptStep)]
pub struct Table {
    /// What other steps call this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9_.-]{1,64}$")]
    pub(super) label: Option<String>,
    /// Words. `{names}` stand for the request's variables, for what was gathered, and `{prompt}` for the request's prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 8192)]
    pub(super) say: Option<String>,
    /// A WAV file, by its URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    pub(super) play: Option<String>,
    /// Nothing happens for so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 60000)]
    pub(super) pause_ms: Option<u64>,
    /// Keys are awaited, and speech too if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gather: Option<Gather>,
    /// The callee's turn is awaited, to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) listen: Option<Listen>,
    /// Recorded from now on (`true`), or not any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<bool>,
    /// `true`: the callee's number stands on the do-not-call list from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) do_not_call: Option<bool>,
    /// These keys are pressed: `0-9 * # A-D`, and `,` for half a second of pause.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9*#A-Da-d,wW]{1,64}$")]
    pub(super) send_digits: Option<String>,
    /// The callee is put through to this number, in E.164. If that comes to nothing, the next step follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transfer: Option<String>,
    /// A variable's value says what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) branch: Option<BranchTable>,
    /// The step with this label follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) goto: Option<String>,
    /// `true`: the call ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hangup: Option<bool>,
    /// May the callee's speech stop what this step says? As the agent's `barge_in` if left out; of a `gather` without `speech` no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) barge_in: Option<bool>,
}

/// Keys are awaited. What came stands in a variable, and `{heard}` is `digits`, `speech` or `nothing`.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScriptGather)]
pub(super) struct Gather {
    /// What is asked: words, or a list of `say`, `play` and `pause_ms`. The first key stops it.
    #[serde(default, skip_serializing_if = "Prompts::is_empty")]
    #[schema(schema_with = prompt::schema)]
    pub(super) prompt: Prompts,
    /// What is said before it is asked again, where nothing came.
    #[serde(default, skip_serializing_if = "Prompts::is_empty")]
    #[schema(schema_with = prompt::schema)]
    pub(super) nothing: Prompts,
    /// What is said before it is asked again, where the keys lead nowhere.
    #[serde(default, skip_serializing_if = "Prompts::is_empty")]
    #[schema(schema_with = prompt::schema)]
    pub(super) invalid: Prompts,
    /// The labels to which keys lead: only these count. Without it the next step follows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) choices: BTreeMap<String, String>,
    /// Only these count; `x` stands for any digit. Not beside `choices`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 64)]
    pub(super) accept: Vec<String>,
    /// So many keys at least, where neither `choices` nor `accept` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 64)]
    pub(super) digits_min: Option<usize>,
    /// With so many it is over; the longest of `choices` or `accept` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 64)]
    pub(super) digits_max: Option<usize>,
    /// This key ends it and is no part of it; `#` where more than one key is awaited. Empty: none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9*#A-D]?$")]
    pub(super) finish_on: Option<String>,
    /// The variable that has the keys afterwards.
    #[serde(default = "digits")]
    #[schema(pattern = "^[A-Za-z0-9_]{1,64}$")]
    pub(super) into: String,
    /// After so long without a key, or a word, it is over.
    #[serde(default = "timeout")]
    #[schema(minimum = 1, maximum = 60)]
    pub(super) timeout_seconds: u64,
    /// How often it is asked again where nothing came that counts.
    #[serde(default = "repeats")]
    #[schema(minimum = 0, maximum = 10)]
    pub(super) repeats: u8,
    /// Does the end of the callee's turn end it too?
    #[serde(default)]
    pub(super) speech: bool,
    /// Silence that ends the callee's turn.
    #[serde(default = "silence")]
    #[schema(minimum = 200, maximum = 5000)]
    pub(super) silence_ms: u64,
    /// The callee's turn is taken to be over by then.
    #[serde(default = "longest")]
    #[schema(minimum = 1, maximum = 600)]
    pub(super) longest_seconds: u64,
    /// The label to which speech leads, if not the next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) on_speech: Option<String>,
    /// The label to which it leads that it was asked often enough, if not the next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) otherwise: Option<String>,
}

/// The callee's turn is awaited. `{heard}` is `speech` or `nothing` afterwards.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScriptListen)]
pub(super) struct Listen {
    /// What is asked: words, or a list of `say`, `play` and `pause_ms`.
    #[serde(default, skip_serializing_if = "Prompts::is_empty")]
    #[schema(schema_with = prompt::schema)]
    pub(super) prompt: Prompts,
    /// What is said before it is asked again, where nothing came.
    #[serde(default, skip_serializing_if = "Prompts::is_empty")]
    #[schema(schema_with = prompt::schema)]
    pub(super) nothing: Prompts,
    /// After so long without a word it is over.
    #[serde(default = "timeout")]
    #[schema(minimum = 1, maximum = 60)]
    pub(super) timeout_seconds: u64,
    /// Silence that ends the callee's turn.
    #[serde(default = "silence")]
    #[schema(minimum = 200, maximum = 5000)]
    pub(super) silence_ms: u64,
    /// The callee's turn is taken to be over by then.
    #[serde(default = "longest")]
    #[schema(minimum = 1, maximum = 600)]
    pub(super) longest_seconds: u64,
    /// How often it is asked again where nothing came.
    #[serde(default = "repeats")]
    #[schema(minimum = 0, maximum = 10)]
    pub(super) repeats: u8,
    /// The label to which silence leads in the end, if not the next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) otherwise: Option<String>,
}

/// A variable's value says what follows.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScriptBranch)]
pub(super) struct BranchTable {
    /// The variable: the request's, or one that was gathered. One that nobody has set is empty.
    #[schema(pattern = "^[A-Za-z0-9_]{1,64}$")]
    pub(super) on: String,
    /// Values, and the label to which each leads.
    pub(super) cases: BTreeMap<String, String>,
    /// The label to which any other value leads, if not the next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) otherwise: Option<String>,
}

fn digits() -> String {
    "digits".to_owned()
}

fn timeout() -> u64 {
    5
}

fn repeats() -> u8 {
    1
}

fn silence() -> u64 {
    600
}

fn longest() -> u64 {
    60
}
