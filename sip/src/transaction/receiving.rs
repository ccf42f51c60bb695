//! Server transactions: requests come in, and are told from their own repetitions (RFC 3261 §17.2.3).

use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use super::key::{Fingerprint, strip_cookie};
use super::server::Server;
use super::server_invite::ServerInvite;
use super::{Armed, Fired, Layer, Wake, arm};
use crate::arena::Key;
use crate::event::Direction;
use crate::message::{Message, Method, Via};
use crate::path::{Flow, Path, Protocol};

/// What a request is to this layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// Seen before, or the ACK of a refusal: dealt with.
    Absorbed,
    /// The CANCEL of this INVITE transaction, and the usage that owns it.
    Cancel { invite: Key, usage: Key },
    /// The same request as one at work, by another way (§8.2.2.2).
    Merged,
    /// Not seen before.
    New,
}

/// One server transaction.
pub(super) struct Entry {
    machine: Machine,
    fingerprint: Fingerprint,
    merge: Option<Fingerprint>,
    /// The INVITE usage it belongs to.
    usage: Key,
    reply: Path,
    /// Where responses go once the connection of `reply` is gone (§18.2.2).
    refuge: Option<Path>,
    /// The last response.
    payload: Bytes,
    armed: Option<Armed>,
    tap: Option<u64>,
}

enum Machine {
    Invite(ServerInvite),
    Other(Server),
}

impl Layer {
    /// A request came in: does it belong to a transaction?
    pub fn receive_request(&mut self, now: Instant, request: &Message) -> Arrival {
        let method = request.method().unwrap_or(Method::Other);
        let fingerprint =
            self.fingerprint_as(request, if method == Method::Ack { Method::Invite } else { method });
        if let Some(&key) = self.arrivals.get(&fingerprint) {
            return self.repeat(now, key, request, method);
        }
        match method {
            Method::Cancel => {
                let invite = self.arrivals.get(&self.fingerprint_as(request, Method::Invite)).copied();
                let found = invite.and_then(|key| Some((key, self.servers.get(key)?.usage)));
                found.map_or(Arrival::New, |(invite, usage)| Arrival::Cancel { invite, usage })
            }
            Method::Invite if self.merges.contains_key(&self.fingerprint_merge(request)) => Arrival::Merged,
            _ => Arrival::New,
        }
    }

    /// Opens a server transaction for a new request, if there is room. A quarter of the room is for our own requests: whoever
    /// floods us does not keep us from calling.
    pub fn accept(&mut self, request: &Message, reply: Path, usage: Key, tap: Option<u64>) -> Option<Key> {
        let max = self.config.transactions_max;
        if self.is_full() || self.servers.len() >= max - max / 4 {
            return None;
        }
        let method = request.method()?;
        let fingerprint = self.fingerprint_as(request, method);
        let is_invite = method == Method::Invite;
        let is_new = request.to().is_none_or(|to| to.tag().is_none());
        let merge = (is_invite && is_new).then(|| self.fingerprint_merge(request));
        let machine = match is_invite {
            true => Machine::Invite(ServerInvite::new(reply.protocol.is_reliable())),
            false => Machine::Other(Server::new(reply.protocol.is_reliable())),
        };
        let refuge = self.refuge(request, reply);
        self.count_flow(reply, 1);
        let payload = Bytes::new();
        let key = self.servers.insert(Entry {
            machine,
            fingerprint,
            merge,
            usage,
            reply,
            refuge,
            payload,
            armed: None,
            tap,
        });
        self.arrivals.insert(fingerprint, key);
        if let Some(merge) = merge {
            self.merges.insert(merge, key);
        }
        Some(key)
    }

