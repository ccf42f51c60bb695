//! `[agent.transcription]` and `[agent.analysis]`: what becomes of an agent's calls once they are over.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;

use super::super::checker::Checker;
use super::super::uri;
use super::model::short;
use crate::model::review::{
    Analysis, Field, FieldKind, Service, ServiceChoice, TranscriptFormat, Transcription,
};
use crate::model::{Secret, TranscriptBy};

/// Bytes of what is said of a call's success, and of a field.
const CRITERION_BYTES_MAX: usize = 2_048;
/// Bytes of what an analysis is told beside.
const PROMPT_BYTES_MAX: usize = 8 * 1024;
/// Fields of one agent.
const FIELDS_MAX: usize = 32;
/// Texts that one field may be.
const VALUES_MAX: usize = 64;
/// Bytes of a model's name.
const MODEL_BYTES_MAX: usize = 128;

/// Is what was said kept in words: `true`, as a realtime model tells it; `"endpoint"`, by the transcription endpoint, which is
/// sent the recording; or `false`, not at all?
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Words(pub TranscriptBy);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Words;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("true, false or \"endpoint\"")
            }

            fn visit_bool<E>(self, told: bool) -> Result<Words, E> {
                Ok(Words(if told { TranscriptBy::Agent } else { TranscriptBy::Nobody }))
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Words, E> {
                match word {
                    "endpoint" => Ok(Words(TranscriptBy::Endpoint)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for Words {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            TranscriptBy::Nobody => serializer.serialize_bool(false),
            TranscriptBy::Agent => serializer.serialize_bool(true),
            TranscriptBy::Endpoint => serializer.serialize_str("endpoint"),
        }
    }
}

/// What is said of [`Words`] in the API's description.
pub fn words() -> utoipa::openapi::Schema {
    use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
    let told = ObjectBuilder::new().schema_type(Type::Boolean);
    let heard = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["endpoint"]));
    let says = "Is what was said kept in words? `true`: as a realtime model tells it, and nobody else does; `endpoint`: by the \
                transcription endpoint, which is sent the recording of any agent's call once it is over; `false`: not at all.";
    Schema::OneOf(OneOfBuilder::new().item(told).item(heard).description(Some(says)).build())
}

/// How the recordings of an agent become words, where `transcript` is `endpoint`.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AgentTranscription)]
pub struct TranscriptionTable {
    /// An endpoint of the agent's own, in the place of the switch's: one that understands OpenAI's `POST …/audio/transcriptions`.
    #[schema(format = "uri")]
    url: Option<String>,
    /// Which of its models; the switch's if left out.
    #[schema(max_length = 128)]
    model: Option<String>,
    /// Who we are there; the switch's own key if left out, unless `url` is said. It is never shown again.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>, write_only)]
    api_key: Option<Secret<String>>,
    /// The language that is spoken (ISO 639-1).
    #[schema(pattern = "^[a-z]{2,3}$")]
    language: Option<String>,
    /// How the endpoint answers: with the times of segments, or text alone, and each turn is then asked for by itself.
    format: Option<TranscriptFormat>,
}

/// What an agent's calls are gone over for, once they are over.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AgentAnalysis)]
pub struct AnalysisTable {
    /// An endpoint of the agent's own, in the place of the switch's: one that understands OpenAI's `POST …/chat/completions`.
    #[schema(format = "uri")]
    url: Option<String>,
    /// Which of its models; the switch's if left out.
    #[schema(max_length = 128)]
    model: Option<String>,
    /// Who we are there; the switch's own key if left out, unless `url` is said. It is never shown again.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>, write_only)]
    api_key: Option<Secret<String>>,
    /// What to mind beside.
    #[schema(max_length = 8192)]
    prompt: Option<String>,
    /// When a call was a success, in words; `successful` is null without them.
    #[schema(max_length = 2048)]
    success: Option<String>,
    /// What to find in what was said.
    #[serde(default)]
    #[schema(max_items = 32)]
    fields: Vec<FieldTable>,
}

/// Something to be found in what was said.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AnalysisField)]
struct FieldTable {
    /// How it is called.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    name: String,
    /// What it is.
    #[serde(default, rename = "type")]
    kind: FieldKind,
    /// What it means.
    #[schema(max_length = 2048)]
    description: String,
    /// The only texts that it may be.
    #[serde(default)]
    #[schema(max_items = 64)]
    values: Vec<String>,
}

/// What a table describes.
pub fn transcription(
    table: &TranscriptionTable,
    allow_plain: bool,
    path: &str,
    check: &mut Checker<'_>,
) -> Arc<Transcription> {
    let path = format!("{path}.transcription");
    language(&table.language, &path, check);
    let said = (&table.url, &table.model, &table.api_key);
    let service = choice(said, allow_plain, &path, check);
    Arc::new(Transcription { service, language: table.language.clone(), format: table.format })
}

