//! The way into a shard, for everything that is not a datagram: bounded, and what finds no room says so or dooms its own call.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use trunkline_media::{Event as MediaEvent, Report};
use trunkline_sip::{QueryId, Target};

use super::outbox::BotId;
use super::shard::Command;
use crate::agent::fate::Fate;
use crate::agent::stream::Event as BotEvent;
use crate::model::CallId;

/// What reaches a shard from outside its sockets.
pub enum Input {
    /// From the dialer, the API or a renderer.
    Command(Command),
    /// From a media thread.
    Media(Report),
    /// From the resolver.
    Targets(QueryId, Vec<Target>),
}

/// Inputs that may wait at once. What repeats itself is dropped when it is full; anything else dooms its own call.
const MAILBOX: usize = 8_192;

/// The way into a shard. Cheap to clone; waits for room only where that is said.
#[derive(Clone)]
pub struct Mailbox {
    inputs: mpsc::Sender<Input>,
    overflow: Arc<Overflow>,
}

/// Room for one command, taken before what the command hands over is let go of.
pub struct Room<'a>(mpsc::Permit<'a, Input>);

impl Room<'_> {
    /// Gives the command.
    pub fn give(self, command: Command) {
        self.0.send(Input::Command(command));
    }
}

/// Calls whose input found the mailbox full.
#[derive(Default)]
struct Overflow {
    any: AtomicBool,
    calls: Mutex<Vec<CallId>>,
    dropped: AtomicU64,
}

impl Mailbox {
    /// A mailbox, and the end that its driver reads.
    pub fn new() -> (Self, mpsc::Receiver<Input>) {
        let (inputs, receiver) = mpsc::channel(MAILBOX);
        (Self { inputs, overflow: Arc::default() }, receiver)
    }

    /// Room for one command; `None` when the shard is overloaded.
    pub fn room(&self) -> Option<Room<'_>> {
        self.inputs.try_reserve().ok().map(Room)
    }

    /// Gives a command, waiting for room. For those that no call depends on within a deadline.
    pub async fn send(&self, command: Command) -> bool {
        self.inputs.send(Input::Command(command)).await.is_ok()
    }

    /// Gives where a query leads, waiting for room. A closed mailbox means that the switch has stopped.
    pub(super) async fn resolved(&self, query: QueryId, targets: Vec<Target>) {
        let _ = self.inputs.send(Input::Targets(query, targets)).await;
    }

    /// Gives what a bot says of itself, without waiting; it comes back if there is no room.
    pub fn offer(&self, bot: BotId, event: BotEvent) -> Result<(), BotEvent> {
        match self.inputs.try_reserve() {
            Ok(room) => {
                room.send(Input::Command(Command::Bot { bot, event }));
                Ok(())
            }
            Err(_) => Err(event),
        }
    }

    /// Gives what becomes of a call's wish for somebody, without waiting. False: there is no room, and the call will not hear of it.
    pub fn tell(&self, call: CallId, fate: Fate) -> bool {
        self.inputs.try_send(Input::Command(Command::Person { call, fate })).is_ok()
    }

    /// Takes a leg's report, on a media thread.
    pub fn report(&self, report: Report) -> bool {
        let token = report.token;
        let repeats = matches!(report.event, MediaEvent::Dtmf { .. } | MediaEvent::Tone(_));
        if self.inputs.try_send(Input::Media(report)).is_ok() {
            return true;
        }
        self.overflow.dropped.fetch_add(1, Ordering::Relaxed);
        if !repeats && let Some(call) = CallId::new(token) {
            self.doom(call);
        }
        false
    }

    /// How many inputs were lost to a full mailbox.
    pub fn dropped(&self) -> u64 {
        self.overflow.dropped.load(Ordering::Relaxed)
    }

    fn doom(&self, call: CallId) {
        self.overflow.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        self.overflow.any.store(true, Ordering::Release);
    }

    /// Calls that were doomed since the last time.
    pub(super) fn doomed(&self) -> Vec<CallId> {
        if !self.overflow.any.swap(false, Ordering::Acquire) {
            return Vec::new();
        }
        std::mem::take(&mut *self.overflow.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
