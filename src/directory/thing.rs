//! One object of the store's as the model has it, and what may be wrong with one.

use crate::model::{Agent, Application, Key, Number, Object, Person, Tenant, Trunk, WebhookEndpoint};

/// One object of the model.
pub enum Thing {
    Tenant(Tenant),
    Trunk(Box<Trunk>),
    Agent(Box<Agent>),
    Number(Box<Number>),
    Application(Application),
    Key(Box<Key>, bool),
    Endpoint(WebhookEndpoint),
    Person(Person),
}

/// What is wrong with one object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObjectFault {
    pub id: u64,
    /// The kind and the name, for people.
    pub what: String,
    pub field: String,
    pub reason: String,
    /// Is it that somebody else has what the object says that it has?
    pub is_taken: bool,
}

impl ObjectFault {
    /// Somebody else has what this object claims.
    pub fn taken(object: &Object, field: &str, reason: &str) -> Self {
        Self {
            id: object.id,
            what: format!("{} `{}`", object.kind.words(), object.name),
            field: field.to_owned(),
            reason: reason.to_owned(),
            is_taken: true,
        }
    }
}
