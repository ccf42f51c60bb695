//! What a campaign does beyond its document, for whoever asks: call again, pause by itself, leave out duplicates.

use serde_json::json;
use trunkline::simulator::Persona;

use super::{body, make, numbers, order, post, recipients, until};
use crate::callees::ring;
use crate::switch::{Setup, eventually};

#[test]
fn who_is_busy_is_called_again_with_another_call_and_who_answered_is_not() {
    let (switch, callees) = ring(Setup::new());
    let phones =
        [numbers(Persona::Busy, 2), numbers(Persona::HangsUp, 1), numbers(Persona::Declines, 1)].concat();
    let retry = json!({ "max_attempts": 3, "wait_seconds": 1, "on": ["busy"] });
    let path = make(&switch, &phones, json!({ "retry": retry }));
    let first = eventually("a busy one waits for its second call", || {
        let all = recipients(&switch, &path);
        Some(all[0].clone()).filter(|one| one["attempts"] == 1 && one["ended_reason"] == "busy")
    });
    assert!(first["status"] == "pending" || first["status"] == "claimed", "{first}");
    assert!(first["next_attempt_at"].is_string(), "{first}");
    let over = until(&switch, &path, "completed");
    assert_eq!((&over["answered_count"], &over["unanswered_count"]), (&json!(1), &json!(3)), "{over}");
    assert_eq!(over["retry"], retry);
    let all = recipients(&switch, &path);
    let attempts: Vec<_> = all.iter().map(|one| one["attempts"].as_u64()).collect();
    assert_eq!(attempts, [3, 3, 1, 1].map(Some));
    assert!(all.iter().all(|one| one["next_attempt_at"].is_null()), "{all:?}");
    assert_ne!(all[0]["call_id"], first["call_id"], "each attempt is a call of its own");
    let rung = callees.rung_by_number();
    assert_eq!((rung[&phones[0]], rung[&phones[1]], rung[&phones[2]], rung[&phones[3]]), (3, 3, 1, 1));
    assert_eq!(switch.get("/v1/calls?limit=100").json["count"], 8);
}

/// A crash finds calls at every stage of their second attempt: what may have rung is never dialled again.
#[test]
fn over_a_crash_nobody_is_called_more_often_than_was_asked() {
    let (mut switch, callees) = ring(Setup::new().trunk("channels = 4"));
    let phones = numbers(Persona::Busy, 12);
    let path = make(&switch, &phones, json!({ "retry": { "max_attempts": 2, "wait_seconds": 1 } }));
    for rung in [8, 16] {
        eventually("it dials", || (callees.rung() >= rung).then_some(()));
        switch.kill();
        switch.restart();
    }
    until(&switch, &path, "completed");
    let rung = callees.rung_by_number();
    for one in recipients(&switch, &path) {
        let times = rung.get(one["phone"].as_str().expect("a number")).copied().unwrap_or(0);
        let attempts = one["attempts"].as_u64().expect("a count");
        match one["status"].as_str() {
            Some("ended") => assert_eq!((times, attempts), (2, 2), "{one}"),
            // The call that was being set up may have rung, or not.
            Some("indeterminate") => assert!(times <= attempts && attempts <= 2, "{times}: {one}"),
            _ => panic!("{one}"),
        }
    }
}

#[test]
fn a_trunk_that_fails_pauses_the_campaign_and_it_goes_on_when_told() {
    let (switch, callees) = ring(Setup::new().trunk("channels = 1"));
    let phones = numbers(Persona::Busy, 6);
    let path = make(&switch, &phones, json!({ "pause_after_failures": 2 }));
    let over = until(&switch, &path, "completed");
    assert_eq!(over["pause_after_failures"], 2, "a busy number is no fault of the trunk: {over}");
    assert_eq!(callees.rung(), 6);
    drop(callees);
    // Nobody answers at the trunk any more: the calls come to nothing.
    let path = make(&switch, &phones, json!({ "pause_after_failures": 2 }));
    let paused = until(&switch, &path, "paused");
    assert_eq!(
        (&paused["status_reason"], &paused["unanswered_count"]),
        (&json!("breaker"), &json!(2)),
        "{paused}"
    );
    let _callees = crate::callees::Callees::at(&switch.place);
    assert_eq!(order(&switch, &path, "resume").status, 200);
    assert_eq!(until(&switch, &path, "completed")["unanswered_count"], 6);
}

#[test]
fn duplicates_are_left_out_when_asked_and_said_how_many() {
    let (switch, callees) = ring(Setup::new());
    let (one, two) = (numbers(Persona::Busy, 2), numbers(Persona::Busy, 1));
    let reply = post(&switch, &body(&[one, two].concat(), json!({ "deduplicate": true })));
    assert_eq!(
        (reply.status, &reply.json["valid_count"], &reply.json["duplicate_count"]),
        (201, &json!(2), &json!(1))
    );
    let path = format!("/v1/calls/batch/{}", reply.json["campaign_id"].as_str().expect("an id"));
    until(&switch, &path, "completed");
    assert!(callees.rung_by_number().values().all(|rung| *rung == 1));
    for (fields, field) in [
        (json!({ "deduplicate": "yes" }), "deduplicate"),
        (json!({ "pause_after_failures": 0 }), "pause_after_failures"),
        (json!({ "retry": { "max_attempts": 1 } }), "retry.max_attempts"),
        (json!({ "retry": 3 }), "retry"),
    ] {
        let reply = post(&switch, &body(&numbers(Persona::Busy, 1), fields));
        let error = &reply.json["error"];
        assert_eq!((reply.status, &error["code"]), (400, &json!("invalid_request")), "{reply:?}");
        assert_eq!(error["details"]["field"], field, "{reply:?}");
    }
}
