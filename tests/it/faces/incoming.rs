//! ThunderPhone's blocking webhook: a receiver that asked for it says who answers a call that comes in, within two seconds.

use std::path::Path;

use serde_json::{Value, json};

use super::{THUNDERPHONE, hmac_sha256};
use crate::switch::{Client, FROM, Manner, Receiver, Setup, Sipp, Switch, eventually};

const KEY: &str = r#"
[[key]]
face = "thunderphone"
secret = "sk_live_0123456789abcdef"
"#;

/// A speech program that notes what it is given, each text in a file of its own, and says hello.
fn noting(notes: &Path) -> String {
    let wav = concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/audio/hello.wav");
    let script = format!("cat \\\"$2\\\" > '{}/'$$; cat '{wav}' > \\\"$1\\\"", notes.display());
    format!("[\"sh\", \"-c\", \"{script}\", \"sh\", \"{{wav_file}}\", \"{{text_file}}\"]")
}

/// A call to the usual number, while the receiver is in this manner: what was spoken, and what the receiver was asked.
fn call_while(manner: Manner, events: &Value) -> (Vec<String>, Vec<crate::switch::Delivery>, Switch) {
    call_to("", manner, events)
}

/// The same, where the number's agent has these lines.
fn call_to(
    agent: &str,
    manner: Manner,
    events: &Value,
) -> (Vec<String>, Vec<crate::switch::Delivery>, Switch) {
    let (notes, receiver) = (tempfile::tempdir().expect("a folder"), Receiver::start());
    let setup = Setup::new().sip("t1_ms = 1000").tts(&noting(notes.path()));
    let switch = setup.answering("I am the number's own. [END_CALL]").agent(agent).extra(KEY).start();
    let client = Client::with(&format!("http://{}", switch.place.http()), THUNDERPHONE);
    let endpoint = json!({ "url": receiver.url(), "events": events });
    let made = client.post("/v1/developer/webhook-endpoints", &endpoint);
    assert_eq!(made.status, 201, "{made:?}");
    receiver.set(manner);
    Sipp::towards(&switch.place, switch.place.trunk, "inbound-answered").succeed(1);
    let list = eventually("the call's end", || {
        let list = switch.get("/v1/calls?direction=inbound").json;
        (!list["calls"][0]["ended_at"].is_null()).then_some(list)
    });
    assert_eq!(list["calls"][0]["ended_reason"], "completed", "{list}");
    let texts = std::fs::read_dir(notes.path()).expect("the folder");
    let texts = texts.map(|note| std::fs::read_to_string(note.expect("a note").path()).expect("a text"));
    let spoken = texts.filter(|text| text != "ready").collect();
    let asked =
        receiver.deliveries().into_iter().filter(|told| told.json["type"] == "telephony.incoming").collect();
    (spoken, asked, switch)
}

#[test]
fn the_config_that_is_answered_answers_the_call() {
    let config = r#"{"prompt":"I was configured. [END_CALL]","voice":"nova","product":"spark"}"#;
    for name in ["telephony.incoming", "call.incoming"] {
        let (spoken, asked, switch) = call_while(Manner::Say(200, config), &json!([name]));
        assert_eq!(spoken, ["I was configured."]);
        assert_eq!(asked.len(), 1, "{asked:?}");
        let data = &asked[0].json["data"];
        assert_eq!(
            (&data["from_number"], &data["to_number"], &data["direction"]),
            (&json!("+15550102030"), &json!(FROM), &json!("inbound")),
        );
        let call = data["call_id"].as_u64().expect("an integer");
        assert_eq!(
            switch.get(&format!("/v1/calls/{call}")).json["direction"],
            "inbound",
            "the id that it then has"
        );
        assert!(asked[0].headers.contains_key("x-thunderphone-signature"));
        assert!(asked[0].headers["webhook-signature"].starts_with("v1,"));
    }
}

#[test]
fn it_does_so_in_the_place_of_people_and_of_a_sip_endpoint() {
    let config = r#"{"prompt":"I was configured. [END_CALL]","voice":"nova"}"#;
    for agent in ["people = {}", "sip = { uri = \"+15550100\" }"] {
        let (spoken, asked, _switch) =
            call_to(agent, Manner::Say(200, config), &json!(["telephony.incoming"]));
        assert_eq!((spoken.as_slice(), asked.len()), (&["I was configured.".to_owned()][..], 1), "{agent}");
    }
}

