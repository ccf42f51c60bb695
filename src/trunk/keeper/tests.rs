//! Trunks kept in virtual time: a user agent of ours, a carrier's, and nothing between them.

use bytes::Bytes;
use trunkline_sip::{Config, Path};

use super::*;
use crate::admission::Limits;
use crate::model::{Registration as Wanted, TenantId};
use crate::trunk::health::State;

struct Story {
    now: Instant,
    keeper: Keeper,
    ours: UserAgent,
    theirs: UserAgent,
    gate: Admission,
    /// The carrier hears nothing.
    deaf: bool,
    /// Start lines of what reached the carrier.
    heard: Vec<String>,
}

const HERE: &str = "192.0.2.1:5060";
const THERE: &str = "192.0.2.2:5060";

impl Story {
    #[expect(clippy::disallowed_methods, reason = "virtual time needs some instant to count from")]
    fn begin() -> Self {
        let agent =
            |at: &str, seed: u8| UserAgent::new(Config::new(at.parse().expect("an address")), [seed; 32]);
        Self {
            now: Instant::now(),
            keeper: Keeper::default(),
            ours: agent(HERE, 1),
            theirs: agent(THERE, 2),
            gate: Admission::new(Limits::default()),
            deaf: false,
            heard: Vec::new(),
        }
    }

    fn keep(&mut self, trunks: &[Arc<Trunk>]) {
        self.keeper.handle_trunks(self.now, &mut self.ours, &self.gate, trunks);
        self.settle();
    }

    /// Carries messages to and fro until nothing moves.
    fn settle(&mut self) {
        let path = |local: &str, remote: &str| {
            Path::udp(local.parse().expect("an address"), remote.parse().expect("an address"))
        };
        loop {
            let mut moved = false;
            while let Some(transmit) = self.ours.poll_transmit() {
                moved = true;
                if !self.deaf {
                    self.heard.push(start_line(&transmit.payload));
                    self.theirs.handle_message(self.now, path(THERE, HERE), transmit.payload);
                }
            }
            while let Some(transmit) = self.theirs.poll_transmit() {
                moved = true;
                self.ours.handle_message(self.now, path(HERE, THERE), transmit.payload);
            }
            while let Some(event) = self.ours.poll_event() {
                self.keeper.handle_event(self.now, &self.gate, &event);
            }
            if !moved {
                return;
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let next = [self.keeper.poll_timeout(), self.ours.poll_timeout(), self.theirs.poll_timeout()];
            let Some(next) = next.into_iter().flatten().min().filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            self.ours.handle_timeout(self.now);
            self.theirs.handle_timeout(self.now);
            self.keeper.handle_timeout(self.now, &mut self.ours, &self.gate);
            self.settle();
        }
        self.now = until;
    }

    fn state(&self, trunk: &Trunk) -> State {
        self.gate.report(self.now, trunk).health.state()
    }

    fn heard(&self, method: &str) -> usize {
        self.heard.iter().filter(|line| line.starts_with(method)).count()
    }
}

fn start_line(message: &Bytes) -> String {
    let line = message.split(|byte| *byte == b'\r').next().unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}

fn trunk(id: u64) -> Trunk {
    Trunk::new(TrunkId(id), TenantId(1), format!("t{id}"), format!("sip:{THERE}"))
}

fn every(seconds: u64, trunk: Trunk) -> Arc<Trunk> {
    let mut trunk = trunk;
    trunk.health.options_interval = Some(Duration::from_secs(seconds));
    Arc::new(trunk)
}

#[test]
fn every_trunk_is_asked_soon_and_then_at_its_interval() {
    let mut story = Story::begin();
    let trunk = every(30, trunk(1));
    story.keep(&[Arc::clone(&trunk)]);
    story.wait(Duration::from_secs(2));
    assert_eq!((story.heard("OPTIONS"), story.state(&trunk)), (1, State::Up));
    story.wait(Duration::from_secs(90));
    assert_eq!(story.heard("OPTIONS"), 4);
}

#[test]
fn trunks_are_not_asked_all_at_once() {
    let mut story = Story::begin();
    let trunks: Vec<_> = (1..=32).map(|id| every(30, trunk(id))).collect();
    story.keep(&trunks);
    story.wait(Duration::from_millis(500));
    assert!((8..=24).contains(&story.heard("OPTIONS")), "{}", story.heard("OPTIONS"));
    story.wait(Duration::from_millis(1_500));
    assert_eq!(story.heard("OPTIONS"), 32);
}

#[test]
fn a_trunk_that_falls_silent_is_down_within_half_a_minute_and_up_with_its_first_word() {
    let mut story = Story::begin();
    let trunk = every(10, trunk(1));
    story.keep(&[Arc::clone(&trunk)]);
    story.wait(Duration::from_secs(5));
    story.deaf = true;
    story.wait(Duration::from_secs(30));
    assert_eq!(story.state(&trunk), State::Down);
    story.deaf = false;
    story.wait(Duration::from_secs(7));
    assert_eq!(story.state(&trunk), State::Up);
}

#[test]
fn a_trunk_without_an_interval_is_not_asked() {
    let mut story = Story::begin();
    let mut quiet = trunk(1);
    quiet.health.options_interval = None;
    story.keep(&[Arc::new(quiet)]);
    story.wait(Duration::from_secs(120));
    assert_eq!(story.heard.len(), 0);
}

#[test]
fn a_trunk_that_is_gone_or_disabled_is_asked_no_more() {
    let mut story = Story::begin();
    let kept = every(10, trunk(1));
    story.keep(std::slice::from_ref(&kept));
    story.wait(Duration::from_secs(5));
    let before = story.heard.len();
    story.keep(&[Arc::new(Trunk { enabled: false, ..Trunk::clone(&kept) })]);
    story.wait(Duration::from_secs(60));
    assert_eq!(story.heard.len(), before);
}

#[test]
fn a_registration_that_is_refused_takes_the_trunk_down_and_is_given_up_with_the_trunk() {
    let mut story = Story::begin();
    let mut registering = trunk(1);
    registering.health.options_interval = None;
    registering.username = Some("user".into());
    registering.registration =
        Some(Wanted { registrar: None, user: None, expires: Duration::from_secs(600) });
    let trunk = Arc::new(registering);
    story.keep(std::slice::from_ref(&trunk));
    // The carrier's user agent is no registrar: 405.
    assert_eq!(story.heard("REGISTER sip:192.0.2.2:5060"), 1, "{:?}", story.heard);
    assert_eq!(story.state(&trunk), State::Down);
    let report = story.gate.report(story.now, &trunk);
    assert_eq!(report.health.sip_code(), Some(405), "{}", report.health.why());
    story.keep(&[]);
    assert_eq!(story.state(&trunk), State::Unknown);
}
