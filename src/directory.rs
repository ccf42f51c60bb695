//! Keys, agents, numbers and trunks in memory, and how a request finds its way through them (seed 000, "How the dialing
//! number is chosen"). Knows no vendor's JSON and does no I/O: a reload swaps one snapshot for another.

mod caller_ids;
mod change;
mod claims;
mod issue;
mod merge;
mod refused;
mod registry;
mod resolve;
mod room;
mod sealed;
mod settings;
mod thing;
mod trial;
mod unlock;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use sha2::{Digest, Sha256};

use crate::config::{Objects, Rules};
use crate::model::{
    Agent, AgentId, Application, ApplicationId, EventKind, EventSet, Face, Key, KeyId, KeyScope, Number,
    NumberId, Object, ObjectKind, Person, PersonId, PhoneNumber, Secret, SpendControl, Tenant, TenantId,
    Timestamp, Trunk, TrunkChoice, TrunkId, WebhookEndpoint, WebhookTarget,
};
pub use change::{Change, Expect};
pub use issue::{Issued, issue, person_secret, signing_secret};
use merge::{Merged, Stored};
pub use refused::ObjectError;
pub use registry::{Idempotent, NewObject, Outcome, Registry, RegistryParts};
use thing::ObjectFault;
pub use unlock::{UnlockError, adopt, unlock};

/// The current snapshot. Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    current: Arc<RwLock<Arc<Snapshot>>>,
    sources: Arc<Mutex<Sources>>,
}

/// What the snapshot is made of. The file's objects win by name.
struct Sources {
    file: Objects,
    stored: Stored,
    /// What was wrong the last time, and is not told again.
    faults: Vec<ObjectFault>,
}

/// Everything that is declared, as it was at one moment. A call keeps what it took from its snapshot.
pub struct Snapshot {
    /// Which state of the store it is of.
    version: u64,
    keys: HashMap<String, Arc<Key>>,
    key_ids: HashMap<KeyId, Arc<Key>>,
    agents: HashMap<AgentId, Listed>,
    aliases: HashMap<(TenantId, String), AgentId>,
    numbers: Vec<Arc<Number>>,
    first_keys: HashMap<TenantId, Arc<Key>>,
    face_keys: HashMap<(TenantId, Face), Arc<Key>>,
    application_keys: HashMap<ApplicationId, Arc<Key>>,
    applications: HashMap<ApplicationId, Arc<Application>>,
    people: HashMap<PersonId, Arc<Person>>,
    /// By the hash of what they sign in with.
    people_secrets: HashMap<[u8; 32], PersonId>,
    trunks: Vec<Arc<Trunk>>,
    trunk_ids: HashMap<TrunkId, Arc<Trunk>>,
    tenants: Vec<Tenant>,
    rules: Rules,
    endpoints: Vec<Arc<WebhookEndpoint>>,
    /// Every object as its owner sees it: the file's first, then the store's by age.
    objects: Vec<Arc<Object>>,
}

/// An agent and its numbers, oldest first.
struct Listed {
    agent: Arc<Agent>,
    numbers: Vec<Arc<Number>>,
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
    /// The trunks it may dial through, at least one, each with a usable URI and the place it has among them.
    pub trunks: Vec<(Arc<Trunk>, TrunkChoice)>,
}

/// Who answers a call that comes in.
#[derive(Clone, Debug)]
pub struct Answerer {
    /// The number that was called.
    pub number: Arc<Number>,
    /// Who talks.
    pub agent: Arc<Agent>,
    /// The trunk that brought it.
    pub trunk: Arc<Trunk>,
    /// Whose face and secret the events of such calls take, which no key asked for: the tenant's first, of the number's face
    /// or application if it has one.
    pub key: Option<Arc<Key>>,
    /// Whose call it is: the number's, or else that key's.
    pub application: Option<Arc<Application>>,
}

impl Directory {
    /// A directory of these objects.
    pub fn new(file: Objects) -> Self {
        let mut sources = Sources { file, stored: Stored::default(), faults: Vec::new() };
        let current = Arc::new(RwLock::new(Arc::new(sources.merge())));
        Self { current, sources: Arc::new(Mutex::new(sources)) }
    }

    /// What is declared now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts the file's objects in place (SIGHUP). Calls in progress keep theirs.
    pub fn replace(&self, file: Objects) {
        self.change(|sources| sources.file = file);
    }

    fn change<T>(&self, work: impl FnOnce(&mut Sources) -> T) -> T {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let done = work(&mut sources);
        let snapshot = Arc::new(sources.merge());
        // Under the sources' lock: of two changes the later one's snapshot stays.
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        done
    }
}

