//! A call as reads show it, and the one table from the switch's ends to Nixflex's words.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::json;
use crate::model::review::{Findings, Progress};
use crate::model::{CallRecord, CallState, Disposition, Micros, Speaker, Timestamp};

/// One call: `GET /v1/calls/{id}`. `base` is the scheme and host that the client used, to which the recording's path is
/// joined; empty leaves the path alone.
pub fn call(record: &CallRecord, base: &str) -> String {
    let path = || format!("{base}/v1/calls/{}/recording", record.call.ca());
    let recorded = record.state == CallState::Ended && record.recording.is_some();
    let found = record.findings();
    json(&Full {
        brief: Brief::of(record),
        transcript: lines(record),
        recording_url: recorded.then(path),
        cost_usd: record.charge.map(Micros::units),
        warnings: warnings(record),
        answered_by: record.verdict.as_deref(),
        verdict_reason: record.verdict_reason.as_deref(),
        verdict: record.verdict_evidence.as_deref().and_then(|evidence| serde_json::from_str(evidence).ok()),
        dead_air_ms: record.dead_air.map(|gap| u64::try_from(gap.as_millis()).unwrap_or(u64::MAX)),
        sip_status: record.sip_status,
        summary: found.map(|found| found.summary.as_str()),
        sentiment: found.map(|found| found.sentiment.as_str()),
        successful: found.and_then(|found| found.success),
        extracted: found.and_then(Findings::extracted),
        analysis_status: record.analysis().map_or("none", Progress::as_str),
    })
}

/// A page of calls.
#[derive(Serialize, ToSchema)]
#[schema(as = nixflex::CallPage)]
pub struct Page<'a> {
    calls: Vec<Brief<'a>>,
    count: u64,
    limit: u32,
    offset: u64,
}

/// A page of calls: `GET /v1/calls`.
pub fn calls(records: &[CallRecord], count: u64, limit: u32, offset: u64) -> String {
    json(&Page { calls: records.iter().map(Brief::of).collect(), count, limit, offset })
}

/// One call.
#[derive(Serialize, ToSchema)]
#[schema(as = nixflex::Call)]
pub struct Full<'a> {
    #[serde(flatten)]
    brief: Brief<'a>,
    transcript: Vec<Line<'a>>,
    recording_url: Option<String>,
    cost_usd: Option<f64>,
    warnings: Vec<String>,
    /// From here on ours: who answered, why the detector says so, and what the trunk said.
    answered_by: Option<&'a str>,
    verdict_reason: Option<&'a str>,
    #[schema(value_type = Option<Object>)]
    verdict: Option<&'a RawValue>,
    dead_air_ms: Option<u64>,
    sip_status: Option<u16>,
    /// What post-call analysis found, as in `call.completed`: null without one, and until it is done.
    summary: Option<&'a str>,
    /// How the callee felt: `positive`, `neutral` or `negative`.
    sentiment: Option<&'static str>,
    /// By the agent's own criterion; null without one, and where that cannot be told.
    successful: Option<bool>,
    /// The agent's fields; null in them is what nobody said.
    #[schema(value_type = Option<Object>)]
    extracted: Option<&'a Map<String, Value>>,
    /// `none` (not configured, not wanted, or nothing was said), `pending`, `done` or `failed`.
    analysis_status: &'static str,
}

/// What somebody said.
#[derive(Serialize, ToSchema)]
#[schema(as = nixflex::Line)]
pub struct Line<'a> {
    /// `agent` or `user`.
    role: &'static str,
    text: &'a str,
    /// Since the answer.
    at_ms: u64,
}

/// What was said, where the agent has it kept.
pub fn lines(record: &CallRecord) -> Vec<Line<'_>> {
    let role = |by| if by == Speaker::Agent { "agent" } else { "user" };
    record
        .transcript
        .iter()
        .map(|said| Line { role: role(said.by), text: &said.text, at_ms: said.at_ms })
        .collect()
}

/// A call in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = nixflex::CallBrief)]
pub struct Brief<'a> {
    call_id: String,
    agent_id: String,
    direction: &'static str,
    from: &'a str,
    to: &'a str,
    status: &'static str,
    ended_reason: Option<&'static str>,
    started_at: Timestamp,
    answered_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    duration_seconds: Option<u64>,
    voicemail_detected: bool,
    campaign_id: Option<&'a str>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<&'a RawValue>,
}

impl<'a> Brief<'a> {
    fn of(record: &'a CallRecord) -> Self {
        let (status, ended_reason) = standing(record);
        Self {
            call_id: record.call.ca(),
            agent_id: record.agent.render(),
            direction: record.direction.as_str(),
            from: &record.from,
            to: &record.to,
            status,
            ended_reason,
            started_at: record.created_at,
            answered_at: record.answered_at,
            ended_at: record.ended_at,
            duration_seconds: duration_seconds(record),
            voicemail_detected: voicemail_detected(record),
            campaign_id: record.campaign.as_deref(),
            metadata: metadata(record),
        }
    }
}

