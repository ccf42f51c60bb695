//! ThunderPhone's and MiniVoice's collections, in their envelopes; keys of every vendor.

use serde_json::{Value, json};

use super::{client, told};
use crate::callees::{number, ring};
use crate::doctor::carrier_at;
use crate::switch::{Client, Receiver, Setup, Switch, eventually};
use trunkline::simulator::Persona;

/// A client with a new key of this vendor.
fn of(switch: &Switch, fields: Value) -> (Client, Value) {
    let made = switch.client().post("/v1/native/keys", &fields);
    assert_eq!(made.status, 201, "{fields}: {made:?}");
    (client(switch, made.json["key"].as_str().expect("shown once")), made.json)
}

#[test]
fn thunderphones_agents_connections_and_numbers() {
    let switch = Switch::start("");
    let (api, _) = of(&switch, json!({ "face": "thunderphone" }));
    let agent = api.post("/v1/agents", &json!({ "name": "Front desk", "prompt": "You are kind.", "voice": "amy", "outbound_speak_order": "callee_first" }));
    assert_eq!(agent.status, 201, "{agent:?}");
    assert_eq!(
        (&agent.json["prompt"], &agent.json["outbound_speak_order"]),
        (&json!("You are kind."), &json!("callee_first"))
    );
    assert!(agent.json["id"].is_u64(), "{agent:?}");
    let native = switch.get(&format!("/v1/native/agents/{}", agent.json["id"])).json;
    assert_eq!((&native["prompt"], &native["greeting"]), (&json!("You are kind."), &json!(null)));
    let greeted =
        switch.client().post("/v1/native/agents", &json!({ "name": "greets", "greeting": "Hello." }));
    let path = format!("/v1/agents/{}", greeted.json["id"]);
    assert_eq!(api.get(&path).json["prompt"], "Hello.", "what a script says first");
    let told = api.patch(&path, &json!({ "prompt": "Good day." }), &[]).json;
    assert_eq!(told["prompt"], "Good day.");
    assert_eq!(
        switch.get("/v1/native/agents/greets").json["greeting"],
        json!(null),
        "it is said in its place"
    );
    let unknown = api.post("/v1/agents", &json!({ "colour": 1 }));
    assert_eq!(unknown.status, 400, "an unknown key is refused: {unknown:?}");

    let trunk = api.post(
        "/v1/voip-connections",
        &json!({ "name": "mine", "sip_uri": "sip:127.0.0.1:5999", "username": "u", "password": "hidden" }),
    );
    assert_eq!((trunk.status, &trunk.json["sip_uri"]), (201, &json!("sip:127.0.0.1:5999")), "{trunk:?}");
    assert!(!trunk.text.contains("hidden"));
    let body = json!({ "number": "+15550000001", "voip_connection_id": trunk.json["id"], "agent_id": agent.json["id"], "verified": true });
    let line = api.post("/v1/phone-numbers", &body);
    assert_eq!(line.status, 201, "{line:?}");
    for (name, value) in [
        ("source", json!("voip")),
        ("verified", json!(false)),
        ("outbound_enabled", json!(true)),
        ("agent_id", agent.json["id"].clone()),
    ] {
        assert_eq!(line.json[name], value, "{name}: {line:?}");
    }
    let demo = api.post("/v1/phone-numbers", &json!({ "number": "+15550000002" }));
    assert_eq!(demo.json["source"], "demo", "{demo:?}");
    let list = api.get("/v1/phone-numbers").json;
    assert_eq!((&list["total"], list["results"].as_array().map(Vec::len)), (&json!(3), Some(3)), "{list}");

    let call = |from: &str| {
        api.post(
            "/v1/call",
            &json!({ "from_number": from, "to_number": "+447386172392", "agent_id": agent.json["id"] }),
        )
    };
    for (from, detail) in [
        ("+15550000001", "outbound blocked (unverified VoIP)"),
        ("+15550000002", "outbound blocked (demo number)"),
    ] {
        let refused = call(from);
        assert_eq!((refused.status, &refused.json["detail"]), (403, &json!(detail)), "{refused:?}");
    }
    let gone = api.get("/v1/phone-numbers/77");
    assert_eq!((gone.status, &gone.json["code"]), (404, &json!("phone_number_not_found")), "{gone:?}");
    assert_eq!(api.get("/v1/applications").status, 401, "another vendor's");
}

