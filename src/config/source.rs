//! A tree of values in which each knows where it came from: a line of the file, or an environment variable.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::Fault;
use super::pruning::Pruning;
use crate::keyfile;

/// What variables begin with; their parts are parted by the same two underscores.
const PREFIX: &str = "TRUNKLINE__";

/// Each is found by reading the whole once more, so there is an end to them.
const FAULTS_MAX: usize = 100;

/// Keys whose values no error may quote.
const SECRETS: [&str; 6] = ["password", "secret", "authorization", "api_key", "credential", "database_url"];

/// The values, and where each came from.
pub struct Source {
    file: String,
    values: Value,
    origins: HashMap<String, Origin>,
    /// Scalars from variables as they were written, by key path.
    words: HashMap<String, String>,
    /// The switch's own key, if a variable has it.
    pub switch_key: Option<String>,
}

/// Where a value came from. The file's lines come before the variables.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Line(usize),
    Variable(String),
}

impl Source {
    /// Reads the file's text and lays the environment over it.
    pub fn read(
        file: &str,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<Fault>> {
        let syntax = |error: toml::de::Error| {
            let place = match error.span() {
                Some(span) => format!("{file}:{}", line(text, span.start)),
                None => file.to_owned(),
            };
            vec![Fault { place, key: String::new(), reason: error.message().to_owned() }]
        };
        let values: Table = text.parse().map_err(syntax)?;
        let spans = DeTable::parse(text).map_err(syntax)?;
        let mut origins = HashMap::new();
        trace_table(text, "", spans.get_ref(), &mut origins);
        let mut source =
            Self { file: file.to_owned(), values: Value::Table(values), origins, ..Self::nowhere() };
        source.overlay(environment)?;
        Ok(source)
    }

    /// No file at all: of objects that come from elsewhere.
    pub fn nowhere() -> Self {
        Self {
            file: String::new(),
            values: Value::Table(Table::new()),
            origins: HashMap::new(),
            words: HashMap::new(),
            switch_key: None,
        }
    }

    /// Fills a shape, or names every value that does not fit.
    ///
    /// A variable's value is read as TOML, so a password of digits alone looks like a number. Where a text is wanted and
    /// a variable gave something else, the text is what was written.
    pub fn fill<T: DeserializeOwned>(&mut self) -> Result<T, Vec<Fault>> {
        let (mut pruning, mut faults) = (Pruning::default(), Vec::new());
        loop {
            let error = match serde_path_to_error::deserialize(self.values.clone()) {
                Ok(filled) if faults.is_empty() => return Ok(filled),
                Ok(_) => break,
                Err(error) => error,
            };
            let (key, message) = (pruning.key(error.path()), error.inner().message());
            if message.contains("expected a string")
                && let Some(word) = self.words.remove(&key)
            {
                replace(&mut self.values, error.path(), Value::String(word));
                continue;
            }
            // What follows from a fault that was told is none of its own.
            let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
            if !missing.is_some_and(|field| pruning.has_taken(&key, field)) {
                let reason = if is_secret(&key) { "must be a string" } else { message };
                faults.push((self.origin(&key).cloned(), self.fault(&key, reason)));
            }
            if faults.len() == FAULTS_MAX || !pruning.take(&mut self.values, error.path()) {
                break;
            }
        }
        faults.sort_by(|(a, _), (b, _)| a.cmp(b));
        Err(faults.into_iter().map(|(_, fault)| fault).collect())
    }

    /// A path as the file means it: a relative one begins at the file's own folder, whoever reads it from wherever.
    pub fn path(&self, text: &str) -> PathBuf {
        let folder = Path::new(&self.file).parent().unwrap_or(Path::new(""));
        // `.` in the middle says nothing.
        folder.join(text).components().collect()
    }

    /// Everything, as it was written.
    pub fn values(&self) -> &Value {
        &self.values
    }

    /// A fault at this key, or at the nearest one above it that was written.
    pub fn fault(&self, key: &str, reason: impl Into<String>) -> Fault {
        let place = match self.origin(key) {
            Some(Origin::Line(line)) => format!("{}:{line}", self.file),
            Some(Origin::Variable(name)) => name.clone(),
            None => self.file.clone(),
        };
        Fault { place, key: key.to_owned(), reason: reason.into() }
    }

    /// Where this key, or the nearest one above it, was written.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        let mut key = key;
        loop {
            if let Some(origin) = self.origins.get(key) {
                return Some(origin);
            }
            key = &key[..key.rfind(['.', '['])?];
        }
    }

