//! Collections of objects: their schemas follow from what each vendor's shape makes of the configuration's tables, their examples
//! from the same functions that show them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::schema::{AdditionalProperties, Object, SchemaType, Type};
use utoipa::openapi::{Array, ArrayBuilder, ObjectBuilder, RefOr, Schema};

use super::entry::{Entry, Speaker};
use super::problems;
use super::schema::{self, Types, nullable, text};
use crate::config;
use crate::face::collection::{self, Collection, Part};
use crate::face::resource::{Others, READ_ONLY, Shape};
use crate::model::{self, AgentId, Draft, Face, ObjectKind, TenantId, Timestamp, TrunkId};

/// A collection as one speaker has it, with what an example says of one of its objects.
pub struct Described {
    pub speaker: Speaker,
    pub what: Collection,
    /// `/v1/agents`
    pub path: &'static str,
    /// `/v1/agents/{id}`
    pub path_of_one: &'static str,
    /// `Agent`, as its operations and schemas are named.
    pub word: &'static str,
    pub example: Value,
    /// What an example changes of it.
    pub change: Value,
    /// Others have the path too.
    pub is_shared: bool,
}

/// Fields that the switch makes, and shows once.
const SECRETS: [(ObjectKind, &[&str]); 3] = [
    (ObjectKind::Key, &["key", "webhook_secret"]),
    (ObjectKind::WebhookEndpoint, &["secret"]),
    (ObjectKind::Person, &["secret"]),
];

impl Described {
    /// The same, for another one to differ from.
    pub fn like(&self) -> Self {
        let (example, change) = (self.example.clone(), self.change.clone());
        Self { example, change, ..*self }
    }

    /// An entry for each of these methods, of which `POST` and `GET` of the whole are two: `list`, `create`, `read`, `replace`,
    /// `change`, `remove`.
    pub fn entries(&self, verbs: &[&str]) -> Vec<Entry> {
        verbs.iter().map(|verb| self.entry(verb)).collect()
    }

    fn entry(&self, verb: &str) -> Entry {
        let entry = match verb {
            "list" => self.list(),
            "create" => self.create(),
            "read" => self.read(),
            "replace" => self.update("PUT", "replace"),
            "change" => self.update("PATCH", "change"),
            _ => self.remove(),
        };
        let entry = entry.fails(problems::keyed());
        if self.is_shared || self.speaker == Speaker::Native || self.is_asked_by_any() {
            entry.shared()
        } else {
            entry
        }
    }

    /// The routes of objects look at the key first and ask for its face later.
    const fn is_asked_by_any(&self) -> bool {
        true
    }

    fn face(&self) -> Face {
        match self.speaker {
            Speaker::Face(face) => face,
            _ => Face::Nixflex,
        }
    }

    fn shape(&self) -> Shape {
        collection::shape(self.face(), self.what).expect("only what a vendor has is described")
    }

    /// `thunderphone.Agent`
    fn name(&self, more: &str) -> String {
        let room = match self.speaker {
            Speaker::Face(face) => face.as_str(),
            _ => "native",
        };
        format!("{room}.{}{more}", self.word)
    }

    fn operation_id(&self, verb: &str) -> String {
        match self.speaker {
            Speaker::Native => format!("{verb}Native{}", self.word),
            _ => format!("{verb}{}", self.word),
        }
    }

    fn list(&self) -> Entry {
        let id = format!("{}s", self.operation_id("list"));
        let route = ("GET", self.path);
        let mut entry = Entry::new(self.speaker, route, id, format!("List {}s", spaced(self.word)));
        entry = entry.query("limit", "Objects a page; who asks for more than 200 gets 200.", schema::from(1));
        let shown = self.shown(&mut entry.types);
        let one = self.shown_example();
        let native = matches!(self.what, Collection::Native(_));
        let part = Part { limit: 50, offset: 0, total: 1, next: None };
        let example = collection::page(self.face(), self.what, vec![one], &part);
        let page = page_schema(&example, &shown);
        let page = entry.types.keep(&self.name("Page"), Schema::Object(page));
        entry = match native {
            true => entry.query("cursor", "`next_cursor` of the page before.", schema::from(0)),
            false => entry.query("offset", "Objects before the page.", schema::from(0)),
        };
        entry
            .gives_object(200, "A page.", page, example)
            .fails(vec![problems::wrong("limit", "must be a number from 1")])
    }

