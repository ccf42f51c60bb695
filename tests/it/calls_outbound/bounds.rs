//! How much is taken: bodies, fields, requests a minute.

use serde_json::json;

use crate::switch::{Setup, Switch, outbound};

#[test]
fn a_body_that_is_too_large_is_answered_in_the_envelope() {
    let switch = Switch::start("");
    let _silent = switch.place.silent_trunk();
    for length in [(1 << 20) + 1, 3 << 20] {
        let body = outbound(json!({ "prompt": "a".repeat(length) })).to_string().into_bytes();
        let reply = switch.client().post_with("/v1/calls/outbound", body, &[]);
        assert_eq!(
            (reply.status, &reply.json["error"]["code"]),
            (413, &json!("request_too_large")),
            "{reply:?}"
        );
        assert_eq!(reply.json["error"]["details"], json!({ "max_bytes": 1 << 20 }));
    }
    // Who is not known is told so, whatever he sends.
    let reply =
        switch.client().post_with("/v1/calls/outbound", vec![b'x'; 64], &[("authorization", "Bearer x:y")]);
    assert_eq!(reply.status, 401);
    switch.call();
}

#[test]
fn fields_have_their_bounds_and_what_is_within_them_is_a_call() {
    let switch = Switch::start("");
    let _silent = switch.place.silent_trunk();
    let many =
        |count: usize| (0..count).map(|n| (format!("v{n}"), json!(n))).collect::<serde_json::Map<_, _>>();
    for (fields, field) in [
        (json!({ "prompt": "a".repeat(65_537) }), "prompt"),
        (json!({ "agent_id": "a".repeat(256) }), "agent_id"),
        (json!({ "to_number": "+".repeat(256) }), "to_number"),
        (json!({ "campaign_id": "a".repeat(256) }), "campaign_id"),
        (json!({ "dynamic_vars": many(257) }), "dynamic_vars"),
        (json!({ "dynamic_vars": { "a": "b".repeat(4_097) } }), "dynamic_vars.a"),
        (json!({ "metadata": { "a": "b".repeat(16_384) } }), "metadata"),
        (
            json!({ "prompt": "{a}".repeat(20_000), "dynamic_vars": { "a": "b".repeat(1_000) } }),
            "dynamic_vars",
        ),
    ] {
        let reply = switch.post_outbound(&outbound(fields));
        let error = &reply.json["error"];
        assert_eq!((reply.status, &error["code"]), (400, &json!("invalid_request")), "{field}: {reply:?}");
        assert_eq!(error["details"], json!({ "field": field }));
    }
    assert_eq!(switch.get("/v1/calls").json["count"], 0);
    switch.call_with(json!({ "prompt": "a".repeat(65_536), "dynamic_vars": many(256),
        "campaign_id": "a".repeat(255) }));
}

#[test]
fn a_key_with_a_rate_is_told_of_it_and_held_to_it() {
    let switch = Setup::new().key("writes_per_minute = 2\nreads_per_minute = 100").start();
    for remaining in ["1", "0"] {
        let reply = switch.post_outbound(&outbound(json!({})));
        assert_eq!(
            (reply.status, reply.headers["x-ratelimit-remaining"].as_str()),
            (201, remaining),
            "{reply:?}"
        );
        assert_eq!(reply.headers["x-ratelimit-limit"], "2");
    }
    let reply = switch.post_outbound(&outbound(json!({})));
    let error = &reply.json["error"];
    assert_eq!(
        (reply.status, &error["type"], &error["code"]),
        (429, &json!("rate_limit_error"), &json!("rate_limit_exceeded")),
        "{reply:?}"
    );
    let after: u64 = reply.headers["retry-after"].parse().expect("seconds");
    assert_eq!(error["details"], json!({ "retry_after": after }));
    assert!((1..=30).contains(&after), "{after}");
    assert_eq!(switch.get("/v1/calls").json["count"], 2);
}
