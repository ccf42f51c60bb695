//! Renderings of an id, and the list with its filters.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::callees::{number, ring};
use crate::ledger;
use crate::switch::{Setup, Switch};

const OTHERS: &str = r#"
[[agent]]
id = "agent_other"
[[number]]
e164 = "+15550000001"
agent = "agent_other"
trunk = "t1"
outbound = true
[[key]]
face = "nixflex"
id = "nxf_second"
secret = "nxfs_second"
"#;

#[test]
fn a_call_is_found_by_every_rendering_of_its_id_and_nothing_else_is() {
    let switch = Setup::new().extra(OTHERS).start();
    let call = switch.call();
    let id = ledger::number(&call);
    let shown = switch.get(&format!("/v1/calls/{call}")).json;
    assert_eq!(shown["call_id"], json!(call));
    for name in [call.to_uppercase(), format!("call_{id}"), id.to_string()] {
        let reply = switch.get(&format!("/v1/calls/{name}"));
        assert_eq!((reply.status, &reply.json["call_id"]), (200, &shown["call_id"]), "{name}");
    }
    for name in [
        "0",
        "-1",
        "99999",
        "CA1",
        "call_",
        "call_CA1",
        "9007199254740993",
        "%ff",
        "%00",
        "outbound",
        "batch",
        "export",
        "..%2f..%2fetc%2fpasswd",
        "1.0",
        "+1",
        "CA000000000000000000000000000000000",
        "null",
    ] {
        for path in [format!("/v1/calls/{name}"), format!("/v1/calls/{name}/recording")] {
            let reply = switch.get(&path);
            let code = reply.json["error"]["code"].as_str().unwrap_or_default().to_owned();
            // Something else is at these two: one is not read, and one is the campaigns.
            let expected = match name {
                "outbound" if !path.ends_with("recording") => 405,
                "batch" if !path.ends_with("recording") => continue,
                _ => 404,
            };
            assert_eq!((reply.status, code.is_empty()), (expected, false), "{path}: {reply:?}");
        }
    }
    // A key of the same owner sees it; no key sees nothing.
    let path = format!("/v1/calls/{call}");
    assert_eq!(as_key(&switch, &path, "Bearer nxf_second:nxfs_second").0, 200);
    for path in ["/v1/calls", &path, "/v1/calls/1/recording"] {
        let (status, body) = as_key(&switch, path, "Bearer nxf_demo:wrong");
        assert_eq!((status, &body["error"]["code"]), (401, &json!("invalid_api_key")), "{path}");
        assert_eq!(body["detail"], body["error"]["message"], "a shared path says it for every face");
    }
}

fn as_key(switch: &Switch, path: &str, authorization: &str) -> (u16, Value) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let request = client.get(format!("http://{}{path}", switch.place.http()));
        let response = request.header("authorization", authorization).send().await.expect("an answer");
        let (status, bytes) = (response.status().as_u16(), response.bytes().await.expect("a body"));
        (status, serde_json::from_slice(&bytes).expect("JSON"))
    })
}

#[test]
fn a_list_has_the_newest_first_its_filters_and_its_pages() {
    let (switch, _callees) = ring(Setup::new().extra(OTHERS));
    let place =
        |persona, agent: &str| switch.call_with(json!({ "to_number": number(persona), "agent_id": agent }));
    let calls = [
        place(Persona::Busy, "agent_demo"),
        place(Persona::Voicemail, "agent_demo"),
        place(Persona::Declines, "agent_other"),
    ];
    let ends = calls.each_ref().map(|call| switch.call_until_ended(call));
    switch.metrics_until("every end is written", |metrics| metrics.is_idle());
    let ids = |query: &str| -> Vec<String> {
        let reply = switch.get(&format!("/v1/calls{query}"));
        assert_eq!(reply.status, 200, "{query}: {reply:?}");
        let calls = reply.json["calls"].as_array().expect("a list");
        calls.iter().map(|call| call["call_id"].as_str().expect("an id").to_owned()).collect()
    };
    let [busy, voicemail, declined] = calls.each_ref().map(String::as_str);
    assert_eq!(ids(""), [declined, voicemail, busy]);
    assert_eq!(ids("?limit=1"), [declined]);
    assert_eq!(ids("?limit=1&offset=1"), [voicemail]);
    assert_eq!(ids("?offset=3"), [] as [&str; 0]);
    assert_eq!(ids("?agent_id=agent_other"), [declined]);
    assert_eq!(
        ids(&format!("?agent_id={}", ends[0]["agent_id"].as_str().expect("an id"))),
        [voicemail, busy]
    );
    assert_eq!(ids("?agent_id=nobody"), [] as [&str; 0]);
    assert_eq!(ids("?direction=outbound"), [declined, voicemail, busy]);
    assert_eq!(ids("?direction=inbound"), [] as [&str; 0]);
    assert_eq!(ids("?voicemail_detected=true"), [voicemail]);
    assert_eq!(ids("?voicemail_detected=false&agent_id=agent_demo"), [busy]);
    let started = ends[1]["started_at"].as_str().expect("a time");
    assert_eq!(ids(&format!("?since={started}")).last().map(String::as_str), Some(voicemail));
    assert_eq!(ids(&format!("?until={started}")), [busy]);
    assert_eq!(ids("?until=2000-01-01"), [] as [&str; 0]);
    let page = switch.get("/v1/calls?limit=2&offset=1").json;
    assert_eq!([&page["count"], &page["limit"], &page["offset"]], [&json!(3), &json!(2), &json!(1)]);
    assert_eq!(page["calls"][0]["ended_reason"], ends[1]["ended_reason"]);
    for query in
        ["?limit=0", "?limit=x", "?offset=-1", "?direction=up", "?since=yesterday", "?voicemail_detected=1"]
    {
        let reply = switch.get(&format!("/v1/calls{query}"));
        assert_eq!((reply.status, &reply.json["error"]["code"]), (400, &json!("invalid_request")), "{query}");
    }
}

#[test]
fn what_is_not_there_and_what_is_not_done_say_so() {
    let switch = Switch::start("");
    let _silent = switch.place.silent_trunk();
    for path in ["/", "/v1", "/v1/calls/", "/v1/native", "/v1/calls/1/2/3", "/metrics/x"] {
        let reply = switch.get(path);
        assert_eq!(
            (reply.status, &reply.json["error"]["type"]),
            (404, &json!("not_found")),
            "{path}: {reply:?}"
        );
    }
    for path in ["/v1/calls/1", "/metrics", "/livez"] {
        let reply = switch.client().post(path, &json!({}));
        assert_eq!(
            (reply.status, &reply.json["error"]["code"]),
            (405, &json!("method_not_allowed")),
            "{path}"
        );
    }
    assert_eq!(switch.get("/v1/calls/outbound").status, 405);
}
