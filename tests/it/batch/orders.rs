//! Launch, pause, resume, cancel, and whom they are refused.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{assert_nobody_twice, make, numbers, order, read, recipients, until};
use crate::callees::ring;
use crate::faces::{self, MINIVOICE, THUNDERPHONE, TWILIO, VOICEFLOW};
use crate::switch::{Receiver, Setup, Switch, eventually};

fn quiet(switch: &Switch, path: &str) -> Value {
    eventually("its calls are over", || Some(read(switch, path)).filter(|now| now["active_count"] == 0))
}

#[test]
fn a_scheduled_campaign_is_launched_at_once_and_once() {
    let (switch, callees) = ring(Setup::new());
    let later = json!({ "schedule_type": "schedule", "scheduled_date": "2099-01-01" });
    let path = make(&switch, &numbers(Persona::Busy, 3), later);
    let id = path.rsplit('/').next().expect("an id");
    let launched = order(&switch, &path, "launch");
    let expected =
        json!({ "campaign_id": id, "status": "running", "recipients_count": 3, "queued_count": 3 });
    assert_eq!((launched.status, launched.json), (200, expected));
    until(&switch, &path, "completed");
    let again = order(&switch, &path, "launch");
    assert_eq!((again.status, &again.json["error"]["code"]), (400, &json!("campaign_already_completed")));
    assert_eq!((callees.rung(), read(&switch, &path)["unanswered_count"].as_u64()), (3, Some(3)));
}

#[test]
fn a_running_campaign_is_not_launched_twice() {
    let (switch, callees) = ring(Setup::new().trunk("channels = 1").agent("ring_timeout_seconds = 1"));
    let path = make(&switch, &numbers(Persona::NoAnswer, 3), json!({}));
    for order_word in ["launch", "resume"] {
        let reply = order(&switch, &path, order_word);
        assert_eq!((reply.status, &reply.json["status"]), (200, &json!("running")), "{reply:?}");
    }
    until(&switch, &path, "completed");
    assert_eq!(callees.rung(), 3);
    assert_nobody_twice(&callees);
}

#[test]
fn a_pause_stops_new_calls_at_once_and_a_resume_goes_on() {
    let (switch, callees) = ring(Setup::new().trunk("channels = 2").agent("ring_timeout_seconds = 1"));
    let path = make(&switch, &numbers(Persona::NoAnswer, 8), json!({}));
    eventually("it dials", || (callees.rung() >= 2).then_some(()));
    let paused = order(&switch, &path, "pause");
    assert_eq!((paused.status, &paused.json["status"]), (200, &json!("paused")));
    let queued = paused.json["queued_count"].as_u64().expect("a count");
    assert!(queued >= 2, "{paused:?}");
    let now = quiet(&switch, &path);
    assert_eq!((now["queued_count"].as_u64(), callees.rung()), (Some(queued), 8 - queued), "{now}");
    assert_eq!(now["status"], "paused");
    assert_eq!(order(&switch, &path, "pause").json["status"], "paused", "it is so already");
    let resumed = order(&switch, &path, "resume");
    assert_eq!((resumed.status, &resumed.json["status"]), (200, &json!("running")));
    until(&switch, &path, "completed");
    assert_eq!(callees.rung(), 8);
    assert_nobody_twice(&callees);
}

