//! An agent with several numbers, each of whose callees sees the one that is its own.

use std::collections::HashMap;

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{make, read, recipients, until};
use crate::callees::ring;
use crate::switch::{FROM, Setup, Switch};

const SAN_FRANCISCO: &str = "+14155550100";
const NEW_YORK: &str = "+12125550100";

/// A number of the agent's that may call, by this trunk.
fn number(e164: &str, trunk: &str) -> String {
    format!("[[number]]\ne164 = \"{e164}\"\ntrunk = \"{trunk}\"\nagent = \"agent_demo\"\noutbound = true\n")
}

fn pool(caller_ids: &str) -> Setup {
    let setup = Setup::new().agent(&format!("caller_ids = \"{caller_ids}\""));
    setup.extra(&number(SAN_FRANCISCO, "t1")).extra(&number(NEW_YORK, "t1"))
}

/// By whom it was called, of everybody whom a campaign has called.
fn callers(switch: &Switch, phones: &[String], fields: Value) -> HashMap<String, String> {
    let path = make(switch, phones, fields);
    until(switch, &path, "completed");
    let caller = |row: &Value| {
        let call = read(switch, &format!("/v1/calls/{}", row["call_id"].as_str().expect("a call")));
        let text = |field: &str| call[field].as_str().expect("a number").to_owned();
        (text("to"), text("from"))
    };
    recipients(switch, &path).iter().map(caller).collect()
}

fn busy(area: &str) -> Vec<String> {
    (0..4).map(|n| format!("{area}555000{n}{}", Persona::Busy.digit())).collect()
}

#[test]
fn each_callee_sees_the_nearest_number_and_the_same_one_again() {
    let (switch, callees) = ring(pool("nearest"));
    let phones: Vec<String> = ["+1415", "+1212", "+4474"].into_iter().flat_map(busy).collect();
    let seen = callers(&switch, &phones, json!({}));
    for (to, from) in &seen {
        let nearest = match &to[..5] {
            "+1415" => SAN_FRANCISCO,
            "+1212" => NEW_YORK,
            _ => FROM,
        };
        assert_eq!(from, nearest, "{to}");
    }
    assert_eq!((seen.len(), callees.rung()), (12, 12));
    let again = switch.call_until_ended(&switch.call_with(json!({ "to_number": phones[0] })));
    assert_eq!(again["from"], SAN_FRANCISCO, "a single call that names no number");
    let asked = callers(&switch, &phones[..4], json!({ "from_number": NEW_YORK }));
    assert!(asked.values().all(|from| from == NEW_YORK), "who names a number gets it: {asked:?}");
}

#[test]
fn callees_are_spread_over_all_numbers() {
    let (switch, _callees) = ring(pool("spread"));
    let phones: Vec<String> =
        (0..40).map(|n| format!("+4474640000{n:02}{}", Persona::Busy.digit())).collect();
    let seen = callers(&switch, &phones, json!({}));
    for number in [FROM, SAN_FRANCISCO, NEW_YORK] {
        assert!(seen.values().filter(|from| *from == number).count() >= 4, "{number}: {seen:?}");
    }
    let again = callers(&switch, &phones, json!({}));
    assert_eq!(seen, again, "the next campaign shows everybody what the one before did");
}

/// The second trunk leads nowhere, and is known to be down.
#[test]
fn while_a_numbers_trunk_is_down_its_callees_see_the_next() {
    let setup = Setup::new().agent("caller_ids = \"nearest\"").second("enabled = false");
    let setup = setup.extra(&number(SAN_FRANCISCO, "t1")).extra(&number(NEW_YORK, "t2"));
    let (switch, callees) = ring(setup);
    let phones: Vec<String> = ["+1212", "+1415"].into_iter().flat_map(busy).collect();
    let seen = callers(&switch, &phones, json!({}));
    assert!(seen.values().all(|from| from == SAN_FRANCISCO), "{seen:?}");
    assert_eq!((seen.len(), callees.rung()), (8, 8));
}
