//! Where a connection is handed in to a shell that waits for one: whoever serves connections has one end, the shell's
//! [`Source`](super::Source) the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::link::Link;

/// A hatch, open from the beginning. Cheap to clone.
#[derive(Clone)]
pub struct Hatch(Arc<Mutex<Opening>>);

struct Opening {
    /// Who waits; none while somebody is connected, or about to be.
    waiting: Option<oneshot::Sender<Link>>,
    /// The other end of it, until the shell asks for it.
    coming: Option<oneshot::Receiver<Link>>,
}

/// The right to hand in the next connection. Whoever drops it leaves the shell to ask for another.
pub struct Gap(oneshot::Sender<Link>);

impl Default for Hatch {
    fn default() -> Self {
        let (waiting, coming) = oneshot::channel();
        Self(Arc::new(Mutex::new(Opening { waiting: Some(waiting), coming: Some(coming) })))
    }
}

impl Hatch {
    /// The right to hand in the next connection, if a shell waits for one: worth having before a handshake is answered, since then
    /// nobody else has it.
    #[must_use]
    pub fn take(&self) -> Option<Gap> {
        self.opening().waiting.take().filter(|waiting| !waiting.is_closed()).map(Gap)
    }

    /// Hands one in. It is given back if nobody waits for it: not any more, or because somebody is connected already.
    pub fn give(&self, link: Link) -> Result<(), Link> {
        match self.take() {
            Some(gap) => gap.fill(link),
            None => Err(link),
        }
    }

    /// Does somebody wait? [`Hatch::take`] tells for certain.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.opening().waiting.as_ref().is_some_and(|waiting| !waiting.is_closed())
    }

    /// Is it this one?
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Waits for the next connection. An error: it was to be handed in, and was lost before it could be.
    pub(in crate::agent) fn open(&self) -> oneshot::Receiver<Link> {
        let mut opening = self.opening();
        opening.coming.take().unwrap_or_else(|| {
            let (waiting, coming) = oneshot::channel();
            opening.waiting = Some(waiting);
            coming
        })
    }

    /// No code that can panic runs under the lock.
    fn opening(&self) -> MutexGuard<'_, Opening> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gap {
    /// Hands in a connection; it is given back if nobody waits for it any more.
    pub fn fill(self, link: Link) -> Result<(), Link> {
        self.0.send(link)
    }
}
