//! ThunderPhone's routes (seed 002).

use serde_json::{Value, json};

use super::entry::{Entry, Speaker};
use super::objects::Described;
use super::problems::{bodied, crowded, keyed, missing, of_object, stored, wrong};
use super::schema::{from, text};
use super::shared;
use crate::face::Problem;
use crate::face::collection::Collection;
use crate::face::money::BillingProblem;
use crate::face::thunderphone::schema::{
    Account, AccountChange, Call, CallCreated, CallPage, CallRequest, TestCall, TestCallRequest,
    TestDelivery, TopUp, TopUpRequest, TransactionPage, Transcript, VerifyRequest,
};
use crate::model::{Face, Limit, ObjectKind, ObjectProblem, Refusal};

const ME: Speaker = Speaker::Face(Face::ThunderPhone);

/// All of them.
pub fn entries() -> Vec<Entry> {
    let mut all = vec![
        call(),
        test_call(),
        account(),
        change_account(),
        top_up(),
        transactions(),
        verify(),
        endpoint_test(),
    ];
    all.extend(reads());
    let [agents, numbers, connections, endpoints] = collections();
    all.extend(agents.entries(&["list", "create", "read", "replace", "change", "remove"]));
    for described in [numbers, connections, endpoints] {
        all.extend(described.entries(&["list", "create", "read", "change", "remove"]));
    }
    all
}

fn call() -> Entry {
    let refused = [
        missing("from_number"),
        wrong("config", "excludes agent_id: send one of them"),
        Refusal::InvalidPhone { field: "to_number" }.into(),
        Refusal::NumberNotRegistered.into(),
        Refusal::DemoNumber.into(),
        Refusal::UnverifiedVoip.into(),
        Refusal::OutboundDisabled.into(),
        Refusal::NoAgent.into(),
        Refusal::AgentNotFound.into(),
    ];
    Entry::new(ME, ("POST", "/v1/call"), "createCall", "Place a call with a saved agent, or with one for this call")
        .header("Idempotency-Key", "The same request again is answered as the first time.", text(None))
        .takes::<CallRequest>(json!({
            "from_number": "+15550000001", "to_number": "+15551234567",
            "config": { "prompt": "Hi, this is Acme calling to confirm your appointment for tomorrow at 3pm.", "voice": "amy" },
            "max_hold_seconds": 120,
        }))
        .gives::<CallCreated>(201, "The call is on its way.", json!({ "call_id": 1_234_567_890, "status": "initiated" }))
        .fails(keyed())
        .fails(bodied())
        .fails(refused)
        .fails(crowded())
}

fn test_call() -> Entry {
    let events = json!([
        { "at_ms": 0, "event": "dialing" }, { "at_ms": 24, "event": "ringing" }, { "at_ms": 1520, "event": "answered" },
        { "at_ms": 2900, "event": "verdict" }, { "at_ms": 3340, "event": "agent_spoke" }, { "at_ms": 5210, "event": "ended" },
    ]);
    let example = json!({
        "call_id": "test_5f3a9c0e7b1d2846", "status": "completed", "end_reason": "agent_end", "callee": "person",
        "answered_by": "human", "duration_seconds": 4, "dead_air_ms": 440, "transcripts": [], "events": events,
    });
    Entry::new(ME, ("POST", "/v1/test-calls"), "createTestCall", "Try an agent against a simulated callee")
        .about("Answered once it is over. No carrier is called, nothing is charged, and nothing of it is kept.")
        .header("Idempotency-Key", "The same request again is answered as the first time.", text(None))
        .takes::<TestCallRequest>(json!({
            "config": { "prompt": "Hi {name}, this is Acme. [END_CALL]", "voice": "amy" }, "variables": { "name": "Ann" },
            "callee": "person",
        }))
        .gives::<TestCall>(201, "What came of it.", example)
        .fails(keyed())
        .fails(bodied())
        .fails([
            missing("agent_id"),
            wrong("config", "excludes agent_id: send one of them"),
            Refusal::AgentNotFound.into(),
            Refusal::Overloaded("too many agents are being tried").into(),
            Refusal::IdempotencyConflict.into(),
        ])
}

