//! Thousands of whole calls in virtual time: the switch's own shard and bridges against simulated callees, over a network
//! that loses, repeats and reorders. A failure prints its seed.

mod carrier;
mod control;
mod network;
mod pairs;
mod people;
mod phone;
mod routing;
mod scripts;
mod side;
mod stories;
mod transfers;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use trunkline::admission::{Admission, Limits};
use trunkline::agent::Errand;
use trunkline::call::{
    Aside, Command, DialOrder, ErrandOrder, Knock, Origination, Reception, Seed, Shard, Speech,
};
use trunkline::model::{
    Agent, AgentId, CallFact, CallId, CallPlan, Destination, Detection, Disposition, EndedBy, Line, LineEnd,
    NotDone, Occasion, Outcome, RightToUse, Said, Scripted, SipAgent, Speak, SpeakOrder, Staff, Step,
    TenantId, Timestamp, Trunk, TrunkId, VoicemailAction,
};
use trunkline::simulator::{self, Exchange, Order, Persona};
use trunkline::trunk::doors::Doors;
use trunkline::trunk::health::State;
use trunkline_media::{BridgeSpec, Clip, Digits, Event as MediaEvent, LegId, Recorded};
use trunkline_sip::{Config, Path};

pub use carrier::Carrier;
use carrier::Gateway;
pub use network::Weather;
use network::{Datagram, Network};
pub use phone::Deed;
use phone::Phone;
use side::Legs;

/// A network, a switch and an exchange.
pub struct World {
    pub now: Instant,
    start: Instant,
    network: Network,
    shard: Shard,
    exchange: Exchange,
    ours: Legs,
    theirs: Legs,
    next_call: u64,
    admission: Admission,
    trunk: Arc<Trunk>,
    told: BTreeMap<u64, Vec<CallFact>>,
    /// Who calls in.
    phone: Option<Phone>,
    /// A trunk before the usual one.
    carrier: Option<(Arc<Trunk>, Gateway)>,
    /// What guides answer, in the order of their being asked, and what they were asked.
    guides: VecDeque<Result<Vec<Step>, String>>,
    asked: Vec<String>,
    /// Intents that are not answered, if they are held.
    intents: Option<Vec<CallId>>,
    /// Parties that calls wish for and that are not placed yet, if they are held.
    dials: Option<Vec<DialOrder>>,
    /// Who talks with whoever calls in, if that is a SIP endpoint.
    endpoint: Option<Arc<SipAgent>>,
    /// Who takes calls, and whom whoever calls in gets.
    people: people::Floor,
    staff: Option<Arc<Staff>>,
    /// Which calls were made for which.
    parents: BTreeMap<u64, u64>,
    /// The script of whoever answers calls that come in.
    script: Option<Scripted>,
    /// What programs of steps had rendered, and what of it was queued.
    rendered: BTreeMap<(u64, u32), String>,
    said: Vec<(CallId, String)>,
    /// How often something that was to be heard was thrown away.
    thrown_away: usize,
}

const SWITCH: &str = "192.0.2.1:5060";
const EXCHANGE: &str = "192.0.2.2:5060";
const CARRIER: &str = "192.0.2.3:5060";
const PHONE: &str = "192.0.2.4:5060";
/// What the phone calls.
const OURS: &str = "sip:+15550107777@192.0.2.1";

impl World {
    pub fn new(seed: u64, weather: Weather) -> Self {
        let (switch, exchange) = (address(SWITCH), address(EXCHANGE));
        let seed_of = |who: u8| {
            let mut bytes = [who; 32];
            bytes[..8].copy_from_slice(&seed.to_le_bytes());
            bytes
        };
        #[expect(clippy::disallowed_methods, reason = "virtual time needs some instant to count from")]
        let start = Instant::now();
        let admission = Admission::new(Limits::default());
        Self {
            now: start,
            start,
            network: Network::new(StdRng::seed_from_u64(seed), weather),
            shard: Shard::new(Config::new(switch), seed_of(1), admission.clone()),
            exchange: Exchange::new(Config::new(exchange), seed_of(2)),
            ours: Legs::new("192.0.2.1", seed),
            theirs: Legs::new("192.0.2.2", seed ^ 1),
            next_call: 1,
            admission,
            trunk: Arc::new(trunk()),
            told: BTreeMap::new(),
            phone: None,
            carrier: None,
            guides: VecDeque::new(),
            asked: Vec::new(),
            intents: None,
            dials: None,
            endpoint: None,
            people: people::Floor::default(),
            staff: None,
            parents: BTreeMap::new(),
            script: None,
            rendered: BTreeMap::new(),
            said: Vec::new(),
            thrown_away: 0,
        }
    }

