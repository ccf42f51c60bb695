//! Replaces (RFC 3891): the dialog that a new call takes the place of, as a header and inside a Refer-To (RFC 3515).

use std::fmt;

use super::params::{Params, is_token};

/// The name of a dialog as its other end knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replaces {
    /// The Call-ID.
    pub call_id: String,
    /// The tag of the end that gets the INVITE.
    pub to_tag: String,
    /// The tag of the other end.
    pub from_tag: String,
    /// Whether it may only take the place of a call that is not answered yet.
    pub early_only: bool,
}

impl Replaces {
    /// Reads a header value; `None` without a Call-ID and both tags, or with what would not stand in a header.
    pub fn parse(value: &str) -> Option<Self> {
        let (call_id, params) = value.trim_ascii().split_once(';')?;
        let params = Params::new(params);
        let tag = |name| params.get(name).filter(|tag| is_token(tag.as_bytes())).map(str::to_owned);
        let call_id = call_id.trim_ascii();
        let is_word =
            !call_id.is_empty() && call_id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
        is_word.then_some(())?;
        Some(Self {
            call_id: call_id.to_owned(),
            to_tag: tag("to-tag")?,
            from_tag: tag("from-tag")?,
            early_only: params.has("early-only"),
        })
    }
}

impl fmt::Display for Replaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};to-tag={};from-tag={}", self.call_id, self.to_tag, self.from_tag)?;
        if self.early_only { f.write_str(";early-only") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_reads_back_as_written() {
        let value = "98732@sip.example.com;from-tag=r33th4x0r ;to-tag = ff87ff; early-only";
        let replaces = Replaces::parse(value).expect("a readable value");
        assert_eq!((&*replaces.call_id, &*replaces.to_tag), ("98732@sip.example.com", "ff87ff"));
        assert!(replaces.early_only);
        assert_eq!(Replaces::parse(&replaces.to_string()), Some(replaces));
    }

    #[test]
    fn a_dialog_has_both_tags() {
        for value in [
            "",
            "a",
            "a;to-tag=b",
            "a;from-tag=b",
            ";to-tag=a;from-tag=b",
            "a;to-tag=;from-tag=b",
            "a b;to-tag=c;from-tag=d",
            "a;to-tag=b c;from-tag=d",
        ] {
            assert_eq!(Replaces::parse(value), None, "{value}");
        }
    }
}
