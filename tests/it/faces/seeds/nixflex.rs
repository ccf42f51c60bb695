//! Nixflex, "Create outbound call": its command, its response, its fields, its order of validation, its errors.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{Fault, curl, line, names, prove, prove_order};
use crate::callees::number;
use crate::faces::{House, NIXFLEX};

const PATH: &str = "/v1/calls/outbound";

const COMMAND: &str = r#"curl -X POST https://api.nixflex.com/v1/calls/outbound \
  -H "Authorization: Bearer KEY_ID:KEY_SECRET" \
  -H "Content-Type: application/json" \
  -d '{
    "agent_id": "agent_125207e452f8714a",
    "to_number": "+447386172392",
    "prompt": "You are Sarah from Bright Smile Dental. Call to remind {patient_name} about their appointment on {appointment_time} and confirm they can still attend.",
    "dynamic_vars": {
      "patient_name": "Sarah",
      "appointment_time": "Tuesday at 2pm"
    }
  }'
"#;

/// The agents of the errors' table.
const AGENTS: &str = r#"
[[number]]
e164 = "+15550000020"
agent = "agent_125207e452f8714a"
trunk = "t1"
[[number]]
e164 = "+15550000025"
agent = "agent_125207e452f8714a"
outbound = true
[[agent]]
id = "agent_trunkless"
[[number]]
e164 = "+15550000021"
agent = "agent_trunkless"
outbound = true
[[agent]]
id = "agent_inbound"
[[number]]
e164 = "+15550000022"
agent = "agent_inbound"
trunk = "t1"
[[agent]]
id = "agent_legacy"
phone_number = "+15550000023"
trunk = "t1"
[[agent]]
id = "agent_off"
[[number]]
e164 = "+15550000024"
agent = "agent_off"
trunk = "off"
outbound = true
"#;

pub fn house() -> House {
    House::with(|setup, hook| {
        let agent = format!("webhook_url = \"{hook}\"");
        setup.agent_named("agent_125207e452f8714a").agent(&agent).extra(AGENTS)
    })
}

fn example() -> Value {
    json!({
        "agent_id": "agent_125207e452f8714a",
        "to_number": number(Persona::Person),
        "prompt": "Hello {patient_name}. [END_CALL]",
        "dynamic_vars": { "patient_name": "Sarah" },
    })
}

#[test]
fn its_command_is_answered_with_its_response_and_what_happens_next_happens() {
    let house = house();
    let keys = [("https://api.nixflex.com", "{base}"), ("KEY_ID:KEY_SECRET", "nxf_demo:nxfs_demo")];
    let reply = curl(&house, COMMAND, &keys);
    assert_eq!(reply.status, 201, "201 Created: {reply:?}");
    let call = reply.json["call_id"].as_str().expect("a call_id").to_owned();
    assert!(call.starts_with("CA"), "CA1234567890: {call}");
    let shown =
        json!({ "call_id": call, "status": "initiated", "to": "+447386172392", "from": "+447446466847" });
    assert_eq!(reply.json, shown);
    assert_eq!(names(&reply.text), ["call_id", "status", "to", "from"], "in its order");
    // A voicemail answers at that number of the simulator's: "If voicemail is detected, the engine ends the call."
    let end = house.until(&format!("/v1/calls/{call}"), NIXFLEX, "ended_at");
    assert_eq!(end["ended_reason"], "voicemail_detected", "{end}");
    assert!(end["recording_url"].is_string(), "\"The recording is saved\": {end}");
    let told = house.told(2);
    assert_eq!(
        told[1].json["event"], "call.completed",
        "\"A call.completed webhook fires to your webhook_url\""
    );
    assert_eq!(told[1].json["call_id"], call);
}

