//! The file's objects and the store's, as one. Pure. What does not hold any more (a reference to what the file no longer declares, a
//! secret of another key) is named as a fault: a change that would make one is refused by it, and at a start it is logged.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::sealed;
use crate::config::{self, Fault, Known, Objects, StoredKey};
use crate::keyfile::Sealer;
use crate::model::{
    AgentId, ApplicationId, KeyId, NumberId, Object, ObjectKind, Tenant, TenantId, Trunk, TrunkId,
    WebhookEndpoint, WebhookEndpointId,
};
use crate::store::StoredObject;

/// The store's rows, and what opens them.
#[derive(Default)]
pub struct Stored {
    /// Which state of the store this is.
    pub version: u64,
    /// By age.
    pub rows: Vec<StoredObject>,
    /// `None` while there is no store: then there are no rows.
    pub sealer: Option<Arc<Sealer>>,
    /// Trunks as they were made of their rows: one that has not changed keeps its connections.
    trunks: HashMap<u64, Made>,
}

/// A trunk, the row that it was made of, and what its owner sees of it.
struct Made {
    row: StoredObject,
    trunk: Trunk,
    shown: Map<String, Value>,
}

/// Both, as one.
#[derive(Default)]
pub struct Merged {
    pub objects: Objects,
    pub tenants: Vec<Tenant>,
    pub endpoints: Vec<WebhookEndpoint>,
    pub revoked: HashSet<KeyId>,
    pub faults: Vec<ObjectFault>,
}

/// What is wrong with one object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObjectFault {
    pub id: u64,
    /// The kind and the name, for people.
    pub what: String,
    pub field: String,
    pub reason: String,
}

/// The name of the tenant whom the file's objects belong to.
const FILE_TENANT_NAME: &str = "default";
/// Kinds in an order in which each names only what came before.
const ORDER: [ObjectKind; 7] = [
    ObjectKind::Tenant,
    ObjectKind::Trunk,
    ObjectKind::Agent,
    ObjectKind::Number,
    ObjectKind::Application,
    ObjectKind::Key,
    ObjectKind::WebhookEndpoint,
];

/// Puts the file's and the store's objects together.
pub fn merge(file: &Objects, stored: &mut Stored) -> Merged {
    let mut merged = Merged { objects: file.clone(), ..Merged::default() };
    merged.tenants.push(Tenant { id: config::FILE_TENANT, name: FILE_TENANT_NAME.to_owned() });
    let declared: HashSet<(ObjectKind, String)> =
        file.documents.iter().map(|object| (object.kind, object.name.clone())).collect();
    let Stored { rows, sealer: Some(sealer), trunks, .. } = stored else { return merged };
    for kind in ORDER {
        for row in rows.iter().filter(|row| row.kind == kind) {
            let is_file_s = row.tenant == config::FILE_TENANT || kind.is_shared_name();
            if is_file_s && declared.contains(&(kind, row.name.clone())) {
                merged.fault(
                    row,
                    "name",
                    "the configuration file declares another one of this name, which wins",
                );
                continue;
            }
            match sealed::open(sealer, row) {
                Some(document) => merged.add(row, document, trunks),
                None => merged.fault(row, "", "its secrets were sealed under another key"),
            }
        }
    }
    trunks.retain(|id, _| rows.iter().any(|row| row.id == *id));
    // Rows came kind by kind; their owners see them by age.
    let of_file = file.documents.len();
    merged.objects.documents[of_file..].sort_by_key(|object| object.id);
    merged
}

impl Merged {
    fn add(&mut self, row: &StoredObject, mut document: Map<String, Value>, trunks: &mut HashMap<u64, Made>) {
        if matches!(row.kind, ObjectKind::Number | ObjectKind::Agent | ObjectKind::Application) {
            self.loosen(row, &mut document);
        }
        let rules = self.objects.rules.clone();
        let (name, tenant) = (row.name.as_str(), row.tenant);
        let shown = match row.kind {
            ObjectKind::Tenant => config::tenant(name, document).map(|((), shown)| {
                self.tenants.push(Tenant { id: TenantId(row.id), name: name.to_owned() });
                shown
            }),
            ObjectKind::Trunk => match trunks.get(&row.id) {
                Some(made) if made.row == *row => Ok((made.trunk.clone(), made.shown.clone())),
                _ => config::stored_trunk(TrunkId(row.id), name, document, tenant),
            }
            .map(|(trunk, shown)| {
                trunks.insert(row.id, Made { row: row.clone(), trunk: trunk.clone(), shown: shown.clone() });
                self.objects.trunks.push(trunk);
                shown
            }),
            ObjectKind::Agent => {
                config::agent(AgentId(row.id), name, document, &self.known(tenant)).map(|(agent, shown)| {
                    self.objects.agents.push(agent);
                    shown
                })
            }
            ObjectKind::Number => config::number(NumberId(row.id), name, document, &self.known(tenant)).map(
                |(number, shown)| {
                    self.objects.numbers.push(number);
                    shown
                },
            ),
            ObjectKind::Key => {
                let is_revoked = document.get(StoredKey::REVOKED) == Some(&Value::Bool(true));
                config::key(KeyId(row.id), name, document, tenant).map(|(key, shown)| {
                    if is_revoked {
                        self.revoked.insert(key.id);
                    }
                    self.objects.keys.push(key);
                    shown
                })
            }
            ObjectKind::WebhookEndpoint => {
                config::endpoint(WebhookEndpointId(row.id), name, document, tenant, &rules).map(
                    |(endpoint, shown)| {
                        self.endpoints.push(endpoint);
                        shown
                    },
                )
            }
            ObjectKind::Application => {
                config::application(ApplicationId(row.id), name, document, &self.known(tenant)).map(
                    |(application, shown)| {
                        self.objects.applications.push(application);
                        shown
                    },
                )
            }
        };
        match shown {
            Ok(mut shown) => {
                let (agent, trunk) = self.name_references(tenant, &mut shown);
                self.objects.documents.push(Arc::new(object(row, shown, agent, trunk)));
            }
            Err(faults) => {
                for Fault { key, reason, .. } in faults {
                    self.fault(row, &key, &reason);
                }
            }
        }
    }

