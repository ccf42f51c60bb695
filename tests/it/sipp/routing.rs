//! Two trunks, and one that fails: which is tried next, which is left alone, and where a redirection may lead.

use std::net::SocketAddrV4;

use serde_json::{Value, json};

use super::{Told, play, usual};
use crate::ledger;
use crate::switch::{Place, Setup, Sipp, Switch, eventually, outbound};

/// How a trunk stands.
pub fn trunk(switch: &Switch, name: &str) -> Value {
    let reply = switch.get(&format!("/v1/native/trunks/{name}"));
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json["health"].clone()
}

pub fn ended(switch: &Switch, call: &str) -> (String, String) {
    let record = switch.call_until_ended(call);
    let shown = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
    (shown("status"), shown("ended_reason"))
}

fn two() -> Setup {
    usual().second("")
}

#[test]
fn a_503_of_the_first_trunk_is_answered_by_the_second() {
    let switch = two().start();
    let first = Sipp::at(&switch.place, "unavailable-503");
    let second = Sipp::run(switch.place.second_sip(), "load", &["-m", "1"]);
    let call = switch.call_with(json!({}));
    assert_eq!(ended(&switch, &call), ("completed".into(), "completed".into()));
    let (refused, answered) = (first.succeed(1), second.succeed(1));
    let row = ledger::ended(&switch, &call);
    assert_eq!(row["trunk"], "t2");
    let attempts: Value = match &row["invites"] {
        Value::String(text) => serde_json::from_str(text).expect("JSON"),
        other => other.clone(),
    };
    assert_eq!((&attempts[0]["trunk"], &attempts[0]["sip_status"]), (&json!("t1"), &json!(503)), "{row}");
    assert_eq!((&attempts[1]["trunk"], &attempts[1]["sip_status"]), (&json!("t2"), &json!(200)), "{row}");
    let ids = [&refused, &answered].map(|report| {
        let invite = report.requests("INVITE")[0].to_owned();
        invite.lines().find_map(|line| line.strip_prefix("Call-ID: ").map(str::to_owned)).expect("a Call-ID")
    });
    assert_eq!([&json!(ids[0]), &json!(ids[1])], [&attempts[0]["sip_call_id"], &attempts[1]["sip_call_id"]]);
    assert_ne!(ids[0], ids[1]);
    let metrics = switch.metrics();
    assert_eq!(metrics.sum("trunkline_calls_ended_total", &[("trunk", "t2")]), 1.0);
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn a_busy_callee_is_not_rung_by_the_second_trunk() {
    let switch = two().start();
    let first = Sipp::at(&switch.place, "busy-486");
    let call = switch.call_with(json!({}));
    assert_eq!(ended(&switch, &call), ("busy".into(), "busy".into()));
    first.succeed(1);
    assert_eq!(ledger::ended(&switch, &call)["invites"], Value::Null);
    let metrics =
        switch.metrics_until("idle", |metrics| metrics.is_idle() && metrics.sip("invites_sent_total") >= 1.0);
    assert_eq!(metrics.sip("invites_sent_total"), 1.0);
}

#[test]
fn whatever_the_callee_refuses_by_no_second_trunk_rings_it() {
    for (scenario, status, reason) in [
        ("busy-600", "busy", "busy"),
        ("decline-603", "rejected", "rejected"),
        ("forbidden-403", "rejected", "rejected"),
    ] {
        let switch = two().start();
        let first = Sipp::at(&switch.place, scenario);
        let call = switch.call();
        assert_eq!(ended(&switch, &call), (status.into(), reason.into()), "{scenario}");
        first.succeed(1);
        assert_eq!(ledger::ended(&switch, &call)["invites"], Value::Null, "{scenario}");
        let metrics = switch
            .metrics_until("idle", |metrics| metrics.is_idle() && metrics.sip("invites_sent_total") >= 1.0);
        assert_eq!(metrics.sip("invites_sent_total"), 1.0, "{scenario}");
    }
}

#[test]
fn a_403_of_the_gateway_is_answered_by_the_second() {
    let switch = two().start();
    let first = Sipp::at(&switch.place, "forbidden-403-trunk");
    let second = Sipp::run(switch.place.second_sip(), "load", &["-m", "1"]);
    let call = switch.call();
    assert_eq!(ended(&switch, &call), ("completed".into(), "completed".into()));
    first.succeed(1);
    second.succeed(1);
    assert_eq!(ledger::ended(&switch, &call)["trunk"], "t2");
}

#[test]
fn among_equals_weight_decides_and_before_them_priority() {
    let place = Place::claim();
    let tables = format!(
        "[[trunk]]\nname = \"heavy\"\nuri = \"sip:{}\"\noptions_interval_seconds = 0\n\
         [[trunk]]\nname = \"later\"\nuri = \"sip:{}\"\noptions_interval_seconds = 0\n\
         [[number]]\ne164 = \"+442079460001\"\nagent = \"agent_demo\"\noutbound = true\n\
         trunks = [{{ name = \"later\", priority = 2, weight = 900 }}, {{ name = \"t1\", priority = 1, weight = 0 }}, \
         {{ name = \"heavy\", priority = 1, weight = 1 }}]\n",
        place.second_sip(),
        SocketAddrV4::new(place.neighbour(4), 5080),
    );
    let switch = usual().extra(&tables).at(place).start();
    let heavy = Sipp::run(switch.place.second_sip(), "load", &["-m", "4"]);
    for _ in 0..4 {
        let call = switch.call_with(json!({ "from_number": "+442079460001" }));
        assert_eq!(ended(&switch, &call), ("completed".into(), "completed".into()));
        assert_eq!(ledger::ended(&switch, &call)["trunk"], "heavy");
    }
    heavy.succeed(4);
}

#[test]
fn a_storm_of_503_slows_the_trunk_and_speed_comes_back_by_itself() {
    let switch = usual().trunk("cps = 20").start();
    let sipp = Sipp::run(switch.place.trunk_sip(), "overload-503", &["-m", "3"]);
    for _ in 0..3 {
        let call = switch.call();
        assert_eq!(ended(&switch, &call), ("failed".into(), "trunk_failed".into()));
    }
    sipp.succeed(3);
    let slowed =
        eventually("it is slowed", || Some(trunk(&switch, "t1")).filter(|t| t["state"] == "degraded"));
    let speed = |trunk: &Value| trunk["cps"]["now"].as_f64().expect("a speed");
    assert!(speed(&slowed) < 20.0 && slowed["cps"]["max"] == 20.0, "{slowed}");
    eventually("it is faster", || (speed(&trunk(&switch, "t1")) > speed(&slowed)).then_some(()));
    let carries = Sipp::at(&switch.place, "load");
    let call = switch.call();
    assert_eq!(ended(&switch, &call), ("completed".into(), "completed".into()));
    carries.succeed(1);
}

#[test]
fn a_trunk_that_goes_away_is_down_and_up_again_when_it_is_back() {
    let place = Place::claim();
    let first = Sipp::at(&place, "options-answered");
    let switch = usual().trunk("options_interval_seconds = 5").at(place).start();
    first.succeed(1);
    let is = |state: &str| eventually(state, || Some(trunk(&switch, "t1")).filter(|t| t["state"] == state));
    let up = is("up");
    assert!(up["why"].as_str().is_some_and(|why| why.starts_with("OPTIONS was answered 200")), "{up}");
    let down = is("down");
    assert!(down["why"].as_str().is_some_and(|why| why.starts_with("OPTIONS got no answer")), "{down}");
    let back = Sipp::at(&switch.place, "options-answered");
    let again = is("up");
    back.succeed(1);
    let since = [&up, &down, &again].map(|trunk| trunk["since"].as_str().expect("a time").to_owned());
    assert!(since.is_sorted() && since[0] != since[1] && since[1] != since[2], "{since:?}");
}

#[test]
fn redirections_are_followed_as_far_as_the_trunk_allows() {
    for (allowed, outcome) in [(2, ("completed", "completed")), (1, ("unreachable", "unreachable"))] {
        let switch = usual().trunk(&format!("redirects_max = {allowed}")).start();
        let at = |port| SocketAddrV4::new(switch.place.trunk, port);
        let hops = [("5081", 5080), ("5082", 5081)].map(|(next, port)| {
            Sipp::run(at(port), "redirect-chain", &["-m", "1", "-key", "next_port", next])
        });
        let last = Sipp::run(at(5082), "load", &["-m", "1"]);
        let call = switch.call();
        assert_eq!(ended(&switch, &call), (outcome.0.into(), outcome.1.into()), "{allowed}");
        for hop in hops {
            hop.succeed(1);
        }
        if allowed == 2 {
            last.succeed(1);
        }
        let sent = f64::from(allowed) + 1.0;
        switch.metrics_until("no INVITE more", |metrics| {
            metrics.is_idle() && metrics.sip("invites_sent_total") == sent
        });
    }
}

#[test]
fn retry_after_is_honoured_and_shown() {
    let switch = two().start();
    let first = Sipp::at(&switch.place, "unavailable-503");
    let second = Sipp::run(switch.place.second_sip(), "busy-486", &["-m", "2"]);
    for _ in 0..2 {
        let call = switch.call_with(json!({}));
        assert_eq!(ended(&switch, &call), ("busy".into(), "busy".into()));
    }
    // One INVITE, and no second one: `unavailable-503` says Retry-After: 120.
    assert_eq!(first.succeed(1).requests("INVITE").len(), 1);
    drop(second);
    let held = trunk(&switch, "t1");
    assert_eq!((&held["state"], &held["registration"]), (&json!("degraded"), &json!("off")), "{held}");
    assert!(held["held_seconds"].as_f64().is_some_and(|held| (60.0..=120.0).contains(&held)), "{held}");
    assert_eq!(trunk(&switch, "t2")["state"], "up");
    let metrics = switch.metrics();
    assert_eq!(metrics.sum("trunkline_trunk_state", &[("trunk", "t1"), ("state", "degraded")]), 1.0);
    assert!(metrics.sum("trunkline_trunk_held_seconds", &[("trunk", "t1")]) > 60.0);
}

#[test]
fn a_trunk_alone_that_asked_to_be_left_alone_refuses_with_that_sentence() {
    let switch = usual().start();
    let sipp = Sipp::at(&switch.place, "unavailable-503");
    let call = switch.call_with(json!({}));
    assert_eq!(ended(&switch, &call), ("failed".into(), "trunk_failed".into()));
    sipp.succeed(1);
    let refused = switch.post_outbound(&outbound(json!({})));
    assert_eq!(refused.status, 502, "{refused:?}");
    assert!(refused.text.contains("left alone"), "{}", refused.text);
}

#[test]
fn options_tell_whether_a_trunk_is_down_or_up() {
    let switch = usual().trunk("options_interval_seconds = 5").start();
    let down = eventually("nobody is there", || Some(trunk(&switch, "t1")).filter(|t| t["state"] == "down"));
    assert!(down["why"].as_str().is_some_and(|why| why.starts_with("OPTIONS got no answer")), "{down}");
    let refused = switch.post_outbound(&outbound(json!({})));
    assert_eq!(refused.status, 502, "{refused:?}");
    assert!(refused.text.contains("OPTIONS got no answer"), "{}", refused.text);
    let sipp = Sipp::run(switch.place.trunk_sip(), "options-answered", &["-m", "1"]);
    let up = eventually("somebody is there", || Some(trunk(&switch, "t1")).filter(|t| t["state"] == "up"));
    assert_eq!(up["options"]["status"], 200, "{up}");
    sipp.succeed(1);
    let log = switch.log_until("to=\"up\"");
    let down =
        log.lines().find(|line| line.contains("the trunk's state changed") && line.contains("to=\"down\""));
    assert!(down.is_some_and(|line| line.contains(" WARN ")), "{log}");
}

#[test]
fn a_refused_registration_takes_the_trunk_down_with_its_code() {
    let setup = usual().trunk("register = true");
    let place = Place::claim();
    let sipp = Sipp::at(&place, "register-refused");
    let switch = setup.at(place).start();
    sipp.succeed(1);
    let down = eventually("it is refused", || Some(trunk(&switch, "t1")).filter(|t| t["state"] == "down"));
    assert_eq!(down["registration"], "failed");
    assert!(down["why"].as_str().is_some_and(|why| why.contains("403 Unknown Account")), "{down}");
    let refused = switch.post_outbound(&outbound(json!({})));
    assert_eq!(refused.status, 502, "{refused:?}");
    assert_eq!(refused.json["error"]["details"]["sip_code"], 403, "{refused:?}");
}

#[test]
fn where_a_trunk_may_not_call_no_invite_goes_and_where_it_may_one_does() {
    for (trunk, to, why) in [
        ("deny = [\"+4473\"]", "+447386172392", "+4473"),
        ("allow_countries = [\"US\"]", "+447386172392", "GB"),
        ("allow = [\"+1\"]", "+447386172392", "allow"),
        ("", "+19005551234", "premium"),
    ] {
        let switch = usual().trunk(trunk).start();
        let refused = switch.post_outbound(&outbound(json!({ "to_number": to })));
        assert_eq!(
            (refused.status, &refused.json["error"]["code"]),
            (502, &json!("outbound_failed")),
            "{trunk}"
        );
        let said = refused.json["error"]["details"]["twilio_error"].as_str().unwrap_or_default();
        assert!(said.contains(why), "{trunk}: {said}");
        assert_eq!(switch.get("/v1/calls").json["count"], 0, "{trunk}");
    }
    let switch = usual().trunk("allow_classes = [\"premium\"]").start();
    let sipp = Sipp::at(&switch.place, "busy-486");
    let call = switch.call_with(json!({ "to_number": "+19005551234" }));
    assert_eq!(ended(&switch, &call), ("busy".into(), "busy".into()));
    let report = sipp.succeed(1);
    assert!(report.requests("INVITE")[0].starts_with("INVITE sip:+19005551234@"));
}

#[test]
fn a_redirection_is_followed_where_it_may_lead() {
    let switch = usual().start();
    let first = Sipp::at(&switch.place, "redirect-elsewhere");
    let elsewhere = SocketAddrV4::new(switch.place.trunk, 5081);
    let second = Sipp::run(elsewhere, "load", &["-m", "1"]);
    let call = switch.call_with(json!({}));
    assert_eq!(ended(&switch, &call), ("completed".into(), "completed".into()));
    first.succeed(1);
    second.succeed(1);
    let row = ledger::ended(&switch, &call);
    assert!(row["invites"].to_string().contains(":5081"), "{row}");
}

#[test]
fn a_redirection_to_where_we_are_is_a_loop() {
    let Told { metrics, .. } = play("redirect-loop", ("unreachable", "unreachable"));
    assert_eq!(metrics.sip("invites_sent_total"), 1.0);
}

#[test]
fn killed_while_the_second_trunk_rings_the_call_is_not_dialled_again() {
    let mut switch = two().start();
    let first = Sipp::at(&switch.place, "unavailable-503");
    let second = Sipp::run(switch.place.second_sip(), "no-answer", &["-m", "1"]);
    let call = switch.call_with(json!({}));
    first.succeed(1);
    let path = format!("/v1/calls/{call}");
    eventually("it rings", || (switch.get(&path).json["status"] == "ringing").then_some(()));
    // The second INVITE's intent was on disk before it left.
    let row = ledger::row(&switch, &call);
    assert_eq!((&row["state"], &row["trunk"]), (&json!("dialing"), &json!("t2")), "{row}");
    assert!(row["invites"].to_string().contains("t1"), "{row}");
    switch.kill();
    drop(second);
    switch.restart();
    assert_eq!(ended(&switch, &call), ("failed".into(), "indeterminate".into()));
    assert_eq!(switch.metrics().sip("invites_sent_total"), 0.0, "nobody is called again");
}
