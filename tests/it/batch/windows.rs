//! Windows that are surely open, or surely closed, by the machine's own clock. What happens as one opens is tried in virtual time,
//! in `campaign::window`.

use std::time::SystemTime;

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{make, numbers, order, read, recipients as recipients_of, until};
use crate::callees::ring;
use crate::switch::{FROM, Setup, eventually};

/// A window in UTC that begins and ends so many minutes from now.
#[expect(
    clippy::disallowed_methods,
    reason = "the switch under test has the machine's clock, and so must its windows"
)]
fn window(from: i64, until: i64) -> Value {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let minute = i64::try_from(since.as_secs() / 60).expect("small");
    let at = |offset: i64| (minute + offset).rem_euclid(1_440);
    json!({ "timezone": "UTC", "window_start_minutes": at(from), "window_end_minutes": at(until) })
}

fn closed() -> Value {
    window(180, 240)
}

fn open() -> Value {
    window(-60, 60)
}

/// In the zone of whoever has it: Dubai is four hours ahead of UTC all the year.
fn open_in_dubai() -> Value {
    let mut window = open();
    window["timezone"] = Value::Null;
    for minutes in ["window_start_minutes", "window_end_minutes"] {
        let at = window[minutes].as_i64().expect("minutes");
        window[minutes] = json!((at + 240) % 1_440);
    }
    window
}

fn with(mut fields: Value, more: Value) -> Value {
    fields.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    fields
}

#[test]
fn the_window_gates_every_dial_and_not_only_the_launch() {
    let (switch, callees) = ring(Setup::new());
    let now = make(&switch, &numbers(Persona::Busy, 2), closed());
    assert_eq!(read(&switch, &now)["status"], "running", "`now` is running at once");
    let past = json!({ "schedule_type": "schedule", "scheduled_date": "2020-01-01" });
    let due = make(&switch, &numbers(Persona::Busy, 2), with(closed(), past.clone()));
    let launched = make(&switch, &numbers(Persona::Busy, 2), with(closed(), past.clone()));
    assert_eq!(order(&switch, &launched, "launch").json["status"], "running");
    // Due and open: it fires by itself, and the others had their turn.
    let open = make(&switch, &numbers(Persona::Declines, 3), with(open(), past));
    let over = until(&switch, &open, "completed");
    assert!(!over["launched_at"].is_null());
    assert_eq!(callees.rung(), 3, "nobody was called outside a window");
    for (path, status) in [(&now, "running"), (&due, "scheduled"), (&launched, "running")] {
        let stands = read(&switch, path);
        assert_eq!((&stands["status"], &stands["queued_count"]), (&json!(status), &json!(2)), "{stands}");
    }
}

#[test]
fn a_window_runs_in_the_campaigns_zone_then_the_agents_then_londons() {
    let (switch, callees) = ring(Setup::new().agent("timezone = \"Asia/Dubai\""));
    let own = make(&switch, &numbers(Persona::Busy, 1), open());
    let agents = make(&switch, &numbers(Persona::Busy, 1), open_in_dubai());
    for (path, zone) in [(&own, "UTC"), (&agents, "Asia/Dubai")] {
        assert_eq!(until(&switch, path, "completed")["timezone"], zone);
    }
    assert_eq!(callees.rung(), 2);
    let (other, _callees) = ring(Setup::new());
    let path = make(&other, &numbers(Persona::Busy, 1), json!({}));
    assert_eq!(read(&other, &path)["timezone"], "Europe/London");
}

#[test]
fn an_agent_that_was_made_over_http_has_a_zone_too() {
    let (switch, callees) = ring(Setup::new());
    let agent = json!({ "name": "Layla", "timezone": "Asia/Dubai", "phone_number": FROM, "trunk": "t1" });
    let made = switch.client().post("/v1/agents", &agent);
    assert_eq!(made.status, 201, "{made:?}");
    let mut fields = open_in_dubai();
    fields["agent_id"] = made.json["agent_id"].clone();
    let path = make(&switch, &numbers(Persona::Busy, 1), fields);
    assert_eq!(until(&switch, &path, "completed")["timezone"], "Asia/Dubai");
    assert_eq!(callees.rung(), 1);
}

/// Dubai and Tokyo are four and nine hours ahead of UTC all the year.
#[test]
fn callees_are_called_by_their_own_clocks() {
    let (switch, callees) = ring(Setup::new());
    let dubai = open_in_dubai();
    let busy = Persona::Busy.digit();
    let tokyo = format!("+8131234567{busy}");
    let recipients = json!([
        { "phone": format!("+97141234567{busy}") },
        { "phone": tokyo },
        { "phone": format!("+8131234568{busy}"), "timezone": "Asia/Dubai" },
        // Anywhere in North America and its islands: it is nowhere evening while it is morning elsewhere.
        { "phone": format!("+1800555012{busy}") },
    ]);
    let fields = json!({ "recipients": recipients, "callee_window_start_minutes": dubai["window_start_minutes"],
        "callee_window_end_minutes": dubai["window_end_minutes"] });
    let path = make(&switch, &[], fields);
    let stands = eventually("all who may be called are", || {
        Some(read(&switch, &path)).filter(|now| now["unanswered_count"] == 2 && now["failed_count"] == 1)
    });
    assert_eq!((&stands["status"], &stands["queued_count"]), (&json!("running"), &json!(1)), "{stands}");
    assert_eq!(stands["callee_window_start_minutes"], dubai["window_start_minutes"]);
    assert_eq!(callees.rung_by_number().get(&tokyo), None);
    let rows = recipients_of(&switch, &path);
    let is_due = |row: &Value| !row["next_attempt_at"].is_null();
    assert_eq!(rows.iter().map(is_due).collect::<Vec<_>>(), [false, true, false, false], "{rows:?}");
    let reason = rows[3]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("no hour of the callees' window in common"), "{reason}");
    assert_eq!(callees.rung(), 2);
}