    /// What a tenant's objects may name.
    fn known(&self, tenant: TenantId) -> Known<'_> {
        Known {
            tenant,
            trunks: self.objects.trunks.iter().filter(|trunk| trunk.tenant == tenant).collect(),
            agents: self.objects.agents.iter().filter(|agent| agent.tenant == tenant).collect(),
            rules: &self.objects.rules,
        }
    }

    /// The store keeps ids; people read names. Which agent and which trunk it was.
    fn name_references(
        &self,
        tenant: TenantId,
        shown: &mut Map<String, Value>,
    ) -> (Option<AgentId>, Option<TrunkId>) {
        let known = self.known(tenant);
        let of = |id: &str| known.trunks.iter().find(|trunk| trunk.id.to_string() == id);
        let trunk = |value: &mut Value| {
            let trunk = value.as_str().and_then(of)?;
            *value = Value::String(trunk.name.clone());
            Some(trunk.id)
        };
        let mut first = shown.get_mut("trunk").and_then(trunk);
        for choice in shown.get_mut("trunks").and_then(Value::as_array_mut).into_iter().flatten() {
            let named = choice.get_mut("name").and_then(trunk);
            first = first.or(named);
        }
        let of = |id: &str| known.agents.iter().find(|agent| agent.id.to_string() == id);
        let agent = shown.get_mut("agent").and_then(|value| {
            let agent = value.as_str().and_then(of)?;
            *value = Value::String(agent.alias.clone());
            Some(agent.id)
        });
        (agent, first)
    }

    /// A number whose agent or trunk is gone loses that alone: its calls are refused by what is missing, and it can still be
    /// looked at and mended.
    fn loosen(&mut self, row: &StoredObject, document: &mut Map<String, Value>) {
        let known = self.known(row.tenant);
        let is_trunk =
            |text: &str| known.trunks.iter().any(|trunk| trunk.name == text || trunk.id.to_string() == text);
        let is_agent = |text: &str| {
            known
                .agents
                .iter()
                .any(|agent| agent.alias == text || agent.id.to_string() == text || agent.id.render() == text)
        };
        let mut lost = Vec::new();
        if let Some(agent) = document.get("agent").and_then(Value::as_str).filter(|text| !is_agent(text)) {
            lost.push(("agent", format!("there is no agent `{agent}`")));
        }
        if let Some(trunk) = document.get("trunk").and_then(Value::as_str).filter(|text| !is_trunk(text)) {
            lost.push(("trunk", format!("there is no trunk `{trunk}`")));
        }
        let mut fewer = document.get("trunks").cloned();
        if let Some(Value::Array(choices)) = &mut fewer {
            let name = |choice: &Value| choice["name"].as_str().unwrap_or_default().to_owned();
            for gone in choices.iter().map(name).filter(|text| !is_trunk(text)) {
                lost.push(("trunks", format!("there is no trunk `{gone}`")));
            }
            choices.retain(|choice| is_trunk(&name(choice)));
        }
        for (key, reason) in lost {
            self.fault(row, key, &reason);
            match (key, &fewer) {
                ("trunks", Some(fewer)) => drop(document.insert(key.to_owned(), fewer.clone())),
                ("trunks", None) => {}
                _ => drop(document.remove(key)),
            }
            if key == "agent" {
                document.insert("inbound".to_owned(), Value::Bool(false));
            }
        }
    }

    fn fault(&mut self, row: &StoredObject, field: &str, reason: &str) {
        self.faults.push(ObjectFault {
            id: row.id,
            what: format!("{} `{}`", row.kind.as_str().replace('_', " "), row.name),
            field: field.to_owned(),
            reason: reason.to_owned(),
        });
    }
}

fn object(
    row: &StoredObject,
    document: Map<String, Value>,
    agent: Option<AgentId>,
    trunk: Option<TrunkId>,
) -> Object {
    Object {
        id: row.id,
        kind: row.kind,
        tenant: row.tenant,
        name: row.name.clone(),
        document,
        agent,
        trunk,
        revision: row.revision,
        created_at: Some(row.created_at),
        updated_at: Some(row.updated_at),
    }
}