impl Sources {
    fn merge(&mut self) -> Snapshot {
        let Merged { objects, tenants, endpoints, revoked, faults } =
            merge::merge(&self.file, &mut self.stored);
        for fault in faults.iter().filter(|fault| !self.faults.contains(fault)) {
            tracing::warn!(
                id = fault.id,
                field = fault.field,
                reason = fault.reason,
                "an object of the store does not hold any more"
            );
        }
        self.faults = faults;
        let mut snapshot = Snapshot::new(objects, &revoked);
        snapshot.version = self.stored.version;
        snapshot.tenants = tenants;
        snapshot.endpoints = endpoints.into_iter().map(Arc::new).collect();
        snapshot
    }
}

/// What signs events, as it stands now.
pub struct Signing {
    /// The key.
    pub key: Arc<Key>,
    /// Where an endpoint is.
    pub url: Option<String>,
    /// The secret that signs beside an endpoint's until then.
    pub previous: Option<(Secret<String>, Timestamp)>,
}

impl Snapshot {
    fn new(objects: Objects, revoked: &std::collections::HashSet<KeyId>) -> Self {
        let numbers: Vec<_> = objects.numbers.into_iter().map(Arc::new).collect();
        let agents: Vec<_> = objects.agents.into_iter().map(Arc::new).collect();
        let keys: Vec<_> = objects.keys.into_iter().map(Arc::new).collect();
        let usable: Vec<_> = keys.iter().filter(|key| !revoked.contains(&key.id)).cloned().collect();
        let trunks: Vec<_> = objects.trunks.into_iter().map(Arc::new).collect();
        let people: Vec<_> = objects.people.into_iter().map(Arc::new).collect();
        let listed = |agent: &Arc<Agent>| {
            let own = numbers.iter().filter(|number| number.agent == Some(agent.id)).cloned().collect();
            (agent.id, Listed { agent: Arc::clone(agent), numbers: own })
        };
        Self {
            version: 0,
            aliases: agents.iter().map(|agent| ((agent.tenant, agent.alias.clone()), agent.id)).collect(),
            agents: agents.iter().map(listed).collect(),
            first_keys: usable.iter().rev().map(|key| (key.tenant, Arc::clone(key))).collect(),
            application_keys: usable
                .iter()
                .rev()
                .filter_map(|key| Some((key.application()?, Arc::clone(key))))
                .collect(),
            face_keys: usable.iter().rev().map(|key| ((key.tenant, key.face), Arc::clone(key))).collect(),
            applications: objects.applications.into_iter().map(|made| (made.id, Arc::new(made))).collect(),
            key_ids: keys.iter().map(|key| (key.id, Arc::clone(key))).collect(),
            keys: usable.into_iter().map(|key| (key.public.clone(), key)).collect(),
            people_secrets: people.iter().rev().map(|person| (person.secret_hash, person.id)).collect(),
            people: people.into_iter().map(|person| (person.id, person)).collect(),
            trunk_ids: trunks.iter().map(|trunk| (trunk.id, Arc::clone(trunk))).collect(),
            numbers,
            trunks,
            tenants: Vec::new(),
            rules: objects.rules,
            endpoints: Vec::new(),
            objects: objects.documents,
        }
    }

    /// Every tenant, the file's first.
    pub fn tenants(&self) -> &[Tenant] {
        &self.tenants
    }

    /// One of them, by id, which goes first (an earlier release let a name look like another's id), or by name.
    pub fn tenant(&self, text: &str) -> Option<&Tenant> {
        let by_id = self.tenants.iter().find(|tenant| tenant.id.to_string() == text);
        by_id.or_else(|| self.tenants.iter().find(|tenant| tenant.name == text))
    }

    /// What the file says of every tenant's objects.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// A tenant's receivers of events, oldest first.
    pub fn endpoints(&self, tenant: TenantId) -> impl Iterator<Item = &Arc<WebhookEndpoint>> {
        self.endpoints.iter().filter(move |endpoint| endpoint.tenant == tenant)
    }

    /// What signs for this id: a key, or one of the enabled receivers, which signs as a key that nobody can ask with, and where
    /// that receiver is now.
    pub fn signer(&self, id: KeyId) -> Option<Signing> {
        if let Some(key) = self.key_by_id(id) {
            return Some(Signing { key: Arc::clone(key), url: None, previous: None });
        }
        let endpoint =
            self.endpoints.iter().find(|endpoint| endpoint.id.0 == id.0).filter(|found| found.enabled)?;
        let key = Arc::new(Key {
            id,
            tenant: endpoint.tenant,
            face: Face::ThunderPhone,
            public: String::new(),
            secret_hash: [0; 32],
            signing: endpoint.signing.clone(),
            scope: KeyScope::Tenant,
            concurrent: None,
            reads_per_minute: None,
            writes_per_minute: None,
            spend: SpendControl::default(),
        });
        Some(Signing { key, url: Some(endpoint.url.clone()), previous: endpoint.previous.clone() })
    }

