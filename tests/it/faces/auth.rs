//! A path of one face refuses another face's key with its own 401; a path that several have answers in the key's face, and
//! without one in everybody's.

use serde_json::{Value, json};

use super::{ACCOUNT, House, MINIVOICE, NIXFLEX, THUNDERPHONE, TWILIO, VOICEFLOW};

#[test]
fn a_path_takes_its_own_faces_key_and_refuses_every_other_in_its_own_words() {
    let house = House::start();
    let calls = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    let nixflex: fn(&Value) -> bool = |body| body["error"]["type"] == "authentication_error";
    let thunderphone: fn(&Value) -> bool =
        |body| body["code"] == "not_authenticated" && body["detail"].is_string();
    let voiceflow: fn(&Value) -> bool = |body| body["code"] == "unauthorized" && body["message"].is_string();
    let minivoice: fn(&Value) -> bool = |body| body["error"]["code"] == "unauthorized";
    let twilio: fn(&Value) -> bool = |body| body["code"] == 20003 && body["status"] == 401;
    let keys = [NIXFLEX, THUNDERPHONE, VOICEFLOW, MINIVOICE, TWILIO];
    let others = [
        "",
        "Bearer",
        "Bearer ",
        "Bearer unknown",
        "Bearer sk_live_unknown_to_us",
        "Basic !",
        "Basic YTpi",
        "Digest a",
        "Bearer nxf_demo",
        "Bearer nxf_demo:wrong",
        "sk_live_0123456789abcdef",
        "Basic bnhmX2RlbW86bnhmc19kZW1v",
    ];
    for (path, own, is_it) in [
        ("/v1/calls/outbound", NIXFLEX, nixflex),
        ("/v1/call", THUNDERPHONE, thunderphone),
        ("/v1alpha1/phone-number/agent_talk/outbound", VOICEFLOW, voiceflow),
        ("/v1/phone-number/agent_talk/outbound", VOICEFLOW, voiceflow),
        ("/v1/voip-connections", THUNDERPHONE, thunderphone),
        ("/v1/developer/webhook-endpoints", THUNDERPHONE, thunderphone),
        ("/v1/calls", MINIVOICE, minivoice),
        ("/v1/trunks", MINIVOICE, minivoice),
        ("/v1/applications", MINIVOICE, minivoice),
        ("/v1/dids", MINIVOICE, minivoice),
        (&calls, TWILIO, twilio),
    ] {
        for key in keys.into_iter().chain(others) {
            let reply = house.send(path, key, "{}", &[]);
            if key == own {
                assert_eq!(reply.status, 400, "{path} {key}: {reply:?}");
            } else {
                assert_eq!(reply.status, 401, "{path} {key}: {reply:?}");
                assert!(is_it(&reply.json), "{path} {key}: {reply:?}");
                let scheme = if own == TWILIO { "Basic realm=\"Twilio API\"" } else { "Bearer" };
                assert_eq!(reply.headers["www-authenticate"], scheme, "{path} {key}");
            }
        }
    }
    assert_eq!(house.started(), 0.0);
}

#[test]
fn a_token_may_have_a_colon() {
    let key = "[[key]]\nface = \"thunderphone\"\nsecret = \"sk_live_with:a_colon_0123\"\n";
    let house = House::with(|setup, _| setup.extra(key));
    for (key, status) in [
        ("Bearer sk_live_with:a_colon_0123", 200),
        ("Bearer sk_live_with:another_0123", 401),
        ("Bearer sk_live_with:", 401),
        (NIXFLEX, 200),
    ] {
        assert_eq!(house.get("/v1/calls", key).status, status, "{key}");
    }
}

#[test]
fn one_objects_path_refuses_other_faces_keys_too() {
    let house = House::start();
    let ask = |method: &str, path: &str, key: &str| {
        house.switch.client().any(method, path, b"{}".to_vec(), &[("authorization", key)])
    };
    for (method, path, own, other, field) in [
        ("GET", "/v1/trunks/77", MINIVOICE, "Bearer mv_live_revoked_0123456", "error"),
        ("GET", "/v1/applications/77", MINIVOICE, THUNDERPHONE, "error"),
        ("GET", "/v1/dids/77", MINIVOICE, NIXFLEX, "error"),
        ("PATCH", "/v1/voip-connections/77", THUNDERPHONE, MINIVOICE, "detail"),
        ("DELETE", "/v1/developer/webhook-endpoints/77", THUNDERPHONE, NIXFLEX, "detail"),
        ("POST", "/v1/developer/webhook-endpoints/77/test", THUNDERPHONE, NIXFLEX, "detail"),
        ("POST", "/v1/phone-numbers/77/verify-voip", THUNDERPHONE, NIXFLEX, "detail"),
        ("PUT", "/v1/integrations/webhook/number/77", NIXFLEX, THUNDERPHONE, "error"),
    ] {
        let refused = ask(method, path, other);
        assert_eq!(refused.status, 401, "{method} {path}: {refused:?}");
        let only = ["error", "detail"].map(|name| refused.json.get(name).is_some() == (name == field));
        assert_eq!(only, [true; 2], "{method} {path}: {refused:?}");
        assert!([400, 404].contains(&ask(method, path, own).status), "{method} {path}");
    }
}

#[test]
fn a_shared_path_answers_in_the_keys_face_and_without_one_in_everybodys() {
    let house = House::start();
    for key in ["", "Bearer unknown", "Basic YTpi", "sk_live_0123456789abcdef"] {
        let reply = house.get("/v1/calls/1", key);
        assert_eq!((reply.status, reply.headers["www-authenticate"].as_str()), (401, "Bearer"));
        assert!(reply.json["error"]["code"].is_string() && reply.json["detail"].is_string(), "{reply:?}");
    }
    for (key, code) in [(NIXFLEX, json!("call_not_found")), (MINIVOICE, json!("call_not_found"))] {
        for id in ["1", "call_1", "CA00000000000000000000000000000001", "export", "%ff"] {
            let reply = house.get(&format!("/v1/calls/{id}"), key);
            assert_eq!((reply.status, &reply.json["error"]["code"]), (404, &code), "{id}: {reply:?}");
        }
    }
    for (key, code) in
        [(THUNDERPHONE, json!("not_found")), (VOICEFLOW, json!("not_found")), (TWILIO, json!(20404))]
    {
        let reply = house.get("/v1/calls/1", key);
        assert_eq!((reply.status, &reply.json["code"]), (404, &code), "{reply:?}");
    }
    // The bare key is Voiceflow's way alone.
    assert_eq!(house.get("/v1/calls", "vf_0123456789abcdef0123").status, 200);
    // ThunderPhone's own reads are nobody else's.
    for path in ["/v1/calls/1/audio", "/v1/calls/1/transcript"] {
        let reply = house.get(path, MINIVOICE);
        assert_eq!((reply.status, &reply.json["code"]), (401, &json!("not_authenticated")), "{reply:?}");
    }
}
