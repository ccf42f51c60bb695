//! Shell: carries out an examination's orders, one after the other.
#![expect(clippy::disallowed_methods, reason = "a shell: it reads the clock")]

use std::io;
use std::time::{Duration, Instant};

use super::examination::{Examination, Order};
use super::finding::{Finding, Verdict};
use super::gate::Gate;
use super::observation::Observation;
use super::patient::Patient;
use super::wire::Wire;
use super::{call, knock, names};
use crate::model::PhoneNumber;
use crate::trunk::destination;

/// Why a trunk could not be examined.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// No socket, or one that failed.
    #[error("a socket of the doctor's own: {0}")]
    Io(#[from] io::Error),
    /// The number may not be called by this trunk.
    #[error("{number} is not called: {rule}")]
    Destination {
        /// Which, shown masked.
        number: PhoneNumber,
        /// What forbids it.
        rule: String,
    },
}

/// After so long no step begins any more. The longest step, a call that rings in vain, takes about a minute.
const BUDGET: Duration = Duration::from_secs(90);

/// What is wrong with a trunk: at least one fault, and all else that was found.
pub type Findings = Vec<Finding>;

/// A trunk that can be called through, and all that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// In order; none is a fault.
    pub findings: Findings,
}

/// Examines a trunk. Each finding is told as it is made, and all are given back. Calls pass the gate, if there is one: that of a
/// running switch.
pub async fn examine(
    patient: Patient,
    gate: Option<Gate>,
    mut tell: impl FnMut(&Finding),
) -> Result<Findings, DoctorError> {
    if let Some(to) = &patient.call {
        // Before anything is sent: the guard against toll fraud holds for whoever asks.
        let from = patient.from.as_ref().unwrap_or(to);
        destination::check(&patient.trunk, from, to)
            .map_err(|rule| DoctorError::Destination { number: to.clone(), rule })?;
    }
    let began = Instant::now();
    let mut wire = Wire::bind(&patient)?;
    let mut examination = Examination::new(patient.clone());
    let mut findings = Vec::new();
    loop {
        while let Some(finding) = examination.poll_finding() {
            tell(&finding);
            findings.push(finding);
        }
        let Some(order) = examination.poll_order() else { return Ok(findings) };
        if began.elapsed() > BUDGET {
            examination.give_up(BUDGET);
            continue;
        }
        let observation = match order {
            Order::Look(uri) => {
                Observation::Names(names::look(&uri, &patient.nameservers, &patient.within).await)
            }
            Order::Knock(hop) => Observation::Knocked(knock::knock(patient.sip, hop).await),
            Order::Options(hops) => {
                wire.lead(hops);
                Observation::Options(wire.options(&patient, false).await?)
            }
            Order::ReturnPath => Observation::ReturnPath(wire.options(&patient, true).await?),
            Order::Register(wanted) => Observation::Registered(wire.register(&patient, &wanted).await?),
            Order::Call { trunk, to } => {
                let permit = match &gate {
                    Some(gate) => gate.enter(&trunk).await.map(Some),
                    None => Ok(None),
                };
                match permit {
                    Ok(permit) => {
                        let call = call::call(&mut wire, &patient, &trunk, &to, permit).await?;
                        Observation::Called(Box::new(call))
                    }
                    Err(why) => Observation::NotAdmitted(why),
                }
            }
        };
        examination.handle_observation(observation);
    }
}

/// Whether a trunk can be called through: OPTIONS and REGISTER, and a call where [`Patient::call`] names a number.
pub async fn verify(patient: Patient) -> Result<Result<Verified, Findings>, DoctorError> {
    let findings = examine(patient, None, |_| {}).await?;
    let is_sound = findings.iter().all(|finding| finding.verdict != Verdict::Fault);
    Ok(if is_sound { Ok(Verified { findings }) } else { Err(findings) })
}
