//! `[http] public_url`: recordings are named by the URL by which the world reaches the switch, and whoever hears of one in an event
//! fetches it without a key, for a while.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{MINIVOICE, OURS, THUNDERPHONE, VOICEFLOW, setup};
use crate::callees::{Callees, number};
use crate::switch::{Client, Place, Receiver, eventually};

#[test]
fn what_an_event_names_is_fetched_without_a_key_and_only_that() {
    let (receiver, place) = (Receiver::start(), Place::claim());
    let _callees = Callees::at(&place);
    let base = format!("http://{}", place.http());
    let switch =
        setup(&receiver).agent("amd = {}").http(&format!("public_url = \"{base}/\"")).at(place).start();
    let (as_thunderphone, as_voiceflow) = (Client::with(&base, THUNDERPHONE), Client::with(&base, VOICEFLOW));
    let to = number(Persona::HangsUp);
    let reply = as_thunderphone.post("/v1/call", &json!({ "from_number": OURS, "to_number": to }));
    let call = reply.json["call_id"].as_u64().expect("an integer");
    let flow = as_voiceflow.post("/v1alpha1/phone-number/agent_talk/outbound", &json!({ "to": to }));
    assert_eq!(flow.status, 200, "{flow:?}");
    let link = |kind: &str, field: &str| -> String {
        let told =
            eventually(kind, || receiver.deliveries().into_iter().find(|told| told.json["type"] == kind));
        told.json["data"][field].as_str().expect("an absolute URL").to_owned()
    };
    let nobody = Client::with(&base, "");
    for (kind, field, path) in [
        ("telephony.complete", "recording_url", format!("{base}/v1/calls/{call}/audio?")),
        ("runtime.call.end", "recordingUrl", format!("{base}/v1/calls/")),
    ] {
        let link = link(kind, field);
        assert!(link.starts_with(&path), "{link}");
        let fetched = nobody.get(link.strip_prefix(&base).expect("of this switch"));
        assert_eq!((fetched.status, &fetched.bytes[..4]), (200, &b"RIFF"[..]), "{link}");
        let part =
            nobody.get_with(link.strip_prefix(&base).expect("of this switch"), &[("range", "bytes=0-3")]);
        assert_eq!((part.status, part.text.as_str()), (206, "RIFF"));
    }

    // A read's URL is for who has a key; a link is for its call, its tenant and its time.
    let read = as_thunderphone.get(&format!("/v1/calls/{call}")).json;
    assert_eq!(read["recording_url"], format!("{base}/v1/calls/{call}/audio"));
    let link = link("telephony.complete", "recording_url");
    let (path, query) = link.strip_prefix(&base).and_then(|link| link.split_once('?')).expect("a query");
    let bent = |from: &str, to: &str| query.replace(from, to);
    let others = ["tenant=1", "expires=", "signature="].map(|name| bent(name, &format!("{name}1")));
    for query in others.iter().map(String::as_str).chain(["", "signature=00&expires=9999999999&tenant=1"]) {
        assert_eq!(nobody.get(&format!("{path}?{query}")).status, 401, "{query}");
    }
    for other in [
        format!("/v1/calls/{}/audio", call + 1),
        format!("/v1/calls/{call}"),
        format!("/v1/calls/{call}/transcript"),
    ] {
        assert_eq!(nobody.get(&format!("{other}?{query}")).status, 401, "{other}");
    }
    assert!(!switch.whole_log().contains("signature="), "a link is not logged");
    let minivoice = Client::with(&base, MINIVOICE).get("/v1/calls");
    assert_eq!(minivoice.json["calls"], Value::Array(Vec::new()), "another application's");
}
