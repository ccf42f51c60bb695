//! Shell: a user agent and an endpoint of the doctor's own. Every message that passes is kept as it was on the wire.
#![expect(clippy::disallowed_methods, reason = "a shell: it reads the clock")]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use trunkline_sip::{
    Body, ClientTls, ClientTlsConfig, Config, Endpoint, Event, Invite, InviteId, Listen, Local, Message,
    Method, OptionsRequest, Path, Protocol, Query, Register, Resolver, ResolverConfig, Target, Transmit,
    Trust, UserAgent,
};

use super::line::Line;
use super::observation::{Exchange, Seen};
use super::patient::{Patient, Within};
use crate::model::{Registration, Trunk};
use crate::trunk::route;

/// Messages of one exchange that are kept; whatever comes after them is heard and not kept.
const SEEN_MAX: usize = 512;

/// The doctor's SIP side.
pub struct Wire {
    agent: UserAgent,
    endpoint: Endpoint,
    resolver: Resolver,
    within: Within,
    /// The UDP socket that Via and Contact do not name.
    other: SocketAddr,
    /// Where the trunk is, best first.
    hops: Vec<Target>,
    exchange: Exchange,
    began: Instant,
    /// Whether what leaves takes the socket that Via does not name.
    by_other_port: bool,
    /// Whether the exchange is within a call: its requests go where the Contact says.
    is_within: bool,
    /// How TLS is spoken, if it is.
    tls: Option<Arc<ClientTls>>,
}

impl Wire {
    /// Takes two ports of the configured SIP address.
    pub fn bind(patient: &Patient) -> io::Result<Self> {
        let any = Listen::udp(SocketAddr::new(patient.sip.ip(), 0));
        let endpoint = Endpoint::bind(&[any, any], None)?;
        let [first, second] = endpoint.local_addrs()[..] else {
            return Err(io::Error::other("two sockets were asked for"));
        };
        let beside = endpoint.listening().into_iter().filter(|listen| listen.address == first);
        let local = |listen: Listen| Local {
            advertised: named(patient.advertise, first),
            ..Local::new(listen.protocol, first)
        };
        let config = Config {
            locals: beside.map(local).collect(),
            user_agent: patient.user_agent.clone(),
            timers: patient.timers,
            trust: Trust::Only(Vec::new()),
            ..Config::new(first)
        };
        Ok(Self {
            agent: UserAgent::new(config, rand::random()),
            endpoint,
            resolver: Resolver::new(ResolverConfig {
                nameservers: patient.nameservers.clone(),
                ..ResolverConfig::default()
            })
            .map_err(io::Error::other)?,
            within: patient.within.clone(),
            other: second,
            hops: Vec::new(),
            exchange: Exchange::new(Method::Options),
            began: Instant::now(),
            by_other_port: false,
            is_within: false,
            tls: client(&patient.trunk),
        })
    }

    /// Where the trunk is, best first. Requests of those who are there, within our calls, are heard from now on.
    pub fn lead(&mut self, hops: Vec<Target>) {
        self.hops = hops;
    }

    /// One OPTIONS, until it is answered or patience ends.
    pub async fn options(&mut self, patient: &Patient, by_other_port: bool) -> io::Result<Exchange> {
        let trunk = &patient.trunk;
        let user = patient.from.as_ref().map_or("trunkline", |number| number.as_str());
        let host = || Query::of(&trunk.uri).map_or_else(String::new, |query| query.host);
        let domain = trunk.from_domain.clone().unwrap_or_else(host);
        let request = OptionsRequest {
            token: 0,
            uri: trunk.uri.clone(),
            from: format!("<sip:{user}@{}>", bracketed(&domain)),
            route: trunk.outbound_proxy.clone(),
            credentials: route::credentials(trunk),
            tls: self.tls.clone(),
        };
        self.begin(Method::Options, by_other_port);
        self.agent.options(Instant::now(), request).map_err(io::Error::other)?;
        let until = self.began + patient.patience();
        while let Some(event) = self.turn(None, until).await? {
            if let Event::Reply { transport, .. } = event {
                self.exchange.transport = transport;
                self.exchange.certificate_left = self.certificate_left();
                break;
            }
        }
        Ok(self.end())
    }

