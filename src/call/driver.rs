//! The shell of a shard: one task with its sockets, its mailbox and the clock. It selects, feeds, drains and sends.
#![expect(clippy::disallowed_methods, reason = "a shell reads the clock and starts tasks")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use trunkline_media::Media;
use trunkline_sip::transport::{StreamCounters, UdpCounters};
use trunkline_sip::{Counters, Endpoint, FlowLost, Protocol, Resolver};

use super::bots::Bots;
use super::knock::Knock;
use super::mailbox::{Input, Mailbox};
use super::outbox::{DialOrder, ErrandOrder, SpeechOrder};
use super::shard::{Command, Inquiry, Shard};
use super::wire;
use crate::agent::fate::{Errand, Fate};
use crate::agent::line::{Lanes, Tally};
use crate::agent::stream::Reception;
use crate::egress::Egress;
use crate::model::{CallEvent, CallId, Dialing, Disposition, EndedBy, MovedLeg};
use crate::trunk::reach::Reachable;
use crate::tts::Tts;

/// Inputs taken at one turn, so that the sockets are not left waiting.
const TURN: usize = 512;
/// Without anything else to do, the driver looks up so often, and publishes its counts.
const LOOK_UP: Duration = Duration::from_secs(1);

/// Where the events of calls go: counted, logged, written down.
pub type Events = Arc<dyn Fn(CallEvent) + Send + Sync>;

/// Where the intents of further INVITEs are written down: resolves to whether that is on disk, and what is paid apart for it.
pub type Intents = Arc<dyn Fn(Dialing) -> BoxFuture<'static, (bool, Option<MovedLeg>)> + Send + Sync>;

/// Who fetches what calls want from elsewhere: resolves to what is told to the call. It bounds its own time.
pub type Errands = Arc<dyn Fn(ErrandOrder) -> BoxFuture<'static, Command> + Send + Sync>;

/// Who finds people for calls. Never waits; false means that nobody will come.
pub type People = Arc<dyn Fn(Errand) -> bool + Send + Sync>;

/// Who decides about calls that come in. Never waits.
pub type Callers = Arc<dyn Fn(Knock) + Send + Sync>;

/// Who places the calls that calls wish for. Never waits.
pub type Dials = Arc<dyn Fn(DialOrder) + Send + Sync>;

/// What a driver is made of.
pub struct DriverParts {
    /// The shard it drives.
    pub shard: Shard,
    /// The sockets.
    pub endpoint: Endpoint,
    /// Finds where hosts are.
    pub resolver: Resolver,
    /// Where they may be.
    pub reachable: Reachable,
    /// The way in, for tasks that the driver starts.
    pub mailbox: Mailbox,
    /// The end of it.
    pub inputs: mpsc::Receiver<Input>,
    /// Where legs are.
    pub media: Arc<Media>,
    /// How text becomes speech.
    pub tts: Tts,
    /// Where events go.
    pub events: Events,
    /// Where intents are written down.
    pub intents: Intents,
    /// Who fetches what calls want.
    pub errands: Errands,
    /// Who finds people.
    pub people: People,
    /// The way out to bots.
    pub egress: Egress,
    /// The threads that carry what they say.
    pub lanes: Lanes,
    /// The way in for them.
    pub reception: Reception,
    /// Who decides about calls that come in.
    pub callers: Callers,
    /// Who places the calls that calls wish for.
    pub dials: Dials,
    /// Where counts are shown.
    pub board: Board,
}

/// A shard's counts, at most a second old.
#[derive(Clone, Default)]
pub struct Counts {
    /// The user agent's.
    pub sip: Counters,
    /// The sockets'.
    pub endpoint: UdpCounters,
    /// The connections'.
    pub streams: StreamCounters,
    /// What bots' and models' lines did.
    pub lines: Tally,
    /// Calls alive.
    pub calls: usize,
    /// Registrations that hold, are under way, or are being given up.
    pub registered: usize,
}

/// Where a driver shows its counts to whoever asks. Cheap to clone.
#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<Counts>>);

