//! Taking out of a tree of values what does not fit, so that whatever else does not is found in the same run. Keys are told as they
//! were before anything was taken out.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write;

use serde_path_to_error::{Path, Segment};
use toml::Value;

/// What was taken out so far.
#[derive(Default)]
pub struct Pruning {
    /// Keys of values that are gone.
    taken: HashSet<String>,
    /// The places of lists that are gone.
    gaps: HashMap<String, BTreeSet<usize>>,
}

impl Pruning {
    /// The key of a path through what is left; empty for the whole file.
    pub fn key(&self, path: &Path) -> String {
        let mut key = String::new();
        for segment in path.iter() {
            match segment {
                Segment::Seq { index } => {
                    let place = self.place(&key, *index);
                    let _ = write!(key, "[{place}]");
                }
                Segment::Map { key: name } | Segment::Enum { variant: name } => {
                    key.push_str(if key.is_empty() { "" } else { "." });
                    key.push_str(name);
                }
                Segment::Unknown => key.push('?'),
            }
        }
        key
    }

    /// Was this field of this table there, and taken out?
    pub fn has_taken(&self, table: &str, field: &str) -> bool {
        self.taken.contains(&format!("{table}.{field}"))
    }

    /// Takes out what is at this path; says whether there was anything.
    pub fn take(&mut self, values: &mut Value, path: &Path) -> bool {
        let key = self.key(path);
        let segments: Vec<&Segment> = path.iter().collect();
        let Some((last, above)) = segments.split_last() else { return false };
        let above = above.iter().try_fold(values, |target, segment| match (segment, target) {
            (Segment::Seq { index }, Value::Array(items)) => items.get_mut(*index),
            (Segment::Map { key }, Value::Table(table)) => table.get_mut(key),
            _ => None,
        });
        let is_there = match (last, above) {
            (Segment::Map { key }, Some(Value::Table(table))) => table.remove(key).is_some(),
            (Segment::Seq { index }, Some(Value::Array(items))) if *index < items.len() => {
                items.remove(*index);
                let list = key.rfind('[').map_or("", |end| &key[..end]);
                let place = self.place(list, *index);
                self.gaps.entry(list.to_owned()).or_default().insert(place);
                true
            }
            _ => false,
        };
        self.taken.insert(key);
        is_there
    }

    /// Where an item of a list was.
    fn place(&self, list: &str, index: usize) -> usize {
        let gaps = self.gaps.get(list).into_iter().flatten();
        gaps.fold(index, |place, gap| if *gap <= place { place + 1 } else { place })
    }
}
