//! MiniVoice, "Outbound Calls": its two commands, its responses, its errors in the order of the checks, its webhooks.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{Fault, curl, line, names, prove, prove_order};
use crate::callees::number;
use crate::faces::{House, MINIVOICE};

const PATH: &str = "/v1/calls";

const COMMAND: &str = r#"curl -sS -X POST https://api.minivoice.local/v1/calls \
-H 'Authorization: Bearer $MINIVOICE_API_KEY' \
-H 'Content-Type: application/json' \
--data @- <<'JSON'
{
"from": "+15551230001",
"to": "+15551230002",
"record": true
}
JSON
"#;

/// Money is on, as the document has it: a price for the numbers called, and something to pay with.
fn house(balance: &str, more: &str) -> House {
    let extra = format!(
        "[billing]\nenabled = true\ndefault_balance = \"{balance}\"\n[[rate]]\nprefix = \"+1555\"\nper_minute = \"0.01\"\n\
         [[rate]]\nprefix = \"+882\"\nper_minute = \"0.01\"\n{more}"
    );
    House::with(|setup, _| setup.extra(&extra))
}

fn example() -> Value {
    json!({ "from": "+15551230001", "to": number(Persona::Busy), "record": true })
}

#[test]
fn its_commands_are_answered_with_its_responses_and_its_webhooks_follow() {
    let house = house("5", "");
    for host in ["https://api.minivoice.local", "https://api.minivoice.eu"] {
        let command = COMMAND.replace("https://api.minivoice.local", host);
        let key = [(host, "{base}"), ("$MINIVOICE_API_KEY", "mv_live_0123456789abcdef")];
        let reply = curl(&house, &command, &key);
        assert_eq!(reply.status, 201, "{reply:?}");
        let order = [
            "id",
            "status",
            "direction",
            "from",
            "to",
            "application_id",
            "customer_id",
            "provider_call_id",
            "answer_url",
            "metadata",
            "created_at",
            "route_mode",
            "routing_target",
            "dialing_at",
        ];
        assert_eq!(names(&reply.text), order, "the response body's fields, in its order");
        let shown = json!({ "status": "dialing", "direction": "outbound", "from": "+15551230001", "to": "+15551230002",
            "answer_url": "https://example.test/answer", "metadata": { "record": true }, "route_mode": "webhook" });
        assert!(super::holds(&reply.json, &shown), "{reply:?}");
        let id = reply.json["id"].as_str().expect("an id").to_owned();
        assert!(id.starts_with("call_"), "{id}");
        house.until(&format!("/v1/calls/{id}"), MINIVOICE, "ended_at");
        // "verify call.created, call.answered or call.failed, and terminal call webhooks"
        let of_call = crate::switch::eventually("the terminal webhook", || {
            let told = house.receiver.deliveries().into_iter().filter(|told| told.json["call"]["id"] == id);
            let told: Vec<_> = told.map(|told| told.json).collect();
            told.last().is_some_and(|last| last["event"] == "call.completed").then_some(told)
        });
        assert_eq!(
            (&of_call[0]["event"], &of_call[1]["event"]),
            (&json!("call.created"), &json!("call.answered"))
        );
        let last = of_call.last().expect("the terminal one");
        let example = json!({ "event": "call.completed", "call": { "id": id, "status": "completed", "from": "+15551230001",
            "to": "+15551230002" }, "variables": {}, "data": {} });
        assert!(super::holds(last, &example), "{last}");
        assert_eq!(names(&last.to_string()).len(), 5, "event, created_at, call, variables, data: {last}");
    }
}

#[test]
fn every_line_about_a_field_holds() {
    let house = house("5", "");
    let dialing = |shows: Value| crate::faces::over(&json!({ "status": "dialing" }), &shows);
    prove(
        &house,
        PATH,
        MINIVOICE,
        &example(),
        &[
            line(
                "application_id in the request struct is ignored",
                json!({ "application_id": "app_other" }),
                201,
                dialing(json!({})),
            ),
            line(
                "metadata is optional",
                json!({ "metadata": { "campaign": "dev" } }),
                201,
                dialing(json!({ "metadata": { "campaign": "dev", "record": true } })),
            ),
            line(
                "record=true stores metadata.record=true",
                json!({}),
                201,
                dialing(json!({ "metadata": { "record": true } })),
            ),
            line(
                "from and to are required E.164 strings",
                json!({ "from": 15551230001_u64 }),
                400,
                json!({ "error": { "code": "invalid_request" } }),
            ),
        ],
    );
    let plain = house.post(PATH, MINIVOICE, &crate::faces::over(&example(), &json!({ "record": null })));
    assert!(plain.json.get("metadata").is_none(), "{plain:?}");
}

#[test]
fn every_row_of_its_errors_in_the_order_of_checks() {
    const TRUNKLESS: &str = "Bearer mv_live_trunkless_012345";
    const THRIFTY: &str = "Bearer mv_live_thrifty_01234567";
    const SPARING: &str = "Bearer mv_live_sparing_01234567";
    let fault = |row, fields, key, status, code: &str| Fault {
        row,
        fields,
        key,
        status,
        shows: json!({ "error": { "code": code } }),
    };
    let before_money = |money: Fault| {
        let last = Fault { shows: money.shows.clone(), ..fault("", json!({}), money.key, money.status, "") };
        [
            fault("401 unauthorized", json!({}), Some("Bearer mv_live_unknown"), 401, "unauthorized"),
            fault("400 invalid_request: required", json!({ "from": null }), None, 400, "invalid_request"),
            fault("400 invalid_request: E.164", json!({ "to": "12" }), None, 400, "invalid_request"),
            fault("400 rate_not_found", json!({ "to": "+447386172392" }), None, 400, "rate_not_found"),
            fault("400 no_active_trunk", json!({}), Some(TRUNKLESS), 400, "no_active_trunk"),
            Fault { row: money.row, ..last },
        ]
    };
    let broke = house("0", "");
    let rows = before_money(fault("402 insufficient_balance", json!({}), None, 402, "insufficient_balance"));
    prove_order(&broke, PATH, MINIVOICE, &example(), &rows);
    let reply = broke.post(PATH, MINIVOICE, &example());
    assert_eq!(names(&reply.text), ["error"], "the common error example: {reply:?}");
    assert_eq!(names(&reply.json["error"].to_string()), ["code", "message"]);

    // It may spend nothing, and has nothing: the control answers before the balance.
    let thrifty = "[[key]]\nface = \"minivoice\"\nsecret = \"mv_live_thrifty_01234567\"\napplication = \"reminders\"\n\
                   spend_per_call = \"0.001\"\n";
    let thrifty = house("0", thrifty);
    let rows =
        before_money(fault("403 spend control", json!({}), Some(THRIFTY), 403, "spend_control_exceeded"));
    prove_order(&thrifty, PATH, MINIVOICE, &example(), &rows);

    // So does its application's.
    let sparing = "[[application]]\nname = \"sparing\"\nagent = \"agent_talk\"\ntrunk = \"t1\"\n\
                   spend_per_day = \"0.001\"\n\
                   [[key]]\nface = \"minivoice\"\nsecret = \"mv_live_sparing_01234567\"\napplication = \"sparing\"\n";
    let sparing = house("0", sparing);
    let rows =
        before_money(fault("403 spend control", json!({}), Some(SPARING), 403, "spend_control_exceeded"));
    prove_order(&sparing, PATH, MINIVOICE, &example(), &rows);
    for house in [broke, thrifty, sparing] {
        assert_eq!((house.started(), house.callees.rung()), (0.0, 0), "a refused request consumes nothing");
    }
}
