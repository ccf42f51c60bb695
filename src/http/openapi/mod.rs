//! The API described: one OpenAPI 3.1 document, made of the routes and of what each speaker says of its rows. Types come from what
//! is parsed and shown, problems from the faces' own renderers; nothing of it is written twice.

mod answers;
mod bots;
mod control;
mod do_not_call;
mod entry;
mod minivoice;
mod native;
mod nixflex;
mod objects;
mod observed;
mod operator;
mod page;
#[cfg(feature = "browser")]
mod people;
mod problems;
mod schema;
mod shared;
mod thunderphone;
mod twilio;
mod voiceflow;

use std::collections::BTreeMap;

use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, PathItemBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathsBuilder, Required,
};

use entry::{Entry, Speaker};
pub use page::{document_json, file, page};
use schema::{Types, any_of};

use super::ROUTES;
use crate::model::Face;

/// The whole document. Every row of [`ROUTES`] has an operation in it if somebody describes it, which a test sees to.
pub fn document() -> OpenApi {
    let mut entries = entries();
    let mut types = Types::default();
    answers::envelopes(&mut types);
    for entry in &mut entries {
        types.0.append(&mut entry.types.0);
    }
    let mut problems = answers::Problems::default();
    let mut paths: BTreeMap<&str, PathItemBuilder> = BTreeMap::new();
    for route in ROUTES {
        let said: Vec<&Entry> =
            entries.iter().filter(|entry| (entry.method, entry.path) == (route.method, route.path)).collect();
        let (Some(method), false) = (method(route.method), said.is_empty()) else { continue };
        let item = paths.remove(route.path).unwrap_or_default();
        paths.insert(route.path, item.operation(method, operation(&said, &mut problems)));
    }
    let paths = paths.into_iter().fold(PathsBuilder::new(), |all, (path, item)| all.path(path, item.build()));
    let components =
        types.0.into_iter().fold(ComponentsBuilder::new(), |all, (name, schema)| all.schema(name, schema));
    let components = problems.examples.into_iter().fold(components, |all, (name, body)| {
        all.example(name, ExampleBuilder::new().value(Some(body)).build())
    });
    let components =
        problems.responses.into_iter().fold(components, |all, (name, response)| all.response(name, response));
    let components = answers::security_schemes()
        .into_iter()
        .fold(components, |all, (name, scheme)| all.security_scheme(name, scheme));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Trunkline")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(ABOUT))
                .license(Some(LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).build()))
                .build(),
        )
        .paths(paths)
        .components(Some(components.build()))
        .tags(Some(answers::tags()))
        .build()
}

/// The document as text, as it is served and printed.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).expect("strings, numbers and maps");
    text.push('\n');
    text
}

/// Every speaker's.
fn entries() -> Vec<Entry> {
    [
        nixflex::entries(),
        voiceflow::entries(),
        twilio::entries(),
        thunderphone::entries(),
        minivoice::entries(),
        native::entries(),
        bots::entries(),
        #[cfg(feature = "browser")]
        people::entries(),
        operator::entries(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What all speakers say of one route.
fn operation(said: &[&Entry], problems: &mut answers::Problems) -> Operation {
    let first = said.first().expect("a route that nobody describes is left out");
    let tags: Vec<&str> = said.iter().map(|entry| entry.speaker.tag()).collect();
    let mut operation = OperationBuilder::new()
        .tags(Some(tags))
        .summary(Some(first.summary.as_str()))
        .description(Some(description(said)))
        .operation_id(Some(first.id.as_str()))
        .parameters(Some(parameters(said)))
        .securities(Some(securities(said)))
        .responses(answers::responses(said, problems));
    let bodies: Vec<_> =
        said.iter().filter_map(|entry| entry.body.as_ref().map(|body| (*entry, body))).collect();
    if let Some((_, body)) = bodies.first() {
        // A body that one speaker can do without is needed by none.
        let all_need = bodies.len() == said.len() && bodies.iter().all(|(_, body)| body.is_required);
        let schema = any_of(bodies.iter().filter_map(|(_, body)| body.schema.clone()).collect());
        let shown = bodies
            .iter()
            .filter_map(|(entry, body)| Some((entry.speaker.tag().to_owned(), body.example.clone()?)));
        let content = answers::content(schema, shown.collect());
        let required = if all_need { Required::True } else { Required::False };
        let body = RequestBodyBuilder::new().required(Some(required)).content(body.media_type, content);
        operation = operation.request_body(Some(body.build()));
    }
    operation.build()
}

fn description(said: &[&Entry]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for entry in said.iter().filter(|entry| !entry.about.is_empty()) {
        match said.len() {
            1 => parts.push(entry.about.clone()),
            _ => parts.push(format!("**{}**: {}", entry.speaker.tag(), entry.about)),
        }
    }
    if said.len() > 1 {
        parts.insert(0, "The face of the API key answers.".to_owned());
    }
    parts.join("\n\n")
}

/// All of them; of two with one name the first one's words hold.
fn parameters(said: &[&Entry]) -> Vec<Parameter> {
    let mut all: Vec<Parameter> = Vec::new();
    for parameter in said.iter().flat_map(|entry| &entry.parameters) {
        if !all
            .iter()
            .any(|known| known.name == parameter.name && known.parameter_in == parameter.parameter_in)
        {
            all.push(parameter.clone());
        }
    }
    all
}

/// Any one of these opens it.
fn securities(said: &[&Entry]) -> Vec<SecurityRequirement> {
    let one = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
    let mut all = Vec::new();
    for entry in said {
        match entry.speaker {
            Speaker::Face(face) => all.push(one(answers::scheme(face))),
            Speaker::Native => all.extend(Face::ALL.map(|face| one(answers::scheme(face)))),
            Speaker::Operator if entry.path.starts_with("/v1/") => all.push(one("operator")),
            Speaker::Person if entry.id != "signIn" => all.push(one("person")),
            Speaker::Person | Speaker::Operator | Speaker::Anyone => {}
        }
    }
    all
}

fn method(word: &str) -> Option<HttpMethod> {
    Some(match word {
        "GET" => HttpMethod::Get,
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        "OPTIONS" => HttpMethod::Options,
        _ => return None,
    })
}

const ABOUT: &str = "A self-hosted outbound dialer that speaks the documented APIs of five hosted voice services, each to the keys \
that were made for it, over one engine, and an API of its own under `/v1/native`.\n\nA request may be repeated safely with an \
`Idempotency-Key`: the first answer is given again with `Idempotent-Replayed: true`. Unknown fields of a request that places a \
call are ignored; of two equal names the last one holds; `null` is as good as nothing.";

#[cfg(test)]
mod tests;
