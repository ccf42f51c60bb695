//! What is read of calls, events and deliveries in the switch's own words.

use serde_json::{Value, json};
use utoipa::ToSchema;

use super::control::CALL;
use super::entry::{Entry, Speaker};
use super::problems::{keyed, missing, of_object, stored, wrong};
use super::schema::{from, text, word};
use super::shared;
use crate::face::Problem;
use crate::face::native::record::{Call, Page};
use crate::model::{ObjectKind, ObjectProblem, Refusal};

const ME: Speaker = Speaker::Native;

/// All of them.
pub fn entries() -> Vec<Entry> {
    let mut all = vec![list(), read(), recording(), remove_recording(), recordings(), cdr()];
    all.extend([events("/v1/native/events", "streamEvents"), events("/v1/events", "streamFaceEvents")]);
    all.extend([deliveries(), delivery(), replay(), replay_failed()]);
    all
}

fn filtered(entry: Entry) -> Entry {
    entry
        .about("An unknown parameter is refused.")
        .query("state", "Only those that stand so.", word(&["accepted", "dialing", "answered", "ended"]))
        .query("direction", "Only these.", word(&["inbound", "outbound"]))
        .query("agent", "Only this agent's, by name or id.", text(None))
        .query("number", "Only those from or to this number.", text(None))
        .query("campaign", "Only those of this campaign.", text(None))
        .query("disposition", "Only those that ended so.", text(None))
        .query("since", "Accepted at this time or later: RFC 3339, or a date.", text(Some("date-time")))
        .query("until", "Accepted before this time: RFC 3339, or a date.", text(Some("date-time")))
        .fails(keyed())
        .fails(stored())
        .fails([wrong("since", "must be a time")])
}

fn paged(entry: Entry) -> Entry {
    filtered(entry).query("limit", "Rows a page; who asks for more than 200 gets 200.", from(1)).query(
        "after",
        "`next_cursor` of the page before.",
        text(None),
    )
}

fn call() -> Value {
    json!({
        "id": 1_234_567_890, "call_id": CALL, "tenant": 1, "key": 1, "application": null, "agent": 1, "direction": "outbound",
        "from": "+15550000001", "to": "+15551234567", "state": "ended", "campaign": null, "recipient": null,
        "created_at": "2026-05-29T12:00:00.000Z", "ringing_at": "2026-05-29T12:00:01.000Z",
        "answered_at": "2026-05-29T12:00:05.000Z", "ended_at": "2026-05-29T12:00:35.000Z", "duration_ms": 30_000,
        "billable_minutes": 1, "disposition": "completed", "ended_by": "agent",
        "sip": { "trunk": "t1", "call_id": "0b8ac2ea-7fc1-4f7e-9c6f-6d6ef0a6a4a0", "status": 200, "q850": null, "detail": null,
                 "attempts": [] },
        "verdict": { "class": "human", "reason": "short_greeting", "evidence": null }, "dead_air_ms": 480,
        "media": { "packets_in": 1500, "packets_out": 1480, "lost": 0, "late": 0, "duplicates": 0, "concealed": 0, "jitter_ms": 2,
                   "playout_delay_ms": 60, "remote_lost": 0, "remote_jitter_ms": 1, "round_trip_ms": 18 },
               "cost": { "held_micros": null, "charged_micros": null }, "recording": { "url": null, "error": null }, "metadata": null,
        "people": [],
        "transcript": [{ "by": "callee", "at_ms": 480, "text": "A table for four on Tuesday, please." }],
        "transcription": { "status": "none", "error": null },
        "analysis": { "status": "done", "error": null, "summary": "A table for four was booked for Tuesday.", "sentiment": "positive",
                      "success": true, "fields": { "people": 4, "day": "tuesday" } },
        "unknown_variables": [], "stream_url": null, "webhook": null, "webhook_endpoints": [],
    })
}

fn list() -> Entry {
    paged(Entry::new(ME, ("GET", "/v1/native/calls"), "listNativeCalls", "List calls"))
        .gives::<Page<'static>>(
            200,
            "A page, newest first.",
            json!({ "data": [call()], "next_cursor": null }),
        )
}

