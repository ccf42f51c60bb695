//! URIs (RFC 3261 §19.1; `tel:` by RFC 3966): split at its seams, nothing decoded, nothing resolved.

use std::borrow::Cow;

use memchr::memchr;

use super::params::Params;

/// A URI's parts, borrowed as they were written.
///
/// ```
/// use trunkline_sip::message::Uri;
/// let uri = Uri::parse("sip:alice;day=tue@[2001:db8::1]:5070;transport=tcp?Subject=hi").unwrap();
/// assert_eq!((uri.user, uri.host, uri.port), (Some("alice;day=tue"), "2001:db8::1", Some(5070)));
/// assert_eq!(uri.params.get("transport"), Some("tcp"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uri<'a> {
    /// `sip`, `sips`, `tel` or another, in the case it came in.
    pub scheme: &'a str,
    /// Before the `@`, parameters of its own included; a `tel:` URI's number.
    pub user: Option<&'a str>,
    /// After the user's colon (deprecated, RFC 3261 §19.1.1).
    pub password: Option<&'a str>,
    /// A name, an IPv4 address, or an IPv6 address without its brackets. Empty where the scheme has none.
    pub host: &'a str,
    /// Only when it is written.
    pub port: Option<u16>,
    /// `;transport=udp;lr` and the like.
    pub params: Params<'a>,
    /// What follows the `?`.
    pub headers: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Splits a URI. `None` when it has no scheme, a space or control character, or, for `sip:` and `sips:`, no usable host
    /// and port. The rest of another scheme is not looked at.
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.bytes().any(|byte| CLASSES[byte as usize] & BREAKS_URI != 0) {
            return None;
        }
        let (scheme, rest) = text.split_at(memchr(b':', text.as_bytes())?);
        let rest = &rest[1..];
        let starts_well = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
        if !starts_well || !scheme.bytes().all(|byte| CLASSES[byte as usize] & SCHEME != 0) {
            return None;
        }
        let uri = Self {
            scheme,
            user: None,
            password: None,
            host: "",
            port: None,
            params: Params::default(),
            headers: None,
        };
        if scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips") {
            return uri.with_sip(rest);
        }
        if scheme.eq_ignore_ascii_case("tel") {
            let (number, params) = rest.split_once(';').unwrap_or((rest, ""));
            return (!number.is_empty()).then(|| Self {
                user: Some(number),
                params: Params::new(params),
                ..uri
            });
        }
        Some(uri)
    }

    /// Whether the scheme is `sip` or `sips`.
    pub fn is_sip(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("sip") || self.is_secure()
    }

    /// Whether the scheme is `sips`.
    pub fn is_secure(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("sips")
    }

    /// Whether a Route with this URI names a loose router (RFC 3261 §16.12).
    pub fn is_loose_router(&self) -> bool {
        self.params.has("lr")
    }

    /// The user with its `%XX` decoded.
    pub fn user_decoded(&self) -> Option<Cow<'a, str>> {
        self.user.map(percent_decode)
    }

    /// Whether two `sip:` or `sips:` URIs mean the same (RFC 3261 §19.1.4).
    pub fn is_equivalent(&self, other: &Uri<'_>) -> bool {
        let same_secrets = self.password.map(percent_decode) == other.password.map(percent_decode);
        let decided = |name: &str| DECIDING.iter().any(|deciding| deciding.eq_ignore_ascii_case(name));
        let agree = |ours: &Params<'_>, theirs: &Params<'_>| {
            ours.iter().all(|(name, value)| match theirs.get(name) {
                Some(other) => percent_decode(value).eq_ignore_ascii_case(&percent_decode(other)),
                None => !decided(name),
            })
        };
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && self.user_decoded() == other.user_decoded()
            && same_secrets
            && self.host.eq_ignore_ascii_case(other.host)
            && self.port == other.port
            && agree(&self.params, &other.params)
            && agree(&other.params, &self.params)
            && same_headers(self.headers, other.headers)
    }

    /// Whether two URIs name the same user at the same place: what is left of equivalence where parameters are added and usual
    /// ports written out.
    pub(crate) fn is_same_place(&self, other: &Uri<'_>) -> bool {
        let port = |uri: &Uri<'_>| uri.port.unwrap_or(if uri.is_secure() { 5061 } else { 5060 });
        self.is_sip()
            && other.is_sip()
            && self.user_decoded() == other.user_decoded()
            && self.host.eq_ignore_ascii_case(other.host)
            && port(self) == port(other)
    }

    fn with_sip(mut self, rest: &'a str) -> Option<Self> {
        // A user may hold `;` and `?` (§19.1.2), so the `@` is looked for first; headers escape theirs.
        let hostport = match rest.split_once('@') {
            Some((userinfo, hostport)) => {
                let (user, password) = match userinfo.split_once(':') {
                    Some((user, password)) => (user, Some(password)),
                    None => (userinfo, None),
                };
                if user.is_empty() {
                    return None;
                }
                (self.user, self.password) = (Some(user), password);
                hostport
            }
            None => rest,
        };
        let (hostport, headers) = match hostport.split_once('?') {
            Some((hostport, headers)) => (hostport, Some(headers)),
            None => (hostport, None),
        };
        let (hostport, params) = hostport.split_once(';').unwrap_or((hostport, ""));
        (self.host, self.port) = host_port(hostport)?;
        self.params = Params::new(params);
        self.headers = headers;
        Some(self)
    }
}

