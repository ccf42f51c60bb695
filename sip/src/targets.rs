//! Where a request goes, and where next (RFC 3261 §8.1.2, RFC 3263 §4). Knows nothing of DNS: a name is somebody else's
//! question.

use std::net::{IpAddr, SocketAddr};

use crate::message::Uri;
use crate::path::{Path, Protocol, Target};

/// The next hop that a URI names. What is left open, the resolver finds out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Hop {
    /// Its `maddr` before its host (RFC 3261 §19.1.1).
    pub host: String,
    pub port: Option<u16>,
    /// Its `transport`.
    pub protocol: Option<Protocol>,
    /// `sips:`: nothing but TLS will do (§26.2.2).
    pub secure: bool,
}

/// The next hop of a URI; none if it is not ours to call.
pub(crate) fn hop(uri: &str) -> Option<Hop> {
    let uri = Uri::parse(uri).filter(Uri::is_sip)?;
    let host = uri.params.get("maddr").filter(|host| !host.is_empty()).unwrap_or(uri.host);
    let transport = uri.params.get("transport").filter(|transport| !transport.is_empty());
    let secure = uri.is_secure();
    let protocol = match transport {
        // RFC 3263 §4.1: what is secure goes over TLS.
        None => secure.then_some(Protocol::Tls),
        Some(name) if name.eq_ignore_ascii_case("tls") => Some(Protocol::Tls),
        // §26.2.2: TCP means TLS over TCP here.
        Some(name) if name.eq_ignore_ascii_case("tcp") => {
            Some(if secure { Protocol::Tls } else { Protocol::Tcp })
        }
        Some(name) if name.eq_ignore_ascii_case("udp") && !secure => Some(Protocol::Udp),
        Some(_) => return None,
    };
    let host = host.trim_matches(['[', ']']).to_owned();
    Some(Hop { host, port: uri.port, protocol, secure })
}

impl Hop {
    /// The target, if the host is an address: then there is nothing to ask (RFC 3263 §4.2). `usual` is the transport where none is
    /// named.
    pub fn literal(&self, usual: Protocol) -> Option<Target> {
        let address = self.host.parse::<IpAddr>().ok()?;
        let protocol = self.protocol.unwrap_or(usual);
        let port = self.port.unwrap_or(protocol.default_port());
        Some(Target { protocol, address: SocketAddr::new(address, port) })
    }
}

/// Where a request may be tried, in order, and how far down the list we are.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    /// The rest of the list, the next one last.
    rest: Vec<Target>,
    /// Whether a request that is too long for a datagram may leave by TCP: its transport was our choice.
    may_grow: bool,
    /// The datagrams that TCP stands in for: they come next if TCP fails.
    datagrams: Option<Target>,
    /// A way that was good before: tried when no other can be reached.
    spare: Option<Path>,
}

/// One try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attempt {
    /// A target; whether a request too long for a datagram may leave by TCP instead.
    At(Target, bool),
    /// A path that is there already.
    By(Path),
}

/// How many targets of a host are tried: with a timer B of 32 s each, a call waits no longer for more.
const TARGETS_MAX: usize = 8;

impl Targets {
    /// Those of a hop, none of them found yet.
    pub fn of(hop: &Hop) -> Self {
        Self { may_grow: hop.protocol.is_none(), ..Self::none() }
    }

    /// None yet.
    pub fn none() -> Self {
        Self { rest: Vec::new(), may_grow: false, datagrams: None, spare: None }
    }

    /// What was found of a hop.
    pub fn found(&mut self, mut targets: Vec<Target>) {
        targets.truncate(TARGETS_MAX);
        targets.reverse();
        self.rest = targets;
    }

    /// Lets requests that are too long for a datagram leave by TCP, if nobody named a transport (RFC 3261 §18.1.1).
    pub fn may_grow(&mut self, may_grow: bool) {
        self.may_grow = may_grow;
    }

    /// A way to fall back on.
    pub fn or_by(mut self, spare: Option<Path>) -> Self {
        self.spare = spare;
        self
    }

    /// The next one, after the last one had its say.
    pub fn next(&mut self) -> Option<Attempt> {
        self.datagrams = None;
        self.rest.pop().map(|target| Attempt::At(target, self.may_grow))
    }

    /// The first one, or the next after the transport failed: datagrams before another target, if TCP was our choice.
    pub fn next_reachable(&mut self) -> Option<Attempt> {
        self.next_after_silence().or_else(|| self.spare.take().map(Attempt::By))
    }

    /// The next one, after nothing was heard: datagrams before another target, if TCP was our choice.
    pub fn next_after_silence(&mut self) -> Option<Attempt> {
        match self.datagrams.take() {
            Some(target) => Some(Attempt::At(target, false)),
            None => self.next(),
        }
    }

