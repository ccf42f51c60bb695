//! What a name may be made of.

use super::checker::Checker;

/// A letter, a digit, or what joins them.
pub fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

const QUEUE_MAX: usize = 64;

/// The name of a queue.
pub fn queue(name: &str, key: &str, check: &mut Checker<'_>) {
    let valid = (1..=QUEUE_MAX).contains(&name.len()) && name.chars().all(is_name);
    check.that(key, valid, || format!("`{name}` must be 1 to {QUEUE_MAX} letters, digits, `.`, `_` or `-`"));
}
