//! Names and addresses: where the trunk is, and whether anything listens there.

use std::net::IpAddr;

use super::configuration::surroundings;
use super::words::{hop, table};
use crate::doctor::finding::{Code, Finding, Step};
use crate::doctor::observation::{Answer, Asked, Knocked, Names, RecordKind};
use crate::doctor::patient::Patient;

/// What the resolver said, and what follows for our own addresses.
pub fn names(patient: &Patient, names: &Names) -> Vec<Finding> {
    let tried = format!("looked up {}", names.host);
    if names.host.parse::<IpAddr>().is_ok() {
        let tried = format!("read the host of {}", patient.trunk.uri);
        let literal = Finding::ok(Step::Names, tried, "an address: there is nothing to look up");
        return std::iter::once(literal).chain(surroundings(patient, names)).collect();
    }
    if names.hops.is_empty() {
        return vec![Finding::fault(
            Step::Names,
            Code::NameUnknown,
            tried,
            said(&names.asked),
            format!(
                "In {} correct the host in `uri`: no name server knows {}; or ask the carrier for its SIP host.",
                table(&patient.trunk),
                names.host
            ),
        )];
    }
    let hops: Vec<_> = names.hops.iter().map(hop).collect();
    let came_back = format!("{}: {}", said(&names.asked), hops.join(", "));
    std::iter::once(Finding::ok(Step::Names, tried, came_back)).chain(surroundings(patient, names)).collect()
}

fn said(asked: &[Asked]) -> String {
    let each = asked.iter().map(|asked| {
        let kind = match asked.kind {
            RecordKind::Naptr => "NAPTR",
            RecordKind::Srv => "SRV",
            RecordKind::Address => "A and AAAA",
        };
        match &asked.answer {
            Answer::Records(records) => format!("{kind} of {}: {}", asked.name, records.join(", ")),
            Answer::Nothing => format!("{kind} of {}: none", asked.name),
        }
    });
    each.collect::<Vec<_>>().join("; ")
}

/// Whether an address is alive. Of several, one that is dead costs each call that begins with it; none alive is the end.
pub fn knocked(patient: &Patient, knocked: &Knocked, is_only: bool) -> Finding {
    let protocol = knocked.hop.protocol.token();
    let hop = hop(&knocked.hop);
    let tried = format!("knocked at {hop}");
    let table = table(&patient.trunk);
    match &knocked.refused {
        None => Finding::ok(Step::Connect, tried, "nothing refused it"),
        Some(error) if is_only => Finding::fault(
            Step::Connect,
            Code::PortRefused,
            tried,
            error.clone(),
            format!(
                "In {table} correct the port in `uri`: nothing listens at {hop}; if the carrier named that port, ask whether its SIP \
                 service is up and takes {protocol}."
            ),
        ),
        Some(error) => Finding::fault(
            Step::Connect,
            Code::SrvTargetDead,
            tried,
            error.clone(),
            format!(
                "Ask the carrier to take {hop} out of its DNS records or to revive it: calls that are sent there wait before they go \
                 elsewhere. Until then name a host that is alive in the `uri` of {table}."
            ),
        ),
    }
}
