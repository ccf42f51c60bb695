//! Answers to what was done to calls that live, for who asks again with the same idempotency key. In memory: an order is forgotten with its
//! call, and a call with its switch.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{Idempotency, KeyId, Refusal, StoredResponse};

/// Answers that are kept; beyond, the oldest go.
const KEPT_MAX: usize = 16_384;

type Name = (KeyId, String);

/// The promises of all keys.
#[derive(Default)]
pub struct Promises(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    answers: HashMap<Name, ([u8; 32], Option<StoredResponse>)>,
    /// Oldest first.
    order: VecDeque<Name>,
}

/// A promise whose request is being worked on. Dropped unkept, it was never made: who failed may try again.
pub struct Held<'a> {
    promises: &'a Promises,
    name: Option<Name>,
}

impl Promises {
    /// Begins a request: the answer that it had before, or the promise to keep. `Conflict`: the same key came with another body, or
    /// its first request is not over.
    pub fn begin(
        &self,
        key: KeyId,
        idempotency: &Idempotency,
    ) -> Result<Result<StoredResponse, Held<'_>>, Refusal> {
        let name = (key, idempotency.key.clone());
        let mut kept = self.kept();
        match kept.answers.get(&name) {
            Some((hash, Some(answer))) if *hash == idempotency.body_hash => return Ok(Ok(answer.clone())),
            Some(_) => return Err(Refusal::IdempotencyConflict),
            None => {}
        }
        if kept.order.len() >= KEPT_MAX
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.answers.remove(&oldest);
        }
        kept.answers.insert(name.clone(), (idempotency.body_hash, None));
        kept.order.push_back(name.clone());
        Ok(Err(Held { promises: self, name: Some(name) }))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held<'_> {
    /// It was done: who asks again gets this.
    pub fn keep(mut self, answer: StoredResponse) {
        let Some(name) = self.name.take() else { return };
        if let Some((_, place)) = self.promises.kept().answers.get_mut(&name) {
            *place = Some(answer);
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let Some(name) = self.name.take() else { return };
        let mut kept = self.promises.kept();
        kept.answers.remove(&name);
        kept.order.retain(|other| *other != name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promise(body: u8) -> Idempotency {
        Idempotency { key: "k".to_owned(), body_hash: [body; 32] }
    }

    fn answer() -> StoredResponse {
        StoredResponse { status: 202, body: "{}".to_owned() }
    }

    #[test]
    fn a_promise_is_kept_once_and_for_its_own_key_and_body_alone() {
        let promises = Promises::default();
        let Ok(Err(held)) = promises.begin(KeyId(1), &promise(1)) else { panic!("it is new") };
        assert!(promises.begin(KeyId(1), &promise(1)).is_err(), "its first request is not over");
        held.keep(answer());
        assert!(matches!(promises.begin(KeyId(1), &promise(1)), Ok(Ok(again)) if again == answer()));
        assert!(promises.begin(KeyId(1), &promise(2)).is_err());
        assert!(matches!(promises.begin(KeyId(2), &promise(2)), Ok(Err(_))));
    }

    #[test]
    fn what_failed_was_never_promised() {
        let promises = Promises::default();
        drop(promises.begin(KeyId(1), &promise(1)));
        assert!(matches!(promises.begin(KeyId(1), &promise(2)), Ok(Err(_))));
    }
}
