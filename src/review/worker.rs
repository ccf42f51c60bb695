//! The worker: claims what is due, and keeps the tries under way. One task; it waits for whatever comes first: an end with something
//! to go over, the next due time, a try's end.
#![expect(clippy::disallowed_methods, reason = "a shell: it waits")]

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio_util::sync::CancellationToken;

use super::attempt::{self, Context, TRY_MAX};
use crate::clock::wall_now;
use crate::store::{ReviewClaim, StoreError};

/// Calls gone over at once, of one tenant half of them at most. Each holds at most four pieces of ten minutes, 9.6 MB each.
const CALLS: usize = 8;
/// A try has two parts, each with its own longest time; past both it is nobody's.
const LEASE: Duration = Duration::from_secs(2 * TRY_MAX.as_secs() + 60);
/// Without any word, it is looked so often.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// After a claim that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs until `stop`.
pub async fn run(context: Arc<Context>, stop: CancellationToken) {
    let store = &context.parts.store;
    let mut owed = store.reviews_owed();
    // What an earlier run left under way is nobody's now.
    if let Err(error) = store.release_reviews().await {
        tracing::warn!(%error, "reviews that an earlier run left are taken up when their leases lapse");
    }
    let mut tries: FuturesUnordered<BoxFuture<'static, ()>> = FuturesUnordered::new();
    loop {
        let room = CALLS - tries.len();
        let wait = match claim(&context, room).await {
            Ok((claims, wait)) => {
                tries.extend(
                    claims.into_iter().map(|claim| attempt::run(Arc::clone(&context), claim).boxed()),
                );
                wait
            }
            // The store tells of it when its writes fail too.
            Err(_) => PAUSE,
        };
        tokio::select! {
            () = stop.cancelled() => return,
            Some(()) = tries.next() => {}
            Ok(()) = owed.changed() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// As many as there is room for, and how long there will be no more.
async fn claim(context: &Context, room: usize) -> Result<(Vec<ReviewClaim>, Duration), StoreError> {
    if room == 0 {
        return Ok((Vec::new(), LOOK_EVERY));
    }
    let (store, now) = (&context.parts.store, wall_now());
    let limit = u32::try_from(room).unwrap_or(u32::MAX);
    let claims = store.claim_reviews(now, LEASE, limit).await?;
    let until_due = match store.next_review().await? {
        // More of them is due: looked for once there is room for its tenant.
        Some(due) if due <= now => PAUSE,
        Some(due) => Duration::from_millis((due.0 - now.0).unsigned_abs()),
        None => LOOK_EVERY,
    };
    Ok((claims, until_due.min(LOOK_EVERY)))
}
