//! A JSON body, field by field, for the faces' parsers: what every vendor's requests have in common, and no vendor's words.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{Refusal, Variable};

/// A prompt is at most so many bytes: an hour of speech.
pub const PROMPT_BYTES_MAX: usize = 65_536;
/// Variables of one call.
pub const VARIABLES_MAX: usize = 256;
/// A variable's value, in bytes.
pub const VARIABLE_BYTES_MAX: usize = 4_096;
/// The most that a prompt may become once its variables stand in it, in bytes.
pub const INTERPOLATED_BYTES_MAX: usize = 1 << 20;
/// Names, identifiers and other short texts, in bytes.
pub const TEXT_BYTES_MAX: usize = 255;
/// `metadata`, in bytes of JSON.
pub const METADATA_BYTES_MAX: usize = 16_384;

/// The body's fields, each still as it was written: a number keeps its digits, an unknown field costs nothing, and of two
/// equal names the last one holds, as in JavaScript.
pub struct Body<'b>(HashMap<String, &'b RawValue>);

impl<'b> Body<'b> {
    /// Reads a body.
    pub fn parse(bytes: &'b [u8]) -> Result<Self, Refusal> {
        Self::of(std::str::from_utf8(bytes).map_err(|_| wrong("body", "is not UTF-8"))?)
    }

    /// Reads an object, of a body or within one.
    pub fn of(text: &'b str) -> Result<Self, Refusal> {
        if text.trim_ascii_start().starts_with(['[', '"']) {
            return Err(wrong("body", "must be a JSON object"));
        }
        serde_json::from_str(text)
            .map(Self)
            .map_err(|error| wrong("body", format!("is not valid JSON: {error}")))
    }

    /// A field's value; `null` is as good as nothing.
    pub fn field(&self, name: &str) -> Option<&'b RawValue> {
        self.0.get(name).copied().filter(|raw| raw.get() != "null")
    }

    /// Absent, `null`, or a text of nothing but white space.
    pub fn is_blank(&self, name: &str) -> bool {
        let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get());
        self.field(name).is_none_or(|raw| text(raw).is_ok_and(|text| text.trim().is_empty()))
    }

    /// A field's value, if it is of this type; `reason` says what it must be.
    pub fn typed<T: Deserialize<'b>>(&self, name: &str, reason: &str) -> Result<Option<T>, Refusal> {
        let Some(raw) = self.field(name) else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| wrong(name, reason))
    }

    /// A text of at most so many bytes.
    pub fn text(&self, name: &str, bytes_max: usize) -> Result<Option<String>, Refusal> {
        let text: Option<String> = self.typed(name, "must be a string")?;
        text.map(|text| bounded(name, text, bytes_max)).transpose()
    }

    /// Names and what stands in their place: strings, numbers and booleans.
    pub fn variables(&self, name: &str) -> Result<Vec<Variable>, Refusal> {
        let is_plain = |raw: &RawValue| !raw.get().starts_with(['{', '[', 'n']);
        self.named(name, is_plain)
    }

    /// The same of any type: what is no text stands as JSON writes it.
    pub fn any_variables(&self, name: &str) -> Result<Vec<Variable>, Refusal> {
        self.named(name, |_| true)
    }

    fn named(&self, field: &str, takes: impl Fn(&RawValue) -> bool) -> Result<Vec<Variable>, Refusal> {
        let Some(raw) = self.field(field) else { return Ok(Vec::new()) };
        // Sorted, so that a request means the same however its names were ordered.
        let fields: BTreeMap<String, &RawValue> =
            serde_json::from_str(raw.get()).map_err(|_| wrong(field, "must be an object"))?;
        if fields.len() > VARIABLES_MAX {
            return Err(wrong(field, format!("has more than {VARIABLES_MAX} entries")));
        }
        let mut variables = Vec::with_capacity(fields.len());
        for (name, raw) in fields {
            let path = format!("{field}.{name}");
            if name.len() > TEXT_BYTES_MAX {
                return Err(wrong(field, format!("has a name longer than {TEXT_BYTES_MAX} bytes")));
            }
            if !takes(raw) {
                return Err(wrong(&path, "must be a string, a number or a boolean"));
            }
            let value = match raw.get().as_bytes() {
                [b'"', ..] => {
                    serde_json::from_str(raw.get()).map_err(|_| wrong(&path, "must be a string"))?
                }
                _ => raw.get().to_owned(),
            };
            variables.push(Variable { value: bounded(&path, value, VARIABLE_BYTES_MAX)?, name });
        }
        Ok(variables)
    }

    /// An object of the client's own, as it wrote it.
    pub fn object(&self, name: &str) -> Result<Option<String>, Refusal> {
        let Some(raw) = self.field(name) else { return Ok(None) };
        if !raw.get().starts_with('{') {
            return Err(wrong(name, "must be an object"));
        }
        bounded(name, raw.get().to_owned(), METADATA_BYTES_MAX).map(Some)
    }

    /// The names of its fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// A body that is read into a type of its own must be said to be an object: serde takes a list for one, field by field.
pub fn must_be_object(bytes: &[u8]) -> Result<(), Refusal> {
    match bytes.trim_ascii_start().first() {
        Some(b'[') => Err(wrong("body", "must be a JSON object")),
        _ => Ok(()),
    }
}

/// Neither too long nor with a NUL, which no database text and no program's argument can hold.
pub fn bounded(field: &str, text: String, bytes_max: usize) -> Result<String, Refusal> {
    if text.len() > bytes_max {
        return Err(wrong(field, format!("is longer than {bytes_max} bytes")));
    }
    if text.contains('\0') {
        return Err(wrong(field, "contains a NUL"));
    }
    Ok(text)
}

/// Many placeholders times a long value is more than anybody says: refused by the most it could become.
pub fn bound_interpolated(field: &str, text: &str, variables: &[Variable]) -> Result<(), Refusal> {
    if !can_be_said(text.len(), placeholders(text), variables) {
        return Err(wrong(field, "would make the prompt too long"));
    }
    Ok(())
}

/// May a text of so many bytes and placeholders be filled with these?
pub fn can_be_said(bytes: usize, placeholders: usize, variables: &[Variable]) -> bool {
    let longest = variables.iter().map(|variable| variable.value.len()).max().unwrap_or(0);
    bytes + placeholders * longest <= INTERPOLATED_BYTES_MAX
}

/// How many there are at most.
pub fn placeholders(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'{').count()
}

/// A field that is not what it must be.
pub fn wrong(field: &str, reason: impl Into<String>) -> Refusal {
    Refusal::InvalidField { field: field.to_owned(), reason: reason.into() }
}
