use serde_json::{Value, json};

use super::super::request::tests::key;
use super::*;

/// Seed 001's own example.
const EXAMPLE: &str = r#"{
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
  }"#;

fn parse(body: &str) -> Result<Batch, BatchRefusal> {
    parse_batch(&key(), body.as_bytes())
}

/// The smallest valid body with these fields over it; `null` removes one.
fn with(fields: Value) -> Result<Batch, BatchRefusal> {
    let mut body =
        json!({ "agent_id": "a", "prompt": "Hello", "recipients": [{ "phone": "+447111000001" }] });
    for (name, value) in fields.as_object().expect("an object") {
        body[name] = value.clone();
    }
    parse(&body.to_string())
}

fn refusal(fields: Value) -> BatchRefusal {
    with(fields).err().expect("must be refused")
}

fn request(fields: Value) -> BatchRequest {
    with(fields).unwrap_or_else(|refusal| panic!("{refusal}")).request
}

#[test]
fn the_documents_own_example_is_valid() {
    let request = parse(EXAMPLE).unwrap_or_else(|refusal| panic!("{refusal}")).request;
    assert_eq!(request.recipients.len(), 3);
    assert_eq!(request.recipients[1].variables[0].value, "John");
    assert!(request.invalid.is_empty());
    assert_eq!(request.date, Ok(Some(jiff::civil::date(2026, 6, 15))));
    assert_eq!(request.zone.expect("valid").expect("given").name(), "Europe/London");
    let window = request.window.expect("valid");
    assert_eq!(window.minutes, Some((540, 1_080)));
    assert_eq!(window.days, Days::from_names(["mon", "tue", "wed", "thu", "fri"]));
}

#[test]
fn presence_goes_first_and_in_the_documents_order() {
    for (fields, missing) in [
        (json!({ "prompt": null, "agent_id": null, "recipients": null }), "prompt"),
        (json!({ "prompt": " \n", "recipients": [{ "phone": "x" }] }), "prompt"),
        (json!({ "agent_id": "", "recipients": [] }), "agent_id"),
        (json!({ "recipients": null, "schedule_type": "schedule" }), "recipients"),
        (json!({ "recipients": [] }), "recipients"),
        (json!({ "schedule_type": "schedule", "recipients": [{ "phone": "x" }] }), "scheduled_date"),
        (json!({ "schedule_type": "schedule", "scheduled_date": "" }), "scheduled_date"),
    ] {
        assert_eq!(refusal(fields.clone()), Refusal::MissingField(missing).into(), "{fields}");
    }
    assert!(with(json!({ "schedule_type": "now" })).is_ok());
}

#[test]
fn every_invalid_phone_is_listed_with_its_place() {
    let listed = json!([{ "phone": "+447111000001" }, { "phone": "07111000002" }, {}, { "phone": 44 },
        { "phone": "+447111000005" }, { "phone": null }]);
    let invalid = [
        (1, Some("07111000002"), "not a valid E.164 number"),
        (2, None, "missing"),
        (3, Some("44"), "not a string"),
        (5, None, "missing"),
    ];
    let invalid: Vec<_> = invalid
        .map(|(index, phone, reason)| InvalidRecipient { index, phone: phone.map(String::from), reason })
        .into();
    let expected = BatchRefusal::InvalidRecipients(invalid.clone());
    assert_eq!(refusal(json!({ "recipients": listed })), expected);
    let skipped = request(json!({ "recipients": listed, "skip_invalid": true }));
    assert_eq!((skipped.recipients.len(), skipped.invalid), (2, invalid));
    // Nobody is left to call.
    assert!(matches!(
        refusal(json!({ "recipients": [{ "phone": "1" }], "skip_invalid": true })),
        BatchRefusal::InvalidRecipients(_)
    ));
    // Whatever else the campaign room will find wrong.
    assert!(matches!(
        refusal(json!({ "recipients": [{ "phone": "1" }], "timezone": "Mars/Olympus" })),
        BatchRefusal::InvalidRecipients(_)
    ));
}

