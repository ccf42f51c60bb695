//! `/v1/native/…`: the configuration's keys, over HTTP.

use serde_json::{Value, json};

use super::{client, code, told};
use crate::callees::{number, ring};
use crate::switch::{Client, Setup, Switch};
use trunkline::simulator::Persona;

/// A second tenant's client.
fn acme(switch: &Switch) -> Client {
    let made = switch.client().post("/v1/native/tenants", &json!({ "name": "acme" }));
    assert_eq!(made.status, 201, "{made:?}");
    let key = json!({ "face": "nixflex", "tenant": made.json["id"], "name": "their first" });
    let key = switch.client().post("/v1/native/keys", &key);
    assert_eq!(key.status, 201, "{key:?}");
    client(switch, key.json["key"].as_str().expect("shown once"))
}

fn id(made: &Value) -> String {
    made["id"].to_string()
}

#[test]
fn a_trunk_is_made_read_changed_and_removed_without_showing_its_secrets() {
    let switch = Switch::start("");
    let api = switch.client();
    let made = api.post(
        "/v1/native/trunks",
        &json!({ "name": "carrier", "uri": "sip:127.0.0.1:5999", "username": "u", "password": "hidden-word",
            "options_interval_seconds": 0, "inbound": { "username": "v", "password": "hidden-too" } }),
    );
    assert_eq!(made.status, 201, "{made:?}");
    assert!(!made.text.contains("hidden"), "{}", made.text);
    let path = format!("/v1/native/trunks/{}", id(&made.json));
    let read = api.get(&path);
    for (key, value) in [
        ("name", json!("carrier")),
        ("username", json!("u")),
        ("codecs", json!(["pcmu", "pcma"])),
        ("managed_by_file", json!(false)),
        ("revision", json!(1)),
    ] {
        assert_eq!(read.json[key], value, "{key}: {read:?}");
    }
    assert_eq!(read.json["health"]["state"], "unknown", "{read:?}");
    assert_eq!(
        api.get("/v1/native/trunks/carrier").json["id"],
        made.json["id"],
        "a name is as good as an id"
    );

    let changed = api.patch(&path, &json!({ "channels": 3, "username": "w" }), &[]);
    assert_eq!(
        (changed.status, &changed.json["channels"], &changed.json["revision"]),
        (200, &json!(3), &json!(2))
    );
    // The password stayed: a user without one would be refused.
    assert_eq!(changed.json["username"], "w");
    let back = api.patch(&path, &json!({ "channels": null }), &[]);
    assert_eq!(back.json["channels"], Value::Null);

    let late = api.patch(&path, &json!({ "channels": 4 }), &[("if-match", "\"2\"")]);
    assert_eq!(code(&late), (412, "changed_meanwhile"));
    let tag = api.get(&path).headers["etag"].clone();
    assert_eq!(api.patch(&path, &json!({ "channels": 4 }), &[("if-match", &tag)]).status, 200);
    assert_eq!(api.delete(&path).status, 204);
    assert_eq!(code(&api.get(&path)), (404, "trunk_not_found"));
    let database = std::fs::read(switch.data_dir().join("trunkline.db")).unwrap_or_default();
    let log = std::fs::read(switch.data_dir().join("trunkline.db-wal")).unwrap_or_default();
    for bytes in [database, log] {
        assert!(!bytes.windows(6).any(|window| window == b"hidden"), "a secret lies in the database");
    }
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn what_does_not_hold_is_refused_by_its_field_as_in_the_file() {
    let switch = Switch::start("");
    let api = switch.client();
    for (collection, body, status, wrong, field) in [
        ("trunks", json!({ "name": "t" }), 400, "missing_field", "uri"),
        ("trunks", json!({ "name": "t", "uri": "http://a" }), 400, "invalid_request", "uri"),
        (
            "trunks",
            json!({ "name": "t", "uri": "sip:a.example", "channels": 0 }),
            400,
            "invalid_request",
            "channels",
        ),
        (
            "trunks",
            json!({ "name": "t", "uri": "sip:a.example", "channels": "many" }),
            400,
            "invalid_request",
            "channels",
        ),
        (
            "trunks",
            json!({ "name": "t", "uri": "sip:a.example", "password": 7 }),
            400,
            "invalid_request",
            "password",
        ),
        (
            "trunks",
            json!({ "name": "t", "uri": "sip:a.example", "colour": 1 }),
            400,
            "invalid_request",
            "colour",
        ),
        ("trunks", json!({ "name": "1001", "uri": "sip:a.example" }), 400, "invalid_request", "name"),
        (
            "trunks",
            json!({ "name": "t", "uri": "sip:a.example", "tls": { "ca": "/etc/passwd" } }),
            400,
            "invalid_request",
            "tls.ca",
        ),
        ("trunks", json!({ "name": "t1", "uri": "sip:a.example" }), 409, "already_exists", ""),
        (
            "agents",
            json!({ "name": "a", "silence_hangup_seconds": 99 }),
            400,
            "invalid_request",
            "silence_hangup_seconds",
        ),
        ("agents", json!({ "name": "a", "trunk": "nowhere" }), 400, "invalid_request", "trunk"),
        (
            "agents",
            json!({ "name": "a", "webhook_url": "ftp://a.example" }),
            400,
            "invalid_request",
            "webhook_url",
        ),
        ("agents", json!({ "name": "a\u{0}" }), 400, "invalid_request", "body"),
        ("numbers", json!({ "trunk": "t1" }), 400, "missing_field", "e164"),
        ("numbers", json!({ "e164": "0738" }), 400, "invalid_request", "e164"),
        ("numbers", json!({ "e164": "+15550000001", "agent": "nobody" }), 400, "invalid_request", "agent"),
        ("numbers", json!({ "e164": "+15550000001", "inbound": true }), 400, "invalid_request", "inbound"),
        ("keys", json!({ "name": "k" }), 400, "missing_field", "face"),
        ("keys", json!({ "face": "fax" }), 400, "invalid_request", "face"),
        ("keys", json!({ "face": "nixflex", "secret": "mine" }), 400, "invalid_request", "secret"),
        ("webhook-endpoints", json!({}), 400, "missing_field", "url"),
        ("webhook-endpoints", json!({ "url": "gopher://a" }), 400, "invalid_request", "url"),
        ("tenants", json!({}), 400, "missing_field", "name"),
    ] {
        let reply = api.post(&format!("/v1/native/{collection}"), &body);
        assert_eq!(code(&reply), (status, wrong), "{body}: {reply:?}");
        assert_eq!(
            reply.json["error"]["details"]["field"].as_str().unwrap_or_default(),
            field,
            "{body}: {reply:?}"
        );
    }
    for body in ["", "[]", "{", "\"a\"", "null", "{\"name\":\"\u{1}\"}"] {
        let reply = api.post_with("/v1/native/tenants", body.as_bytes().to_vec(), &[]);
        assert_eq!(reply.status, 400, "{body}: {reply:?}");
    }
}

#[test]
fn an_object_that_is_sent_back_as_it_was_read_is_the_same() {
    let switch = Switch::start("");
    let api = switch.client();
    for (collection, body) in [
        ("tenants", json!({ "name": "acme" })),
        ("trunks", json!({ "name": "carrier", "uri": "sip:127.0.0.1:5999", "options_interval_seconds": 0 })),
        ("agents", json!({ "name": "sales", "greeting": "Hello.", "timezone": "UTC", "trunk": "carrier" })),
        ("numbers", json!({ "e164": "+15550000001", "trunk": "carrier", "agent": "sales", "inbound": true })),
        ("applications", json!({ "name": "app", "agent": "sales", "trunk": "carrier" })),
        ("keys", json!({ "face": "minivoice", "application": "app", "name": "theirs" })),
        ("webhook-endpoints", json!({ "url": "https://a.example/hook", "events": ["call.completed"] })),
        ("people", json!({ "name": "ann", "queues": ["sales"] })),
    ] {
        let made = api.post(&format!("/v1/native/{collection}"), &body);
        assert_eq!(made.status, 201, "{body}: {made:?}");
        let path = format!("/v1/native/{collection}/{}", id(&made.json));
        let read = api.get(&path).json;
        let mut back = api.patch(&path, &read, &[]);
        assert_eq!(back.status, 200, "{collection}: {back:?}");
        for changes in ["revision", "updated_at", "health"] {
            if let Some(value) = read.get(changes) {
                back.json[changes] = value.clone();
            }
        }
        assert_eq!(back.json, read, "{collection}");
    }
}

#[test]
fn what_something_else_needs_stays_and_the_files_objects_are_the_files() {
    let switch = Switch::start("");
    let api = switch.client();
    for path in ["trunks/t1", "agents/agent_demo", "numbers/+447446466847", "keys/nxf_demo"] {
        let path = format!("/v1/native/{path}");
        assert_eq!(api.get(&path).json["managed_by_file"], true, "{path}");
        assert_eq!(code(&api.patch(&path, &json!({}), &[])), (409, "managed_by_file"), "{path}");
        assert_eq!(code(&api.delete(&path)), (409, "managed_by_file"), "{path}");
    }
    let made = |collection: &str, body: Value| {
        let reply = api.post(&format!("/v1/native/{collection}"), &body);
        assert_eq!(reply.status, 201, "{body}: {reply:?}");
        format!("/v1/native/{collection}/{}", reply.json["id"])
    };
    let trunk = made(
        "trunks",
        json!({ "name": "carrier", "uri": "sip:127.0.0.1:5999", "options_interval_seconds": 0 }),
    );
    let agent = made("agents", json!({ "name": "sales", "greeting": "Hello." }));
    let number = made(
        "numbers",
        json!({ "e164": "+15550000001", "trunk": "carrier", "agent": "sales", "inbound": true }),
    );
    for path in [&trunk, &agent] {
        let reply = api.delete(path);
        assert_eq!(code(&reply), (409, "in_use"), "{reply:?}");
        assert!(reply.text.contains("+15550000001"), "{reply:?}");
    }
    // Without its greeting the agent would have nothing to say to who calls that number.
    assert_eq!(code(&api.patch(&agent, &json!({ "greeting": null }), &[])), (409, "in_use"));
    let renamed = api.patch(&trunk, &json!({ "name": "wholesale" }), &[]);
    assert_eq!(renamed.status, 200, "{renamed:?}");
    assert_eq!(api.get(&number).json["trunk"], "wholesale", "a reference follows what it means");
    for path in [&number, &agent, &trunk] {
        assert_eq!(api.delete(path).status, 204, "{path}");
    }
}

#[test]
fn a_list_is_paged_by_a_cursor() {
    let switch = Switch::start("");
    let api = switch.client();
    for n in 0..5 {
        assert_eq!(api.post("/v1/native/agents", &json!({ "name": format!("a{n}") })).status, 201);
    }
    let (mut names, mut path) = (Vec::new(), "/v1/native/agents?limit=2".to_owned());
    loop {
        let page = api.get(&path).json;
        names.extend(page["data"].as_array().expect("a page").iter().map(|agent| agent["name"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/native/agents?limit=2&cursor={cursor}");
    }
    assert_eq!(names, ["agent_demo", "a0", "a1", "a2", "a3", "a4"]);
    for query in ["limit=0", "limit=x", "cursor=x"] {
        assert_eq!(
            code(&api.get(&format!("/v1/native/agents?{query}"))),
            (400, "invalid_request"),
            "{query}"
        );
    }
}

#[test]
fn a_repeated_create_makes_one_object_and_shows_its_secret_again() {
    let switch = Switch::start("");
    let api = switch.client();
    let post = |key: &str, body: &Value| {
        api.post_with("/v1/native/keys", body.to_string().into(), &[("idempotency-key", key)])
    };
    let body = json!({ "face": "nixflex" });
    let (first, again) = (post("k1", &body), post("k1", &body));
    assert_eq!((first.status, again.status), (201, 201), "{again:?}");
    assert_eq!(
        (&first.text, again.headers.get("idempotent-replayed").map(String::as_str)),
        (&again.text, Some("true"))
    );
    assert_eq!(code(&post("k1", &json!({ "face": "nixflex", "name": "b" }))), (409, "idempotency_conflict"));
    let elsewhere =
        api.post_with("/v1/native/agents", b"{\"face\":\"nixflex\"}".to_vec(), &[("idempotency-key", "k1")]);
    assert_eq!(code(&elsewhere), (409, "idempotency_conflict"));
    assert_eq!(api.get("/v1/native/keys").json["data"].as_array().map(Vec::len), Some(2));
    let secret = first.json["key"].as_str().expect("shown").split_once(':').expect("two halves").1;
    let wal = std::fs::read(switch.data_dir().join("trunkline.db-wal")).unwrap_or_default();
    assert!(!wal.windows(secret.len()).any(|window| window == secret.as_bytes()), "it is kept sealed");
}

#[test]
fn a_tenant_calls_with_its_own_objects_alone_and_a_restart_keeps_them() {
    let (mut switch, callees) = ring(Setup::new());
    let acme = acme(&switch);
    let made = |collection: &str, body: Value| {
        let reply = acme.post(&format!("/v1/native/{collection}"), &body);
        assert_eq!(reply.status, 201, "{body}: {reply:?}");
        reply.json
    };
    // The names are those of the first tenant's; nobody is told so.
    let uri = format!("sip:{}", switch.place.trunk_sip());
    let trunk = json!({ "name": "t1", "uri": uri, "username": "trunkuser", "password": "trunkpass", "options_interval_seconds": 0 });
    made("trunks", trunk);
    made("agents", json!({ "name": "agent_demo", "amd": { "initial_silence": 400 } }));
    made(
        "numbers",
        json!({ "e164": "+447446466847", "trunk": "t1", "agent": "agent_demo", "outbound": true }),
    );
    let call = |client: &Client| {
        let body = json!({ "agent_id": "agent_demo", "to_number": number(Persona::Person), "prompt": "Hello [END_CALL]" });
        let reply = client.post("/v1/calls/outbound", &body);
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json["call_id"].as_str().expect("an id").to_owned()
    };
    let placed = call(&acme);
    assert_eq!(code(&switch.get(&format!("/v1/calls/{placed}"))), (404, "call_not_found"));
    callees.await_over(1);
    switch.kill();
    switch.restart();
    call(&acme);
    callees.await_over(2);
    assert_eq!(acme.get("/v1/calls").json["count"], 2);
    assert_eq!(switch.get("/v1/calls").json["count"], 0);
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn an_agent_with_a_live_call_stays() {
    let (switch, callees) = ring(Setup::new());
    let api = switch.client();
    let agent = api.post("/v1/native/agents", &json!({ "name": "sales" }));
    let path = format!("/v1/native/agents/{}", agent.json["id"]);
    let line = json!({ "e164": "+15550000001", "trunk": "t1", "agent": "sales", "outbound": true });
    let line = api.post("/v1/native/numbers", &line);
    let body = json!({ "agent_id": "sales", "to_number": number(Persona::NoAnswer), "prompt": "Hello" });
    let call = api.post("/v1/calls/outbound", &body);
    assert_eq!(call.status, 201, "{call:?}");
    // The number may go: the call keeps what it took.
    assert_eq!(api.delete(&format!("/v1/native/numbers/{}", line.json["id"])).status, 204);
    let refused = api.delete(&path);
    assert_eq!(code(&refused), (409, "in_use"));
    assert!(refused.text.contains("live calls"), "{refused:?}");
    let id = call.json["call_id"].as_str().expect("an id");
    assert_eq!(api.post(&format!("/v1/calls/{id}/hangup"), &json!({})).status, 202);
    switch.call_until_ended(id);
    callees.await_over(1);
    assert_eq!(api.delete(&path).status, 204);
}

#[test]
fn the_file_wins_by_name_when_it_is_read_again() {
    let switch = Switch::start("");
    let api = switch.client();
    assert_eq!(api.post("/v1/native/agents", &json!({ "name": "later" })).status, 201);
    let path = switch.folder().join("trunkline.toml");
    let mut config = std::fs::read_to_string(&path).expect("readable");
    config.push_str("\n[[agent]]\nid = \"later\"\ngreeting = \"From the file.\"\n");
    std::fs::write(&path, config).expect("writable");
    switch.signal(rustix::process::Signal::HUP);
    crate::switch::eventually("the file's agent", || {
        let agent = api.get("/v1/native/agents/later").json;
        (agent["managed_by_file"] == true && agent["greeting"] == "From the file.").then_some(())
    });
}

#[test]
fn the_doctor_answers_at_the_native_path_too() {
    let switch = Switch::start("");
    let reply = switch.client().post("/v1/native/trunks/nobody/doctor", &json!({}));
    assert_eq!(code(&reply), (404, "not_found"));
    assert!(told(&switch, &["trunk", "list"]).contains("t1"));
}

#[test]
fn what_is_sent_back_as_it_was_is_said_anew_where_a_command_has_changed_it_meanwhile() {
    let switch = Switch::start("");
    let made = switch.client().post("/v1/native/tenants", &json!({ "name": "acme", "concurrent": 10 }));
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/v1/native/tenants/{}", id(&made.json));
    // The switch looks once a second what commands have changed.
    for other in ["3", "5", "7"] {
        told(&switch, &["tenant", "limit", "acme", "--concurrent", other]);
        let patched = switch.client().patch(&path, &json!({ "concurrent": 10 }), &[]);
        assert_eq!((patched.status, &patched.json["concurrent"]), (200, &json!(10)), "{other}");
    }
}