/// Parameters that must stand in both URIs or in neither (§19.1.4).
const DECIDING: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

/// The same header fields in any order.
fn same_headers(ours: Option<&str>, theirs: Option<&str>) -> bool {
    let sorted = |headers: Option<&str>| {
        let mut fields: Vec<String> = headers
            .unwrap_or_default()
            .split('&')
            .filter(|field| !field.is_empty())
            .map(|field| {
                let (name, value) = field.split_once('=').unwrap_or((field, ""));
                format!("{}={}", percent_decode(name).to_ascii_lowercase(), percent_decode(value))
            })
            .collect();
        fields.sort_unstable();
        fields
    };
    sorted(ours) == sorted(theirs)
}

/// Splits `host`, `host:port` or `[ipv6]:port`, spaces around the colon allowed (as in a Via).
pub(super) fn host_port(text: &str) -> Option<(&str, Option<u16>)> {
    let text = text.trim_ascii();
    let (host, port) = if let Some(inner) = text.strip_prefix('[') {
        let (host, after) = inner.split_once(']')?;
        let valid = host.bytes().all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.');
        if !valid || !host.contains(':') {
            return None;
        }
        let after = after.trim_ascii();
        (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
    } else {
        let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        let host = host.trim_ascii();
        // Underscores are no host characters, yet internal names have them.
        if !host.bytes().all(|byte| CLASSES[byte as usize] & HOST != 0) {
            return None;
        }
        (host, port)
    };
    if host.is_empty() {
        return None;
    }
    match port.map(str::trim_ascii) {
        None => Some((host, None)),
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some((host, Some(digits.parse().ok()?)))
        }
        Some(_) => None,
    }
}

/// Ends a URI, or cannot stand in one.
const BREAKS_URI: u8 = 1;
/// May stand in a scheme.
const SCHEME: u8 = 2;
/// May stand in a host name.
const HOST: u8 = 4;

/// What each byte may be, so that the walk over every URI of every message is a table's.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        if byte <= b' ' || matches!(byte, 0x7f | b'<' | b'>' | b'"') {
            classes[at] |= BREAKS_URI;
        }
        if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.') {
            classes[at] |= SCHEME;
        }
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            classes[at] |= HOST;
        }
        at += 1;
    }
    classes
};

pub(crate) fn percent_decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = match bytes[at..] {
            [b'%', high, low, ..] => hex(high).zip(hex(low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        decoded.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<&str>, &str, Option<u16>) {
        let uri = Uri::parse(text).expect("a readable URI");
        (uri.user, uri.host, uri.port)
    }

    #[test]
    fn sip_uris_split_at_their_seams() {
        assert_eq!(parts("sip:127.0.0.1:5080"), (None, "127.0.0.1", Some(5080)));
        assert_eq!(parts("sips:+441234@gw.example.com"), (Some("+441234"), "gw.example.com", None));
        assert_eq!(parts("SIP:a@[::1]:5060;lr"), (Some("a"), "::1", Some(5060)));
        assert_eq!(
            parts("sip:user;par=u%40example.net@example.com"),
            (Some("user;par=u%40example.net"), "example.com", None)
        );
        let uri = Uri::parse("sip:a:secret@b;lr;x=1?Subject=hi").expect("a readable URI");
        assert_eq!(
            (uri.password, uri.is_loose_router(), uri.headers),
            (Some("secret"), true, Some("Subject=hi"))
        );
    }

    #[test]
    fn the_examples_of_rfc_3261_section_19_1_4() {
        let same = |a: &str, b: &str| {
            let (a, b) = (Uri::parse(a).expect("a URI"), Uri::parse(b).expect("a URI"));
            assert_eq!(a.is_equivalent(&b), b.is_equivalent(&a));
            a.is_equivalent(&b)
        };
        for (a, b) in [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
        ] {
            assert!(same(a, b), "{a} and {b}");
        }
        for (a, b) in [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
            ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ] {
            assert!(!same(a, b), "{a} and {b}");
        }
    }

    #[test]
    fn tel_and_strange_schemes_are_kept() {
        let tel = Uri::parse("tel:+1-201-555-0123;phone-context=x").expect("a readable URI");
        assert_eq!(
            (tel.user, tel.host, tel.params.get("phone-context")),
            (Some("+1-201-555-0123"), "", Some("x"))
        );
        assert_eq!(Uri::parse("soap.beep://192.0.2.103:3002").expect("a scheme").scheme, "soap.beep");
    }

    #[test]
    fn unusable_uris_are_refused() {
        for text in [
            "",
            "sip",
            "sip:",
            "sip:@b",
            "sip:a@",
            "sip:a@b:99999",
            "sip:a@b:x",
            "sip:a@[::1",
            "sip:a@[zz]",
            "sip:a b@c",
            "sip:a@b\r\nX: y",
            "<sip:a@b>",
            "1a:b",
            "tel:",
            "sip:a@[b]",
        ] {
            assert_eq!(Uri::parse(text), None, "{text}");
        }
    }

    #[test]
    fn escaped_users_decode() {
        let uri = Uri::parse("sip:%75se%72%00%4@example.com").expect("a readable URI");
        assert_eq!(uri.user_decoded().as_deref(), Some("user\0%4"));
    }
}