/// Nixflex's `status` and, once the call ended, its `ended_reason`.
pub(super) fn standing(record: &CallRecord) -> (&'static str, Option<&'static str>) {
    match (record.disposition, record.state) {
        (Some(disposition), _) => {
            let (status, reason) = end(disposition);
            (status, Some(reason))
        }
        (None, CallState::Accepted) => ("queued", None),
        (None, CallState::Dialing) if record.ringing_at.is_some() => ("ringing", None),
        (None, CallState::Dialing) => ("initiated", None),
        (None, CallState::Answered) => ("in_progress", None),
        (None, CallState::Ended) => ("failed", None),
    }
}

/// The canonical end of a call in Nixflex's words. A call that was answered and ran its course is `completed`, however it
/// ended; one that never came about has a status of its own; what went wrong on our side is `failed`.
pub(super) const fn end(disposition: Disposition) -> (&'static str, &'static str) {
    match disposition {
        Disposition::Completed => ("completed", "completed"),
        Disposition::CalleeHangup => ("completed", "caller_hangup"),
        Disposition::SilenceTimeout => ("completed", "silence_timeout"),
        Disposition::MaxDuration => ("completed", "max_duration"),
        Disposition::HoldTimeout => ("completed", "hold_timeout"),
        Disposition::Abandoned => ("completed", "abandoned"),
        Disposition::VoicemailDetected => ("completed", "voicemail_detected"),
        Disposition::Cancelled => ("cancelled", "cancelled"),
        Disposition::Busy => ("busy", "busy"),
        Disposition::NoAnswer => ("no_answer", "no_answer"),
        Disposition::Rejected => ("rejected", "rejected"),
        Disposition::Unreachable | Disposition::InvalidNumber => ("unreachable", "unreachable"),
        Disposition::NetworkBlocked => ("network_blocked", "network_blocked"),
        Disposition::TrunkFailed => ("failed", "trunk_failed"),
        Disposition::MediaLost => ("failed", "media_lost"),
        Disposition::AgentFailed => ("failed", "agent_failed"),
        Disposition::Overloaded => ("failed", "overloaded"),
        Disposition::Interrupted => ("failed", "interrupted"),
        Disposition::Indeterminate => ("failed", "indeterminate"),
    }
}

/// Rounded to the nearest second.
pub(super) fn duration_seconds(record: &CallRecord) -> Option<u64> {
    record.duration().map(|duration| (duration.as_secs_f64()).round() as u64)
}

/// The client's own object. What is not JSON cannot be shown, and was never accepted.
pub(super) fn metadata(record: &CallRecord) -> Option<&RawValue> {
    serde_json::from_str(record.metadata.as_deref()?).ok()
}

fn voicemail_detected(record: &CallRecord) -> bool {
    record.disposition == Some(Disposition::VoicemailDetected)
}

