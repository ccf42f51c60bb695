//! From a valid request to a call on its way.

use crate::model::{Accepted, OutboundRequest, Placed, Refusal, StoredResponse};

/// The handle that places calls. Cheap to clone.
#[derive(Clone)]
pub struct Dialer {}

impl Dialer {
    /// Places one call: resolves agent, number and trunk, takes permits, commits the intent, starts the call. `render`
    /// makes the face's answer, which is stored with the commit.
    pub async fn originate(
        &self,
        request: OutboundRequest,
        render: impl FnOnce(&Accepted) -> StoredResponse + Send,
    ) -> Result<Placed, Refusal> {
        let _ = (request, render);
        todo!("being built")
    }

    /// No new calls from now on.
    pub fn is_draining(&self) -> bool {
        todo!("being built")
    }
}
