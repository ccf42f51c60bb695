//! MiniVoice's `answer_url` and `POST /v1/calls/{id}/recordings`.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::answerer::{Answerer, Answers};
use crate::callees::{Callees, number, ring};
use crate::faces::hmac_sha256;
use crate::switch::{Receiver, Reply, Setup, Switch, eventually};

const KEY: &str = "Bearer mv_live_0123456789abcdef";
const SIGNING: &str = "the_signing_secret";

/// A switch with an application whose calls are guided from `url`, an agent for it if it has one, and callees.
fn house(url: &str, agent: Option<&str>, receiver: &Receiver) -> (Switch, Callees) {
    let hook = receiver.url();
    let agent = agent.map_or_else(String::new, |name| format!("agent = \"{name}\""));
    let extra = format!(
        r#"
[[agent]]
id = "agent_talk"
greeting = "Hello, this is Acme. [END_CALL]"
[[application]]
name = "reminders"
{agent}
trunk = "t1"
answer_url = "{url}"
webhook_url = "{hook}"
[[key]]
face = "minivoice"
secret = "mv_live_0123456789abcdef"
application = "reminders"
webhook_secret = "{SIGNING}"
"#
    );
    ring(Setup::new().extra(&extra))
}

fn post(switch: &Switch, path: &str, body: &Value) -> Reply {
    switch.client().post_with(path, body.to_string().into_bytes(), &[("authorization", KEY)])
}

fn place(switch: &Switch, persona: Persona) -> String {
    let reply = post(switch, "/v1/calls", &json!({ "from": "+15551230001", "to": number(persona) }));
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.json["id"].as_str().expect("an id").to_owned()
}

fn ended(switch: &Switch, call: &str) -> Value {
    eventually("the end of the call", || {
        let reply = switch.client().get_with(&format!("/v1/calls/{call}"), &[("authorization", KEY)]);
        assert_eq!(reply.status, 200, "{reply:?}");
        (!reply.json["ended_at"].is_null()).then_some(reply.json)
    })
}