    /// One registration, until it is granted or refused or patience ends; it is taken back at once.
    pub async fn register(&mut self, patient: &Patient, wanted: &Registration) -> io::Result<Exchange> {
        let trunk = &patient.trunk;
        let registrar = wanted.registrar.clone().unwrap_or_else(|| trunk.uri.clone());
        let user = wanted.user.clone().or_else(|| trunk.username.clone()).unwrap_or_default();
        let host = Query::of(&registrar).map_or_else(String::new, |query| query.host);
        let domain = trunk.from_domain.clone().unwrap_or(host);
        let order = Register {
            token: 0,
            registrar,
            aor: format!("<sip:{user}@{}>", bracketed(&domain)),
            contact_user: Some(user),
            route: trunk.outbound_proxy.clone(),
            credentials: route::credentials(trunk),
            tls: trunk.tls.as_ref().map(|tls| Arc::clone(&tls.client)),
            expires: wanted.expires,
            headers: Vec::new(),
            tap: false,
        };
        self.begin(Method::Register, false);
        let id = self.agent.register(Instant::now(), order).map_err(io::Error::other)?;
        let until = self.began + patient.patience();
        while let Some(event) = self.turn(None, until).await? {
            if let Event::RegistrationFailed { failure, .. } = &event {
                self.exchange.transport = failure.transport.clone();
            }
            if matches!(event, Event::Registered { .. } | Event::RegistrationFailed { .. }) {
                break;
            }
        }
        let exchange = self.end();
        // The binding of a running switch is another one, and stays.
        self.agent.unregister(Instant::now(), id);
        let until = Instant::now() + patient.patience();
        while let Some(event) = self.turn(None, until).await? {
            if matches!(event, Event::Unregistered { .. }) {
                break;
            }
        }
        Ok(exchange)
    }

    /// Begins a call, and with it an exchange.
    pub fn invite(&mut self, invite: Invite) -> io::Result<InviteId> {
        self.begin(Method::Invite, false);
        self.agent.invite(Instant::now(), invite).map_err(io::Error::other)
    }

    /// CANCEL or BYE.
    pub fn hangup(&mut self, id: InviteId) {
        self.agent.hangup(Instant::now(), id, None);
    }

    /// Whether anything came back in this exchange.
    pub fn has_heard(&self) -> bool {
        self.exchange.theirs().next().is_some()
    }

    /// Where a URI leads.
    pub async fn whereabouts(&self, uri: &str) -> Vec<SocketAddr> {
        let Some(query) = Query::of(uri) else { return Vec::new() };
        self.resolve(&query).await.into_iter().map(|target| target.address).collect()
    }

    async fn resolve(&self, query: &Query) -> Vec<Target> {
        self.within.reachable(self.resolver.resolve(query).await)
    }

    /// Offers another session within a call: an exchange of its own, until [`Wire::reoffered`].
    pub fn reoffer(&mut self, id: InviteId, body: Body) -> Option<Exchange> {
        if !self.agent.offer(Instant::now(), id, body) {
            return None;
        }
        self.is_within = true;
        Some(std::mem::replace(&mut self.exchange, Exchange::new(Method::Invite)))
    }

    /// Goes on with the call's exchange.
    pub fn reoffered(&mut self, call: Exchange) {
        self.exchange = call;
    }

    fn certificate_left(&self) -> Option<Duration> {
        let expires = self.tls.as_ref()?.certificate_expires()?;
        Some(expires.duration_since(SystemTime::now()).unwrap_or_default())
    }

    fn begin(&mut self, method: Method, by_other_port: bool) {
        self.is_within = false;
        self.exchange = Exchange::new(method);
        self.began = Instant::now();
        self.by_other_port = by_other_port;
    }