    /// The datagrams that TCP stands in for just now.
    pub fn datagrams(&self) -> Option<Target> {
        self.datagrams
    }

    /// The request was too long for datagrams, and left by TCP.
    pub fn grew(&mut self, datagrams: Target) {
        self.datagrams = Some(datagrams);
    }
}

/// Whether text may stand in a header line: nothing in it ends one.
pub(crate) fn is_line_safe(text: &str) -> bool {
    !text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(uri: &str) -> (Protocol, String) {
        let target = hop(uri).and_then(|hop| hop.literal(Protocol::Udp)).expect("a literal");
        (target.protocol, target.address.to_string())
    }

    #[test]
    fn literals_need_no_question() {
        for (uri, protocol, literal) in [
            ("sip:127.0.0.1", Protocol::Udp, "127.0.0.1:5060"),
            ("SIP:+447@10.0.0.1:5080;user=phone", Protocol::Udp, "10.0.0.1:5080"),
            ("sip:a;b=c?d@[2001:db8::1]:5061;lr", Protocol::Udp, "[2001:db8::1]:5061"),
            ("sip:a@example.com;maddr=10.1.1.1?Subject=x", Protocol::Udp, "10.1.1.1:5060"),
            ("sip:a@example.com;maddr=[::1]", Protocol::Udp, "[::1]:5060"),
            ("sip:10.0.0.1;transport=TCP", Protocol::Tcp, "10.0.0.1:5060"),
            ("sip:10.0.0.1;transport=tls", Protocol::Tls, "10.0.0.1:5061"),
            ("sips:a@10.0.0.1", Protocol::Tls, "10.0.0.1:5061"),
            ("sips:a@10.0.0.1:5070;transport=tcp", Protocol::Tls, "10.0.0.1:5070"),
        ] {
            assert_eq!(address(uri), (protocol, literal.to_owned()), "{uri}");
        }
    }

    #[test]
    fn a_name_keeps_what_is_left_open() {
        let named = |uri: &str| {
            let hop = hop(uri).expect("a hop");
            assert_eq!(hop.literal(Protocol::Udp), None);
            (hop.host, hop.port, hop.protocol, hop.secure)
        };
        let host = || String::from("a.example");
        assert_eq!(named("sip:a.example"), (host(), None, None, false));
        assert_eq!(
            named("sip:a.example:5070;transport=udp"),
            (host(), Some(5070), Some(Protocol::Udp), false)
        );
        assert_eq!(named("sips:u@a.example"), (host(), None, Some(Protocol::Tls), true));
    }

    #[test]
    fn what_cannot_be_called_is_refused() {
        for uri in [
            "",
            "sip:",
            "tel:+44",
            "sips:a@b;transport=udp",
            "sip:a@b;transport=sctp",
            "sip:a@b;transport=ws",
            "sip:a@:5060",
            "sip:a@b:99999",
            "sip:a@b\r\nX: y",
            "sip:a b@c",
        ] {
            assert_eq!(hop(uri), None, "{uri:?}");
        }
    }

    fn target(text: &str) -> Target {
        Target::udp(text.parse().expect("a literal"))
    }

    #[test]
    fn targets_are_tried_in_order_and_the_spare_path_last() {
        let [a, b] = ["10.0.0.1:1", "10.0.0.2:2"].map(target);
        let spare = Path::udp(a.address, b.address);
        let mut targets = Targets::none().or_by(Some(spare));
        targets.found(vec![a, b]);
        assert_eq!(targets.next_reachable(), Some(Attempt::At(a, false)));
        assert_eq!(targets.next_reachable(), Some(Attempt::At(b, false)));
        assert_eq!(targets.next(), None, "the last one was heard: the spare path leads to the same");
        assert_eq!(targets.next_reachable(), Some(Attempt::By(spare)));
        assert_eq!(targets.next_reachable(), None);
    }

    #[test]
    fn datagrams_come_next_where_tcp_failed_and_not_where_it_was_answered() {
        let [a, b] = ["10.0.0.1:1", "10.0.0.2:2"].map(target);
        let mut targets = Targets::none();
        targets.may_grow(true);
        targets.found(vec![a, b]);
        assert_eq!(targets.next(), Some(Attempt::At(a, true)));
        targets.grew(a);
        assert_eq!(targets.next_reachable(), Some(Attempt::At(a, false)));
        assert_eq!(targets.next_reachable(), Some(Attempt::At(b, true)));
        targets.grew(b);
        assert_eq!(targets.next(), None, "it answered: its datagrams would say the same");
    }
}
