//! How the API has a call placed. All it knows of the dialer is this one function.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::dialer::Dialer;
use crate::model::{Accepted, OutboundRequest, Placed, Refusal, StoredResponse};

/// Renders the answer that is stored with the call.
pub type Render = Box<dyn FnOnce(&Accepted) -> StoredResponse + Send>;
/// Places one call.
type Place = dyn Fn(OutboundRequest, Render) -> BoxFuture<'static, Result<Placed, Refusal>> + Send + Sync;

/// Places calls. Cheap to clone.
#[derive(Clone)]
pub struct Originate(Arc<Place>);

impl Originate {
    /// Places calls by this function.
    pub fn new<F, P>(place: F) -> Self
    where
        F: Fn(OutboundRequest, Render) -> P + Send + Sync + 'static,
        P: Future<Output = Result<Placed, Refusal>> + Send + 'static,
    {
        Self(Arc::new(move |request, render| Box::pin(place(request, render))))
    }

    /// Places one call. It is placed even if nobody waits for the answer any more: a client that hangs up must not leave
    /// a call that is on disk and not on its way. `None`: it panicked.
    pub async fn call(
        &self,
        request: OutboundRequest,
        render: impl FnOnce(&Accepted) -> StoredResponse + Send + 'static,
    ) -> Option<Result<Placed, Refusal>> {
        tokio::spawn((self.0)(request, Box::new(render))).await.ok()
    }
}

impl From<Dialer> for Originate {
    fn from(dialer: Dialer) -> Self {
        Self::new(move |request, render| {
            let dialer = dialer.clone();
            async move { dialer.originate(request, render).await }
        })
    }
}
