//! What can be seen of a world.

use trunkline::call::Role;
use trunkline::model::{CallFact, CallId, Disposition, EndedBy, Outcome, Trunk};
use trunkline::trunk::health::State;
use trunkline_media::bridge::Members;

use super::World;
use super::phone::Phone;

impl World {
    /// How often something that was to be heard was thrown away.
    pub fn thrown_away(&self) -> usize {
        self.thrown_away
    }

    /// What a call's program has said, in its order.
    pub fn said(&self, call: CallId) -> Vec<&str> {
        self.said.iter().filter(|(whose, _)| *whose == call).map(|(_, text)| text.as_str()).collect()
    }

    /// Does a call's callee hear whoever talks for us?
    pub fn hears_talker(&self, call: CallId) -> bool {
        self.callees_hear[&call.get()].has(Members::at(Role::Talker.place())) && !self.is_apart(call)
    }

    /// Does a call's callee hear nobody who sits with it, whoever that is?
    pub fn is_apart(&self, call: CallId) -> bool {
        self.apart.get(&call.get()).is_some_and(|is_apart| *is_apart)
    }

    /// Is a call's callee heard, by whoever sits with it?
    pub fn is_callee_heard(&self, call: CallId) -> bool {
        self.callees_heard.get(&call.get()).is_none_or(|is_heard| *is_heard)
    }

    /// Does a callee's speech stop what is said to it?
    pub fn is_interruptible(&self, call: CallId) -> bool {
        self.interruptible.get(&call.get()).is_some_and(|is_so| *is_so)
    }

    /// Which calls wanted an opener said.
    pub fn openers(&self) -> &[CallId] {
        &self.openers
    }

    pub fn phone(&self) -> &Phone {
        self.phone.as_ref().expect("there is a phone")
    }

    /// Every call that the switch knows.
    pub fn calls(&self) -> Vec<CallId> {
        self.told.keys().filter_map(|call| CallId::new(*call)).collect()
    }

    /// What guides were asked.
    pub fn asked(&self) -> &[String] {
        &self.asked
    }

    /// The keys that callees heard.
    pub fn exchange_keys(&self) -> &str {
        self.exchange.keys()
    }

    /// Callees that are on hold.
    pub fn exchange_held(&self) -> usize {
        self.exchange.held()
    }

    /// Calls that the usual trunk's callees saw.
    pub fn exchange_rung(&self) -> u64 {
        self.exchange.tally().0
    }

    /// INVITEs that the carrier saw.
    pub fn carrier_asked(&self) -> usize {
        self.carrier.as_ref().map_or(0, |(_, gateway)| gateway.asked())
    }

    pub fn carrier_state(&self) -> State {
        let (trunk, _) = self.carrier.as_ref().expect("there is a carrier");
        self.admission.report(self.now, trunk).health.state()
    }

    /// The names that the switch has asked for, and for calls by which trunk.
    pub fn names_asked(&mut self) -> Vec<(String, Option<String>)> {
        let asked = std::iter::from_fn(|| self.shard.poll_query());
        asked.map(|asked| (asked.query.host, asked.trunk.map(|trunk| trunk.name.clone()))).collect()
    }

    /// Channels in use, of the usual trunk and of the carrier.
    pub fn channels(&self) -> (u32, u32) {
        let (carrier, _) = self.carrier.as_ref().expect("there is a carrier");
        let calls = |trunk: &Trunk| self.admission.report(self.now, trunk).calls;
        (calls(&self.trunk), calls(carrier))
    }

    /// What it ended as, and by whom.
    pub fn end(&self, call: CallId) -> (Disposition, EndedBy) {
        let outcome = self.outcome(call);
        (outcome.disposition, outcome.ended_by)
    }

    /// How a call ended; it must have ended exactly once, with nothing told after it.
    pub fn outcome(&self, call: CallId) -> &Outcome {
        let facts = &self.told[&call.get()];
        let ends = facts.iter().filter(|fact| matches!(fact, CallFact::Ended(_))).count();
        assert_eq!(ends, 1, "{call} ended {ends} times: {facts:?}");
        match facts.last() {
            Some(CallFact::Ended(outcome)) => outcome,
            other => panic!("{call}: something was told after its end: {other:?}"),
        }
    }

    pub fn facts(&self, call: CallId) -> &[CallFact] {
        &self.told[&call.get()]
    }

    /// Has it ended?
    pub fn is_over(&self, call: CallId) -> bool {
        let facts = self.told.get(&call.get());
        facts.is_some_and(|facts| matches!(facts.last(), Some(CallFact::Ended(_))))
    }

    /// Has it begun, and not ended?
    pub fn lives(&self, call: CallId) -> bool {
        self.told.contains_key(&call.get()) && !self.is_over(call)
    }

    /// Nothing is left of any call, on either side.
    pub fn assert_quiet(&self) {
        assert_eq!(self.shard.calls(), 0, "the switch keeps calls");
        let (rung, ended) = self.exchange.tally();
        assert_eq!(rung, ended, "callees are left on the line");
        let (began, over) = self.phone.as_ref().map_or((0, 0), Phone::tally);
        assert_eq!(began, over, "the phone is left on the line");
        assert_eq!((self.ours.len(), self.theirs.len()), (0, 0), "media legs are left open");
        assert_eq!(self.admission.concurrent(), 0, "permits are not given back");
    }
}
