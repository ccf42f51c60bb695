//! ThunderPhone, "Outbound calls": prerequisites, a saved agent, an inline config, following the call, failure modes, hold time.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{Curled, Fault, curl, line, prove, prove_order};
use crate::callees::number;
use crate::faces::{House, OURS, THUNDERPHONE};

const PATH: &str = "/v1/call";

fn example() -> Value {
    json!({ "from_number": OURS, "to_number": number(Persona::Busy) })
}

/// The document shows its requests in other places: the endpoint, the header and the body, put together.
fn send(house: &House, method: &str, path: &str, body: &Value) -> Curled {
    let data = if body.is_null() { String::new() } else { format!(" -d '{body}'") };
    let command = format!(
        "curl -X {method} https://api.thunderphone.com{path} -H 'Authorization: Bearer sk_live_YOUR_KEY' \
         -H 'Content-Type: application/json'{data}\n"
    );
    let keys = [("https://api.thunderphone.com", "{base}"), ("sk_live_YOUR_KEY", "sk_live_0123456789abcdef")];
    curl(house, &command, &keys)
}

#[test]
fn a_call_is_placed_followed_and_told() {
    let house = House::start();
    let asked = crate::faces::over(&example(), &json!({ "to_number": number(Persona::HangsUp) }));
    let reply = send(&house, "POST", PATH, &asked);
    let call = reply.json["call_id"].as_u64().expect("an integer");
    assert_eq!((reply.status, &reply.json), (201, &json!({ "call_id": call, "status": "initiated" })));
    // "poll GET /v1/calls/{call_id} every couple of seconds; the record includes end_reason, duration_seconds, and the recording URL"
    let record = crate::switch::eventually("end_reason", || {
        let read = send(&house, "GET", &format!("/v1/calls/{call}"), &Value::Null);
        assert_eq!(read.status, 200, "{read:?}");
        (!read.json["end_reason"].is_null()).then_some(read.json)
    });
    assert_eq!(record["end_reason"], "caller_hangup", "{record}");
    assert!(record["duration_seconds"].is_u64() && record["recording_url"].is_string(), "{record}");
    let told = house.told(1);
    assert_eq!(
        (&told[0].json["type"], &told[0].json["data"]["call_id"]),
        (&json!("telephony.complete"), &json!(call))
    );
}

#[test]
fn every_line_about_a_request_holds() {
    let house = House::start();
    let initiated = json!({ "status": "initiated" });
    let config = json!({ "prompt": "Hi, this is Acme. [END_CALL]", "voice": "nova" });
    prove(
        &house,
        PATH,
        THUNDERPHONE,
        &example(),
        &[
            line("reference an agent by id", json!({ "agent_id": "agent_talk" }), 201, initiated.clone()),
            line("pass config instead", json!({ "config": config }), 201, initiated.clone()),
            line("capped with max_hold_seconds", json!({ "max_hold_seconds": 60 }), 201, initiated),
            line(
                "config instead of an agent, not besides",
                json!({ "agent_id": 1, "config": config }),
                400,
                json!({ "code": "invalid" }),
            ),
            line(
                "Demo numbers are inbound-only",
                json!({ "from_number": "+15550000002" }),
                403,
                json!({ "detail": "outbound blocked (demo number)" }),
            ),
        ],
    );
}

/// A tenant without money, and one with: the rows of "Failure modes worth handling" in the order of the checks.
#[test]
fn every_failure_mode_in_the_order_of_checks() {
    let money = |balance: &str| {
        let extra = format!(
            "[billing]\nenabled = true\ndefault_balance = \"{balance}\"\n[[rate]]\nprefix = \"\"\nper_minute = \"0.01\"\n"
        );
        House::with(|setup, _| setup.extra(&extra))
    };
    let fault = |row, fields, status, shows| Fault { row, fields, key: None, status, shows };
    let config = json!({ "prompt": "Hi.", "voice": "nova" });
    let rows = |last: [Fault; 2]| {
        let detail = |text: &str| json!({ "detail": text });
        let [broke, failed] = last;
        [
            fault("required", json!({ "to_number": null }), 400, json!({ "code": "required" })),
            fault(
                "agent_id xor config",
                json!({ "agent_id": 1, "config": config }),
                400,
                json!({ "code": "invalid" }),
            ),
            fault("E.164", json!({ "to_number": "07" }), 400, json!({ "code": "invalid_phone_number" })),
            fault(
                "404",
                json!({ "from_number": "+15559999999" }),
                404,
                detail("from_number is not registered to this organization"),
            ),
            fault(
                "403 demo",
                json!({ "from_number": "+15550000002" }),
                403,
                detail("outbound blocked (demo number)"),
            ),
            fault(
                "403 unverified",
                json!({ "from_number": "+15550000003" }),
                403,
                detail("outbound blocked (unverified VoIP)"),
            ),
            fault(
                "no agent",
                json!({ "from_number": "+15550000004", "agent_id": null }),
                400,
                json!({ "code": "agent_required" }),
            ),
            fault("agent", json!({ "agent_id": 12345 }), 400, json!({ "code": "agent_not_found" })),
            broke,
            failed,
        ]
    };
    let off = || json!({ "from_number": "+15550000005" });
    let broke = || fault("402 Payment Required", json!({}), 402, json!({ "code": "insufficient_balance" }));
    let poor = money("0");
    let unpaid = Fault { row: "402 before 502", fields: off(), ..broke() };
    prove_order(&poor, PATH, THUNDERPHONE, &example(), &rows([broke(), unpaid]));
    let rich = money("5");
    let failed = || fault("502 Bad Gateway", off(), 502, json!({ "code": "sip_failure" }));
    prove_order(&rich, PATH, THUNDERPHONE, &example(), &rows([failed(), failed()]));
    for house in [poor, rich] {
        assert_eq!((house.started(), house.callees.rung()), (0.0, 0));
    }
}
