//! Responses, envelopes, security schemes and tags of the document.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder, Responses, ResponsesBuilder};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{HeaderBuilder, Ref, RefOr, Schema};

use super::entry::{Answer, Entry};
use super::problems::{self, Rendered};
use super::schema::{self, Strictness, Types, any_of};
use crate::face::{ErrorWithDetail, minivoice, nixflex, thunderphone, twilio, voiceflow};
use crate::model::Face;

/// Problems' bodies and answers by their names: each stands in the document once, and is referred to.
#[derive(Default)]
pub struct Problems {
    pub examples: BTreeMap<String, Value>,
    pub responses: BTreeMap<String, Response>,
}

impl Problems {
    /// `nixflex.Error-401`, and a number behind it for another one with this status.
    fn refer(&mut self, base: &str, response: &Response) -> RefOr<Response> {
        for name in numbered(base) {
            let kept = self.responses.entry(name.clone()).or_insert_with(|| response.clone());
            if kept == response {
                return RefOr::Ref(Ref::new(format!("#/components/responses/{name}")));
            }
        }
        unreachable!("there is no last number")
    }

    /// `nixflex.Error-missing_field`, and a number behind it for another body with this code.
    fn keep(&mut self, problem: &Rendered) -> RefOr<Example> {
        for name in numbered(&format!("{}-{}", problem.envelope, problem.code)) {
            let kept = self.examples.entry(name.clone()).or_insert_with(|| problem.body.clone());
            if *kept == problem.body {
                return RefOr::Ref(Ref::new(format!("#/components/examples/{name}")));
            }
        }
        unreachable!("there is no last number")
    }
}

fn numbered(base: &str) -> impl Iterator<Item = String> {
    std::iter::once(base.to_owned()).chain((2..).map(move |number| format!("{base}-{number}")))
}

/// What may come back, by status.
pub fn responses(said: &[&Entry], problems: &mut Problems) -> Responses {
    let mut good: BTreeMap<u16, Vec<(&Entry, &Answer)>> = BTreeMap::new();
    for entry in said {
        for answer in &entry.answers {
            good.entry(answer.status).or_default().push((entry, answer));
        }
    }
    let bad = problems::by_status(said.iter().flat_map(|entry| problems::rendered(entry)).collect());
    let all = good.iter().fold(ResponsesBuilder::new(), |all, (status, answers)| {
        all.response(status.to_string(), answered(answers))
    });
    // A status that both have is a good one's: 404 for nothing there, say, is never both.
    let bad = bad.iter().filter(|(status, _)| !good.contains_key(status));
    bad.fold(all, |all, (status, found)| all.response(status.to_string(), failed(*status, found, problems)))
        .build()
}

/// Schemas, and examples by who shows them.
type Shown = (Vec<RefOr<Schema>>, Vec<(String, Value)>);

fn answered(answers: &[(&Entry, &Answer)]) -> ResponseBuilder {
    let (_, first) = answers[0];
    let mut by_media: BTreeMap<&str, Shown> = BTreeMap::new();
    for (entry, answer) in answers {
        let Some(content) = &answer.content else { continue };
        let (schemas, examples) = by_media.entry(content.media_type).or_default();
        schemas.extend(content.schema.clone());
        examples.extend(content.example.clone().map(|example| (entry.speaker.tag().to_owned(), example)));
    }
    by_media.into_iter().fold(ResponseBuilder::new().description(&*first.why), |response, (media, parts)| {
        response.content(media, content(any_of(parts.0), parts.1))
    })
}