    /// Sends a response by its transaction. A second final is not sent.
    pub fn respond(&mut self, now: Instant, key: Key, status: u16, payload: Bytes) {
        let timers = self.config.timers;
        let Some(entry) = self.servers.get_mut(key) else { return };
        let allowed = match &mut entry.machine {
            Machine::Invite(machine) => machine.respond(now, status, &timers),
            Machine::Other(machine) => machine.respond(now, &timers),
        };
        if !allowed {
            return;
        }
        // The transaction user repeats a 2xx to an INVITE itself, until the ACK (RFC 6026 §7.1).
        let kept = !(matches!(entry.machine, Machine::Invite(_)) && (200..300).contains(&status));
        entry.payload = if kept { payload.clone() } else { Bytes::new() };
        let (path, tap) = (entry.reply, entry.tap);
        self.transmit(now, path, payload, tap);
        self.arm_server(key);
    }

    /// Forgets a server transaction, whatever it would still say: the same request is a new one.
    pub fn forget(&mut self, key: Key) {
        if let Some(armed) = self.servers.get_mut(key).and_then(|entry| entry.armed.take()) {
            self.wheel.cancel(armed.timer);
        }
        self.remove_server(key);
    }

    /// Whether an INVITE still waits for its final response.
    pub fn is_open(&self, key: Key) -> bool {
        let Some(Entry { machine: Machine::Invite(machine), .. }) = self.servers.get(key) else {
            return false;
        };
        machine.is_proceeding()
    }

    /// A tag for a response that no transaction remembers: the same each time the request comes (§8.2.7).
    pub fn stateless_tag(&self, request: &Message) -> String {
        self.fingerprint_merge(request).to_string()
    }

    pub(super) fn expire_server(&mut self, now: Instant, key: Key) {
        let timers = self.config.timers;
        let Some(entry) = self.servers.get_mut(key) else { return };
        if entry.armed.take_if(|armed| armed.at <= now).is_none() {
            return;
        }
        let fired = match &mut entry.machine {
            Machine::Invite(machine) => machine.handle_timeout(now, &timers),
            Machine::Other(machine) => machine.handle_timeout(now),
        };
        match fired {
            Fired::Retransmit => self.resend(now, key),
            Fired::Done => return self.remove_server(key),
            Fired::Nothing | Fired::TimedOut | Fired::Stalled => {}
        }
        self.arm_server(key);
    }

    fn repeat(&mut self, now: Instant, key: Key, request: &Message, method: Method) -> Arrival {
        let timers = self.config.timers;
        let Some(entry) = self.servers.get_mut(key) else { return Arrival::New };
        let tap = entry.tap;
        let resends = match &mut entry.machine {
            Machine::Invite(machine) if method == Method::Ack => {
                // An ACK with the branch of an answered INVITE is somebody's mistake: it is the dialog's all the same.
                if !machine.handle_ack(now, &timers) {
                    return Arrival::New;
                }
                false
            }
            Machine::Invite(machine) => machine.handle_repetition(),
            Machine::Other(machine) => machine.handle_repetition(),
        };
        self.trace(now, Direction::In, request.as_bytes(), tap);
        if method != Method::Ack {
            self.counters.retransmissions_in += 1;
        }
        if resends {
            self.resend(now, key);
        }
        self.arm_server(key);
        Arrival::Absorbed
    }

    fn resend(&mut self, now: Instant, key: Key) {
        let Some(entry) = self.servers.get(key) else { return };
        let (path, payload, tap) = (entry.reply, entry.payload.clone(), entry.tap);
        if !payload.is_empty() {
            self.counters.response_retransmissions_out += 1;
            self.transmit(now, path, payload, tap);
        }
    }

    fn remove_server(&mut self, key: Key) {
        let Some(entry) = self.servers.remove(key) else { return };
        self.count_flow(entry.reply, -1);
        self.arrivals.remove(&entry.fingerprint);
        if let Some(merge) = entry.merge {
            self.merges.remove(&merge);
        }
    }

