//! Forgets what is older than it is kept: events that a listener may ask for, deliveries and their tries, and, where that is
//! configured, recordings and calls.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::wall_now;
use crate::model::Timestamp;
use crate::store::{Retention, Store, StoreError};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// Recordings asked for at once.
const RECORDINGS: u32 = 100;

/// For how long what is kept.
pub struct Kept {
    /// Events and deliveries.
    pub told: Retention,
    /// Calls that are over; `None` is for ever.
    pub calls: Option<Duration>,
    /// Their recordings; `None` is as long as the call.
    pub recordings: Option<Duration>,
    /// What recordings' paths are relative to.
    pub data_dir: PathBuf,
}

/// Runs until `stop`.
pub async fn run(store: Store, kept: Kept, stop: CancellationToken) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        let forgotten = tokio::select! {
            () = stop.cancelled() => return,
            forgotten = kept.look(&store, wall_now()) => forgotten,
        };
        if let Err(error) = forgotten {
            tracing::warn!(%error, "what is older than it is kept could not be forgotten; tried again later");
        }
    }
}

impl Kept {
    async fn look(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let rows = store.forget(now, self.told).await?;
        if rows > 0 {
            tracing::info!(rows, "old events and deliveries were forgotten");
        }
        // A call does not outlive its recording's file: nothing would know of that any more.
        if let Some(keep) = self.recordings.into_iter().chain(self.calls).min() {
            let recordings = remove_recordings(store, &self.data_dir, now.before(keep)).await?;
            if recordings > 0 {
                tracing::info!(recordings, "old recordings were removed");
            }
        }
        if let Some(keep) = self.calls {
            let calls = store.forget_calls(now.before(keep)).await?;
            if calls > 0 {
                tracing::info!(calls, "old calls were forgotten");
            }
        }
        Ok(())
    }
}

/// The file goes first, so that a recording that is said to be gone is gone. One that cannot be removed keeps its call.
async fn remove_recordings(store: &Store, data_dir: &Path, before: Timestamp) -> Result<u64, StoreError> {
    let (mut removed, mut last) = (0, None);
    loop {
        let batch = store.recordings_before(before, last.as_ref(), RECORDINGS).await?;
        if batch.is_empty() {
            return Ok(removed);
        }
        let mut gone = Vec::with_capacity(batch.len());
        for old in &batch {
            match tokio::fs::remove_file(data_dir.join(&old.path)).await {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    tracing::error!(call = %old.call, path = old.path, %error, "an old recording cannot be removed");
                    continue;
                }
                Ok(()) | Err(_) => {}
            }
            gone.push(old.call);
        }
        removed += gone.len() as u64;
        store.forget_recordings(gone).await?;
        last = batch.into_iter().next_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CallRecord;
    use crate::store::tests::{Place, end, ended, intend, record};

    const DAY: Duration = Duration::from_secs(86_400);

    #[tokio::test]
    async fn old_calls_go_with_their_recordings_and_newer_ones_stay() {
        let (place, folder) = (Place::sqlite().await, tempfile::tempdir().expect("a temporary directory"));
        let store = place.open().await;
        let ended_at = record(1).created_at;
        let day = i64::try_from(DAY.as_millis()).expect("small");
        for (call, days) in [(1, 0), (2, 2), (3, 3)] {
            let path = format!("{call}.wav");
            std::fs::write(folder.path().join(&path), "RIFF").expect("written");
            intend(&store, CallRecord { webhook: None, ..record(call) }).await;
            let ended_at = Some(Timestamp(ended_at.0 + days * day));
            end(&store, CallRecord { webhook: None, recording: Some(path), ended_at, ..ended(call) }).await;
        }
        let told = Retention { events: Duration::ZERO, deliveries: Duration::ZERO };
        let kept = Kept {
            told,
            calls: Some(4 * DAY),
            recordings: Some(2 * DAY),
            data_dir: folder.path().to_owned(),
        };
        kept.look(&store, Timestamp(ended_at.0 + 4 * day + 1)).await.expect("forgotten");
        let left = async |call: u64| {
            let record = record(call);
            let found = store.call(record.tenant, record.call).await.expect("readable");
            (found.map(|found| found.recording.is_some()), folder.path().join(format!("{call}.wav")).exists())
        };
        assert_eq!(left(1).await, (None, false), "older than calls are kept");
        assert_eq!(left(2).await, (Some(false), false), "older than recordings are");
        assert_eq!(left(3).await, (Some(true), true));
        let for_ever = Kept { calls: None, recordings: None, ..kept };
        for_ever.look(&store, Timestamp(ended_at.0 + 4_000 * day)).await.expect("nothing to forget");
        assert_eq!(left(3).await, (Some(true), true), "without a limit they stay");
    }
}