#[test]
fn a_cancel_ends_who_was_not_called_and_leaves_who_was() {
    let (switch, callees) = ring(Setup::new().trunk("channels = 2").agent("ring_timeout_seconds = 2"));
    let path = make(&switch, &numbers(Persona::NoAnswer, 9), json!({}));
    eventually("it dials", || (callees.rung() >= 2).then_some(()));
    let cancelled = order(&switch, &path, "cancel");
    assert_eq!((cancelled.status, &cancelled.json["status"]), (200, &json!("cancelled")));
    assert_eq!(cancelled.json["queued_count"], 0);
    let over =
        eventually("its last end", || Some(read(&switch, &path)).filter(|now| !now["ended_at"].is_null()));
    let dialled = callees.rung();
    assert_eq!(over["cancelled_count"].as_u64(), Some(9 - dialled), "{over}");
    assert_eq!((&over["status"], over["unanswered_count"].as_u64()), (&json!("cancelled"), Some(dialled)));
    for recipient in recipients(&switch, &path) {
        let expected = if recipient["call_id"].is_null() {
            ("cancelled", json!(null))
        } else {
            ("ended", json!("no_answer"))
        };
        assert_eq!(
            (recipient["status"].as_str(), &recipient["ended_reason"]),
            (Some(expected.0), &expected.1)
        );
    }
    assert_eq!(order(&switch, &path, "cancel").status, 200, "it is so already");
    for order_word in ["launch", "pause", "resume"] {
        let reply = order(&switch, &path, order_word);
        let error = &reply.json["error"];
        assert_eq!(
            (reply.status, &error["code"]),
            (400, &json!("campaign_already_completed")),
            "{order_word}"
        );
        assert_eq!(error["details"], json!({ "status": "cancelled" }));
    }
}

#[test]
fn a_paused_schedule_is_resumed_as_a_schedule_or_launched() {
    let switch = Switch::start("");
    let later = json!({ "schedule_type": "schedule", "scheduled_date": "2099-01-01" });
    let path = make(&switch, &numbers(Persona::Busy, 1), later);
    let stands = |word: &str, status: &str| {
        let reply = order(&switch, &path, word);
        assert_eq!((reply.status, &reply.json["status"]), (200, &json!(status)), "{word}");
    };
    stands("pause", "paused");
    stands("resume", "scheduled");
    stands("pause", "paused");
    stands("launch", "running");
}

#[test]
fn what_is_no_campaign_of_the_keys_is_not_found_and_nobody_asks_without_a_key() {
    let switch = Switch::start("");
    let unknown = "/v1/calls/batch/batchcall_0000000000000001";
    for id in [unknown, "/v1/calls/batch/nonsense", "/v1/calls/batch/CA00000000000000000000000000000001"] {
        for word in ["launch", "pause", "resume", "cancel"] {
            let reply = order(&switch, id, word);
            let error = &reply.json["error"];
            assert_eq!((reply.status, &error["code"]), (404, &json!("campaign_not_found")), "{id} {word}");
            assert_eq!(error["type"], "not_found");
        }
        for path in [id.to_owned(), format!("{id}/recipients")] {
            let reply = switch.get(&path);
            assert_eq!((reply.status, &reply.json["error"]["code"]), (404, &json!("campaign_not_found")));
        }
    }
    let wrong = [("authorization", "Bearer nxf_demo:wrong")];
    for path in ["/v1/calls/batch".to_owned(), format!("{unknown}/launch"), format!("{unknown}/cancel")] {
        let reply = switch.client().post_with(&path, Vec::new(), &wrong);
        assert_eq!((reply.status, &reply.json["error"]["code"]), (401, &json!("invalid_api_key")), "{path}");
    }
    let reply = switch.get("/v1/calls/batch?status=creating");
    assert_eq!((reply.status, &reply.json["error"]["code"]), (400, &json!("invalid_request")));
}

#[test]
fn a_key_of_another_vendor_is_none_on_these_paths() {
    let receiver = Receiver::start();
    let switch = faces::setup(&receiver).start();
    let one = "/v1/calls/batch/batchcall_0000000000000001";
    let posts = ["/v1/calls/batch".to_owned()].into_iter();
    let posts: Vec<_> =
        posts.chain(["launch", "pause", "resume", "cancel"].map(|word| format!("{one}/{word}"))).collect();
    let gets = ["/v1/calls/batch".to_owned(), one.to_owned(), format!("{one}/recipients")];
    for key in ["", THUNDERPHONE, VOICEFLOW, MINIVOICE, TWILIO] {
        let headers = [("authorization", key)];
        let posted = posts.iter().map(|path| switch.client().post_with(path, b"{}".to_vec(), &headers));
        let got = gets.iter().map(|path| switch.client().get_with(path, &headers));
        for reply in posted.chain(got) {
            let error = &reply.json["error"];
            assert_eq!((reply.status, &error["code"]), (401, &json!("invalid_api_key")), "{key} {reply:?}");
        }
    }
}
