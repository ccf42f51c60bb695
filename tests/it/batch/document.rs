//! Seed 001, line by line: its own example, its response, its errors in their order.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{body, make, numbers, post, read, recipients, until};
use crate::callees::ring;
use crate::ledger;
use crate::switch::{FROM, Receiver, Setup, Switch, eventually};

/// The document's own curl body; the agent is ours, and the date is in the future.
const EXAMPLE: &str = r#"{
    "agent_id": "agent_demo",
    "from_number": "+447446466847",
    "name": "Tuesday appointment reminders",
    "prompt": "You are Sarah from Bright Smile Dental. Call to remind the patient about their check-up tomorrow and confirm they can attend.",
    "timezone": "Europe/London",
    "recipients": [
      { "phone": "+447111000001" },
      { "phone": "+447111000002", "variables": { "patient_name": "John" } },
      { "phone": "+447111000003" }
    ],
    "schedule_type": "schedule",
    "scheduled_date": "2099-06-15",
    "window_start_minutes": 540,
    "window_end_minutes": 1080,
    "window_days": ["mon","tue","wed","thu","fri"]
  }"#;

#[test]
fn the_documents_example_is_answered_as_the_document_shows() {
    let switch = Switch::start("");
    let reply = switch.client().post_with("/v1/calls/batch", EXAMPLE.into(), &[]);
    assert_eq!(reply.status, 201, "{reply:?}");
    let id = reply.json["campaign_id"].as_str().expect("an id").to_owned();
    let hex = id.strip_prefix("batchcall_").expect("its prefix");
    assert!(hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    let expected = json!({ "campaign_id": id, "status": "scheduled", "valid_count": 3, "invalid_count": 0, "invalid": [] });
    assert_eq!(reply.json, expected);
    assert!(reply.text.starts_with("{\"campaign_id\":"), "the fields keep the document's order");

    let shown = read(&switch, &format!("/v1/calls/batch/{id}"));
    assert_eq!(shown["name"], "Tuesday appointment reminders");
    assert_eq!((&shown["from_number"], &shown["timezone"]), (&json!(FROM), &json!("Europe/London")));
    assert_eq!((&shown["window_start_minutes"], &shown["window_end_minutes"]), (&json!(540), &json!(1_080)));
    assert_eq!(shown["window_days"], json!(["mon", "tue", "wed", "thu", "fri"]));
    // 00:00 in London in summer.
    assert_eq!(shown["due_at"], "2099-06-14T23:00:00.000Z");
    assert_eq!((&shown["recipients_count"], &shown["queued_count"]), (&json!(3), &json!(3)));
    assert!(!shown.to_string().contains("Sarah"), "a prompt is not shown");
    let list = read(&switch, "/v1/calls/batch?status=scheduled");
    assert_eq!((&list["count"], &list["campaigns"][0]["campaign_id"]), (&json!(1), &json!(id)));
    assert_eq!(read(&switch, "/v1/calls/batch?status=running")["campaigns"], json!([]));
}

#[test]
fn a_campaign_that_is_due_now_calls_each_recipient_once_and_each_call_has_its_own_id() {
    let receiver = Receiver::start();
    let (switch, callees) = ring(Setup::new().webhook(&receiver.url()));
    let mut phones = numbers(Persona::Busy, 6);
    phones.extend(numbers(Persona::HangsUp, 3));
    phones.extend(numbers(Persona::Voicemail, 1));
    let request = body(&phones, json!({}));
    let reply = post(&switch, &request);
    let expected = json!({ "campaign_id": reply.json["campaign_id"], "status": "running", "valid_count": 10,
        "invalid_count": 0, "invalid": [] });
    assert_eq!((reply.status, &reply.json), (201, &expected));
    let id = reply.json["campaign_id"].as_str().expect("an id");
    let path = format!("/v1/calls/batch/{id}");
    let over = until(&switch, &path, "completed");
    assert_eq!((&over["answered_count"], &over["unanswered_count"]), (&json!(4), &json!(6)), "{over}");
    assert_eq!((&over["queued_count"], &over["active_count"]), (&json!(0), &json!(0)));
    assert!(!over["ended_at"].is_null());

    let all = recipients(&switch, &path);
    let dialled: Vec<_> = all.iter().map(|one| one["phone"].as_str().expect("a number")).collect();
    assert_eq!(dialled, phones, "in their order");
    let mut calls: Vec<_> = all.iter().map(|one| one["call_id"].to_string()).collect();
    calls.sort_unstable();
    calls.dedup();
    assert_eq!(calls.len(), 10);
    assert_eq!(all[9]["ended_reason"], "voicemail_detected");
    assert_eq!((callees.rung(), callees.rung_by_number().len()), (10, 10));

    // Each is a call like any other, and is told of as one.
    let deliveries = eventually("ten events", || Some(receiver.deliveries()).filter(|all| all.len() == 10));
    assert!(deliveries.iter().all(|delivery| delivery.json["campaign_id"] == id), "{deliveries:?}");
    let call = read(&switch, &format!("/v1/calls/{}", all[0]["call_id"].as_str().expect("a call")));
    assert_eq!((&call["campaign_id"], &call["from"]), (&json!(id), &json!(FROM)));
    assert_eq!(switch.complaints(), Vec::<String>::new());
    assert_eq!(ledger::texts(&switch, "SELECT prompt FROM campaigns"), [None], "erased with its last end");
    let metrics = switch.get("/metrics").text;
    assert!(metrics.contains("trunkline_campaign_recipients_total{result=\"dialled\"} 10"), "{metrics}");
}

#[test]
fn duplicates_are_called_and_a_single_call_counts_in_the_report_of_the_campaign_that_it_names() {
    let (switch, callees) = ring(Setup::new());
    let twice = [numbers(Persona::Busy, 1), numbers(Persona::Busy, 1)].concat();
    let path = make(&switch, &twice, json!({}));
    until(&switch, &path, "completed");
    assert_eq!(callees.rung_by_number().into_values().collect::<Vec<_>>(), [2]);
    let id = path.rsplit('/').next().expect("an id");
    for campaign in [id, "batchcall_ffffffffffffffff", "whatever"] {
        switch.call_until_ended(&switch.call_with(json!({ "to_number": twice[0], "campaign_id": campaign })));
    }
    let report = read(&switch, &path);
    assert_eq!(
        (&report["single_calls_count"], &report["unanswered_count"]),
        (&json!(1), &json!(2)),
        "{report}"
    );
}

/// Field over field, what is refused and why, in the order of the document's table: each body also has the faults of the rows below.
#[test]
fn every_error_of_the_table_in_its_order() {
    let second = format!(
        "[[agent]]\nid = \"many\"\n[[agent]]\nid = \"none\"\n[[agent]]\nid = \"trunkless\"\nphone_number = \"+15550000009\"\n{}{}",
        "[[number]]\ne164 = \"+15550000001\"\ntrunk = \"t1\"\nagent = \"many\"\noutbound = true\n",
        "[[number]]\ne164 = \"+15550000002\"\ntrunk = \"t1\"\nagent = \"many\"\noutbound = true\n",
    );
    let switch = Switch::start(&second);
    let mut wrong = json!({ "agent_id": "nobody", "schedule_type": "later", "timezone": "Mars/Olympus",
        "window_start_minutes": 540, "recipients": [{ "phone": "07111000001" }, { "phone": "+447111000002" }] });
    let mut refused = |fields: Value, code: &str, details: Value| {
        for (name, value) in fields.as_object().expect("an object") {
            wrong[name] = value.clone();
        }
        let reply = post(&switch, &wrong);
        let error = &reply.json["error"];
        assert_eq!((reply.status, &error["code"]), (400, &json!(code)), "{wrong} {reply:?}");
        assert_eq!((&error["type"], &error["details"]), (&json!("invalid_request"), &details), "{wrong}");
        error["message"].as_str().expect("a message").to_owned()
    };
    refused(json!({}), "missing_field", json!({ "field": "prompt" }));
    refused(json!({ "prompt": "Hello", "agent_id": " " }), "missing_field", json!({ "field": "agent_id" }));
    refused(
        json!({ "agent_id": "nobody", "schedule_type": "schedule" }),
        "missing_field",
        json!({ "field": "scheduled_date" }),
    );
    let listed = json!([{ "index": 0, "phone": "07111000001", "reason": "not a valid E.164 number" }]);
    refused(
        json!({ "scheduled_date": "2026-02-30" }),
        "invalid_phone_format",
        json!({ "field": "recipients", "invalid": listed }),
    );
    let mut failed = |fields: Value, reason: &str| {
        let message = refused(fields, "campaign_creation_failed", json!({ "reason": reason }));
        assert!(message.starts_with(reason), "the message states the exact reason: {message}");
    };
    failed(json!({ "skip_invalid": true }), "agent_not_found");
    failed(json!({ "agent_id": "many" }), "from_number_required");
    failed(json!({ "agent_id": "none" }), "agent_missing_phone_number");
    failed(json!({ "agent_id": "agent_demo", "from_number": "+15550000001" }), "from_number_not_found");
    failed(json!({ "from_number": "not a number" }), "from_number_not_found");
    failed(json!({ "agent_id": "trunkless", "from_number": null }), "agent_missing_twilio_credentials");
    failed(json!({ "agent_id": "many", "from_number": "+15550000002" }), "invalid_schedule");
    failed(json!({ "scheduled_date": "2099-06-15" }), "invalid_timezone");
    failed(json!({ "timezone": "Asia/Dubai" }), "invalid_window");
    failed(json!({ "window_end_minutes": 540 }), "invalid_window");
    failed(json!({ "window_end_minutes": 1_080, "window_days": ["someday"] }), "invalid_window");
    wrong["window_days"] = json!(["mon"]);
    let reply = post(&switch, &wrong);
    let invalid = json!([{ "index": 0, "phone": "07111000001", "reason": "not a valid E.164 number" }]);
    let expected = json!({ "campaign_id": reply.json["campaign_id"], "status": "scheduled", "valid_count": 1,
        "invalid_count": 1, "invalid": invalid });
    assert_eq!((reply.status, reply.json), (201, expected), "and then it is accepted");
    assert_eq!(read(&switch, "/v1/calls/batch")["count"], 1, "what was refused left nothing");
}

#[test]
fn a_repeated_request_makes_one_campaign_and_another_bodys_key_is_a_conflict() {
    let switch = Switch::start("");
    let scheduled = json!({ "schedule_type": "schedule", "scheduled_date": "2099-01-01" });
    let first = body(&numbers(Persona::Busy, 2), scheduled).to_string();
    let send = |path: &str, body: &str| {
        switch.client().post_with(path, body.to_owned().into(), &[("idempotency-key", "k1")])
    };
    let made = send("/v1/calls/batch", &first);
    assert_eq!((made.status, made.headers.get("idempotent-replayed")), (201, None), "{made:?}");
    let again = send("/v1/calls/batch", &first);
    assert_eq!((again.status, &again.text), (201, &made.text));
    assert_eq!(again.headers.get("idempotent-replayed").map(String::as_str), Some("true"));
    let other = send("/v1/calls/batch", &first.replace("Hello", "Good morning"));
    assert_eq!((other.status, &other.json["error"]["code"]), (409, &json!("idempotency_conflict")));
    // The same key is the same promise on every path.
    let call = send("/v1/calls/outbound", &crate::switch::outbound(json!({})).to_string());
    assert_eq!((call.status, &call.json["error"]["code"]), (409, &json!("idempotency_conflict")));
    assert_eq!(read(&switch, "/v1/calls/batch")["count"], 1);
}

#[test]
fn fifty_thousand_recipients_with_one_bad_number() {
    let switch = Switch::start("");
    let mut phones = numbers(Persona::Busy, 50_000);
    phones[41_234] = "+1555-bad".into();
    let scheduled = json!({ "schedule_type": "schedule", "scheduled_date": "2099-01-01" });
    let mut request = body(&phones, scheduled);
    assert!(request.to_string().len() > 1 << 20, "more than other routes take");
    let refused = post(&switch, &request);
    assert_eq!((refused.status, &refused.json["error"]["code"]), (400, &json!("invalid_phone_format")));
    assert_eq!(refused.json["error"]["details"]["invalid"][0]["index"], 41_234);
    request["skip_invalid"] = json!(true);
    let made = post(&switch, &request);
    assert_eq!(
        (made.status, &made.json["valid_count"], &made.json["invalid_count"]),
        (201, &json!(49_999), &json!(1))
    );
    let path = format!("/v1/calls/batch/{}", made.json["campaign_id"].as_str().expect("an id"));
    let last = read(&switch, &format!("{path}/recipients?cursor=49997&limit=9"));
    assert_eq!((&last["recipients"][0]["position"], &last["next_cursor"]), (&json!(49_998), &Value::Null));
    // One body more is too long for this route too.
    let long = switch.client().post_with("/v1/calls/batch", vec![b' '; (32 << 20) + 1], &[]);
    assert_eq!((long.status, &long.json["error"]["details"]["max_bytes"]), (413, &json!(32 << 20)));
    // All of them are told that they are not called.
    assert_eq!(super::order(&switch, &path, "cancel").json["queued_count"], 0);
    eventually("every recipient is cancelled", || {
        (read(&switch, &path)["ended_at"] != Value::Null).then_some(())
    });
    assert_eq!(read(&switch, &path)["cancelled_count"], 49_999);
    assert_eq!(ledger::texts(&switch, "SELECT max(prompt) FROM campaigns"), [None]);
}

#[test]
fn an_agent_hears_the_recipients_own_prompt_with_their_variables_in_it() {
    let (switch, _callees) = ring(Setup::new());
    let recipients = json!([
        { "phone": "+15550000009", "variables": { "name": "Ann", "unspoken": "context" } },
        { "phone": "+15550000019", "prompt_override": "Only for {who} [END_CALL]" },
    ]);
    let path = make(&switch, &[], json!({ "recipients": recipients, "prompt": "Hello {name} [END_CALL]" }));
    let over = until(&switch, &path, "completed");
    assert_eq!(over["answered_count"], 2, "{over}");
    let calls: Vec<_> = super::recipients(&switch, &path)
        .iter()
        .map(|one| read(&switch, &format!("/v1/calls/{}", one["call_id"].as_str().expect("a call"))))
        .collect();
    assert_eq!(calls[0]["warnings"], json!([]), "the variable was known");
    assert!(calls[1]["warnings"][0].as_str().is_some_and(|text| text.contains("{who}")), "{}", calls[1]);
}
