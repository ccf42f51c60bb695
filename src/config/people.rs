//! `[people]`: how browsers reach the switch with the audio of those who take calls in them.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checker::Checker;
use crate::model::Secret;

/// ICE servers, at most.
const ICE_SERVERS_MAX: usize = 16;
/// Connections at once, at most.
const CONNECTIONS_MAX: u32 = 10_000;

/// `[people]`
#[derive(Clone, Debug)]
pub struct People {
    /// The address of our candidates. Unspecified: every interface's.
    pub address: IpAddr,
    /// UDP ports for it, one a connection. From 0: whatever the kernel gives.
    pub ports: RangeInclusive<u16>,
    /// STUN and TURN servers, for the switch and for the pages.
    pub ice_servers: Vec<IceServer>,
    /// Connections at once.
    pub connections_max: usize,
    /// How long somebody stays signed in.
    pub session: Duration,
    /// How long a call is kept for somebody whose audio is lost. Zero: not at all.
    pub return_within: Duration,
}

/// As `RTCIceServer` in the browser.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:` and `turn:` URLs.
    pub urls: Vec<String>,
    /// For TURN.
    pub username: Option<String>,
    /// For TURN. The pages are told it.
    #[serde(skip_serializing)]
    pub credential: Option<Secret<String>>,
}

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Table {
    address: Option<String>,
    ports: Option<String>,
    ice_servers: Vec<IceServer>,
    connections_max: u32,
    session_hours: u64,
    return_seconds: u64,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            address: None,
            ports: None,
            ice_servers: Vec::new(),
            connections_max: 200,
            session_hours: 12,
            return_seconds: 10,
        }
    }
}

/// The table checked. Without an address of its own, browsers' audio comes where the trunks' does.
pub fn people(table: Table, rtp: IpAddr, check: &mut Checker<'_>) -> People {
    let address = table.address.as_deref().map_or(Ok(rtp), |text| {
        text.parse()
            .map_err(|_| format!("`{text}` is not an address such as \"127.0.0.1\" (a name is not enough)"))
    });
    check.that("people.ice_servers", table.ice_servers.len() <= ICE_SERVERS_MAX, || {
        format!("must be at most {ICE_SERVERS_MAX}")
    });
    for (index, server) in table.ice_servers.iter().enumerate() {
        let is_url = |url: &String| {
            ["stun:", "stuns:", "turn:", "turns:"]
                .iter()
                .any(|scheme| url.len() > scheme.len() && url.starts_with(scheme))
        };
        let valid = !server.urls.is_empty() && server.urls.iter().all(is_url);
        check.that(&format!("people.ice_servers[{index}].urls"), valid, || {
            "must be URLs such as \"stun:192.0.2.1:3478\" or \"turn:192.0.2.1:3478\"".into()
        });
    }
    check.that("people.connections_max", (1..=CONNECTIONS_MAX).contains(&table.connections_max), || {
        format!("must be 1 to {CONNECTIONS_MAX}")
    });
    let hours = check.seconds("people.session_hours", table.session_hours, 1..=168);
    People {
        address: check.or("people.address", address, rtp),
        ports: check.or("people.ports", table.ports.as_deref().map_or(Ok(0..=0), ports), 0..=0),
        ice_servers: table.ice_servers,
        connections_max: usize::try_from(table.connections_max).unwrap_or(usize::MAX),
        session: hours * 3_600,
        return_within: check.seconds("people.return_seconds", table.return_seconds, 0..=60),
    }
}

fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let parts = text.split_once('-').map(|(first, last)| (first.trim().parse(), last.trim().parse()));
    match parts {
        Some((Ok(first @ 1_024..), Ok(last))) if first <= last => Ok(first..=last),
        _ => Err(format!("`{text}` must be of the form \"40000-40999\", from 1024 on")),
    }
}