impl Board {
    /// The latest counts.
    pub fn read(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn publish(&self, counts: Counts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }
}

/// Drives one shard.
pub struct Driver {
    parts: DriverParts,
    bots: Bots,
    turn: Vec<Input>,
    published: Instant,
    registered: usize,
}

impl Driver {
    /// A driver at rest.
    pub fn new(mut parts: DriverParts) -> Self {
        parts.shard.guard(Arc::clone(&parts.reachable));
        let (egress, lanes) = (parts.egress.clone(), parts.lanes.clone());
        let bots = Bots::new(
            egress,
            lanes,
            parts.reception.clone(),
            Arc::clone(&parts.media),
            parts.mailbox.clone(),
        );
        Self { parts, bots, turn: Vec::with_capacity(TURN), published: Instant::now(), registered: 0 }
    }

    /// Runs until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let timer = tokio::time::sleep(LOOK_UP);
        tokio::pin!(timer);
        loop {
            let look_up = Instant::now() + LOOK_UP;
            let due = self.parts.shard.poll_timeout().map_or(look_up, |next| next.min(look_up));
            if timer.deadline() != due.into() {
                timer.as_mut().reset(due.into());
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                readable = self.parts.endpoint.readable() => {
                    self.receive(readable);
                    self.take_waiting();
                }
                taken = self.parts.inputs.recv_many(&mut self.turn, TURN) => {
                    if taken == 0 {
                        break;
                    }
                    self.take_inputs();
                }
                // What the kernel would not take leaves with the drain below.
                _ = self.parts.endpoint.writable() => {}
                () = &mut timer => {}
            }
            self.hear_losses();
            // Whatever came first: sockets that are never empty keep no timer waiting.
            let now = Instant::now();
            if due <= now {
                self.parts.shard.handle_timeout(now);
            }
            self.drain(now);
        }
    }

    fn receive(&mut self, readable: std::io::Result<()>) {
        let shard = &mut self.parts.shard;
        let received = readable.and_then(|()| {
            self.parts.endpoint.receive(|path, message| {
                wire::received(&path, &message);
                shard.handle_message(Instant::now(), path, message);
            })
        });
        if let Err(error) = received {
            tracing::warn!(%error, "the SIP socket could not be read");
        }
    }

    /// Tells the shard of connections that are gone, and of addresses that datagrams do not reach. What it sends instead leaves
    /// with the drain in hand.
    fn hear_losses(&mut self) {
        while let Some(lost) = self.parts.endpoint.poll_lost() {
            let FlowLost { path, error } = &lost;
            if path.protocol == Protocol::Udp {
                // One for each datagram, and from whomever: what comes of it is told by the call.
                tracing::debug!(remote = %path.remote, %error, "a SIP datagram did not arrive");
            } else {
                tracing::info!(protocol = path.protocol.token(), remote = %path.remote, %error, "a SIP connection is gone");
            }
            self.parts.shard.handle_flow_lost(Instant::now(), &lost);
        }
    }

    /// Takes what waits in the mailbox already: sockets that are never empty do not keep it waiting.
    fn take_waiting(&mut self) {
        if self.parts.inputs.recv_many(&mut self.turn, TURN).now_or_never().is_some() {
            self.take_inputs();
        }
    }

    fn take_inputs(&mut self) {
        let now = Instant::now();
        for input in self.turn.drain(..) {
            match input {
                Input::Command(command) => self.parts.shard.handle_command(now, command),
                Input::Targets(query, targets) => self.parts.shard.handle_targets(now, query, targets),
                Input::Media(report) => {
                    if let Some(call) = CallId::new(report.token) {
                        self.parts.shard.handle_media(now, call, report.event);
                    }
                }
            }
        }
        for call in self.parts.mailbox.doomed() {
            self.overload(now, call);
        }
    }

    /// Empties every queue of the shard. What one queue's work puts into another is taken in the next round.
    fn drain(&mut self, now: Instant) {
        let mut busy = true;
        while std::mem::take(&mut busy) {
            while let Some(order) = self.parts.shard.poll_media() {
                busy = true;
                if self.parts.media.send(order.leg, order.command).is_err() {
                    self.overload(now, order.call);
                }
            }
            while let Some(order) = self.parts.shard.poll_speech() {
                busy = true;
                self.speak(now, order);
            }
            while let Some(order) = self.parts.shard.poll_errand() {
                self.fetch(order);
            }
            while let Some(order) = self.parts.shard.poll_bot() {
                busy = true;
                if let Some(command) = self.bots.obey(order) {
                    self.parts.shard.handle_command(now, command);
                }
            }
            while let Some(errand) = self.parts.shard.poll_person() {
                busy = true;
                self.look_for_people(now, errand);
            }
            while let Some(dialing) = self.parts.shard.poll_intent() {
                self.intend(dialing);
            }
            while let Some(knock) = self.parts.shard.poll_knock() {
                (self.parts.callers)(knock);
            }
            while let Some(dial) = self.parts.shard.poll_dial() {
                (self.parts.dials)(dial);
            }
            while let Some(inquiry) = self.parts.shard.poll_query() {
                self.resolve(inquiry);
            }
            while let Some(event) = self.parts.shard.poll_event() {
                (self.parts.events)(event);
            }
        }
        while let Some(transmit) = self.parts.shard.poll_transmit() {
            wire::sent(&transmit.path, &transmit.payload);
            self.parts.endpoint.queue(transmit);
        }
        if let Err(error) = self.parts.endpoint.flush() {
            tracing::warn!(%error, "the SIP socket could not be written");
        }
        self.publish(now);
    }

