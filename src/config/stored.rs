//! Objects that are not the file's: JSON documents in the configuration's own words, checked by the same rules. A name stands
//! beside its document, under the key that the table calls it by.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::checker::Checker;
use super::document::{REVOKED, document, name_key};
use super::error::Fault;
use super::name::is_name;
use super::objects::{self, Names};
use super::source::{Source, is_secret};
use super::trunk;
use super::{Rules, billing, file, uri};
use crate::model::{
    Agent, AgentId, Application, ApplicationId, Face, Key, KeyId, Number, NumberId, ObjectKind, Person,
    PersonId, Secret, Tenant, TenantId, Timestamp, Trunk, TrunkId, WebhookEndpoint, WebhookEndpointId,
};

/// What the objects of one tenant may name.
pub struct Known<'k> {
    trunks: HashMap<TrunkId, &'k Trunk>,
    agents: HashMap<AgentId, &'k Agent>,
    applications: HashMap<ApplicationId, &'k str>,
    names: Names,
    /// What holds for everybody.
    pub rules: &'k Rules,
}

/// An object, and everything that can be said of one of its kind, without secrets.
type Checked<T> = Result<(T, Map<String, Value>), Vec<Fault>>;

/// A tenant's name, in characters.
const NAME_MAX: usize = 64;
/// Kinds of events that one receiver may choose.
const EVENTS_MAX: usize = 64;

/// A kind of table as the API's description has it, under the key of its name too; and what it is made of, by name.
pub fn described(kind: ObjectKind) -> (RefOr<Schema>, Vec<(String, RefOr<Schema>)>) {
    fn of<T: ToSchema>() -> (RefOr<Schema>, Vec<(String, RefOr<Schema>)>) {
        let mut parts = Vec::new();
        T::schemas(&mut parts);
        // What is never shown is no part of what a derive describes.
        let secrets = [("TrunkTls", "key"), ("TrunkStir", "key"), ("TrunkInbound", "password")];
        for (name, schema) in &mut parts {
            secrets.iter().filter(|(part, _)| part == name).for_each(|(_, field)| with_secret(schema, field));
        }
        (T::schema(), parts)
    }
    match kind {
        ObjectKind::Tenant => of::<TenantTable>(),
        ObjectKind::Key => of::<KeyTable>(),
        ObjectKind::Agent => of::<file::Agent>(),
        ObjectKind::Number => of::<file::Number>(),
        ObjectKind::Trunk => {
            let (mut schema, parts) = of::<trunk::table::Trunk>();
            with_secret(&mut schema, "password");
            (schema, parts)
        }
        ObjectKind::Application => of::<file::Application>(),
        ObjectKind::WebhookEndpoint => of::<EndpointTable>(),
        ObjectKind::Person => of::<PersonTable>(),
    }
}

fn with_secret(schema: &mut RefOr<Schema>, field: &str) {
    use utoipa::openapi::schema::{ObjectBuilder, Type};
    if let RefOr::T(Schema::Object(object)) = schema {
        let secret = ObjectBuilder::new().schema_type(Type::String).write_only(true);
        object.properties.insert(field.to_owned(), Schema::Object(secret.build()).into());
    }
}

/// What is said of an object, and the defaults of what is not; `None` if that is no table of its kind. Checks nothing else.
pub fn filled(kind: ObjectKind, name: &str, mut said: Map<String, Value>) -> Option<Map<String, Value>> {
    fn of<T: DeserializeOwned + Serialize>(
        kind: ObjectKind,
        said: Map<String, Value>,
    ) -> Option<Map<String, Value>> {
        let table: T = serde_json::from_value(Value::Object(said)).ok()?;
        Some(document(kind, &table))
    }
    said.insert(name_key(kind).to_owned(), Value::String(name.to_owned()));
    let secrets: &[&str] = match kind {
        ObjectKind::Key => &[StoredKey::HASH, StoredKey::SIGNING],
        ObjectKind::WebhookEndpoint => &[StoredKey::SIGNING],
        ObjectKind::Person => &[StoredKey::HASH],
        _ => &[],
    };
    said.extend(secrets.iter().map(|field| ((*field).to_owned(), Value::String(String::new()))));
    match kind {
        ObjectKind::Tenant => of::<TenantTable>(kind, said),
        ObjectKind::Key => of::<KeyTable>(kind, said),
        ObjectKind::Agent => of::<file::Agent>(kind, said),
        ObjectKind::Number => of::<file::Number>(kind, said),
        ObjectKind::Trunk => of::<trunk::table::Trunk>(kind, said),
        ObjectKind::Application => of::<file::Application>(kind, said),
        ObjectKind::WebhookEndpoint => of::<EndpointTable>(kind, said),
        ObjectKind::Person => of::<PersonTable>(kind, said),
    }
}

