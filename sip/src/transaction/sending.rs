//! Client transactions: requests leave, responses find them (RFC 3261 §17.1.3).

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use super::client::{self, Client};
use super::client_invite::{self, ClientInvite};
use super::key::Minted;
use super::{Armed, Fired, Lapse, Layer, Owner, Wake, arm};
use crate::arena::Key;
use crate::config::Timers;
use crate::error::Error;
use crate::event::Direction;
use crate::message::{Message, Method, Name, Uri, Writer};
use crate::path::{Path, Protocol};
use crate::reason::Reason;

/// A request about to leave: what the layer must know of it.
pub(crate) struct Outgoing<'a> {
    pub method: Method,
    pub uri: &'a str,
    pub path: Path,
    pub length: Length,
    pub owner: Owner,
    pub tap: Option<u64>,
}

/// How long a request may be (§18.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Length {
    /// It is sent however long it is.
    Any,
    /// It is not sent if it is too long for a datagram: there is another way for it.
    Short,
    /// It was too long, and this is the other way; if that one leads nowhere, datagrams have to do.
    Grown,
}

/// What a transaction user writes of us into its requests.
pub(crate) struct Identity<'a> {
    pub contact: &'a str,
    pub user_agent: &'a str,
}

/// A response for the transaction user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Passed {
    Provisional,
    /// A 2xx to an INVITE: ACK it. It may come again, and from several forks.
    Answer,
    /// Any other final. It comes once.
    Final,
}

/// What became of a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Received {
    /// The transaction user must know: whose it is, which transaction, and what.
    Passed(Owner, Key, Passed),
    /// Its transaction dealt with it.
    Absorbed,
    /// It has no transaction.
    Stray,
}

/// One client transaction.
pub(super) struct Entry {
    machine: Machine,
    owner: Owner,
    minted: Minted,
    method: Method,
    path: Path,
    sent_at: Instant,
    /// The request; once an INVITE was refused, its ACK; once it was answered, nothing.
    payload: Bytes,
    /// The CANCEL of an INVITE, which shares its branch (§9.1).
    cancel: Option<Key>,
    armed: Option<Armed>,
    tap: Option<u64>,
}

enum Machine {
    Invite(ClientInvite),
    Other(Client),
}

impl Entry {
    pub fn is_pending(&self) -> bool {
        match &self.machine {
            Machine::Invite(machine) => machine.is_calling() || machine.is_proceeding(),
            Machine::Other(machine) => machine.is_pending(),
        }
    }

    fn is_unheard(&self) -> bool {
        match &self.machine {
            Machine::Invite(machine) => machine.is_calling(),
            Machine::Other(machine) => machine.is_trying(),
        }
    }

    /// What a response means to the transaction user, and whether an ACK leaves for it.
    fn hear(
        &mut self,
        now: Instant,
        response: &Message,
        status: u16,
        timers: &Timers,
    ) -> (Option<Passed>, bool) {
        match &mut self.machine {
            Machine::Other(machine) => match machine.handle_response(now, status, timers) {
                client::Heard::Provisional => (Some(Passed::Provisional), false),
                client::Heard::Final => {
                    self.payload = Bytes::new();
                    (Some(Passed::Final), false)
                }
                client::Heard::Nothing => (None, false),
            },
            Machine::Invite(machine) => match machine.handle_response(now, status, timers) {
                client_invite::Heard::Provisional => (Some(Passed::Provisional), false),
                client_invite::Heard::Answer => {
                    self.payload = Bytes::new();
                    (Some(Passed::Answer), false)
                }
                client_invite::Heard::Refusal => {
                    // §17.1.1.3: the ACK goes where the INVITE went, by its branch.
                    let request = Message::parse(std::mem::take(&mut self.payload));
                    let ack = request.map(|request| derived(Method::Ack, &request, response, None));
                    self.payload = ack.unwrap_or_default();
                    (Some(Passed::Final), true)
                }
                client_invite::Heard::RefusalAgain => (None, true),
                client_invite::Heard::Nothing => (None, false),
            },
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.machine {
            Machine::Invite(machine) => machine.poll_timeout(),
            Machine::Other(machine) => machine.poll_timeout(),
        }
    }
}

impl Layer {
    /// Whether room is left for another transaction.
    ///
    /// # Errors
    /// `Overloaded` if not.
    pub fn admit(&mut self) -> Result<(), Error> {
        if self.is_full() {
            self.counters.overloaded += 1;
            return Err(Error::Overloaded { what: "transactions", max: self.config.transactions_max });
        }
        Ok(())
    }