#[test]
fn actions_are_asked_for_signed_and_done_in_their_order() {
    let answers: Answers = [
        (
            "/answer",
            (
                200,
                r#"{"actions":[
                    {"start_recording":{}},
                    {"say":"Hello."},
                    {"type":"send_digits","digits":"5"},
                    {"gather":{"num_digits":2,"timeout":1,"action":"code","play":"/tone.wav"}},
                    {"say":"never reached"}]}"#
                    .to_owned(),
            ),
        ),
        ("/code", (200, r#"{"actions":[{"redirect":"bye"}]}"#.to_owned())),
        ("/bye", (200, r#"{"actions":[{"say":{"text":"Bye."}},{"hangup":{}}]}"#.to_owned())),
    ]
    .into();
    let (answerer, receiver) = (Answerer::start(answers), Receiver::start());
    let (switch, callees) = house(&answerer.url("/answer"), None, &receiver);
    let call = place(&switch, Persona::Silent);
    let end = ended(&switch, &call);
    assert_eq!((&end["status"], &end["end_reason"]), (&json!("completed"), &json!("completed")), "{end}");
    assert_eq!(end["recordings"].as_array().map(Vec::len), Some(1), "{end}");
    assert_eq!(callees.keys(), "5");

    let asked = answerer.asked();
    let order: Vec<_> = asked
        .iter()
        .map(|question| (question.path.as_str(), question.json["event"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        order,
        [("/answer", "call.answered"), ("/code", "gather.completed"), ("/bye", "call.redirected")]
    );
    assert_eq!(asked[1].json["data"], json!({ "digits": "", "reason": "timeout" }));
    for question in &asked {
        assert_eq!(question.json["call"]["id"], json!(call));
        assert_eq!(question.json["call"]["status"], "in_progress");
        let time = &question.headers["x-minivoice-timestamp"];
        let signed = hmac_sha256(SIGNING, &[time.as_bytes(), b".", &question.bytes]);
        assert_eq!(question.headers["x-minivoice-signature"], format!("v1={signed}"));
    }
    let told = receiver.await_deliveries(5);
    let events: Vec<_> = told.iter().map(|told| told.json["event"].as_str().unwrap_or_default()).collect();
    let order =
        ["call.created", "call.answered", "recording.started", "recording.completed", "call.completed"];
    assert_eq!(events, order);
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn an_answer_that_is_of_no_help_ends_the_call_truly_or_lets_the_agent_talk() {
    for (status, body, why) in [
        (500, r#"{"actions":[]}"#, "HTTP 500"),
        (200, "hello", "it is not JSON"),
        (200, r#"{"actions":[{"say":"Hi."},{"sing":"la"}]}"#, "action 1: its name is not known"),
    ] {
        let answers: Answers = [("/answer", (status, body.to_owned()))].into();
        let (answerer, receiver) = (Answerer::start(answers), Receiver::start());
        let (switch, _callees) = house(&answerer.url("/answer"), None, &receiver);
        let call = place(&switch, Persona::Silent);
        let end = ended(&switch, &call);
        assert_eq!(
            (&end["status"], &end["end_reason"]),
            (&json!("completed"), &json!("agent_failed")),
            "{end}"
        );
        let native = switch.client().get(&format!("/v1/calls/{call}"));
        assert_eq!(native.status, 200, "{native:?}");
        switch.log_until(why);
    }
    // Nobody listens there.
    let receiver = Receiver::start();
    let (switch, _callees) = house("http://127.0.0.1:9/answer", Some("agent_talk"), &receiver);
    let end = ended(&switch, &place(&switch, Persona::Person));
    assert_eq!((&end["status"], &end["end_reason"]), (&json!("completed"), &json!("completed")), "{end}");
}

#[test]
fn a_call_is_recorded_from_when_it_is_asked_for() {
    let answers: Answers = [("/answer", (200, r#"{"actions":[{"hold":{}}]}"#.to_owned()))].into();
    let (answerer, receiver) = (Answerer::start(answers), Receiver::start());
    let (switch, _callees) = house(&answerer.url("/answer"), None, &receiver);
    let call = place(&switch, Persona::Silent);
    let path = format!("/v1/calls/{call}/recordings");
    // Until it is answered, there is nothing to record.
    let started = eventually("a recording", || {
        let reply = post(&switch, &path, &json!({}));
        assert!([201, 409].contains(&reply.status), "{reply:?}");
        (reply.status == 201).then_some(reply.json)
    });
    let rec = format!("rec_{}", call.trim_start_matches("call_"));
    assert_eq!(started, json!({ "id": rec, "call_id": call, "status": "recording" }));
    let again = post(&switch, &path, &json!({ "action": "start" }));
    assert_eq!((again.status, &again.json["error"]["code"]), (409, &json!("call_not_active")), "{again:?}");
    receiver.await_deliveries(3);
    let stop = json!({ "action": "stop", "idempotency_key": "stop-1" });
    let stopped = eventually("half a second of it", || {
        let seconds = eventually("the file", || {
            let file = std::fs::read_dir(switch.data_dir().join("recordings")).ok()?.next()?.ok()?;
            file.metadata().ok().map(|data| data.len())
        });
        (seconds > 16_000).then(|| post(&switch, &path, &stop))
    });
    assert_eq!((stopped.status, &stopped.json["status"]), (200, &json!("stopped")), "{stopped:?}");
    let again = post(&switch, &path, &stop);
    assert_eq!((again.status, &again.text), (200, &stopped.text), "{again:?}");
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(post(&switch, &path, &json!({ "action": "pause" })).status, 400);
    assert_eq!(post(&switch, &format!("/v1/native/calls/{call}/hangup"), &json!({})).status, 202);
    let end = ended(&switch, &call);
    let url = format!("http://{}/v1/calls/{call}/recording", switch.place.http());
    assert_eq!(end["recordings"], json!([{ "id": rec, "status": "completed", "url": url }]), "{end}");
    let told = receiver.await_deliveries(5);
    let events: Vec<_> = told.iter().map(|told| told.json["event"].as_str().unwrap_or_default()).collect();
    let order =
        ["call.created", "call.answered", "recording.started", "recording.completed", "call.completed"];
    assert_eq!(events, order);
}
