//! The file's objects and the store's, as one. Pure. What does not hold any more (a reference to what the file no longer declares, a
//! secret of another key) is named as a fault: a change that would make one is refused by it, and at a start it is logged.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::thing::{ObjectFault, Thing};
use super::{claims, sealed};
use crate::config::{self, Fault, Known, Objects, StoredKey};
use crate::keyfile::Sealer;
use crate::model::{
    AgentId, ApplicationId, KeyId, NumberId, Object, ObjectKind, PersonId, Tenant, TenantId, Trunk, TrunkId,
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

/// Kinds in an order in which each names only what came before.
const ORDER: [ObjectKind; 8] = [
    ObjectKind::Tenant,
    ObjectKind::Trunk,
    ObjectKind::Agent,
    ObjectKind::Application,
    ObjectKind::Number,
    ObjectKind::Key,
    ObjectKind::WebhookEndpoint,
    ObjectKind::Person,
];

/// Puts the file's and the store's objects together.
pub fn merge(file: &Objects, stored: &mut Stored) -> Merged {
    let mut merged = Merged { objects: file.clone(), ..Merged::default() };
    let name = config::FILE_TENANT_NAME.to_owned();
    merged.tenants.push(Tenant { id: config::FILE_TENANT, name, concurrent: None });
    let declared: HashSet<(ObjectKind, String)> =
        file.documents.iter().map(|object| (object.kind, object.name.clone())).collect();
    let Stored { rows, sealer: Some(sealer), trunks, .. } = stored else { return merged };
    for kind in ORDER {
        let mut tenants: BTreeMap<TenantId, Vec<&StoredObject>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.kind == kind) {
            tenants.entry(row.tenant).or_default().push(row);
        }
        let (mut made, mut faults) = (Vec::new(), Vec::new());
        for (tenant, rows) in tenants {
            let mut fault =
                |row: &StoredObject, field: &str, reason: &str| faults.push(told(row, field, reason));
            // Objects name nothing of their own kind, so what they may name is looked up once.
            let known = merged.known(tenant);
            for row in rows {
                let is_file_s = tenant == config::FILE_TENANT || kind.is_shared_name();
                if is_file_s && declared.contains(&(kind, row.name.clone())) {
                    fault(
                        row,
                        "name",
                        "the configuration file declares another one of this name, which wins",
                    );
                    continue;
                }
                match sealed::open(sealer, row) {
                    Some(document) => made.extend(make(row, document, &known, trunks, &mut fault)),
                    None => fault(row, "", "its secrets were sealed under another key"),
                }
            }
        }
        faults.extend(claims::settle(&merged.objects, &mut made));
        merged.faults.extend(faults);
        for (made, object) in made {
            merged.add(made);
            merged.objects.documents.push(Arc::new(object));
        }
    }
    let there: HashSet<u64> = rows.iter().map(|row| row.id).collect();
    trunks.retain(|id, _| there.contains(id));
    // Rows came kind by kind; their owners see them by age.
    let of_file = file.documents.len();
    merged.objects.documents[of_file..].sort_by_key(|object| object.id);
    merged
}

impl Merged {
    fn add(&mut self, thing: Thing) {
        match thing {
            Thing::Tenant(tenant) => self.tenants.push(tenant),
            Thing::Trunk(trunk) => self.objects.trunks.push(*trunk),
            Thing::Agent(agent) => self.objects.agents.push(*agent),
            Thing::Number(number) => self.objects.numbers.push(*number),
            Thing::Application(application) => self.objects.applications.push(application),
            Thing::Key(key, is_revoked) => {
                if is_revoked {
                    self.revoked.insert(key.id);
                }
                self.objects.keys.push(*key);
            }
            Thing::Endpoint(endpoint) => self.endpoints.push(endpoint),
            Thing::Person(person) => self.objects.people.push(person),
        }
    }

    /// What a tenant's objects may name.
    fn known(&self, tenant: TenantId) -> Known<'_> {
        Known::new(
            tenant,
            self.objects.trunks.iter().filter(|trunk| trunk.tenant == tenant).collect(),
            self.objects.agents.iter().filter(|agent| agent.tenant == tenant).collect(),
            self.objects.applications.iter().filter(|application| application.tenant == tenant).collect(),
            &self.objects.rules,
        )
    }
}