    /// How often something that was to be heard was thrown away.
    pub fn thrown_away(&self) -> usize {
        self.thrown_away
    }

    /// With another trunk, which is tried before the usual one.
    pub fn with_carrier(mut self, carrier: Carrier) -> Self {
        let trunk = Trunk::new(TrunkId(2), TenantId(1), "carrier", format!("sip:{CARRIER}"));
        self.carrier = Some((Arc::new(trunk), Gateway::new(Config::new(address(CARRIER)), carrier)));
        self
    }

    /// With a phone that calls in, by a trunk that this changes.
    pub fn with_phone(mut self, seed: u64, change: impl FnOnce(&mut Trunk)) -> Self {
        let mut bytes = [4; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        self.phone = Some(Phone::new(Config::new(address(PHONE)), bytes));
        let mut trunk = trunk();
        trunk.inbound.addresses = vec!["192.0.2.0/24".parse().expect("a network")];
        change(&mut trunk);
        self.trunk = Arc::new(trunk);
        let doors = Doors::of(std::slice::from_ref(&self.trunk));
        self.shard.handle_command(self.now, Command::Doors(doors));
        self
    }

    /// The phone calls in.
    pub fn phone_calls(&mut self, deed: Deed) {
        let phone = self.phone.as_mut().expect("there is a phone");
        phone.call(self.now, OURS, deed, None);
        self.drain();
    }

    /// Whoever calls in talks with this endpoint.
    pub fn answer_by(&mut self, endpoint: SipAgent) {
        self.endpoint = Some(Arc::new(endpoint));
    }

    /// Whoever calls in talks with people.
    pub fn answer_by_people(&mut self, staff: Staff) {
        self.staff = Some(Arc::new(staff));
    }

    /// Whoever calls in talks with this script.
    pub fn answer_by_script(&mut self, script: Scripted) {
        self.script = Some(script);
    }

    /// What a call's program has said, in its order.
    pub fn said(&self, call: CallId) -> Vec<&str> {
        self.said.iter().filter(|(whose, _)| *whose == call).map(|(_, text)| text.as_str()).collect()
    }

    /// Every callee says this.
    pub fn speak(&mut self, clip: &Arc<Clip>) {
        for leg in self.theirs.names() {
            let play = trunkline_media::Command::Play { clip: Arc::clone(clip), mark: None };
            for command in [trunkline_media::Command::OpenGate, play] {
                self.theirs.handle_command(self.now, leg, command);
            }
        }
        self.drain();
    }

    pub fn phone(&self) -> &Phone {
        self.phone.as_ref().expect("there is a phone")
    }

    /// Every call that the switch knows.
    pub fn calls(&self) -> Vec<CallId> {
        self.told.keys().filter_map(|call| CallId::new(*call)).collect()
    }

    /// The far end is to be put through there.
    pub fn transfer(&mut self, call: CallId, to: &str) -> Result<(), NotDone> {
        self.control(call, Step::Transfer(to.parse().expect("E.164")))
    }

    /// Something is done to a call by hand.
    pub fn control(&mut self, call: CallId, step: Step) -> Result<(), NotDone> {
        let (asked, answer) = std::sync::mpsc::channel();
        let told = Box::new(move |result| asked.send(result).expect("somebody waits"));
        let command = Command::Control { call, step, interrupt: false, told };
        self.shard.handle_command(self.now, command);
        self.drain();
        answer.recv().expect("the shard answers at once")
    }

    /// Whoever knocks is let in.
    fn receive(&mut self, mut knock: Knock) {
        let call = CallId::new(self.next_call).expect("a small number");
        self.next_call += 1;
        let mut plan = self.plan(call, Persona::Silent);
        plan.trunks = vec![Arc::clone(&self.trunk)];
        plan.to = "+15550107777".parse().expect("E.164");
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

    /// Intents of further INVITEs are not on disk until they are released.
    pub fn hold_intents(&mut self) {
        self.intents = Some(Vec::new());
    }

    pub fn release_intents(&mut self, is_on_disk: bool) {
        for call in self.intents.take().unwrap_or_default() {
            self.shard.handle_command(self.now, Command::Intended { call, is_on_disk, leg: None });
        }
        self.drain();
    }

    /// Parties that calls wish for are not placed until they are released.
    pub fn hold_dials(&mut self) {
        self.dials = Some(Vec::new());
    }

    pub fn release_dials(&mut self) {
        for order in self.dials.take().unwrap_or_default() {
            self.place(order);
        }
        self.drain();
    }

    /// The calls that were made for this one.
    pub fn seconds(&self, call: CallId) -> Vec<CallId> {
        let made = self.parents.iter().filter(|(_, parent)| **parent == call.get());
        made.filter_map(|(second, _)| CallId::new(*second)).collect()
    }

    /// As the dialer does: nobody may call 999.
    fn place(&mut self, order: DialOrder) {
        let (parent, ticket) = (order.parent.call, order.ticket);
        if matches!(&order.to, Destination::Number(number) if number.as_str().starts_with("+999")) {
            let why = "this destination is not allowed".to_owned();
            return self.shard.handle_command(self.now, Command::Refused { call: parent, ticket, why });
        }
        let call = CallId::new(self.next_call).expect("a small number");
        self.next_call += 1;
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

    /// A call's recording is on disk, and so long.
    pub fn recorded(&mut self, call: CallId, duration: Duration) {
        let event = MediaEvent::Recorded(Recorded { duration, bytes: 1, error: None });
        self.shard.handle_media(self.now, call, event);
        self.drain();
    }

    /// Guides answer these, one after the other.
    pub fn guide(&mut self, answers: impl IntoIterator<Item = Result<Vec<Step>, String>>) {
        self.guides.extend(answers);
    }

    /// What guides were asked.
    pub fn asked(&self) -> &[String] {
        &self.asked
    }

    fn fetch(&mut self, order: ErrandOrder) {
        let ErrandOrder { call, hand, errand } = order;
        let command = match errand {
            Errand::Sound { number, .. } => {
                let speech = Speech::Step(hand, number);
                Command::Rendered { call, speech, clip: Ok(simulator::agent_goodbye()) }
            }
            Errand::Aside { place, whispered, .. } => {
                let aside = if whispered { Aside::Whisper(place) } else { Aside::Music(place) };
                let clip = Ok(simulator::agent_goodbye());
                Command::Rendered { call, speech: Speech::Aside(aside), clip }
            }
            Errand::Steps { link, occasion, .. } => {
                let url = link.url;
                self.asked.push(match occasion {
                    Occasion::Answered => "answered".to_owned(),
                    Occasion::Redirected => format!("{url} redirected"),
                    Occasion::Dialled(dialled) => format!("{url} {}", dialled.status.as_str()),
                    Occasion::Gathered { digits, end } => format!("{url} {digits} {}", end.as_str()),
                });
                let steps = self.guides.pop_front().unwrap_or_else(|| Err("nobody answers".to_owned()));
                Command::Guided { call, steps }
            }
        };
        self.shard.handle_command(self.now, command);
    }

    /// Every callee presses these keys.
    pub fn press(&mut self, digits: &str) {
        let digits: Digits = digits.parse().expect("digits");
        for leg in self.theirs.names() {
            let command = trunkline_media::Command::SendDtmf { digits: digits.clone() };
            self.theirs.handle_command(self.now, leg, command);
        }
        self.drain();
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

    /// Channels in use, of the usual trunk and of the carrier.
    pub fn channels(&self) -> (u32, u32) {
        let (carrier, _) = self.carrier.as_ref().expect("there is a carrier");
        let calls = |trunk: &Trunk| self.admission.report(self.now, trunk).calls;
        (calls(&self.trunk), calls(carrier))
    }

    /// Lets time pass until this call is over.
    pub fn run_for_an_end(&mut self, call: CallId) {
        let is_over = |facts: &Vec<CallFact>| matches!(facts.last(), Some(CallFact::Ended(_)));
        while !self.told.get(&call.get()).is_some_and(is_over) {
            let next = self.next_event().expect("a call that lives has a timer");
            self.step(next);
        }
    }

    /// Calls a persona with the usual agent.
    pub fn call(&mut self, persona: Persona) -> CallId {
        self.call_with(persona, |_| {})
    }

    /// Calls a persona, with what `change` makes of the plan.
    pub fn call_with(&mut self, persona: Persona, change: impl FnOnce(&mut CallPlan)) -> CallId {
        let call = CallId::new(self.next_call).expect("a small number");
        self.next_call += 1;
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

    /// Ends a call as an operator would.
    pub fn hangup(&mut self, call: CallId) {
        let (disposition, by) = (Disposition::Cancelled, EndedBy::Operator);
        self.shard.handle_command(self.now, Command::Hangup { call, disposition, by });
        self.drain();
    }

    /// Lets time pass.
    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some(next) = self.next_event().filter(|next| *next <= until) {
            self.step(next);
        }
        self.now = until;
    }

    /// Lets time pass until every call is over and every timer has run out.
    pub fn run_out(&mut self) {
        let limit = self.now + Duration::from_secs(3_600);
        while let Some(next) = self.next_event() {
            assert!(next < limit, "a call does not end: {:?}", self.told);
            self.step(next);
        }
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

    fn next_event(&self) -> Option<Instant> {
        [
            self.network.next_arrival(),
            self.shard.poll_timeout(),
            self.people.poll_timeout(),
            self.exchange.poll_timeout(),
            self.carrier.as_ref().and_then(|(_, gateway)| gateway.poll_timeout()),
            self.phone.as_ref().and_then(Phone::poll_timeout),
            self.ours.poll_timeout(),
            self.theirs.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn step(&mut self, next: Instant) {
        self.now = self.now.max(next);
        let now = self.now;
        while let Some(datagram) = self.network.arrived(now) {
            self.deliver(datagram);
        }
        if self.shard.poll_timeout().is_some_and(|due| due <= now) {
            self.shard.handle_timeout(now);
        }
        self.people.handle_timeout(now);
        if self.exchange.poll_timeout().is_some_and(|due| due <= now) {
            self.exchange.handle_timeout(now);
        }
        if let Some((_, gateway)) = &mut self.carrier {
            gateway.handle_timeout(now);
        }
        if let Some(phone) = &mut self.phone {
            phone.handle_timeout(now);
        }
        self.ours.handle_timeout(now);
        self.theirs.handle_timeout(now);
        self.drain();
    }

    fn deliver(&mut self, datagram: Datagram) {
        let Datagram { from, to, payload } = datagram;
        let path = Path::udp(to, from);
        if to == address(SWITCH) {
            self.shard.handle_message(self.now, path, payload);
        } else if to == address(EXCHANGE) {
            self.exchange.handle_message(self.now, path, payload);
        } else if let Some((_, gateway)) = self.carrier.as_mut().filter(|_| to == address(CARRIER)) {
            gateway.handle_message(self.now, path, payload);
        } else if let Some(phone) = self.phone.as_mut().filter(|_| to == address(PHONE)) {
            phone.handle_message(self.now, path, payload);
        } else if !self.ours.handle_message(self.now, from, to, &payload) {
            self.theirs.handle_message(self.now, from, to, &payload);
        }
    }

    /// Carries everything to where it belongs until nothing moves.
    fn drain(&mut self) {
        while self.drain_switch() | self.drain_exchange() | self.drain_media() {}
    }

    fn drain_switch(&mut self) -> bool {
        let mut moved = false;
        while let Some(transmit) = self.shard.poll_transmit() {
            moved = true;
            self.network.send(self.now, transmit.path.local, transmit.path.remote, transmit.payload);
        }
        while let Some(order) = self.shard.poll_media() {
            moved = true;
            if let trunkline_media::Command::Play { mark: Some(mark), .. } = &order.command {
                self.note_said(order.call, *mark);
            }
            self.ours.handle_command(self.now, order.leg, order.command);
        }
        while let Some(order) = self.shard.poll_speech() {
            moved = true;
            if let Speech::Step(_, sound) = order.speech {
                self.rendered.insert((order.call.get(), sound), order.text.to_string());
            }
            let clip = Ok(simulator::agent_goodbye());
            let rendered = Command::Rendered { call: order.call, speech: order.speech, clip };
            self.shard.handle_command(self.now, rendered);
        }
        while let Some(order) = self.shard.poll_errand() {
            moved = true;
            self.fetch(order);
        }
        while let Some(errand) = self.shard.poll_person() {
            moved = true;
            self.people.run(self.now, errand);
        }
        while let Some(command) = self.people.poll_command() {
            moved = true;
            self.shard.handle_command(self.now, command);
        }
        while let Some(dialing) = self.shard.poll_intent() {
            moved = true;
            match &mut self.intents {
                Some(held) => held.push(dialing.call),
                None => {
                    let intended = Command::Intended { call: dialing.call, is_on_disk: true, leg: None };
                    self.shard.handle_command(self.now, intended);
                }
            }
        }
        while let Some(order) = self.shard.poll_dial() {
            moved = true;
            match &mut self.dials {
                Some(held) => held.push(order),
                None => self.place(order),
            }
        }
        while let Some(knock) = self.shard.poll_knock() {
            moved = true;
            self.receive(knock);
        }
        while let Some(event) = self.shard.poll_event() {
            moved = true;
            self.told.entry(event.call.get()).or_default().push(event.fact);
        }
        moved
    }

    /// The call's own program marks its sounds by the bit that stands before them.
    fn note_said(&mut self, call: CallId, mark: u32) {
        const GUIDE: u32 = 1 << 30;
        let text = self.rendered.get(&(call.get(), mark ^ GUIDE)).cloned();
        self.said.extend(text.map(|text| (call, text)));
    }

    fn drain_exchange(&mut self) -> bool {
        let mut moved = false;
        while let Some(transmit) = self.exchange.poll_transmit() {
            moved = true;
            self.network.send(self.now, transmit.path.local, transmit.path.remote, transmit.payload);
        }
        while let Some(transmit) = self.carrier.as_mut().and_then(|(_, gateway)| gateway.poll_transmit()) {
            moved = true;
            self.network.send(self.now, transmit.path.local, transmit.path.remote, transmit.payload);
        }
        while let Some(transmit) = self.phone.as_mut().and_then(Phone::poll_transmit) {
            moved = true;
            self.network.send(self.now, transmit.path.local, transmit.path.remote, transmit.payload);
        }
        while let Some(order) = self.exchange.poll_order() {
            moved = true;
            match order {
                Order::Open { token } => {
                    let (leg, local) = self.theirs.open(self.now, BridgeSpec::default(), token);
                    self.exchange.handle_opened(self.now, token, leg, local);
                }
                Order::Command { leg, command } => self.theirs.handle_command(self.now, leg, *command),
            }
        }
        moved
    }

    fn drain_media(&mut self) -> bool {
        let mut moved = false;
        for legs in [&mut self.ours, &mut self.theirs] {
            moved |= legs.drain(self.now, &mut self.network);
        }
        while let Some((token, event)) = self.ours.poll_event() {
            moved = true;
            let call = CallId::new(token).expect("our tokens are call ids");
            self.thrown_away += usize::from(matches!(event, MediaEvent::Marked { cleared: true, .. }));
            self.shard.handle_media(self.now, call, event);
        }
        while let Some((token, event)) = self.theirs.poll_event() {
            moved = true;
            self.exchange.handle_media(self.now, token, &event);
        }
        moved
    }

    fn plan(&self, call: CallId, persona: Persona) -> CallPlan {
        CallPlan {
            call,
            asked_at: self.now,
            asked_on: Timestamp(0),
            sip_call_id: format!("{call}@world"),
            agent: Arc::new(agent()),
            key: None,
            trunk: Arc::clone(&self.trunk),
            trunks: self.carrier.iter().map(|(trunk, _)| trunk).chain([&self.trunk]).cloned().collect(),
            from: "+15550100000".parse().expect("E.164"),
            to: format!("+1555010000{}", persona.digit()).parse().expect("E.164"),
            right_to_use: RightToUse::Unknown,
            account: String::new(),
            bot: None,
            staff: None,
            sip: None,
            second: None,
            guide: None,
            flow: None,
            script: vec![Line { said: Said::Text("hello".into()), then: LineEnd::Listen }],
            variables: Arc::default(),
            campaign: None,
            voicemail_message: None,
            voicemail: VoicemailAction::Hangup,
            max_hold: None,
            speak_order: SpeakOrder::AgentFirst,
            speak: Speak::Verdict,
            opener: None,
            record: false,
            tap: false,
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("after {:?} of virtual time: {:#?}", self.now - self.start, self.told);
        }
    }
}

pub fn agent() -> Agent {
    Agent {
        id: AgentId(1),
        alias: "agent".into(),
        tenant: TenantId(1),
        webhook_url: None,
        webhook_events: None,
        greeting: None,
        voice: None,
        steps: Vec::new(),
        flow: None,
        voicemail_message: None,
        voicemail: VoicemailAction::Hangup,
        barge_in: true,
        ring_timeout: Duration::from_secs(20),
        call_duration_max: Duration::from_secs(300),
        silence_hangup: Duration::from_secs(10),
        timezone: None,
        detection: Detection::default(),
        phone_number: None,
        trunk: None,
        speak_order: SpeakOrder::AgentFirst,
        speak: Speak::Verdict,
        opener: None,
        bot: None,
        staff: None,
        model: None,
        transcript: Default::default(),
        transcription: None,
        analysis: None,
        sip: None,
        record: true,
    }
}

fn trunk() -> Trunk {
    Trunk::new(TrunkId(1), TenantId(1), "world", format!("sip:{EXCHANGE}"))
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A leg's name in this world.
fn leg(number: u64) -> LegId {
    LegId::from_raw(number)
}
