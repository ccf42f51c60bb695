//! People in a browser take the calls of the real switch, with browsers that nobody here wrote: aiortc, and headless Chromium at the
//! console page with a tone for a microphone. The carrier is sipp, or a callee with an ear.

mod callee;
mod calls;
mod campaigns;
mod people;
mod person;

use serde_json::{Value, json};

use crate::switch::{Setup, Switch};

/// What people say.
const PERSON_HZ: u32 = 700;
const COLLEAGUE_HZ: u32 = 500;

/// A switch whose agent's calls are people's, with these lines in their table.
fn staffed(setup: Setup, people: &str) -> Setup {
    setup.agent(&format!("[agent.people]\n{people}"))
}

/// Makes a person through the API, which shows its secret this once.
fn hired(switch: &Switch, name: &str) -> String {
    let reply = switch.client().post("/v1/native/people", &json!({ "name": name }));
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.json["secret"].as_str().expect("a secret").to_owned()
}

/// The id that paths on the page's side have.
fn call_of(state: &Value) -> String {
    state["call"].as_str().expect("a call").to_owned()
}

/// What became of calls that wanted somebody.
fn counted(switch: &Switch, result: &str) -> f64 {
    switch.metrics().sum("trunkline_people_calls_total", &[("result", result)])
}
