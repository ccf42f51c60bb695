//! A switch with two trunks: simulated callees behind the first, whatever a test likes at the second, which may be dialled by
//! SIP URI.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::callees::{Callees, number};
use crate::control::Answerer;
use crate::switch::{Place, Setup, Switch, eventually};

/// The application's key.
pub const MINIVOICE: &str = "Bearer mv_live_0123456789abcdef";

/// Everything that a test's call meets.
pub struct Stage {
    pub switch: Switch,
    pub callees: Callees,
    pub program: Answerer,
}

impl Stage {
    /// A call is answered with these actions, in which `URI` is the second trunk's party; what came of a bridge is answered
    /// with a hang-up.
    pub fn start(setup: Setup, actions: &str) -> Self {
        let place = Place::claim();
        let uri = format!("sip:desk@{}", place.second_sip());
        let answers = [
            ("/answer", (200, format!("{{\"actions\":{}}}", actions.replace("URI", &uri)))),
            ("/done", (200, r#"{"actions":[{"hangup":{}}]}"#.to_owned())),
        ];
        let program = Answerer::start(answers.into());
        let callees = Callees::at(&place);
        let extra = format!(
            r#"
[[application]]
name = "reminders"
trunk = "t1"
answer_url = "{}"
[[key]]
face = "minivoice"
secret = "mv_live_0123456789abcdef"
application = "reminders"
webhook_secret = "the_signing_secret"
"#,
            program.url("/answer")
        );
        let setup = setup.second("sip_users = [\"desk\"]").extra(&extra).agent("amd = {}");
        Self { switch: setup.at(place).start(), callees, program }
    }

    /// Calls one of the simulated callees; the call's id.
    pub fn call(&self, persona: Persona) -> String {
        let body = json!({ "from": "+15551230001", "to": number(persona) }).to_string().into_bytes();
        let reply = self.switch.client().post_with("/v1/calls", body, &[("authorization", MINIVOICE)]);
        assert_eq!(reply.status, 201, "{reply:?}");
        let id = reply.json["id"].as_str().and_then(|id| id.strip_prefix("call_")).expect("an id");
        format!("CA{:032x}", id.parse::<u64>().expect("a number"))
    }

    /// What the program was told of a bridge that is over: one for each.
    pub fn bridged(&self) -> Vec<Value> {
        let asked = self.program.asked();
        let done = asked.iter().filter(|question| question.json["event"] == "bridge.completed");
        done.map(|question| question.json["data"].clone()).collect()
    }
}

fn all(switch: &Switch) -> Vec<Value> {
    switch.get("/v1/native/calls?limit=100").json["data"].as_array().expect("a list").clone()
}

/// The records of a call and of those that were made for it, once all of them are over and nothing is left of any.
pub fn ended(switch: &Switch, call: &str) -> (Value, Vec<Value>) {
    let found = eventually("the end of the call and of its parties", || {
        let calls = all(switch);
        let is_over = |call: &Value| call["state"] == "ended";
        let own = calls.iter().find(|one| one["call_id"] == *call).filter(|one| is_over(one))?.clone();
        let parties: Vec<_> = calls.into_iter().filter(|one| one["parent_call_id"] == *call).collect();
        parties.iter().all(is_over).then_some((own, parties))
    });
    switch.metrics_until("an idle switch", |metrics| metrics.is_idle());
    assert_eq!(switch.complaints(), [""; 0]);
    found
}

/// The party that was called for the call, once it is in this state.
pub fn party(switch: &Switch, call: &str, state: &str) -> String {
    eventually("a party", || {
        let is_it = |one: &Value| one["parent_call_id"] == *call && one["state"] == state;
        let party = all(switch).into_iter().find(is_it)?;
        Some(party["call_id"].as_str()?.to_owned())
    })
}
