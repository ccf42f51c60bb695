//! One outbound request as the switch understands it, whatever vendor's JSON it came in.

use super::{KeyId, PhoneNumber, RecipientId, TenantId};

/// The vendor whose documents a key's owner writes against.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Face {
    /// Outbound, batch and reads as Nixflex documents them.
    Nixflex,
}

impl Face {
    /// The word that the configuration and the store use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nixflex => "nixflex",
        }
    }
}

/// What happens once a machine has answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoicemailAction {
    /// End the call (`voicemail_detected`).
    #[default]
    Hangup,
    /// Wait for the beep, leave the message, end the call.
    LeaveMessage,
    /// Speak as if a human had answered.
    Ignore,
}

/// One `{name}` and what stands in its place. Numbers and booleans were rendered as JSON writes them.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    /// Without braces.
    pub name: String,
    /// The text itself.
    pub value: String,
}

/// A client's promise that a repeated request is the same request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Idempotency {
    /// As the client chose it, at most 255 bytes.
    pub key: String,
    /// A keyed hash of the body; the body itself is not kept.
    pub body_hash: [u8; 32],
}

/// A valid request to place one call. The prompt and the variables live in memory alone (no `Debug`).
pub struct OutboundRequest {
    /// Whose call it is.
    pub tenant: TenantId,
    /// The key that asked; its face renders the call's events.
    pub key: KeyId,
    /// The agent's id or alias, not yet looked up.
    pub agent: String,
    /// Who is called.
    pub to: PhoneNumber,
    /// The caller's number, if the client chose one.
    pub from: Option<PhoneNumber>,
    /// What the agent is to say; not blank. Not yet interpolated.
    pub prompt: String,
    /// What the prompt's `{names}` stand for.
    pub variables: Vec<Variable>,
    /// A campaign this call counts in; may be unknown to us.
    pub campaign: Option<String>,
    /// The recipient of a campaign whom this call is for.
    pub recipient: Option<RecipientId>,
    /// What to do with a machine, if the client said so.
    pub voicemail: Option<VoicemailAction>,
    /// What to leave after the beep.
    pub voicemail_message: Option<String>,
    /// The client's own JSON object, returned in reads and events.
    pub metadata: Option<String>,
    /// Present when the client may repeat itself.
    pub idempotency: Option<Idempotency>,
}

/// Puts the variables into a text in one pass: `{{name}}` before `{name}`, values are never expanded again, and an
/// unknown name stays as it is and is reported (seed: "left as-is").
pub fn interpolate(text: &str, variables: &[Variable]) -> (String, Vec<String>) {
    let mut out = String::with_capacity(text.len() + 64);
    let mut unknown = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let Some((name, length)) = placeholder(rest) else {
            out.push('{');
            rest = &rest[1..];
            continue;
        };
        match variables.iter().find(|variable| variable.name == name) {
            Some(variable) => out.push_str(&variable.value),
            None => {
                out.push_str(&rest[..length]);
                if !unknown.iter().any(|known| known == name) {
                    unknown.push(name.to_owned());
                }
            }
        }
        rest = &rest[length..];
    }
    out.push_str(rest);
    (out, unknown)
}

/// A placeholder at the head of `text` and how many bytes it takes.
fn placeholder(text: &str) -> Option<(&str, usize)> {
    let (open, close) = if text.starts_with("{{") { ("{{", "}}") } else { ("{", "}") };
    let inner = &text[open.len()..];
    let end = inner.find(['{', '}'])?;
    let name = inner[..end].trim();
    if name.is_empty() || !inner[end..].starts_with(close) {
        return None;
    }
    Some((name, open.len() + end + close.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> (String, Vec<String>) {
        let pair = |name: &str, value: &str| Variable { name: name.into(), value: value.into() };
        interpolate(text, &[pair("name", "Ann"), pair("trick", "{name}"), pair("n", "3")])
    }

    #[test]
    fn one_pass_and_values_are_not_expanded_again() {
        assert_eq!(with("{name} {{name}} {trick} {n}"), ("Ann Ann {name} 3".into(), vec![]));
    }

    #[test]
    fn unknown_names_stay_and_are_reported_once() {
        assert_eq!(with("{who} {{who}} {}"), ("{who} {{who}} {}".into(), vec!["who".into()]));
    }

    #[test]
    fn loose_braces_are_text() {
        assert_eq!(with("{ {name {name} } {{name}"), ("{ {name Ann } {Ann".into(), vec![]));
    }
}
