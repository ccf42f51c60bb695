//! What is said to somebody: words, or several sounds in their order.

use std::fmt;
use std::time::Duration;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::Schema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, SchemaType, Type};

use super::super::super::checker::Checker;
use super::super::super::uri;
use crate::model::{PROMPT_PARTS_MAX, Prompt, SPOKEN_BYTES_MAX, URL_BYTES_MAX};

/// The longest pause.
const PAUSE_MS_MAX: u64 = 60_000;
/// What ends the call where a prompt of a request says so, and is never spoken.
const END_CALL: &str = "[END_CALL]";

/// Several sounds. Words alone may be written as a text.
#[derive(Serialize, Default)]
#[serde(transparent)]
pub(super) struct Prompts(Vec<Part>);

/// One of them: exactly one of the three.
#[derive(Deserialize, Serialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Part {
    #[serde(skip_serializing_if = "Option::is_none")]
    say: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    play: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_ms: Option<u64>,
}

impl<'de> Deserialize<'de> for Prompts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl<'de> Visitor<'de> for Written {
            type Value = Prompts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("words, or a list of say, play and pause_ms")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Prompts, E> {
                Ok(Prompts(vec![Part { say: Some(text.to_owned()), ..Part::default() }]))
            }

            // By way of the list itself, so that a fault within names its place.
            fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Prompts, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(parts)).map(Prompts)
            }
        }
        deserializer.deserialize_any(Written)
    }
}

impl Prompts {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sounds; `None` where one does not hold, and the fault was told.
    pub(super) fn checked(
        &self,
        allow_http: bool,
        path: &str,
        check: &mut Checker<'_>,
    ) -> Option<Vec<Prompt>> {
        check.that(path, self.0.len() <= PROMPT_PARTS_MAX, || {
            format!("must be at most {PROMPT_PARTS_MAX} sounds")
        });
        let parts: Vec<_> = self
            .0
            .iter()
            .enumerate()
            .map(|(index, part)| part.checked(allow_http, &format!("{path}[{index}]"), check))
            .collect();
        parts.into_iter().collect()
    }
}

impl Part {
    fn checked(&self, allow_http: bool, path: &str, check: &mut Checker<'_>) -> Option<Prompt> {
        match (&self.say, &self.play, self.pause_ms) {
            (Some(words), None, None) => text(words, &format!("{path}.say"), check),
            (None, Some(wav), None) => url(wav, allow_http, &format!("{path}.play"), check),
            (None, None, Some(ms)) => pause(ms, &format!("{path}.pause_ms"), check),
            _ => {
                check.fault(path, "must be one of say, play and pause_ms");
                None
            }
        }
    }
}

/// Words to be spoken.
pub(super) fn text(words: &str, path: &str, check: &mut Checker<'_>) -> Option<Prompt> {
    if words.trim().is_empty() || words.len() > SPOKEN_BYTES_MAX {
        check.fault(path, format!("must be words, of at most {SPOKEN_BYTES_MAX} bytes"));
        return None;
    }
    if words.contains(END_CALL) {
        check.fault(path, format!("holds {END_CALL}: in a script a step with hangup = true ends the call"));
        return None;
    }
    Some(Prompt::Text(words.into()))
}

/// A WAV file to be fetched.
pub(super) fn url(text: &str, allow_http: bool, path: &str, check: &mut Checker<'_>) -> Option<Prompt> {
    let valid = match text.len() > URL_BYTES_MAX {
        true => Err(format!("must be at most {URL_BYTES_MAX} bytes")),
        false => uri::webhook(text, allow_http),
    };
    match valid {
        Ok(()) => Some(Prompt::Url(text.into())),
        Err(reason) => {
            check.fault(path, reason);
            None
        }
    }
}

/// Nothing, for so long.
pub(super) fn pause(ms: u64, path: &str, check: &mut Checker<'_>) -> Option<Prompt> {
    check
        .that(path, (1..=PAUSE_MS_MAX).contains(&ms), || format!("must be 1 to {PAUSE_MS_MAX} ms, not {ms}"));
    Some(Prompt::Pause(Duration::from_millis(ms)))
}

/// For the API's description.
pub(super) fn schema() -> Schema {
    let text =
        |most: usize| ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).max_length(Some(most));
    let pause = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Integer))
        .minimum(Some(1))
        .maximum(Some(PAUSE_MS_MAX));
    let part = ObjectBuilder::new()
        .property("say", text(SPOKEN_BYTES_MAX))
        .property("play", text(URL_BYTES_MAX))
        .property("pause_ms", pause)
        .min_properties(Some(1))
        .max_properties(Some(1));
    let parts = ArrayBuilder::new().items(part.build()).max_items(Some(PROMPT_PARTS_MAX));
    Schema::OneOf(OneOfBuilder::new().item(text(SPOKEN_BYTES_MAX)).item(parts).build())
}
