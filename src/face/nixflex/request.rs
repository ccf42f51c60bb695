//! The body of `POST /v1/calls/outbound`. Checks go in the document's order: presence, types, E.164; agent, number and
//! trunk are the directory's.

use crate::face::Outbound;
use crate::face::body::{Body, PROMPT_BYTES_MAX, TEXT_BYTES_MAX, bound_interpolated};
use crate::model::{AgentChoice, Key, OutboundRequest, PhoneNumber, Refusal};

/// Parses and checks a body.
pub fn parse_outbound(key: &Key, body: &[u8]) -> Result<Outbound, Refusal> {
    let body = Body::parse(body)?;
    for field in ["agent_id", "to_number", "prompt"] {
        if body.is_blank(field) {
            return Err(Refusal::MissingField(field));
        }
    }
    let agent = body.text("agent_id", TEXT_BYTES_MAX)?.unwrap_or_default();
    let to_number = body.text("to_number", TEXT_BYTES_MAX)?.unwrap_or_default();
    let prompt = body.text("prompt", PROMPT_BYTES_MAX)?.unwrap_or_default();
    let variables = body.variables("dynamic_vars")?;
    let from_number = body.text("from_number", TEXT_BYTES_MAX)?;
    let campaign = body.text("campaign_id", TEXT_BYTES_MAX)?;
    let voicemail = body.typed("voicemail_action", "must be \"hangup\", \"leave_message\" or \"ignore\"")?;
    let voicemail_message = body.text("voicemail_message", PROMPT_BYTES_MAX)?;
    let metadata = body.object("metadata")?;
    let idempotency_key = body.text("idempotency_key", TEXT_BYTES_MAX)?;
    for text in [Some(&prompt), voicemail_message.as_ref()].into_iter().flatten() {
        bound_interpolated("dynamic_vars", text, &variables)?;
    }
    let to = to_number.parse().map_err(|_| Refusal::InvalidPhone { field: "to_number" })?;
    let from: Option<PhoneNumber> = from_number.as_ref().and_then(|text| text.parse().ok());
    Ok(Outbound {
        idempotency_key,
        from_unusable: from_number.is_some() && from.is_none(),
        request: OutboundRequest {
            from,
            prompt: Some(prompt),
            variables,
            campaign,
            voicemail,
            voicemail_message: voicemail_message.filter(|text| !text.trim().is_empty()),
            metadata,
            record: Some(true),
            ..OutboundRequest::new(key.tenant, key.id, AgentChoice::Named(agent), to)
        },
    })
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::face::body::{METADATA_BYTES_MAX, VARIABLE_BYTES_MAX, VARIABLES_MAX};
    use crate::model::{Face, KeyId, KeyScope, Secret, SpendControl, TenantId, VoicemailAction};

    pub fn key() -> Key {
        Key {
            id: KeyId(7),
            tenant: TenantId(1),
            face: Face::Nixflex,
            public: "nxf_a".into(),
            secret_hash: [0; 32],
            signing: Secret::new("nxfs_secret".into()),
            scope: KeyScope::Tenant,
            concurrent: None,
            reads_per_minute: None,
            writes_per_minute: None,
            spend: SpendControl::default(),
        }
    }

    fn parse(body: &str) -> Result<Outbound, Refusal> {
        parse_outbound(&key(), body.as_bytes())
    }

    /// The smallest valid body with these fields over it; `null` removes one.
    fn with(fields: Value) -> Result<Outbound, Refusal> {
        let mut body = json!({ "agent_id": "agent_demo", "to_number": "+447386172392", "prompt": "Hello" });
        for (name, value) in fields.as_object().expect("an object") {
            body[name] = value.clone();
        }
        parse(&body.to_string())
    }

    fn named(request: &OutboundRequest) -> &str {
        match &request.agent {
            AgentChoice::Named(name) => name,
            _ => panic!("Nixflex names its agents"),
        }
    }

    fn refusal(fields: Value) -> Refusal {
        with(fields).err().expect("must be refused")
    }

    fn field_of(refusal: Refusal) -> String {
        match refusal {
            Refusal::InvalidField { field, .. } => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_documents_own_example_is_valid() {
        let body = r#"{"agent_id": "agent_125207e452f8714a", "to_number": "+447386172392",
            "prompt": "You are Sarah. Remind {patient_name} about {appointment_time}.",
            "dynamic_vars": {"patient_name": "Sarah", "appointment_time": "Tuesday at 2pm"}}"#;
        let request = parse(body).expect("valid").request;
        assert_eq!(named(&request), "agent_125207e452f8714a");
        assert_eq!(request.to.as_str(), "+447386172392");
        assert_eq!(request.key, KeyId(7));
        let names: Vec<_> = request.variables.iter().map(|variable| variable.name.as_str()).collect();
        assert_eq!(names, ["appointment_time", "patient_name"]);
    }

    #[test]
    fn presence_goes_first_and_in_the_documents_order() {
        for (fields, missing) in [
            (json!({ "agent_id": null, "to_number": null, "prompt": null }), "agent_id"),
            (json!({ "agent_id": "", "to_number": "07" }), "agent_id"),
            (json!({ "to_number": null, "prompt": " " }), "to_number"),
            (json!({ "to_number": null, "to": "+447386172392" }), "to_number"),
            (json!({ "to_number": "" }), "to_number"),
            (json!({ "to_number": "07386172392", "prompt": " \n\t" }), "prompt"),
            (json!({ "agent_id": 5, "prompt": null }), "prompt"),
        ] {
            assert_eq!(refusal(fields.clone()), Refusal::MissingField(missing), "{fields}");
        }
    }

    #[test]
    fn to_beside_to_number_is_valid() {
        assert!(with(json!({ "to": "+15551234567" })).is_ok());
    }

    #[test]
    fn only_e164_is_dialled() {
        for to in
            ["07386172392", "447386172392", "+44 7386 172392", "+0123456", "+1234567890123456", "sip:a@b"]
        {
            assert_eq!(
                refusal(json!({ "to_number": to })),
                Refusal::InvalidPhone { field: "to_number" },
                "{to}"
            );
        }
    }

    #[test]
    fn a_from_number_that_is_none_is_left_to_be_refused_after_the_agent() {
        for from in ["", "07446466847", "anonymous"] {
            let outbound = with(json!({ "from_number": from })).expect("parses");
            assert!(outbound.from_unusable && outbound.request.from.is_none(), "{from}");
        }
        let outbound = with(json!({ "from_number": "+447446466847" })).expect("valid");
        assert!(!outbound.from_unusable && outbound.request.from.is_some());
    }

    #[test]
    fn known_fields_of_a_wrong_type_are_refused_by_name() {
        for (fields, field) in [
            (json!({ "agent_id": 5 }), "agent_id"),
            (json!({ "to_number": 447386172392_u64 }), "to_number"),
            (json!({ "prompt": ["a"] }), "prompt"),
            (json!({ "from_number": 1 }), "from_number"),
            (json!({ "campaign_id": {} }), "campaign_id"),
            (json!({ "dynamic_vars": "a" }), "dynamic_vars"),
            (json!({ "dynamic_vars": [] }), "dynamic_vars"),
            (json!({ "dynamic_vars": { "a": null } }), "dynamic_vars.a"),
            (json!({ "dynamic_vars": { "a": {} } }), "dynamic_vars.a"),
            (json!({ "dynamic_vars": { "a": ["b"] } }), "dynamic_vars.a"),
            (json!({ "voicemail_action": "explode" }), "voicemail_action"),
            (json!({ "voicemail_action": true }), "voicemail_action"),
            (json!({ "voicemail_message": 1 }), "voicemail_message"),
            (json!({ "metadata": "a" }), "metadata"),
            (json!({ "metadata": [1] }), "metadata"),
            (json!({ "idempotency_key": 1 }), "idempotency_key"),
        ] {
            assert_eq!(field_of(refusal(fields.clone())), field, "{fields}");
        }
    }

    #[test]
    fn what_is_too_long_or_holds_a_nul_is_refused() {
        for (fields, field) in [
            (json!({ "prompt": "a".repeat(PROMPT_BYTES_MAX + 1) }), "prompt"),
            (json!({ "prompt": "a\0b" }), "prompt"),
            (json!({ "agent_id": "a".repeat(TEXT_BYTES_MAX + 1) }), "agent_id"),
            (json!({ "dynamic_vars": { "a": "b\0" } }), "dynamic_vars.a"),
            (json!({ "dynamic_vars": { "a": "b".repeat(VARIABLE_BYTES_MAX + 1) } }), "dynamic_vars.a"),
            (json!({ "metadata": { "a": "b".repeat(METADATA_BYTES_MAX) } }), "metadata"),
            (
                json!({ "prompt": "{a}".repeat(20_000), "dynamic_vars": { "a": "b".repeat(1_000) } }),
                "dynamic_vars",
            ),
        ] {
            assert_eq!(field_of(refusal(fields)), field);
        }
        let many: serde_json::Map<_, _> = (0..=VARIABLES_MAX).map(|n| (n.to_string(), json!(1))).collect();
        assert_eq!(field_of(refusal(json!({ "dynamic_vars": many }))), "dynamic_vars");
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        for body in ["", "{", "[]", "\"a\"", "5", "null", "{\"a\":}", "{\"a\":1}}", "{'a':1}", "\u{feff}{}"] {
            assert_eq!(field_of(parse(body).err().expect("refused")), "body", "{body}");
        }
        let latin1 = b"{\"prompt\":\"\xe9\"}";
        assert_eq!(field_of(parse_outbound(&key(), latin1).err().expect("refused")), "body");
        let deep = format!("{{\"metadata\":{}", "[".repeat(200_000));
        assert_eq!(field_of(parse(&deep).err().expect("refused")), "body");
    }

    #[test]
    fn unknown_fields_and_repeated_names_are_tolerated() {
        let body =
            r#"{"agent_id": 5, "agent_id": "a", "to_number": "+12", "prompt": "p", "shape": {"a": [1e999]}}"#;
        assert_eq!(named(&parse(body).expect("valid").request), "a");
    }

    #[test]
    fn numbers_and_booleans_are_said_as_they_were_written() {
        let body = r#"{"agent_id": "a", "to_number": "+12", "prompt": "p", "dynamic_vars":
            {"a": 12345678901234567890123, "b": 1.50, "c": true, "d": "x", "e": 1e999, "f": -0}}"#;
        let variables = parse(body).expect("valid").request.variables;
        let values: Vec<_> = variables.iter().map(|variable| variable.value.as_str()).collect();
        assert_eq!(values, ["12345678901234567890123", "1.50", "true", "x", "1e999", "-0"]);
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_it_panic(bytes: Vec<u8>, fields in "(\\{|\\}|\"|:|,|\\\\|[a-z_]{1,12}|[0-9]{1,3}|null){0,40}") {
            let _ = parse_outbound(&key(), &bytes);
            let _ = parse_outbound(&key(), fields.as_bytes());
        }
    }

    #[test]
    fn the_rest_is_carried_along() {
        let outbound = with(json!({
            "campaign_id": "batchcall_1", "voicemail_action": "leave_message", "voicemail_message": "Call us.",
            "metadata": { "order": 5 }, "idempotency_key": "k1", "from_number": null, "dynamic_vars": null,
        }));
        let outbound = outbound.expect("valid");
        let request = outbound.request;
        assert_eq!(outbound.idempotency_key.as_deref(), Some("k1"));
        assert_eq!(request.campaign.as_deref(), Some("batchcall_1"));
        assert_eq!(request.voicemail, Some(VoicemailAction::LeaveMessage));
        assert_eq!(request.voicemail_message.as_deref(), Some("Call us."));
        assert_eq!(request.metadata.as_deref(), Some(r#"{"order":5}"#));
        assert!(request.from.is_none() && request.variables.is_empty());
    }
}
