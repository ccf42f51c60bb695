//! The order of an examination: what is done next, after what was seen. Sans-IO: orders go out, observations come in, findings
//! are polled. Which finding an observation deserves is `judge`'s affair.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use trunkline_sip::{Protocol, Target};

use super::finding::{Finding, Step, Verdict};
use super::judge;
use super::observation::{CallSeen, Exchange, Knocked, Names, Observation};
use super::patient::Patient;
use super::remedy::{Remedy, remedies};
use crate::model::{PhoneNumber, Registration, Trunk};

/// What the shell is to do. Each order brings exactly one observation.
#[derive(Clone, Debug)]
pub enum Order {
    /// Look where this URI leads.
    Look(String),
    /// Knock at an address.
    Knock(Target),
    /// OPTIONS; these are the addresses that are alive, best first.
    Options(Vec<Target>),
    /// OPTIONS by a socket that the Via does not name.
    ReturnPath,
    /// REGISTER, and take the binding back.
    Register(Registration),
    /// A call.
    Call {
        /// By the trunk as it is, or with a remedy.
        trunk: Arc<Trunk>,
        /// Whom.
        to: PhoneNumber,
    },
}

/// Addresses of a trunk that are knocked at.
const HOPS_MAX: usize = 4;

/// One examination.
pub struct Examination {
    patient: Patient,
    orders: VecDeque<Order>,
    findings: VecDeque<Finding>,
    hops: Vec<Target>,
    knocks: Vec<Knocked>,
    digest_told: bool,
    /// OPTIONS that nobody answered, until a call says what that means.
    unanswered: Option<Exchange>,
    refused: Option<Refused>,
}

/// A call that was refused, and what is being tried about it.
struct Refused {
    call: Box<CallSeen>,
    left: VecDeque<Remedy>,
    tried: Vec<Remedy>,
}

impl Examination {
    /// Looks at the configuration, and begins.
    pub fn new(patient: Patient) -> Self {
        let hop = patient.trunk.outbound_proxy.as_ref().unwrap_or(&patient.trunk.uri);
        Self {
            orders: VecDeque::from([Order::Look(hop.clone())]),
            findings: judge::configuration(&patient).into(),
            hops: Vec::new(),
            knocks: Vec::new(),
            digest_told: false,
            unanswered: None,
            refused: None,
            patient,
        }
    }

    /// What was seen after the last order.
    pub fn handle_observation(&mut self, observation: Observation) {
        match observation {
            Observation::Names(names) => self.hear_names(names),
            Observation::Knocked(knocked) => self.hear_knock(knocked),
            Observation::Options(exchange) => self.hear_options(exchange),
            Observation::ReturnPath(exchange) => {
                self.findings.push_back(judge::return_path(&self.patient, &exchange));
                self.register();
            }
            Observation::Registered(exchange) => self.hear_register(&exchange),
            Observation::Called(call) => self.hear_call(call),
            Observation::NotAdmitted(why) => self.end_calls(why),
        }
    }

    /// What is to be done next; `None`: the examination is over, once the findings are drained.
    pub fn poll_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// There is no time for more: what a refused call brought so far is told, and the rest left out.
    pub fn give_up(&mut self, after: Duration) {
        self.orders.clear();
        self.end_calls(format!(
            "the examination took longer than {} s, and begins nothing more",
            after.as_secs()
        ));
    }

    /// The last call that was ordered was not placed.
    fn end_calls(&mut self, why: String) {
        if let Some(options) = self.unanswered.take() {
            self.findings.push_back(judge::unanswered(&self.patient, &options, false));
        }
        if let (Some(refused), Some(to)) = (self.refused.take(), self.patient.call.clone()) {
            let tried = &refused.tried[..refused.tried.len().saturating_sub(1)];
            self.findings.push_back(judge::refused(&self.patient, &to, &refused.call, tried));
        }
        self.findings.push_back(Finding::skipped(Step::Call, why));
    }

    /// The next finding.
    pub fn poll_finding(&mut self) -> Option<Finding> {
        self.findings.pop_front()
    }

    fn hear_names(&mut self, names: Names) {
        self.findings.extend(judge::names(&self.patient, &names));
        self.hops = names.hops;
        self.hops.truncate(HOPS_MAX);
        match self.hops.is_empty() {
            true => self.skip(&[Step::Options, Step::Call], "the trunk has no address"),
            false => self.orders.extend(self.hops.iter().copied().map(Order::Knock)),
        }
    }

    fn hear_knock(&mut self, knocked: Knocked) {
        self.findings.push_back(judge::knocked(&self.patient, &knocked, self.hops.len() == 1));
        self.knocks.push(knocked);
        if self.knocks.len() < self.hops.len() {
            return;
        }
        let alive = self.knocks.iter().filter(|knocked| knocked.refused.is_none());
        let alive: Vec<Target> = alive.map(|knocked| knocked.hop).collect();
        match alive.is_empty() {
            true => self.skip(&[Step::Options, Step::Call], "nothing listens at the trunk's address"),
            false => self.orders.push_back(Order::Options(alive)),
        }
    }

