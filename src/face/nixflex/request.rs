//! The body of `POST /v1/calls/outbound`. Checks go in the document's order: presence, types, E.164; agent, number and
//! trunk are the directory's.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{Key, OutboundRequest, PhoneNumber, Refusal, Variable, VoicemailAction};

/// A prompt is at most so many bytes: an hour of speech.
pub(super) const PROMPT_BYTES_MAX: usize = 65_536;
/// Variables of one call.
const VARIABLES_MAX: usize = 256;
/// A variable's value, in bytes.
const VARIABLE_BYTES_MAX: usize = 4_096;
/// The most that a prompt may become once its variables stand in it, in bytes.
const INTERPOLATED_BYTES_MAX: usize = 1 << 20;
/// Names, identifiers and other short texts, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 255;
/// `metadata`, in bytes of JSON.
const METADATA_BYTES_MAX: usize = 16_384;

/// A valid body.
pub struct Outbound {
    /// The request, for this key. Its idempotency is not set: the header has a say in it.
    pub request: OutboundRequest,
    /// `idempotency_key` of the body.
    pub idempotency_key: Option<String>,
    /// `from_number` was given and is no number. Then it is nobody's number, and is refused as such (seed 000:
    /// `from_number_not_found`), but only once the agent is known to exist.
    pub from_unusable: bool,
}

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
    let voicemail = body.voicemail()?;
    let voicemail_message = body.text("voicemail_message", PROMPT_BYTES_MAX)?;
    let metadata = body.metadata()?;
    let idempotency_key = body.text("idempotency_key", TEXT_BYTES_MAX)?;
    for text in [Some(&prompt), voicemail_message.as_ref()].into_iter().flatten() {
        bound_interpolated(text, &variables)?;
    }
    let to = to_number.parse().map_err(|_| Refusal::InvalidPhone { field: "to_number" })?;
    let from: Option<PhoneNumber> = from_number.as_ref().and_then(|text| text.parse().ok());
    Ok(Outbound {
        idempotency_key,
        from_unusable: from_number.is_some() && from.is_none(),
        request: OutboundRequest {
            tenant: key.tenant,
            key: key.id,
            agent,
            to,
            from,
            prompt,
            variables,
            campaign,
            recipient: None,
            voicemail,
            voicemail_message: voicemail_message.filter(|text| !text.trim().is_empty()),
            metadata,
            idempotency: None,
        },
    })
}

/// The body's fields, each still as it was written: a number keeps its digits, an unknown field costs nothing, and of two
/// equal names the last one holds, as in JavaScript.
pub(super) struct Body<'b>(HashMap<String, &'b RawValue>);

impl<'b> Body<'b> {
    pub fn parse(bytes: &'b [u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("body", "is not UTF-8"))?;
        Self::of(text)
    }

    /// An object of a body.
    pub fn of(text: &'b str) -> Result<Self, Refusal> {
        if text.trim_ascii_start().starts_with(['[', '"']) {
            return Err(wrong("body", "must be a JSON object"));
        }
        serde_json::from_str(text)
            .map(Self)
            .map_err(|error| wrong("body", format!("is not valid JSON: {error}")))
    }

