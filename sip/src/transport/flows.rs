//! All connections of one endpoint: opened when there is something to send, used again, bounded, and told of when lost. Each is
//! carried by a task of its own, with a bounded queue either way.
#![expect(clippy::disallowed_methods, reason = "a shell: each connection is a task")]

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use super::stream::{self, Happening, Inbox, Outbox};
use super::{StreamLimits, tcp, tls};
use crate::path::{Flow, FlowLost, Listen, Path, Protocol, TlsPeer, Transmit};
use crate::tls::{ClientTls, ClientTlsConfig, ServerTls};
use crate::transport_error::TransportError;

/// What all connections did since the endpoint was bound.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct StreamCounters {
    /// Connections we began to open.
    pub opened: u64,
    /// Connections that were opened to us.
    pub accepted: u64,
    /// Connections to us that were closed at once: too many, or too many of one address.
    pub turned_away: u64,
    /// Connections that were lost, or never came about.
    pub lost: u64,
    /// Messages read.
    pub received: u64,
    /// Messages handed to a connection.
    pub sent: u64,
}

/// The connections.
pub(crate) struct Flows {
    limits: Arc<StreamLimits>,
    listeners: Vec<(Listen, AbortHandle)>,
    server: Option<Arc<ServerTls>>,
    /// How TLS is spoken to who asks for nothing in particular; made when it is first needed.
    usual: Option<Arc<ClientTls>>,
    open: HashMap<Name, Connection>,
    /// Connections to us.
    accepted: usize,
    /// By whom they are.
    by_address: HashMap<IpAddr, usize>,
    inbox: Inbox,
    happenings: mpsc::Receiver<Happening>,
    lost: VecDeque<FlowLost>,
    counted: u64,
    counters: StreamCounters,
}

/// What names a connection; our own end does not.
type Name = (Protocol, SocketAddr, Flow);

struct Connection {
    number: u64,
    messages: mpsc::Sender<Bytes>,
    queued_bytes: Arc<AtomicUsize>,
}

/// Happenings that may wait for the endpoint.
const HAPPENINGS_MAX: usize = 1_024;
/// Messages that may wait on one connection; their bytes are bounded besides.
const MESSAGES_MAX: usize = 1_024;

impl Flows {
    pub fn new(server: Option<Arc<ServerTls>>, limits: StreamLimits) -> Self {
        let (sender, happenings) = mpsc::channel(HAPPENINGS_MAX);
        Self {
            limits: Arc::new(limits),
            listeners: Vec::new(),
            server,
            usual: None,
            open: HashMap::new(),
            accepted: 0,
            by_address: HashMap::new(),
            inbox: Inbox { sender, bell: Arc::new(Notify::new()) },
            happenings,
            lost: VecDeque::new(),
            counted: 0,
            counters: StreamCounters::default(),
        }
    }

