//! Keys, agents, numbers and trunks in memory, and how a request finds its way through them (seed 000, "How the dialing
//! number is chosen"). Knows no vendor's JSON and does no I/O: a reload swaps one snapshot for another.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::config::Objects;
use crate::model::{
    Agent, AgentId, Key, KeyId, Number, OutboundRequest, PhoneNumber, Refusal, TenantId, Trunk, TrunkId,
};

/// The current snapshot. Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    current: Arc<RwLock<Arc<Snapshot>>>,
}

/// Everything that is declared, as it was at one moment. A call keeps what it took from its snapshot.
pub struct Snapshot {
    keys: HashMap<String, Arc<Key>>,
    agents: HashMap<AgentId, Arc<Agent>>,
    aliases: HashMap<(TenantId, String), AgentId>,
    numbers: Vec<Arc<Number>>,
    trunks: Vec<Arc<Trunk>>,
}

/// The way out for one request.
#[derive(Clone, Debug)]
pub struct Route {
    /// Who talks.
    pub agent: Arc<Agent>,
    /// The number that calls; `None` if it is the one stored on the agent itself.
    pub number: Option<Arc<Number>>,
    /// The caller's number.
    pub from: PhoneNumber,
    /// The trunk it dials through: enabled, and with a usable URI.
    pub trunk: Arc<Trunk>,
}

impl Directory {
    /// A directory of these objects.
    pub fn new(objects: Objects) -> Self {
        Self { current: Arc::new(RwLock::new(Arc::new(Snapshot::new(objects)))) }
    }

    /// What is declared now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other objects in place (SIGHUP). Calls in progress keep theirs.
    pub fn replace(&self, objects: Objects) {
        let snapshot = Arc::new(Snapshot::new(objects));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}

impl Snapshot {
    fn new(objects: Objects) -> Self {
        let _ = objects;
        todo!()
    }

    /// The key with this public half.
    pub fn key(&self, public: &str) -> Option<&Arc<Key>> {
        self.keys.get(public)
    }

    /// The key with this id.
    pub fn key_by_id(&self, id: KeyId) -> Option<&Arc<Key>> {
        self.keys.values().find(|key| key.id == id)
    }

    /// A tenant's agent by its alias, by `agent_` and 16 hexadecimal digits, or by its integer.
    pub fn agent(&self, tenant: TenantId, text: &str) -> Option<&Arc<Agent>> {
        let _ = (tenant, text, &self.agents, &self.aliases);
        todo!()
    }

    /// The trunk of this name.
    pub fn trunk(&self, name: &str) -> Option<&Arc<Trunk>> {
        self.trunks.iter().find(|trunk| trunk.name == name)
    }

    /// The trunk with this id.
    pub fn trunk_by_id(&self, id: TrunkId) -> Option<&Arc<Trunk>> {
        self.trunks.iter().find(|trunk| trunk.id == id)
    }

    /// Every trunk, in the file's order.
    pub fn trunks(&self) -> &[Arc<Trunk>] {
        &self.trunks
    }

    /// Every number, in the file's order.
    pub fn numbers(&self) -> &[Arc<Number>] {
        &self.numbers
    }

    /// Agent, then number, then trunk; the first failure wins.
    pub fn resolve(&self, request: &OutboundRequest) -> Result<Route, Refusal> {
        let _ = request;
        todo!()
    }
}
