//! What stands in a tenant's texts besides words: `{names}`, and where the agent is to hang up.

use crate::model::{Variable, interpolate};

/// What stands in a text where the agent is to hang up. It is never spoken.
pub(super) const END_CALL: &str = "[END_CALL]";

/// Names of which nobody knows the value, at most: who has more has no variables, but a text of another kind.
const UNKNOWN_MAX: usize = 64;
/// What is longer is no variable's name, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// The text with its names filled in; names that nobody gave a value are `unknown`, each once. They are written down, so what
/// cannot be one is not among them: that is the text's own, which is stored nowhere.
pub(super) fn fill(text: &str, variables: &[Variable], unknown: &mut Vec<String>) -> String {
    let (filled, names) = interpolate(text, variables);
    for name in names.into_iter().filter(|name| may_be_name(name)) {
        if unknown.len() < UNKNOWN_MAX && !unknown.contains(&name) {
            unknown.push(name);
        }
    }
    filled
}

/// One word of letters, digits and what joins them: a sentence or a document between braces is what somebody wants said.
fn may_be_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(text: &str, variables: &[Variable]) -> (String, Vec<String>) {
        let mut unknown = Vec::new();
        (fill(text, variables, &mut unknown), unknown)
    }

    #[test]
    fn what_is_no_name_stays_and_is_not_written_down() {
        let long = format!("{{{}}}", "a".repeat(256));
        for text in
            [r#"{"place": "Zanzibar"}"#, "{Ask for Ann, then}", "{a\tb}", "{Ask for Ann}", long.as_str()]
        {
            assert_eq!(unknown(text, &[]), (text.to_owned(), vec![]));
        }
        let named = Variable { name: "first name".into(), value: "Ann".into() };
        assert_eq!(
            unknown("{first name}", &[named]),
            ("Ann".into(), vec![]),
            "what has a value is filled in"
        );
        assert_eq!(unknown("{who} {first-name}", &[]).1, ["who", "first-name"]);
    }

    #[test]
    fn a_text_of_many_names_is_told_of_by_the_first() {
        let text: String = (0..1_000).map(|name| format!("{{n{name}}}")).collect();
        assert_eq!(unknown(&text, &[]).1.len(), 64);
    }
}
