//! One Via value (RFC 3261 §20.42; `rport` by RFC 3581): who sent a message, and where its answer goes.

use std::net::{IpAddr, SocketAddr};

use super::{
    params::{Params, is_token},
    uri::host_port,
};

/// What every branch since RFC 3261 begins with (§8.1.1.7).
pub(crate) const COOKIE: &str = "z9hG4bK";

/// A Via, borrowed from its message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `TLS`, `WS`… in the case it came in.
    pub transport: &'a str,
    /// The sent-by host: a name, an IPv4 address, or an IPv6 address without its brackets.
    pub host: &'a str,
    /// The sent-by port, when it is written.
    pub port: Option<u16>,
    /// Everything after the sent-by.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one value, such as `SIP/2.0/UDP pc33.example.com:5060;branch=z9hG4bK776;rport`.
    pub fn parse(value: &'a str) -> Option<Self> {
        let (name, rest) = value.split_once('/')?;
        let (version, rest) = rest.split_once('/')?;
        if !name.trim_ascii().eq_ignore_ascii_case("SIP") || !is_token(version.trim_ascii().as_bytes()) {
            return None;
        }
        let (transport, rest) = rest.trim_ascii_start().split_once([' ', '\t'])?;
        if !is_token(transport.as_bytes()) {
            return None;
        }
        let (sent_by, params) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = host_port(sent_by)?;
        Some(Self { transport, host, port, params: Params::plain(params) })
    }

    /// The transaction's id; absent or without `z9hG4bK` from an RFC 2543 element.
    pub fn branch(&self) -> Option<&'a str> {
        self.params.get("branch").filter(|branch| !branch.is_empty())
    }

    /// The address the message was seen to come from.
    pub fn received(&self) -> Option<IpAddr> {
        // RFC 5118 §4.5: an IPv6 address may stand here with or without brackets.
        self.params.get("received")?.trim_matches(['[', ']']).parse().ok()
    }

    /// Whether the sender asked for symmetric response routing.
    pub fn wants_rport(&self) -> bool {
        self.params.has("rport")
    }

    /// The port the message was seen to come from, once a server has filled it in.
    pub fn rport(&self) -> Option<u16> {
        self.params.get("rport")?.parse().ok()
    }

    /// The multicast (or other) address that the response goes to instead.
    pub fn maddr(&self) -> Option<&'a str> {
        self.params.get("maddr")
    }

    /// The hop limit of a multicast request.
    pub fn ttl(&self) -> Option<u8> {
        self.params.get("ttl")?.parse().ok()
    }

    /// Where, over UDP, the response to a request that came from `source` goes (RFC 3261 §18.2.2, RFC 3581 §4). A `maddr`
    /// is not followed: it would let a stranger aim our answers at anybody.
    pub fn reply_to(&self, source: SocketAddr) -> SocketAddr {
        match self.wants_rport() {
            true => source,
            false => SocketAddr::new(source.ip(), self.port.unwrap_or(PORT)),
        }
    }
}

/// SIP's port over UDP and TCP.
const PORT: u16 = 5060;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_and_ports_and_parameters_are_read() {
        let via = Via::parse(
            "SIP  / 2.0\t/ UDP \t 192.0.2.2 : 5070 ;branch=390skdjuw;rport ;ttl=16; maddr=224.2.0.1",
        )
        .expect("a readable Via");
        assert_eq!((via.transport, via.host, via.port), ("UDP", "192.0.2.2", Some(5070)));
        assert_eq!((via.branch(), via.wants_rport(), via.rport()), (Some("390skdjuw"), true, None));
        assert_eq!((via.ttl(), via.maddr()), (Some(16), Some("224.2.0.1")));
    }

    #[test]
    fn ipv6_references_are_read() {
        let via = Via::parse("SIP/2.0/UDP [2001:db8::9:1]:6050;received=[2001:db8::9:255];branch=z9hG4bKas3")
            .expect("a Via");
        assert_eq!((via.host, via.port), ("2001:db8::9:1", Some(6050)));
        assert_eq!(via.received(), "2001:db8::9:255".parse().ok());
    }

    #[test]
    fn answers_go_where_the_via_says() {
        let source: SocketAddr = "198.51.100.7:40000".parse().expect("an address");
        let reply = |text| Via::parse(text).expect("a Via").reply_to(source).to_string();
        assert_eq!(reply("SIP/2.0/UDP 10.0.0.1:5070;rport;branch=a"), "198.51.100.7:40000");
        assert_eq!(reply("SIP/2.0/UDP 10.0.0.1:5070;branch=a"), "198.51.100.7:5070");
        assert_eq!(reply("SIP/2.0/UDP 10.0.0.1;branch=a"), "198.51.100.7:5060");
    }

    #[test]
    fn an_open_quote_or_bracket_ends_with_its_parameter() {
        for open in ["\"", "<", "(", "a\"b"] {
            let text = format!("SIP/2.0/UDP a;branch={open};received=192.0.2.1;rport=5070");
            let via = Via::parse(&text).expect("a Via");
            assert_eq!((via.received(), via.rport()), ("192.0.2.1".parse().ok(), Some(5070)), "{text}");
        }
    }

    #[test]
    fn unreadable_vias_are_refused() {
        for text in [
            "",
            "SIP/2.0",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ;branch=a",
            "HTTP/1.1/TCP a",
            "SIP/2.0/U:P a",
            "SIP/2.0/UDP [::1",
        ] {
            assert_eq!(Via::parse(text), None, "{text}");
        }
    }
}
