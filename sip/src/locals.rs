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
    /// Nobody listens there: it is where our own connections come from.
    is_stand_in: bool,
}

impl Locals {
    pub fn new(locals: &[Local], user: &str) -> Self {
        let mut faces: Vec<Face> = locals.iter().map(|local| Face::new(*local, user)).collect();
        // A connection can be opened from anywhere: where no address has the transport, one of its family stands in.
        for (protocol, kin) in
            [(Protocol::Tcp, [Protocol::Udp, Protocol::Tls]), (Protocol::Tls, [Protocol::Tcp, Protocol::Udp])]
        {
            for is_ipv4 in [true, false] {
                if find(&faces, protocol, is_ipv4).is_some() {
                    continue;
                }
                if let Some(face) = kin.into_iter().find_map(|kin| find(&faces, kin, is_ipv4)) {
                    faces.push(face.stand_in(protocol, user));
                }
            }
        }
        Self { faces }
    }

    /// Whether somebody who is told of it can connect to us by this transport, from where `remote` is.
    pub fn is_heard(&self, protocol: Protocol, remote: SocketAddr) -> bool {
        self.towards(protocol, remote).is_some_and(|face| !face.is_stand_in)
    }

    /// The address that messages to `remote` leave from.
    pub fn towards(&self, protocol: Protocol, remote: SocketAddr) -> Option<&Face> {
        find(&self.faces, protocol, remote.is_ipv4())
    }

    /// The same within a dialog that is at `local` so far: the far end knows us by that address, and its firewall, too.
    pub fn staying_at(&self, local: SocketAddr, protocol: Protocol, remote: SocketAddr) -> Option<&Face> {
        let may_be = |face: &&Face| face.local.protocol == protocol && local.is_ipv4() == remote.is_ipv4();
        let faces = || self.faces.iter().filter(may_be);
        let exact = faces().find(|face| face.local.bound == local);
        exact
            .or_else(|| faces().find(|face| face.local.bound.ip() == local.ip()))
            .or_else(|| self.towards(protocol, remote))
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
            is_stand_in: false,
        }
    }

    /// The same address for our own connections by another transport, at which nobody listens. Over TCP the Contact says where we
    /// are heard. What is secure has no other place, so that requests to us come by the connection that we opened, and Via asks for
    /// that (RFC 5923 §6).
    fn stand_in(&self, protocol: Protocol, user: &str) -> Self {
        let Local { advertised, .. } = self.local;
        let face = Self { is_stand_in: true, ..Self::new(Local { protocol, ..self.local }, user) };
        match protocol {
            Protocol::Tls => {
                let via = format!("SIP/2.0/TLS {advertised};rport;alias;branch={COOKIE}");
                Self { via, ..face }
            }
            Protocol::Udp | Protocol::Tcp => Self { contact: self.contact.clone(), ..face },
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
        assert!(via(Protocol::Tls, "192.0.2.9:5061").starts_with("SIP/2.0/TLS 192.0.2.1:5060;rport;alias;"));
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
    fn a_contact_says_where_somebody_listens() {
        let contact = |listening: &[(Protocol, &str)], protocol: Protocol| {
            let local = |(protocol, text): &(Protocol, &str)| Local::new(*protocol, address(text));
            let locals = Locals::new(&listening.iter().map(local).collect::<Vec<_>>(), "me");
            let remote = address("192.0.2.9:5060");
            let local = address("192.0.2.1:5060");
            let path = Path { protocol, local, remote, flow: Flow::Opened(0) };
            (locals.contact(&path, false).to_owned(), locals.is_heard(protocol, remote))
        };
        let (udp, tcp) = ((Protocol::Udp, "192.0.2.1:5060"), (Protocol::Tcp, "192.0.2.1:5060"));
        let tls = (Protocol::Tls, "192.0.2.1:5061");
        for (listening, protocol, shown, is_heard) in [
            (&[udp, tcp][..], Protocol::Tcp, "<sip:me@192.0.2.1:5060;transport=tcp>", true),
            (&[udp], Protocol::Tcp, "<sip:me@192.0.2.1:5060>", false),
            (&[tls], Protocol::Tcp, "<sip:me@192.0.2.1:5061;transport=tls>", false),
            (&[udp, tls], Protocol::Tls, "<sip:me@192.0.2.1:5061;transport=tls>", true),
            (&[udp, tcp], Protocol::Tls, "<sip:me@192.0.2.1:5060;transport=tls>", false),
        ] {
            assert_eq!(contact(listening, protocol), (shown.to_owned(), is_heard), "{listening:?}");
        }
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
