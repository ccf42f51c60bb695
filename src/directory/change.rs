//! A change of an object: what is said anew, over what was said before.

use serde_json::{Map, Value};

use crate::model::Timestamp;

/// Which state of an object a change is meant for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expect {
    /// Whatever it is.
    Any,
    /// This revision alone.
    Revision(u64),
}

/// A change of an object.
#[derive(Clone)]
pub struct Change {
    /// Another name.
    pub name: Option<String>,
    /// What is taken back before anything is said: what its client could have said again, and did not.
    pub forgets: Vec<&'static str>,
    /// What is said anew; `null` takes back what was said.
    pub document: Map<String, Value>,
    /// Which state it is meant for.
    pub expect: Expect,
    /// When.
    pub at: Timestamp,
}

impl Change {
    /// Nothing but what is to be different.
    pub const fn patch(document: Map<String, Value>, expect: Expect, at: Timestamp) -> Self {
        Self { name: None, forgets: Vec::new(), document, expect, at }
    }

    /// Makes it.
    pub fn apply(&self, document: &mut Map<String, Value>) {
        document.retain(|field, _| !self.forgets.contains(&field.as_str()));
        merge(document, &self.document);
    }
}

/// A merge patch (RFC 7386).
fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match (value, target.get_mut(key)) {
            (Value::Null, _) => drop(target.remove(key)),
            (Value::Object(inner), Some(Value::Object(table))) => merge(table, inner),
            (value, _) => drop(target.insert(key.clone(), value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { unreachable!() };
        map
    }

    #[test]
    fn what_is_forgotten_goes_whole_and_what_nobody_spoke_of_stays() {
        let mut document = map(
            json!({ "greeting": "Hello", "settings": { "a": 1 }, "model": { "model": "m", "api_key": "k" } }),
        );
        let said = map(json!({ "settings": { "b": 2 }, "model": { "model": "n" } }));
        let patch = Change::patch(said, Expect::Any, Timestamp(0));
        Change { forgets: vec!["greeting", "settings"], ..patch }.apply(&mut document);
        let expected = json!({ "settings": { "b": 2 }, "model": { "model": "n", "api_key": "k" } });
        assert_eq!(Value::Object(document), expected);
    }
}
