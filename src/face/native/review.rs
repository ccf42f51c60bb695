//! How the review of a call stands, in the switch's own words.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::model::CallRecord;
use crate::model::review::{Findings, Progress, Sentiment};

/// How far the words are that an endpoint takes from the recording.
#[derive(Serialize, ToSchema)]
#[schema(as = native::CallTranscription)]
pub struct Transcription<'a> {
    /// `none`, `pending`, `done` or `failed`. None: no endpoint is configured or wanted, and the words, if there are any, are those that
    /// whoever talked has told.
    status: &'static str,
    /// Why it failed.
    error: Option<&'a str>,
}

/// What the words mean, as far as that is known.
#[derive(Serialize, ToSchema)]
#[schema(as = native::CallAnalysis)]
pub struct Analysis<'a> {
    /// `none`, `pending`, `done` or `failed`. None: no analysis is configured or wanted, or nothing was said.
    status: &'static str,
    /// Why it failed.
    error: Option<&'a str>,
    /// Two or three sentences.
    summary: Option<&'a str>,
    /// How the callee felt: `positive`, `neutral` or `negative`.
    sentiment: Option<&'static str>,
    /// By the agent's own criterion; null without one, and where that cannot be told.
    success: Option<bool>,
    /// The agent's fields; null in them is what nobody said.
    #[schema(value_type = Option<Object>)]
    fields: Option<&'a Map<String, Value>>,
}

impl<'a> Transcription<'a> {
    /// Of a call.
    pub fn of(record: &'a CallRecord) -> Self {
        let (status, error) = standing(record.transcription());
        Self { status, error }
    }
}

impl<'a> Analysis<'a> {
    /// Of a call.
    pub fn of(record: &'a CallRecord) -> Self {
        let (status, error) = standing(record.analysis());
        let found = record.findings();
        Self {
            status,
            error,
            summary: found.map(|found| found.summary.as_str()),
            sentiment: found.map(|found| found.sentiment).map(Sentiment::as_str),
            success: found.and_then(|found| found.success),
            fields: found.and_then(Findings::extracted),
        }
    }
}

fn standing(progress: Option<&Progress>) -> (&'static str, Option<&str>) {
    (progress.map_or("none", Progress::as_str), progress.and_then(Progress::error))
}