/// A row's object, and how its owner sees it.
fn make(
    row: &StoredObject,
    mut document: Map<String, Value>,
    known: &Known<'_>,
    trunks: &mut HashMap<u64, Made>,
    fault: &mut impl FnMut(&StoredObject, &str, &str),
) -> Option<(Thing, Object)> {
    loosen(row, &mut document, known, fault);
    let (id, name, tenant) = (row.id, row.name.as_str(), row.tenant);
    let made = match row.kind {
        ObjectKind::Tenant => {
            config::tenant(TenantId(id), name, document).map(|(tenant, shown)| (Thing::Tenant(tenant), shown))
        }
        ObjectKind::Trunk => match trunks.get(&id) {
            Some(made) if made.row == *row => Ok((made.trunk.clone(), made.shown.clone())),
            _ => config::stored_trunk(TrunkId(id), name, document, tenant).inspect(|(trunk, shown)| {
                trunks.insert(id, Made { row: row.clone(), trunk: trunk.clone(), shown: shown.clone() });
            }),
        }
        .and_then(|(trunk, shown)| {
            config::is_within_rules(&trunk, known.rules)?;
            Ok((Thing::Trunk(Box::new(trunk)), shown))
        }),
        ObjectKind::Agent => config::agent(AgentId(id), name, document, known)
            .map(|(agent, shown)| (Thing::Agent(Box::new(agent)), shown)),
        ObjectKind::Number => config::number(NumberId(id), name, document, known)
            .map(|(number, shown)| (Thing::Number(Box::new(number)), shown)),
        ObjectKind::Application => config::application(ApplicationId(id), name, document, known)
            .map(|(application, shown)| (Thing::Application(application), shown)),
        ObjectKind::Key => {
            let is_revoked = document.get(StoredKey::REVOKED) == Some(&Value::Bool(true));
            config::key(KeyId(id), name, document, known)
                .map(|(key, shown)| (Thing::Key(Box::new(key), is_revoked), shown))
        }
        ObjectKind::WebhookEndpoint => {
            config::endpoint(WebhookEndpointId(id), name, document, tenant, known.rules)
                .map(|(endpoint, shown)| (Thing::Endpoint(endpoint), shown))
        }
        ObjectKind::Person => config::person(PersonId(id), name, document, tenant)
            .map(|(person, shown)| (Thing::Person(person), shown)),
    };
    match made {
        Ok((thing, mut shown)) => {
            let names = name_references(known, &mut shown);
            Some((thing, object(row, shown, names)))
        }
        Err(faults) => {
            for Fault { key, reason, .. } in faults {
                fault(row, &key, &reason);
            }
            None
        }
    }
}

/// What an object names: an agent, a trunk, an application.
type Named = (Option<AgentId>, Option<TrunkId>, Option<ApplicationId>);

/// The store keeps ids; people read names. Which they were.
fn name_references(known: &Known<'_>, shown: &mut Map<String, Value>) -> Named {
    let trunk = |value: &mut Value| {
        let trunk = known.trunk(value.as_str()?)?;
        *value = Value::String(trunk.name.clone());
        Some(trunk.id)
    };
    let mut first = shown.get_mut("trunk").and_then(trunk);
    for choice in shown.get_mut("trunks").and_then(Value::as_array_mut).into_iter().flatten() {
        let named = choice.get_mut("name").and_then(trunk);
        first = first.or(named);
    }
    let application = shown.get_mut("application").and_then(|value| {
        let (id, name) = known.application(value.as_str()?)?;
        *value = Value::String(name.to_owned());
        Some(id)
    });
    let agent = shown.get_mut("agent").and_then(|value| {
        let agent = known.agent(value.as_str()?)?;
        *value = Value::String(agent.alias.clone());
        Some(agent.id)
    });
    (agent, first, application)
}

/// Whatever names an agent, a trunk or an application that is gone loses that alone: its calls are refused by what is missing, and
/// it can still be looked at and mended.
fn loosen(
    row: &StoredObject,
    document: &mut Map<String, Value>,
    known: &Known<'_>,
    fault: &mut impl FnMut(&StoredObject, &str, &str),
) {
    if !matches!(row.kind, ObjectKind::Number | ObjectKind::Agent | ObjectKind::Application) {
        return;
    }
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    if let Some(agent) = text(document.get("agent")).filter(|text| known.agent(text).is_none()) {
        fault(row, "agent", &format!("there is no agent `{agent}`"));
        document.remove("agent");
        // Nobody is left to answer.
        if row.kind == ObjectKind::Number {
            document.insert("inbound".to_owned(), Value::Bool(false));
        }
    }
    if let Some(application) =
        text(document.get("application")).filter(|text| known.application(text).is_none())
    {
        fault(row, "application", &format!("there is no application `{application}`"));
        document.remove("application");
    }
    if let Some(trunk) = text(document.get("trunk")).filter(|text| known.trunk(text).is_none()) {
        fault(row, "trunk", &format!("there is no trunk `{trunk}`"));
        document.remove("trunk");
    }
    if let Some(Value::Array(choices)) = document.get_mut("trunks") {
        choices.retain(|choice| {
            let name = choice["name"].as_str().unwrap_or_default();
            let is_there = known.trunk(name).is_some();
            if !is_there {
                fault(row, "trunks", &format!("there is no trunk `{name}`"));
            }
            is_there
        });
    }
}

fn told(row: &StoredObject, field: &str, reason: &str) -> ObjectFault {
    ObjectFault {
        id: row.id,
        what: format!("{} `{}`", row.kind.words(), row.name),
        field: field.to_owned(),
        reason: reason.to_owned(),
        is_taken: false,
    }
}

fn object(row: &StoredObject, document: Map<String, Value>, (agent, trunk, application): Named) -> Object {
    Object {
        id: row.id,
        kind: row.kind,
        tenant: row.tenant,
        name: row.name.clone(),
        document,
        agent,
        trunk,
        application,
        revision: row.revision,
        created_at: Some(row.created_at),
        updated_at: Some(row.updated_at),
    }
}