    /// Which of its tenant's endpoints a call's events go to beside its own receiver: all that are enabled and want any of those
    /// that this face documents.
    pub fn endpoints_for(&self, tenant: TenantId, face: Face) -> Vec<WebhookTarget> {
        let target = |endpoint: &Arc<WebhookEndpoint>| {
            let wants = |kind: EventKind| {
                endpoint.events.is_empty() || endpoint.events.iter().any(|word| kind.is_called(word))
            };
            let events: EventSet = face.events().iter().copied().filter(|kind| wants(*kind)).collect();
            (events != EventSet::default()).then(|| WebhookTarget {
                url: endpoint.url.clone(),
                face,
                key: KeyId(endpoint.id.0),
                events,
            })
        };
        self.endpoints(tenant).filter(|endpoint| endpoint.enabled).filter_map(target).collect()
    }

    /// A tenant's objects of a kind: the file's first, then the store's by age.
    pub fn objects(&self, tenant: TenantId, kind: ObjectKind) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.iter().filter(move |object| object.tenant == tenant && object.kind == kind)
    }

    /// The tenants that the store has, as the operator sees them.
    pub fn tenant_objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.iter().filter(|object| object.kind == ObjectKind::Tenant)
    }

    /// One of them, found as [`Snapshot::tenant`] finds it.
    pub fn tenant_object(&self, text: &str) -> Option<&Arc<Object>> {
        let id = self.tenant(text)?.id;
        self.tenant_objects().find(|object| object.id == id.0)
    }

    /// A tenant's object by its name, which goes first, or by any rendering of its id.
    pub fn object(&self, tenant: TenantId, kind: ObjectKind, text: &str) -> Option<&Arc<Object>> {
        let named = self.objects(tenant, kind).find(|object| object.name == text);
        let id = || object_id(text);
        named.or_else(|| id().and_then(|id| self.objects(tenant, kind).find(|object| object.id == id)))
    }

    /// The key with this public half.
    pub fn key(&self, public: &str) -> Option<&Arc<Key>> {
        self.keys.get(public)
    }

    /// May this key still be used? One that is revoked or gone lives on in what it asked for.
    pub fn is_usable(&self, key: &Key) -> bool {
        self.keys.get(&key.public).is_some_and(|found| found.id == key.id)
    }

    /// The key with this id.
    pub fn key_by_id(&self, id: KeyId) -> Option<&Arc<Key>> {
        self.key_ids.get(&id)
    }

    /// A tenant's agent by its alias, by `agent_` and 16 hexadecimal digits, or by its integer.
    pub fn agent(&self, tenant: TenantId, text: &str) -> Option<&Arc<Agent>> {
        self.listed(tenant, text).map(|listed| &listed.agent)
    }

    /// The agent with this id.
    pub fn agent_by_id(&self, id: AgentId) -> Option<&Arc<Agent>> {
        self.agents.get(&id).map(|listed| &listed.agent)
    }

    /// Who signs in with this.
    pub fn person_by_secret(&self, secret: &str) -> Option<&Arc<Person>> {
        let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        self.person_by_id(*self.people_secrets.get(&hash)?)
    }

    /// The person with this id.
    pub fn person_by_id(&self, id: PersonId) -> Option<&Arc<Person>> {
        self.people.get(&id)
    }

    /// The application with this id.
    pub fn application_by_id(&self, id: ApplicationId) -> Option<&Arc<Application>> {
        self.applications.get(&id)
    }

    /// A tenant's number by its integer id, or as it is dialled.
    pub fn number(&self, tenant: TenantId, text: &str) -> Option<&Arc<Number>> {
        let id = text.parse().ok().filter(|_| !text.starts_with('+')).map(NumberId);
        let is_it = |number: &&Arc<Number>| Some(number.id) == id || number.e164.as_str() == text;
        self.numbers.iter().filter(|number| number.tenant == tenant).find(is_it)
    }

    /// A tenant's trunk of this name.
    pub fn trunk(&self, tenant: TenantId, name: &str) -> Option<&Arc<Trunk>> {
        self.trunks.iter().find(|trunk| trunk.tenant == tenant && trunk.name == name)
    }

    /// The trunk with this id.
    pub fn trunk_by_id(&self, id: TrunkId) -> Option<&Arc<Trunk>> {
        self.trunk_ids.get(&id)
    }

    /// Every trunk, in the file's order.
    pub fn trunks(&self) -> &[Arc<Trunk>] {
        &self.trunks
    }

    /// Every number, in the file's order.
    pub fn numbers(&self) -> &[Arc<Number>] {
        &self.numbers
    }

    /// How many numbers of an agent may place calls.
    pub fn outbound_numbers(&self, agent: AgentId) -> usize {
        let numbers = self.agents.get(&agent).map_or(&[][..], |listed| &listed.numbers);
        numbers.iter().filter(|number| number.outbound).count()
    }

    /// Who is to be asked who answers a call to this number, if anybody wants to be. The words are one vendor's: a number whose
    /// events take another's is nobody's business here.
    pub fn asked_for(&self, number: &Number) -> Option<&WebhookEndpoint> {
        if number.face.is_some_and(|face| face != Face::ThunderPhone) {
            return None;
        }
        let mut enabled = self.endpoints(number.tenant).filter(|endpoint| endpoint.enabled);
        enabled.find(|endpoint| endpoint.is_asked_who_answers()).map(|endpoint| &**endpoint)
    }

    /// Who answers a call to `called`, which may have come by any of these trunks: by the number's own trunk, if it is among them.
    pub fn answerer(&self, called: &[PhoneNumber], trunks: &[Arc<Trunk>]) -> Option<Answerer> {
        let tenants: Vec<TenantId> = trunks.iter().map(|trunk| trunk.tenant).collect();
        let is_called = |number: &&Arc<Number>| {
            number.inbound && called.contains(&number.e164) && tenants.contains(&number.tenant)
        };
        let number = self.numbers.iter().find(is_called)?;
        let agent = self.agents.get(&number.agent?).map(|listed| &listed.agent)?;
        let of_tenant = || trunks.iter().filter(|trunk| trunk.tenant == number.tenant);
        let own = of_tenant().find(|trunk| number.trunks.iter().any(|choice| choice.trunk == trunk.id));
        let of_application = number.application.and_then(|id| self.application_keys.get(&id));
        let is_told_there = number.face.is_none_or(|face| face == Face::MiniVoice);
        let key = of_application.filter(|_| is_told_there).or_else(|| match number.face {
            Some(face) => self.face_keys.get(&(number.tenant, face)),
            None => self.first_keys.get(&number.tenant),
        });
        let application = number.application.or_else(|| key?.application());
        Some(Answerer {
            trunk: Arc::clone(own.or_else(|| of_tenant().next())?),
            key: key.cloned(),
            application: application.and_then(|id| self.application_by_id(id)).cloned(),
            number: Arc::clone(number),
            agent: Arc::clone(agent),
        })
    }

    /// Might a call to `called` be answered if its caller proved to be by its tenant's trunk? Its address says that it is by another's.
    pub fn is_proof_wanted(&self, called: &[PhoneNumber]) -> bool {
        let is_called = |number: &&Arc<Number>| number.inbound && called.contains(&number.e164);
        let is_locked = |trunk: &Arc<Trunk>| trunk.enabled && trunk.inbound.username.is_some();
        let owner = self.numbers.iter().find(is_called).map(|number| number.tenant);
        self.trunks.iter().any(|trunk| Some(trunk.tenant) == owner && is_locked(trunk))
    }

    /// An alias goes first: it is what the owner of the configuration wrote, whatever it looks like.
    fn listed(&self, tenant: TenantId, text: &str) -> Option<&Listed> {
        let id = self.aliases.get(&(tenant, text.to_owned())).copied().or_else(|| agent_id(text))?;
        self.agents.get(&id).filter(|listed| listed.agent.tenant == tenant)
    }
}

/// Decimal digits, alone or after what a face puts before them; or an agent's hexadecimal ones.
fn object_id(text: &str) -> Option<u64> {
    let decimal = ["app_", "num_", "trunk_", "did_", "key_", "we_"];
    let rest = decimal.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    agent_id(rest).map(|id| id.0)
}

/// `agent_` and 16 hexadecimal digits, or decimal digits.
fn agent_id(text: &str) -> Option<AgentId> {
    let number = match text.strip_prefix("agent_") {
        Some(hex) if hex.len() == 16 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            u64::from_str_radix(hex, 16)
        }
        None if text.bytes().all(|b| b.is_ascii_digit()) => text.parse(),
        _ => return None,
    };
    number.ok().map(AgentId)
}

#[cfg(test)]
mod tests;
