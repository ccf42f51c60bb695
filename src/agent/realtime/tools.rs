//! What a model may do besides talking: what it is told of that, and what its asking means.

use serde_json::{Map, Value, json};
use trunkline_media::Digits;

use crate::model::{DIGITS_MAX, PhoneNumber, Step, Tools};

/// Bytes of a call's id at the model's, of its arguments, and of what a webhook's answer tells.
pub(super) const ID_BYTES_MAX: usize = 256;
pub(super) const ARGUMENTS_BYTES_MAX: usize = 16 * 1024;
pub(super) const RESULT_BYTES_MAX: usize = 16 * 1024;

/// A tool as a model is told of it.
pub(super) struct Told<'a> {
    pub name: &'a str,
    pub description: &'a str,
    /// A JSON schema of its arguments.
    pub parameters: Value,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Deed {
    /// The call ends when what was said is heard.
    EndCall,
    /// The call does this.
    Step(Step),
    /// This webhook, by its place among them, gets these arguments.
    Webhook(usize, Map<String, Value>),
}

/// All that it may do.
pub(super) fn told(tools: &Tools) -> Vec<Told<'_>> {
    let mut all = Vec::new();
    if tools.end_call {
        let parameters = json!({ "type": "object", "properties": {} });
        let description = "Ends the call. Say goodbye first.";
        all.push(Told { name: "end_call", description, parameters });
    }
    if tools.send_dtmf {
        let digits =
            json!({ "type": "string", "description": "0-9 * # A-D, and a comma for half a second of pause" });
        let parameters =
            json!({ "type": "object", "properties": { "digits": digits }, "required": ["digits"] });
        let description = "Presses keys of the telephone, for a menu.";
        all.push(Told { name: "send_dtmf", description, parameters });
    }
    if tools.do_not_call {
        let parameters = json!({ "type": "object", "properties": {} });
        let description =
            "Sees to it that the other party is never called again. Only if that is what it asks for.";
        all.push(Told { name: "do_not_call", description, parameters });
    }
    if !tools.transfer.is_empty() {
        let numbers: Vec<&str> = tools.transfer.iter().map(PhoneNumber::as_str).collect();
        let to = json!({ "type": "string", "enum": numbers });
        let parameters = json!({ "type": "object", "properties": { "to": to }, "required": ["to"] });
        let description = "Puts the other party through to this number. The call is over for you then.";
        all.push(Told { name: "transfer", description, parameters });
    }
    all.extend(tools.webhooks.iter().map(|tool| Told {
        name: &tool.name,
        description: &tool.description,
        parameters: Value::Object(tool.parameters.clone()),
    }));
    all
}

/// What asking for this tool means; else what the model is told.
pub(super) fn deed(tools: &Tools, name: &str, arguments: &str) -> Result<Deed, String> {
    let arguments = match arguments.trim() {
        "" => Map::new(),
        text if text.len() > ARGUMENTS_BYTES_MAX => return Err("the arguments are too long".to_owned()),
        text => serde_json::from_str(text).map_err(|_| "the arguments are no JSON object".to_owned())?,
    };
    let word = |key: &str| arguments.get(key).and_then(Value::as_str).unwrap_or_default();
    match name {
        "end_call" if tools.end_call => Ok(Deed::EndCall),
        "send_dtmf" if tools.send_dtmf => {
            let digits = word("digits");
            let good = digits.len() <= DIGITS_MAX && digits.parse::<Digits>().is_ok();
            if good {
                Ok(Deed::Step(Step::SendDigits(digits.to_owned())))
            } else {
                Err(format!("digits must be 1 to {DIGITS_MAX} of 0-9 * # A-D and commas"))
            }
        }
        "do_not_call" if tools.do_not_call => Ok(Deed::Step(Step::DoNotCall)),
        "transfer" if !tools.transfer.is_empty() => {
            let to = word("to");
            let known = tools.transfer.iter().find(|number| number.as_str() == to);
            let to = known.ok_or("that number is none of those that are allowed")?;
            Ok(Deed::Step(Step::Transfer(to.clone())))
        }
        _ => {
            let place = tools.webhooks.iter().position(|tool| tool.name == name);
            place.map(|place| Deed::Webhook(place, arguments)).ok_or("there is no such tool".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::WebhookTool;

    fn tools() -> Tools {
        let webhook = WebhookTool {
            name: "book".into(),
            description: "Books a table".into(),
            parameters: Map::new(),
            url: "https://example.com/book".into(),
            deadline: Duration::from_secs(8),
        };
        let transfer = vec!["+15550100".parse().expect("a number")];
        Tools { end_call: true, send_dtmf: true, do_not_call: true, transfer, webhooks: vec![webhook] }
    }

    #[test]
    fn a_model_is_told_of_what_it_may_do_and_of_nothing_else() {
        let all = tools();
        let names: Vec<_> = told(&all).iter().map(|tool| tool.name).collect();
        assert_eq!(names, ["end_call", "send_dtmf", "do_not_call", "transfer", "book"]);
        assert!(told(&Tools::default()).is_empty());
        for own in ["end_call", "do_not_call"] {
            assert_eq!(deed(&Tools::default(), own, ""), Err("there is no such tool".into()));
        }
        assert_eq!(deed(&all, "do_not_call", "{}"), Ok(Deed::Step(Step::DoNotCall)));
    }

    #[test]
    fn a_number_that_is_not_allowed_is_not_dialled() {
        let to = |to: &str| deed(&tools(), "transfer", &json!({ "to": to }).to_string());
        assert_eq!(to("+15550100"), Ok(Deed::Step(Step::Transfer("+15550100".parse().expect("a number")))));
        for bad in ["+15550101", "", "15550100", "sip:a@b"] {
            assert!(to(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn arguments_that_make_no_sense_are_told_to_the_model() {
        for (name, arguments) in [
            ("send_dtmf", "{}"),
            ("send_dtmf", r#"{"digits":""}"#),
            ("send_dtmf", r#"{"digits":"12x"}"#),
            ("send_dtmf", r#"{"digits":5}"#),
            ("send_dtmf", "[]"),
            ("transfer", "{"),
            ("book", "\"a\""),
            ("fly", "{}"),
        ] {
            assert!(deed(&tools(), name, arguments).is_err(), "{name} {arguments}");
        }
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(ARGUMENTS_BYTES_MAX));
        assert!(deed(&tools(), "book", &long).is_err());
        assert_eq!(
            deed(&tools(), "send_dtmf", r#"{"digits":"1,2#"}"#),
            Ok(Deed::Step(Step::SendDigits("1,2#".into())))
        );
        assert!(matches!(deed(&tools(), "book", r#"{"n":2}"#), Ok(Deed::Webhook(0, map)) if map["n"] == 2));
    }
}
