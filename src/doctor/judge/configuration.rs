//! What the configuration says, before anything is sent. What needs the trunk's address is judged with its names.

use super::words::{Reach, reach, table};
use crate::doctor::finding::{Code, Finding, Step};
use crate::doctor::observation::Names;
use crate::doctor::patient::Patient;

/// Of the trunk alone.
pub fn configuration(patient: &Patient) -> Vec<Finding> {
    let trunk = &patient.trunk;
    let tried = format!("read {}", table(trunk));
    if !trunk.enabled {
        return vec![Finding::warning(
            Step::Configuration,
            Code::TrunkDisabled,
            tried,
            "enabled = false: it is examined, but places no calls",
            format!("In {} set `enabled = true`.", table(trunk)),
        )];
    }
    let authentication = match &trunk.username {
        Some(username) => format!("with user name `{username}`"),
        None => "without credentials: by address alone".to_owned(),
    };
    vec![Finding::ok(Step::Configuration, tried, format!("{}, {authentication}", trunk.uri))]
}

/// Whether the trunk could reach us at what we say of ourselves.
pub fn surroundings(patient: &Patient, names: &Names) -> Vec<Finding> {
    let Some(farthest) = names.hops.iter().map(|hop| reach(hop.address.ip())).max() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let sip = patient.advertise.unwrap_or(patient.sip.ip());
    let media = patient.media_advertise.unwrap_or(patient.media);
    let there = names.hops[0].address.ip();
    let tried = |what: &str| format!("compared {what} with the trunk's, {there}");
    if patient.sip.ip().is_loopback() && farthest > Reach::Loopback {
        found.push(Finding::fault(
            Step::Configuration,
            Code::ListensOnLoopback,
            tried("the address that SIP listens on"),
            format!("{} is this machine's loopback: nothing outside reaches it", patient.sip.ip()),
            "In [sip] set `listen` to an address of a network interface, for instance \
             `listen = [\"udp:0.0.0.0:5060\"]`, and in [media] `address` likewise.",
        ));
    } else if reach(sip) < farthest && !sip.is_unspecified() {
        found.push(Finding::fault(
            Step::Configuration,
            Code::AdvertisesPrivateSip,
            tried("the address that Via and Contact name"),
            format!("{sip} is private: requests of the trunk within a call cannot reach us"),
            "In [sip] set `advertise` to the public address of this machine or of its router.",
        ));
    }
    if reach(media) < farthest {
        found.push(Finding::fault(
            Step::Configuration,
            Code::AdvertisesPrivateMedia,
            tried("the address that our SDP names"),
            format!("{media} is not public: the trunk's audio cannot reach it"),
            "In [media] set `advertise` to the public address of this machine or of its router.",
        ));
    }
    found
}