/// A trunk.
pub fn trunk(id: TrunkId, name: &str, document: Map<String, Value>, tenant: TenantId) -> Checked<Trunk> {
    check(ObjectKind::Trunk, name, document, |table: &trunk::table::Trunk, path, check| {
        not_an_id(name, &format!("{path}.name"), check);
        Some(trunk::trunk(table, id, tenant, path, check))
    })
}

/// An agent.
pub fn agent(id: AgentId, name: &str, document: Map<String, Value>, known: &Known<'_>) -> Checked<Agent> {
    check(ObjectKind::Agent, name, document, |table: &file::Agent, path, check| {
        // What looks like an agent's id is none but its own.
        if name != id.render() {
            not_an_id(name, &format!("{path}.id"), check);
        }
        Some(objects::agent(table, id, &known.names, path, check))
    })
}

/// A number.
pub fn number(id: NumberId, e164: &str, document: Map<String, Value>, known: &Known<'_>) -> Checked<Number> {
    check(ObjectKind::Number, e164, document, |table: &file::Number, path, check| {
        let number = objects::number(table, id, &known.names, path, check)?;
        let trunk = |id: TrunkId| known.trunks.get(&id).copied();
        let agent = |id: AgentId| known.agents.get(&id).copied();
        objects::may_be_shown(&number, trunk, path, check);
        objects::can_answer(&number, agent, path, check);
        Some(number)
    })
}

/// A key as the store has it: its secret half only as a hash.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KeyTable {
    id: String,
    face: Face,
    name: Option<String>,
    agent: Option<String>,
    application: Option<String>,
    concurrent: Option<u32>,
    reads_per_minute: Option<u32>,
    writes_per_minute: Option<u32>,
    spend_per_day: Option<String>,
    spend_per_call: Option<String>,
    #[serde(default)]
    revoked: bool,
    #[serde(skip_serializing)]
    #[schema(ignore)]
    secret_hash: String,
    #[serde(skip_serializing)]
    #[schema(ignore)]
    secret: Secret<String>,
}

/// What a key's document holds that nobody is shown.
pub struct StoredKey;

impl StoredKey {
    /// SHA-256 of the secret half, in hexadecimal digits.
    pub const HASH: &'static str = "secret_hash";
    /// What signs.
    pub const SIGNING: &'static str = "secret";
    /// True once nobody may use it any more. It goes on signing the events of its calls.
    pub const REVOKED: &'static str = REVOKED;
}

/// An API key.
pub fn key(id: KeyId, public: &str, document: Map<String, Value>, known: &Known<'_>) -> Checked<Key> {
    check(ObjectKind::Key, public, document, |table: &KeyTable, path, check| {
        let mut secret_hash = [0; 32];
        let read = hex::decode_to_slice(&table.secret_hash, &mut secret_hash);
        check.that(&format!("{path}.secret_hash"), read.is_ok(), || "is no SHA-256".into());
        Some(Key {
            id,
            tenant: known.names.tenant,
            face: table.face,
            public: public.to_owned(),
            secret_hash,
            signing: table.secret.clone(),
            scope: objects::key::scope(
                table.face,
                &table.agent,
                &table.application,
                &known.names,
                path,
                check,
            ),
            concurrent: check.limit(&format!("{path}.concurrent"), table.concurrent),
            reads_per_minute: check.limit(&format!("{path}.reads_per_minute"), table.reads_per_minute),
            writes_per_minute: check.limit(&format!("{path}.writes_per_minute"), table.writes_per_minute),
            spend: billing::control(path, &table.spend_per_day, &table.spend_per_call, check),
        })
    })
}

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TenantTable {
    name: String,
    /// Calls at once, those that come in and those that go out.
    #[schema(minimum = 1)]
    concurrent: Option<u32>,
}

/// May a tenant be called so from now on? If not, why.
pub fn is_tenant_name(name: &str) -> Result<(), String> {
    if !name.is_empty() && looks_like_an_id(name) {
        return Err(id_like(name));
    }
    if name == objects::FILE_TENANT_NAME {
        return Err(format!("`{name}` is the tenant whom the configuration file's objects belong to"));
    }
    Ok(())
}