#[test]
fn what_thunderphone_read_may_be_sent_back() {
    let switch = Switch::start("");
    let (api, _) = of(&switch, json!({ "face": "thunderphone" }));
    let connection =
        json!({ "name": "mine", "sip_uri": "sip:127.0.0.1:5999", "username": "u", "password": "hidden" });
    for (collection, body) in [
        ("agents", json!({ "name": "Front desk", "prompt": "You are kind.", "voice": "amy", "tools": [] })),
        ("voip-connections", connection),
        ("phone-numbers", json!({ "number": "+15550000001", "agent_id": "agent_demo", "label": "Desk" })),
        ("developer/webhook-endpoints", json!({ "url": "https://a.example/hook" })),
    ] {
        let made = api.post(&format!("/v1/{collection}"), &body);
        assert_eq!(made.status, 201, "{made:?}");
        let path = format!("/v1/{collection}/{}", made.json["id"]);
        let read = api.get(&path).json;
        let mut back = api.patch(&path, &read, &[]);
        assert_eq!(back.status, 200, "{back:?}");
        back.json["updated_at"] = read["updated_at"].clone();
        assert_eq!(back.json, read);
    }
}

#[test]
fn a_number_is_verified_by_a_call_and_only_if_it_went_well() {
    let switch = Switch::start("");
    let (api, _) = of(&switch, json!({ "face": "thunderphone" }));
    let uri = format!("sip:{}", switch.place.trunk_sip());
    let trunk = json!({ "name": "mine", "sip_uri": uri, "username": "trunkuser", "password": "trunkpass", "options_interval_seconds": 0 });
    let trunk = api.post("/v1/voip-connections", &trunk);
    let line = api.post(
        "/v1/phone-numbers",
        &json!({ "number": "+447446466849", "voip_connection_id": trunk.json["id"] }),
    );
    assert_eq!(line.status, 201, "{line:?}");
    let path = format!("/v1/phone-numbers/{}", line.json["id"]);
    let verify = || api.post(&format!("{path}/verify-voip"), &json!({ "to": "+447386172392" }));

    let failed = verify();
    assert_eq!(
        (failed.status, &failed.json["status"], &failed.json["verified"]),
        (200, &json!("failed"), &json!(false)),
        "{failed:?}"
    );
    assert!(failed.json["detail"].is_string() && !failed.text.contains("trunkpass"), "{failed:?}");
    let _carrier = carrier_at(&switch.place, "healthy");
    let verified = verify();
    assert_eq!(
        (&verified.json["status"], &verified.json["verified"]),
        (&json!("verified"), &json!(true)),
        "{verified:?}"
    );
    assert_eq!(api.get(&path).json["verified"], true);
    let same = api.patch(&path, &api.get(&path).json, &[]);
    assert_eq!(same.json["verified"], true, "what was read and sent back has changed nothing: {same:?}");
    // Nor has its connection, once it leads elsewhere.
    let connection = format!("/v1/voip-connections/{}", trunk.json["id"]);
    let elsewhere = api.patch(&connection, &json!({ "sip_uri": "sip:127.0.0.1:5999" }), &[]);
    assert_eq!((elsewhere.status, &api.get(&path).json["verified"]), (200, &json!(false)), "{elsewhere:?}");
    assert_eq!(api.patch(&connection, &json!({ "sip_uri": uri }), &[]).status, 200);
    assert_eq!(verify().json["verified"], true);
    // Another connection has shown nothing yet.
    let other =
        api.post("/v1/voip-connections", &json!({ "name": "other", "sip_uri": "sip:127.0.0.1:5999" }));
    let moved = api.patch(&path, &json!({ "voip_connection_id": other.json["id"] }), &[]);
    assert_eq!(moved.json["verified"], false, "{moved:?}");
    let file = api.post("/v1/phone-numbers/+447446466847/verify-voip", &json!({}));
    assert_eq!((file.status, &file.json["code"]), (409, &json!("managed_by_file")), "{file:?}");
}

