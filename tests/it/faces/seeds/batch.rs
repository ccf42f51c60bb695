//! Nixflex, "Create batch campaign": its command, its response, its fields, its errors.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{Fault, curl, line, names, nixflex, prove, prove_order};
use crate::callees::number;
use crate::faces::{NIXFLEX, over};

const PATH: &str = "/v1/calls/batch";

const COMMAND: &str = r#"curl -X POST https://api.nixflex.com/v1/calls/batch \
  -H "Authorization: Bearer KEY_ID:KEY_SECRET" \
  -H "Content-Type: application/json" \
  -d '{
    "agent_id": "agent_125207e452f8714a",
    "from_number": "+447446466847",
    "name": "Tuesday appointment reminders",
    "prompt": "You are Sarah from Bright Smile Dental. Call to remind the patient about their check-up tomorrow and confirm they can attend.",
    "timezone": "Europe/London",
    "recipients": [
      { "phone": "+447111000001" },
      { "phone": "+447111000002", "variables": { "patient_name": "John" } },
      { "phone": "+447111000003" }
    ],
    "schedule_type": "schedule",
    "scheduled_date": "2026-06-15",
    "window_start_minutes": 540,
    "window_end_minutes": 1080,
    "window_days": ["mon","tue","wed","thu","fri"]
  }'
"#;

/// Due so late that nobody is called meanwhile.
fn example() -> Value {
    json!({ "agent_id": "agent_125207e452f8714a", "prompt": "Hello. [END_CALL]", "from_number": "+447446466847",
        "schedule_type": "schedule", "scheduled_date": "2099-06-15", "recipients": [{ "phone": "+447111000001" }] })
}

#[test]
fn its_command_is_answered_with_its_response() {
    let house = nixflex::house();
    let keys = [("https://api.nixflex.com", "{base}"), ("KEY_ID:KEY_SECRET", "nxf_demo:nxfs_demo")];
    let later = [&keys[..], &[("2026-06-15", "2099-06-15")]].concat();
    // Its date is over by now: due, and called inside the window. With another date it waits.
    for (command, keys) in [(COMMAND, &keys[..]), (COMMAND, &later)] {
        let reply = curl(&house, command, keys);
        let id = reply.json["campaign_id"].as_str().expect("an id").to_owned();
        assert!(id.starts_with("batchcall_") && id.len() == "batchcall_7f8fe206a5522cb7".len(), "{id}");
        let shown = json!({ "campaign_id": id, "status": "scheduled", "valid_count": 3, "invalid_count": 0, "invalid": [] });
        assert_eq!((reply.status, &reply.json), (201, &shown));
        assert_eq!(names(&reply.text), ["campaign_id", "status", "valid_count", "invalid_count", "invalid"]);
    }
    let now = over(
        &example(),
        &json!({ "schedule_type": null, "scheduled_date": null,
        "recipients": [{ "phone": number(Persona::Busy) }] }),
    );
    let reply = house.post(PATH, NIXFLEX, &now);
    assert_eq!(
        (reply.status, &reply.json["status"]),
        (201, &json!("running")),
        "schedule_type now launches immediately"
    );
}