fn failed(status: u16, problems: &[Rendered], kept: &mut Problems) -> RefOr<Response> {
    let mut codes: Vec<&str> = problems.iter().map(|problem| problem.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    let words: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
    let mut envelopes: Vec<&str> = problems.iter().map(|problem| problem.envelope).collect();
    envelopes.sort_unstable();
    envelopes.dedup();
    let base = format!("{}-{status}", envelopes.first().copied().unwrap_or_default());
    let schemas = envelopes.into_iter().map(|name| Ref::from_schema_name(name).into()).collect();
    let mut named: BTreeMap<String, RefOr<Example>> = BTreeMap::new();
    for problem in problems {
        named.entry(problem.code.clone()).or_insert_with(|| kept.keep(problem));
    }
    let content = ContentBuilder::new().schema(any_of(schemas)).examples_from_iter(named);
    let response =
        ResponseBuilder::new().description(words.join(", ")).content("application/json", content.build());
    if !matches!(status, 429 | 503) {
        return kept.refer(&base, &response.build());
    }
    let seconds = HeaderBuilder::new()
        .description(Some("Seconds until it is worth trying again."))
        .schema(Some(Schema::Object(schema::from(0))));
    kept.refer(&base, &response.header("Retry-After", seconds.build()).build())
}

/// A schema and its examples; one alone needs no name.
pub fn content(schema: Option<RefOr<Schema>>, mut examples: Vec<(String, Value)>) -> Content {
    let content = ContentBuilder::new().schema(schema);
    match examples.len() {
        0 => content.build(),
        1 => content.example(examples.pop().map(|(_, example)| example)).build(),
        _ => content
            .examples_from_iter(
                examples
                    .into_iter()
                    .map(|(name, value)| (name, ExampleBuilder::new().value(Some(value)).build())),
            )
            .build(),
    }
}

/// Every face's envelope, and what stands for all of them.
pub fn envelopes(types: &mut Types) {
    let all = vec![
        types.register::<nixflex::schema::Error>(Strictness::Whole),
        types.register::<thunderphone::schema::Error>(Strictness::Lenient),
        types.register::<voiceflow::schema::Error>(Strictness::Whole),
        types.register::<minivoice::schema::Error>(Strictness::Whole),
        types.register::<twilio::schema::Error>(Strictness::Whole),
    ];
    types.register::<ErrorWithDetail>(Strictness::Whole);
    if let Some(RefOr::T(any)) = any_of(all) {
        types.keep("AnyError", any);
    }
}

/// The name of a face's security scheme.
pub const fn scheme(face: Face) -> &'static str {
    face.as_str()
}

/// How each key is shown.
pub fn security_schemes() -> Vec<(&'static str, SecurityScheme)> {
    let bearer = |format: &str, about: &str| {
        let http = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format(format);
        SecurityScheme::Http(http.description(Some(about)).build())
    };
    let basic = HttpBuilder::new().scheme(HttpAuthScheme::Basic);
    let basic = basic.description(Some("The account's SID (`AC…`) and its auth token.")).build();
    vec![
        (
            scheme(Face::Nixflex),
            bearer("KEY_ID:KEY_SECRET", "`nxf_…:nxfs_…`, id and secret of a Nixflex key."),
        ),
        (scheme(Face::ThunderPhone), bearer("sk_live_…", "A ThunderPhone key.")),
        (scheme(Face::Voiceflow), bearer("vf_…", "One agent's key; also without the word Bearer.")),
        (scheme(Face::MiniVoice), bearer("mv_live_…", "One application's key.")),
        (scheme(Face::Twilio), SecurityScheme::Http(basic)),
        ("person", bearer("session", "What `POST /v1/people/session` answers.")),
        (
            "operator",
            bearer(
                "op_…",
                "The token that the switch's key file makes: `trunkline billing` shows how it is used.",
            ),
        ),
    ]
}

/// Who speaks, in the order of the document.
pub fn tags() -> Vec<Tag> {
    let all = [
        ("Nixflex", "Outbound calls, batch campaigns, reads, agents and numbers as Nixflex documents them."),
        (
            "ThunderPhone",
            "Calls, billing, numbers, connections and receivers as ThunderPhone documents them.",
        ),
        ("Voiceflow", "The outbound call of one agent as Voiceflow documents it."),
        ("MiniVoice", "Calls, trunks, applications, numbers, rates and usage as MiniVoice documents them."),
        ("Twilio", "The verbs of Twilio's REST API that voice bots call by themselves."),
        ("Native", "The switch's own words, for any key of the tenant."),
        ("People", "The page where people take calls, and what it asks for."),
        ("Operator", "For the operator's machines and person: keep them away from the world."),
        ("Reference", "This document."),
    ];
    all.map(|(name, about)| TagBuilder::new().name(name).description(Some(about)).build()).to_vec()
}