    fn hear_options(&mut self, exchange: Exchange) {
        if let Some(finding) = judge::transport(&self.patient, &exchange) {
            self.findings.push_back(finding);
            return self.skip(&[Step::Options, Step::Call], "nothing can be sent to the trunk");
        }
        let spoke = self.knocks.iter().find(|knocked| knocked.refused.is_none());
        let tls = spoke.and_then(|knocked| judge::tls(&self.patient, &knocked.hop, &exchange));
        self.findings.extend(tls.filter(|_| exchange.last_final().is_some()));
        self.findings.extend(judge::options(&self.patient, &exchange));
        if exchange.last_final().is_none() {
            // Without a number to call that was the end.
            self.unanswered = self.patient.call.is_some().then_some(exchange);
            if self.unanswered.is_some() {
                self.register();
            }
            return;
        }
        if let Some(finding) = judge::digest(&self.patient, &exchange) {
            let is_taken = finding.verdict == Verdict::Ok;
            self.findings.push_back(finding);
            self.digest_told = true;
            if !is_taken {
                return self.skip(&[Step::Call], "the trunk does not take our credentials");
            }
        }
        // Over a connection, answers come back by it (RFC 3261 §18.2.2).
        match spoke_udp(&self.knocks) {
            true => self.orders.push_back(Order::ReturnPath),
            false => self.register(),
        }
    }

    fn register(&mut self) {
        match self.patient.trunk.registration.clone() {
            Some(wanted) => self.orders.push_back(Order::Register(wanted)),
            None => self.call(),
        }
    }

    fn hear_register(&mut self, exchange: &Exchange) {
        let mut founders = false;
        if let Some(finding) = judge::digest(&self.patient, exchange) {
            founders = finding.verdict == Verdict::Fault;
            self.digest_told = true;
            self.findings.push_back(finding);
        }
        if !founders {
            let finding = judge::register(&self.patient, exchange);
            founders = finding.verdict == Verdict::Fault;
            self.findings.push_back(finding);
        }
        match founders {
            true => {
                self.skip(&[Step::Call], "the registrar comes first: without it the trunk does not know us")
            }
            false => self.call(),
        }
    }

    fn call(&mut self) {
        match self.patient.call.clone() {
            None => self.findings.push_back(Finding::skipped(Step::Call, "no number to call was given")),
            Some(to) => self.orders.push_back(Order::Call { trunk: Arc::clone(&self.patient.trunk), to }),
        }
    }

    fn hear_call(&mut self, call: Box<CallSeen>) {
        let Some(to) = self.patient.call.clone() else { return };
        if let Some(options) = self.unanswered.take() {
            let is_calling = call.exchange.theirs().next().is_some();
            self.findings.push_back(judge::unanswered(&self.patient, &options, is_calling));
            if !is_calling {
                return;
            }
        }
        let is_taken = is_taken(&call);
        match self.refused.take() {
            None if is_taken => {
                self.digest_of(&call);
                self.findings.push_back(judge::accepted(&to, &call));
                self.hear_talk(&call);
            }
            None => {
                if self.digest_of(&call) {
                    return;
                }
                let left = remedies(&self.patient, &to, &call).into();
                self.try_next(&to, Refused { call, left, tried: Vec::new() });
            }
            Some(refused) if cures(&call) => {
                let remedy = refused.tried.last().expect("a second call has a remedy");
                self.findings.push_back(judge::cured(&self.patient, &to, &refused.call, remedy));
                self.hear_talk(&call);
            }
            Some(refused) => self.try_next(&to, refused),
        }
    }

    fn try_next(&mut self, to: &PhoneNumber, mut refused: Refused) {
        let Some(remedy) = refused.left.pop_front() else {
            let finding = judge::refused(&self.patient, to, &refused.call, &refused.tried);
            return self.findings.push_back(finding);
        };
        self.orders.push_back(Order::Call { trunk: Arc::clone(&remedy.trunk), to: to.clone() });
        refused.tried.push(remedy);
        self.refused = Some(refused);
    }

    fn hear_talk(&mut self, call: &CallSeen) {
        self.findings.extend(judge::extensions(&self.patient, call));
        if call.answer.is_some() {
            self.findings.extend(judge::media(&self.patient, call));
            self.findings.extend(judge::hold(call));
            self.findings.extend(judge::dialog(call));
        }
    }

    /// Tells what became of an INVITE's challenges. True: the call foundered on them.
    fn digest_of(&mut self, call: &CallSeen) -> bool {
        let Some(finding) = judge::digest(&self.patient, &call.exchange) else { return false };
        let is_fault = finding.verdict == Verdict::Fault;
        if is_fault || !self.digest_told {
            self.findings.push_back(finding);
            self.digest_told = true;
        }
        is_fault
    }

    fn skip(&mut self, steps: &[Step], why: &str) {
        let skipped = steps.iter().filter(|step| **step != Step::Call || self.patient.call.is_some());
        self.findings.extend(skipped.map(|step| Finding::skipped(*step, why)));
    }
}

fn spoke_udp(knocks: &[Knocked]) -> bool {
    let spoke = knocks.iter().find(|knocked| knocked.refused.is_none());
    spoke.is_some_and(|knocked| knocked.hop.protocol == Protocol::Udp)
}

/// Answered, or rang for as long as we let it.
fn is_taken(call: &CallSeen) -> bool {
    let rang = call.exchange.theirs().any(|seen| matches!(seen.message.status(), Some(180..=189)));
    call.answer.is_some() || call.failure.is_none() && rang
}

/// Whether a remedy worked: the call was taken, in a way that can be used, or reached a callee who refused it.
fn cures(call: &CallSeen) -> bool {
    let status = call.exchange.last_final().and_then(|message| message.status());
    is_taken(call) && !matches!(call.answer, Some(Err(_))) || matches!(status, Some(486 | 600))
}
