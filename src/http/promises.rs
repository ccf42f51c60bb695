//! Answers to what was done to calls that live, for who asks again with the same idempotency key. In memory: an order is forgotten with its
//! call, and a call with its switch.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::directory::Outcome;
use crate::face::Problem;
use crate::model::{Idempotency, KeyId, Refusal, StoredResponse};

/// Answers that are kept for one key; beyond, its oldest go. No key has to do with how many orders another one gives.
const KEPT_MAX: usize = 4_096;

/// The promises of all keys.
#[derive(Default)]
pub struct Promises(Mutex<HashMap<KeyId, Kept>>);

/// Those of one key.
#[derive(Default)]
struct Kept {
    /// By idempotency key: what its body was, and the answer.
    answers: HashMap<String, ([u8; 32], StoredResponse)>,
    /// Of the answers, oldest first.
    order: VecDeque<String>,
    /// Whose requests are being worked on: as many at most as there are requests. None of these goes before it has its answer.
    in_flight: HashMap<String, [u8; 32]>,
}

/// A promise whose request is being worked on. Dropped unkept, it was never made: who failed may try again. Whoever does the
/// work owns it, and not whoever waits for the answer, who may go away.
struct Held {
    promises: Arc<Promises>,
    key: KeyId,
    name: String,
}

impl Promises {
    /// Does what is asked for, once for each promise. It is done to its end, and promised, even if nobody waits for the answer any
    /// more: whoever has lost it asks again, and is to get it.
    pub async fn once(
        self: &Arc<Self>,
        key: KeyId,
        promise: Option<&Idempotency>,
        work: impl Future<Output = Result<StoredResponse, Problem>> + Send + 'static,
    ) -> Result<Outcome, Problem> {
        let held = match promise.map(|promise| self.begin(key, promise)).transpose()? {
            Some(Ok(answer)) => return Ok(Outcome::Replayed(answer)),
            Some(Err(held)) => Some(held),
            None => None,
        };
        let done = tokio::spawn(async move {
            let answer = work.await?;
            if let Some(held) = held {
                held.keep(answer.clone());
            }
            Ok(Outcome::New(answer))
        });
        done.await.map_err(|_| Problem::Internal)?
    }

    /// Begins a request: the answer that it had before, or the promise to keep. `Conflict`: the same key came with another body, or
    /// its first request is not over.
    fn begin(
        self: &Arc<Self>,
        key: KeyId,
        idempotency: &Idempotency,
    ) -> Result<Result<StoredResponse, Held>, Refusal> {
        let name = idempotency.key.clone();
        let mut all = self.kept();
        let kept = all.entry(key).or_default();
        match kept.answers.get(&name) {
            Some((hash, answer)) if *hash == idempotency.body_hash => return Ok(Ok(answer.clone())),
            Some(_) => return Err(Refusal::IdempotencyConflict),
            None if kept.in_flight.contains_key(&name) => return Err(Refusal::IdempotencyConflict),
            None => {}
        }
        kept.in_flight.insert(name.clone(), idempotency.body_hash);
        Ok(Err(Held { promises: Arc::clone(self), key, name }))
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<KeyId, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// It was done: who asks again gets this.
    fn keep(self, answer: StoredResponse) {
        let mut all = self.promises.kept();
        let kept = all.entry(self.key).or_default();
        let Some(hash) = kept.in_flight.remove(&self.name) else { return };
        if kept.order.len() >= KEPT_MAX
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.answers.remove(&oldest);
        }
        kept.answers.insert(self.name.clone(), (hash, answer));
        kept.order.push_back(self.name.clone());
        // Dropped, it looks there itself.
        drop(all);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut all = self.promises.kept();
        let Some(kept) = all.get_mut(&self.key) else { return };
        kept.in_flight.remove(&self.name);
        if kept.in_flight.is_empty() && kept.answers.is_empty() {
            all.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;

    use super::*;

    fn promise(body: u8) -> Idempotency {
        Idempotency { key: "k".to_owned(), body_hash: [body; 32] }
    }

    fn answer() -> StoredResponse {
        StoredResponse { status: 202, body: "{}".to_owned() }
    }

    #[test]
    fn a_promise_is_kept_once_and_for_its_own_key_and_body_alone() {
        let promises = Arc::new(Promises::default());
        let Ok(Err(held)) = promises.begin(KeyId(1), &promise(1)) else { panic!("it is new") };
        assert!(promises.begin(KeyId(1), &promise(1)).is_err(), "its first request is not over");
        held.keep(answer());
        assert!(matches!(promises.begin(KeyId(1), &promise(1)), Ok(Ok(again)) if again == answer()));
        assert!(promises.begin(KeyId(1), &promise(2)).is_err());
        assert!(matches!(promises.begin(KeyId(2), &promise(2)), Ok(Err(_))));
    }

    #[tokio::test]
    async fn an_order_whose_client_went_away_is_done_once_and_answered_when_it_asks_again() {
        let promises = Arc::new(Promises::default());
        let (begun, go, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let work = {
            let (begun, go, done) = (Arc::clone(&begun), Arc::clone(&go), Arc::clone(&done));
            async move {
                begun.notify_one();
                go.notified().await;
                done.notify_one();
                Ok(answer())
            }
        };
        let promise = promise(1);
        tokio::select! {
            _ = promises.once(KeyId(1), Some(&promise), work) => panic!("nothing let it go on"),
            () = begun.notified() => {}
        }
        let again = async || promises.once(KeyId(1), Some(&promise), async { panic!("it was done") }).await;
        assert!(matches!(again().await, Err(Problem::Refused(Refusal::IdempotencyConflict))));
        go.notify_one();
        done.notified().await;
        // On this one thread the task goes on to its end before anybody else has a turn.
        assert_eq!(again().await, Ok(Outcome::Replayed(answer())));
    }

    #[test]
    fn what_failed_was_never_promised() {
        let promises = Arc::new(Promises::default());
        drop(promises.begin(KeyId(1), &promise(1)));
        assert!(promises.kept().is_empty());
        assert!(matches!(promises.begin(KeyId(1), &promise(2)), Ok(Err(_))));
    }

    #[test]
    fn a_key_s_orders_push_out_nobody_else_s_answers_and_nothing_that_is_in_flight() {
        let promises = Arc::new(Promises::default());
        let named = |key: usize| Idempotency { key: key.to_string(), body_hash: [1; 32] };
        let Ok(Err(other)) = promises.begin(KeyId(2), &named(0)) else { panic!("it is new") };
        other.keep(answer());
        let Ok(Err(long)) = promises.begin(KeyId(1), &named(0)) else { panic!("it is new") };
        for order in 1..=KEPT_MAX + 1 {
            let Ok(Err(held)) = promises.begin(KeyId(1), &named(order)) else { panic!("it is new") };
            held.keep(answer());
        }
        assert!(promises.begin(KeyId(1), &named(0)).is_err(), "it is still being worked on");
        long.keep(answer());
        assert!(matches!(promises.begin(KeyId(1), &named(0)), Ok(Ok(_))));
        assert!(matches!(promises.begin(KeyId(2), &named(0)), Ok(Ok(_))), "another key's");
        assert!(matches!(promises.begin(KeyId(1), &named(1)), Ok(Err(_))), "the oldest went");
        assert_eq!(promises.kept()[&KeyId(1)].answers.len(), KEPT_MAX);
    }
}
