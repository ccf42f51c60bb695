//! Schemas between the types that they are derived from and the document: what an answer always has, what a request may leave
//! out or set to `null`.

use std::collections::BTreeMap;

use utoipa::ToSchema;
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, ArrayItems, Object, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema};

/// Schemas by their names.
#[derive(Default)]
pub struct Types(pub BTreeMap<String, RefOr<Schema>>);

/// What a schema says of fields that its type does not name, and of those that may be absent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// A request's: unknown fields are ignored.
    Lenient,
    /// An answer's: no other fields.
    Closed,
    /// An answer's: no other fields, and each of these is there, though it may be null.
    Whole,
}

impl Types {
    /// Takes a type and what it is made of, and refers to it.
    pub fn register<T: ToSchema>(&mut self, strictness: Strictness) -> RefOr<Schema> {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        for index in 0..found.len() {
            let mut schema = merged(&found[index].1, &found);
            tighten(&mut schema, strictness);
            self.0.insert(found[index].0.clone(), schema);
        }
        Ref::from_schema_name(T::name()).into()
    }

    /// Takes a made schema under this name, and refers to it.
    pub fn keep(&mut self, name: &str, schema: impl Into<RefOr<Schema>>) -> RefOr<Schema> {
        self.0.insert(name.to_owned(), schema.into());
        Ref::from_schema_name(name).into()
    }
}

/// What is flattened into another object is a part of it, and not an object beside it.
fn merged(schema: &RefOr<Schema>, known: &[(String, RefOr<Schema>)]) -> RefOr<Schema> {
    let RefOr::T(Schema::AllOf(parts)) = schema else { return schema.clone() };
    let mut whole = ObjectBuilder::new().schema_type(Type::Object).build();
    whole.description.clone_from(&parts.description);
    for part in &parts.items {
        let part = match part {
            RefOr::Ref(named) => {
                known.iter().find(|(name, _)| named.ref_location.ends_with(&format!("/{name}")))
            }
            RefOr::T(_) => None,
        }
        .map_or(part, |(_, schema)| schema);
        if let RefOr::T(Schema::Object(object)) = part {
            whole.properties.extend(object.properties.clone());
            whole.required.extend(object.required.clone());
        }
    }
    Schema::Object(whole).into()
}

fn tighten(schema: &mut RefOr<Schema>, strictness: Strictness) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => {
            let has_fields = !object.properties.is_empty();
            if has_fields && strictness == Strictness::Whole {
                object.required = object.properties.keys().cloned().collect();
            }
            if has_fields && strictness != Strictness::Lenient && object.additional_properties.is_none() {
                object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
            object.properties.values_mut().for_each(|property| tighten(property, strictness));
        }
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(item) = &mut array.items {
                tighten(item, strictness);
            }
        }
        Schema::OneOf(several) => several.items.iter_mut().for_each(|item| tighten(item, strictness)),
        Schema::AnyOf(several) => several.items.iter_mut().for_each(|item| tighten(item, strictness)),
        _ => {}
    }
}

/// The same, or `null`.
pub fn nullable(schema: RefOr<Schema>) -> RefOr<Schema> {
    let null = || ObjectBuilder::new().schema_type(Type::Null);
    match schema {
        RefOr::T(Schema::Object(mut object)) if object.enum_values.is_none() => {
            object.schema_type = match object.schema_type {
                SchemaType::Type(Type::Null) | SchemaType::AnyValue => object.schema_type,
                SchemaType::Type(own) => SchemaType::Array(vec![own, Type::Null]),
                SchemaType::Array(mut all) => {
                    if !all.contains(&Type::Null) {
                        all.push(Type::Null);
                    }
                    SchemaType::Array(all)
                }
            };
            RefOr::T(Schema::Object(object))
        }
        schema => Schema::AnyOf(AnyOfBuilder::new().item(schema).item(null()).build()).into(),
    }
}

/// Any of these; one alone is itself.
pub fn any_of(mut schemas: Vec<RefOr<Schema>>) -> Option<RefOr<Schema>> {
    schemas.dedup();
    match schemas.len() {
        0 | 1 => schemas.pop(),
        _ => {
            let all = schemas.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item);
            Some(Schema::AnyOf(all.build()).into())
        }
    }
}

/// Whole numbers from here on.
pub fn from(least: i32) -> Object {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).build()
}

/// A text, of this format if one is named.
pub fn text(format: Option<&str>) -> Object {
    use utoipa::openapi::{KnownFormat, SchemaFormat};
    let format = format.map(|name| match name {
        "date-time" => SchemaFormat::KnownFormat(KnownFormat::DateTime),
        other => SchemaFormat::Custom(other.to_owned()),
    });
    ObjectBuilder::new().schema_type(Type::String).format(format).build()
}

/// One of these words.
pub fn word(words: &[&str]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied())).build()
}