    /// A field's value; `null` is as good as nothing.
    pub fn field(&self, name: &str) -> Option<&'b RawValue> {
        self.0.get(name).copied().filter(|raw| raw.get() != "null")
    }

    /// Absent, `null`, or a text of nothing but white space.
    pub fn is_blank(&self, name: &str) -> bool {
        let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get());
        self.field(name).is_none_or(|raw| text(raw).is_ok_and(|text| text.trim().is_empty()))
    }

    pub fn typed<T: Deserialize<'b>>(&self, name: &str, reason: &str) -> Result<Option<T>, Refusal> {
        let Some(raw) = self.field(name) else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| wrong(name, reason))
    }

    pub fn text(&self, name: &str, bytes_max: usize) -> Result<Option<String>, Refusal> {
        let text: Option<String> = self.typed(name, "must be a string")?;
        text.map(|text| bounded(name, text, bytes_max)).transpose()
    }

    /// An object of texts, numbers and booleans.
    pub fn variables(&self, name: &str) -> Result<Vec<Variable>, Refusal> {
        let Some(raw) = self.field(name) else { return Ok(Vec::new()) };
        // Sorted, so that a request means the same however its names were ordered.
        let fields: BTreeMap<String, &RawValue> =
            serde_json::from_str(raw.get()).map_err(|_| wrong(name, "must be an object"))?;
        if fields.len() > VARIABLES_MAX {
            return Err(wrong(name, format!("has more than {VARIABLES_MAX} entries")));
        }
        let mut variables = Vec::with_capacity(fields.len());
        for (variable, raw) in fields {
            let path = format!("{name}.{variable}");
            if variable.len() > TEXT_BYTES_MAX {
                return Err(wrong(name, format!("has a name longer than {TEXT_BYTES_MAX} bytes")));
            }
            let value = match raw.get().as_bytes() {
                [b'"', ..] => {
                    serde_json::from_str(raw.get()).map_err(|_| wrong(&path, "must be a string"))?
                }
                [b'{' | b'[' | b'n', ..] => {
                    return Err(wrong(&path, "must be a string, a number or a boolean"));
                }
                _ => raw.get().to_owned(),
            };
            variables.push(Variable { value: bounded(&path, value, VARIABLE_BYTES_MAX)?, name: variable });
        }
        Ok(variables)
    }

    fn voicemail(&self) -> Result<Option<VoicemailAction>, Refusal> {
        self.typed("voicemail_action", "must be \"hangup\", \"leave_message\" or \"ignore\"")
    }

    fn metadata(&self) -> Result<Option<String>, Refusal> {
        let Some(raw) = self.field("metadata") else { return Ok(None) };
        if !raw.get().starts_with('{') {
            return Err(wrong("metadata", "must be an object"));
        }
        bounded("metadata", raw.get().to_owned(), METADATA_BYTES_MAX).map(Some)
    }
}

/// Neither too long nor with a NUL, which no database text and no program's argument can hold.
pub(super) fn bounded(field: &str, text: String, bytes_max: usize) -> Result<String, Refusal> {
    if text.len() > bytes_max {
        return Err(wrong(field, format!("is longer than {bytes_max} bytes")));
    }
    if text.contains('\0') {
        return Err(wrong(field, "contains a NUL"));
    }
    Ok(text)
}

/// Many placeholders times a long value is more than anybody says: refused by the most it could become.
fn bound_interpolated(text: &str, variables: &[Variable]) -> Result<(), Refusal> {
    if !can_be_said(text.len(), placeholders(text), variables) {
        return Err(wrong("dynamic_vars", "would make the prompt too long"));
    }
    Ok(())
}

/// May a text of so many bytes and placeholders be filled with these?
pub(super) fn can_be_said(bytes: usize, placeholders: usize, variables: &[Variable]) -> bool {
    let longest = variables.iter().map(|variable| variable.value.len()).max().unwrap_or(0);
    bytes + placeholders * longest <= INTERPOLATED_BYTES_MAX
}

/// At most so many.
pub(super) fn placeholders(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'{').count()
}

pub(super) fn wrong(field: &str, reason: impl Into<String>) -> Refusal {
    Refusal::InvalidField { field: field.to_owned(), reason: reason.into() }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::{Face, KeyId, Secret, TenantId};

    pub fn key() -> Key {
        Key {
            id: KeyId(7),
            tenant: TenantId(1),
            face: Face::Nixflex,
            public: "nxf_a".into(),
            secret_hash: [0; 32],
            signing: Secret::new("nxfs_secret".into()),
            concurrent: None,
            reads_per_minute: None,
            writes_per_minute: None,
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
        assert_eq!(request.agent, "agent_125207e452f8714a");
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
        assert_eq!(parse(body).expect("valid").request.agent, "a");
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
