//! Examples of objects, made by the functions that show the real ones.

use serde_json::{Value, json};

use super::Described;
use crate::config;
use crate::face::collection::{self, Collection};
use crate::model::{self, AgentId, ApplicationId, Draft, ObjectKind, TenantId, Timestamp, TrunkId};

impl Described {
    /// An object as a read shows it.
    pub fn shown_example(&self) -> Value {
        let shape = self.shape();
        let said = self.example.as_object().cloned().unwrap_or_default();
        let draft = collection::parse(self.face(), self.what, said).unwrap_or_else(|_| Draft::default());
        let mut document = draft.document;
        document.retain(|_, value| !value.is_null());
        for (field, value) in shape.defaults {
            document.entry(*field).or_insert(Value::Bool(*value));
        }
        let named = ["agent", "trunk", "application"];
        let [agent, trunk, application] = named.map(|field| document.contains_key(field));
        for field in named {
            // By whatever it was named, the store keeps its id.
            if let Some(value) = document.get_mut(field) {
                *value = Value::String("1".into());
            }
        }
        let name = draft.name.unwrap_or_else(|| "1".into());
        let document = config::filled(shape.kind, &name, document).unwrap_or_default();
        let object = model::Object {
            id: 1,
            kind: shape.kind,
            tenant: TenantId(1),
            name,
            document,
            agent: agent.then_some(AgentId(1)),
            trunk: trunk.then_some(TrunkId(1)),
            application: application.then_some(ApplicationId(1)),
            revision: 1,
            created_at: Some(Timestamp(1_780_056_000_000)),
            updated_at: Some(Timestamp(1_780_056_000_000)),
        };
        let mut shown = collection::show(self.face(), self.what, &object);
        if self.what == Collection::Native(ObjectKind::Trunk) {
            shown["health"] = crate::http::trunks::example();
        }
        shown
    }

    pub(super) fn made_example(&self) -> Value {
        let mut shown = self.shown_example();
        let secrets = match self.shape().kind {
            ObjectKind::Key => {
                json!({ "key": "nxf_5f0c:nxfs_9d1e" })
            }
            ObjectKind::WebhookEndpoint => json!({ "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }),
            ObjectKind::Person => json!({ "secret": "person_5f0c" }),
            _ => return shown,
        };
        for (field, secret) in secrets.as_object().into_iter().flatten() {
            shown[field] = secret.clone();
        }
        shown
    }
}
