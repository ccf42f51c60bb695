//! Thousands of whole calls in virtual time: the switch's own shard and bridges against simulated callees, over a network
//! that loses, repeats and reorders. A failure prints its seed.

mod calling;
mod carrier;
mod control;
mod follows;
mod holds;
mod network;
mod pairs;
mod people;
mod phone;
mod routing;
mod scripts;
mod seen;
mod side;
mod stories;
mod transfers;
mod turning;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use trunkline::admission::{Admission, Limits};
use trunkline::agent::Place;
use trunkline::agent::stream::Event as BotEvent;
use trunkline::call::{Aside, BotId, Command, DialOrder, ErrandOrder, Role, Shard, Speech};
use trunkline::model::{
    CallFact, CallId, NotDone, Scripted, SipAgent, Staff, Step, TenantId, Trunk, TrunkId,
};
use trunkline::simulator::{self, Exchange};
use trunkline::trunk::doors::Doors;
use trunkline_media::bridge::Members;
use trunkline_media::{Clip, Digits, Event as MediaEvent, LegId, Recorded};
use trunkline_sip::Config;

pub use calling::agent;
use calling::trunk;
pub use carrier::Carrier;
use carrier::Gateway;
use network::Network;
pub use network::Weather;
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
    /// What was asked of guides and has no answer yet, if that is held.
    questions: Option<Vec<ErrandOrder>>,
    /// Bots that were called, and that were sent away.
    bots: Vec<(BotId, String)>,
    dismissed: Vec<(CallId, Role)>,
    /// Intents that are not answered, if they are held.
    intents: Option<Vec<(CallId, usize)>>,
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
    /// Whom callees were last told to hear.
    callees_hear: BTreeMap<u64, Members>,
    /// Whether callees were last let to be heard.
    callees_heard: BTreeMap<u64, bool>,
    /// Of which calls the callee hears nobody who sits with it.
    apart: BTreeMap<u64, bool>,
    /// Whose speech stops what is said.
    interruptible: BTreeMap<u64, bool>,
    /// Whose opener was rendered.
    openers: Vec<CallId>,
    /// How often something that was to be heard was thrown away.
    thrown_away: usize,
    /// What every text sounds like.
    voice: Arc<Clip>,
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
            questions: None,
            bots: Vec::new(),
            dismissed: Vec::new(),
            intents: None,
            dials: None,
            endpoint: None,
            people: people::Floor::default(),
            staff: None,
            parents: BTreeMap::new(),
            script: None,
            rendered: BTreeMap::new(),
            said: Vec::new(),
            callees_hear: BTreeMap::new(),
            callees_heard: BTreeMap::new(),
            apart: BTreeMap::new(),
            interruptible: BTreeMap::new(),
            openers: Vec::new(),
            thrown_away: 0,
            voice: simulator::agent_goodbye(),
        }
    }

    /// With another clip that every text sounds like.
    pub fn with_voice(mut self, voice: Arc<Clip>) -> Self {
        self.voice = voice;
        self
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

    /// Intents of further INVITEs are not on disk until they are released.
    pub fn hold_intents(&mut self) {
        self.intents = Some(Vec::new());
    }

    pub fn release_intents(&mut self, is_on_disk: bool) {
        for (call, attempt) in self.intents.take().unwrap_or_default() {
            let intended = Command::Intended { call, attempt, is_on_disk, leg: None };
            self.shard.handle_command(self.now, intended);
        }
        self.drain();
    }

    /// The intent of one of a call's INVITEs, by how many there were then, is on disk.
    pub fn intended(&mut self, call: CallId, attempt: usize) {
        self.shard.handle_command(self.now, Command::Intended { call, attempt, is_on_disk: true, leg: None });
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

    /// Guides think about what they are asked until they are released.
    pub fn hold_guides(&mut self) {
        self.questions = Some(Vec::new());
    }

    pub fn release_guides(&mut self) {
        for order in self.questions.take().unwrap_or_default() {
            self.fetch(order);
        }
        self.drain();
    }

    /// A bot has something to say of itself.
    pub fn bot(&mut self, bot: BotId, event: BotEvent) {
        self.shard.handle_command(self.now, Command::Bot { bot, event });
        self.drain();
    }

    /// A text could not be rendered.
    pub fn unrendered(&mut self, call: CallId, speech: Speech) {
        let clip = Err("no voice".to_owned());
        self.shard.handle_command(self.now, Command::Rendered { call, speech, clip });
        self.drain();
    }

    /// What a party is to be told was rendered.
    pub fn whisper(&mut self, call: CallId, place: Place) {
        let (speech, clip) = (Speech::Aside(Aside::Whisper(place)), Ok(Arc::clone(&self.voice)));
        self.shard.handle_command(self.now, Command::Rendered { call, speech, clip });
        self.drain();
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
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("after {:?} of virtual time: {:#?}", self.now - self.start, self.told);
        }
    }
}

/// "Hello?"
pub fn word() -> Arc<Clip> {
    Arc::new(Clip::from_wav(include_bytes!("../../../src/simulator/audio/hello.wav")).expect("a WAV file"))
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A leg's name in this world.
fn leg(number: u64) -> LegId {
    LegId::from_raw(number)
}
