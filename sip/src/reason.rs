//! The Reason header (RFC 3326): why a call ended, in Q.850 or SIP terms.

use std::fmt;

/// One reason value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    /// `Q.850`, `SIP` or another registered protocol.
    pub protocol: String,
    /// The protocol's cause value.
    pub cause: Option<u16>,
    /// Words for people.
    pub text: Option<String>,
}

/// How many reasons one message may give us.
const REASONS_MAX: usize = 8;

impl Reason {
    /// Reads one header value; `None` if it names no protocol.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = split_outside_quotes(value);
        let protocol = parts.next()?.trim();
        if protocol.is_empty() {
            return None;
        }
        let mut reason = Self { protocol: protocol.to_owned(), cause: None, text: None };
        for part in parts {
            let Some((name, value)) = part.split_once('=') else { continue };
            let value = value.trim();
            if name.trim().eq_ignore_ascii_case("cause") {
                reason.cause = value.parse().ok();
            } else if name.trim().eq_ignore_ascii_case("text") {
                reason.text = Some(unquote(value));
            }
        }
        Some(reason)
    }

    /// Reads all values of a message.
    pub(crate) fn parse_all<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Self> {
        values.filter_map(Self::parse).take(REASONS_MAX).collect()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
        let usable = !self.protocol.is_empty() && self.protocol.chars().all(token);
        f.write_str(if usable { &self.protocol } else { "SIP" })?;
        if let Some(cause) = self.cause {
            write!(f, ";cause={cause}")?;
        }
        let Some(text) = &self.text else { return Ok(()) };
        f.write_str(";text=\"")?;
        for c in text.chars().filter(|c| !c.is_control()) {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

fn split_outside_quotes(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' => return !quoted,
            _ => {}
        }
        false
    })
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else { return value.to_owned() };
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            '"' => break,
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_reads_back_as_written() {
        let reason = Reason {
            protocol: String::from("Q.850"),
            cause: Some(16),
            text: Some(String::from("Normal; \"call\" clearing\\")),
        };
        assert_eq!(Reason::parse(&reason.to_string()), Some(reason));
    }

    #[test]
    fn carriers_spellings_are_read() {
        let reason = Reason::parse("Q.850 ; cause = 17 ; text=\"User busy\";x").expect("a reason");
        assert_eq!(
            (reason.protocol.as_str(), reason.cause, reason.text.as_deref()),
            ("Q.850", Some(17), Some("User busy"))
        );
        let bare = Reason::parse("SIP").expect("a reason");
        assert_eq!((bare.cause, bare.text), (None, None));
        assert_eq!(Reason::parse(" ; cause=1"), None);
        assert_eq!(Reason::parse("Q.850;cause=99999").expect("a reason").cause, None);
    }

    #[test]
    fn nothing_written_ends_a_header_line() {
        let reason = Reason {
            protocol: String::from("X\r\nEvil: 1"),
            cause: None,
            text: Some(String::from("a\r\nb")),
        };
        assert_eq!(reason.to_string(), "SIP;text=\"ab\"");
    }
}
