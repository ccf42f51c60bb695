//! SIP URIs of a trunk: its own in parts, and those of numbers at it (RFC 3261 §19.1). Knows nothing of calls.

use std::fmt::Write;

use crate::model::SipUri;

/// A trunk's URI in three parts: scheme, host and port, parameters. The configuration has checked its form.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    scheme: &'a str,
    host_port: &'a str,
    parameters: &'a str,
}

impl<'a> Target<'a> {
    /// The parts of `sip:host[:port][;parameters]`.
    pub fn of(uri: &'a str) -> Self {
        let (scheme, rest) = uri.split_once(':').unwrap_or(("sip", uri));
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let end = rest.find(';').unwrap_or(rest.len());
        Self { scheme, host_port: &rest[..end], parameters: &rest[end..] }
    }

    /// `sip` or `sips`.
    pub fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// Without the port; an IPv6 reference keeps its brackets.
    pub fn host(&self) -> &'a str {
        match self.host_port.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => host,
            _ => self.host_port,
        }
    }

    /// As a Request-URI: port and parameters stay.
    pub fn request_uri(&self, user: &str, user_phone: bool) -> String {
        let phone = phone(user_phone && !self.parameters.contains(";user="));
        format!("{}:{}@{}{}{phone}", self.scheme, escape(user), self.host_port, self.parameters)
    }

    /// Is this URI one of ours: at this host, by this port, and as secure as it asks?
    pub fn has(&self, uri: &SipUri) -> bool {
        let host = uri.host_port();
        let is_host = host.eq_ignore_ascii_case(self.host_port) || host.eq_ignore_ascii_case(self.host());
        let is_secure = self.scheme == "sips" || self.parameters.contains("transport=tls");
        is_host && (is_secure || !uri.is_secure())
    }

    /// The URI of a user that is written as URIs are.
    pub fn uri_of(&self, user: &str) -> String {
        format!("{}:{user}@{}{}", self.scheme, self.host_port, self.parameters)
    }

    /// The same as To wants it.
    pub fn address_of(&self, user: &str) -> String {
        format!("{}:{user}@{}", self.scheme, self.host())
    }

    /// As a proxy that requests go through first. Without `lr` it would be taken for a strict router (RFC 3261 §16.12.1).
    pub fn route(&self) -> String {
        let lr = if self.parameters.split(';').any(|parameter| parameter == "lr") { "" } else { ";lr" };
        format!("{}:{}{}{lr}", self.scheme, self.host_port, self.parameters)
    }
}

/// A user at a host: neither port nor transport, as From and To want it (RFC 3261 §19.1.1, table 1).
pub fn address(scheme: &str, user: &str, host: &str, user_phone: bool) -> String {
    format!("{scheme}:{}@{host}{}", escape(user), phone(user_phone))
}

/// With a name before it (RFC 3261 §25.1, `name-addr`).
pub fn name_addr(display_name: Option<&str>, uri: &str) -> String {
    match display_name {
        Some(name) => format!("\"{}\" <{uri}>", name.replace('\\', "\\\\").replace('"', "\\\"")),
        None => format!("<{uri}>"),
    }
}

fn phone(user_phone: bool) -> &'static str {
    if user_phone { ";user=phone" } else { "" }
}

/// What a user part may not hold is written `%23` (RFC 3261 §25.1).
fn escape(user: &str) -> String {
    let mut escaped = String::with_capacity(user.len());
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_becomes_the_user_of_the_trunks_uri() {
        for (trunk, uri, host) in [
            ("sip:127.0.0.1:5080", "sip:+12@127.0.0.1:5080", "127.0.0.1"),
            ("sip:carrier.example", "sip:+12@carrier.example", "carrier.example"),
            (
                "sip:[2001:db8::1]:5070;transport=tcp",
                "sip:+12@[2001:db8::1]:5070;transport=tcp",
                "[2001:db8::1]",
            ),
            ("sip:[2001:db8::1]", "sip:+12@[2001:db8::1]", "[2001:db8::1]"),
            ("sips:carrier.example:5061", "sips:+12@carrier.example:5061", "carrier.example"),
        ] {
            let target = Target::of(trunk);
            assert_eq!((target.request_uri("+12", false).as_str(), target.host()), (uri, host));
        }
    }

    #[test]
    fn a_uri_is_at_a_trunk_whose_host_it_names() {
        for (trunk, uri, has) in [
            ("sip:pbx.example", "sip:200@PBX.example", true),
            ("sip:pbx.example:5070", "sip:200@pbx.example", true),
            ("sip:pbx.example:5070", "sip:200@pbx.example:5070", true),
            ("sip:pbx.example:5070", "sip:200@pbx.example:5060", false),
            ("sip:pbx.example", "sip:200@other.example", false),
            ("sip:pbx.example", "sips:200@pbx.example", false),
            ("sip:pbx.example;transport=tls", "sips:200@pbx.example", true),
            ("sips:pbx.example:5061", "sip:200@pbx.example;transport=tls", true),
        ] {
            assert_eq!(Target::of(trunk).has(&uri.parse().expect(uri)), has, "{trunk} {uri}");
        }
        assert_eq!(Target::of("sips:m.example:5061").uri_of("a%23"), "sips:a%23@m.example:5061");
    }

    #[test]
    fn a_proxy_is_a_loose_router() {
        for (proxy, route) in [
            ("sip:p.example", "sip:p.example;lr"),
            ("sip:p.example:5070;transport=tcp", "sip:p.example:5070;transport=tcp;lr"),
            ("sip:p.example;lr", "sip:p.example;lr"),
        ] {
            assert_eq!(Target::of(proxy).route(), route);
        }
    }

    #[test]
    fn what_a_user_or_a_name_may_not_hold_is_escaped() {
        let target = Target::of("sip:a.example");
        assert_eq!(target.request_uri("99#4420", true), "sip:99%234420@a.example;user=phone");
        assert_eq!(address("sip", "me@realm", "a.example", false), "sip:me%40realm@a.example");
        assert_eq!(name_addr(Some("a \"b\" \\"), "sip:a@b"), "\"a \\\"b\\\" \\\\\" <sip:a@b>");
        assert_eq!(name_addr(None, "sip:a@b"), "<sip:a@b>");
    }
}
