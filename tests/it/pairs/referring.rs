//! An attended transfer that the trunk completes itself: the callee is asked to take our place in the call with whom the agent
//! consulted (REFER with Replaces, RFC 3891, RFC 5589 §7). Both are parties of one sipp; the agent is at the other trunk.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::setting::{ended, party};
use crate::ledger;
use crate::switch::{Place, Report, Setup, Sipp, Switch, eventually};

/// Whom the agent consults.
const CONSULTED: &str = "+15551234567";

/// A call whose agent consults with somebody at the callee's trunk, which plays this scenario.
struct Consultation {
    switch: Switch,
    trunk: Sipp,
    agent: Sipp,
    call: String,
    /// The call that was made for the consultation, and its dialog as it stood on disk.
    consulted: String,
    dialog: Value,
}

impl Consultation {
    /// Both parties have answered, and the far end was asked to put itself through.
    fn completed(scenario: &str) -> Self {
        let place = Place::claim();
        let trunk = Sipp::run(place.trunk_sip(), scenario, &["-m", "2"]);
        let agent = Sipp::run(place.second_sip(), "echo", &["-m", "1"]);
        let uri = format!("sip:desk@{}", place.second_sip());
        let endpoint = format!(
            "[[agent]]\nid = \"model\"\n[agent.sip]\nuri = \"{uri}\"\ncall_at = \"ringing\"\n\
             [[number]]\ne164 = \"+447446466848\"\ntrunks = [{{ name = \"t1\" }}]\nagent = \"model\"\noutbound = true\n"
        );
        let switch = Setup::new()
            .sip("t1_ms = 1000")
            .trunk("attended = \"refer\"\ndtmf = \"info\"")
            .second("sip_users = [\"desk\"]")
            .extra(&endpoint)
            .at(place)
            .start();
        let call = switch.call_with(json!({ "agent_id": "model" }));
        party(&switch, &call, "answered");
        let of = |verb: &str| format!("/v1/native/calls/{call}/{verb}");
        let order = |verb: &str, body: Value| switch.client().post(&of(verb), &body).status == 202;
        let consult = json!({ "to": CONSULTED, "mode": "attended" });
        eventually("the agent is there", || order("transfer", consult.clone()).then_some(()));
        let (consulted, dialog) = eventually("somebody to consult", || {
            let calls = switch.get("/v1/native/calls?limit=100").json["data"].clone();
            let is_it = |call: &&Value| call["to"] == CONSULTED && call["state"] == "answered";
            let found = calls.as_array()?.iter().find(is_it)?;
            let consulted = found["call_id"].as_str()?.to_owned();
            // The API shows an answer a moment before it is on disk.
            let dialog = ledger::row(&switch, &consulted)["dialog"].clone();
            dialog.is_object().then_some((consulted, dialog))
        });
        eventually("it has done", || order("transfer/complete", json!({})).then_some(()));
        Self { switch, trunk, agent, call, consulted, dialog }
    }
}

/// The REFER named the dialog that the consulted party had with us, as it knows it, and as it stands on disk.
fn assert_named(switch: &Switch, dialog: &Value, report: &Report) {
    let [refer] = report.requests("REFER")[..] else { panic!("it was asked once: {report:?}") };
    let invites = report.requests("INVITE");
    let invite = invites.iter().find(|invite| invite.contains(&format!("INVITE sip:{CONSULTED}@")));
    let invite = invite.expect("it was called");
    let (call_id, ours) = (header(invite, "Call-ID"), tag(header(invite, "From")));
    let theirs = "consulted2";

    let refer_to = header(refer, "Refer-To").trim_start_matches('<').trim_end_matches('>');
    let (uri, escaped) = refer_to.split_once("?Replaces=").expect("a Replaces");
    assert_eq!(uri, format!("sip:consulted@{}", switch.place.trunk_sip()));
    let replaces = percent_decode_str(escaped).decode_utf8().expect("text");
    // RFC 3891 §3: to-tag is the tag of whoever gets the INVITE, from-tag its peer's, which is ours.
    assert_eq!(replaces, format!("{call_id};to-tag={theirs};from-tag={ours}"));

    let on_disk = ["call_id", "local_tag", "remote_tag"].map(|key| dialog[key].as_str());
    assert_eq!(on_disk, [Some(call_id), Some(ours), Some(theirs)]);
}

#[test]
fn a_callee_takes_our_place_in_the_call_with_whom_the_agent_consulted() {
    let Consultation { switch, trunk, agent, call, consulted, dialog } =
        Consultation::completed("referred-attended");
    let report = trunk.succeed(2);
    agent.succeed(1);
    assert_named(&switch, &dialog, &report);
    let (own, parties) = ended(&switch, &call);
    assert_eq!((&own["disposition"], &own["ended_by"]), (&json!("completed"), &json!("operator")), "{own}");
    assert_eq!(own["sip"]["detail"], format!("transferred to {CONSULTED}"), "{own}");
    let other = parties.iter().find(|party| party["call_id"] == consulted).expect("its record");
    assert_eq!(
        (&other["disposition"], &other["ended_by"]),
        (&json!("callee_hangup"), &json!("callee")),
        "{other}"
    );
    assert_eq!(parties.len(), 2);
}

#[test]
fn a_callee_that_does_not_know_refer_talks_through_us() {
    stays("referred-attended-refused");
}

#[test]
fn a_callee_that_does_not_get_there_talks_through_us() {
    stays("referred-attended-fails");
}

/// The agent is let go, and both talk here until they are hung up.
fn stays(scenario: &str) {
    let Consultation { switch, trunk, agent, call, dialog, .. } = Consultation::completed(scenario);
    agent.succeed(1);
    // The callee's key has come through to the other.
    trunk.await_message("INFO sip:consulted@");
    let hung_up = switch.client().post(&format!("/v1/native/calls/{call}/hangup"), &json!({}));
    assert_eq!(hung_up.status, 202);
    let report = trunk.succeed(2);
    assert_named(&switch, &dialog, &report);
    let (own, parties) = ended(&switch, &call);
    assert_eq!((&own["disposition"], &own["ended_by"]), (&json!("cancelled"), &json!("operator")), "{own}");
    assert_eq!(parties.len(), 2);
}

/// A header's value.
fn header<'a>(text: &'a str, name: &str) -> &'a str {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {name} in {text}")).trim()
}

fn tag(value: &str) -> &str {
    value.split_once(";tag=").expect("a tag").1
}