fn read() -> Entry {
    Entry::new(ME, ("GET", "/v1/native/calls/{id}"), "readNativeCall", "Read a call")
        .path("id", "The call's id, in any rendering.", CALL)
        .gives::<Call<'static>>(200, "Everything that is known of it.", call())
        .fails(keyed())
        .fails(stored())
        .fails([Problem::CallNotFound])
}

fn recording() -> Entry {
    let route = ("GET", "/v1/native/calls/{id}/recording");
    shared::audio(Entry::new(ME, route, "readNativeRecording", "Listen to a call"), ME)
}

fn remove_recording() -> Entry {
    Entry::new(ME, ("DELETE", "/v1/native/calls/{id}/recording"), "removeRecording", "Remove a recording")
        .path("id", "The call's id, in any rendering.", CALL)
        .gives_nothing(204, "It is gone.")
        .fails(keyed())
        .fails(stored())
        .fails([
            Problem::CallNotFound,
            Problem::RecordingNotFound,
            crate::model::ObjectProblem::Forbidden.into(),
        ])
}

/// Where a recording is.
#[derive(ToSchema)]
#[schema(as = native::RecordingRow)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct RecordingRow {
    call_id: String,
    url: String,
    content_type: String,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    answered_at: Option<String>,
    #[schema(format = "date-time")]
    ended_at: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = native::RecordingPage)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct RecordingPage {
    data: Vec<RecordingRow>,
    next_cursor: Option<String>,
}

fn recordings() -> Entry {
    let one = json!({
        "call_id": CALL, "url": format!("http://127.0.0.1:8080/v1/native/calls/{CALL}/recording"), "content_type": "audio/wav",
        "created_at": "2026-05-29T12:00:00.000Z", "answered_at": "2026-05-29T12:00:05.000Z", "ended_at": "2026-05-29T12:00:35.000Z",
    });
    paged(Entry::new(ME, ("GET", "/v1/native/recordings"), "listRecordings", "List recordings"))
        .gives::<RecordingPage>(200, "A page, newest first.", json!({ "data": [one], "next_cursor": null }))
}

fn cdr() -> Entry {
    filtered(Entry::new(ME, ("GET", "/v1/native/cdr"), "exportCdr", "Export call detail records"))
        .query("format", "CSV unless it is said.", word(&["csv", "ndjson"]))
        .gives_raw(200, "One row a call, oldest first.", "text/csv", false)
        .gives_raw(200, "One record a line.", "application/x-ndjson", false)
}

fn events(path: &'static str, id: &str) -> Entry {
    let words = if path == "/v1/events" {
        "As webhooks of the key's face have them."
    } else {
        "In the switch's own words."
    };
    Entry::new(ME, ("GET", path), id, "Follow events as they happen")
        .about(format!("Server-sent events. {words}"))
        .query("types", "Only these, by their names, parted by commas.", text(None))
        .query("last_event_id", "As the header.", text(None))
        .header("Last-Event-ID", "Goes on after this one.", text(None))
        .gives_raw(200, "The stream.", "text/event-stream", false)
        .fails(keyed())
        .fails(stored())
        .fails([
            wrong("types", "names `x`, which is no event"),
            Refusal::Overloaded("too many streams").into(),
        ])
}

/// What a receiver was sent.
#[derive(ToSchema)]
#[schema(as = native::Delivery)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct Delivery {
    id: u64,
    /// `webhook-id` of every try.
    message_id: String,
    event: String,
    call_id: String,
    endpoint: Option<u64>,
    receiver: String,
    #[schema(pattern = "^(pending|delivered|failed)$")]
    state: String,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    next_attempt_at: Option<String>,
    #[schema(format = "date-time")]
    settled_at: Option<String>,
    #[schema(format = "date-time")]
    replayed_at: Option<String>,
    attempts_count: u32,
    error: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = native::DeliveryPage)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct DeliveryPage {
    data: Vec<Delivery>,
    next_cursor: Option<String>,
}

/// The same, with what was sent and how each try went.
#[derive(ToSchema)]
#[schema(as = native::DeliveryInFull)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct DeliveryInFull {
    #[serde(flatten)]
    delivery: Delivery,
    body: Option<String>,
    attempts: Vec<Try>,
}

