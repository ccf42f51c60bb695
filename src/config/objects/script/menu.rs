//! What is asked, and which answers count.

use std::sync::Arc;
use std::time::Duration;

use super::super::super::checker::Checker;
use super::table::{Gather, Listen};
use crate::model::{
    CHOICES_MAX, DIGITS_MAX, HEARD_VARIABLE, Menu, MenuKeys, PROMPT_VARIABLE, REPEATS_MAX, Turn, is_flow_name,
};

/// The keys of a telephone.
const KEYS: &str = "0123456789*#ABCD";

/// What waits for the callee's turn alone.
pub(super) fn of_words(
    table: &Listen,
    allow_http: bool,
    path: &str,
    check: &mut Checker<'_>,
) -> Option<Menu<Arc<str>>> {
    let key = |name: &str| format!("{path}.{name}");
    let turn = turn(table.silence_ms, table.longest_seconds, path, check);
    Some(Menu {
        keys: None,
        turn: Some(turn),
        timeout: check.seconds(&key("timeout_seconds"), table.timeout_seconds, 1..=60),
        repeats: repeated(table.repeats, &key("repeats"), check),
        prompt: table.prompt.checked(allow_http, &key("prompt"), check)?,
        nothing: table.nothing.checked(allow_http, &key("nothing"), check)?,
        invalid: Vec::new(),
        on_speech: None,
        otherwise: table.otherwise.as_deref().map(Into::into),
    })
}

/// What waits for keys, and perhaps for the callee's turn.
pub(super) fn of_keys(
    table: &Gather,
    allow_http: bool,
    path: &str,
    check: &mut Checker<'_>,
) -> Option<Menu<Arc<str>>> {
    let key = |name: &str| format!("{path}.{name}");
    check.that(&key("on_speech"), table.on_speech.is_none() || table.speech, || {
        "goes with speech = true".into()
    });
    let keys = keys(table, path, check);
    let turn = turn(table.silence_ms, table.longest_seconds, path, check);
    Some(Menu {
        keys: Some(keys),
        turn: table.speech.then_some(turn),
        timeout: check.seconds(&key("timeout_seconds"), table.timeout_seconds, 1..=60),
        repeats: repeated(table.repeats, &key("repeats"), check),
        prompt: table.prompt.checked(allow_http, &key("prompt"), check)?,
        nothing: table.nothing.checked(allow_http, &key("nothing"), check)?,
        invalid: table.invalid.checked(allow_http, &key("invalid"), check)?,
        on_speech: table.on_speech.as_deref().map(Into::into),
        otherwise: table.otherwise.as_deref().map(Into::into),
    })
}

fn keys(table: &Gather, path: &str, check: &mut Checker<'_>) -> MenuKeys<Arc<str>> {
    let key = |name: &str| format!("{path}.{name}");
    let both = !table.choices.is_empty() && !table.accept.is_empty();
    check.that(&key("accept"), !both, || "choices and accept: one of them must go".into());
    for name in ["choices", "accept"] {
        let count = if name == "choices" { table.choices.len() } else { table.accept.len() };
        check.that(&key(name), count <= CHOICES_MAX, || format!("must be at most {CHOICES_MAX}"));
    }
    let is_set = |text: &str, wild: &str| {
        (1..=DIGITS_MAX).contains(&text.len()) && text.chars().all(|c| KEYS.contains(c) || wild.contains(c))
    };
    for choice in table.choices.keys() {
        check.that(&key(&format!("choices.{choice}")), is_set(choice, ""), || {
            format!("`{choice}` must be 1 to {DIGITS_MAX} of 0-9 * # A-D")
        });
    }
    for (index, pattern) in table.accept.iter().enumerate() {
        check.that(&key(&format!("accept[{index}]")), is_set(pattern, "xX"), || {
            format!("`{pattern}` must be 1 to {DIGITS_MAX} of 0-9 * # A-D, and x for any digit")
        });
    }
    let sets = || table.choices.keys().chain(&table.accept);
    let longest = sets().map(String::len).max();
    let digits_max = table.digits_max.or(longest).unwrap_or_else(|| {
        check.fault(&key("digits_max"), "is missing: how many keys, unless choices or accept say so");
        1
    });
    let digits_min = table.digits_min.unwrap_or(1);
    let is_range = (1..=digits_max).contains(&digits_min) && digits_max <= DIGITS_MAX;
    check.that(&key("digits_max"), is_range && longest.is_none_or(|longest| longest <= digits_max), || {
        format!("must be 1 to {DIGITS_MAX}, and no less than digits_min or the longest of choices and accept")
    });
    check.that(&key("digits_min"), table.digits_min.is_none() || longest.is_none(), || {
        "goes without choices and accept, which say it".into()
    });
    let is_named =
        is_flow_name(&table.into, false) && ![PROMPT_VARIABLE, HEARD_VARIABLE].contains(&&*table.into);
    check.that(&key("into"), is_named, || {
        format!(
            "must be a variable's name, of letters, digits and `_`, and neither `{PROMPT_VARIABLE}` nor `{HEARD_VARIABLE}`"
        )
    });
    MenuKeys {
        into: table.into.as_str().into(),
        digits_min,
        digits_max,
        finish_on: finish_on(table, digits_max, &key("finish_on"), check),
        accept: table.accept.iter().map(|pattern| pattern.to_ascii_uppercase()).collect(),
        choices: table.choices.iter().map(|(keys, to)| (keys.clone(), to.as_str().into())).collect(),
    }
}

/// The key that ends it: no key that counts.
fn finish_on(table: &Gather, digits_max: usize, path: &str, check: &mut Checker<'_>) -> Option<char> {
    let counts = |c: char| table.choices.keys().chain(&table.accept).any(|set| set.contains(c));
    match table.finish_on.as_deref() {
        None => Some('#').filter(|c| digits_max > 1 && !counts(*c)),
        Some("") => None,
        Some(text) => {
            let key = text.chars().next().filter(|c| text.len() == 1 && KEYS.contains(*c));
            check.that(path, key.is_some_and(|c| !counts(c)), || {
                "must be one key of 0-9 * # A-D, and none of choices or accept".into()
            });
            key
        }
    }
}

fn turn(silence_ms: u64, longest_seconds: u64, path: &str, check: &mut Checker<'_>) -> Turn {
    check.that(&format!("{path}.silence_ms"), (200..=5_000).contains(&silence_ms), || {
        format!("must be 200 to 5000 ms, not {silence_ms}")
    });
    let longest = check.seconds(&format!("{path}.longest_seconds"), longest_seconds, 1..=600);
    Turn { silence: Duration::from_millis(silence_ms), longest }
}

fn repeated(times: u8, path: &str, check: &mut Checker<'_>) -> u8 {
    check.that(path, times <= REPEATS_MAX, || format!("must be at most {REPEATS_MAX}, not {times}"));
    times
}
