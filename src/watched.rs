//! Tasks that nobody stops, since each ends by itself when the last who has use of it is gone. Whoever cannot do without one learns when
//! it is over, and a panic ends it as well as a day's work.

use tokio_util::sync::CancellationToken;

/// The same work, with which the token is cancelled when it is over, however it ends.
pub fn watched<W: Future<Output = ()>>(
    over: &CancellationToken,
    work: W,
) -> impl Future<Output = ()> + use<W> {
    let guard = over.clone().drop_guard();
    async move {
        work.await;
        drop(guard);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what is watched is a task")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_over_when_it_is_done_when_it_dies_and_when_it_is_dropped() {
        let over = CancellationToken::new();
        let done = watched(&over, async {});
        assert!(!over.is_cancelled());
        tokio::spawn(done).await.expect("it is done");
        over.cancelled().await;

        let over = CancellationToken::new();
        let dies = watched(&over, async { panic!("it dies") });
        assert!(tokio::spawn(dies).await.expect_err("it died").is_panic());
        over.cancelled().await;

        let over = CancellationToken::new();
        drop(watched(&over, std::future::pending()));
        over.cancelled().await;
    }
}