fn warnings(record: &CallRecord) -> Vec<String> {
    let unknown = record.unknown_variables.iter();
    let unknown = unknown.map(|name| format!("the prompt uses {{{name}}}, which dynamic_vars does not have"));
    let recording = record.recording_error.iter().map(|reason| format!("the recording failed: {reason}"));
    unknown.chain(recording).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::model::review::Sentiment;
    use crate::model::{AgentId, CallId, Direction, Review, TenantId};

    /// A call that a human answered and the callee ended after 12.6 s.
    pub fn record() -> CallRecord {
        CallRecord {
            call: CallId::new(255).expect("small"),
            parent: None,
            tenant: TenantId(1),
            direction: Direction::Outbound,
            key: None,
            application: None,
            agent: AgentId(18),
            from: "+447446466847".into(),
            to: "+447386172392".into(),
            trunk: "t1".into(),
            sip_call_id: "c".into(),
            campaign: None,
            recipient: None,
            metadata: None,
            unknown_variables: vec![],
            webhook: None,
            endpoints: Vec::new(),
            callbacks: Vec::new(),
            hold: None,
            charge: None,
            state: CallState::Ended,
            created_at: Timestamp(1_700_000_000_000),
            ringing_at: Some(Timestamp(1_700_000_001_000)),
            answered_at: Some(Timestamp(1_700_000_002_000)),
            ended_at: Some(Timestamp(1_700_000_014_600)),
            disposition: Some(Disposition::CalleeHangup),
            ended_by: Some("callee".into()),
            sip_status: Some(200),
            q850: None,
            detail: None,
            verdict: Some("human".into()),
            verdict_reason: Some("human: spoke 0.46 s".into()),
            verdict_evidence: Some(r#"{"class":"human"}"#.into()),
            dead_air: Some(Duration::from_millis(3)),
            recording: Some("recordings/a.wav".into()),
            recording_error: None,
            recording_link: None,
            not_again_before: None,
            awaits_bot: false,
            stream_link: None,
            review: None,
            people: Vec::new(),
            transcript: Vec::new(),
            attempts: Vec::new(),
            media: None,
        }
    }

    /// One whose analysis is done.
    pub fn analysed(record: CallRecord) -> CallRecord {
        let fields = Map::from_iter([("day".to_owned(), json!("tuesday"))]);
        let summary = "They booked.".to_owned();
        let findings = Findings { summary, sentiment: Sentiment::Positive, success: Some(true), fields };
        let analysis = Some(Progress::Done);
        let review = Review {
            hold_ms: 1,
            transcription: None,
            analysis,
            findings: Some(findings),
            takes: crate::model::Takes::default(),
            tried: crate::model::review::Tried::default(),
        };
        CallRecord { review: Some(review), ..record }
    }

    fn shown(record: &CallRecord) -> Value {
        serde_json::from_str(&call(record, "http://a.example:8080")).expect("JSON")
    }

    #[test]
    fn an_ended_call_reads_as_documented() {
        assert_eq!(
            shown(&record()),
            json!({
                "call_id": "CA000000000000000000000000000000ff",
                "agent_id": "agent_0000000000000012",
                "direction": "outbound",
                "from": "+447446466847",
                "to": "+447386172392",
                "status": "completed",
                "ended_reason": "caller_hangup",
                "started_at": "2023-11-14T22:13:20.000Z",
                "answered_at": "2023-11-14T22:13:22.000Z",
                "ended_at": "2023-11-14T22:13:34.600Z",
                "duration_seconds": 13,
                "voicemail_detected": false,
                "campaign_id": null,
                "metadata": null,
                "transcript": [],
                "recording_url": "http://a.example:8080/v1/calls/CA000000000000000000000000000000ff/recording",
                "cost_usd": null,
                "warnings": [],
                "answered_by": "human",
                "verdict_reason": "human: spoke 0.46 s",
                "verdict": { "class": "human" },
                "dead_air_ms": 3,
                "sip_status": 200,
                "summary": null,
                "sentiment": null,
                "successful": null,
                "extracted": null,
                "analysis_status": "none",
            })
        );
    }

    #[test]
    fn a_call_that_lives_says_how_far_it_is() {
        let mut live = CallRecord { disposition: None, ended_at: None, ..record() };
        for (state, ringing, status) in [
            (CallState::Accepted, false, "queued"),
            (CallState::Dialing, false, "initiated"),
            (CallState::Dialing, true, "ringing"),
            (CallState::Answered, true, "in_progress"),
        ] {
            live.state = state;
            live.ringing_at = ringing.then_some(Timestamp(1));
            let shown = shown(&live);
            assert_eq!(shown["status"], status);
            assert_eq!(shown["ended_reason"], Value::Null);
            assert_eq!(shown["duration_seconds"], Value::Null);
            assert_eq!(shown["recording_url"], Value::Null);
        }
    }

    #[test]
    fn every_end_has_words_and_no_two_share_a_reason_but_the_two_ways_of_not_being_reached() {
        let mut reasons: Vec<_> = Disposition::ALL.map(|disposition| end(disposition).1).to_vec();
        reasons.sort_unstable();
        reasons.dedup();
        assert_eq!(reasons.len() + 1, Disposition::ALL.len());
        assert_eq!(end(Disposition::InvalidNumber), end(Disposition::Unreachable));
        for disposition in Disposition::ALL {
            let (status, reason) = end(disposition);
            let has_words_of_its_own =
                matches!(disposition, Disposition::CalleeHangup | Disposition::InvalidNumber);
            assert!(reason == disposition.as_str() || has_words_of_its_own);
            assert!(status == reason || status == "completed" || status == "failed");
        }
    }

    #[test]
    fn what_went_wrong_beside_the_call_is_warned_of() {
        let record = CallRecord {
            unknown_variables: vec!["name".into()],
            recording: None,
            recording_error: Some("no space".into()),
            metadata: Some(r#"{"order":5}"#.into()),
            ..record()
        };
        let shown = shown(&record);
        let words =
            ["the prompt uses {name}, which dynamic_vars does not have", "the recording failed: no space"];
        assert_eq!(shown["warnings"], json!(words));
        assert_eq!(shown["recording_url"], Value::Null);
        assert_eq!(shown["metadata"], json!({ "order": 5 }));
    }

    #[test]
    fn a_page_has_calls_and_its_place() {
        let page: Value = serde_json::from_str(&calls(&[record()], 41, 25, 25)).expect("JSON");
        assert_eq!((&page["count"], &page["limit"], &page["offset"]), (&json!(41), &json!(25), &json!(25)));
        assert_eq!(page["calls"][0]["call_id"], "CA000000000000000000000000000000ff");
        assert!(page["calls"][0].get("transcript").is_none());
    }
}