    /// The exchange is over: all that passed.
    pub fn end(&mut self) -> Exchange {
        self.by_other_port = false;
        self.exchange.took = self.began.elapsed();
        std::mem::replace(&mut self.exchange, Exchange::new(Method::Options))
    }

    /// The user agent's next event; `None` when the time is over. Meanwhile the line, if there is one, is served.
    pub async fn turn(&mut self, mut line: Option<&mut Line>, until: Instant) -> io::Result<Option<Event>> {
        loop {
            self.drain().await?;
            if let Some(line) = line.as_deref_mut() {
                line.tick();
            }
            if let Some(event) = self.agent.poll_event() {
                return Ok(Some(event));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            let ticks = line.as_deref().and_then(Line::due);
            let due = [self.agent.poll_timeout(), ticks].into_iter().flatten().fold(until, Instant::min);
            tokio::select! {
                readable = self.endpoint.readable() => {
                    readable?;
                    self.receive()?;
                }
                _ = self.endpoint.writable() => {}
                () = heard(line.as_deref_mut()) => {}
                () = tokio::time::sleep_until(due.into()) => self.agent.handle_timeout(Instant::now()),
            }
        }
    }

    fn receive(&mut self) -> io::Result<()> {
        let Self { agent, endpoint, exchange, began, .. } = self;
        endpoint.receive(|path, datagram| {
            let now = Instant::now();
            keep(exchange, *began, false, path, &datagram);
            agent.handle_message(now, path, datagram);
        })?;
        Ok(())
    }

    async fn drain(&mut self) -> io::Result<()> {
        loop {
            while let Some(query) = self.agent.poll_query() {
                // Of the trunk's addresses the best one that is alive; of others (a Contact) what the resolver says.
                let is_first = self.exchange.seen.is_empty() && !self.hops.is_empty() && !self.is_within;
                let targets = match is_first {
                    true => self.hops.clone(),
                    false => self.resolve(&query).await,
                };
                self.agent.handle_targets(Instant::now(), query.id, targets);
            }
            while let Some(mut transmit) = self.agent.poll_transmit() {
                if self.by_other_port && !transmit.path.protocol.is_reliable() {
                    transmit.path.local = self.other;
                }
                let Transmit { path, payload, .. } = &transmit;
                keep(&mut self.exchange, self.began, true, *path, payload);
                self.endpoint.queue(transmit);
            }
            self.endpoint.flush()?;
            let Some(lost) = self.endpoint.poll_lost() else { return Ok(()) };
            self.agent.handle_flow_lost(Instant::now(), &lost);
        }
    }
}

/// How the trunk speaks TLS: what its own table says, or the usual way.
fn client(trunk: &Trunk) -> Option<Arc<ClientTls>> {
    let own = trunk.tls.as_ref().map(|tls| Arc::clone(&tls.client));
    let hop = trunk.outbound_proxy.as_ref().unwrap_or(&trunk.uri);
    let is_tls = Query::of(hop).is_some_and(|query| query.secure || query.protocol == Some(Protocol::Tls));
    match own {
        None if is_tls => ClientTls::new(ClientTlsConfig::default()).ok(),
        own => own,
    }
}

async fn heard(line: Option<&mut Line>) {
    match line {
        Some(line) => line.readable().await,
        None => std::future::pending().await,
    }
}

/// What Via and Contact say: the advertised address, with the port that is really ours.
fn named(advertise: Option<IpAddr>, bound: SocketAddr) -> SocketAddr {
    SocketAddr::new(advertise.unwrap_or(bound.ip()), bound.port())
}

/// An IPv6 address stands in brackets within a URI.
fn bracketed(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => host.to_owned(),
    }
}

fn keep(exchange: &mut Exchange, began: Instant, is_ours: bool, path: Path, datagram: &Bytes) {
    if exchange.seen.len() == SEEN_MAX {
        return;
    }
    if let Ok(message) = Message::parse(datagram.clone()) {
        let (local, remote) = (path.local, path.remote);
        exchange.seen.push(Seen { at: began.elapsed(), is_ours, local, remote, message });
    }
}
