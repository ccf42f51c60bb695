//! Tasks that nobody stops, since each ends by itself when the last who has use of it is gone. Whoever cannot do without one learns when
//! it is over, and a panic ends it as well as a day's work.

use tokio_util::sync::CancellationToken;

/// The same work, and what is cancelled when it is over, however it ends.
pub fn watched(work: impl Future<Output = ()>) -> (impl Future<Output = ()>, CancellationToken) {
    let over = CancellationToken::new();
    let guard = over.clone().drop_guard();
    let work = async move {
        work.await;
        drop(guard);
    };
    (work, over)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what is watched is a task")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_over_when_it_is_done_when_it_dies_and_when_it_is_dropped() {
        let (done, over) = watched(async {});
        assert!(!over.is_cancelled());
        tokio::spawn(done).await.expect("it is done");
        over.cancelled().await;

        let (dies, over) = watched(async { panic!("it dies") });
        assert!(tokio::spawn(dies).await.expect_err("it died").is_panic());
        over.cancelled().await;

        let (dropped, over) = watched(std::future::pending());
        drop(dropped);
        over.cancelled().await;
    }
}
