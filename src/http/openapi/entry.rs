//! What one speaker says of one route: words, types, examples, and the problems that its own renderer shows.

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Required, Schema};

use super::schema::{Strictness, Types};
use crate::face::Problem;
use crate::model::Face;

/// Who answers on a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speaker {
    /// One vendor's documents.
    Face(Face),
    /// The switch's own words, for any key of the tenant.
    Native,
    /// The page of somebody who takes calls.
    Person,
    /// The operator's machines.
    Operator,
    /// The description itself, for whoever reads it.
    Anyone,
}

impl Speaker {
    /// The tag of its operations.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Face(Face::Nixflex) => "Nixflex",
            Self::Face(Face::ThunderPhone) => "ThunderPhone",
            Self::Face(Face::Voiceflow) => "Voiceflow",
            Self::Face(Face::MiniVoice) => "MiniVoice",
            Self::Face(Face::Twilio) => "Twilio",
            Self::Native => "Native",
            Self::Person => "People",
            Self::Operator => "Operator",
            Self::Anyone => "Reference",
        }
    }
}

/// One speaker's account of one row of the routes.
pub struct Entry {
    pub method: &'static str,
    pub path: &'static str,
    pub speaker: Speaker,
    /// Names the operation for programs; of several speakers the first one's holds.
    pub id: String,
    pub summary: String,
    pub about: String,
    pub parameters: Vec<Parameter>,
    pub body: Option<Content>,
    pub answers: Vec<Answer>,
    pub problems: Vec<Problem>,
    /// Several speakers have this path, so that who shows no key is answered in words for all of them.
    pub is_shared: bool,
    /// Whoever asks is refused in words for all of them, whatever the key.
    pub is_refused_alike: bool,
    pub types: Types,
}

/// A body and how it is written.
pub struct Content {
    pub media_type: &'static str,
    pub schema: Option<RefOr<Schema>>,
    pub example: Option<Value>,
    pub is_required: bool,
}

/// An answer that is no problem.
pub struct Answer {
    pub status: u16,
    pub why: String,
    pub content: Option<Content>,
}

const JSON: &str = "application/json";

impl Entry {
    /// A route and what it does, in one line.
    pub fn new(
        speaker: Speaker,
        route: (&'static str, &'static str),
        id: impl Into<String>,
        summary: impl Into<String>,
    ) -> Self {
        Self {
            method: route.0,
            path: route.1,
            speaker,
            id: id.into(),
            summary: summary.into(),
            about: String::new(),
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            problems: Vec::new(),
            is_shared: false,
            is_refused_alike: false,
            types: Types::default(),
        }
    }

    /// More than a line.
    pub fn about(mut self, text: impl Into<String>) -> Self {
        self.about = text.into();
        self
    }

    /// Others have this path too.
    pub fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }

    /// Every refusal is in words for all speakers.
    pub fn refused_alike(mut self) -> Self {
        self.is_refused_alike = true;
        self
    }

    /// What stands in the path, with one that the example's switch knows.
    pub fn path(self, name: &str, about: &str, example: impl Into<Value>) -> Self {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        self.parameter(name, ParameterIn::Path, about, text, Some(example.into()))
    }

    /// A parameter of the query.
    pub fn query(self, name: &str, about: &str, schema: impl Into<Object>) -> Self {
        self.parameter(name, ParameterIn::Query, about, schema.into(), None)
    }

    /// A parameter of the query without which nothing is done.
    pub fn needed_query(mut self, name: &str, about: &str, schema: impl Into<Object>, example: &str) -> Self {
        self = self.parameter(name, ParameterIn::Query, about, schema.into(), Some(example.into()));
        if let Some(last) = self.parameters.last_mut() {
            last.required = Required::True;
        }
        self
    }

    /// A header that a client may send.
    pub fn header(self, name: &str, about: &str, schema: impl Into<Object>) -> Self {
        self.parameter(name, ParameterIn::Header, about, schema.into(), None)
    }

    fn parameter(
        mut self,
        name: &str,
        place: ParameterIn,
        about: &str,
        schema: Object,
        example: Option<Value>,
    ) -> Self {
        let required = if place == ParameterIn::Path { Required::True } else { Required::False };
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(required)
            .description(Some(about))
            .schema(Some(Schema::Object(schema)))
            .example(example);
        self.parameters.push(parameter.build());
        self
    }

    /// The body that it takes.
    pub fn takes<T: ToSchema>(mut self, example: Value) -> Self {
        let schema = self.types.register::<T>(Strictness::Lenient);
        self.body = Some(Content { is_required: true, ..content(JSON, schema, example) });
        self
    }

    /// A body of another kind, as text.
    pub fn takes_text(mut self, media_type: &'static str) -> Self {
        let text = Schema::Object(ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).build());
        self.body = Some(Content { media_type, schema: Some(text.into()), example: None, is_required: true });
        self
    }

    /// The same as a form.
    pub fn takes_form<T: ToSchema>(mut self, example: Value) -> Self {
        let schema = self.types.register::<T>(Strictness::Lenient);
        let form = content("application/x-www-form-urlencoded", schema, example);
        self.body = Some(Content { is_required: true, ..form });
        self
    }

    /// It also does without a body.
    pub fn optional_body(mut self) -> Self {
        self.body = self.body.map(|body| Content { is_required: false, ..body });
        self
    }

    /// A body of a made schema.
    pub fn takes_object(mut self, schema: RefOr<Schema>, example: Value, is_required: bool) -> Self {
        self.body = Some(Content { is_required, ..content(JSON, schema, example) });
        self
    }

    /// An answer: every field of it is always there.
    pub fn gives<T: ToSchema>(mut self, status: u16, why: &str, example: Value) -> Self {
        let schema = self.types.register::<T>(Strictness::Whole);
        self.gives_object(status, why, schema, example)
    }

    /// An answer that leaves out what is not known.
    pub fn gives_known<T: ToSchema>(mut self, status: u16, why: &str, example: Value) -> Self {
        let schema = self.types.register::<T>(Strictness::Closed);
        self.gives_object(status, why, schema, example)
    }

    /// An answer of a made schema.
    pub fn gives_object(mut self, status: u16, why: &str, schema: RefOr<Schema>, example: Value) -> Self {
        let content = Some(content(JSON, schema, example));
        self.answers.push(Answer { status, why: why.to_owned(), content });
        self
    }

    /// An answer of another kind: audio, text.
    pub fn gives_raw(mut self, status: u16, why: &str, media_type: &'static str, binary: bool) -> Self {
        let text = Schema::Object(ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).build());
        let schema = (!binary).then(|| text.into());
        let content = Content { media_type, schema, example: None, is_required: true };
        self.answers.push(Answer { status, why: why.to_owned(), content: Some(content) });
        self
    }

    /// An answer without a body.
    pub fn gives_nothing(mut self, status: u16, why: &str) -> Self {
        self.answers.push(Answer { status, why: why.to_owned(), content: None });
        self
    }

    /// Why it may come to nothing.
    pub fn fails(mut self, problems: impl IntoIterator<Item = Problem>) -> Self {
        self.problems.extend(problems);
        self
    }
}

fn content(media_type: &'static str, schema: RefOr<Schema>, example: Value) -> Content {
    let example = Some(example).filter(|example| !example.is_null());
    Content { media_type, schema: Some(schema), example, is_required: true }
}
