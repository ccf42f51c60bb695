//! What stands in a tenant's texts besides words: `{names}`, and where the agent is to hang up.

use crate::model::{Variable, interpolate};

/// What stands in a text where the agent is to hang up. It is never spoken.
pub(super) const END_CALL: &str = "[END_CALL]";

/// Names of which nobody knows the value, at most: who has more has no variables, but a text of another kind.
const UNKNOWN_MAX: usize = 64;

/// The text with its names filled in; names that nobody gave a value are `unknown`, each once.
pub(super) fn fill(text: &str, variables: &[Variable], unknown: &mut Vec<String>) -> String {
    let (filled, names) = interpolate(text, variables);
    for name in names {
        if unknown.len() < UNKNOWN_MAX && !unknown.contains(&name) {
            unknown.push(name);
        }
    }
    filled
}
