//! From, To, Contact, Route and their like (RFC 3261 §20.10): a display name, a URI, and parameters.

use std::borrow::Cow;

use super::{
    params::{Params, quoted_len, unescape},
    uri::Uri,
};

/// A name-addr or a bare addr-spec, borrowed from its message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameAddr<'a> {
    display: &'a str,
    /// The URI as it was written, without brackets.
    pub uri: &'a str,
    /// The header's parameters. Without brackets everything after the `;` is the header's, not the URI's.
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one value. `None` when a quote or bracket is never closed, or the URI is no URI.
    pub fn parse(value: &'a str) -> Option<Self> {
        let value = value.trim_ascii();
        let quoted = if value.starts_with('"') { quoted_len(value.as_bytes())? } else { 0 };
        let (display, rest) = value.split_at(quoted);
        let (display, uri, params) = match rest.split_once('<') {
            Some((space, rest)) if quoted > 0 => {
                let (uri, params) = rest.split_once('>')?;
                space.trim_ascii().is_empty().then_some((display, uri, params))?
            }
            // RFC 3261 §20.10: a display name needs brackets.
            None if quoted > 0 => return None,
            // A `<` behind a `;` belongs to a parameter of a bare addr-spec.
            Some((name, rest)) if !name.contains(';') => {
                let (uri, params) = rest.split_once('>')?;
                (name.trim_ascii(), uri, params)
            }
            _ => Self::split_bare(rest)?,
        };
        let (uri, params) = (uri.trim_ascii(), params.trim_ascii());
        let separated = params.is_empty() || params.starts_with(';');
        if !separated || !quotes_close(params) || Uri::parse(uri).is_none() {
            return None;
        }
        Some(Self { display, uri, params: Params::new(params) })
    }

    fn split_bare(value: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
        let (uri, params) = value.split_at(value.find(';').unwrap_or(value.len()));
        // §20: a URI with a comma or a question mark must stand in brackets, or its end could not be told.
        (!uri.contains(['?', ','])).then_some(("", uri, params))
    }

    /// The display name without quotes and escapes; empty if there is none.
    pub fn display(&self) -> Cow<'a, str> {
        match self.display.strip_prefix('"') {
            Some(inner) => unescape(inner.strip_suffix('"').unwrap_or(inner)),
            None => Cow::Borrowed(self.display),
        }
    }

    /// The display name as it was written, and the URI in brackets: what comes before the header's parameters.
    pub fn without_params(&self) -> String {
        let space = if self.display.is_empty() { "" } else { " " };
        format!("{}{space}<{}>", self.display, self.uri)
    }

    /// The `tag` of a From or To.
    pub fn tag(&self) -> Option<&'a str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The URI, split.
    pub fn to_uri(&self) -> Option<Uri<'a>> {
        Uri::parse(self.uri)
    }
}

/// Whether every quoted string in `params` ends.
fn quotes_close(mut params: &str) -> bool {
    while let Some(at) = params.find('"') {
        match quoted_len(&params.as_bytes()[at..]) {
            Some(length) => params = &params[at + length..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(value: &str) -> (String, &str, Option<&str>) {
        let address = NameAddr::parse(value).expect("a readable address");
        (address.display().into_owned(), address.uri, address.tag())
    }

    #[test]
    fn display_names_come_quoted_or_bare() {
        assert_eq!(
            parts(r#""A. \"B\" <x>" <sip:a@b;lr>;tag=1"#),
            (r#"A. "B" <x>"#.into(), "sip:a@b;lr", Some("1"))
        );
        assert_eq!(parts("Alice Smith <sip:a@b>"), ("Alice Smith".into(), "sip:a@b", None));
        assert_eq!(parts("<sip:a@b>;TAG=1;x"), ("".into(), "sip:a@b", Some("1")));
        assert_eq!(parts("José<tel:+1>"), ("José".into(), "tel:+1", None));
    }

    #[test]
    fn parameters_of_a_bare_address_are_the_headers() {
        assert_eq!(parts("sip:a@b;tag=1;x=<y>"), ("".into(), "sip:a@b", Some("1")));
        assert_eq!(parts("sip:a@b ; tag=1"), ("".into(), "sip:a@b", Some("1")));
    }

    #[test]
    fn what_stands_before_the_parameters_does_not_depend_on_what_follows() {
        let bare = |value: &str| NameAddr::parse(value).expect("a readable address").without_params();
        for tail in ["", ";", ";tag=x", ";tag=x;", ";é;", " ; é ;; ", ";;;é=\"ü\";"] {
            assert_eq!(bare(&format!("<sip:a@b;lr>{tail}")), "<sip:a@b;lr>");
            assert_eq!(bare(&format!("sip:a@b{tail}")), "<sip:a@b>");
            assert_eq!(bare(&format!(r#""A \"B\"; é"<sip:a@b>{tail}"#)), r#""A \"B\"; é" <sip:a@b>"#);
            assert_eq!(bare(&format!("José <sip:a@b>{tail}")), "José <sip:a@b>");
        }
    }

    #[test]
    fn what_is_not_closed_is_refused() {
        for value in [
            "",
            "<",
            "<>",
            r#""a <sip:a@b>"#,
            "<sip:a@b",
            r#""a" sip:a@b"#,
            r#""a" x <sip:a@b>"#,
            "<sip:a@b>x",
            r#"<sip:a@b>;x="y"#,
            "sip:a@b?x=y",
            "a b",
            r#""\"#,
        ] {
            assert_eq!(NameAddr::parse(value), None, "{value}");
        }
    }
}
