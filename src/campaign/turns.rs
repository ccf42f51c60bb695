//! Whose campaign is being stored: one of each key's at a time, so that equal requests are told apart, whatever others store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::model::KeyId;

/// Every key's turn.
#[derive(Default)]
pub struct Turns {
    /// Of keys one of whose requests has its turn, or waits for it.
    own: Mutex<HashMap<KeyId, Arc<tokio::sync::Mutex<()>>>>,
}

impl Turns {
    /// This key's turn, until it is dropped.
    pub async fn take(&self, key: KeyId) -> OwnedMutexGuard<()> {
        self.own(key).lock_owned().await
    }

    fn own(&self, key: KeyId) -> Arc<tokio::sync::Mutex<()>> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody else holds what nobody has or waits for.
        own.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(own.entry(key).or_default())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_key_waits_for_itself_alone() {
        let turns = Turns::default();
        let take = |key| turns.take(KeyId(key)).now_or_never();
        let first = take(1).expect("nobody has it");
        assert!(take(1).is_none());
        let _other = take(2).expect("another key's");
        drop(first);
        let _again = take(1).expect("it is over");
        assert!(take(1).is_none());
    }

    #[test]
    fn nothing_is_kept_of_keys_that_store_nothing() {
        let turns = Turns::default();
        for key in 0..9 {
            drop(turns.take(KeyId(key)).now_or_never().expect("nobody has it"));
        }
        assert_eq!(turns.own.lock().expect("nobody died").len(), 1);
    }
}
