//! What others wrote, as it may be read in a log.

use std::borrow::Cow;

/// So many digits in a row are a number's; a port has fewer.
const NUMBER_MIN: usize = 6;

/// Text with the numbers in it as [`PhoneNumber`](super::PhoneNumber) shows them: their beginning. A tag of SIP's is nobody's.
#[must_use]
pub fn masked(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, run) = rest.split_at(start);
        let ahead = &text[..text.len() - run.len()];
        let (run, after) = run.split_at(number(run, ahead));
        shown.push_str(before);
        let is_tag = ahead.rsplit([';', ',', '>']).next().is_some_and(|parameter| {
            parameter.trim_start().get(..4).is_some_and(|name| name.eq_ignore_ascii_case("tag="))
        });
        let digits = run.chars().filter(char::is_ascii_digit).count();
        if digits < NUMBER_MIN || is_tag {
            shown.push_str(run);
        } else {
            let mut kept = (digits / 2).min(4);
            shown.extend(run.chars().map(|c| {
                let is_kept = kept > 0;
                kept -= usize::from(is_kept && c.is_ascii_digit());
                if is_kept { c } else { '*' }
            }));
        }
        rest = after;
    }
    if shown.is_empty() {
        return text.into();
    }
    shown.push_str(rest);
    shown.into()
}

/// How long the number is that begins here: visual separators are part of it (RFC 3966 §5.1.1), but of no host's name. A dot is not:
/// it would make numbers of addresses.
fn number(run: &str, ahead: &str) -> usize {
    let ends = ['<', '>', ' ', ',', ';'];
    let before = ahead.rsplit(ends).next().unwrap_or_default();
    let is_tel = before.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:"));
    let is_user = !before.contains('@') && run.split(ends).next().is_some_and(|word| word.contains('@'));
    let is_separator = |c: char| (is_tel || is_user) && matches!(c, '-' | '(' | ')');
    let end = run.find(|c: char| !c.is_ascii_digit() && !is_separator(c)).unwrap_or(run.len());
    run[..end].trim_end_matches(is_separator).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_by_their_beginning_and_addresses_as_they_are() {
        for (text, shown) in [
            ("the bot failed: +447386172392 is not ours", "the bot failed: +4473******** is not ours"),
            ("wss://192.0.2.1:8443/a12345", "wss://192.0.2.1:8443/a12345"),
            ("tel:+1-201-555-0123", "tel:+1-201*********"),
            ("", ""),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
