//! Collections of objects: their schemas follow from what each vendor's shape makes of the configuration's tables, their examples
//! from the same functions that show them.

use serde_json::{Value, json};
use utoipa::openapi::{RefOr, Schema};

use self::schemas::{list_of, page_schema, short};
use super::entry::{Entry, Speaker};
use super::problems;
use super::schema::{self, Types, text};
use crate::face::collection::{self, Collection};
use crate::face::resource::{Part, Shape};
use crate::model::{self, Face};

mod examples;
mod schemas;

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
}

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
        // Where several speakers have the path, the key says who answers.
        if self.what.only().is_none() { entry.shared() } else { entry }
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
        let limit = match self.what.is_whole() {
            true => "Objects a page, at most 200; without it all of them are given.",
            false => "Objects a page; who asks for more than 200 gets 200.",
        };
        entry = entry.query("limit", limit, schema::from(1));
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
            .fails(self.closed())
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
            .fails(self.closed())
    }

    /// To keys of one agent or application.
    fn closed(&self) -> Option<crate::face::Problem> {
        let is_closed = matches!(self.what, Collection::Native(kind) if kind != model::ObjectKind::Tenant);
        is_closed.then(|| model::ObjectProblem::Forbidden.into())
    }

    fn update(&self, method: &'static str, verb: &str) -> Entry {
        let (summary, about) = match method {
            "PUT" => (
                "Replace",
                "What is left out goes back to its default; what is said of it elsewhere alone (its model, its people) stays.",
            ),
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
            .header("Idempotency-Key", "The same request again is answered as the first time.", short())
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
            model::Refusal::IdempotencyConflict.into(),
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
            .header("Idempotency-Key", "The same request again is answered as the first time.", short())
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