#[test]
fn an_endpoint_is_tried_and_gets_the_events_of_calls_signed_with_its_own_secret() {
    let receiver = Receiver::start();
    let (switch, callees) = ring(Setup::new().agent("greeting = \"Hello. [END_CALL]\""));
    let (api, _) = of(&switch, json!({ "face": "thunderphone" }));
    let body = json!({ "url": receiver.url(), "events": ["telephony.complete"] });
    let made = api.post("/v1/developer/webhook-endpoints", &body);
    assert_eq!(made.status, 201, "{made:?}");
    let secret = made.json["secret"].as_str().expect("shown once").to_owned();
    let path = format!("/v1/developer/webhook-endpoints/{}", made.json["id"]);
    assert!(!api.get(&path).text.contains(&secret));
    let tried = api.post(&format!("{path}/test"), &json!({}));
    assert_eq!(tried.json, json!({ "delivered": true, "status": 200, "error": null }), "{tried:?}");

    let body = json!({ "from_number": "+447446466847", "to_number": number(Persona::Person), "agent_id": "agent_demo",
        "config": null });
    let placed = api.post("/v1/call", &body);
    assert_eq!(placed.status, 201, "{placed:?}");
    callees.await_over(1);
    let deliveries = receiver.await_deliveries(2);
    for (delivery, kind) in deliveries.iter().zip(["webhook.test", "telephony.complete"]) {
        assert_eq!(delivery.json["type"], kind, "{:?}", delivery.json);
        let signature = delivery.headers.get("x-thunderphone-signature").expect("a signature");
        assert_eq!(*signature, hex_hmac(&secret, &delivery.bytes), "{kind}");
    }
    let off = api.patch(&path, &json!({ "enabled": false }), &[]);
    assert_eq!(off.json["enabled"], false, "{off:?}");
    assert_eq!(api.post("/v1/call", &body).status, 201);
    callees.await_over(2);
    switch.metrics_until("nothing owed", |metrics| metrics.is_idle());
    assert_eq!(receiver.await_deliveries(2).len(), 2);
}

#[test]
fn a_receiver_is_tried_in_the_words_of_whoever_tries_it() {
    let receiver = Receiver::start();
    let switch = Switch::start("");
    let made = switch.client().post("/v1/native/webhook-endpoints", &json!({ "url": receiver.url() }));
    let secret = made.json["secret"].as_str().expect("shown once").to_owned();
    let path = format!("/v1/native/webhook-endpoints/{}/test", made.json["id"]);
    assert_eq!(switch.client().post(&path, &json!({})).json["delivered"], true);
    let key = switch.client().post("/v1/native/keys", &json!({ "face": "twilio" })).json;
    let credentials = key["key"].as_str().expect("shown once");
    let twilio = super::client_of(&switch, "twilio", credentials);
    assert_eq!(twilio.post(&path, &json!({})).json["delivered"], true);

    let tried = receiver.await_deliveries(2);
    assert_eq!(tried[0].json, json!({ "event": "webhook.test", "webhook_endpoint_id": made.json["id"] }));
    let signature = &tried[0].headers["x-nixflex-signature"];
    let time = signature.split([',', '=']).nth(1).expect("a time");
    let signed = [time.as_bytes(), b".", &tried[0].bytes].concat();
    assert_eq!(*signature, format!("t={time},v1={}", hex_hmac(&secret, &signed)));
    let form = String::from_utf8_lossy(&tried[1].bytes).into_owned();
    let account = credentials.split(':').next().expect("a SID");
    assert!(form.starts_with(&format!("AccountSid={account}&")), "{form}");
    assert_eq!(tried[1].headers["content-type"], "application/x-www-form-urlencoded");
    assert!(tried[1].headers.contains_key("x-twilio-signature"), "{:?}", tried[1].headers);
}