    fn look_for_people(&mut self, now: Instant, errand: Errand) {
        let wanting = if let Errand::Want { call, .. } = &errand { Some(*call) } else { None };
        if let (false, Some(call)) = ((self.parts.people)(errand), wanting) {
            self.parts.shard.handle_command(now, Command::Person { call, fate: Fate::Nobody });
        }
    }

    fn overload(&mut self, now: Instant, call: CallId) {
        let (disposition, by) = (Disposition::Overloaded, EndedBy::Switch);
        self.parts.shard.handle_command(now, Command::Hangup { call, disposition, by });
    }

    fn speak(&mut self, now: Instant, order: SpeechOrder) {
        let SpeechOrder { call, speech, text, voice } = order;
        if let Some(clip) = self.parts.tts.cached(&text, voice.as_deref()) {
            return self.parts.shard.handle_command(now, Command::Rendered { call, speech, clip: Ok(clip) });
        }
        let (tts, mailbox) = (self.parts.tts.clone(), self.parts.mailbox.clone());
        tokio::spawn(async move {
            let clip = tts.render(&text, voice.as_deref()).await;
            if let Err(error) = &clip {
                tracing::warn!(%call, %error, "a line could not be rendered");
            }
            let clip = clip.map_err(|error| error.to_string());
            mailbox.send(Command::Rendered { call, speech, clip }).await;
        });
    }

    fn fetch(&self, order: ErrandOrder) {
        let mailbox = self.parts.mailbox.clone();
        let fetched = (self.parts.errands)(order);
        tokio::spawn(async move {
            let command = fetched.await;
            mailbox.send(command).await;
        });
    }

    fn intend(&self, dialing: Dialing) {
        let (call, attempt, mailbox) = (dialing.call, dialing.attempts.len(), self.parts.mailbox.clone());
        let written = (self.parts.intents)(dialing);
        tokio::spawn(async move {
            let (is_on_disk, leg) = written.await;
            mailbox.send(Command::Intended { call, attempt, is_on_disk, leg }).await;
        });
    }

    fn resolve(&self, Inquiry { query, trunk }: Inquiry) {
        let (mailbox, resolver) = (self.parts.mailbox.clone(), self.parts.resolver.clone());
        let reachable = Arc::clone(&self.parts.reachable);
        tokio::spawn(async move {
            let mut targets = resolver.resolve(&query).await;
            let found = targets.len();
            targets.retain(|target| reachable(trunk.as_deref(), &query.host, target.address.ip()));
            if targets.is_empty() && found > 0 {
                let trunk = trunk.as_ref().map(|trunk| trunk.name.as_str());
                tracing::warn!(host = %query.host, trunk, "leads to addresses that are not for tenants: [sip] allow_addresses");
            }
            mailbox.resolved(query.id, targets).await;
        });
    }

    /// Cores count, shells publish: once a second.
    fn publish(&mut self, now: Instant) {
        let registered = self.parts.shard.registered();
        // Whoever stops asks whether there is one to give up, and waits for the last one while everything else stands still.
        let before = std::mem::replace(&mut self.registered, registered);
        let has_turned = (registered == 0) != (before == 0);
        if !has_turned && now.duration_since(self.published) < LOOK_UP {
            return;
        }
        self.published = now;
        let counts = Counts {
            sip: *self.parts.shard.counters(),
            endpoint: self.parts.endpoint.counters(),
            streams: self.parts.endpoint.stream_counters(),
            lines: *self.parts.shard.lines(),
            calls: self.parts.shard.calls(),
            registered: self.parts.shard.registered(),
        };
        self.parts.board.publish(counts);
    }
}

#[cfg(test)]
mod tests;