    /// Listens on an address. Gives the one that was bound.
    pub fn listen(&mut self, listen: Listen) -> io::Result<SocketAddr> {
        if listen.protocol == Protocol::Tls && self.server.is_none() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "TLS needs a certificate to listen"));
        }
        let listener = tcp::listen(listen.address)?;
        let bound = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, self.listeners.len(), self.inbox.clone()));
        self.listeners.push((Listen { address: bound, ..listen }, task.abort_handle()));
        Ok(bound)
    }

    /// Rung when something happened.
    pub fn bell(&self) -> &Notify {
        &self.inbox.bell
    }

    pub fn counters(&self) -> StreamCounters {
        self.counters
    }

    pub fn poll_lost(&mut self) -> Option<FlowLost> {
        self.lost.pop_front()
    }

    /// Takes what happened, at most `max` of it. Gives how much.
    pub fn receive(&mut self, max: usize, mut f: impl FnMut(Path, Bytes)) -> usize {
        for taken in 0..max {
            let Ok(happening) = self.happenings.try_recv() else { return taken };
            match happening {
                Happening::Message(path, message) => {
                    self.counters.received += 1;
                    f(path, message);
                }
                Happening::Lost(path, number, error) => self.forget(path, number, error),
                Happening::Accepted(stream, remote, listener) => self.admit(stream, remote, listener),
            }
        }
        // There may be more, and nobody rings for it again.
        self.inbox.bell.notify_one();
        max
    }

    /// Sends a message by its connection, which is opened if it is ours to open.
    pub fn send(&mut self, transmit: Transmit) {
        let Transmit { path, payload, tls, is_grown } = transmit;
        let within = if is_grown { self.limits.connect_grown } else { self.limits.connect };
        if !self.open.contains_key(&name(&path))
            && let Err(error) = self.open(path, tls, within)
        {
            return self.lose(path, error);
        }
        let Some(connection) = self.open.get(&name(&path)) else { return };
        let length = payload.len();
        let waiting = connection.queued_bytes.fetch_add(length, Ordering::Relaxed);
        let is_full = waiting > 0 && waiting + length > self.limits.queued_bytes_max;
        if is_full || connection.messages.try_send(payload).is_err() {
            // Its task ends with its queue, and what it then tells of is of no interest any more.
            self.open.remove(&name(&path));
            self.leave(&path);
            return self.lose(path, TransportError::Overflow);
        }
        self.counters.sent += 1;
    }

    fn open(&mut self, path: Path, peer: Option<TlsPeer>, within: Duration) -> Result<(), TransportError> {
        let Flow::Opened(_) = path.flow else { return Err(TransportError::Closed) };
        if self.open.len() >= self.limits.connections_max {
            return Err(TransportError::TooMany);
        }
        let secure = match (path.protocol, peer) {
            (Protocol::Tls, Some(TlsPeer { host, tls })) => Some((host, self.client(tls)?)),
            (Protocol::Tls, None) => return Err(TransportError::Closed),
            _ => None,
        };
        self.counters.opened += 1;
        let (inbox, limits) = (self.inbox.clone(), Arc::clone(&self.limits));
        let (number, mut outbox) = self.register(&path);
        tokio::spawn(async move {
            let error = match (tcp::connect(path.local, path.remote, within, &limits).await, secure) {
                (Err(error), _) => error,
                (Ok(stream), None) => stream::carry(stream, path, &inbox, &mut outbox, true, &limits).await,
                (Ok(stream), Some((host, client))) => {
                    match tls::connect(stream, &client, &host, &limits).await {
                        Err(error) => error,
                        Ok(stream) => stream::carry(stream, path, &inbox, &mut outbox, true, &limits).await,
                    }
                }
            };
            inbox.put(Happening::Lost(path, number, error)).await;
        });
        Ok(())
    }

    fn client(&mut self, tls: Option<Arc<ClientTls>>) -> Result<Arc<ClientTls>, TransportError> {
        if let Some(tls) = tls.or_else(|| self.usual.clone()) {
            return Ok(tls);
        }
        let made = ClientTls::new(ClientTlsConfig::default());
        let made = made.map_err(|error| TransportError::Tls(error.to_string()))?;
        self.usual = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Somebody connected to us.
    fn admit(&mut self, stream: TcpStream, remote: SocketAddr, listener: usize) {
        let Some((listen, _)) = self.listeners.get(listener) else { return };
        let Listen { protocol, address: local } = *listen;
        let flow = Flow::Accepted(self.counted + 1);
        let path = Path { protocol, local, remote, flow };
        let has_many =
            self.by_address.get(&who(remote.ip())).is_some_and(|count| *count >= self.limits.per_address_max);
        let is_full = self.open.len() >= self.limits.connections_max
            || self.accepted >= self.limits.connections_max.div_ceil(2);
        if has_many || is_full || tcp::tune(&stream, &self.limits).is_err() {
            self.counters.turned_away += 1;
            return;
        }
        self.counters.accepted += 1;
        self.accepted += 1;
        *self.by_address.entry(who(remote.ip())).or_default() += 1;
        let (inbox, limits) = (self.inbox.clone(), Arc::clone(&self.limits));
        let server = self.server.clone().filter(|_| protocol == Protocol::Tls);
        let (number, mut outbox) = self.register(&path);
        tokio::spawn(async move {
            let error = match server {
                None => stream::carry(stream, path, &inbox, &mut outbox, false, &limits).await,
                Some(server) => match tls::accept(stream, &server, &limits).await {
                    Err(error) => error,
                    Ok(stream) => stream::carry(stream, path, &inbox, &mut outbox, false, &limits).await,
                },
            };
            inbox.put(Happening::Lost(path, number, error)).await;
        });
    }

    fn register(&mut self, path: &Path) -> (u64, Outbox) {
        self.counted += 1;
        let (sender, messages) = mpsc::channel(MESSAGES_MAX);
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let connection =
            Connection { number: self.counted, messages: sender, queued_bytes: Arc::clone(&queued_bytes) };
        self.open.insert(name(path), connection);
        (self.counted, Outbox { messages, queued_bytes })
    }

    /// A connection's task has ended. One that was opened again meanwhile is another.
    fn forget(&mut self, path: Path, number: u64, error: TransportError) {
        if self.open.get(&name(&path)).is_none_or(|connection| connection.number != number) {
            return;
        }
        self.open.remove(&name(&path));
        self.leave(&path);
        self.lose(path, error);
    }

    fn lose(&mut self, path: Path, error: TransportError) {
        self.counters.lost += 1;
        self.lost.push_back(FlowLost { path, error });
        self.inbox.bell.notify_one();
    }

    fn leave(&mut self, path: &Path) {
        let Flow::Accepted(_) = path.flow else { return };
        self.accepted = self.accepted.saturating_sub(1);
        let whose = who(path.remote.ip());
        if let Some(count) = self.by_address.get_mut(&whose) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&whose);
            }
        }
    }
}

impl Drop for Flows {
    /// Connections end by themselves, once they have sent what they were given.
    fn drop(&mut self) {
        for (_, task) in &self.listeners {
            task.abort();
        }
    }
}

impl std::fmt::Debug for Flows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flows").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, index: usize, inbox: Inbox) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => inbox.put(Happening::Accepted(stream, remote, index)).await,
            // Out of descriptors, mostly: trying again at once would be spinning.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// How long a listener rests after it could not accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

fn name(path: &Path) -> Name {
    (path.protocol, path.remote, path.flow)
}

/// Whom an address stands for: of IPv6 everybody has a /64.
fn who(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}
