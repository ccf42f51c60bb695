//! How calls come into a world: asked for, made for another, or from outside; with the usual agent and trunk.

use std::sync::Arc;
use std::time::Duration;

use trunkline::call::{Command, DialOrder, Knock, Origination, Reception, Seed};
use trunkline::model::{
    Agent, AgentId, CallId, CallPlan, Destination, Disposition, EndedBy, Line, LineEnd, Said, TenantId,
    Timestamp, Trunk, TrunkId, VoicemailAction,
};
use trunkline::simulator::Persona;
use trunkline_media::BridgeSpec;

use super::phone::{Deed, NUMBER};
use super::{EXCHANGE, OURS, World};

impl World {
    /// Calls a persona with the usual agent.
    pub fn call(&mut self, persona: Persona) -> CallId {
        self.call_with(persona, |_| {})
    }

    /// Calls a persona, with what `change` makes of the plan.
    pub fn call_with(&mut self, persona: Persona, change: impl FnOnce(&mut CallPlan)) -> CallId {
        let call = self.next_call();
        let mut plan = self.plan(call, persona);
        change(&mut plan);
        let spec = BridgeSpec {
            detect: Some(trunkline::call::detection(&plan.agent.detection)),
            rtp_timeout: Duration::from_secs(30),
            ..BridgeSpec::default()
        };
        let (leg, local) = self.ours.open(self.now, spec, call.get());
        let (chosen, permit) =
            self.admission.admit(self.now, None, &plan.trunks).expect("the world has no limits");
        plan.trunk = Arc::clone(&plan.trunks[chosen]);
        let (recording, seed) = (Some("/nonexistent/world.wav".into()), Seed::new([7; 32]));
        let origination = Origination { plan, leg, local, recording, seed, permit };
        self.shard.handle_command(self.now, Command::Originate(Box::new(origination)));
        self.drain();
        call
    }

    /// Whoever knocks is let in.
    pub(super) fn receive(&mut self, mut knock: Knock) {
        let call = self.next_call();
        let mut plan = self.plan(call, Persona::Silent);
        plan.trunks = vec![Arc::clone(&self.trunk)];
        (plan.from, plan.to) = (NUMBER.parse().expect("E.164"), "+15550107777".parse().expect("E.164"));
        plan.sip = self.endpoint.clone();
        plan.flow = self.script.clone();
        plan.staff = self.staff.clone();
        if plan.sip.is_some() || plan.flow.is_some() || plan.staff.is_some() {
            plan.script = Vec::new();
        }
        let spec = BridgeSpec { rtp_timeout: Duration::from_secs(30), ..BridgeSpec::default() };
        let permit = self.admission.admit_inbound(self.now, &self.trunk).expect("the world has no limits");
        let (leg, local) = self.ours.open(self.now, spec, call.get());
        let (offer, seed) = (knock.incoming.body.take(), Seed::new([7; 32]));
        let origination = Origination { plan, leg, local, recording: None, seed, permit };
        let reception = Reception { origination, invite: knock.invite, offer };
        self.shard.handle_command(self.now, Command::Receive(Box::new(reception)));
    }

    /// As the dialer does: nobody may call 999.
    pub(super) fn place(&mut self, order: DialOrder) {
        let (parent, ticket) = (order.parent.call, order.ticket);
        if matches!(&order.to, Destination::Number(number) if number.as_str().starts_with("+999")) {
            let why = "this destination is not allowed".to_owned();
            return self.shard.handle_command(self.now, Command::Refused { call: parent, ticket, why });
        }
        let call = self.next_call();
        self.parents.insert(call.get(), parent.get());
        let plan =
            trunkline::dialer::plan_of_second(&order, order.ours.clone(), vec![Arc::clone(&self.trunk)]);
        let plan = CallPlan { call, sip_call_id: format!("{call}@world"), asked_at: self.now, ..plan };
        let spec = BridgeSpec {
            early: true,
            speech: false,
            rtp_timeout: Duration::from_secs(30),
            ..BridgeSpec::default()
        };
        let (leg, local) = self.ours.open(self.now, spec, call.get());
        let (_, permit) =
            self.admission.admit(self.now, None, &plan.trunks).expect("the world has no limits");
        let seed = Seed::new([9; 32]);
        let origination = Origination { plan, leg, local, recording: None, seed, permit };
        self.shard.handle_command(self.now, Command::Originate(Box::new(origination)));
    }

    fn next_call(&mut self) -> CallId {
        let call = CallId::new(self.next_call).expect("a small number");
        self.next_call += 1;
        call
    }

    pub(super) fn plan(&self, call: CallId, persona: Persona) -> CallPlan {
        let number = |e164: &str| e164.parse().expect("E.164");
        CallPlan {
            trunks: self.carrier.iter().map(|(trunk, _)| trunk).chain([&self.trunk]).cloned().collect(),
            script: vec![Line { said: Said::Text("hello".into()), then: LineEnd::Listen }],
            voicemail: VoicemailAction::Hangup,
            ..CallPlan::plain(
                call,
                format!("{call}@world"),
                Arc::new(agent()),
                Arc::clone(&self.trunk),
                number("+15550100000"),
                number(&format!("+1555010000{}", persona.digit())),
                (self.now, Timestamp(0)),
            )
        }
    }

    /// The phone calls in.
    pub fn phone_calls(&mut self, deed: Deed) {
        let phone = self.phone.as_mut().expect("there is a phone");
        phone.call(self.now, OURS, deed, None);
        self.drain();
    }

    /// The phone puts the other side of its latest call on hold, or takes it back.
    pub fn phone_holds(&mut self, on: bool) {
        let phone = self.phone.as_mut().expect("there is a phone");
        phone.hold(self.now, on);
        self.drain();
    }

    /// Ends a call as an operator would.
    pub fn hangup(&mut self, call: CallId) {
        let (disposition, by) = (Disposition::Cancelled, EndedBy::Operator);
        self.shard.handle_command(self.now, Command::Hangup { call, disposition, by });
        self.drain();
    }

    /// The calls that were made for this one.
    pub fn seconds(&self, call: CallId) -> Vec<CallId> {
        let made = self.parents.iter().filter(|(_, parent)| **parent == call.get());
        made.filter_map(|(second, _)| CallId::new(*second)).collect()
    }
}

pub fn agent() -> Agent {
    Agent {
        id: AgentId(1),
        alias: "agent".into(),
        ring_timeout: Duration::from_secs(20),
        record: true,
        ..Agent::plain(TenantId(1))
    }
}

pub(super) fn trunk() -> Trunk {
    Trunk::new(TrunkId(1), TenantId(1), "world", format!("sip:{EXCHANGE}"))
}