    fn create(&self) -> Entry {
        let summary = format!("Make {} {}", article(self.word), spaced(self.word));
        let mut entry = Entry::new(self.speaker, ("POST", self.path), self.operation_id("create"), summary);
        let draft = self.draft(true, &mut entry.types);
        // Where nothing must be said, an empty body says it.
        let is_needed = match entry.types.0.get(&self.name("Draft")) {
            Some(RefOr::T(Schema::Object(draft))) => !draft.required.is_empty(),
            _ => true,
        };
        let made = self.made(&mut entry.types);
        entry
            .header("Idempotency-Key", "The same request again is answered as the first time.", short())
            .takes_object(draft, self.example.clone(), is_needed)
            .gives_object(201, "It is there. Secrets are shown this once.", made, self.made_example())
            .fails(problems::bodied())
            .fails(problems::of_change(self.shape().kind).into_iter().filter(|problem| {
                !matches!(problem, crate::face::Problem::Object(model::ObjectProblem::Changed))
            }))
    }

    fn read(&self) -> Entry {
        let route = ("GET", self.path_of_one);
        let summary = format!("Read {} {}", article(self.word), spaced(self.word));
        let mut entry = Entry::new(self.speaker, route, self.operation_id("read"), summary);
        let shown = self.shown(&mut entry.types);
        self.with_id(entry)
            .gives_object(200, "As it stands.", shown, self.shown_example())
            .fails(problems::of_object(self.shape().kind))
    }

    fn update(&self, method: &'static str, verb: &str) -> Entry {
        let (summary, about) = match method {
            "PUT" => ("Replace", "What is left out goes back to its default."),
            _ => ("Change", "What is left out stays as it was; `null` takes back what was said before."),
        };
        let summary = format!("{summary} {} {}", article(self.word), spaced(self.word));
        let route = (method, self.path_of_one);
        let mut entry = Entry::new(self.speaker, route, self.operation_id(verb), summary).about(about);
        let draft = self.draft(false, &mut entry.types);
        let shown = self.shown(&mut entry.types);
        self.with_id(entry)
            .header("If-Match", "The `ETag` that the change is meant for.", text(None))
            .takes_object(draft, self.change.clone(), false)
            .gives_object(200, "As it stands now.", shown, self.shown_example())
            .fails(problems::bodied())
            .fails(problems::of_change(self.shape().kind))
    }

    fn remove(&self) -> Entry {
        let summary = format!("Remove {} {}", article(self.word), spaced(self.word));
        let route = ("DELETE", self.path_of_one);
        let entry = Entry::new(self.speaker, route, self.operation_id("remove"), summary);
        self.with_id(entry)
            .header("If-Match", "The `ETag` that the removal is meant for.", text(None))
            .gives_nothing(204, "It is gone; a key is revoked.")
            .fails(problems::of_change(self.shape().kind))
    }

    fn with_id(&self, entry: Entry) -> Entry {
        entry.path(
            "id",
            "Its id, in any rendering, or its name.",
            self.shown_example()[self.shape().id.0].clone(),
        )
    }

