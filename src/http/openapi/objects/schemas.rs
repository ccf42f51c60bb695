//! What stands in an object, said and shown: it follows from its table in the configuration and from its vendor's shape.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, Object, SchemaType, Type};
use utoipa::openapi::{Array, ArrayBuilder, ObjectBuilder, RefOr, Schema};

use super::super::schema::{self, Types, nullable, text};
use super::Described;
use crate::config;
use crate::face::collection::Collection;
use crate::face::resource::{Others, READ_ONLY, Shape};
use crate::model::ObjectKind;

/// Fields that the switch makes, and shows once.
const SECRETS: [(ObjectKind, &[&str]); 3] = [
    (ObjectKind::Key, &["key", "webhook_secret"]),
    (ObjectKind::WebhookEndpoint, &["secret"]),
    (ObjectKind::Person, &["secret"]),
];

impl Described {
    /// What a request may say: in the vendor's words, each of which may be `null`.
    pub(super) fn draft(&self, is_new: bool, types: &mut Types) -> RefOr<Schema> {
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
                made = made.property(field, any("Shown by reads; ignored here."));
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
                "agent" | "trunk" | "application" => reference(),
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
    pub(super) fn made(&self, types: &mut Types) -> RefOr<Schema> {
        let kind = self.shape().kind;
        let Some((_, secrets)) = SECRETS.iter().find(|(of, _)| *of == kind) else { return self.shown(types) };
        let mut schema = self.shown_object(types);
        for secret in *secrets {
            schema.properties.insert((*secret).to_owned(), Schema::Object(text(None)).into());
        }
        types.keep(&self.name("Created"), Schema::Object(schema))
    }

    pub(super) fn shown_object(&self, types: &mut Types) -> Object {
        let (shape, table) = (self.shape(), table(self.shape().kind, types));
        let example = self.shown_example();
        let mut made = ObjectBuilder::new().schema_type(Type::Object);
        let properties = self.properties(&shape, &table);
        for (field, value) in example.as_object().into_iter().flatten() {
            let property = match (field.as_str(), properties.get(field)) {
                ("created_at" | "updated_at", _) => nullable(Schema::Object(text(Some("date-time"))).into()),
                ("health", _) => types.register::<crate::http::trunks::Shown>(schema::Strictness::Whole),
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

/// An agent, a trunk or an application: by id, as a number or in any rendering, or by name.
fn reference() -> RefOr<Schema> {
    let both = SchemaType::Array(vec![Type::String, Type::Integer]);
    Schema::Object(ObjectBuilder::new().schema_type(both).build()).into()
}

fn any(about: &str) -> RefOr<Schema> {
    let about = Some(about.to_owned()).filter(|about| !about.is_empty());
    Schema::Object(ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(about).build()).into()
}

pub(super) fn short() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(255))
        .pattern(Some("^[ -~]+$"))
        .build()
}

/// The type of an example.
pub(super) fn like(value: &Value) -> Object {
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
pub(super) fn page_schema(example: &Value, shown: &RefOr<Schema>) -> Object {
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

pub(super) fn list_of(schema: RefOr<Schema>) -> Array {
    ArrayBuilder::new().items(schema).build()
}