/// A tenant.
pub fn tenant(id: TenantId, name: &str, document: Map<String, Value>) -> Checked<Tenant> {
    check(ObjectKind::Tenant, name, document, |table: &TenantTable, path, check| {
        let valid = !table.name.trim().is_empty()
            && table.name.chars().count() <= NAME_MAX
            && !table.name.chars().any(char::is_control);
        check.that(&format!("{path}.name"), valid, || {
            format!("must be one line of 1 to {NAME_MAX} characters")
        });
        let concurrent = check.limit(&format!("{path}.concurrent"), table.concurrent);
        Some(Tenant { id, name: name.to_owned(), concurrent })
    })
}

/// An application.
pub fn application(
    id: ApplicationId,
    name: &str,
    document: Map<String, Value>,
    known: &Known<'_>,
) -> Checked<Application> {
    check(ObjectKind::Application, name, document, |table: &file::Application, path, check| {
        not_an_id(name, &format!("{path}.name"), check);
        Some(objects::application(table, id, &known.names, path, check))
    })
}

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EndpointTable {
    name: String,
    #[schema(format = "uri")]
    url: String,
    #[serde(default)]
    #[schema(max_items = 64)]
    events: Vec<String>,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(skip_serializing)]
    #[schema(ignore)]
    secret: Secret<String>,
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    previous_secret: Option<Secret<String>>,
    /// Milliseconds since 1970.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    previous_secret_until: Option<i64>,
}

fn yes() -> bool {
    true
}

/// A receiver of events.
pub fn endpoint(
    id: WebhookEndpointId,
    name: &str,
    document: Map<String, Value>,
    tenant: TenantId,
    rules: &Rules,
) -> Checked<WebhookEndpoint> {
    check(ObjectKind::WebhookEndpoint, name, document, |table: &EndpointTable, path, check| {
        if let Err(reason) = uri::webhook(&table.url, rules.allow_http) {
            check.fault(&format!("{path}.url"), reason);
        }
        let is_word =
            |event: &String| (1..=64).contains(&event.len()) && event.chars().all(|c| is_name(c) || c == '*');
        let valid = table.events.len() <= EVENTS_MAX && table.events.iter().all(is_word);
        check.that(&format!("{path}.events"), valid, || {
            format!("must be at most {EVENTS_MAX} names of events, such as \"telephony.complete\"")
        });
        Some(WebhookEndpoint {
            id,
            tenant,
            url: table.url.clone(),
            events: table.events.clone(),
            enabled: table.enabled,
            signing: table.secret.clone(),
            previous: table.previous_secret.clone().zip(table.previous_secret_until.map(Timestamp)),
        })
    })
}

/// A person as the store has it: its secret only as a hash.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PersonTable {
    name: String,
    /// The queues that it serves; none: all of them.
    #[serde(default)]
    #[schema(max_items = 50)]
    queues: Vec<String>,
    #[serde(skip_serializing)]
    #[schema(ignore)]
    secret_hash: String,
}

/// A person.
pub fn person(id: PersonId, name: &str, document: Map<String, Value>, tenant: TenantId) -> Checked<Person> {
    check(ObjectKind::Person, name, document, |table: &PersonTable, path, check| {
        not_an_id(name, &format!("{path}.name"), check);
        let mut secret_hash = [0; 32];
        let read = hex::decode_to_slice(&table.secret_hash, &mut secret_hash);
        check.that(&format!("{path}.secret_hash"), read.is_ok(), || "is no SHA-256".into());
        Some(objects::person::named(name, &table.queues, id, tenant, secret_hash, path, check))
    })
}

impl<'k> Known<'k> {
    /// A tenant's trunks, agents and applications.
    pub fn new(
        tenant: TenantId,
        trunks: Vec<&'k Trunk>,
        agents: Vec<&'k Agent>,
        applications: Vec<&'k Application>,
        rules: &'k Rules,
    ) -> Self {
        let mut names = Names {
            tenant,
            trunks: HashMap::new(),
            agents: HashMap::new(),
            applications: HashMap::new(),
            rules: rules.clone(),
        };
        for application in &applications {
            names.applications.entry(application.name.clone()).or_insert(application.id);
        }
        let ids = applications.iter().map(|application| (application.id.to_string(), application.id));
        names.applications.extend(ids);
        // An id goes before a name: it is what the store keeps.
        for trunk in &trunks {
            names.trunks.entry(trunk.name.clone()).or_insert(trunk.id);
        }
        names.trunks.extend(trunks.iter().map(|trunk| (trunk.id.to_string(), trunk.id)));
        for agent in &agents {
            names.agents.entry(agent.alias.clone()).or_insert(agent.id);
        }
        names.agents.extend(agents.iter().map(|agent| (agent.id.render(), agent.id)));
        names.agents.extend(agents.iter().map(|agent| (agent.id.to_string(), agent.id)));
        Self {
            trunks: trunks.into_iter().map(|trunk| (trunk.id, trunk)).collect(),
            agents: agents.into_iter().map(|agent| (agent.id, agent)).collect(),
            applications: applications.iter().map(|made| (made.id, made.name.as_str())).collect(),
            names,
            rules,
        }
    }