fn call_example() -> Value {
    json!({
        "id": 1_234_567_890, "call_id": 1_234_567_890, "agent_id": 1, "direction": "outbound", "from_number": "+15550000001",
        "to_number": "+15551234567", "status": "completed", "end_reason": "agent_end", "started_at": "2026-05-29T12:00:00.000Z",
        "answered_at": "2026-05-29T12:00:05.000Z", "ended_at": "2026-05-29T12:00:35.000Z", "duration_seconds": 30,
        "answered_by": "human", "recording_url": "http://127.0.0.1:8080/v1/calls/1234567890/audio",
    })
}

fn reads() -> Vec<Entry> {
    let page = json!({ "total": 1, "results": [call_example()] });
    let audio = Entry::new(ME, ("GET", "/v1/calls/{id}/audio"), "readCallAudio", "Listen to a call");
    let transcript =
        Entry::new(ME, ("GET", "/v1/calls/{id}/transcript"), "readCallTranscript", "Read what was said");
    vec![
        shared::list_calls(ME).gives::<CallPage>(200, "A page.", page),
        shared::read_call(ME).gives::<Call>(200, "The call.", call_example()),
        shared::recording(ME),
        shared::audio(audio, ME),
        transcript
            .path("id", "The call's id.", "1234567890")
            .gives::<Transcript>(200, "What was said.", json!({ "call_id": 1_234_567_890, "transcript": [] }))
            .fails(keyed())
            .fails(stored())
            .fails([Problem::CallNotFound]),
    ]
}

fn account_example() -> Value {
    json!({
        "currency": "USD", "balance": "20.00", "balance_micros": 20_000_000, "held_micros": 0, "available": "20.00",
        "available_micros": 20_000_000, "auto_reload": { "enabled": true, "threshold": "5.00", "amount": "20.00" },
        "top_up_available": true,
    })
}

fn off() -> [Problem; 1] {
    [Problem::Billing(BillingProblem::Off)]
}

fn account() -> Entry {
    Entry::new(ME, ("GET", "/v1/billing"), "readBilling", "Read the account")
        .gives::<Account>(200, "The account.", account_example())
        .fails(keyed())
        .fails(stored())
        .fails(off())
}

fn change_account() -> Entry {
    let example = json!({ "auto_reload": { "enabled": true, "threshold": "5.00", "amount": "20.00" } });
    Entry::new(ME, ("PATCH", "/v1/billing"), "changeBilling", "Set the automatic reload")
        .takes::<AccountChange>(example)
        .gives::<Account>(200, "The account as it stands now.", account_example())
        .fails(keyed())
        .fails(bodied())
        .fails(stored())
        .fails(off())
        .fails([
            missing("amount"),
            wrong("amount", "must be above zero"),
            Problem::Billing(BillingProblem::NoHook),
        ])
}

fn top_up() -> Entry {
    let example = |status: &str| {
        json!({
            "id": "tu_6e001060bff442b48bc5e08d0a2215ab", "status": status, "amount": "20.00", "amount_micros": 20_000_000, "currency": "USD", "available_micros": 40_000_000,
            "created_at": "2026-05-29T12:00:00.000Z",
        })
    };
    let waits = Refusal::Limited {
        limit: Limit::Requests,
        name: "top-ups",
        retry_after: std::time::Duration::from_secs(60),
    };
    let problems = [
        missing("amount"),
        Problem::Billing(BillingProblem::NoHook),
        Problem::Billing(BillingProblem::Declined("the card expired".into())),
        Refusal::IdempotencyConflict.into(),
        waits.into(),
    ];
    Entry::new(ME, ("POST", "/v1/billing/top-up"), "topUp", "Pay in, by the payment hook")
        .header("Idempotency-Key", "The same request again is answered as the first time.", text(None))
        .takes::<TopUpRequest>(json!({ "amount": "20.00" }))
        .gives::<TopUp>(201, "It is credited.", example("confirmed"))
        .gives::<TopUp>(202, "The hook has not said yet.", example("pending"))
        .fails(keyed())
        .fails(bodied())
        .fails(stored())
        .fails(off())
        .fails(problems)
}