#[test]
fn minivoices_trunks_applications_and_dids() {
    let (switch, callees) = ring(Setup::new().agent("greeting = \"Hello. [END_CALL]\""));
    let made = |collection: &str, body: Value| {
        let reply = switch.client().post(&format!("/v1/native/{collection}"), &body);
        assert_eq!(reply.status, 201, "{body}: {reply:?}");
        reply.json
    };
    let first =
        made("applications", json!({ "name": "first", "agent": "agent_demo", "trunk": "t1" }))["id"].clone();
    let (api, _) = of(&switch, json!({ "face": "minivoice", "application": "first" }));
    let trunk = api.post(
        "/v1/trunks",
        &json!({ "name": "mv", "sip_uri": "sip:127.0.0.1:5999", "concurrent_limit": 5, "cps_limit": 2.5 }),
    );
    assert_eq!(trunk.status, 201, "{trunk:?}");
    assert!(trunk.json["id"].as_str().is_some_and(|id| id.starts_with("trunk_")), "{trunk:?}");
    assert_eq!((&trunk.json["concurrent_limit"], &trunk.json["cps_limit"]), (&json!(5), &json!(2.5)));
    let body = json!({ "name": "second", "answer_url": "https://a.example/answer", "webhook_url": "https://a.example/hook",
        "agent_id": "agent_demo", "trunk_id": trunk.json["id"] });
    let application = api.post("/v1/applications", &body);
    assert_eq!(application.status, 201, "{application:?}");
    assert!(application.json["id"].as_str().is_some_and(|id| id.starts_with("app_")), "{application:?}");
    assert_eq!(application.json["trunk_id"], trunk.json["id"]);
    let did = api.post("/v1/dids", &json!({ "number": "+15550000001", "trunk_id": trunk.json["id"] }));
    assert_eq!(did.status, 201, "{did:?}");
    let first = format!("app_{first}");
    assert_eq!(did.json["application_id"], first, "the key's own, if nobody says");
    let said = json!({ "number": "+15550000002", "application_id": application.json["id"] });
    assert_eq!(api.post("/v1/dids", &said).json["application_id"], application.json["id"]);
    let unknown = json!({ "number": "+15550000003", "application_id": "app_77" });
    assert_eq!(api.post("/v1/dids", &unknown).status, 400);
    assert_eq!(api.get("/v1/dids").json["dids"].as_array().map(Vec::len), Some(3), "the file's too");
    // All of them, unless a part is asked for.
    for n in 3..60 {
        let more = json!({ "number": format!("+155500001{n:02}") });
        assert_eq!(api.post("/v1/dids", &more).status, 201);
    }
    let counted = |query: &str| {
        let page = api.get(&format!("/v1/dids{query}")).json;
        let shown = page["dids"].as_array().map_or(0, Vec::len);
        (shown, page["count"].clone(), page["limit"].clone(), page["offset"].clone())
    };
    assert_eq!(counted(""), (60, json!(60), json!(60), json!(0)));
    assert_eq!(counted("?limit=7&offset=55"), (5, json!(60), json!(7), json!(55)));
    for (collection, count) in [("trunks", 2), ("applications", 2)] {
        assert_eq!(api.get(&format!("/v1/{collection}")).json["count"], count, "{collection}");
    }
    let wrong = api.post("/v1/trunks", &json!({ "name": "x", "sip_uri": "nowhere" }));
    assert_eq!((wrong.status, &wrong.json["error"]["code"]), (400, &json!("invalid_request")), "{wrong:?}");
    let call = api.post("/v1/calls", &json!({ "from": "+447446466847", "to": number(Persona::Person) }));
    assert_eq!(call.status, 201, "{call:?}");
    callees.await_over(1);
}

