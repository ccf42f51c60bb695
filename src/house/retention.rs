//! Forgets what is older than it is kept: events that a listener may ask for, deliveries and their tries.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::{Retention, Store};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Runs until `stop`.
pub async fn run(store: Store, retention: Retention, stop: CancellationToken) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        let forgotten = tokio::select! {
            () = stop.cancelled() => return,
            forgotten = store.forget(super::wall_now(), retention) => forgotten,
        };
        match forgotten {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "old events and deliveries were forgotten"),
            Err(error) => {
                tracing::warn!(%error, "old events and deliveries could not be forgotten; tried again later")
            }
        }
    }
}
