//! Where we are, as others see it: the Via and Contact of each transport and family (RFC 3261 §8.1.1.7, §8.1.1.8). Knows
//! nothing of sockets.

use std::net::{IpAddr, SocketAddr};

use crate::message::{COOKIE, Via};
use crate::path::{Local, Path, Protocol};

/// Our addresses.
pub(crate) struct Locals {
    faces: Vec<Face>,
}

/// One address, and what we write of it.
pub(crate) struct Face {
    pub local: Local,
    /// A Via up to the branch's own letters.
    pub via: String,
    contact: String,
    /// The Contact for who called us by `sips:`, or is called so.
    contact_secure: String,
}

impl Locals {
    pub fn new(locals: &[Local], user: &str) -> Self {
        let mut faces: Vec<Face> = locals.iter().map(|local| Face::new(*local, user)).collect();
        // A connection can be opened from anywhere: where no address has the transport, one of its family stands in.
        for protocol in [Protocol::Tcp, Protocol::Tls] {
            for is_ipv4 in [true, false] {
                if find(&faces, protocol, is_ipv4).is_some() {
                    continue;
                }
                let kin = [Protocol::Tcp, Protocol::Tls, Protocol::Udp];
                if let Some(face) = kin.into_iter().find_map(|kin| find(&faces, kin, is_ipv4)) {
                    let local = Local { protocol, ..face.local };
                    faces.push(Face::new(local, user));
                }
            }
        }
        Self { faces }
    }

    /// The address that messages to `remote` leave from.
    pub fn towards(&self, protocol: Protocol, remote: SocketAddr) -> Option<&Face> {
        find(&self.faces, protocol, remote.is_ipv4())
    }

    /// The address a path begins at.
    pub fn of(&self, path: &Path) -> Option<&Face> {
        let is_it = |face: &&Face| face.local.protocol == path.protocol && face.local.bound == path.local;
        self.faces.iter().find(is_it).or_else(|| self.towards(path.protocol, path.local))
    }

    /// What stands in Contact towards the far end of a path.
    pub fn contact(&self, path: &Path, is_secure: bool) -> &str {
        match self.of(path) {
            Some(face) if is_secure => &face.contact_secure,
            Some(face) => &face.contact,
            None => "",
        }
    }

    /// Whether a Via is ours: a response with another one is not for us (§18.1.2).
    pub fn wrote(&self, via: &Via<'_>) -> bool {
        let port = |protocol: Protocol| via.port.unwrap_or(protocol.default_port());
        via.host.parse::<IpAddr>().is_ok_and(|host| {
            let is_it = |local: &Local| local.advertised == SocketAddr::new(host, port(local.protocol));
            self.faces.iter().any(|face| is_it(&face.local))
        })
    }
}

impl Face {
    fn new(local: Local, user: &str) -> Self {
        let Local { protocol, advertised, .. } = local;
        let transport = match protocol {
            Protocol::Udp => "",
            Protocol::Tcp => ";transport=tcp",
            Protocol::Tls => ";transport=tls",
        };
        Self {
            local,
            via: format!("SIP/2.0/{} {advertised};rport;branch={COOKIE}", protocol.token()),
            contact: format!("<sip:{user}@{advertised}{transport}>"),
            contact_secure: format!("<sips:{user}@{advertised}>"),
        }
    }
}

fn find(faces: &[Face], protocol: Protocol, is_ipv4: bool) -> Option<&Face> {
    let is_it = |face: &&Face| face.local.protocol == protocol && face.local.bound.is_ipv4() == is_ipv4;
    faces.iter().find(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Flow;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address literal")
    }

    #[test]
    fn each_transport_and_family_has_its_own_words() {
        let tls = Local {
            protocol: Protocol::Tls,
            bound: address("[::]:5061"),
            advertised: address("[2001:db8::1]:5061"),
        };
        let locals = Locals::new(&[Local::new(Protocol::Udp, address("192.0.2.1:5060")), tls], "me");
        let via = |protocol, remote| {
            locals.towards(protocol, address(remote)).map(|face| face.via.as_str()).unwrap_or_default()
        };
        assert_eq!(via(Protocol::Udp, "192.0.2.9:5060"), "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK");
        assert_eq!(
            via(Protocol::Tls, "[2001:db8::9]:5061"),
            "SIP/2.0/TLS [2001:db8::1]:5061;rport;branch=z9hG4bK"
        );
        // Nobody listens there, and yet a connection can be opened.
        assert!(via(Protocol::Tcp, "192.0.2.9:5060").starts_with("SIP/2.0/TCP 192.0.2.1:5060;"));
        assert!(via(Protocol::Tls, "192.0.2.9:5061").starts_with("SIP/2.0/TLS 192.0.2.1:5060;"));
        assert_eq!(via(Protocol::Udp, "[2001:db8::9]:5060"), "");
        let path = Path {
            protocol: Protocol::Tls,
            local: address("[::]:5061"),
            remote: address("[2001:db8::9]:5061"),
            flow: Flow::Accepted(1),
        };
        assert_eq!(locals.contact(&path, false), "<sip:me@[2001:db8::1]:5061;transport=tls>");
        assert_eq!(locals.contact(&path, true), "<sips:me@[2001:db8::1]:5061>");
    }

    #[test]
    fn a_via_is_ours_by_any_of_our_addresses_with_or_without_its_port() {
        let locals = [
            Local::new(Protocol::Udp, address("192.0.2.1:5060")),
            Local::new(Protocol::Tls, address("[2001:db8::1]:5061")),
        ];
        let locals = Locals::new(&locals, "me");
        for (text, ours) in [
            ("SIP/2.0/UDP 192.0.2.1:5060;branch=a", true),
            ("SIP/2.0/UDP 192.0.2.1;branch=a", true),
            ("SIP/2.0/TLS [2001:DB8::1]:5061;branch=a", true),
            ("SIP/2.0/TLS [2001:db8::1];branch=a", true),
            ("SIP/2.0/UDP 192.0.2.1:5062;branch=a", false),
            ("SIP/2.0/UDP 192.0.2.2:5060;branch=a", false),
            ("SIP/2.0/UDP us.example:5060;branch=a", false),
        ] {
            assert_eq!(locals.wrote(&Via::parse(text).expect("a Via")), ours, "{text}");
        }
    }
}
