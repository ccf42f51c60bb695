//! Voiceflow's routes, with the example of seed 003.

use serde_json::{Value, json};

use super::entry::{Entry, Speaker};
use super::problems::{bodied, crowded, keyed, missing, wrong};
use super::schema::text;
use super::shared;
use crate::face::voiceflow::schema::{Call, CallCreated, CallPage, OutboundRequest};
use crate::model::{Face, Refusal};

const ME: Speaker = Speaker::Face(Face::Voiceflow);

/// All of them.
pub fn entries() -> Vec<Entry> {
    let page = json!({ "calls": [call()], "count": 1, "limit": 25, "offset": 0 });
    vec![
        outbound("/v1alpha1/phone-number/{id}/outbound", "callByAgent"),
        outbound("/v1/phone-number/{id}/outbound", "callByAgentStable"),
        shared::list_calls(ME).gives::<CallPage>(200, "A page.", page),
        shared::read_call(ME).gives::<Call>(200, "The call.", call()),
        shared::recording(ME),
    ]
}

fn outbound(path: &'static str, id: &str) -> Entry {
    let refused = [
        missing("to"),
        Refusal::InvalidPhone { field: "to" }.into(),
        wrong("variables", "must be an object"),
        Refusal::AgentNotFound.into(),
        Refusal::AgentMissingPhoneNumber.into(),
        Refusal::NumberHasNoTrunk.into(),
    ];
    Entry::new(ME, ("POST", path), id, "Have an agent call a number")
        .about("A region that the trunk's policy forbids is answered 500, as documented.")
        .path("id", "The id of the key's agent, or of one of its numbers.", "agent_talk")
        .header("Idempotency-Key", "The same request again is answered as the first time.", text(None))
        .takes::<OutboundRequest>(json!({
            "to": "+15551234567", "variables": { "user_name": "Jane", "account_type": "Premium" },
        }))
        .gives::<CallCreated>(
            200,
            "The call is on its way.",
            json!({ "callId": "call_1234567890", "status": "initiated" }),
        )
        .fails(keyed())
        .fails(bodied())
        .fails(refused)
        .fails(crowded())
}

fn call() -> Value {
    json!({
        "callId": "call_1234567890", "agentId": 1, "direction": "outbound", "from": "+15550000001", "to": "+15551234567",
        "status": "completed", "endReason": "completed", "endedBy": "agent", "createdAt": "2026-05-29T12:00:00.000Z",
        "ringingAt": "2026-05-29T12:00:01.000Z", "answeredAt": "2026-05-29T12:00:05.000Z", "endedAt": "2026-05-29T12:00:35.000Z",
        "durationSeconds": 30, "answeredBy": "human", "verdictReason": "short_greeting", "verdict": {}, "sipStatus": 200, "q850": null,
        "detail": null, "transcript": [], "analysisStatus": "none", "summary": null, "sentiment": null, "successful": null,
        "extracted": null, "recordingUrl": null,
    })
}