#[test]
fn wrong_types_are_refused_by_name() {
    for (fields, field) in [
        (json!({ "recipients": "all" }), "recipients"),
        (json!({ "recipients": ["+447111000001"] }), "recipients[0]"),
        (json!({ "recipients": [{ "phone": "+447111000001", "variables": [] }] }), "recipients[0].variables"),
        (
            json!({ "recipients": [{ "phone": "+447111000001", "variables": { "a": {} } }] }),
            "recipients[0].variables.a",
        ),
        (
            json!({ "recipients": [{ "phone": "+447111000001", "prompt_override": 5 }] }),
            "recipients[0].prompt_override",
        ),
        (
            json!({ "recipients": [{ "phone": "+447111000001", "timezone": "Mars/Olympus" }] }),
            "recipients[0].timezone",
        ),
        (json!({ "agent_id": 5 }), "agent_id"),
        (json!({ "prompt": {} }), "prompt"),
        (json!({ "name": 5 }), "name"),
        (json!({ "name": "a\u{0}" }), "name"),
        (json!({ "skip_invalid": "yes" }), "skip_invalid"),
        (json!({ "schedule_type": 1 }), "schedule_type"),
        (json!({ "timezone": 1 }), "timezone"),
        (json!({ "window_start_minutes": "540", "window_end_minutes": 1_080 }), "window_start_minutes"),
        (json!({ "window_start_minutes": 540.5, "window_end_minutes": 1_080 }), "window_start_minutes"),
        (json!({ "window_days": "mon" }), "window_days"),
        (json!({ "callee_window_end_minutes": "540" }), "callee_window_end_minutes"),
        (json!({ "idempotency_key": 1 }), "idempotency_key"),
    ] {
        match refusal(fields.clone()) {
            BatchRefusal::Refused(Refusal::InvalidField { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{fields}: {other:?}"),
        }
    }
}

#[test]
fn schedules_zones_and_windows_are_judged_later_and_read_here() {
    for (fields, is_valid) in [
        (json!({ "scheduled_date": "nonsense" }), true),
        (json!({ "schedule_type": "schedule", "scheduled_date": "2026-02-29" }), false),
        (json!({ "schedule_type": "schedule", "scheduled_date": "15/06/2026" }), false),
        (json!({ "schedule_type": "schedule", "scheduled_date": "2026-06-15T10:00" }), false),
        (json!({ "schedule_type": "later" }), false),
    ] {
        assert_eq!(request(fields.clone()).date.is_ok(), is_valid, "{fields}");
    }
    for (zone, is_valid) in [("Asia/Dubai", true), ("", false), ("GMT+25", false), ("London", false)] {
        assert_eq!(request(json!({ "timezone": zone })).zone.is_ok(), is_valid, "{zone}");
    }
    for (fields, minutes) in [
        (json!({}), Some(None)),
        (json!({ "window_start_minutes": 1_080, "window_end_minutes": 120 }), Some(Some((1_080, 120)))),
        (json!({ "window_start_minutes": 0, "window_end_minutes": 1_440 }), Some(Some((0, 1_440)))),
        (json!({ "window_start_minutes": 540 }), None),
        (json!({ "window_end_minutes": 540 }), None),
        (json!({ "window_start_minutes": 540, "window_end_minutes": 540 }), None),
        (json!({ "window_start_minutes": -1, "window_end_minutes": 540 }), None),
        (json!({ "window_start_minutes": 1_440, "window_end_minutes": 540 }), None),
        (json!({ "window_start_minutes": 540, "window_end_minutes": 1_441 }), None),
        (json!({ "window_days": [] }), None),
        (json!({ "window_days": ["mon", "Tuesday"] }), None),
    ] {
        assert_eq!(request(fields.clone()).window.ok().map(|window| window.minutes), minutes, "{fields}");
    }
    let callees = request(json!({ "callee_window_start_minutes": 480, "callee_window_end_minutes": 1_260 }));
    assert_eq!(callees.callee_window.map(|window| window.minutes), Ok(Some((480, 1_260))));
    assert_eq!(callees.window, Ok(Window::default()), "the campaign's own is another");
    assert!(request(json!({ "callee_window_start_minutes": 480 })).callee_window.is_err());
    let from = |text: &str| request(json!({ "from_number": text })).from.map(|from| from.is_ok());
    assert_eq!((from("+447446466847"), from("0744"), from("")), (Some(true), Some(false), Some(false)));
}

#[test]
fn one_bad_of_fifty_thousand_is_found() {
    let mut listed: Vec<_> =
        (0..50_000).map(|number| json!({ "phone": format!("+4471110{number:05}") })).collect();
    listed[31_337] = json!({ "phone": "+0" });
    let only = |refusal| match refusal {
        BatchRefusal::InvalidRecipients(invalid) => (invalid.len(), invalid[0].index),
        other => panic!("{other:?}"),
    };
    assert_eq!(only(refusal(json!({ "recipients": listed }))), (1, 31_337));
    let skipped = request(json!({ "recipients": listed, "skip_invalid": true }));
    assert_eq!((skipped.recipients.len(), skipped.invalid.len()), (49_999, 1));
}

#[test]
fn a_blank_override_is_none_and_a_prompt_that_grows_too_long_is_refused() {
    let own = |text: &str| {
        let listed = json!([{ "phone": "+447111000001", "prompt_override": text }]);
        request(json!({ "recipients": listed })).recipients[0].prompt.clone()
    };
    assert_eq!((own(" "), own("Hi")), (None, Some("Hi".into())));
    let listed = json!([{ "phone": "+447111000001", "variables": { "a": "x".repeat(4_096) } }]);
    let prompt = "{a}".repeat(300);
    assert!(matches!(
        refusal(json!({ "prompt": prompt, "recipients": listed })),
        BatchRefusal::Refused(Refusal::InvalidField { field, .. }) if field == "recipients[0].variables"
    ));
}
