//! Who owns what: tenants, the receivers of their events, and every object as its owner sees it.

use serde_json::{Map, Value};

use super::{AgentId, ApplicationId, Secret, TenantId, Timestamp, TrunkId, WebhookEndpointId};

/// Whose calls, keys and objects are kept apart from everybody else's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tenant {
    /// Its id; the configuration file's objects are tenant 1's.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// Calls at once, those that come in and those that go out; `None`: as many as there is room for.
    pub concurrent: Option<u32>,
}

/// A receiver of a tenant's events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: WebhookEndpointId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Where events go.
    pub url: String,
    /// Which ones, in its face's words; empty takes all.
    pub events: Vec<String>,
    /// Is it delivered to?
    pub enabled: bool,
    /// What signs them.
    pub signing: Secret<String>,
    /// What signed them before it was rotated, and signs beside it until then.
    pub previous: Option<(Secret<String>, Timestamp)>,
}

impl WebhookEndpoint {
    /// Does it want to be asked who answers a call that came in? Only if it says so: whoever takes "everything" has not said that
    /// he answers within two seconds.
    pub fn is_asked_who_answers(&self) -> bool {
        let words = ["telephony.incoming", "call.incoming"];
        self.events.iter().any(|event| words.contains(&event.as_str()))
    }
}

/// No object of the store's has an id that reaches it, and none of the configuration file's has one below it.
pub const OBJECT_ID_LIMIT: u64 = 1 << 32;

/// What the store keeps for tenants.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ObjectKind {
    /// [`Tenant`].
    Tenant,
    /// [`super::Key`].
    Key,
    /// [`super::Agent`].
    Agent,
    /// [`super::Number`].
    Number,
    /// [`super::Trunk`].
    Trunk,
    /// [`super::Application`].
    Application,
    /// [`WebhookEndpoint`].
    WebhookEndpoint,
    /// [`super::Person`].
    Person,
}

impl ObjectKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Tenant,
        Self::Key,
        Self::Agent,
        Self::Number,
        Self::Trunk,
        Self::Application,
        Self::WebhookEndpoint,
        Self::Person,
    ];

    /// The word in the store, and the configuration's table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Key => "key",
            Self::Agent => "agent",
            Self::Number => "number",
            Self::Trunk => "trunk",
            Self::Application => "application",
            Self::WebhookEndpoint => "webhook_endpoint",
            Self::Person => "person",
        }
    }

    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Number => "phone number",
            Self::WebhookEndpoint => "webhook endpoint",
            _ => self.as_str(),
        }
    }

    /// The value of a word; `None` if it is none of ours.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Are its names unique among all tenants, rather than within one?
    pub const fn is_shared_name(self) -> bool {
        matches!(self, Self::Tenant | Self::Key)
    }
}

/// An object as its owner sees it: everything that can be said of one of its kind, defaults too, but no secret.
#[derive(Clone, PartialEq, Debug)]
pub struct Object {
    /// Its id, unique within its kind.
    pub id: u64,
    /// What it is.
    pub kind: ObjectKind,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name: an agent's alias, a number's E.164, a key's public half.
    pub name: String,
    /// The configuration's keys and their values.
    pub document: Map<String, Value>,
    /// The agent that it names.
    pub agent: Option<AgentId>,
    /// The trunk that it names, or the first of several.
    pub trunk: Option<TrunkId>,
    /// The application that it names.
    pub application: Option<ApplicationId>,
    /// From 1, one more with every change. The file's objects have none.
    pub revision: u64,
    /// When it was made; `None` for the file's.
    pub created_at: Option<Timestamp>,
    /// When it was changed last.
    pub updated_at: Option<Timestamp>,
}

impl Object {
    /// Is it the configuration file's, and so not to be changed here?
    pub const fn is_managed_by_file(&self) -> bool {
        self.revision == 0
    }
}

/// What a request says of an object.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Draft {
    /// Its name, if it is said.
    pub name: Option<String>,
    /// The configuration's keys that are said; `null` takes back what was said before.
    pub document: Map<String, Value>,
}

/// Why an object is not shown or not changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ObjectProblem {
    /// There is none, or it is another tenant's.
    #[error("there is no such {}", .0.words())]
    NotFound(ObjectKind),
    /// The configuration file declares it.
    #[error("it is declared in the configuration file: change it there")]
    ManagedByFile,
    /// A field is missing.
    #[error("missing {0}")]
    Missing(String),
    /// Another object has this name.
    #[error("another one is called `{0}`")]
    NameTaken(String),
    /// Its tenant has as much as it may.
    #[error("{0}")]
    TooMany(String),
    /// Something else needs it as it is.
    #[error("{0}")]
    InUse(String),
    /// It is not in the state that the change was meant for.
    #[error("it was changed meanwhile: read it again")]
    Changed,
    /// This key may not do that.
    #[error("this key may not do that")]
    Forbidden,
    /// There is no such delivery, or it is another tenant's, or it is not kept any more.
    #[error("there is no such delivery, or it is not kept any more")]
    DeliveryNotFound,
    /// The tenant's do-not-call list does not have this number.
    #[error("this number is not on the do-not-call list")]
    NotListed,
    /// A delivery that is tried anyway is not replayed.
    #[error("this delivery is still owed: it is tried again by itself")]
    DeliveryPending,
}
