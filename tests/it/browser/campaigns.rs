//! Campaigns of people: nobody is called for whom there is nobody to talk.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::super::callees;
use super::callee::Callees;
use super::person::Person;
use super::{COLLEAGUE_HZ, PERSON_HZ, call_of, hired, staffed};
use crate::switch::{Place, Setup, Switch, eventually};

/// A campaign to so many.
fn campaign(switch: &Switch, people: usize) -> String {
    campaign_of(switch, "agent_demo", people)
}

/// The same, of this agent's.
fn campaign_of(switch: &Switch, agent: &str, people: usize) -> String {
    campaign_to(switch, agent, (0..people).map(|number| format!("+4470000000{number:02}")))
}

/// A campaign of this agent's to these numbers.
fn campaign_to(switch: &Switch, agent: &str, numbers: impl Iterator<Item = String>) -> String {
    let recipients: Vec<Value> = numbers.map(|phone| json!({ "phone": phone })).collect();
    let body = json!({ "agent_id": agent, "prompt": "Sell a boat.", "recipients": recipients });
    let reply = switch.client().post("/v1/calls/batch", &body);
    assert_eq!(reply.status, 201, "{reply:?}");
    format!("/v1/calls/batch/{}", reply.json["campaign_id"].as_str().expect("an id"))
}

fn until(switch: &Switch, path: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || Some(switch.get(path).json).filter(&is_so))
}