    /// Puts each variable in its place, in the order of their names (an index as a number, so that 10 follows 9).
    fn overlay(&mut self, environment: impl IntoIterator<Item = (String, String)>) -> Result<(), Vec<Fault>> {
        let mut variables: Vec<(Vec<Part>, String, String)> = Vec::new();
        for (name, word) in environment {
            if name == keyfile::VARIABLE {
                self.switch_key = Some(word);
            } else if let Some(path) = name.strip_prefix(PREFIX) {
                variables.push((path.split("__").map(Part::new).collect(), name, word));
            }
        }
        variables.sort();
        let mut faults = Vec::new();
        for (path, name, word) in variables {
            if let Err(reason) = self.set(&path, &name, word) {
                faults.push(Fault { place: name, key: String::new(), reason });
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    fn set(&mut self, path: &[Part], name: &str, word: String) -> Result<(), String> {
        let mut key = String::new();
        let mut target = &mut self.values;
        for part in path {
            target = step(target, part, &mut key)?;
            self.origins.entry(key.clone()).or_insert_with(|| Origin::Variable(name.to_owned()));
        }
        *target = value_of(&word);
        self.origins.retain(|known, _| !is_below(known, &key));
        self.origins.insert(key.clone(), Origin::Variable(name.to_owned()));
        self.words.insert(key, word);
        Ok(())
    }
}

/// May no error quote its value?
pub fn is_secret(key: &str) -> bool {
    SECRETS.iter().any(|name| key.ends_with(name))
}

/// One part of a variable's name. Numbers sort as numbers, before words.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Index(usize),
    Key(String),
}

impl Part {
    fn new(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Key(text.to_ascii_lowercase()), Self::Index)
    }
}

/// Goes one part down, making what is not there yet.
fn step<'v>(target: &'v mut Value, part: &Part, key: &mut String) -> Result<&'v mut Value, String> {
    // A table that was only just made turns out to be an array when the part is an index.
    if matches!(part, Part::Index(_)) && target.as_table().is_some_and(Table::is_empty) {
        *target = Value::Array(Vec::new());
    }
    match (part, target) {
        (Part::Key(name), _) if name.is_empty() => Err("the variable's name has an empty part".into()),
        (Part::Key(name), Value::Table(table)) => {
            if !key.is_empty() {
                key.push('.');
            }
            key.push_str(name);
            Ok(table.entry(name.clone()).or_insert_with(|| Value::Table(Table::new())))
        }
        (Part::Index(index), Value::Array(items)) => {
            let count = items.len();
            if *index > count {
                return Err(format!(
                    "`{key}` has {count} entries, so the next index is {count}, not {index}"
                ));
            }
            if *index == count {
                items.push(Value::Table(Table::new()));
            }
            key.push_str(&format!("[{index}]"));
            Ok(&mut items[*index])
        }
        (Part::Index(index), _) => Err(format!("`{key}` is not a list, so it has no entry {index}")),
        (Part::Key(name), Value::Array(_)) => {
            Err(format!("`{key}` is a list: an index must come before `{name}`"))
        }
        (Part::Key(name), _) => Err(format!("`{key}` is not a table, so it has no key `{name}`")),
    }
}

/// A word as TOML if it is a TOML value, else the word itself.
fn value_of(word: &str) -> Value {
    match format!("value = {word}").parse::<Table>() {
        Ok(mut table) if table.len() == 1 => {
            table.remove("value").unwrap_or_else(|| Value::String(word.to_owned()))
        }
        _ => Value::String(word.to_owned()),
    }
}

fn is_below(key: &str, above: &str) -> bool {
    key.strip_prefix(above).is_some_and(|rest| rest.starts_with(['.', '[']))
}

fn replace(values: &mut Value, path: &serde_path_to_error::Path, value: Value) {
    let mut target = Some(values);
    for segment in path.iter() {
        target = match (segment, target) {
            (Segment::Seq { index }, Some(Value::Array(items))) => items.get_mut(*index),
            (Segment::Map { key }, Some(Value::Table(table))) => table.get_mut(key),
            _ => None,
        };
    }
    if let Some(target) = target {
        *target = value;
    }
}

fn trace_table(text: &str, above: &str, table: &DeTable<'_>, origins: &mut HashMap<String, Origin>) {
    for (name, value) in table {
        let separator = if above.is_empty() { "" } else { "." };
        let key = format!("{above}{separator}{}", name.get_ref());
        origins.insert(key.clone(), Origin::Line(line(text, name.span().start)));
        trace_value(text, &key, value, origins);
    }
}

fn trace_value(text: &str, key: &str, value: &Spanned<DeValue<'_>>, origins: &mut HashMap<String, Origin>) {
    match value.get_ref() {
        DeValue::Table(table) => trace_table(text, key, table, origins),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let key = format!("{key}[{index}]");
                origins.insert(key.clone(), Origin::Line(line(text, item.span().start)));
                trace_value(text, &key, item, origins);
            }
        }
        _ => {}
    }
}

fn line(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}