fn transactions() -> Entry {
    let one = json!({
        "id": 1, "type": "credit", "amount": "20.00", "amount_micros": 20_000_000, "call_id": null, "reference": "invoice 7",
        "created_at": "2026-05-29T12:00:00.000Z",
    });
    let limit = utoipa::openapi::ObjectBuilder::from(from(1)).maximum(Some(100)).build();
    Entry::new(ME, ("GET", "/v1/billing/transactions"), "listTransactions", "List the lines of the ledger")
        .query("limit", "Lines a page.", limit)
        .query("offset", "Lines before it.", from(0))
        .gives::<TransactionPage>(200, "A page.", json!({ "total": 1, "results": [one] }))
        .fails(keyed())
        .fails(stored())
        .fails(off())
        .fails([wrong("limit", "must be 1 to 100")])
}

fn verify() -> Entry {
    let [_, numbers, ..] = collections();
    let route = ("POST", "/v1/phone-numbers/{id}/verify-voip");
    let mut entry = Entry::new(ME, route, "verifyVoip", "Prove that a number's connection carries calls");
    let mut example = numbers.shown_example();
    example["status"] = json!("verified");
    let schema = numbers.verified(&mut entry.types);
    entry
        .about("OPTIONS, REGISTER, and a call by the number's connection. Only when no step found a fault is the number verified.")
        .path("id", "The number's id.", "1")
        .takes::<VerifyRequest>(json!({ "to": "+15551234567" }))
        .optional_body()
        .gives_object(200, "What came of it.", schema, example)
        .fails(keyed())
        .fails(bodied())
        .fails(of_object(ObjectKind::Number))
        .fails([
            Refusal::DemoNumber.into(),
            Refusal::InvalidPhone { field: "to" }.into(),
            ObjectProblem::ManagedByFile.into(),
            ObjectProblem::Changed.into(),
            Problem::ExaminationRunning,
            Refusal::DestinationForbidden { reason: "premium numbers".into() }.into(),
            Refusal::DoNotCall.into(),
            Refusal::Overloaded("no socket for an examination").into(),
        ])
}

fn endpoint_test() -> Entry {
    Entry::new(
        ME,
        ("POST", "/v1/developer/webhook-endpoints/{id}/test"),
        "testEndpoint",
        "Send a receiver `webhook.test`",
    )
    .path("id", "The receiver's id.", "1")
    .gives::<TestDelivery>(
        200,
        "What came of it.",
        json!({ "delivered": true, "status": 200, "error": null }),
    )
    .fails(keyed())
    .fails(of_object(ObjectKind::WebhookEndpoint))
}

fn collections() -> [Described; 4] {
    let agents = Described {
        speaker: ME,
        what: Collection::Agents,
        path: "/v1/agents",
        path_of_one: "/v1/agents/{id}",
        word: "Agent",
        example: json!({ "name": "Front desk", "prompt": "Hi, this is Acme.", "voice": "amy", "outbound_speak_order": "agent_first" }),
        change: json!({ "outbound_speak_order": "callee_first" }),
    };
    let numbers = Described {
        what: Collection::Numbers,
        path: "/v1/phone-numbers",
        path_of_one: "/v1/phone-numbers/{id}",
        word: "PhoneNumber",
        example: json!({ "number": "+15550000088", "voip_connection_id": "carrier", "label": "Front desk" }),
        change: json!({ "label": "Reception" }),
        ..agents.like()
    };
    let connections = Described {
        what: Collection::Connections,
        path: "/v1/voip-connections",
        path_of_one: "/v1/voip-connections/{id}",
        word: "VoipConnection",
        example: json!({ "name": "my-carrier", "sip_uri": "sip:127.0.0.1:5999", "username": "u", "password": "secret",
                         "options_interval_seconds": 0 }),
        change: json!({ "channels": 10 }),
        ..agents.like()
    };
    let endpoints = Described {
        what: Collection::Endpoints,
        path: "/v1/developer/webhook-endpoints",
        path_of_one: "/v1/developer/webhook-endpoints/{id}",
        word: "Endpoint",
        example: json!({ "url": "https://example.test/hook", "events": ["telephony.complete"] }),
        change: json!({ "enabled": false }),
        ..agents.like()
    };
    [agents, numbers, connections, endpoints]
}
