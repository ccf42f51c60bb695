//! How the API has a call placed, and ended. All it knows of the dialer is these two functions.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::dialer::Dialer;
use crate::model::{Accepted, CallId, OutboundRequest, Placed, Refusal, StoredResponse};

/// Renders the answer that is stored with the call.
pub type Render = Box<dyn FnOnce(&Accepted) -> StoredResponse + Send>;
/// Places one call.
type Place = dyn Fn(OutboundRequest, Render) -> BoxFuture<'static, Result<Placed, Refusal>> + Send + Sync;
/// Ends one call, if it lives.
type Hangup = dyn Fn(CallId) -> BoxFuture<'static, ()> + Send + Sync;

/// Places and ends calls. Cheap to clone.
#[derive(Clone)]
pub struct Originate {
    place: Arc<Place>,
    hangup: Arc<Hangup>,
}

impl Originate {
    /// Places calls by this function, and ends none.
    pub fn new<F, P>(place: F) -> Self
    where
        F: Fn(OutboundRequest, Render) -> P + Send + Sync + 'static,
        P: Future<Output = Result<Placed, Refusal>> + Send + 'static,
    {
        Self {
            place: Arc::new(move |request, render| Box::pin(place(request, render))),
            hangup: Arc::new(|_| Box::pin(async {})),
        }
    }

    /// Places one call. It is placed even if nobody waits for the answer any more: a client that hangs up must not leave
    /// a call that is on disk and not on its way. `None`: it panicked.
    pub async fn call(
        &self,
        request: OutboundRequest,
        render: impl FnOnce(&Accepted) -> StoredResponse + Send + 'static,
    ) -> Option<Result<Placed, Refusal>> {
        tokio::spawn((self.place)(request, Box::new(render))).await.ok()
    }

    /// Has a call hung up.
    pub async fn hangup(&self, call: CallId) {
        (self.hangup)(call).await;
    }
}

impl From<Dialer> for Originate {
    fn from(dialer: Dialer) -> Self {
        let ender = dialer.clone();
        let placing = Self::new(move |request, render| {
            let dialer = dialer.clone();
            async move { dialer.originate(request, render).await }
        });
        let hangup: Arc<Hangup> = Arc::new(move |call| {
            let dialer = ender.clone();
            Box::pin(async move { dialer.hangup(call).await })
        });
        Self { hangup, ..placing }
    }
}