#[test]
fn every_line_about_a_field_holds() {
    let house = house();
    let (to, ours) = (number(Persona::Busy), "+447446466847");
    let created = |from: &str| json!({ "status": "initiated", "to": to, "from": from });
    let missing =
        |field: &str| json!({ "error": { "code": "missing_field", "details": { "field": field } } });
    let busy = json!({ "to_number": to });
    let with = |fields: Value| crate::faces::over(&busy, &fields);
    prove(
        &house,
        PATH,
        NIXFLEX,
        &example(),
        &[
            line("dynamic_vars: No", with(json!({ "dynamic_vars": null })), 201, created(ours)),
            line(
                "If you omit it, the agent's first outbound-enabled number",
                with(json!({})),
                201,
                created(ours),
            ),
            line(
                "You passed from_number: exactly that number",
                with(json!({ "from_number": ours })),
                201,
                created(ours),
            ),
            line(
                "Legacy fallback",
                with(json!({ "agent_id": "agent_legacy" })),
                201,
                created("+15550000023"),
            ),
            line(
                "campaign_id: link this call",
                with(json!({ "campaign_id": "batchcall_7f8fe206a5522cb7" })),
                201,
                created(ours),
            ),
            line(
                "Sending to will fail with missing_field",
                json!({ "to_number": null, "to": to }),
                400,
                missing("to_number"),
            ),
            line("prompt is not blank", json!({ "prompt": " \n" }), 400, missing("prompt")),
            line(
                "not 07386172392",
                json!({ "to_number": "07386172392" }),
                400,
                json!({ "error": { "code": "invalid_phone_format" } }),
            ),
            line(
                "An inbound-only number does not count",
                json!({ "agent_id": "agent_inbound" }),
                400,
                json!({ "error": { "code": "agent_missing_phone_number" } }),
            ),
            line(
                "It must be outbound-enabled on this agent",
                json!({ "from_number": "+15550000020" }),
                400,
                json!({ "error": { "code": "from_number_not_found" } }),
            ),
        ],
    );
    // "If the prompt references a variable that is not in dynamic_vars, it is left as-is."
    let asked = with(json!({ "prompt": "Hello {patient_nam}. [END_CALL]" }));
    let reply = house.post(PATH, NIXFLEX, &crate::faces::over(&example(), &asked));
    let read = house.get(&format!("/v1/calls/{}", reply.json["call_id"].as_str().expect("an id")), NIXFLEX);
    assert!(read.json["warnings"].to_string().contains("patient_nam"), "{read:?}");
}

#[test]
fn every_row_of_its_errors_in_the_order_of_validation() {
    let house = house();
    let fault = |row, fields, status, code: &str| Fault {
        row,
        fields,
        key: None,
        status,
        shows: json!({ "error": { "code": code } }),
    };
    prove_order(
        &house,
        PATH,
        NIXFLEX,
        &example(),
        &[
            fault("1 missing_field: agent_id", json!({ "agent_id": null }), 400, "missing_field"),
            fault("1 missing_field: to_number", json!({ "to_number": "" }), 400, "missing_field"),
            fault("1 missing_field: prompt", json!({ "prompt": " " }), 400, "missing_field"),
            fault(
                "2 invalid_phone_format",
                json!({ "to_number": "07386172392" }),
                400,
                "invalid_phone_format",
            ),
            fault(
                "3 the agent exists and is yours",
                json!({ "agent_id": "agent_0000000000000001" }),
                400,
                "agent_not_found",
            ),
            fault(
                "4 from_number_not_found",
                json!({ "from_number": "+15550000020" }),
                400,
                "from_number_not_found",
            ),
            fault(
                "4 agent_missing_phone_number",
                json!({ "agent_id": "agent_inbound" }),
                400,
                "agent_missing_phone_number",
            ),
            fault(
                "5 agent_missing_twilio_credentials",
                json!({ "agent_id": "agent_trunkless" }),
                400,
                "agent_missing_twilio_credentials",
            ),
            fault(
                "5 the chosen number has none",
                json!({ "from_number": "+15550000025", "agent_id": "agent_125207e452f8714a" }),
                400,
                "agent_missing_twilio_credentials",
            ),
            fault("outbound_failed: off", json!({ "agent_id": "agent_off" }), 502, "outbound_failed"),
            fault(
                "outbound_failed: forbidden",
                json!({ "to_number": "+8821234567" }),
                502,
                "outbound_failed",
            ),
        ],
    );
    let refused =
        house.post(PATH, NIXFLEX, &crate::faces::over(&example(), &json!({ "to_number": "+8821234567" })));
    let details = &refused.json["error"]["details"];
    assert!(
        details["twilio_error"].is_string() && details["sip_code"].is_null(),
        "see details.twilio_error: {details}"
    );
    assert_eq!((house.started(), house.callees.rung()), (0.0, 0), "nothing was dialled");
}
