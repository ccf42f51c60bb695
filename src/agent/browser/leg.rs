//! A connection as others see it: its handle, and what happens at it.

use tokio::sync::{mpsc, oneshot};
use trunkline_media::Port;

use super::Stats;

/// Why there is no connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// The text is no offer of ours.
    #[error("the offer must be SDP with exactly one audio line, which offers PCMU")]
    Offer,
    /// All connections are taken.
    #[error("all connections are taken")]
    Full,
    /// The address could not be bound, or something took too long.
    #[error("the connection could not be set up")]
    Failed,
}

/// What happens at a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Audio may pass.
    Connected,
    /// The person pressed a key while the call of this number was on.
    Digit(u64, char),
    /// That call's end of the port is gone: the call is over. The connection waits for the next.
    Parted(u64),
    /// The connection is over.
    Gone(Gone, Stats),
}

/// Why a connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gone {
    /// We closed it.
    Closed,
    /// The browser did.
    Left,
    /// Nothing came any more.
    Lost,
    /// It never came to be.
    Unreachable,
}

/// A connection's handle. The connection ends when it is dropped.
pub struct Leg {
    pub(super) commands: mpsc::Sender<Command>,
}

/// What its task is told.
pub(super) enum Command {
    Attach(u64, Box<Port>),
    Detach,
    Stats(oneshot::Sender<Stats>),
    Close,
}

impl Leg {
    /// From now on this call is on. Whatever was on before is not; what is still told of it bears another number. False: the
    /// connection is gone, or held up.
    #[must_use]
    pub fn attach(&self, number: u64, port: Port) -> bool {
        self.commands.try_send(Command::Attach(number, Box::new(port))).is_ok()
    }

    /// No call is on any more. False: the connection is gone, or held up.
    pub fn detach(&self) -> bool {
        self.commands.try_send(Command::Detach).is_ok()
    }

    /// What was counted so far. `None`: the connection is gone.
    pub async fn stats(&self) -> Option<Stats> {
        let (tell, told) = oneshot::channel();
        self.commands.send(Command::Stats(tell)).await.ok()?;
        told.await.ok()
    }

    /// One that leads nowhere, and what keeps it open.
    #[cfg(test)]
    pub(in crate::agent) fn to_nowhere() -> (Self, Box<dyn Send>) {
        let (commands, commanded) = mpsc::channel(super::QUEUE);
        (Self { commands }, Box::new(commanded))
    }

    /// Ends the connection.
    pub fn close(self) {
        // When its queue is full, dropping the handle ends it too.
        let _ = self.commands.try_send(Command::Close);
    }
}
