//! Carriers that cannot be reached.

use std::net::UdpSocket;

use super::{examine, examine_with};
use crate::switch::{Place, Setup};

#[test]
fn nobody_listens_at_the_port() {
    let place = Place::claim();
    examine(Setup::new(), &place).only_fault("port-refused", &["`uri`", ":5080"]);
}

#[test]
fn a_firewall_swallows_everything() {
    let place = Place::claim();
    let _silent = UdpSocket::bind(place.trunk_sip()).expect("a free port");
    examine_with(Setup::new(), &place, &[]).only_fault("no-answer", &["firewall", ":5080"]);
}
