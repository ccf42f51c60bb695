//! A trunk that we register with: the binding is made, renewed and taken back, and calls go where the registrar says.

use std::net::SocketAddrV4;

use serde_json::json;

use super::routing::{ended, trunk};
use super::usual;
use crate::switch::{Place, Setup, Sipp, Switch, eventually, outbound};

fn registering() -> Setup {
    usual().trunk("register = true")
}

/// A switch beside a registrar that was there first, once it is registered.
fn registered(setup: Setup, scenario: &str) -> (Switch, Sipp) {
    let place = Place::claim();
    let registrar = Sipp::at(&place, scenario);
    let switch = setup.at(place).start();
    await_registered(&switch);
    (switch, registrar)
}

fn await_registered(switch: &Switch) {
    let up = eventually("the registration", || {
        Some(trunk(switch, "t1")).filter(|trunk| trunk["registration"] == "registered")
    });
    assert_eq!((&up["state"], &up["why"]), (&json!("up"), &json!("REGISTER was accepted")), "{up}");
}

/// The switch stops, and takes its binding back before.
fn leaves(mut switch: Switch, registrar: Sipp) {
    switch.terminate();
    assert!(switch.await_exit().success());
    registrar.succeed(1);
    assert_eq!(switch.complaints(), [""; 0]);
}

/// As [`leaves`], once the registrar has seen so many REGISTERs.
fn leaves_after(count: f64, switch: Switch, registrar: Sipp) {
    switch.metrics_until("the last REGISTER but one", |metrics| {
        metrics.sum("trunkline_sip_datagrams_total", &[("result", "sent")]) == count
            && metrics.sip("messages_received_total") == count
    });
    await_registered(&switch);
    leaves(switch, registrar);
}

#[test]
fn a_binding_is_renewed_before_it_ends_and_taken_back_at_the_end() {
    let (switch, registrar) = registered(registering(), "register-renewed");
    leaves_after(2.0, switch, registrar);
}

#[test]
fn a_binding_that_is_too_brief_is_asked_for_longer() {
    let (switch, registrar) = registered(registering(), "register-too-brief");
    leaves(switch, registrar);
}

#[test]
fn a_registrar_that_challenges_is_told_who_we_are_without_being_asked_again() {
    let (switch, registrar) = registered(registering(), "register-challenged");
    leaves_after(4.0, switch, registrar);
}

#[test]
fn a_registrar_that_refuses_our_password_is_not_asked_again_soon() {
    let place = Place::claim();
    let registrar = Sipp::at(&place, "register-wrong-password");
    let switch = registering().at(place).start();
    registrar.succeed(1);
    let down = eventually("it is refused", || Some(trunk(&switch, "t1")).filter(|t| t["state"] == "down"));
    assert_eq!(down["registration"], "failed");
    let why = down["why"].as_str().unwrap_or_default();
    assert!(why.contains("401 Unauthorized: the credentials are refused; tried again in "), "{down}");
    let refused = switch.post_outbound(&outbound(json!({})));
    assert_eq!(
        (refused.status, &refused.json["error"]["details"]["sip_code"]),
        (502, &json!(401)),
        "{refused:?}"
    );
    let metrics =
        switch.metrics_until("two REGISTERs", |metrics| metrics.sip("messages_received_total") == 2.0);
    assert_eq!(metrics.sum("trunkline_sip_datagrams_total", &[("result", "sent")]), 2.0);
}

#[test]
fn calls_take_the_way_that_the_registrar_named() {
    let (switch, registrar) = registered(registering(), "register-service-route");
    let hop = SocketAddrV4::new(switch.place.trunk, 5081);
    let proxy = Sipp::run(hop, "by-service-route", &["-m", "1"]);
    let call = switch.call();
    assert_eq!(ended(&switch, &call), ("busy".into(), "busy".into()));
    proxy.succeed(1);
    leaves(switch, registrar);
}

#[test]
fn a_trunk_of_tcp_is_registered_with_by_tcp() {
    let place = Place::claim();
    let registrar = Sipp::at(&place, "register-tcp");
    let uri = format!("sip:{};transport=tcp", place.trunk_sip());
    let switch = registering().trunk_uri(&uri).at(place).start();
    await_registered(&switch);
    leaves(switch, registrar);
}
