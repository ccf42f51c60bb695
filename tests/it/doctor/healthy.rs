//! Sound carriers: no false alarm.

use trunkline::simulator::Persona;

use super::{diagnose, examine_with};
use crate::callees::{Callees, number};
use crate::switch::{Place, Setup};

#[test]
fn a_healthy_carrier_has_no_fault() {
    let diagnosis = diagnose("healthy");
    diagnosis.sound();
    assert!(diagnosis.came_back("call").contains("200 OK"), "{}", diagnosis.said);
    assert!(diagnosis.came_back("rtp").contains("packets, 0 lost"), "{}", diagnosis.said);
}

#[test]
fn a_challenge_by_sha_256_alone_is_fine() {
    let diagnosis = diagnose("healthy-challenge");
    diagnosis.sound();
    assert!(diagnosis.came_back("digest").contains("SHA-256"), "{}", diagnosis.said);
}

#[test]
fn the_simulator_has_no_fault() {
    let place = Place::claim();
    let _callees = Callees::at(&place);
    let diagnosis = examine_with(Setup::new(), &place, &["--call", &number(Persona::Person)]);
    diagnosis.sound();
    assert!(diagnosis.came_back("rtp").contains("packets"), "{}", diagnosis.said);
}

#[test]
fn without_a_number_nothing_rings() {
    let place = Place::claim();
    let callees = Callees::at(&place);
    examine_with(Setup::new(), &place, &[]).sound();
    assert_eq!(callees.rung(), 0);
}
