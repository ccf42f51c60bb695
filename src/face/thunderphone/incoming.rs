//! The blocking webhook of calls that come in: what is asked, and the `config` that is answered.

use serde_json::json;
use serde_json::value::RawValue;

use super::request::config;
use crate::face::body::{Body, wrong};
use crate::model::{Arrival, InlineAgent, Refusal};

/// What is asked.
pub fn incoming(arrival: &Arrival) -> String {
    json!({
        "type": "telephony.incoming",
        "data": {
            "call_id": arrival.call.get(),
            "agent_id": arrival.agent.0,
            "direction": "inbound",
            "from_number": arrival.from.as_ref().map(|from| from.as_str()),
            "to_number": arrival.to.as_str(),
            "started_at": arrival.at,
        },
    })
    .to_string()
}

/// Who answers: the `config`, bare or under that name. `None`: the number's own agent, for an answer that says nothing.
pub fn parse_incoming(body: &[u8]) -> Result<Option<InlineAgent>, Refusal> {
    if matches!(body.trim_ascii(), b"" | b"null") {
        return Ok(None);
    }
    let fields = Body::parse(body)?;
    if fields.names().next().is_none() {
        return Ok(None);
    }
    if let Some(inner) = fields.field("config") {
        return config(inner).map(Some);
    }
    let whole: &RawValue =
        serde_json::from_slice(body).map_err(|error| wrong("body", format!("is not valid JSON: {error}")))?;
    config(whole).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_answers_bare_or_by_its_name_and_nothing_is_the_numbers_agent() {
        for body in [
            r#"{"prompt":"Hi.","voice":"nova"}"#,
            r#"{"prompt":"Hi.","voice_name":"nova"}"#,
            r#"{"config":{"prompt":"Hi.","voice":"nova"}}"#,
        ] {
            let agent = parse_incoming(body.as_bytes()).expect("valid").expect("an agent");
            assert_eq!((agent.prompt.as_str(), agent.voice.as_str()), ("Hi.", "nova"), "{body}");
        }
        for body in ["", " \n", "{}", "null"] {
            assert!(parse_incoming(body.as_bytes()).expect("valid").is_none(), "{body:?}");
        }
    }

    #[test]
    fn what_is_no_config_is_refused() {
        for body in [
            "ok",
            "[]",
            r#"{"prompt":"Hi."}"#,
            r#"{"config":{"voice":"nova"}}"#,
            r#"{"prompt":"a","voice":"b","x":1}"#,
        ] {
            assert!(parse_incoming(body.as_bytes()).is_err(), "{body}");
        }
    }
}
