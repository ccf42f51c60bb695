//! How a request travels: by UDP or TCP, over IPv4 or IPv6, and to which of a name's hosts (RFC 3261 §18, RFC 3263).

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};

use serde_json::{Value, json};

use super::routing::{ended, trunk};
use super::usual;
use crate::doctor::fake::Fake;
use crate::switch::{Place, Report, Setup, Sipp, Switch, eventually, spoken_ms};

fn completed(switch: &Switch, fields: Value) {
    let call = switch.call_with(fields);
    assert_eq!(ended(switch, &call), ("completed".into(), "completed".into()));
}

/// A call whose INVITE is longer than a datagram should be.
fn large(scenario: &str) -> Report {
    let switch = usual().trunk("headers = { X-Story = \"{story}\" }").start();
    let sipp = Sipp::at(&switch.place, scenario);
    completed(&switch, json!({ "dynamic_vars": { "name": "Ann", "story": "o".repeat(900) } }));
    let report = sipp.succeed(1);
    assert_eq!(switch.complaints(), [""; 0]);
    assert!(report.requests("INVITE")[0].len() > 1_300);
    report
}

#[test]
fn a_large_invite_goes_by_tcp_though_nobody_said_so() {
    large("large-invite-tcp");
}

#[test]
fn a_large_invite_goes_by_udp_where_there_is_no_tcp() {
    large("large-invite-udp");
}

#[test]
fn calls_share_one_connection() {
    let place = Place::claim();
    let uri = format!("sip:{};transport=tcp", place.trunk_sip());
    let switch = usual().trunk_uri(&uri).at(place).start();
    let sipp = Sipp::run(switch.place.trunk_sip(), "answer-tcp", &["-m", "4"]);
    for _ in 0..3 {
        completed(&switch, json!({}));
        assert_eq!(switch.place.connections_to(switch.place.trunk_sip()), 1);
    }
    completed(&switch, json!({}));
    sipp.succeed(4);
}

#[test]
fn a_call_over_ipv6_is_heard_both_ways() {
    let [own, far] = [free_port(), free_port()];
    let switch = usual().over_ipv6(own).trunk_uri(&format!("sip:{far}")).start();
    let sipp = Sipp::run(far, "answer-ipv6", &["-m", "1"]);
    let call = switch.call();
    let record = switch.call_until_ended(&call);
    assert_eq!(record["ended_reason"], "completed", "{record}");
    sipp.succeed(1);
    let recording = switch.recording(&record).expect("an answered call is recorded");
    let (said, heard) = (spoken_ms(&recording.agent), spoken_ms(&recording.callee));
    assert!(said >= 200 && heard >= 200, "said {said} ms, heard {heard} ms");
    assert_eq!(switch.complaints(), [""; 0]);
}

/// A port of `::1` that nobody has now. There is only one such address, so that nothing better than luck keeps it free.
fn free_port() -> SocketAddrV6 {
    let socket = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).expect("the machine has IPv6");
    match socket.local_addr().expect("a bound socket") {
        SocketAddr::V6(address) => address,
        SocketAddr::V4(address) => panic!("{address} is no IPv6 address"),
    }
}

/// A carrier by name alone, which has two hosts: the second is tried after the first.
struct Two {
    place: Place,
    first: SocketAddrV4,
    second: SocketAddrV4,
    names: SocketAddrV4,
    _name_server: Fake,
}

fn two_hosts() -> Two {
    let place = Place::claim();
    let (first, second) = (place.trunk_sip(), place.second_sip());
    let names = SocketAddrV4::new(place.neighbour(53), 5353);
    let name_server = Fake::name_server(names, "carrier.example", &[first, second]);
    Two { place, first, second, names, _name_server: name_server }
}

impl Two {
    fn setup(&self, setup: Setup) -> Setup {
        setup.sip(&format!("nameservers = [\"{}\"]", self.names)).trunk_uri("sip:carrier.example")
    }

    /// One call, which the second host answers after the first did as `first` says.
    fn answers(self, setup: Setup, first: Option<&str>) {
        let setup = self.setup(setup);
        let first = first.map(|scenario| Sipp::run(self.first, scenario, &["-m", "1"]));
        let second = Sipp::run(self.second, "target-next", &["-m", "1"]);
        let switch = setup.at(self.place).start();
        completed(&switch, json!({}));
        second.succeed(1);
        if let Some(first) = first {
            first.succeed(1);
        }
        assert_eq!(switch.complaints(), [""; 0]);
    }
}

/// Whoever is silent is silent for long enough after 64 × T1 (Timers B and F, RFC 3261 §17.1).
fn hasty() -> Setup {
    Setup::new().sip("t1_ms = 50\nt2_ms = 800\nt4_ms = 100")
}

#[test]
fn an_invite_goes_past_a_host_that_is_dead() {
    // An ICMP error tells of it: no timer is waited for.
    two_hosts().answers(usual(), None);
}

#[test]
fn an_invite_goes_past_a_host_that_has_no_room() {
    two_hosts().answers(usual(), Some("target-unavailable"));
}

#[test]
fn an_invite_goes_past_a_host_that_says_nothing() {
    two_hosts().answers(hasty(), Some("target-silent"));
}

/// A registration, which the second host takes after the first did as `first` says.
fn registers(first: Option<&str>) {
    let two = two_hosts();
    let setup = two.setup(usual().trunk("register = true"));
    let first = first.map(|scenario| Sipp::run(two.first, scenario, &["-m", "1"]));
    let second = Sipp::run(two.second, "register-elsewhere", &["-m", "1"]);
    let mut switch = setup.at(two.place).start();
    eventually("the registration", || (trunk(&switch, "t1")["registration"] == "registered").then_some(()));
    // At once, before any count was shown: the binding is taken back all the same.
    switch.terminate();
    assert!(switch.await_exit().success());
    if let Some(first) = first {
        first.succeed(1);
    }
    second.succeed(1);
}

#[test]
fn a_registration_goes_past_a_host_that_has_no_room() {
    registers(Some("register-unavailable"));
}

#[test]
fn a_registration_goes_past_a_host_that_is_dead() {
    registers(None);
}

/// A ping, which the second host answers after the first did as `first` says.
fn pings(first: Option<&str>) {
    let two = two_hosts();
    let setup = two.setup(usual().trunk("options_interval_seconds = 3600"));
    let first = first.map(|scenario| Sipp::run(two.first, scenario, &["-m", "1"]));
    let second = Sipp::run(two.second, "options-answered", &["-m", "1"]);
    let switch = setup.at(two.place).start();
    let up = eventually("somebody is there", || Some(trunk(&switch, "t1")).filter(|t| t["state"] == "up"));
    assert_eq!(up["options"]["status"], 200, "{up}");
    if let Some(first) = first {
        first.succeed(1);
    }
    second.succeed(1);
}

#[test]
fn a_ping_goes_past_a_host_that_has_no_room() {
    pings(Some("options-unavailable"));
}

#[test]
fn a_ping_goes_past_a_host_that_is_dead() {
    pings(None);
}
