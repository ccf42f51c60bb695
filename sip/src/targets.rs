//! Where a request goes, and where next (RFC 3261 §8.1.2, RFC 3263 §4.3). Knows nothing of DNS: a name is somebody else's
//! question.

use std::net::{IpAddr, SocketAddr};

use crate::message::Uri;

/// The port of SIP over UDP and TCP (RFC 3261 §19.1.2).
const PORT: u16 = 5060;

/// The next hop a URI names: its `maddr` before its host (§19.1.1). Only `sip:` can be called; `sips:` needs TLS.
pub(crate) fn hop(uri: &str) -> Option<Hop> {
    let uri = Uri::parse(uri).filter(|uri| uri.is_sip() && !uri.is_secure())?;
    let host = uri.params.get("maddr").filter(|host| !host.is_empty()).unwrap_or(uri.host);
    let port = uri.port.unwrap_or(PORT);
    Some(match host.parse::<IpAddr>() {
        Ok(address) => Hop::Address(SocketAddr::new(address, port)),
        Err(_) => Hop::Name { host: host.to_owned(), port },
    })
}

/// The next hop of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Hop {
    /// Known at once.
    Address(SocketAddr),
    /// A name to look up.
    Name { host: String, port: u16 },
}

/// The addresses of a host in order, and how far down the list we are.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    /// The rest of the list, the next one last.
    rest: Vec<SocketAddr>,
}

/// How many addresses of a host are tried: with a timer B of 32 s each, a call waits no longer for more.
const TARGETS_MAX: usize = 8;

impl Targets {
    pub fn new(mut targets: Vec<SocketAddr>) -> Self {
        targets.truncate(TARGETS_MAX);
        targets.reverse();
        Self { rest: targets }
    }

    /// The next address to try.
    pub fn next(&mut self) -> Option<SocketAddr> {
        self.rest.pop()
    }
}

/// Whether text may stand in a header line: nothing in it ends one.
pub(crate) fn is_line_safe(text: &str) -> bool {
    !text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<Hop> {
        Some(Hop::Address(text.parse().expect("a literal")))
    }

    fn name(host: &str, port: u16) -> Option<Hop> {
        Some(Hop::Name { host: host.to_owned(), port })
    }

    #[test]
    fn hosts_ports_and_maddr_are_read() {
        assert_eq!(hop("sip:127.0.0.1"), address("127.0.0.1:5060"));
        assert_eq!(hop("SIP:+447@10.0.0.1:5080;user=phone"), address("10.0.0.1:5080"));
        assert_eq!(hop("sip:a;b=c?d@[2001:db8::1]:5061;lr"), address("[2001:db8::1]:5061"));
        assert_eq!(hop("sip:a@example.com;maddr=10.1.1.1?Subject=x"), address("10.1.1.1:5060"));
        assert_eq!(hop("sip:sip.example.com:5070;transport=udp"), name("sip.example.com", 5070));
    }

    #[test]
    fn what_cannot_be_called_is_refused() {
        for uri in [
            "",
            "sip:",
            "tel:+44",
            "sips:a@b",
            "sip:a@:5060",
            "sip:a@b:99999",
            "sip:a@b\r\nX: y",
            "sip:a b@c",
        ] {
            assert_eq!(hop(uri), None, "{uri:?}");
        }
    }

    #[test]
    fn targets_are_tried_in_order() {
        let [a, b]: [SocketAddr; 2] =
            ["10.0.0.1:1", "10.0.0.2:2"].map(|text| text.parse().expect("a literal"));
        let mut targets = Targets::new(vec![a, b]);
        assert_eq!([targets.next(), targets.next(), targets.next()], [Some(a), Some(b), None]);
    }
}
