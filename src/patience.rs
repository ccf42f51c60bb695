//! How tests wait for what another task does: not for a time, but until it is so, and no longer than any machine takes.
#![expect(clippy::disallowed_methods, reason = "it waits between two looks")]

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

/// How long anything may take on a machine that is busy with everything else.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Looks again and again until it is so; fails the test when that takes too long. Not for paused clocks, which a sleep moves on.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let asked = std::panic::Location::caller();
    async move {
        let deadline = Instant::now() + PATIENCE;
        while !is_so().await {
            assert!(Instant::now() < deadline, "{asked}: {what}: not within {PATIENCE:?}");
            sleep(LOOK_AGAIN).await;
        }
    }
}

/// What it comes to; fails the test when that takes too long.
#[track_caller]
pub fn patiently<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let asked = std::panic::Location::caller();
    async move {
        match timeout(PATIENCE, future).await {
            Ok(output) => output,
            Err(_) => panic!("{asked}: not within {PATIENCE:?}"),
        }
    }
}
