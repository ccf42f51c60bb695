//! `POST /v1/trunks/{id or name}/doctor`.

use serde_json::json;

use super::carrier_at;
use crate::callees::Callees;
use crate::switch::{Client, Place, Setup, Switch, TO, eventually};

const PATH: &str = "/v1/trunks/t1/doctor";

#[test]
fn a_trunk_is_examined_over_http_beside_the_running_switch() {
    let switch = Switch::start("");
    let _carrier = carrier_at(&switch.place, "no-rtp");
    let reply = switch.client().post(PATH, &json!({ "to": TO }));
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!((&reply.json["trunk"], &reply.json["verdict"]), (&json!("t1"), &json!("fault")), "{reply:?}");
    let findings = reply.json["findings"].as_array().expect("findings");
    let faults: Vec<_> = findings.iter().filter(|finding| finding["verdict"] == "fault").collect();
    assert_eq!(faults.len(), 1, "{reply:?}");
    assert_eq!(faults[0]["code"], "no-rtp");
    assert!(!reply.text.contains(&TO[3..]) && !reply.text.contains("trunkpass"), "{}", reply.text);
    // Nothing of it is a call of the switch's own.
    assert_eq!(switch.get("/v1/calls").json["calls"], json!([]));
    switch.await_no_media_ports();
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn one_examination_at_a_time() {
    let switch = Switch::start("");
    let _carrier = carrier_at(&switch.place, "healthy");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| {
            // A client does one thing at a time.
            let client = Client::new(&format!("http://{}", switch.place.http()));
            // The other one may be there before.
            eventually("an examination", || {
                let reply = client.post(PATH, &json!({ "to": TO, "call": true }));
                (reply.status == 200).then_some(reply)
            })
        });
        let second = eventually("a refusal", || {
            let reply = switch.client().post(PATH, &json!({}));
            (reply.status == 409).then_some(reply)
        });
        assert_eq!(second.json["error"]["code"], "examination_running", "{second:?}");
        assert_eq!(first.join().expect("no panic").json["verdict"], "ok");
    });
}

#[test]
fn what_cannot_be_examined_is_refused() {
    let switch = Switch::start("");
    let post = |path: &str, body| {
        let reply = switch.client().post(path, &body);
        (reply.status, reply.json["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let is = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(post("/v1/trunks/nobody/doctor", json!({})), is(404, "not_found"));
    assert_eq!(post(PATH, json!({ "to": "07386172392" })), is(400, "invalid_phone_format"));
    // A number that is not called is looked at too.
    assert_eq!(post(PATH, json!({ "to": "+269*", "call": false })), is(400, "invalid_phone_format"));
    assert_eq!(post(PATH, json!({ "call": true })), is(400, "missing_field"));
    assert_eq!(post(PATH, json!({ "number": TO })), is(400, "invalid_request"));
    // Premium rate: the guard against toll fraud holds for the doctor as well.
    assert_eq!(post(PATH, json!({ "to": "+449098790000" })), is(502, "outbound_failed"));
}

#[test]
fn a_full_trunk_is_examined_without_a_call() {
    let switch = Setup::new().trunk("channels = 1").start();
    let _carrier = carrier_at(&switch.place, "healthy");
    let call = switch.call_with(json!({ "prompt": "Hello" }));
    let reply = switch.client().post(PATH, &json!({ "to": TO }));
    assert_eq!(reply.status, 200, "{reply:?}");
    let of = |step: &str| {
        let findings = reply.json["findings"].as_array().expect("findings").clone();
        findings.into_iter().find(|finding| finding["step"] == step).unwrap_or_default()
    };
    assert_eq!(of("options")["verdict"], "ok", "{reply:?}");
    assert_eq!(of("call")["verdict"], "skipped", "{reply:?}");
    let why = of("call")["came_back"].as_str().unwrap_or_default().to_owned();
    assert!(why.contains("no room") && why.contains("channels of the trunk"), "{why}");
    assert!(
        switch.get(&format!("/v1/calls/{call}")).json["ended_at"].is_null(),
        "the call was not in the way"
    );
}

#[test]
fn a_probe_call_holds_a_channel_while_it_lasts() {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let switch = Setup::new().trunk("channels = 1").at(place).start();
    let in_use = |client: &Client| {
        client.get("/v1/native/trunks").json["data"][0]["health"]["channels"]["in_use"].as_u64()
    };
    std::thread::scope(|scope| {
        let examined = scope.spawn(|| {
            let client = Client::new(&format!("http://{}", switch.place.http()));
            client.post(PATH, &json!({ "to": TO }))
        });
        eventually("a channel in use", || (in_use(switch.client()) == Some(1)).then_some(()));
        let reply = examined.join().expect("no panic");
        assert_eq!(reply.json["verdict"], "ok", "{reply:?}");
    });
    assert_eq!(in_use(switch.client()), Some(0));
    callees.await_over(1);
}

#[test]
fn a_destination_that_the_trunk_does_not_dial_is_not_called() {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let switch = Setup::new().trunk("deny = [\"+4473\"]").at(place).start();
    let reply = switch.client().post(PATH, &json!({ "to": TO }));
    assert_eq!((reply.status, &reply.json["error"]["code"]), (502, &json!("outbound_failed")), "{reply:?}");
    assert_eq!(callees.rung(), 0);
}
