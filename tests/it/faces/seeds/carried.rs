//! One call of each face with sipp as the carrier: each side to its word, whoever wrote the request.

use serde_json::json;
use url::form_urlencoded::Serializer;

use crate::faces::{ACCOUNT, MINIVOICE, NIXFLEX, OURS, THUNDERPHONE, TWILIO, VOICEFLOW, setup};
use crate::switch::{FROM, Receiver, Sipp, eventually};

const TO: &str = "+15551230002";

#[test]
fn every_faces_call_goes_by_the_carrier_and_ends_with_our_bye() {
    let receiver = Receiver::start();
    // A busy machine's repetitions are no errors of ours.
    let switch = setup(&receiver).sip("t1_ms = 1000").agent("amd = {}").start();
    let calls = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    let say = "<Response><Say>Hello.</Say><Hangup/></Response>";
    let form =
        Serializer::new(String::new()).extend_pairs([("To", TO), ("From", OURS), ("Twiml", say)]).finish();
    let nixflex = json!({ "agent_id": "agent_demo", "to_number": TO, "prompt": "Hello. [END_CALL]" });
    let kinds = ("application/json", "application/x-www-form-urlencoded");
    for (path, key, body, kind, id, status) in [
        ("/v1/calls/outbound", NIXFLEX, nixflex.to_string(), kinds.0, "call_id", 201),
        (
            "/v1/call",
            THUNDERPHONE,
            json!({ "from_number": OURS, "to_number": TO }).to_string(),
            kinds.0,
            "call_id",
            201,
        ),
        (
            "/v1alpha1/phone-number/agent_talk/outbound",
            VOICEFLOW,
            json!({ "to": TO }).to_string(),
            kinds.0,
            "callId",
            200,
        ),
        ("/v1/calls", MINIVOICE, json!({ "from": OURS, "to": TO }).to_string(), kinds.0, "id", 201),
        (&calls, TWILIO, form, kinds.1, "sid", 201),
    ] {
        // A person, who says hello and hears the agent out.
        let sipp = Sipp::at(&switch.place, "human");
        let reply =
            switch.client().post_with(path, body.into(), &[("authorization", key), ("content-type", kind)]);
        assert_eq!(reply.status, status, "{path}: {reply:?}");
        let id = reply.json[id].as_str().map_or_else(|| reply.json[id].to_string(), str::to_owned);
        // Every rendering reads, and the native face shows them all alike.
        let record = eventually(&format!("the end of {id} by {path}"), || {
            let read = switch.get(&format!("/v1/calls/{id}"));
            assert_eq!(read.status, 200, "{read:?}");
            (!read.json["ended_at"].is_null()).then_some(read.json)
        });
        assert_eq!(
            (&record["status"], &record["ended_reason"]),
            (&json!("completed"), &json!("completed")),
            "{path}: {record}"
        );
        assert_eq!((&record["to"], &record["sip_status"]), (&json!(TO), &json!(200)), "{path}");
        assert_eq!(record["from"], if key == NIXFLEX { FROM } else { OURS }, "{path}");
        let report = sipp.succeed(1);
        let methods = ["INVITE", "ACK", "BYE"].map(|method| report.requests(method).len());
        assert_eq!(methods, [1, 1, 1], "{path}");
    }
    assert_eq!(switch.complaints(), Vec::<String>::new());
}