#[test]
fn a_key_of_one_application_or_agent_has_its_vendors_collections_alone() {
    let switch = Switch::start("");
    let made = |collection: &str, body: Value| {
        let reply = switch.client().post(&format!("/v1/native/{collection}"), &body);
        assert_eq!(reply.status, 201, "{body}: {reply:?}");
        reply.json["id"].to_string()
    };
    let application = made("applications", json!({ "name": "first", "agent": "agent_demo" }));
    let objects = [
        ("agents", made("agents", json!({ "name": "sarah" })), json!({ "greeting": "Hello" })),
        ("keys", made("keys", json!({ "face": "nixflex" })), json!({ "face": "nixflex" })),
        ("people", made("people", json!({ "name": "ann" })), json!({ "name": "bob" })),
        (
            "webhook-endpoints",
            made("webhook-endpoints", json!({ "url": "https://a.example/hook" })),
            json!({ "url": "https://b.example/hook" }),
        ),
        ("numbers", made("numbers", json!({ "e164": "+15550000001" })), json!({ "e164": "+15550000002" })),
        (
            "trunks",
            made("trunks", json!({ "name": "t9", "uri": "sip:127.0.0.1:5999" })),
            json!({ "name": "t8" }),
        ),
        ("applications", application, json!({ "name": "second", "agent": "agent_demo" })),
    ];
    let (minivoice, _) = of(&switch, json!({ "face": "minivoice", "application": "first" }));
    let (voiceflow, _) = of(&switch, json!({ "face": "voiceflow", "agent": "agent_demo" }));
    for (api, reads) in [(minivoice, &["numbers", "trunks", "applications"][..]), (voiceflow, &[])] {
        for (collection, id, body) in &objects {
            let (all, one) = (format!("/v1/native/{collection}"), format!("/v1/native/{collection}/{id}"));
            let read = if reads.contains(collection) { 200 } else { 403 };
            assert_eq!((api.get(&all).status, api.get(&one).status), (read, read), "{collection}");
            let changes = [api.post(&all, body), api.patch(&one, body, &[]), api.delete(&one)];
            assert_eq!(changes.map(|reply| reply.status), [403; 3], "{collection}");
        }
        let (_, endpoint, _) = &objects[3];
        for verb in ["test", "rotate-secret", "replay?since=2026-01-01T00:00:00Z"] {
            let path = format!("/v1/native/webhook-endpoints/{endpoint}/{verb}");
            assert_eq!(api.post(&path, &json!({})).status, 403, "{verb}");
        }
    }
    for (collection, id, _) in &objects {
        let object = switch.get(&format!("/v1/native/{collection}/{id}"));
        assert_eq!((object.status, &object.json["revision"]), (200, &json!(1)), "{object:?}");
    }
}

#[test]
fn keys_of_every_vendor_are_made_on_the_command_line() {
    let switch = Switch::start("");
    let api = switch.client();
    assert_eq!(
        api.post("/v1/native/applications", &json!({ "name": "app", "agent": "agent_demo" })).status,
        201
    );
    for (face, words, prefix) in [
        ("nixflex", &[][..], "nxf_"),
        ("thunderphone", &[], "sk_live_"),
        ("voiceflow", &["--agent", "agent_demo"], "vf_"),
        ("minivoice", &["--application", "app"], "mv_live_"),
        ("twilio", &[], "AC"),
    ] {
        let words = [&["key", "create", "--face", face][..], words].concat();
        let credentials = told(&switch, &words);
        assert!(credentials.starts_with(prefix), "{face}");
        let client = super::client_of(&switch, face, &credentials);
        let path = match face {
            "twilio" => {
                let account = credentials.split(':').next().expect("a SID");
                format!("/2010-04-01/Accounts/{account}/Calls/CA1.json")
            }
            _ => "/v1/calls".to_owned(),
        };
        eventually(face, || (client.get(&path).status != 401).then_some(()));
    }
    for (face, words) in [("voiceflow", &[][..]), ("minivoice", &[]), ("nixflex", &["--agent", "agent_demo"])]
    {
        let words = [&["key", "create", "--face", face][..], words].concat();
        assert!(!super::trunkline(&switch, &words).status.success(), "{face}");
    }
}

/// What ThunderPhone's receivers compute.
fn hex_hmac(secret: &str, body: &[u8]) -> String {
    use hmac::{Hmac, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}