    /// Sends a request in a new client transaction. The layer writes the request line, Via and Max-Forwards, `write` the rest. None if
    /// it was too long for a datagram, and there is another way.
    pub fn send(
        &mut self,
        now: Instant,
        outgoing: &Outgoing<'_>,
        write: impl FnOnce(Writer, &Identity<'_>) -> Bytes,
    ) -> Option<Key> {
        let Self { clients, config, rng, locals, .. } = self;
        let path = outgoing.path;
        let is_secure = Uri::parse(outgoing.uri).is_some_and(|uri| uri.is_secure());
        let identity = Identity { contact: locals.contact(&path, is_secure), user_agent: &config.user_agent };
        let via = locals.of(&path).map_or("", |face| face.via.as_str());
        let is_reliable = path.protocol.is_reliable();
        let key = clients.insert_with(|key| {
            let minted = Minted::new(config.shard, key, rng);
            let head = head(outgoing.method, outgoing.uri, via, &minted);
            let machine = match outgoing.method {
                Method::Invite => Machine::Invite(ClientInvite::new(now, &config.timers, is_reliable)),
                _ => Machine::Other(Client::new(now, &config.timers, is_reliable)),
            };
            Entry {
                machine,
                owner: outgoing.owner,
                minted,
                method: outgoing.method,
                path,
                sent_at: now,
                payload: write(head, &identity),
                cancel: None,
                armed: None,
                tap: outgoing.tap,
            }
        });
        let payload = self.clients.get(key).map(|entry| entry.payload.clone()).unwrap_or_default();
        if outgoing.length == Length::Short && payload.len() > DATAGRAM_MAX_BYTES {
            self.clients.remove(key);
            return None;
        }
        self.count_flow(path, 1);
        self.transmit_length(now, path, payload, outgoing.tap, outgoing.length);
        self.arm_client(key);
        Some(key)
    }

    /// Writes a request that no transaction watches over: the ACK of a 2xx (§13.2.2.4).
    pub fn ack(&mut self, uri: &str, path: &Path, write: impl FnOnce(Writer) -> Bytes) -> Bytes {
        let nowhere = Key { index: u32::MAX, generation: 0 };
        let minted = Minted::new(self.config.shard, nowhere, &mut self.rng);
        let via = self.locals.of(path).map_or("", |face| face.via.as_str());
        write(head(Method::Ack, uri, via, &minted))
    }

    /// Cancels an INVITE that has answered provisionally. Gives whether a CANCEL left (§9.1).
    pub fn cancel(&mut self, now: Instant, invite: Key, reason: Option<&Reason>) -> bool {
        let timers = self.config.timers;
        let Some(entry) = self.clients.get_mut(invite) else { return false };
        let Machine::Invite(machine) = &mut entry.machine else { return false };
        if entry.cancel.is_some() || !machine.is_proceeding() {
            return false;
        }
        machine.cancel(now, &timers);
        let (minted, path, tap) = (entry.minted, entry.path, entry.tap);
        let Ok(request) = Message::parse(entry.payload.clone()) else { return false };
        let payload = derived(Method::Cancel, &request, &request, reason);
        let is_reliable = path.protocol.is_reliable();
        self.count_flow(path, 1);
        let key = self.clients.insert(Entry {
            machine: Machine::Other(Client::new(now, &timers, is_reliable)),
            owner: Owner::Nobody,
            minted,
            method: Method::Cancel,
            path,
            sent_at: now,
            payload: payload.clone(),
            cancel: None,
            armed: None,
            tap,
        });
        if let Some(entry) = self.clients.get_mut(invite) {
            entry.cancel = Some(key);
        }
        self.counters.cancels_out += 1;
        self.transmit(now, path, payload, tap);
        self.arm_client(key);
        self.arm_client(invite);
        true
    }

    /// A response came in.
    pub fn receive_response(&mut self, now: Instant, response: &Message) -> Received {
        let Some(key) = self.find_client(response) else { return Received::Stray };
        let (Some(entry), Some(status)) = (self.clients.get_mut(key), response.status()) else {
            return Received::Stray;
        };
        let (owner, tap, path) = (entry.owner, entry.tap, entry.path);
        let (passed, says_again) = entry.hear(now, response, status, &self.config.timers);
        let ack = says_again.then(|| entry.payload.clone());
        self.trace(now, Direction::In, response.as_bytes(), tap);
        if let Some(payload) = ack {
            self.transmit(now, path, payload, tap);
        }
        self.arm_client(key);
        passed.map_or(Received::Absorbed, |passed| Received::Passed(owner, key, passed))
    }

    pub(super) fn expire_client(&mut self, now: Instant, key: Key) -> Option<Lapse> {
        let timers = self.config.timers;
        let entry = self.clients.get_mut(key)?;
        entry.armed.take_if(|armed| armed.at <= now)?;
        let (owner, path) = (entry.owner, entry.path);
        let is_silent = entry.is_unheard() && now >= entry.sent_at + timers.t1 * SILENT_AFTER_T1;
        let fired = match &mut entry.machine {
            Machine::Invite(machine) => machine.handle_timeout(now),
            Machine::Other(machine) => machine.handle_timeout(now, &timers),
        };
        if is_silent {
            self.unheard_by(now, &path);
        }
        let entry = self.clients.get_mut(key)?;
        match fired {
            Fired::Retransmit => {
                let (path, payload, tap) = (entry.path, entry.payload.clone(), entry.tap);
                self.counters.retransmissions_out += 1;
                self.transmit(now, path, payload, tap);
            }
            Fired::TimedOut => {
                self.counters.timeouts += 1;
                self.remove_client(key);
                return Some(Lapse::TimedOut(owner, key));
            }
            Fired::Done => {
                self.remove_client(key);
                return Some(Lapse::Done(owner, key));
            }
            Fired::Stalled => {
                self.arm_client(key);
                return Some(Lapse::Stalled(owner, key));
            }
            Fired::Nothing => {}
        }
        self.arm_client(key);
        None
    }

    /// The transaction of a response: our branch, our sent-by, its method (§17.1.3), and no other Via (§8.1.3.3).
    fn find_client(&self, response: &Message) -> Option<Key> {
        let via = response.top_via()?;
        let minted = Minted::parse_branch(via.branch()?)?;
        if !self.locals.wrote(&via) || response.values(Name::Via).nth(1).is_some() {
            return None;
        }
        let entry = self.clients.get(minted.key).filter(|entry| entry.minted == minted)?;
        let method = response.cseq().1;
        match method == entry.method {
            true => Some(minted.key),
            false => entry.cancel.filter(|_| method == Method::Cancel),
        }
    }

    /// A connection is gone: every request that waits for something on it is taken out, and given to its owner.
    pub fn sever_clients(&mut self, now: Instant, lost: &Path) -> Vec<Severed> {
        let is_on = |entry: &Entry| entry.path.is_same_flow(lost) && entry.is_pending();
        let keys: Vec<Key> =
            self.clients.keys().filter(|key| self.clients.get(*key).is_some_and(is_on)).collect();
        let mut severed = Vec::new();
        for key in keys {
            let Some(entry) = self.clients.get(key) else { continue };
            let heard = matches!(&entry.machine, Machine::Invite(machine) if machine.is_proceeding());
            // It may be ringing over there, and nobody will ever hear of it: a CANCEL opens a new connection.
            if heard && entry.cancel.is_none() {
                self.cancel(now, key, None);
            }
            if let Some(entry) = self.remove_client(key) {
                severed.push(Severed { owner: entry.owner, key, heard });
            }
        }
        severed
    }

    /// Requests that left by datagrams for this address, and of which nothing was heard.
    pub fn unheard(&self, remote: SocketAddr) -> Vec<(Owner, Key)> {
        // The scope of an IPv6 address is ours alone.
        let whose = |address: SocketAddr| (address.ip(), address.port());
        let is_it = |entry: &Entry| {
            entry.path.protocol == Protocol::Udp
                && whose(entry.path.remote) == whose(remote)
                && entry.is_unheard()
        };
        let entry = |key| Some((self.clients.get(key).filter(|entry| is_it(entry))?.owner, key));
        self.clients.keys().filter_map(entry).collect()
    }

    /// A request did not arrive: it is taken out, and given to its owner.
    pub fn give_up(&mut self, key: Key) -> Option<Severed> {
        let entry = self.remove_client(key)?;
        Some(Severed { owner: entry.owner, key, heard: false })
    }

    fn remove_client(&mut self, key: Key) -> Option<Entry> {
        let mut entry = self.clients.remove(key)?;
        if let Some(armed) = entry.armed.take() {
            self.wheel.cancel(armed.timer);
        }
        self.count_flow(entry.path, -1);
        Some(entry)
    }

    fn arm_client(&mut self, key: Key) {
        let Some(entry) = self.clients.get_mut(key) else { return };
        let at = entry.poll_timeout();
        arm(&mut self.wheel, &mut entry.armed, at, Wake::Client(key));
    }
}

/// A request whose connection is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Severed {
    pub owner: Owner,
    pub key: Key,
    /// It is an INVITE, and something provisional was heard.
    pub heard: bool,
}

/// A place that has said nothing to a request for so many T1, in which it was said again twice, is tried last by later ones. The
/// request itself goes on until timer B or F.
const SILENT_AFTER_T1: u32 = 7;

/// The longest request that is sent as a datagram where TCP would do (§18.1.1): longer ones may be fragmented, and fragments
/// get lost.
const DATAGRAM_MAX_BYTES: usize = 1_300;

/// The head of a request: request line, Via and Max-Forwards.
fn head(method: Method, uri: &str, via: &str, minted: &Minted) -> Writer {
    Writer::request(method, uri)
        .header(Name::Via, format_args!("{via}{}", minted.letters()))
        .header(Name::MaxForwards, 70)
}

/// The ACK of a refused INVITE, or its CANCEL: the INVITE's own Request-URI, Via, From, Call-ID, CSeq number and Route
/// (§9.1, §17.1.1.3). `to` is the message whose To it bears.
fn derived(method: Method, request: &Message, to: &Message, reason: Option<&Reason>) -> Bytes {
    let mut writer = Writer::request(method, request.request_uri().unwrap_or_default())
        .copy(request, Name::Via)
        .copy(request, Name::MaxForwards)
        .copy(request, Name::Route)
        .copy(request, Name::From)
        .copy(to, Name::To)
        .copy(request, Name::CallId)
        .header(Name::CSeq, format_args!("{} {}", request.cseq().0, method.as_str()));
    if let Some(reason) = reason {
        writer = writer.header(Name::Reason, reason);
    }
    writer.finish()
}
