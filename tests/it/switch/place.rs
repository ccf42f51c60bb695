//! Loopback addresses of one's own. Linux answers on all of 127.0.0.0/8, so every switch gets a /24 of it, and well-known ports
//! never collide however many tests run at once, in one process or in many.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// A /24 of loopback, held until dropped.
pub struct Place {
    /// Where the switch lives.
    pub switch: Ipv4Addr,
    /// Where the trunk lives: the other end, played by sipp.
    pub trunk: Ipv4Addr,
    /// Whoever holds this socket holds the /24.
    _claim: UdpSocket,
}

impl Place {
    /// Takes a /24 that nobody has.
    pub fn claim() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let start = std::process::id().wrapping_mul(37);
        for _ in 0..NETWORKS {
            let number = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % NETWORKS;
            // 127.1.0.0 to 127.250.255.0.
            let [high, low] = [(1 + number / 256) as u8, (number % 256) as u8];
            if let Ok(claim) = UdpSocket::bind((Ipv4Addr::new(127, high, low, 1), CLAIM_PORT)) {
                let [switch, trunk] = [1, 2].map(|host| Ipv4Addr::new(127, high, low, host));
                return Self { switch, trunk, _claim: claim };
            }
        }
        panic!("every network of 127.0.0.0/8 is taken");
    }

    /// Somebody at the trunk who says nothing: calls neither ring nor fail for as long as it is held.
    pub fn silent_trunk(&self) -> UdpSocket {
        UdpSocket::bind(self.trunk_sip()).expect("the place is ours alone")
    }

    /// Another address of the same /24.
    pub fn neighbour(&self, host: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.switch.octets();
        Ipv4Addr::new(a, b, c, host)
    }

    /// The UDP ports that the switch has open now, by the kernel's table.
    pub fn udp_ports(&self) -> Vec<u16> {
        let start = format!("{}:", hexadecimal(self.switch));
        let port = |line: &str| {
            let local = line.split_whitespace().nth(1)?.strip_prefix(&start)?;
            u16::from_str_radix(local, 16).ok().filter(|port| *port != CLAIM_PORT)
        };
        udp_table().lines().filter_map(port).collect()
    }

    /// The connections that the switch has open to this address.
    pub fn connections_to(&self, remote: SocketAddrV4) -> usize {
        let (local, remote) = (format!("{}:", hexadecimal(self.switch)), endpoint(remote.into()));
        let is_one = |line: &&str| {
            let columns: Vec<&str> = line.split_whitespace().take(4).collect();
            // 01 is ESTABLISHED.
            matches!(columns[..], [_, from, to, "01"] if from.starts_with(&local) && to == remote)
        };
        tcp_table().lines().filter(is_one).count()
    }

    /// The switch's API.
    pub fn http(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.switch, 8080)
    }

    /// The switch's SIP.
    pub fn sip(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.switch, 5060)
    }

    /// The second trunk's SIP (see `Setup::second`).
    pub fn second_sip(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.neighbour(3), 5080)
    }

    /// The trunk's SIP.
    pub fn trunk_sip(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.trunk, 5080)
    }
}

const NETWORKS: u32 = 250 * 256;
const CLAIM_PORT: u16 = 1_025;

/// The kernel's table of UDP sockets, one a line, the local address in the second column.
pub fn udp_table() -> String {
    table("udp")
}

/// The same of TCP sockets.
pub fn tcp_table() -> String {
    table("tcp")
}

/// Both families'.
fn table(protocol: &str) -> String {
    let read =
        |name: String| std::fs::read_to_string(&name).unwrap_or_else(|error| panic!("{name}: {error}"));
    read(format!("/proc/net/{protocol}")) + &read(format!("/proc/net/{protocol}6"))
}

/// An address as those tables write it.
pub fn hexadecimal(address: impl Into<IpAddr>) -> String {
    let word = |bytes: &[u8]| format!("{:08X}", u32::from_ne_bytes(bytes.try_into().expect("four bytes")));
    match address.into() {
        IpAddr::V4(address) => word(&address.octets()),
        IpAddr::V6(address) => address.octets().chunks(4).map(word).collect(),
    }
}

/// Address and port as those tables write them.
pub fn endpoint(address: SocketAddr) -> String {
    format!("{}:{:04X}", hexadecimal(address.ip()), address.port())
}
