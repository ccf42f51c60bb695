//! Nobody sees another tenant's: every route of the router, with another tenant's ids, answers as for ids that nobody has; and
//! none but the operator's answers without a key.

use std::net::SocketAddrV4;

use serde_json::{Value, json};
use trunkline::http::{Access, ROUTES, Route};

use super::{client, client_of, code};
use crate::switch::caller::{self, Told};
use crate::switch::{Client, FROM, Reply, Setup, Switch, eventually, stranger};

/// What the first tenant has: a path's collection, and every rendering of an id there.
type Owned = Vec<(&'static str, Vec<String>)>;

/// An id that nobody has, in the shape of this one.
fn nobody(id: &str) -> String {
    match id {
        id if id.starts_with("CA") => format!("CA{:032x}", 0x1f_ffff_ffff_fff0_u64),
        id if id.starts_with("agent_") => format!("agent_{:016x}", 0x1f_ffff_ffff_fff0_u64),
        id if id.starts_with("batchcall_") => format!("batchcall_{:016x}", 0x1f_ffff_ffff_fff0_u64),
        id if id.starts_with('+') => "+15559999999".to_owned(),
        id if id.bytes().all(|byte| byte.is_ascii_digit()) => "9007199254740976".to_owned(),
        id => match id.rsplit_once('_') {
            Some((prefix, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("{prefix}_9007199254740976")
            }
            _ => "nobody-has-this".to_owned(),
        },
    }
}

/// Everything that the first tenant has: the file's objects, stored ones, a call.
fn own(switch: &Switch) -> Owned {
    let api = switch.client();
    let made = |collection: &str, body: Value| {
        let reply = api.post(&format!("/v1/native/{collection}"), &body);
        assert_eq!(reply.status, 201, "{body}: {reply:?}");
        reply.json
    };
    let trunk =
        made("trunks", json!({ "name": "mine", "uri": "sip:127.0.0.1:5999", "options_interval_seconds": 0 }));
    let agent = made("agents", json!({ "name": "my-agent" }));
    let number = made("numbers", json!({ "e164": "+15550000077", "trunk": "mine", "agent": "my-agent" }));
    let application = made("applications", json!({ "name": "my-app", "agent": "my-agent" }));
    let endpoint = made("webhook-endpoints", json!({ "url": "https://a.example/hook" }));
    let person = made("people", json!({ "name": "my-person" }));
    let tenant = made("tenants", json!({ "name": "another" }));
    let key = made("keys", json!({ "face": "nixflex" }));
    let later = json!({
        "agent_id": "agent_demo", "prompt": "Hello", "recipients": [{ "phone": "+15550000078" }],
        "schedule_type": "schedule", "scheduled_date": "2099-01-01",
    });
    let campaign = api.post("/v1/calls/batch", &later);
    assert_eq!(campaign.status, 201, "{campaign:?}");
    let call = switch.call();
    let text = |object: &Value, key: &str| object[key].as_str().expect("text").to_owned();
    let id = |object: &Value| object["id"].to_string();
    let agent_id = format!("agent_{:016x}", agent["id"].as_u64().expect("an id"));
    let agents = vec![id(&agent), agent_id, "my-agent".into(), "agent_demo".into()];
    let numbers = vec![
        id(&number),
        format!("num_{}", number["id"]),
        format!("did_{}", number["id"]),
        "+15550000077".into(),
        "+447446466847".into(),
    ];
    let trunks = vec![id(&trunk), format!("trunk_{}", trunk["id"]), "mine".into(), "t1".into()];
    let keys = vec![id(&key), text(&key, "public"), "nxf_demo".into()];
    let deliveries = api.get(&format!("/v1/native/webhook-deliveries?call={call}"));
    let delivery = deliveries.json["data"][0]["id"].to_string();
    assert_eq!(deliveries.json["data"][0]["endpoint"], endpoint["id"], "{deliveries:?}");
    let number_of_call = u128::from_str_radix(&call[2..], 16).expect("hexadecimal");
    vec![
        ("calls", vec![call, format!("call_{number_of_call}"), number_of_call.to_string()]),
        ("batch", vec![text(&campaign.json, "campaign_id")]),
        ("trunks", trunks.clone()),
        ("voip-connections", trunks),
        ("agents", agents.clone()),
        ("phone-numbers", numbers.clone()),
        ("phone-number", [agents.clone(), numbers.clone()].concat()),
        ("numbers", numbers.clone()),
        ("number", numbers.clone()),
        ("dids", numbers),
        ("applications", vec![id(&application), format!("app_{}", application["id"]), "my-app".into()]),
        ("webhook-endpoints", vec![id(&endpoint)]),
        ("webhook-deliveries", vec![delivery]),
        ("people", vec![id(&person), "my-person".into()]),
        ("tenants", vec![id(&tenant), "another".into()]),
        ("keys", keys),
    ]
}

/// The collection whose id stands in a path.
fn collection(path: &'static str) -> Option<&'static str> {
    if path.contains("{file}") {
        return Some("calls");
    }
    if !path.contains("{id}") {
        return None;
    }
    path.split("/{").next().filter(|before| before.len() < path.len())?.rsplit('/').next()
}

/// Asks as the holder of this account, where a path names one.
fn ask(client: &Client, route: &Route, account: &str, id: &str) -> Reply {
    let body = if route.method == "GET" { Vec::new() } else { b"{}".to_vec() };
    let path = route.path.replace("{account}", account).replace("{file}", "{id}.json").replace("{id}", id);
    client.any(route.method, &path.replace("{call}", "1").replace("{number}", "1"), body, &[])
}

/// What a client can tell answers apart by.
fn told(reply: &Reply, id: &str) -> (u16, String) {
    let text = if id.len() > 3 { reply.text.replace(id, "ID") } else { reply.text.clone() };
    (reply.status, text)
}

#[test]
fn another_tenants_ids_are_nobodys_on_every_route() {
    let switch = Switch::start("");
    let owned = own(&switch);
    let tenant =
        switch.client().post("/v1/native/tenants", &json!({ "name": "stranger" })).json["id"].clone();
    let key = |fields: Value| {
        let mut body = json!({ "tenant": tenant });
        for (name, value) in fields.as_object().expect("fields") {
            body[name] = value.clone();
        }
        let made = switch.client().post("/v1/native/keys", &body);
        assert_eq!(made.status, 201, "{body}: {made:?}");
        made.json["key"].as_str().expect("shown once").to_owned()
    };
    let first = client(&switch, &key(json!({ "face": "nixflex" })));
    assert_eq!(first.post("/v1/native/agents", &json!({ "name": "theirs" })).status, 201);
    assert_eq!(
        first.post("/v1/native/applications", &json!({ "name": "theirs", "agent": "theirs" })).status,
        201
    );
    for (face, fields) in [
        ("nixflex", json!({})),
        ("thunderphone", json!({})),
        ("voiceflow", json!({ "agent": "theirs" })),
        ("minivoice", json!({ "application": "theirs" })),
        ("twilio", json!({})),
    ] {
        let mut fields = fields;
        fields["face"] = json!(face);
        let credentials = key(fields);
        let stranger = client_of(&switch, face, &credentials);
        let account = credentials.split(':').next().expect("a first half").to_owned();
        let mut tried = 0;
        for route in ROUTES.iter().filter(|route| route.access == Access::Key) {
            let Some(kind) = collection(route.path) else { continue };
            let ids = owned.iter().find(|(name, _)| *name == kind);
            let (_, ids) = ids.unwrap_or_else(|| panic!("this test knows no id for {}", route.path));
            for id in ids {
                let (theirs, none) =
                    (ask(&stranger, route, &account, id), ask(&stranger, route, &account, &nobody(id)));
                assert!(
                    (400..500).contains(&theirs.status),
                    "{face} {} {}: {theirs:?}",
                    route.method,
                    route.path
                );
                assert_eq!(
                    told(&theirs, id),
                    told(&none, &nobody(id)),
                    "{face} {} {} {id}",
                    route.method,
                    route.path
                );
                tried += 1;
            }
        }
        assert!(tried > 100, "{tried}");
        // And a list is empty, whatever it is of.
        for route in ROUTES.iter().filter(|route| route.method == "GET" && route.access == Access::Key) {
            // A stream has no end; whose events it tells is a story of `http::tests::streams`.
            if collection(route.path).is_some() || route.path.ends_with("/events") {
                continue;
            }
            let reply = stranger.get(route.path);
            for secret in [
                "mine",
                "my-agent",
                "my-app",
                "my-person",
                "nxf_demo",
                "agent_demo",
                "+15550000077",
                "another",
                "a.example",
                "batchcall_",
            ] {
                assert!(!reply.text.contains(secret), "{face} {}: {reply:?}", route.path);
            }
        }
    }
    // Nothing of it has changed anything.
    let campaigns = switch.get("/v1/calls/batch").json;
    assert_eq!(campaigns["campaigns"][0]["status"], "scheduled", "{campaigns}");
    for (kind, path) in [
        ("trunks", "mine"),
        ("agents", "my-agent"),
        ("numbers", "+15550000077"),
        ("people", "my-person"),
        ("tenants", "another"),
    ] {
        let object = switch.get(&format!("/v1/native/{kind}/{path}"));
        assert_eq!((object.status, &object.json["revision"]), (200, &json!(1)), "{object:?}");
    }
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn no_route_but_the_operators_answers_without_a_key() {
    let switch = Switch::start("");
    for credentials in [
        "Bearer nxf_nobody:nxfs_wrong-secret",
        "Bearer nxf_demo:nxfs_wrong",
        "Basic bnhmX2RlbW86eA==",
        "Bearer x",
        "x",
    ] {
        let nobody = Client::with(&format!("http://{}", switch.place.http()), credentials);
        for route in ROUTES {
            let reply = ask(&nobody, route, "AC1", "1");
            let is_open = reply.status != 401;
            // Who signs in shows what it has in the body.
            let signs_in = (route.method, route.path) == ("POST", "/v1/people/session");
            assert_eq!(
                is_open,
                signs_in || !matches!(route.access, Access::Key | Access::Person),
                "{credentials} {} {}: {reply:?}",
                route.method,
                route.path
            );
        }
    }
    let is_open = |route: &&Route| !matches!(route.access, Access::Key | Access::Person);
    let open: Vec<_> = ROUTES.iter().filter(is_open).map(|route| route.path).collect();
    let decided = [
        "/console",
        "/console/",
        "/console/{file}",
        "/v1/people/whip",
        "/openapi.json",
        "/docs",
        "/docs/{file}",
        "/metrics",
        "/livez",
        "/readyz",
    ];
    assert_eq!(open, decided, "a route without a key is a decision");
}

#[test]
fn a_key_of_one_application_ends_no_recording() {
    let switch = Switch::start("");
    let api = switch.client();
    assert_eq!(
        api.post("/v1/native/applications", &json!({ "name": "app", "agent": "agent_demo" })).status,
        201
    );
    let key = api.post("/v1/native/keys", &json!({ "face": "minivoice", "application": "app" })).json;
    let part = client_of(&switch, "minivoice", key["key"].as_str().expect("shown once"));
    let call = switch.call();
    assert_eq!(part.delete(&format!("/v1/native/calls/{call}/recording")).status, 403);
}

#[test]
fn a_tenants_key_is_not_the_operators() {
    let switch = Switch::start("");
    let tenant = switch.client().post("/v1/native/tenants", &json!({ "name": "acme" })).json["id"].clone();
    let key = switch.client().post("/v1/native/keys", &json!({ "face": "nixflex", "tenant": tenant })).json;
    let acme = client(&switch, key["key"].as_str().expect("shown once"));
    let seen: Vec<Value> = acme.get("/v1/native/tenants").json["data"].as_array().expect("a list").clone();
    assert_eq!(seen.len(), 1, "itself");
    assert_eq!(acme.post("/v1/native/tenants", &json!({ "name": "more" })).status, 403);
    let own = format!("/v1/native/tenants/{tenant}");
    assert_eq!(acme.patch(&own, &json!({ "name": "renamed" }), &[]).status, 403);
    assert_eq!(acme.delete(&own).status, 403);
    // Whatever tenant it names, its keys are its own.
    let made = acme.post("/v1/native/keys", &json!({ "face": "nixflex", "tenant": 1 })).json;
    assert_eq!(made["tenant"], tenant);
    // A revoked key is out at once.
    assert_eq!(acme.delete(&format!("/v1/native/keys/{}", made["id"])).status, 204);
    assert_eq!(client(&switch, made["key"].as_str().expect("shown once")).get("/v1/calls").status, 401);
}

/// Another tenant's client.
fn tenant(switch: &Switch, name: &str) -> Client {
    let tenant = switch.client().post("/v1/native/tenants", &json!({ "name": name })).json["id"].clone();
    let key = switch.client().post("/v1/native/keys", &json!({ "face": "nixflex", "tenant": tenant })).json;
    client(switch, key["key"].as_str().expect("shown once"))
}

fn made(client: &Client, collection: &str, body: Value) -> Value {
    let reply = client.post(&format!("/v1/native/{collection}"), &body);
    assert_eq!(reply.status, 201, "{body}: {reply:?}");
    reply.json
}

/// A tenant with an agent that answers and a trunk of its own.
fn answering(switch: &Switch, name: &str) -> Client {
    let client = tenant(switch, name);
    made(
        &client,
        "trunks",
        json!({ "name": "t", "uri": "sip:127.0.0.1:5999", "options_interval_seconds": 0 }),
    );
    made(&client, "agents", json!({ "name": "a", "greeting": "Hello [END_CALL]" }));
    client
}

#[test]
fn calls_to_a_number_are_one_tenants_and_nobody_is_told_whose() {
    let switch = Setup::new().answering("Hello [END_CALL]").start();
    let (first, second) = (answering(&switch, "first"), answering(&switch, "second"));
    let refused = |reply: &Reply| {
        assert_eq!(code(reply), (409, "in_use"), "{reply:?}");
        for secret in ["first", "agent_demo", "t1", "tenant"] {
            assert!(!reply.text.contains(secret), "{reply:?}");
        }
    };
    let wanted = |e164: &str| json!({ "e164": e164, "trunk": "t", "agent": "a", "inbound": true });
    // The file's, and another tenant's.
    refused(&first.post("/v1/native/numbers", &wanted(FROM)));
    made(&first, "numbers", wanted("+15550000091"));
    refused(&second.post("/v1/native/numbers", &wanted("+15550000091")));
    // To call from it is everybody's own affair; to take its calls afterwards is not.
    made(&second, "numbers", json!({ "e164": "+15550000091", "trunk": "t", "agent": "a", "outbound": true }));
    refused(&second.patch("/v1/native/numbers/+15550000091", &json!({ "inbound": true }), &[]));
    // Who comes first has it until it lets it go; then an older claim does not win either.
    made(&first, "numbers", json!({ "e164": "+15550000092", "trunk": "t", "agent": "a" }));
    made(&second, "numbers", wanted("+15550000092"));
    refused(&first.patch("/v1/native/numbers/+15550000092", &json!({ "inbound": true }), &[]));
    assert_eq!(first.delete("/v1/native/numbers/+15550000091").status, 204);
    let taken = second.patch("/v1/native/numbers/+15550000091", &json!({ "inbound": true }), &[]);
    assert_eq!((taken.status, &taken.json["inbound"]), (200, &json!(true)), "{taken:?}");
}

#[test]
fn what_the_file_has_taken_from_an_object_holds_nothing_else_of_it_up() {
    let switch = Setup::new().answering("Hello [END_CALL]").start();
    let first = answering(&switch, "first");
    made(&first, "agents", json!({ "name": "b", "greeting": "Hello [END_CALL]" }));
    let path = "/v1/native/numbers/+15550000093";
    made(&first, "numbers", json!({ "e164": "+15550000093", "trunk": "t", "agent": "a", "inbound": true }));
    let file = switch.folder().join("trunkline.toml");
    let mut config = std::fs::read_to_string(&file).expect("readable");
    config.push_str(
        "[[number]]\ne164 = \"+15550000093\"\ntrunk = \"t1\"\nagent = \"agent_demo\"\ninbound = true\n",
    );
    std::fs::write(&file, config).expect("writable");
    switch.signal(rustix::process::Signal::HUP);
    eventually("the file has its calls", || (first.get(path).json["inbound"] == false).then_some(()));
    let changed = first.patch(path, &json!({ "agent": "b" }), &[]);
    assert_eq!(
        (changed.status, &changed.json["agent"], &changed.json["inbound"]),
        (200, &json!("b"), &json!(false)),
        "{changed:?}"
    );
    assert_eq!(code(&first.patch(path, &json!({ "inbound": true }), &[])), (409, "in_use"));
    // Under another number it would take other calls.
    let second = answering(&switch, "second");
    made(&second, "numbers", json!({ "e164": "+15550000094", "trunk": "t", "agent": "a", "inbound": true }));
    assert_eq!(code(&first.patch(path, &json!({ "e164": "+15550000094" }), &[])), (409, "in_use"));
    assert_eq!(first.patch(path, &json!({ "inbound": false }), &[]).status, 200);
}

#[test]
fn the_name_that_callers_prove_to_know_is_one_tenants() {
    let switch = Setup::new().trunk("inbound = { username = \"carrier\", password = \"known\" }").start();
    let (first, second) = (tenant(&switch, "first"), tenant(&switch, "second"));
    let trunk = |name: &str, user: &str| {
        json!({ "name": name, "uri": "sip:127.0.0.1:5999", "options_interval_seconds": 0,
            "inbound": { "username": user, "password": "guessed" } })
    };
    assert_eq!(code(&first.post("/v1/native/trunks", &trunk("secret-name", "carrier"))), (409, "in_use"));
    made(&first, "trunks", trunk("secret-name", "sbc"));
    let refused = second.post("/v1/native/trunks", &trunk("t", "sbc"));
    assert_eq!(code(&refused), (409, "in_use"), "{refused:?}");
    assert!(!refused.text.contains("secret-name"), "{refused:?}");
    made(&second, "trunks", trunk("t", "sbc-2"));
}

#[test]
fn a_tenants_trunk_takes_no_calls_from_half_the_world() {
    let switch = Setup::new().sip("inbound_networks = [\"10.0.0.0/8\"]").start();
    let acme = tenant(&switch, "acme");
    let trunk = |network: &str| {
        json!({ "name": format!("t{}", network.len()), "uri": "sip:127.0.0.1:5999", "options_interval_seconds": 0,
            "inbound": { "addresses": [network] } })
    };
    for wide in ["0.0.0.0/0", "::/0", "192.0.0.0/16"] {
        let refused = acme.post("/v1/native/trunks", &trunk(wide));
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(refused.text.contains("inbound.addresses[0]"), "{refused:?}");
    }
    made(&acme, "trunks", trunk("192.0.2.0/24"));
    made(&acme, "trunks", trunk("10.0.0.0/8"));
    // The operator's own trunks are the operator's business.
    made(switch.client(), "trunks", trunk("192.0.0.0/16"));
}

/// A network that a tenant's trunk names too is no reason to ask another's caller for no password.
#[test]
fn another_tenants_network_shuts_nobodys_door() {
    let inbound = "inbound = { username = \"carrier\", password = \"known\" }";
    let switch = Setup::new().answering("Hello [END_CALL]").trunk(inbound).start();
    let acme = tenant(&switch, "acme");
    let from = SocketAddrV4::new(stranger(&switch.place), 5080);
    made(&acme, "agents", json!({ "name": "a", "greeting": "Hello [END_CALL]" }));
    let addresses = json!({ "addresses": [from.ip().to_string()] });
    let trunk = json!({ "name": "t", "uri": "sip:127.0.0.1:5999", "options_interval_seconds": 0, "inbound": addresses });
    made(&acme, "trunks", trunk);
    made(&acme, "numbers", json!({ "e164": "+15550000093", "trunk": "t", "agent": "a", "inbound": true }));
    let call = |number: &str, as_whom| caller::call(from, switch.place.sip(), number, as_whom);
    // It is heard of by now when its own calls need no password any more.
    eventually("its door is open", || {
        matches!(call("+15550000093", ("nobody", "none")), Told::Talked).then_some(())
    });
    let told = call(FROM, ("carrier", "known"));
    assert!(matches!(told, Told::Talked), "{told:?}");
    match call(FROM, ("carrier", "guessed")) {
        Told::Refused(failure) => assert_eq!(failure.status, Some(403), "{failure:?}"),
        told => panic!("{told:?}"),
    }
    // What nobody has is nobody's, whoever asks.
    match call("+15550000094", ("carrier", "known")) {
        Told::Refused(failure) => assert_eq!(failure.status, Some(404), "{failure:?}"),
        told => panic!("{told:?}"),
    }
    let seen = switch.get("/v1/calls?direction=inbound").json;
    assert_eq!(seen["count"], 1, "{seen}");
}

#[test]
fn a_tenants_trunk_leads_to_nothing_that_only_the_switch_can_reach() {
    let switch = Setup::new().sip("allow_addresses = [\"127.9.0.0/16\"]").start();
    let acme = tenant(&switch, "acme");
    let trunk = |name: &str, uri: &str| json!({ "name": name, "uri": uri, "options_interval_seconds": 0 });
    for inner in
        ["sip:169.254.169.254", "sip:127.0.0.1:5999", "sip:10.0.0.1;transport=tcp", "sips:[::1]:5061"]
    {
        let refused = acme.post("/v1/native/trunks", &trunk("inner", inner));
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(refused.text.contains("no public address"), "{refused:?}");
        // The operator's may.
        let name = format!("t{}", inner.len());
        made(switch.client(), "trunks", trunk(&name, inner));
    }
    made(&acme, "trunks", trunk("allowed", "sip:127.9.0.1"));
    // What a name leads to is seen when it is resolved: nobody is asked there, and nothing of it is told.
    made(&acme, "trunks", trunk("named", "sip:localhost:5999"));
    let told = acme.post("/v1/native/trunks/named/doctor", &json!({}));
    assert_eq!(told.status, 200, "{told:?}");
    assert!(!told.text.contains("127.0.0.1") && !told.text.contains("[::1]"), "{told:?}");
}