    /// A trunk by name or id.
    pub fn trunk(&self, text: &str) -> Option<&'k Trunk> {
        self.trunks.get(self.names.trunks.get(text)?).copied()
    }

    /// An application and its name, by name or id.
    pub fn application(&self, text: &str) -> Option<(ApplicationId, &'k str)> {
        let id = *self.names.applications.get(text)?;
        Some((id, self.applications.get(&id)?))
    }

    /// An agent by name or id.
    pub fn agent(&self, text: &str) -> Option<&'k Agent> {
        self.agents.get(self.names.agents.get(text)?).copied()
    }
}

/// Fills the kind's table and has it made. Faults name the document's own keys.
fn check<T: DeserializeOwned + Serialize, O>(
    kind: ObjectKind,
    name: &str,
    mut filled: Map<String, Value>,
    make: impl FnOnce(&T, &str, &mut Checker<'_>) -> Option<O>,
) -> Checked<O> {
    filled.insert(name_key(kind).to_owned(), Value::String(name.to_owned()));
    if let Some(key) = listed_table(&filled) {
        return Err(vec![Fault { place: String::new(), key, reason: "must be an object".to_owned() }]);
    }
    let table: T = serde_path_to_error::deserialize(Value::Object(filled)).map_err(|error| {
        let key = error.path().to_string();
        let reason = if is_secret(&key) { "must be a string".to_owned() } else { error.inner().to_string() };
        vec![Fault { place: String::new(), key: if key == "." { String::new() } else { key }, reason }]
    })?;
    let source = Source::nowhere();
    let mut check = Checker::inline(&source);
    let path = kind.as_str();
    let made = make(&table, path, &mut check);
    let mut faults = check.into_faults();
    for fault in &mut faults {
        let inner = fault.key.strip_prefix(path).map(|rest| rest.trim_start_matches('.').to_owned());
        fault.key = inner.unwrap_or_else(|| std::mem::take(&mut fault.key));
    }
    match made {
        Some(made) if faults.is_empty() => Ok((made, document(kind, &table))),
        _ => Err(faults),
    }
}

/// A table within a table that was written as a list, which serde would fill field by field.
fn listed_table(filled: &Map<String, Value>) -> Option<String> {
    let tables =
        ["amd", "analysis", "inbound", "model", "people", "spend", "stir", "stream", "tls", "transcription"];
    let listed = tables.into_iter().find(|key| filled.get(*key).is_some_and(Value::is_array));
    let tools = filled.get("model").and_then(|model| model.get("tools")).filter(|tools| tools.is_array());
    let listed = listed.or(tools.map(|_| "model.tools"));
    let fields = filled.get("analysis").and_then(|analysis| analysis.get("fields")).and_then(Value::as_array);
    let field = fields.into_iter().flatten().position(Value::is_array);
    let listed = listed.map(str::to_owned).or(field.map(|index| format!("analysis.fields[{index}]")));
    let trunks = filled.get("trunks").and_then(Value::as_array).into_iter().flatten();
    let choice = trunks.enumerate().find(|(_, choice)| choice.is_array());
    let script = || filled.get("script").and_then(objects::script::listed);
    listed.or(choice.map(|(index, _)| format!("trunks[{index}]"))).or_else(script)
}

/// References are by name or by id: what is one must not look like the other.
fn not_an_id(name: &str, key: &str, check: &mut Checker<'_>) {
    check.that(key, !looks_like_an_id(name), || id_like(name));
}

fn looks_like_an_id(name: &str) -> bool {
    name.strip_prefix("agent_").map_or(name.bytes().all(|byte| byte.is_ascii_digit()), |hex| {
        hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn id_like(name: &str) -> String {
    format!("`{name}` looks like an id: choose another name")
}
