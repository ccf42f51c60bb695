//! `POST /v1/test-calls`: a dry run of an agent against a simulated callee.

use serde_json::{Value, json};

use super::record::reason;
use super::request::agent;
use crate::face::body::{Body, TEXT_BYTES_MAX, bound_interpolated, wrong};
use crate::model::{AgentChoice, Refusal, TestCallee, TestReport, Variable};

/// A valid body.
pub struct TestBody {
    /// Who talks.
    pub agent: AgentChoice,
    /// What its `{names}` stand for.
    pub variables: Vec<Variable>,
    /// Who answers.
    pub callee: TestCallee,
}

/// `{"agent_id": 7, "variables": {}, "callee": "person"}`, or a `config` in place of the agent.
pub fn parse_test_call(body: &[u8]) -> Result<TestBody, Refusal> {
    let body = Body::parse(body)?;
    let agent = agent(&body)?;
    if matches!(agent, AgentChoice::OfNumber) {
        return Err(Refusal::MissingField("agent_id"));
    }
    let variables = body.variables("variables")?;
    if let AgentChoice::Inline(inline) = &agent {
        bound_interpolated("variables", &inline.prompt, &variables)?;
    }
    let callee = match body.text("callee", TEXT_BYTES_MAX)? {
        None => TestCallee::default(),
        Some(word) => TestCallee::from_word(&word).ok_or_else(|| {
            let all = TestCallee::ALL.map(TestCallee::as_str).join(", ");
            wrong("callee", format!("must be one of {all}"))
        })?,
    };
    Ok(TestBody { agent, variables, callee })
}

/// What came of it. The id is no call's: nothing of a dry run is kept.
pub fn test_call(id: &str, callee: TestCallee, report: &TestReport) -> Value {
    let events: Vec<Value> = report
        .events
        .iter()
        .map(|(at, event)| json!({ "at_ms": u64::try_from(at.as_millis()).unwrap_or(u64::MAX), "event": event }))
        .collect();
    let milliseconds = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    json!({
        "call_id": id,
        "status": if report.answered { "completed" } else { "failed" },
        "end_reason": reason(report.disposition),
        "callee": callee.as_str(),
        "answered_by": report.answered_by,
        "duration_seconds": report.talked.as_secs_f64().round() as u64,
        "dead_air_ms": report.dead_air.map(milliseconds),
        "transcripts": [],
        "events": events,
    })
}
