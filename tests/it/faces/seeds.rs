//! The vendors' documents as tables: one row a line that promises something, its request and what must come of it. Each document's
//! own commands are run by curl as they stand there, but for the host and the key. Faults are tried alone and in pairs: of two the
//! earlier in the document's order answers.

mod batch;
mod carried;
mod minivoice;
mod nixflex;
mod thunderphone;
mod voiceflow;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{House, over};

/// One line of a document.
pub struct Line {
    /// Its words.
    pub says: &'static str,
    /// Over the document's example.
    pub fields: Value,
    /// What comes of it.
    pub status: u16,
    /// At least this of the answer.
    pub shows: Value,
}

/// A line of a document about a request.
pub fn line(says: &'static str, fields: Value, status: u16, shows: Value) -> Line {
    Line { says, fields, status, shows }
}

/// Sends every line's request and holds the answer to it.
pub fn prove(house: &House, path: &str, key: &str, example: &Value, lines: &[Line]) {
    for Line { says, fields, status, shows } in lines {
        let reply = house.post(path, key, &over(example, fields));
        assert_eq!(reply.status, *status, "{says}\n{fields}: {reply:?}");
        assert!(holds(&reply.json, shows), "{says}\n{fields}: {reply:?}\nhas not {shows}");
    }
}

/// Is all of this in it? What an object has besides does not matter.
pub fn holds(actual: &Value, wanted: &Value) -> bool {
    match (actual, wanted) {
        (Value::Object(actual), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| actual.get(name).is_some_and(|actual| holds(actual, wanted)))
        }
        (actual, wanted) => actual == wanted,
    }
}

/// A row of a table of errors, in the order of the checks.
pub struct Fault {
    /// As the document has it.
    pub row: &'static str,
    /// What brings it about.
    pub fields: Value,
    /// By which key, if not the usual one.
    pub key: Option<&'static str>,
    /// What the answer is.
    pub status: u16,
    /// At least this of the answer.
    pub shows: Value,
}

/// Each fault alone; then each with every later one that touches other fields, where the earlier one must answer.
pub fn prove_order(house: &House, path: &str, key: &str, example: &Value, faults: &[Fault]) {
    for (place, fault) in faults.iter().enumerate() {
        let own = fault.key.unwrap_or(key);
        let check = |fields: &Value, key: &str, besides: &str| {
            let reply = house.post(path, key, &over(&over(example, fields), &fault.fields));
            let told = format!("{} before {besides}: {reply:?}", fault.row);
            assert_eq!(reply.status, fault.status, "{told}");
            assert!(holds(&reply.json, &fault.shows), "{told}\nhas not {}", fault.shows);
        };
        check(&json!({}), own, "nothing");
        for later in &faults[place + 1..] {
            let same_key = fault.key.is_none() || later.key.is_none() || fault.key == later.key;
            if !touch(&fault.fields, &later.fields) && same_key {
                check(&later.fields, fault.key.or(later.key).unwrap_or(key), later.row);
            }
        }
    }
}

fn touch(one: &Value, other: &Value) -> bool {
    let names = |fields: &Value| fields.as_object().expect("fields").keys().cloned().collect::<Vec<_>>();
    let other = names(other);
    names(one).iter().any(|name| other.contains(name))
}

/// What a command of a document came to.
#[derive(Debug)]
pub struct Curled {
    pub status: u16,
    pub text: String,
    pub json: Value,
}

/// Runs a document's command as a shell would, in this house: the vendor's host and the placeholders are replaced, nothing else.
pub fn curl(house: &House, command: &str, replaced: &[(&str, &str)]) -> Curled {
    let base = format!("http://{}", house.switch.place.http());
    let mut command = command.to_owned();
    for (from, to) in replaced {
        assert!(command.contains(from), "the document says `{from}`");
        command = command.replace(from, &to.replace("{base}", &base));
    }
    // What a person would type besides: no proxy on the way, and the status below the body.
    let home = tempfile::tempdir().expect("a folder");
    std::fs::write(home.path().join(".curlrc"), "silent\nnoproxy = \"*\"\nwrite-out = \"\\n%{http_code}\"\n")
        .expect("written");
    let mut shell = Command::new("sh");
    shell.env("CURL_HOME", home.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut shell = shell.spawn().expect("there is a shell");
    shell.stdin.take().expect("piped").write_all(command.as_bytes()).expect("the shell reads");
    let output = shell.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{command}");
    let output = String::from_utf8(output.stdout).expect("UTF-8");
    let (text, status) = output.rsplit_once('\n').expect("the status stands on a line of its own");
    Curled {
        status: status.parse().expect("a status"),
        json: serde_json::from_str(text).unwrap_or_default(),
        text: text.to_owned(),
    }
}

/// The names of an object as they were written.
pub fn names(text: &str) -> Vec<String> {
    let map: serde_json::Map<String, Value> = serde_json::from_str(text).expect("an object");
    let mut names: Vec<String> = map.keys().cloned().collect();
    let place = |name: &String| text.find(&format!("\"{name}\":")).expect("it is there");
    names.sort_by_key(place);
    names
}

#[test]
fn a_part_of_an_answer_is_told_from_what_it_lacks() {
    let answer = json!({ "error": { "code": "a", "details": {} } });
    assert!(holds(&answer, &json!({ "error": { "code": "a" } })));
    assert!(!holds(&answer, &json!({ "error": { "code": "b" } })));
    assert!(!holds(&answer, &json!({ "detail": null })));
}