/// What a table describes, for an agent whose calls are put into words so.
pub fn analysis(
    table: &AnalysisTable,
    words: Words,
    allow_plain: bool,
    path: &str,
    check: &mut Checker<'_>,
) -> Arc<Analysis> {
    let path = format!("{path}.analysis");
    check.that(&path, words.0 != TranscriptBy::Nobody, || {
        "needs what was said in words: transcript = true, or \"endpoint\"".into()
    });
    text(&table.prompt, PROMPT_BYTES_MAX, &path, "prompt", check);
    text(&table.success, CRITERION_BYTES_MAX, &path, "success", check);
    check.that(&format!("{path}.fields"), table.fields.len() <= FIELDS_MAX, || {
        format!("must be at most {FIELDS_MAX}")
    });
    let mut fields: Vec<Field> = Vec::new();
    for (index, table) in table.fields.iter().enumerate() {
        let path = format!("{path}.fields[{index}]");
        check.that(&format!("{path}.name"), fields.iter().all(|known| known.name != table.name), || {
            format!("`{}` is there twice", table.name)
        });
        fields.push(field(table, &path, check));
    }
    let said = (&table.url, &table.model, &table.api_key);
    Arc::new(Analysis {
        service: choice(said, allow_plain, &path, check),
        prompt: table.prompt.clone(),
        success: table.success.clone(),
        fields,
    })
}

fn field(table: &FieldTable, path: &str, check: &mut Checker<'_>) -> Field {
    let is_name = (1..=64).contains(&table.name.len())
        && table.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    check.that(&format!("{path}.name"), is_name, || {
        format!("`{}` must be 1 to 64 letters, digits, `_` or `-`", table.name)
    });
    text(&Some(table.description.clone()), CRITERION_BYTES_MAX, path, "description", check);
    let few = table.values.len() <= VALUES_MAX;
    let short = table.values.iter().all(|value| (1..=128).contains(&value.len()));
    let distinct: std::collections::HashSet<_> = table.values.iter().collect();
    let fits = few && short && distinct.len() == table.values.len();
    check.that(&format!("{path}.values"), fits, || {
        format!("must be at most {VALUES_MAX} texts of 1 to 128 bytes, each once")
    });
    let is_text = table.kind == FieldKind::String || table.values.is_empty();
    check.that(&format!("{path}.values"), is_text, || "go with type = \"string\"".into());
    Field {
        name: table.name.clone(),
        kind: table.kind,
        description: table.description.clone(),
        values: table.values.clone(),
    }
}

/// An agent's word on a service.
fn choice(
    (url, model, api_key): (&Option<String>, &Option<String>, &Option<Secret<String>>),
    allow_plain: bool,
    path: &str,
    check: &mut Checker<'_>,
) -> ServiceChoice {
    short(model, MODEL_BYTES_MAX, path, "model", check);
    check.that(&format!("{path}.model"), url.is_none() || model.is_some(), || {
        "is missing: an endpoint of one's own is told which of its models".into()
    });
    check.that(&format!("{path}.api_key"), api_key.as_ref().is_none_or(is_token), || NO_TOKEN.into());
    let url = url.as_deref().and_then(|text| {
        let checked =
            uri::webhook(text, allow_plain).map_err(|reason| check.fault(&format!("{path}.url"), reason));
        let url = checked.ok().and_then(|()| Url::parse(text).ok())?;
        let bare = url.username().is_empty() && url.password().is_none();
        check.that(&format!("{path}.url"), bare, || "must hold no credentials: there is api_key".into());
        Some(url)
    });
    ServiceChoice { url, model: model.clone(), api_key: api_key.clone() }
}

/// The switch's own service, which may be anywhere; `None` where none is named.
pub fn service(
    (url, model, api_key): (&Option<String>, &Option<String>, Option<Secret<String>>),
    example: &str,
    path: &str,
    check: &mut Checker<'_>,
) -> Option<Service> {
    for (key, is_said) in [("model", model.is_some()), ("api_key", api_key.is_some())] {
        check.that(&format!("{path}.{key}"), url.is_some() || !is_said, || {
            "goes with url, and only with it".into()
        });
    }
    let text = url.as_deref()?;
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    check.that(&format!("{path}.url"), url.is_some(), || {
        format!("must be an http or https URL, such as {example}")
    });
    short(model, MODEL_BYTES_MAX, path, "model", check);
    check.that(&format!("{path}.model"), model.is_some(), || {
        "is missing: which of the endpoint's models?".into()
    });
    check.that(&format!("{path}.api_key"), api_key.as_ref().is_none_or(is_token), || NO_TOKEN.into());
    Some(Service { url: url?, model: model.clone().unwrap_or_default(), api_key })
}

/// Notes a fault where that is no language of ISO 639.
pub fn language(language: &Option<String>, path: &str, check: &mut Checker<'_>) {
    let is_one = language.as_ref().is_none_or(|word| {
        (2..=3).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase())
    });
    check.that(&format!("{path}.language"), is_one, || "must be a code of ISO 639, such as \"en\"".into());
}

/// Notes a fault where a text is blank or too long.
pub fn text(said: &Option<String>, bytes_max: usize, path: &str, name: &str, check: &mut Checker<'_>) {
    let fits = said.as_ref().is_none_or(|text| !text.trim().is_empty() && text.len() <= bytes_max);
    check
        .that(&format!("{path}.{name}"), fits, || format!("must be 1 to {bytes_max} bytes, not only blanks"));
}

/// Can a header hold it?
fn is_token(secret: &Secret<String>) -> bool {
    let key = secret.reveal();
    !key.is_empty() && key.len() <= 4_096 && key.bytes().all(|byte| byte.is_ascii_graphic())
}

const NO_TOKEN: &str = "must be one word of ASCII";

#[cfg(test)]
mod tests;