    /// What a request may say: in the vendor's words, each of which may be `null`.
    fn draft(&self, is_new: bool, types: &mut Types) -> RefOr<Schema> {
        let (shape, table) = (self.shape(), table(self.shape().kind, types));
        let mut made = ObjectBuilder::new().schema_type(Type::Object);
        if let Some(name) = shape.name {
            made = made.property(name, nullable(Schema::Object(self.name_schema()).into()));
        }
        for (theirs, property) in self.properties(&shape, &table) {
            made = made.property(theirs, nullable(property));
        }
        if is_new {
            made = made.property("idempotency_key", nullable(Schema::Object(short()).into()));
            let needs_name =
                matches!(shape.kind, ObjectKind::Number | ObjectKind::Tenant | ObjectKind::Person);
            let named = shape.name.filter(|_| needs_name).into_iter().map(str::to_owned);
            let others = table.required.iter().filter(|ours| **ours != own_name(shape.kind));
            for field in named.chain(others.map(|ours| shape.their_field(ours))) {
                made = made.required(field);
            }
        }
        if self.what == Collection::Native(ObjectKind::Key) && is_new {
            made = made
                .property("tenant", any("Whose it is to be, by the operator's word: a tenant's id or name."));
        }
        if let Others::Ours | Others::Named(_) = shape.others {
            for field in READ_ONLY.into_iter().chain([shape.id.0]) {
                if matches!(shape.others, Others::Ours) || field == shape.id.0 {
                    made = made.property(field, any("Shown by reads; ignored here."));
                }
            }
            made = made.additional_properties(Some(AdditionalProperties::FreeForm(false)));
        }
        types.keep(&self.name(if is_new { "Draft" } else { "Change" }), Schema::Object(made.build()))
    }

    fn name_schema(&self) -> Object {
        match self.shape().kind {
            ObjectKind::Number => {
                ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^\+[1-9][0-9]{1,14}$")).build()
            }
            ObjectKind::Tenant => ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .max_length(Some(64))
                .build(),
            _ => text(None),
        }
    }

    /// The vendor's fields and what may stand there, in requests.
    fn properties(&self, shape: &Shape, table: &Object) -> BTreeMap<String, RefOr<Schema>> {
        let mut all = BTreeMap::new();
        for (theirs, ours) in shape.fields {
            let property = match *ours {
                // By id in any rendering, or by name.
                "agent" | "trunk" => reference(),
                _ => table.properties.get(*ours).cloned().unwrap_or_else(|| any("")),
            };
            all.insert((*theirs).to_owned(), property);
        }
        match shape.others {
            Others::Ours => {
                let said = |ours: &str| shape.fields.iter().any(|(_, known)| *known == ours);
                for (ours, property) in &table.properties {
                    if !said(ours) && ours != own_name(shape.kind) {
                        all.insert(ours.clone(), property.clone());
                    }
                }
            }
            Others::Named(names) => {
                all.extend(names.iter().map(|name| ((*name).to_owned(), any("Kept, and shown again."))))
            }
            Others::Kept => {}
        }
        all
    }

    /// What is shown: every field, always.
    pub fn shown(&self, types: &mut Types) -> RefOr<Schema> {
        let schema = self.shown_object(types);
        types.keep(&self.name(""), Schema::Object(schema))
    }

    /// What is shown of a new one: its secrets too.
    fn made(&self, types: &mut Types) -> RefOr<Schema> {
        let kind = self.shape().kind;
        let Some((_, secrets)) = SECRETS.iter().find(|(of, _)| *of == kind) else { return self.shown(types) };
        let mut schema = self.shown_object(types);
        for secret in *secrets {
            schema.properties.insert((*secret).to_owned(), Schema::Object(text(None)).into());
        }
        types.keep(&self.name("Created"), Schema::Object(schema))
    }

    /// The receiver whose secret was made anew.
    pub fn rotated_person(&self) -> Entry {
        let route = ("POST", "/v1/native/people/{id}/rotate-secret");
        let mut entry = Entry::new(self.speaker, route, "rotatePersonSecret", "Make a person's secret anew");
        let mut schema = self.shown_object(&mut entry.types);
        schema.properties.insert("secret".to_owned(), Schema::Object(text(None)).into());
        schema.required.push("secret".to_owned());
        let schema = entry.types.keep(&self.name("Rotated"), Schema::Object(schema));
        self.with_id(entry)
            .about("The new secret is shown this once. Whoever is signed in with the old one is signed out.")
            .gives_object(200, "As it stands now, with its new secret.", schema, self.made_example())
            .fails(self.rotating())
            .shared()
    }

