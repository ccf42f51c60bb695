//! How things are said, everywhere alike.

use std::net::IpAddr;
use std::time::Duration;

use trunkline_sip::{Message, Target};

use crate::doctor::observation::Exchange;
use crate::model::Trunk;

/// Where a trunk's keys stand in the configuration.
pub fn table(trunk: &Trunk) -> String {
    format!("[[trunk]] `{}`", trunk.name)
}

/// `403 Forbidden`, with a Warning's text where there is one.
pub fn response(message: &Message) -> String {
    let status = message.status().unwrap_or_default();
    let mut text = match message.phrase() {
        "" => status.to_string(),
        phrase => format!("{status} {phrase}"),
    };
    if let Some(warning) = message.header_named("Warning") {
        text.push_str(&format!(" (Warning: {warning})"));
    }
    text
}

/// `UDP 192.0.2.1:5060`.
pub fn hop(target: &Target) -> String {
    format!("{} {}", target.protocol.token(), target.address)
}

/// What an exchange came to.
pub fn outcome(exchange: &Exchange) -> String {
    match exchange.seen_final() {
        Some(seen) => format!("{} after {}", response(&seen.message), time(seen.at)),
        None => {
            let tries = exchange.requests(exchange.method).count();
            format!("nothing within {}, after {tries} tries", time(exchange.took))
        }
    }
}

/// `12 ms`, `3.5 s`.
pub fn time(time: Duration) -> String {
    match time.as_millis() {
        0 => "less than 1 ms".to_owned(),
        ms @ 1..1_000 => format!("{ms} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// How far an address reaches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reach {
    /// This machine.
    Loopback,
    /// A network of one's own (RFC 1918, 3927, 4193, 6598), or no address at all.
    Private,
    /// Everybody.
    Public,
}

/// How far an address reaches.
pub fn reach(address: IpAddr) -> Reach {
    let is_private = match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_unspecified()
                || v4.is_link_local()
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    match (address.is_loopback(), is_private) {
        (true, _) => Reach::Loopback,
        (_, true) => Reach::Private,
        _ => Reach::Public,
    }
}
