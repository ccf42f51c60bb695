//! Objects in a vendor's words: which of its fields is which of ours. Each face has its shapes; what is done with them is here.

use serde_json::{Map, Value};

use crate::model::{Draft, Object, ObjectKind, Refusal};

/// One kind of object as one vendor writes it.
#[derive(Clone, Copy)]
pub struct Shape {
    /// What it is here.
    pub kind: ObjectKind,
    /// The vendor's field for the id, and how the id is written.
    pub id: (&'static str, fn(u64) -> Value),
    /// The vendor's field for what identifies it here; `None` where that is not the vendor's to choose.
    pub name: Option<&'static str>,
    /// The vendor's fields and ours. Of several for one of ours the first is what is shown, the others are heard as well.
    pub fields: &'static [(&'static str, &'static str)],
    /// What a new one has if its client does not say.
    pub defaults: &'static [(&'static str, bool)],
    /// How the ids of agents and trunks are written.
    pub refers: [fn(u64) -> Value; 2],
    /// What becomes of other fields.
    pub others: Others,
}

/// What becomes of a field that is not ours.
#[derive(Clone, Copy)]
pub enum Others {
    /// It is one of ours by its own name, or refused.
    Ours,
    /// It is kept with the object and shown again.
    Kept,
    /// These are kept, another one is refused.
    Named(&'static [&'static str]),
}

/// Where in a list a page is.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Objects a page.
    pub limit: usize,
    /// Objects before it.
    pub offset: usize,
    /// Objects in all.
    pub total: usize,
    /// The last object of this page, if there are more.
    pub next: Option<u64>,
}

/// Where an object keeps what only its vendor understands.
pub const KEPT: &str = "settings";

/// A decimal id as a JSON number.
pub fn integer(id: u64) -> Value {
    id.into()
}

/// Reads a body, which must be an object.
pub fn body(bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("body", "is not UTF-8"))?;
    if text.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) if !map.iter().any(|(name, value)| name.contains('\0') || has_nul(value)) => {
            Ok(map)
        }
        Ok(Value::Object(_)) => Err(wrong("body", "contains a NUL")),
        Ok(_) => Err(wrong("body", "must be a JSON object")),
        Err(error) => Err(wrong("body", format!("is not valid JSON: {error}"))),
    }
}

impl Shape {
    /// What a body says of an object.
    pub fn parse(&self, mut body: Map<String, Value>) -> Result<Draft, Refusal> {
        let mut draft = Draft::default();
        body.remove(self.id.0);
        if let Some(field) = self.name {
            draft.name = match body.remove(field) {
                None | Some(Value::Null) => None,
                Some(Value::String(name)) => Some(name),
                Some(_) => return Err(wrong(field, "must be a string")),
            };
        }
        let mut kept = Map::new();
        // The field that is shown is heard last, and so wins.
        for (theirs, ours) in self.fields.iter().rev() {
            if let Some(value) = body.remove(*theirs) {
                draft.document.insert((*ours).to_owned(), value);
            }
        }
        for (field, value) in body {
            match self.others {
                _ if READ_ONLY.contains(&field.as_str()) => {}
                Others::Ours => drop(draft.document.insert(field, value)),
                Others::Kept => drop(kept.insert(field, value)),
                Others::Named(names) if names.contains(&field.as_str()) => drop(kept.insert(field, value)),
                Others::Named(_) => return Err(wrong(&field, "is not a field of this object")),
            }
        }
        if !kept.is_empty() {
            draft.document.insert(KEPT.to_owned(), Value::Object(kept));
        }
        Ok(draft)
    }

    /// Our fields that the vendor has words for.
    pub fn own(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().map(|(_, ours)| *ours).chain([KEPT])
    }

    /// The vendor's field for what identifies it.
    pub fn name_field(&self) -> &'static str {
        self.name.unwrap_or("name")
    }

    /// The vendor's word for a field of ours.
    pub fn their_field(&self, ours: &str) -> String {
        let (first, rest) = ours.split_at(ours.find(['.', '[']).unwrap_or(ours.len()));
        let is_name = matches!(
            (self.kind, first),
            (ObjectKind::Agent, "id") | (ObjectKind::Number, "e164") | (_, "name")
        );
        let theirs = match (is_name, self.name, self.fields.iter().find(|(_, field)| *field == first)) {
            (true, Some(name), _) => name,
            (_, _, Some((theirs, _))) => theirs,
            _ => first,
        };
        format!("{theirs}{rest}")
    }

    /// An object as its vendor shows it.
    pub fn render(&self, object: &Object) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert(self.id.0.to_owned(), (self.id.1)(object.id));
        if let Some(field) = self.name {
            shown.insert(field.to_owned(), Value::String(object.name.clone()));
        }
        let mut document = object.document.clone();
        let kept = document.remove(KEPT);
        let mut seen = Vec::new();
        for (theirs, ours) in self.fields.iter().filter(|(_, ours)| {
            let is_new = !seen.contains(ours);
            seen.push(ours);
            is_new
        }) {
            let value = match (*ours, object.agent, object.trunk) {
                ("agent", agent, _) => agent.map_or(Value::Null, |id| (self.refers[0])(id.0)),
                ("trunk", _, trunk) => trunk.map_or(Value::Null, |id| (self.refers[1])(id.0)),
                _ => document.get(*ours).cloned().unwrap_or(Value::Null),
            };
            shown.insert((*theirs).to_owned(), value);
        }
        if let Others::Ours = self.others {
            let taken = |name: &String| self.fields.iter().any(|(_, ours)| ours == name);
            shown.extend(document.into_iter().filter(|(name, _)| !taken(name)));
        }
        if let (Others::Kept | Others::Named(_), Some(Value::Object(kept))) = (self.others, kept) {
            for (name, value) in kept {
                shown.entry(name).or_insert(value);
            }
        }
        let time = |at: Option<crate::model::Timestamp>| at.map_or(Value::Null, |at| at.to_string().into());
        shown.insert("created_at".to_owned(), time(object.created_at));
        shown.insert("updated_at".to_owned(), time(object.updated_at));
        shown
    }
}

/// What is shown and cannot be said: who sends back what was read is not refused.
pub const READ_ONLY: [&str; 7] =
    ["id", "revision", "created_at", "updated_at", "managed_by_file", "health", "tenant"];

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(map) => map.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn wrong(field: &str, reason: impl Into<String>) -> Refusal {
    Refusal::InvalidField { field: field.to_owned(), reason: reason.into() }
}
