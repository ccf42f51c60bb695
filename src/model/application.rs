//! What a MiniVoice key stands for: who talks, by which trunk, and where events go.

use super::{AgentId, ApplicationId, SpendControl, TenantId, TrunkId};

/// An application. Its keys place calls as it, whatever they say in the request.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its id.
    pub id: ApplicationId,
    /// Its name in the configuration, also accepted as an id.
    pub name: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// Who is asked what to do with a call.
    pub answer_url: Option<String>,
    /// Where its calls' events go.
    pub webhook_url: Option<String>,
    /// Who talks.
    pub agent: Option<AgentId>,
    /// By which trunk; `None`: by the caller's number's, or by any of the tenant's.
    pub trunk: Option<TrunkId>,
    /// What its keys may spend together, each of them perhaps less.
    pub spend: SpendControl,
}
