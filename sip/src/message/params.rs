//! The small grammar that header values share (RFC 3261 §25.1): lists, parameters, quoted strings. Works on text that is
//! already unfolded, borrows from it, and never fails: what is unbalanced simply reaches to the end.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3};

/// Parameters: what follows the first `;` of a Via, a name-addr or a URI.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Params<'a> {
    text: &'a str,
    /// Whether quotes and brackets are letters like any other.
    is_plain: bool,
}

impl<'a> Params<'a> {
    /// Reads `;a=b;c`, with or without the leading semicolon.
    pub fn new(text: &'a str) -> Self {
        Self { text: text.trim_matches(|c: char| c == ';' || c.is_ascii_whitespace()), is_plain: false }
    }

    /// Reads those of a Via: every `;` ends one. A quote or bracket that is never closed cannot swallow what a server appends, such as
    /// `received`, so that a branch reads the same before and after.
    pub(super) fn plain(text: &'a str) -> Self {
        Self { is_plain: true, ..Self::new(text) }
    }

    /// Each as it is written, trimmed.
    pub(super) fn parts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (plain, nested) = match self.is_plain {
            true => (Some(self.text.split(';').map(str::trim_ascii)), None),
            false => (None, Some(Split::new(self.text, b';'))),
        };
        let parts = plain.into_iter().flatten().chain(nested.into_iter().flatten());
        parts.filter(|part| !part.is_empty())
    }

    /// The value of the first parameter of that name, in any case: without its quotes, and empty if it has none.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether a parameter of that name is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Name and value of each; quotes are taken off, escapes inside them are kept (see [`unescape`]).
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.parts().map(pair)
    }

    /// The same for another separator: credentials are parameters between commas.
    pub(crate) fn list(text: &'a str, separator: u8) -> impl Iterator<Item = (&'a str, &'a str)> {
        Split::new(text, separator).filter(|part| !part.is_empty()).map(pair)
    }

    /// The text as it stands in the header.
    pub fn as_str(&self) -> &'a str {
        self.text
    }
}

fn pair(part: &str) -> (&str, &str) {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    (name.trim_end(), unquote(value))
}

/// The parts of `text` between separators that stand outside quoted strings, `<>` and comments, trimmed.
#[derive(Clone, Debug)]
pub(crate) struct Split<'a> {
    rest: Option<&'a str>,
    separator: u8,
    /// A parenthesis that is never closed is a plain character. After the first such, none is looked at: the walk stays
    /// linear in a hostile list.
    comments: bool,
}

impl<'a> Split<'a> {
    pub fn new(text: &'a str, separator: u8) -> Self {
        Self { rest: Some(text), separator, comments: true }
    }
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let (part, rest) = match find_outside(rest, self.separator, &mut self.comments) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        self.rest = rest;
        Some(part.trim_ascii())
    }
}

/// The place of the first `wanted` outside quotes, angle brackets and comments.
fn find_outside(text: &str, wanted: u8, comments: &mut bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let first = memchr(wanted, bytes)?;
    // In most values nothing opens before the first candidate.
    let mut at = memchr3(b'"', b'<', b'(', &bytes[..first]).unwrap_or(first);
    while at < bytes.len() {
        at += match bytes[at] {
            byte if byte == wanted => return Some(at),
            b'"' => quoted_len(&bytes[at..])?,
            b'<' => memchr(b'>', &bytes[at..])? + 1,
            b'(' if *comments => comment_len(&bytes[at..]).unwrap_or_else(|| {
                *comments = false;
                1
            }),
            _ => 1,
        };
    }
    None
}

/// The length of the quoted string that `bytes` begins with, quotes included.
pub(super) fn quoted_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn comment_len(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(at + 1),
            b')' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}

/// `"a b"` without its quotes; anything else as it is.
pub(crate) fn unquote(text: &str) -> &str {
    let text = text.trim_ascii();
    match text.strip_prefix('"') {
        Some(inner) => inner.strip_suffix('"').unwrap_or(inner),
        None => text,
    }
}

/// Takes the backslashes out of a quoted string's inside (RFC 3261 §25.1, quoted-pair).
pub fn unescape(text: &str) -> Cow<'_, str> {
    if memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    Cow::Owned(plain)
}

/// Whether `text` is a token (RFC 3261 §25.1).
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<&str> {
        Split::new(text, b',').collect()
    }

    #[test]
    fn commas_split_only_outside_quotes_brackets_and_comments() {
        assert_eq!(list("a, b ,c"), ["a", "b", "c"]);
        assert_eq!(
            list(r#""x, \", y" <sip:a,b@c>;p="1,2", <sip:d>"#),
            [r#""x, \", y" <sip:a,b@c>;p="1,2""#, "<sip:d>"]
        );
        assert_eq!(list("a (b, (c, \\) d)), e"), ["a (b, (c, \\) d))", "e"]);
    }

    #[test]
    fn what_is_never_closed_reaches_to_the_end() {
        assert_eq!(list(r#"a, "b, c"#), ["a", r#""b, c"#]);
        assert_eq!(list("a, <b, c"), ["a", "<b, c"]);
        assert_eq!(list("a(((b, c"), ["a(((b", "c"]);
        assert_eq!(list(r#"a, "b\"#), ["a", r#""b\"#]);
    }

    #[test]
    fn parameters_are_found_in_any_case_without_their_quotes() {
        let params = Params::new(r#" ;Tag=abc ; lr;q = 0.5;name="a;b""#);
        assert_eq!(params.get("tag"), Some("abc"));
        assert_eq!(params.get("LR"), Some(""));
        assert_eq!(params.get("q"), Some("0.5"));
        assert_eq!(params.get("name"), Some("a;b"));
        assert_eq!(params.get("none"), None);
        assert_eq!(Params::new(";;,").iter().count(), 1);
    }

    #[test]
    fn escapes_are_taken_out() {
        assert_eq!(unescape(r#"a\"b\\c\"#), r#"a"b\c"#);
    }
}
