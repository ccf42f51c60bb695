//! Shell: a user agent and an endpoint of the doctor's own. Every message that passes is kept as it was on the wire.
#![expect(clippy::disallowed_methods, reason = "a shell: it reads the clock")]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use trunkline_sip::{Config, Endpoint, Event, Message, OptionsRequest, Transmit, Trust, UserAgent};

use super::observation::{Exchange, Hop, Seen};
use super::patient::Patient;
use crate::trunk::route;

/// Messages of one exchange that are kept; whatever comes after them is heard and not kept.
const SEEN_MAX: usize = 512;

/// The doctor's SIP side.
pub struct Wire {
    agent: UserAgent,
    endpoint: Endpoint,
    /// The socket that Via and Contact name, and one that they do not.
    sockets: [SocketAddr; 2],
    /// Where the trunk is, best first.
    hops: Vec<Hop>,
    exchange: Exchange,
    began: Instant,
    /// Whether what leaves takes the socket that Via does not name.
    by_other_port: bool,
}

impl Wire {
    /// Takes two ports of the configured SIP address.
    pub fn bind(patient: &Patient) -> io::Result<Self> {
        let any = SocketAddr::new(patient.sip.ip(), 0);
        let endpoint = Endpoint::bind(&[any, any])?;
        let [first, second] = endpoint.local_addrs()[..] else {
            return Err(io::Error::other("two sockets were asked for"));
        };
        let config = Config {
            user_agent: patient.user_agent.clone(),
            timers: patient.timers,
            trust: Trust::Only(Vec::new()),
            ..Config::new(named(patient.advertise, first))
        };
        Ok(Self {
            agent: UserAgent::new(config, rand::random()),
            endpoint,
            sockets: [first, second],
            hops: Vec::new(),
            exchange: Exchange::default(),
            began: Instant::now(),
            by_other_port: false,
        })
    }

    /// Where the trunk is, best first.
    pub fn lead(&mut self, hops: Vec<Hop>) {
        self.hops = hops;
    }

    /// One OPTIONS, until it is answered or patience ends.
    pub async fn options(&mut self, patient: &Patient, by_other_port: bool) -> io::Result<Exchange> {
        let trunk = &patient.trunk;
        let user = patient.from.as_ref().map_or("trunkline", |number| number.as_str());
        let domain = trunk.from_domain.clone().unwrap_or_else(|| route::host_port(trunk).0.to_owned());
        let request = OptionsRequest {
            token: 0,
            uri: trunk.uri.clone(),
            from: format!("<sip:{user}@{}>", bracketed(&domain)),
            route: None,
            credentials: route::credentials(trunk),
        };
        self.begin(by_other_port);
        self.agent.options(Instant::now(), request).map_err(io::Error::other)?;
        let until = self.began + patient.patience();
        while let Some(event) = self.turn(until).await? {
            if let Event::Reply { status, .. } = event {
                self.exchange.status = status;
                break;
            }
        }
        Ok(self.end())
    }

    fn begin(&mut self, by_other_port: bool) {
        self.exchange = Exchange::default();
        self.began = Instant::now();
        self.by_other_port = by_other_port;
    }

    fn end(&mut self) -> Exchange {
        self.by_other_port = false;
        self.exchange.took = self.began.elapsed();
        std::mem::take(&mut self.exchange)
    }

    /// The user agent's next event; `None` when the time is over.
    async fn turn(&mut self, until: Instant) -> io::Result<Option<Event>> {
        loop {
            self.drain().await?;
            if let Some(event) = self.agent.poll_event() {
                return Ok(Some(event));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            let due = self.agent.poll_timeout().map_or(until, |due| due.min(until));
            tokio::select! {
                readable = self.endpoint.readable() => {
                    readable?;
                    self.receive()?;
                }
                _ = self.endpoint.writable() => {}
                () = tokio::time::sleep_until(due.into()) => self.agent.handle_timeout(Instant::now()),
            }
        }
    }

    fn receive(&mut self) -> io::Result<()> {
        let Self { agent, endpoint, exchange, began, .. } = self;
        endpoint.receive(|path, datagram| {
            let now = Instant::now();
            keep(exchange, *began, false, path.local, path.remote, &datagram);
            agent.handle_message(now, path, datagram);
        })?;
        Ok(())
    }

    async fn drain(&mut self) -> io::Result<()> {
        while let Some(query) = self.agent.poll_query() {
            // Of the trunk's addresses the best one that is alive; of others (a Contact) what the resolver says.
            let is_trunk = !self.hops.is_empty() && self.exchange.ours().next().is_none();
            let targets = match is_trunk {
                true => self.hops.iter().map(|hop| hop.address).collect(),
                false => trunkline_sip::resolve(&query.host, query.port).await,
            };
            self.agent.handle_targets(Instant::now(), query.id, targets);
        }
        while let Some(Transmit { mut path, payload }) = self.agent.poll_transmit() {
            path.local = self.sockets[usize::from(self.by_other_port)];
            keep(&mut self.exchange, self.began, true, path.local, path.remote, &payload);
            self.endpoint.queue(Transmit { path, payload });
        }
        self.endpoint.flush().map(drop)
    }
}

/// What Via and Contact say: the advertised address, with the port that is really ours.
fn named(advertise: Option<SocketAddr>, bound: SocketAddr) -> SocketAddr {
    SocketAddr::new(advertise.map_or(bound.ip(), |address| address.ip()), bound.port())
}

/// An IPv6 address stands in brackets within a URI.
fn bracketed(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => host.to_owned(),
    }
}

fn keep(
    exchange: &mut Exchange,
    began: Instant,
    is_ours: bool,
    local: SocketAddr,
    remote: SocketAddr,
    datagram: &bytes::Bytes,
) {
    if exchange.seen.len() == SEEN_MAX {
        return;
    }
    if let Ok(message) = Message::parse(datagram.clone()) {
        exchange.seen.push(Seen { at: began.elapsed(), is_ours, local, remote, message });
    }
}