    fn rotating(&self) -> Vec<crate::face::Problem> {
        let mut all: Vec<_> = problems::keyed().into_iter().collect();
        all.extend(problems::of_object(self.shape().kind));
        all.extend([
            model::ObjectProblem::ManagedByFile.into(),
            model::ObjectProblem::Changed.into(),
            model::ObjectProblem::Forbidden.into(),
            model::Refusal::Storage.into(),
        ]);
        all
    }

    /// A receiver's secret made anew.
    pub fn rotated(&self) -> Entry {
        let route = ("POST", "/v1/native/webhook-endpoints/{id}/rotate-secret");
        let mut entry =
            Entry::new(self.speaker, route, "rotateEndpointSecret", "Make a receiver's secret anew");
        let mut schema = self.shown_object(&mut entry.types);
        for (field, format) in [("secret", None), ("previous_secret_until", Some("date-time"))] {
            schema.properties.insert(field.to_owned(), Schema::Object(text(format)).into());
            schema.required.push(field.to_owned());
        }
        let schema = entry.types.keep(&self.name("Rotated"), Schema::Object(schema));
        let mut example = self.made_example();
        example["previous_secret_until"] = json!("2026-05-30T12:00:00.000Z");
        self.with_id(entry)
            .about("The new secret is shown this once. For a day the old one signs beside it.")
            .gives_object(200, "As it stands now, with its new secret.", schema, example)
            .fails(self.rotating())
            .shared()
    }

    /// The number that an examination was of: beside it, how that went.
    pub fn verified(&self, types: &mut Types) -> RefOr<Schema> {
        let mut schema = self.shown_object(types);
        schema
            .properties
            .insert("status".to_owned(), Schema::Object(schema::word(&["verified", "failed"])).into());
        schema.properties.insert("detail".to_owned(), Schema::Object(text(None)).into());
        let findings = list_of(types.register::<crate::doctor::Finding>(schema::Strictness::Whole));
        schema.properties.insert("findings".to_owned(), Schema::Array(findings).into());
        schema.required.push("status".to_owned());
        types.keep(&self.name("Verified"), Schema::Object(schema))
    }

    fn shown_object(&self, types: &mut Types) -> Object {
        let (shape, table) = (self.shape(), table(self.shape().kind, types));
        let example = self.shown_example();
        let mut made = ObjectBuilder::new().schema_type(Type::Object);
        let properties = self.properties(&shape, &table);
        for (field, value) in example.as_object().into_iter().flatten() {
            let property = match (field.as_str(), properties.get(field)) {
                ("created_at" | "updated_at", _) => nullable(Schema::Object(text(Some("date-time"))).into()),
                ("health", _) => types.register::<super::super::trunks::Shown>(schema::Strictness::Whole),
                (_, Some(property)) if !self.is_extra(field) => nullable(property.clone()),
                _ if self.is_extra(field) => any("As it was said."),
                _ => Schema::Object(like(value)).into(),
            };
            made = made.property(field, property);
            // How a new trunk stands is not known yet.
            if !self.is_extra(field) && field != "health" {
                made = made.required(field);
            }
        }
        if let Others::Named(names) = shape.others {
            for name in names.iter().filter(|name| example.get(**name).is_none()) {
                made = made.property(*name, any("As it was said."));
            }
        }
        // What another vendor's client said of it is kept with it.
        let is_open = !matches!(shape.others, Others::Ours | Others::Named(&[]));
        made.additional_properties(Some(AdditionalProperties::FreeForm(is_open))).build()
    }

