//! Reception: bots that connect to the switch are brought to the calls that wait for them. Who may come is asked at the door, which
//! is HTTP's; here is who waits, that each call has one bot at a time, and that a ticket lets in once.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use crate::agent::line::{Gap, Hatch};
use crate::model::{CallId, Dialect};

/// Bots that may stand at the door before their calls wait for them; more are told to come back.
const EARLY_MAX: usize = 256;
/// Tickets that one call takes: far more than it may lose connections.
const TICKETS_MAX: usize = 64;

/// Who is waited for. Cheap to clone.
#[derive(Clone)]
pub struct Reception(Arc<Shared>);

struct Shared {
    awaited: Mutex<HashMap<CallId, Awaited>>,
    /// Somebody is waited for who was not before.
    opened: Notify,
    early: Semaphore,
}

struct Awaited {
    hatch: Hatch,
    dialect: Dialect,
    /// Tickets that have let somebody in.
    spent: Vec<u64>,
}

/// A call waits for its bot, as long as this lives.
pub struct Waiting {
    reception: Reception,
    call: CallId,
    hatch: Hatch,
}

/// The place of a call's bot, taken for one that is about to be connected.
pub struct Place {
    /// Where its connection belongs.
    pub gap: Gap,
    /// What it is expected to speak.
    pub dialect: Dialect,
}

/// Why a bot does not come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unwelcome {
    /// Nobody waits for one: not yet, or not any more.
    #[error("no bot is awaited on this call")]
    NotAwaited,
    /// One is there.
    #[error("a bot is connected to this call already")]
    Present,
    /// The ticket has let somebody in before.
    #[error("this ticket was used")]
    Spent,
    /// Too many have come too early.
    #[error("too many bots wait for their calls")]
    Full,
}

impl Default for Reception {
    fn default() -> Self {
        Self(Arc::new(Shared {
            awaited: Mutex::default(),
            opened: Notify::new(),
            early: Semaphore::new(EARLY_MAX),
        }))
    }
}

impl Reception {
    /// This call waits for a bot from now on.
    pub fn expect(&self, call: CallId, dialect: Dialect) -> Waiting {
        let hatch = Hatch::default();
        let awaited = Awaited { hatch: hatch.clone(), dialect, spent: Vec::new() };
        self.awaited().insert(call, awaited);
        self.0.opened.notify_waiters();
        Waiting { reception: self.clone(), call, hatch }
    }

    /// Takes the place of this call's bot, at most `patience` after it has come: it may be quicker than the call.
    pub async fn knock(
        &self,
        call: CallId,
        ticket: Option<u64>,
        patience: Duration,
    ) -> Result<Place, Unwelcome> {
        match self.take(call, ticket) {
            Err(Unwelcome::NotAwaited) if !patience.is_zero() => {}
            other => return other,
        }
        let _room = self.0.early.try_acquire().map_err(|_| Unwelcome::Full)?;
        let coming = async {
            loop {
                let mut opened = pin!(self.0.opened.notified());
                // From here on no opening is missed.
                opened.as_mut().enable();
                match self.take(call, ticket) {
                    Err(Unwelcome::NotAwaited) => opened.await,
                    other => return other,
                }
            }
        };
        timeout(patience, coming).await.unwrap_or(Err(Unwelcome::NotAwaited))
    }

    fn take(&self, call: CallId, ticket: Option<u64>) -> Result<Place, Unwelcome> {
        let mut awaited = self.awaited();
        let awaited = awaited.get_mut(&call).ok_or(Unwelcome::NotAwaited)?;
        if ticket.is_some_and(|ticket| awaited.spent.contains(&ticket) || awaited.spent.len() >= TICKETS_MAX)
        {
            return Err(Unwelcome::Spent);
        }
        let gap = awaited.hatch.take().ok_or(Unwelcome::Present)?;
        awaited.spent.extend(ticket);
        Ok(Place { gap, dialect: awaited.dialect })
    }

    /// No code that can panic runs under the lock.
    fn awaited(&self) -> MutexGuard<'_, HashMap<CallId, Awaited>> {
        self.0.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Where connections are handed in.
    #[must_use]
    pub fn hatch(&self) -> Hatch {
        self.hatch.clone()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut awaited = self.reception.awaited();
        // The call may wait for another one by now.
        if awaited.get(&self.call).is_some_and(|awaited| awaited.hatch.is(&self.hatch)) {
            awaited.remove(&self.call);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLY: Duration = Duration::from_secs(5);

    fn call(id: u64) -> CallId {
        CallId::new(id).expect("an id")
    }

    #[tokio::test]
    async fn one_bot_comes_in_and_a_second_is_told_that_it_is_there() {
        let reception = Reception::default();
        let waiting = reception.expect(call(1), Dialect::Telnyx);
        let place = reception.knock(call(1), None, Duration::ZERO).await.expect("it is waited for");
        assert_eq!(place.dialect, Dialect::Telnyx);
        let knock = |id| reception.knock(call(id), None, Duration::ZERO);
        assert_eq!(knock(1).await.err(), Some(Unwelcome::Present));
        assert_eq!(knock(2).await.err(), Some(Unwelcome::NotAwaited));
        drop(waiting);
        assert_eq!(knock(1).await.err(), Some(Unwelcome::NotAwaited));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bot_that_is_quicker_than_its_call_is_let_in_when_that_waits() {
        let reception = Reception::default();
        let (early, later) = tokio::join!(reception.knock(call(1), None, EARLY), async {
            tokio::task::yield_now().await;
            reception.expect(call(1), Dialect::Twilio)
        });
        assert!(early.is_ok());
        drop(later);
        assert_eq!(reception.knock(call(1), None, EARLY).await.err(), Some(Unwelcome::NotAwaited));
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_too_early_is_bounded() {
        let reception = Reception::default();
        let knocks = (0..=EARLY_MAX as u64).map(|id| reception.knock(call(id + 1), None, EARLY));
        let answers = futures_util::future::join_all(knocks).await;
        let full = answers.iter().filter(|answer| matches!(answer, Err(Unwelcome::Full))).count();
        assert_eq!((full, answers.len()), (1, EARLY_MAX + 1));
    }

    #[tokio::test]
    async fn a_ticket_lets_in_once() {
        let reception = Reception::default();
        let waiting = reception.expect(call(1), Dialect::Twilio);
        let place = reception.knock(call(1), Some(7), Duration::ZERO).await.expect("a good ticket");
        drop(place);
        let knock = |ticket| reception.knock(call(1), ticket, Duration::ZERO);
        assert_eq!(knock(Some(7)).await.err(), Some(Unwelcome::Spent));
        // What was promised does not come; the place is free again when the call asks for another connection.
        assert!(waiting.hatch().open().await.is_err());
        let coming = waiting.hatch().open();
        assert!(knock(Some(8)).await.is_ok());
        drop(coming);
    }

    #[tokio::test]
    async fn a_call_that_waits_for_another_bot_is_not_forgotten_with_the_first() {
        let reception = Reception::default();
        let first = reception.expect(call(1), Dialect::Twilio);
        let _second = reception.expect(call(1), Dialect::Plivo);
        drop(first);
        let place = reception.knock(call(1), None, Duration::ZERO).await.expect("the second waits");
        assert_eq!(place.dialect, Dialect::Plivo);
    }
}