#[test]
fn a_campaign_calls_one_person_for_each_who_is_free_and_whoever_idles_longest_talks() {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let switch = staffed(Setup::new().agent("amd = {}"), "wrap_up_seconds = 1").at(place).start();
    let (ada, grace) = (hired(&switch, "Ada"), hired(&switch, "Grace"));
    let path = campaign(&switch, 3);
    let mut ada = Person::at_aiortc(&switch.place, &ada, PERSON_HZ);
    let mut grace = Person::at_aiortc(&switch.place, &grace, COLLEAGUE_HZ);
    let waiting = until(&switch, &path, "it runs", |shown| shown["status"] == "running");
    assert_eq!((callees.called(), &waiting["queued_count"]), (0, &json!(3)), "nobody is free yet");

    ada.takes_calls();
    let talking = ada.is("talking");
    assert_eq!(callees.called(), 1, "only she is free");
    callees.await_tone(0, PERSON_HZ);
    assert_eq!(talking["about"]["campaign"], path.rsplit('/').next().expect("an id"));
    grace.takes_calls();
    let second = call_of(&grace.is("talking"));
    callees.await_tone(1, COLLEAGUE_HZ);
    assert_eq!(callees.called(), 2, "both talk");

    // She hangs up, and after her wrap-up she has been idle longer than her colleague, who talks.
    assert_eq!(ada.does(&format!("calls/{}/hangup", call_of(&talking)))["status"], 204);
    ada.is("wrap_up");
    let third = call_of(&ada.is("talking"));
    assert_eq!(ada.does(&format!("calls/{third}/hangup"))["status"], 204);
    assert_eq!(grace.does(&format!("calls/{second}/hangup"))["status"], 204);
    let over = until(&switch, &path, "its end", |shown| shown["status"] == "completed");
    assert_eq!((&over["answered_count"], &over["abandoned_count"]), (&json!(3), &json!(0)), "{over}");
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn whoever_is_called_for_somebody_who_has_left_by_then_counts_as_abandoned() {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let switch = staffed(Setup::new().agent("amd = {}"), "patience_ms = 100").at(place).start();
    let mut ada = Person::free(&switch.place, &hired(&switch, "Ada"), PERSON_HZ);
    let path = campaign(&switch, 2);
    eventually("the first call", || (callees.called() == 1).then_some(()));
    assert_eq!(ada.does("offline")["status"], 204);
    let shown = until(&switch, &path, "an abandoned one", |shown| shown["abandoned_count"] == 1);
    assert_eq!(
        (&shown["answered_count"], &shown["queued_count"], &shown["status"]),
        (&json!(1), &json!(1), &json!("running"))
    );
    let row = &switch.get(&format!("{path}/recipients")).json["recipients"][0];
    assert_eq!(row["ended_reason"], "abandoned", "{row}");
    callees.await_over(1);
}

#[test]
fn campaigns_that_share_a_person_call_one_for_her_together() {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let second = "[[agent]]\nid = \"second\"\nphone_number = \"+447446466848\"\ntrunk = \"t1\"\namd = {}\n[agent.people]\n\
                  wrap_up_seconds = 0";
    let setup = Setup::new().agent("amd = {}").extra(second);
    let switch = staffed(setup, "wrap_up_seconds = 0").at(place).start();
    let secret = hired(&switch, "Ada");
    let paths = ["agent_demo", "second"].map(|agent| campaign_of(&switch, agent, 2));
    for path in &paths {
        until(&switch, path, "it runs", |shown| shown["status"] == "running");
    }
    let mut ada = Person::at_aiortc(&switch.place, &secret, PERSON_HZ);
    ada.takes_calls();
    for turn in 1..=4 {
        let call = call_of(&ada.is("talking"));
        assert_eq!(callees.called(), turn, "nobody else is called while she talks");
        assert_eq!(ada.does(&format!("calls/{call}/hangup"))["status"], 204);
        ada.is("available");
    }
    for path in &paths {
        let over = until(&switch, path, "its end", |shown| shown["status"] == "completed");
        assert_eq!((&over["answered_count"], &over["abandoned_count"]), (&json!(2), &json!(0)), "{over}");
    }
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn whoever_will_be_back_in_time_is_called_for_while_she_writes_down() {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let people = "wrap_up_seconds = 9\npatience_ms = 10000\nabandoned_percent = 1";
    let switch = staffed(Setup::new().agent("amd = {}"), people).at(place).start();
    let mut ada = Person::free(&switch.place, &hired(&switch, "Ada"), PERSON_HZ);
    let path = campaign(&switch, 2);
    let first = call_of(&ada.is("talking"));
    callees.await_tone(0, PERSON_HZ);
    assert_eq!(callees.called(), 1, "she talks, and nobody knows for how long");
    assert_eq!(ada.does(&format!("calls/{first}/hangup"))["status"], 204);
    ada.is("wrap_up");
    eventually("the second call", || (callees.called() == 2).then_some(()));
    ada.does("hear");
    ada.saw_nothing_of("available");
    assert_eq!(ada.does("available")["status"], 204);
    let second = call_of(&ada.is("talking"));
    assert_eq!(ada.does(&format!("calls/{second}/hangup"))["status"], 204);
    let over = until(&switch, &path, "its end", |shown| shown["status"] == "completed");
    assert_eq!((&over["answered_count"], &over["abandoned_count"]), (&json!(2), &json!(0)), "{over}");
    let pacing = &over["pacing"];
    assert_eq!((&pacing["calls"], &pacing["wanted_percent"]), (&json!(2), &json!(100.0)), "{pacing}");
    assert!(pacing["talk_seconds"].as_f64() > Some(0.0), "{pacing}");
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn who_has_learned_that_hardly_anybody_answers_lets_more_than_one_ring() {
    let place = Place::claim();
    let callees = callees::Callees::at(&place);
    let switch = staffed(Setup::new().agent("amd = {}"), "abandoned_percent = 2.5").at(place).start();
    let _people = ["Ada", "Grace"].map(|name| Person::free(&switch.place, &hired(&switch, name), PERSON_HZ));
    let to = |number: usize, persona: Persona| format!("+44700000{number:03}{}", persona.digit());
    let busy = (0..24).map(|number| to(number, Persona::Busy));
    let ringing = (24..32).map(|number| to(number, Persona::NoAnswer));
    let path = campaign_to(&switch, "agent_demo", busy.chain(ringing));
    let is_ahead =
        |shown: &Value| shown["unanswered_count"] == 24 && shown["active_count"].as_u64() > Some(2);
    let shown = until(&switch, &path, "more that ring than people are free", is_ahead);
    assert_eq!(shown["abandoned_count"], 0, "{shown}");
    assert!(callees.most_at_once() > 2);
    let pacing = &shown["pacing"];
    let percent = |key: &str| pacing[key].as_f64().unwrap_or_else(|| panic!("{key}: {pacing}"));
    assert_eq!((&pacing["calls"], &pacing["talk_seconds"]), (&json!(24), &json!(null)));
    assert!(percent("answered_percent") < 1.0, "{pacing}");
    assert!(percent("risk_percent_max") == 2.5 && percent("risk_percent") > 0.0, "{pacing}");
    let reply = switch.client().post(&format!("{path}/cancel"), &json!({}));
    assert_eq!(reply.status, 200, "{reply:?}");
}
