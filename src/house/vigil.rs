//! Watches over what the switch cannot do without. A room that ends unasked takes the process with it, so that whoever started the
//! process starts it again, and what was alive is settled: a switch that looks ready and calls nobody is the worse end.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Whether all of it still runs. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Vigil {
    lost: CancellationToken,
}

impl Vigil {
    /// Watches over a task that runs until `stop`. Resolves when it has ended, asked or not.
    pub fn over(
        &self,
        room: &'static str,
        task: JoinHandle<()>,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<> {
        let lost = self.lost.clone();
        async move {
            match task.await {
                Ok(()) if stop.is_cancelled() => return,
                Ok(()) => tracing::error!(room, "ended, and nobody had asked for it"),
                Err(error) => tracing::error!(room, %error, "died"),
            }
            lost.cancel();
        }
    }

    /// Whether something of it has ended unasked.
    pub fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// Resolves when something of it has ended unasked.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what is watched over is a task")]
mod tests {
    use super::*;

    /// Watches over a task to its end. Gives whether that was a loss.
    async fn end<F: Future<Output = ()> + Send + 'static>(
        stop: &CancellationToken,
        run: impl FnOnce(CancellationToken) -> F,
    ) -> bool {
        let vigil = Vigil::default();
        assert!(!vigil.is_lost());
        vigil.over("a room", tokio::spawn(run(stop.clone())), stop.clone()).await;
        if vigil.is_lost() {
            vigil.lost().await;
        }
        vigil.is_lost()
    }

    #[tokio::test]
    async fn a_room_that_was_told_to_stop_is_no_loss() {
        let stop = CancellationToken::new();
        stop.cancel();
        assert!(!end(&stop, |stop| async move { stop.cancelled().await }).await);
    }

    #[tokio::test]
    async fn a_room_that_ends_unasked_or_dies_is_a_loss() {
        let stop = CancellationToken::new();
        assert!(end(&stop, |_| async {}).await);
        assert!(end(&stop, |_| async { panic!("a bug") }).await);
        stop.cancel();
        assert!(end(&stop, |_| async { panic!("a bug") }).await, "a stop is no excuse");
    }
}