#[test]
fn every_line_about_a_field_holds() {
    let house = nixflex::house();
    let scheduled = json!({ "status": "scheduled", "valid_count": 1 });
    let failed = |reason: &str| json!({ "error": { "code": "campaign_creation_failed", "details": { "reason": reason } } });
    let one_bad = json!([{ "phone": "07111000001" }, { "phone": "+447111000002" }]);
    prove(
        &house,
        PATH,
        NIXFLEX,
        &example(),
        &[
            line("name: No", json!({ "name": "Tuesday" }), 201, scheduled.clone()),
            line(
                "prompt_override replaces it for that recipient",
                json!({ "recipients": [{ "phone": "+447111000001", "prompt_override": "Hi." }] }),
                201,
                scheduled.clone(),
            ),
            line(
                "from_number: optional when the agent has exactly one",
                json!({ "agent_id": "agent_off", "from_number": null }),
                201,
                scheduled.clone(),
            ),
            line(
                "If the agent has multiple numbers attached, this field is required",
                json!({ "from_number": null }),
                400,
                failed("from_number_required"),
            ),
            line(
                "skip_invalid false: reject the whole request",
                json!({ "recipients": one_bad }),
                400,
                json!({ "error": { "code": "invalid_phone_format" } }),
            ),
            line(
                "skip_invalid true: dial valid numbers only",
                json!({ "recipients": one_bad, "skip_invalid": true }),
                201,
                json!({ "valid_count": 1, "invalid_count": 1,
            "invalid": [{ "index": 0, "phone": "07111000001", "reason": "not a valid E.164 number" }] }),
            ),
            line(
                "scheduled_date: YYYY-MM-DD",
                json!({ "scheduled_date": "15.06.2099" }),
                400,
                failed("invalid_schedule"),
            ),
            line(
                "window: minutes since midnight",
                json!({ "window_start_minutes": 540, "window_end_minutes": 1080 }),
                201,
                scheduled.clone(),
            ),
            line(
                "Overnight windows are supported",
                json!({ "window_start_minutes": 1080, "window_end_minutes": 120 }),
                201,
                scheduled.clone(),
            ),
            line(
                "window_days: allowed weekdays",
                json!({ "window_days": ["mon", "fri"] }),
                201,
                scheduled.clone(),
            ),
            line("timezone: IANA", json!({ "timezone": "Asia/Dubai" }), 201, scheduled.clone()),
            line(
                "Invalid values are rejected with invalid_timezone",
                json!({ "timezone": "Mars/Olympus" }),
                400,
                failed("invalid_timezone"),
            ),
            line(
                "from_number ownership failures",
                json!({ "from_number": "+15559999999" }),
                400,
                failed("from_number_not_found"),
            ),
        ],
    );
    assert_eq!(house.callees.rung(), 0);
}

#[test]
fn every_row_of_its_errors_in_the_order_of_checks() {
    let house = nixflex::house();
    let fault = |row, fields, code: &str| Fault {
        row,
        fields,
        key: None,
        status: 400,
        shows: json!({ "error": { "type": "invalid_request", "code": code } }),
    };
    let failed = |row, fields, reason: &str| Fault {
        shows: json!({ "error": { "code": "campaign_creation_failed", "details": { "reason": reason } } }),
        ..fault(row, fields, "")
    };
    prove_order(
        &house,
        PATH,
        NIXFLEX,
        &example(),
        &[
            fault("missing_field: prompt", json!({ "prompt": "" }), "missing_field"),
            fault("missing_field: agent_id", json!({ "agent_id": null }), "missing_field"),
            fault("missing_field: recipients", json!({ "recipients": [] }), "missing_field"),
            fault("missing_field: scheduled_date", json!({ "scheduled_date": null }), "missing_field"),
            fault(
                "invalid_phone_format",
                json!({ "recipients": [{ "phone": "07" }] }),
                "invalid_phone_format",
            ),
            failed("agent_not_found", json!({ "agent_id": "nobody" }), "agent_not_found"),
            failed("from_number_required", json!({ "from_number": null }), "from_number_required"),
            failed(
                "agent_missing_phone_number",
                json!({ "agent_id": "agent_inbound", "from_number": null }),
                "agent_missing_phone_number",
            ),
            failed(
                "from_number_not_found",
                json!({ "from_number": "+15559999999" }),
                "from_number_not_found",
            ),
            failed(
                "agent_missing_twilio_credentials",
                json!({ "from_number": "+15550000025" }),
                "agent_missing_twilio_credentials",
            ),
            failed("invalid_schedule", json!({ "scheduled_date": "2099-02-30" }), "invalid_schedule"),
            failed("invalid_timezone", json!({ "timezone": "Mars/Olympus" }), "invalid_timezone"),
            failed("invalid_window", json!({ "window_start_minutes": 540 }), "invalid_window"),
        ],
    );
    assert_eq!(house.get(PATH, NIXFLEX).json["count"], 0, "what was refused left nothing");
}