#[test]
fn without_a_config_in_time_and_in_form_the_numbers_agent_answers() {
    for manner in [
        Manner::Answer(200),
        Manner::Answer(500),
        Manner::Say(200, "{}"),
        Manner::Say(200, "never mind"),
        Manner::Say(200, r#"{"prompt":"Without a voice."}"#),
        Manner::Say(200, r#"{"prompt":" [END_CALL]","voice":"nova"}"#),
        Manner::Say(404, r#"{"prompt":"Not found.","voice":"nova"}"#),
        Manner::Hang,
    ] {
        let (spoken, asked, _switch) = call_while(manner, &json!(["call.incoming"]));
        assert_eq!(
            (spoken.as_slice(), asked.len()),
            (&["I am the number's own.".to_owned()][..], 1),
            "{manner:?}"
        );
    }
}

#[test]
fn who_did_not_say_that_it_answers_is_not_asked() {
    let config = r#"{"prompt":"I was configured. [END_CALL]","voice":"nova"}"#;
    for events in [json!([]), json!(["call.complete"])] {
        let (spoken, asked, _switch) = call_while(Manner::Say(200, config), &events);
        assert_eq!(
            (spoken.as_slice(), asked.len()),
            (&["I am the number's own.".to_owned()][..], 0),
            "{events}"
        );
    }
}

#[test]
fn a_signature_is_made_with_the_secret_that_the_endpoint_was_shown_with() {
    let receiver = Receiver::start();
    let switch = Setup::new().sip("t1_ms = 1000").answering("Hello. [END_CALL]").extra(KEY).start();
    let client = Client::with(&format!("http://{}", switch.place.http()), THUNDERPHONE);
    let made = client.post(
        "/v1/developer/webhook-endpoints",
        &json!({ "url": receiver.url(), "events": ["call.incoming"] }),
    );
    let secret = made.json["secret"].as_str().expect("shown once").to_owned();
    Sipp::towards(&switch.place, switch.place.trunk, "inbound-answered").succeed(1);
    let asked = receiver.await_deliveries(1).remove(0);
    assert_eq!(asked.headers["x-thunderphone-signature"], hmac_sha256(&secret, &[&asked.bytes]));
}

/// An inbound call's end goes to each of its tenant's endpoints that wants it, once, signed by each one's own secret; who asked only
/// to be asked who answers is told nothing else, and who is off nothing at all.
#[test]
fn what_becomes_of_a_call_that_comes_in_is_told_to_every_endpoint() {
    let setup = Setup::new().sip("t1_ms = 1000").number("face = \"thunderphone\"");
    let switch = setup.answering("Hello. [END_CALL]").extra(KEY).start();
    let client = Client::with(&format!("http://{}", switch.place.http()), THUNDERPHONE);
    let receivers: Vec<_> = [
        (json!([]), true, vec!["telephony.complete"]),
        (json!(["telephony.complete"]), true, vec!["telephony.complete"]),
        (json!(["call.complete"]), true, vec!["telephony.complete"]),
        (json!(["telephony.incoming"]), true, vec!["telephony.incoming"]),
        (json!(["telephony.complete"]), false, vec![]),
    ]
    .into_iter()
    .map(|(events, enabled, expected)| {
        let receiver = Receiver::start();
        // Who is asked and says nothing lets the number's agent answer.
        receiver.set(Manner::Say(200, "{}"));
        let endpoint = json!({ "url": receiver.url(), "events": events, "enabled": enabled });
        let made = client.post("/v1/developer/webhook-endpoints", &endpoint);
        assert_eq!(made.status, 201, "{made:?}");
        (receiver, made.json["secret"].as_str().expect("shown once").to_owned(), expected)
    })
    .collect();
    Sipp::towards(&switch.place, switch.place.trunk, "inbound-answered").succeed(1);
    switch.metrics_until("nothing owed", |metrics| metrics.is_idle());
    for (receiver, secret, expected) in &receivers {
        let told = receiver.await_deliveries(expected.len());
        let types: Vec<_> = told.iter().map(|one| one.json["type"].as_str().unwrap_or_default()).collect();
        assert_eq!(types, *expected);
        for one in &told {
            assert_eq!(one.json["data"]["direction"], "inbound", "{one:?}");
            assert_eq!(one.headers["x-thunderphone-signature"], hmac_sha256(secret, &[&one.bytes]));
        }
    }
}
