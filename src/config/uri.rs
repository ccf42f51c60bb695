//! The URIs a configuration holds: where a trunk is, and where events go.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A trunk's URI, brought to the form `sip:host[:port][;transport=…]` or `sips:host[:port]` (RFC 3261 §19.1.1). Whatever would silently
/// be ignored is refused.
pub fn trunk(text: &str) -> Result<String, String> {
    let wrong = |reason: &str| Err(format!("`{}` {reason}", without_user(text)));
    let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "sip" => "sip",
        "sips" => "sips",
        _ => return wrong("is not a SIP URI: it must be of the form \"sip:host[:port]\""),
    };
    if rest.contains('@') {
        return wrong("must not name a user: that is what `username` is for");
    }
    let (hostport, parameters) = rest.split_once(';').unwrap_or((rest, ""));
    let transport = match (scheme, parameters.to_ascii_lowercase().as_str()) {
        (_, "") => "",
        ("sip", "transport=udp") => ";transport=udp",
        ("sip", "transport=tcp") => ";transport=tcp",
        ("sip", "transport=tls") => ";transport=tls",
        // What is secure goes by TLS, and TLS by TCP.
        ("sips", "transport=tcp" | "transport=tls") => "",
        ("sips", "transport=udp") => return wrong("cannot be secure by UDP"),
        _ => return wrong("has parameters other than transport=udp, transport=tcp or transport=tls"),
    };
    let (host, port) = host_and_port(hostport);
    if !is_host(host) {
        return wrong("has no valid host: it must be of the form \"sip:host[:port]\"");
    }
    match port {
        None => Ok(format!("{scheme}:{host}{transport}")),
        Some(port) => match port.parse::<u16>() {
            Ok(number) if number > 0 => Ok(format!("{scheme}:{host}:{number}{transport}")),
            _ => wrong(&format!("has no valid port: `{port}` is not 1 to 65535")),
        },
    }
}

/// The address that stands in a trunk's URI, if it is one and no name.
pub fn address(trunk: &str) -> Option<IpAddr> {
    let (_, rest) = trunk.split_once(':')?;
    let (host, _) = host_and_port(rest.split_once(';').map_or(rest, |(hostport, _)| hostport));
    host.trim_matches(['[', ']']).parse().ok()
}

/// A webhook's receiver.
pub fn webhook(text: &str, allow_http: bool) -> Result<(), String> {
    let url =
        url::Url::parse(text).map_err(|error| format!("`{}` is not a URL: {error}", without_user(text)))?;
    let text = without_user(text);
    match url.scheme() {
        "https" => {}
        "http" if allow_http => {}
        "http" => return Err(format!("`{text}` is plain HTTP, which needs webhooks.allow_http = true")),
        _ => return Err(format!("`{text}` must begin with https://")),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(format!("`{text}` names no host"));
    }
    Ok(())
}

/// For an error's text: what stands before an `@` may be a password.
fn without_user(text: &str) -> String {
    let scheme = text.find(':').map_or("", |colon| &text[..=colon]);
    match text.rfind('@') {
        Some(at) => format!("{scheme}…{}", &text[at..]),
        None => text.to_owned(),
    }
}

/// A host name, an IPv4 address, or an IPv6 address in brackets (RFC 3261 §25.1).
pub fn is_host(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix('[') {
        return inner.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let labels = || text.trim_end_matches('.').split('.');
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // Four numbers that are no address are no name either.
    let numeric = labels().all(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    text.len() <= 253 && labels().all(label) && (!numeric || text.parse::<Ipv4Addr>().is_ok())
}

fn host_and_port(text: &str) -> (&str, Option<&str>) {
    let after = text.rfind(']').unwrap_or(0);
    match text[after..].rfind(':') {
        Some(colon) => (&text[..after + colon], Some(&text[after + colon + 1..])),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trunk_uris_are_brought_to_one_form() {
        for (text, uri) in [
            ("sip:127.0.0.1:5080", "sip:127.0.0.1:5080"),
            ("SIP:carrier.example", "sip:carrier.example"),
            ("sip:[2001:db8::1]:5060;transport=UDP", "sip:[2001:db8::1]:5060;transport=udp"),
            ("sip:carrier.example;transport=TCP", "sip:carrier.example;transport=tcp"),
            ("sip:carrier.example:5061;transport=tls", "sip:carrier.example:5061;transport=tls"),
            ("SIPS:carrier.example", "sips:carrier.example"),
            ("sips:carrier.example:5070;transport=tls", "sips:carrier.example:5070"),
            ("sip:[::1]", "sip:[::1]"),
        ] {
            assert_eq!(trunk(text).as_deref(), Ok(uri));
        }
    }

    #[test]
    fn what_is_no_trunk_is_refused() {
        for text in [
            "",
            "sip:",
            "carrier.example",
            "127.0.0.1:5080",
            "tel:+44",
            "sips:a.example;transport=udp",
            "sip:a.example;transport=sctp",
            "sip:user@a.example",
            "sip::5060",
            "sip:a.example:0",
            "sip:a.example:65536",
            "sip:a.example:x",
            "sip:a b",
            "sip:300.1.1.1",
            "sip:-a.example",
            "sip:2001:db8::1",
            "sip:a.example;lr",
            "sip:a.example?x=y",
            "sip:[::1",
        ] {
            assert!(trunk(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_error_shows_a_password() {
        for text in ["sip:u:hidden@a.example", "tel:hidden@a", "hidden@a"] {
            assert!(!trunk(text).expect_err("refused").contains("hidden"), "{text}");
        }
        for text in ["http://u:hidden@a.example/", "ftp://u:hidden@a", "http://u:hidden@", "u:hidden@"] {
            assert!(!webhook(text, false).expect_err("refused").contains("hidden"), "{text}");
        }
    }

    #[test]
    fn plain_http_needs_leave() {
        assert!(webhook("https://a.example/hook", false).is_ok());
        assert!(webhook("http://a.example/hook", true).is_ok());
        for text in ["http://a.example/hook", "ftp://a.example", "hook", "https://", ""] {
            assert!(webhook(text, false).is_err(), "{text}");
        }
    }
}