    /// Said by a client alone, and so not always there.
    fn is_extra(&self, field: &str) -> bool {
        match self.shape().others {
            Others::Named(names) => names.contains(&field),
            Others::Kept => {
                !self.shape().fields.iter().any(|(theirs, _)| *theirs == field)
                    && !["created_at", "updated_at", self.shape().id.0].contains(&field)
                    && self.shape().name != Some(field)
            }
            Others::Ours => false,
        }
    }

    pub fn shown_example(&self) -> Value {
        let shape = self.shape();
        let said = self.example.as_object().cloned().unwrap_or_default();
        let draft = collection::parse(self.face(), self.what, said).unwrap_or_else(|_| Draft::default());
        let mut document = draft.document;
        document.retain(|_, value| !value.is_null());
        for (field, value) in shape.defaults {
            document.entry(*field).or_insert(Value::Bool(*value));
        }
        let (agent, trunk) = (document.contains_key("agent"), document.contains_key("trunk"));
        for field in ["agent", "trunk"] {
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
            revision: 1,
            created_at: Some(Timestamp(1_780_056_000_000)),
            updated_at: Some(Timestamp(1_780_056_000_000)),
        };
        let mut shown = collection::show(self.face(), self.what, &object);
        if self.what == Collection::Native(ObjectKind::Trunk) {
            shown["health"] = super::super::trunks::example();
        }
        shown
    }

    fn made_example(&self) -> Value {
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

/// A kind's table, and what it is made of.
fn table(kind: ObjectKind, types: &mut Types) -> Object {
    let (schema, parts) = config::described(kind);
    types.0.extend(parts);
    match schema {
        RefOr::T(Schema::Object(object)) => object,
        _ => Object::new(),
    }
}

const fn own_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Agent | ObjectKind::Key => "id",
        ObjectKind::Number => "e164",
        _ => "name",
    }
}

/// An agent or a trunk: by id, as a number or in any rendering, or by name.
fn reference() -> RefOr<Schema> {
    let both = SchemaType::Array(vec![Type::String, Type::Integer]);
    Schema::Object(ObjectBuilder::new().schema_type(both).build()).into()
}

fn any(about: &str) -> RefOr<Schema> {
    let about = Some(about.to_owned()).filter(|about| !about.is_empty());
    Schema::Object(ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(about).build()).into()
}

fn short() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(255))
        .pattern(Some("^[ -~]+$"))
        .build()
}

/// The type of an example.
fn like(value: &Value) -> Object {
    let own = match value {
        Value::String(_) => Type::String,
        Value::Number(number) if number.is_f64() => Type::Number,
        Value::Number(_) => Type::Integer,
        Value::Bool(_) => Type::Boolean,
        Value::Array(_) => Type::Array,
        Value::Object(_) => Type::Object,
        Value::Null => return ObjectBuilder::new().schema_type(SchemaType::AnyValue).build(),
    };
    ObjectBuilder::new().schema_type(own).build()
}

/// A page's schema by its example, of which the list is of these.
fn page_schema(example: &Value, shown: &RefOr<Schema>) -> Object {
    let mut made = ObjectBuilder::new().schema_type(Type::Object);
    for (field, value) in example.as_object().into_iter().flatten() {
        let property = match value {
            Value::Array(_) => Schema::Array(list_of(shown.clone())).into(),
            Value::Null => nullable(Schema::Object(text(None)).into()),
            value => Schema::Object(like(value)).into(),
        };
        made = made.property(field, property).required(field);
    }
    made.additional_properties(Some(AdditionalProperties::FreeForm(false))).build()
}

fn list_of(schema: RefOr<Schema>) -> Array {
    ArrayBuilder::new().items(schema).build()
}

/// `WebhookEndpoint` as people write it.
fn spaced(word: &str) -> String {
    let mut spaced = String::new();
    for letter in word.chars() {
        if letter.is_uppercase() && !spaced.is_empty() {
            spaced.push(' ');
        }
        spaced.extend(letter.to_lowercase());
    }
    spaced
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" }
}