#[derive(ToSchema)]
#[schema(as = native::DeliveryAttempt)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct Try {
    attempt: u32,
    #[schema(format = "date-time")]
    started_at: String,
    duration_ms: u64,
    status: Option<u16>,
    error: Option<String>,
    response: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = native::Replayed)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct Replayed {
    id: u64,
    #[schema(pattern = "^pending$")]
    state: String,
}

#[derive(ToSchema)]
#[schema(as = native::ReplayedSince)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct ReplayedSince {
    replayed: u64,
    /// Whether there are others yet: ask again.
    more: bool,
}

fn delivery_example() -> Value {
    json!({
        "id": 1, "message_id": "evt_1234567890_1", "event": "call.completed", "call_id": CALL, "endpoint": null,
        "receiver": "https://example.test", "state": "delivered", "created_at": "2026-05-29T12:00:35.000Z", "next_attempt_at": null,
        "settled_at": "2026-05-29T12:00:36.000Z", "replayed_at": null, "attempts_count": 1, "error": null,
    })
}

fn forbidden() -> Problem {
    ObjectProblem::Forbidden.into()
}

fn deliveries() -> Entry {
    Entry::new(
        ME,
        ("GET", "/v1/native/webhook-deliveries"),
        "listDeliveries",
        "List what receivers were sent",
    )
    .about("For keys of the whole tenant. An unknown parameter is refused.")
    .query("endpoint", "Only this receiver's.", text(None))
    .query("call", "Only this call's.", text(None))
    .query("state", "Only those that stand so.", word(&["pending", "delivered", "failed"]))
    .query("limit", "Rows a page; who asks for more than 200 gets 200.", from(1))
    .query("after", "`next_cursor` of the page before.", from(0))
    .gives::<DeliveryPage>(
        200,
        "A page, newest first.",
        json!({ "data": [delivery_example()], "next_cursor": null }),
    )
    .fails(keyed())
    .fails(stored())
    .fails(of_object(ObjectKind::WebhookEndpoint))
    .fails([forbidden(), wrong("state", "must be \"pending\", \"delivered\" or \"failed\"")])
}

fn of_delivery(entry: Entry) -> Entry {
    let missing: Problem = ObjectProblem::DeliveryNotFound.into();
    entry.path("id", "The delivery's id.", "1").fails(keyed()).fails(stored()).fails([forbidden(), missing])
}

fn delivery() -> Entry {
    let mut example = delivery_example();
    example["body"] = json!("{}");
    example["attempts"] = json!([{ "attempt": 1, "started_at": "2026-05-29T12:00:35.000Z", "duration_ms": 120, "status": 200,
                                   "error": null, "response": "ok" }]);
    of_delivery(Entry::new(
        ME,
        ("GET", "/v1/native/webhook-deliveries/{id}"),
        "readDelivery",
        "Read a delivery",
    ))
    .gives::<DeliveryInFull>(200, "With what was sent, and how each try went.", example)
}

fn replay() -> Entry {
    let pending: Problem = ObjectProblem::DeliveryPending.into();
    let route = ("POST", "/v1/native/webhook-deliveries/{id}/replay");
    of_delivery(Entry::new(ME, route, "replayDelivery", "Send it once more"))
        .gives::<Replayed>(202, "It will be sent.", json!({ "id": 1, "state": "pending" }))
        .fails([pending])
}

fn replay_failed() -> Entry {
    let route = ("POST", "/v1/native/webhook-endpoints/{id}/replay");
    Entry::new(ME, route, "replayFailed", "Send what failed once more")
        .path("id", "The receiver's id.", "1")
        .needed_query(
            "since",
            "From this time on: RFC 3339, or a date.",
            text(Some("date-time")),
            "2026-05-29T00:00:00Z",
        )
        .gives::<ReplayedSince>(202, "So many will be sent.", json!({ "replayed": 0, "more": false }))
        .fails(keyed())
        .fails(stored())
        .fails(of_object(ObjectKind::WebhookEndpoint))
        .fails([forbidden(), missing("since"), wrong("since", "must be a time")])
}