    /// Where the responses to a request go if the connection it came by is lost: to its sender's address, by the port its Via names
    /// (§18.2.2). A connection of ours is simply opened again.
    pub fn refuge(&mut self, request: &Message, reply: Path) -> Option<Path> {
        let Flow::Accepted(_) = reply.flow else { return None };
        let via = request.top_via()?;
        let port = via.port.filter(|port| *port != 0).unwrap_or(reply.protocol.default_port());
        let flow = match reply.protocol {
            Protocol::Tls => Flow::Opened(self.peers.number(via.host, None)),
            Protocol::Tcp | Protocol::Udp => Flow::Opened(0),
        };
        Some(Path { remote: SocketAddr::new(reply.remote.ip(), port), flow, ..reply })
    }

    /// A connection that was opened to us is gone: what was said on it last, and is not confirmed, is said again elsewhere.
    pub fn sever_servers(&mut self, now: Instant, lost: &Path) {
        let keys: Vec<Key> = self.servers.keys().collect();
        for key in keys {
            let Some(entry) = self.servers.get_mut(key).filter(|entry| entry.reply.is_same_flow(lost)) else {
                continue;
            };
            let Some(refuge) = entry.refuge.take() else { continue };
            let was = std::mem::replace(&mut entry.reply, refuge);
            self.count_flow(was, -1);
            self.resend(now, key);
        }
    }

    /// Takes note of a transaction that uses a connection, or no longer does.
    pub(super) fn count_flow(&mut self, path: Path, change: isize) {
        let Flow::Accepted(number) = path.flow else { return };
        let count = self.accepted.entry(number).or_default();
        *count = count.saturating_add_signed(change);
        if *count == 0 {
            self.accepted.remove(&number);
        }
    }

    /// Whether any transaction uses a connection.
    pub fn is_used(&self, path: &Path) -> bool {
        match path.flow {
            Flow::Accepted(number) => self.accepted.contains_key(&number),
            Flow::Opened(_) => true,
            Flow::Datagrams => false,
        }
    }

    fn arm_server(&mut self, key: Key) {
        let Some(entry) = self.servers.get_mut(key) else { return };
        let at = match &entry.machine {
            Machine::Invite(machine) => machine.poll_timeout(),
            Machine::Other(machine) => machine.poll_timeout(),
        };
        arm(&mut self.wheel, &mut entry.armed, at, Wake::Server(key));
    }

    fn fingerprint_as(&self, request: &Message, method: Method) -> Fingerprint {
        let Some(via) = request.top_via() else { return self.fingerprinter.of(&method) };
        match via.branch().and_then(strip_cookie) {
            Some(branch) => self.fingerprinter.of(&(branch, SentBy(&via), Token(request, method))),
            // From before RFC 3261 (§17.2.3): everything but the To-tag, which an ACK has and its INVITE has not.
            None => self.fingerprinter.of(&(
                (request.request_uri(), request.call_id(), request.cseq().0),
                request.from().and_then(|from| from.tag()),
                (SentBy(&via), via.branch()),
                Token(request, method),
            )),
        }
    }

    fn fingerprint_merge(&self, request: &Message) -> Fingerprint {
        let tag = request.from().and_then(|from| from.tag());
        self.fingerprinter.of(&(request.call_id(), tag, request.cseq().0))
    }
}

/// The way a response takes (RFC 3261 §18.2.2, RFC 3581 §4): a connection back by itself.
pub(crate) fn reply_path(request: &Message, path: Path) -> Path {
    if path.protocol.is_reliable() {
        return path;
    }
    let remote = request.top_via().map_or(path.remote, |via| via.reply_to(path.remote));
    // Port 0 is nobody's; answering where it came from cannot be wrong.
    let remote = if remote.port() == 0 { path.remote } else { remote };
    Path { remote: SocketAddr::new(path.remote.ip(), remote.port()), ..path }
}

struct SentBy<'a>(&'a Via<'a>);

impl Hash for SentBy<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.host.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        // A port that is left out is the transport's own; which one matters not, as long as it is always the same.
        self.0.port.unwrap_or(5060).hash(state);
    }
}

/// A method by its name, so that unknown methods differ from one another.
struct Token<'a>(&'a Message, Method);

impl Hash for Token<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.1.hash(state);
        if self.1 == Method::Other {
            self.0.method_token().hash(state);
        }
    }
}
