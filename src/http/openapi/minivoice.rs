//! MiniVoice's routes, with the examples of seed 004.

use serde_json::{Value, json};

use super::entry::{Entry, Speaker};
use super::objects::Described;
use super::problems::{bodied, crowded, keyed, missing, stored, wrong};
use super::schema::text;
use super::shared;
use crate::face::Problem;
use crate::face::collection::Collection;
use crate::face::minivoice::schema::{
    Call, CallPage, CallRequest, Rate, RateRequest, Rates, RecordingRequest, RecordingState, Usage,
};
use crate::face::money::BillingProblem;
use crate::model::{Face, NotDone, Refusal};

const ME: Speaker = Speaker::Face(Face::MiniVoice);

/// All of them.
pub fn entries() -> Vec<Entry> {
    let page = json!({ "calls": [call()], "count": 1, "limit": 25, "offset": 0 });
    let mut all = vec![
        create(),
        shared::list_calls(ME).gives_known::<CallPage>(200, "A page.", page),
        shared::read_call(ME).gives_known::<Call>(
            200,
            "The call, what became of it, and what it cost.",
            call(),
        ),
        shared::recording(ME),
        record(),
        rates(),
        add_rate(),
        usage(),
    ];
    for described in collections() {
        all.extend(described.entries(&["list", "create", "read"]));
    }
    all
}

fn create() -> Entry {
    let refused = [
        missing("from"),
        Refusal::InvalidPhone { field: "to" }.into(),
        wrong("record", "must be true or false"),
        Refusal::NumberHasNoTrunk.into(),
        Refusal::NoAgent.into(),
    ];
    Entry::new(ME, ("POST", "/v1/calls"), "createApplicationCall", "Place a call for the key's application")
        .header("Idempotency-Key", "The same request again is answered as the first time.", text(None))
        .takes::<CallRequest>(json!({
            "from": "+15551230001", "to": "+15551230002", "metadata": { "campaign": "dev" }, "record": true,
        }))
        .gives_known::<Call>(201, "The call is on its way.", call())
        .fails(keyed())
        .fails(bodied())
        .fails(refused)
        .fails(crowded())
}

fn record() -> Entry {
    let example =
        |status: &str| json!({ "id": "rec_1234567890", "call_id": "call_1234567890", "status": status });
    Entry::new(ME, ("POST", "/v1/calls/{id}/recordings"), "recordCall", "Record a call that lives, or stop")
        .about("A call has one recording; what is heard while it rests is not in it.")
        .path("id", "The call's id.", "call_1234567890")
        .header("Idempotency-Key", "The same request again is answered as the first time.", text(None))
        .takes::<RecordingRequest>(json!({ "action": "start" }))
        .optional_body()
        .gives::<RecordingState>(201, "It begins, or goes on.", example("recording"))
        .gives::<RecordingState>(200, "It rests.", example("stopped"))
        .fails(keyed())
        .fails(bodied())
        .fails(stored())
        .fails([
            Problem::CallNotFound,
            Problem::CallNotLive(NotDone::NotTalking),
            wrong("action", "must be start or stop"),
            Refusal::IdempotencyConflict.into(),
        ])
}

fn call() -> Value {
    json!({
        "id": "call_1234567890", "status": "dialing", "direction": "outbound", "from": "+15551230001", "to": "+15551230002",
        "application_id": "app_123", "customer_id": "cust_1", "provider_call_id": "0b8ac2ea-7fc1-4f7e-9c6f-6d6ef0a6a4a0",
        "answer_url": "https://example.test/answer", "metadata": { "campaign": "dev", "record": true },
        "created_at": "2026-05-29T12:00:00.000Z", "route_mode": "webhook", "routing_target": "app_123",
        "dialing_at": "2026-05-29T12:00:00.000Z",
    })
}

fn rate() -> Value {
    json!({
        "id": "rate_1", "prefix": "+44", "per_minute_micros": 12_000, "first_interval": 60, "next_interval": 60, "minimum_micros": 0,
        "connection_fee_micros": 0, "valid_from": null, "valid_until": null,
    })
}

fn off() -> [Problem; 1] {
    [Problem::Billing(BillingProblem::Off)]
}

fn rates() -> Entry {
    Entry::new(ME, ("GET", "/v1/rates"), "listRates", "List what calls cost")
        .gives::<Rates>(
            200,
            "Every rate that holds for this tenant.",
            json!({ "rates": [rate()], "count": 1 }),
        )
        .fails(keyed())
        .fails(off())
}

fn add_rate() -> Entry {
    Entry::new(ME, ("POST", "/v1/rates"), "createRate", "Set what calls to a prefix cost")
        .about("The operator's tenant's alone.")
        .header("Idempotency-Key", "The same request again is answered as the first time.", text(None))
        .takes::<RateRequest>(json!({ "prefix": "+44", "per_minute_micros": 12_000 }))
        .gives::<Rate>(201, "The rate.", rate())
        .fails(keyed())
        .fails(bodied())
        .fails(stored())
        .fails(off())
        .fails([
            missing("prefix"),
            wrong("prefix", "must be the beginning of an E.164 number"),
            Problem::Billing(BillingProblem::NotAllowed),
            Refusal::IdempotencyConflict.into(),
        ])
}

fn usage() -> Entry {
    Entry::new(ME, ("GET", "/v1/usage"), "readUsage", "Read what calls have cost, and what is left")
        .query("since", "RFC 3339; without it thirty days before `until`.", text(Some("date-time")))
        .query("until", "RFC 3339; without it now.", text(Some("date-time")))
        .gives::<Usage>(200, "The sums.", json!({
            "since": "2026-04-29T12:00:00.000Z", "until": "2026-05-29T12:00:00.000Z", "calls": 3, "answered_calls": 2,
            "duration_seconds": 61, "billable_minutes": 3, "charged_micros": 36_000, "currency": "USD", "balance_micros": 19_964_000,
            "held_micros": 0, "available_micros": 19_964_000,
        }))
        .fails(keyed())
        .fails(stored())
        .fails(off())
        .fails([wrong("until", "must be after since")])
}

fn collections() -> [Described; 3] {
    let trunks = Described {
        speaker: ME,
        what: Collection::Trunks,
        path: "/v1/trunks",
        path_of_one: "/v1/trunks/{id}",
        word: "Trunk",
        example: json!({ "name": "main", "sip_uri": "sip:127.0.0.1:5999", "concurrent_limit": 10, "cps_limit": 2.0,
                         "options_interval_seconds": 0 }),
        change: Value::Null,
    };
    let applications = Described {
        what: Collection::Applications,
        path: "/v1/applications",
        path_of_one: "/v1/applications/{id}",
        word: "Application",
        example: json!({ "name": "confirmations", "agent_id": "agent_talk", "answer_url": "https://example.test/answer",
                         "webhook_url": "https://example.test/hook" }),
        ..trunks.like()
    };
    let dids = Described {
        what: Collection::Dids,
        path: "/v1/dids",
        path_of_one: "/v1/dids/{id}",
        word: "Did",
        example: json!({ "number": "+15550000099", "agent_id": "agent_talk", "trunk_id": "carrier", "outbound": true }),
        ..trunks.like()
    };
    [trunks, applications, dids]
}
