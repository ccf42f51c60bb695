//! The do-not-call list, through the real binary: how numbers come onto it, and that nobody calls them then.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::batch::{make, recipients, until};
use crate::callees::{Callees, number, ring};
use crate::cli::{text, trunkline};
use crate::ledger;
use crate::switch::{Place, Setup, Sipp, Switch, eventually, outbound};

const LIST: &str = "/v1/native/do-not-call";

/// What the list says of a number, once it stands there: a call's facts are on disk a moment after they are told.
fn is_listed(switch: &Switch, number: &str) -> Value {
    eventually("the number is listed", || {
        let reply = switch.get(&format!("{LIST}/{number}"));
        (reply.status == 200).then_some(reply.json)
    })
}

/// A call to this number is refused, and nobody rings.
fn is_refused(switch: &Switch, number: &str) {
    let reply = switch.post_outbound(&outbound(json!({ "to_number": number })));
    let error = &reply.json["error"];
    assert_eq!((reply.status, &error["code"]), (403, &json!("do_not_call")), "{reply:?}");
}

#[test]
fn who_is_listed_is_called_by_nobody_until_it_is_taken_off() {
    let (switch, callees) = ring(Setup::new());
    let phones = [number(Persona::Busy), "+15550200003".to_owned(), "+15550300003".to_owned()];
    let added =
        switch.client().post(LIST, &json!({ "numbers": [phones[0], phones[1]], "note": "by letter" }));
    assert_eq!((added.status, &added.json), (200, &json!({ "count": 2 })));
    is_refused(&switch, &phones[0]);
    let examined = switch.client().post("/v1/native/trunks/t1/doctor", &json!({ "to": phones[0] }));
    assert_eq!((examined.status, &examined.json["error"]["code"]), (403, &json!("do_not_call")));
    let campaign = make(&switch, &phones, json!({}));
    let over = until(&switch, &campaign, "completed");
    assert_eq!((&over["failed_count"], &over["unanswered_count"]), (&json!(2), &json!(1)), "{over}");
    let all = recipients(&switch, &campaign);
    assert_eq!(all[1]["reason"], "the number is on the do-not-call list", "{}", all[1]);
    assert_eq!(callees.rung(), 1);

    let page = switch.get(&format!("{LIST}?limit=1")).json;
    assert_eq!((&page["data"][0]["number"], &page["next_cursor"]), (&json!(phones[0]), &json!(phones[0])));
    let page = switch.get(&format!("{LIST}?limit=1&after={}", phones[0])).json;
    assert_eq!(page["data"][0]["number"], json!(phones[1]));
    assert_eq!(switch.client().delete(&format!("{LIST}/{}", phones[0])).status, 204);
    assert_eq!(switch.client().delete(&format!("{LIST}/{}", phones[0])).status, 404);
    let call = switch.call_with(json!({ "to_number": phones[0] }));
    switch.call_until_ended(&call);
    assert_eq!(callees.rung(), 2);
    for bad in [json!({ "numbers": ["5550100"] }), json!({}), json!({ "numbers": [] })] {
        assert_eq!(switch.client().post(LIST, &bad).status, 400, "{bad}");
    }
    assert!(!switch.whole_log().contains(&phones[1]), "numbers are masked in logs");
}

#[test]
fn an_unwanted_call_is_the_last_one() {
    let mut switch = Setup::new().sip("t1_ms = 1000").start();
    let sipp = Sipp::at(&switch.place, "unwanted-607");
    let call = switch.call();
    let record = switch.call_until_ended(&call);
    sipp.succeed(1);
    assert_eq!(record["ended_reason"], "network_blocked", "{record}");
    let to = record["to"].as_str().expect("a number").to_owned();
    let entry = is_listed(&switch, &to);
    assert_eq!((&entry["reason"], &entry["call_id"]), (&json!("unwanted"), &json!(call)), "{entry}");
    is_refused(&switch, &to);
    switch.kill();
    switch.restart();
    is_refused(&switch, &to);
}

#[test]
fn who_asks_for_it_in_a_call_is_not_called_again() {
    let (mut switch, callees) = ring(Setup::new().agent("silence_hangup_seconds = 45"));
    let silent = number(Persona::Silent);
    let call = switch.call_with(json!({ "to_number": silent, "prompt": "Hello" }));
    eventually("the answer", || (ledger::row(&switch, &call)["state"] == "answered").then_some(()));
    let objects = format!("/v1/native/calls/{call}/do-not-call");
    assert_eq!(switch.client().post(&objects, &json!({})).status, 202);
    let entry = is_listed(&switch, &silent);
    assert_eq!(entry["reason"], "asked", "{entry}");
    // It holds from then on, whatever becomes of the call.
    switch.kill();
    switch.restart();
    is_refused(&switch, &silent);
    assert_eq!(callees.rung(), 1);
}

#[test]
fn a_script_takes_a_callee_at_its_word() {
    let script = "[[agent.script]]\nsay = \"You will not hear from us again.\"\n[[agent.script]]\ndo_not_call = true\n\
                  [[agent.script]]\nhangup = true";
    let place = Place::claim();
    let _callees = Callees::at(&place);
    let switch = Setup::new().agent("amd = {}").agent(script).at(place).start();
    let person = number(Persona::Silent);
    let call = switch.call_with(json!({ "to_number": person, "prompt": "Hello" }));
    assert_eq!(switch.call_until_ended(&call)["ended_reason"], "completed");
    assert_eq!(is_listed(&switch, &person)["reason"], "asked");
    is_refused(&switch, &person);
}

#[test]
fn the_command_line_looks_after_the_list() {
    let switch = Switch::start("");
    let run = |arguments: &[&str]| {
        let output = trunkline(switch.folder(), &[&["dnc"], arguments].concat());
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let file = switch.folder().join("list.csv");
    let numbers: Vec<_> = (0..10_050).map(|number| format!("+1555{number:07}")).collect();
    std::fs::write(&file, format!("phone\n{}\n", numbers.join("\n"))).expect("written");
    let (code, said, wrong) = run(&["add", "--file", file.to_str().expect("UTF-8"), "+447386172392"]);
    assert_eq!((code, said.as_str()), (Some(0), "10051 numbers are called no more\n"), "{wrong}");
    is_refused(&switch, &numbers[10_049]);
    let (_, page, more) = run(&["list", "--limit", "2", "--after", &numbers[10_048]]);
    assert!(page.contains(&numbers[10_049]) && page.contains("+447386172392"), "{page}");
    assert!(more.contains("--after +447386172392"), "{more}");
    let (_, shown, _) = run(&["show", "+447386172392", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON")["reason"], "listed");
    assert_eq!(run(&["remove", "+447386172392"]).0, Some(0));
    let (code, _, said) = run(&["show", "+447386172392"]);
    assert!(code == Some(1) && said.contains("not_listed"), "{said}");
    std::fs::write(&file, "phone\n5550100\n").expect("written");
    let (code, _, said) = run(&["add", "--file", file.to_str().expect("UTF-8")]);
    assert!(code == Some(1) && said.contains("line 2"), "{said}");
}
