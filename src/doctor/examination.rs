//! The order of an examination: what is done next, after what was seen. Sans-IO: orders go out, observations come in, findings
//! are polled. Which finding an observation deserves is `judge`'s affair.

use std::collections::VecDeque;

use super::finding::{Finding, Step};
use super::judge;
use super::observation::{Hop, Observation};
use super::patient::Patient;
use crate::trunk::route;

/// What the shell is to do. Each order brings exactly one observation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Look at names.
    Look {
        /// The host.
        host: String,
        /// The port, or SIP's.
        port: u16,
    },
    /// Knock at an address.
    Knock(Hop),
    /// OPTIONS; these are the addresses that are alive, best first.
    Options(Vec<Hop>),
    /// OPTIONS by a socket that the Via does not name.
    ReturnPath,
}

/// Addresses of a trunk that are knocked at.
const HOPS_MAX: usize = 4;

/// One examination.
pub struct Examination {
    patient: Patient,
    orders: VecDeque<Order>,
    findings: VecDeque<Finding>,
    hops: Vec<Hop>,
    knocks: usize,
    alive: Vec<Hop>,
}

impl Examination {
    /// Looks at the configuration, and begins.
    pub fn new(patient: Patient) -> Self {
        let (host, port) = route::host_port(&patient.trunk);
        let orders = VecDeque::from([Order::Look { host: host.to_owned(), port }]);
        let findings = judge::configuration(&patient).into();
        Self { patient, orders, findings, hops: Vec::new(), knocks: 0, alive: Vec::new() }
    }

    /// What was seen after the last order.
    pub fn handle_observation(&mut self, observation: Observation) {
        match observation {
            Observation::Names(names) => {
                self.findings.extend(judge::names(&self.patient, &names));
                self.hops = names.hops;
                self.hops.truncate(HOPS_MAX);
                match self.hops.is_empty() {
                    true => self.skip_rest("the trunk has no address"),
                    false => self.orders.extend(self.hops.iter().copied().map(Order::Knock)),
                }
            }
            Observation::Knocked(knocked) => {
                let is_alive = knocked.refused.is_none();
                self.findings.push_back(judge::knocked(&self.patient, &knocked));
                self.knocks += 1;
                self.alive.extend(is_alive.then_some(knocked.hop));
                if self.knocks == self.hops.len() {
                    match self.alive.is_empty() {
                        true => self.skip_rest("nothing listens at the trunk's address"),
                        false => self.orders.push_back(Order::Options(self.alive.clone())),
                    }
                }
            }
            Observation::Options(exchange) => {
                let found = judge::options(&self.patient, &exchange);
                let is_answered = exchange.last_final().is_some();
                self.findings.extend(found);
                if is_answered {
                    self.orders.push_back(Order::ReturnPath);
                }
            }
            Observation::ReturnPath(exchange) => {
                self.findings.push_back(judge::return_path(&self.patient, &exchange));
            }
        }
    }

    /// What is to be done next; `None`: the examination is over, once the findings are drained.
    pub fn poll_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// The next finding.
    pub fn poll_finding(&mut self) -> Option<Finding> {
        self.findings.pop_front()
    }

    fn skip_rest(&mut self, why: &str) {
        self.findings.push_back(Finding::skipped(Step::Options, why));
    }
}
