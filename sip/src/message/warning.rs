//! Warning (RFC 3261 §20.43): why a session could not be as it was asked for.

use std::borrow::Cow;

use super::params::{unescape, unquote};

/// One warning value: `399 gateway.example.com "Codec not allowed"`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning<'a> {
    /// Three digits; 3xx is SIP's class.
    pub code: u16,
    /// Who added it: a host or a pseudonym.
    pub agent: &'a str,
    /// Words for people.
    pub text: Cow<'a, str>,
}

impl<'a> Warning<'a> {
    /// Reads one value; the quotes about the text may be missing.
    pub fn parse(value: &'a str) -> Option<Self> {
        let (code, rest) = value.trim_ascii().split_once(' ')?;
        let (agent, text) = rest.trim_ascii_start().split_once(' ')?;
        let digits = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self {
            code: digits.then(|| code.parse().ok()).flatten()?,
            agent,
            text: unescape(unquote(text)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_agent_and_text_are_read() {
        let warning =
            Warning::parse(r#"307 isi.edu "Session \"x\" not understood""#).expect("a readable warning");
        assert_eq!((warning.code, warning.agent), (307, "isi.edu"));
        assert_eq!(warning.text, r#"Session "x" not understood"#);
        assert_eq!(Warning::parse("x"), None);
        assert_eq!(Warning::parse("+99 a b"), None);
    }
}
