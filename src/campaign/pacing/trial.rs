//! A campaign that calls nobody: people, callees and time are drawn by lot, and the calls are paced as those of a real one are. Says what a
//! pacing is worth before anybody is called. The same seed is the same day. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{LOOK_EVERY, Next, Pacer, is_room};
use crate::campaign::abandonment::{self, COUNT_EVERY};
use crate::model::{Abandonment, Busy, CallId, CampaignId, Outlook, Pacing};

/// Who calls whom, and for how long.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Setting {
    /// So many people take calls all the time.
    pub people: usize,
    /// Of all callees, so many answer, from 0 to 1.
    pub humans: f64,
    /// And so many leave that to a machine.
    pub machines: f64,
    /// How long it rings before somebody answers: at least [`RING_MIN`], and on average so long.
    pub ring: Duration,
    /// How long it may ring.
    pub ring_max: Duration,
    /// From the answer until it is known who answered, on average.
    pub verdict: Duration,
    /// How long is talked, on average; the spread is log-normal.
    pub talk: Duration,
    /// What people have after each call.
    pub wrap_up: Duration,
    /// How long whoever answers may hear nobody.
    pub patience: Duration,
    /// Calls under way at once, talks among them.
    pub lines: usize,
    /// For how long they call.
    pub time: Duration,
    /// What is drawn.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Calls that were made.
    pub calls: u64,
    /// Callees who answered, as persons.
    pub answered: u64,
    /// Of those, the ones who heard nobody in time.
    pub abandoned: u64,
    /// How long people talked, all together.
    pub talked: Duration,
    /// How long people waited for a call, all together.
    pub idle: Duration,
}

/// Nobody answers sooner.
pub const RING_MIN: Duration = Duration::from_secs(2);
/// Standard deviation of talks, as a share of their mean.
const TALK_SPREAD: f64 = 0.8;
/// Of those who do not answer, so many are refused within [`REFUSED_BY`]; the others let it ring.
const REFUSED: f64 = 0.1;
const REFUSED_BY: Duration = Duration::from_secs(3);
/// How long a call lasts that a machine answered and that is hung up on.
const MACHINE: Duration = Duration::from_millis(200);
/// Whose calls they are.
const CAMPAIGN: CampaignId = CampaignId(1);

/// Such a day, paced so. Time begins at `start`.
pub fn run(setting: &Setting, pacing: Pacing, start: Instant) -> Report {
    let mut trial = Trial::new(setting, pacing, start);
    trial.put(Duration::ZERO, Event::Dial);
    trial.put(COUNT_EVERY, Event::Count);
    while let Some(Reverse((at, _, event))) = trial.events.pop()
        && at <= trial.end
    {
        trial.now = at;
        trial.handle(event);
    }
    trial.close()
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Event {
    /// It is looked whether somebody may be called.
    Dial,
    /// The calls that were abandoned are counted.
    Count,
    /// Somebody, or something, has answered.
    Answer(CallId, Callee),
    /// It is known who.
    Verdict(CallId, Callee),
    /// Over, and nobody talked.
    End(CallId),
    /// Whoever answered has heard nobody for too long.
    Impatient(CallId),
    /// Both have talked enough.
    Stop(CallId, usize),
    /// Somebody has written down what was said.
    Free(usize),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Callee {
    Human,
    Machine,
}

struct Trial<'a> {
    setting: &'a Setting,
    pacing: Pacing,
    rng: StdRng,
    now: Instant,
    end: Instant,
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    put: u64,
    pacer: Pacer,
    /// Who waits for a call, since when; longest first.
    idle: VecDeque<(usize, Instant)>,
    busy: HashMap<usize, Busy>,
    /// Callees who hear nobody yet.
    waiting: VecDeque<CallId>,
    under_way: BTreeSet<CallId>,
    counted: Abandonment,
    is_held_back: bool,
    report: Report,
}

impl<'a> Trial<'a> {
    fn new(setting: &'a Setting, pacing: Pacing, start: Instant) -> Self {
        Self {
            setting,
            pacing,
            rng: StdRng::seed_from_u64(setting.seed),
            now: start,
            end: start + setting.time,
            events: BinaryHeap::new(),
            put: 0,
            pacer: Pacer::default(),
            idle: (0..setting.people).map(|person| (person, start)).collect(),
            busy: HashMap::new(),
            waiting: VecDeque::new(),
            under_way: BTreeSet::new(),
            counted: Abandonment::default(),
            is_held_back: false,
            report: Report::default(),
        }
    }

    fn put(&mut self, after: Duration, event: Event) {
        self.put += 1;
        self.events.push(Reverse((self.now + after, self.put, event)));
    }

    fn handle(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Dial => {
                while self.may_dial() {
                    self.dial();
                }
                self.put(LOOK_EVERY, Event::Dial);
            }
            Event::Count => {
                self.is_held_back = abandonment::is_near(self.counted);
                self.put(COUNT_EVERY, Event::Count);
            }
            Event::Answer(call, callee) => {
                self.pacer.handle_answered(now, call);
                let share = self.rng.random_range(0.5..1.5);
                self.put(self.setting.verdict.mul_f64(share), Event::Verdict(call, callee));
            }
            Event::Verdict(call, Callee::Machine) => {
                self.pacer.handle_automated(call);
                self.put(MACHINE, Event::End(call));
            }
            Event::Verdict(call, Callee::Human) => {
                self.pacer.handle_wanted(now, call);
                self.waiting.push_back(call);
                self.put(self.setting.patience, Event::Impatient(call));
                self.serve();
            }
            Event::End(call) => self.end(call),
            Event::Impatient(call) => {
                if let Some(place) = self.waiting.iter().position(|waiting| *waiting == call) {
                    self.waiting.remove(place);
                    self.counted.abandoned += 1;
                    self.counted.answered += 1;
                    self.end(call);
                }
            }
            Event::Stop(call, person) => {
                self.pacer.handle_ended(now, call, true);
                self.counted.answered += 1;
                self.busy.insert(person, Busy::WrapUp { until: now + self.setting.wrap_up });
                self.put(self.setting.wrap_up, Event::Free(person));
            }
            Event::Free(person) => {
                self.busy.remove(&person);
                self.idle.push_back((person, now));
                self.serve();
            }
        }
    }

    fn end(&mut self, call: CallId) {
        self.under_way.remove(&call);
        self.pacer.handle_ended(self.now, call, false);
    }

    /// Whoever waits longest, on either side, is served first.
    fn serve(&mut self) {
        if self.waiting.is_empty() || self.idle.is_empty() {
            return;
        }
        let (Some(call), Some((person, since))) = (self.waiting.pop_front(), self.idle.pop_front()) else {
            return;
        };
        self.under_way.remove(&call);
        self.report.idle += self.now.saturating_duration_since(since);
        self.busy.insert(person, Busy::Talking { call, since: self.now });
        let talk = self.talk();
        self.report.talked += talk.min(self.end.saturating_duration_since(self.now));
        self.put(talk, Event::Stop(call, person));
    }

    fn may_dial(&mut self) -> bool {
        let (free, under_way) = (self.idle.len(), self.under_way.len());
        if under_way + self.busy.len() >= self.setting.lines {
            return false;
        }
        let pacing = if self.is_held_back { Pacing::ONE_EACH } else { self.pacing };
        match pacing {
            Pacing::Ratio(for_each) => is_room(under_way, free, for_each),
            Pacing::Predictive(per_mille) => {
                let needed = self.under_way.iter().copied().collect();
                let outlook = Outlook { free, needed, busy: self.busy.values().copied().collect() };
                let Setting { patience, wrap_up, .. } = *self.setting;
                let next = Next { campaign: CAMPAIGN, outlook: &outlook, begun: &[], patience, wrap_up };
                self.pacer.allows(self.now, &next, f64::from(per_mille) / 1_000.0)
            }
        }
    }

    fn dial(&mut self) {
        self.report.calls += 1;
        let call = CallId::new(self.report.calls).expect("fewer calls than ids");
        self.under_way.insert(call);
        self.pacer.handle_dialled(self.now, call, CAMPAIGN);
        let Setting { humans, machines, ring, ring_max, .. } = *self.setting;
        let drawn: f64 = self.rng.random();
        if drawn >= humans + machines {
            let is_refused = self.rng.random_bool(REFUSED);
            let after = if is_refused { REFUSED_BY.mul_f64(self.rng.random()) } else { ring_max };
            return self.put(after, Event::End(call));
        }
        let callee = if drawn < humans { Callee::Human } else { Callee::Machine };
        let waited = -(1.0 - self.rng.random::<f64>()).ln();
        let rung = RING_MIN + ring.saturating_sub(RING_MIN).mul_f64(waited);
        match rung < ring_max {
            true => self.put(rung, Event::Answer(call, callee)),
            false => self.put(ring_max, Event::End(call)),
        }
    }

    /// Log-normal, by Box and Muller.
    fn talk(&mut self) -> Duration {
        let variance = (1.0 + TALK_SPREAD * TALK_SPREAD).ln();
        let (one, other): (f64, f64) = (self.rng.random(), self.rng.random());
        let normal = (-2.0 * (1.0 - one).ln()).sqrt() * (std::f64::consts::TAU * other).cos();
        self.setting.talk.mul_f64((variance.sqrt() * normal - variance / 2.0).exp())
    }

    fn close(mut self) -> Report {
        let waited = |(_, since): &(usize, Instant)| self.end.saturating_duration_since(*since);
        self.report.idle += self.idle.iter().map(waited).sum::<Duration>();
        Report { answered: self.counted.answered, abandoned: self.counted.abandoned, ..self.report }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant will do")]
mod tests {
    use super::*;

    const DAY: Setting = Setting {
        people: 10,
        humans: 0.2,
        machines: 0.2,
        ring: Duration::from_secs(12),
        ring_max: Duration::from_secs(30),
        verdict: Duration::from_millis(1_500),
        talk: Duration::from_secs(90),
        wrap_up: Duration::from_secs(10),
        patience: Duration::from_secs(2),
        lines: 1_000,
        time: Duration::from_secs(2 * 3_600),
        seed: 1,
    };

    const DAYS: u64 = 2;

    /// Over some days: of a hundred callees so many heard nobody, and of people's time so much was talked.
    fn days(setting: Setting, pacing: Pacing) -> (f64, f64) {
        let reports = (1..=DAYS).map(|seed| run(&Setting { seed, ..setting }, pacing, Instant::now()));
        let all = reports.fold(Report::default(), |all, day| Report {
            answered: all.answered + day.answered,
            abandoned: all.abandoned + day.abandoned,
            talked: all.talked + day.talked,
            ..all
        });
        let time = setting.time.as_secs_f64() * DAYS as f64 * setting.people as f64;
        (all.abandoned as f64 * 100.0 / all.answered as f64, all.talked.as_secs_f64() * 100.0 / time)
    }

    #[test]
    fn a_seed_is_a_day() {
        let pacing = Pacing::Predictive(20);
        assert_eq!(run(&DAY, pacing, Instant::now()), run(&DAY, pacing, Instant::now()));
        let other = Setting { seed: 2, ..DAY };
        assert_ne!(run(&DAY, pacing, Instant::now()), run(&other, pacing, Instant::now()));
    }

    #[test]
    fn one_call_each_abandons_nobody() {
        let (abandoned, talked) = days(DAY, Pacing::ONE_EACH);
        assert_eq!(abandoned, 0.0);
        assert!((30.0..60.0).contains(&talked), "{talked} %");
    }

    #[test]
    fn who_predicts_talks_more_than_any_ratio_and_abandons_no_more_than_was_said() {
        for (people, humans) in [(5, 0.15), (10, 0.5), (20, 0.2)] {
            let setting = Setting { people, humans, ..DAY };
            let (abandoned, talked) = days(setting, Pacing::Predictive(20));
            assert!(abandoned < 2.2, "{people} people, {humans}: {abandoned} % abandoned");
            for ratio in [100, 200, 300] {
                let (_, by_ratio) = days(setting, Pacing::Ratio(ratio));
                assert!(talked > by_ratio, "{people} people, {humans}: {talked} %, {by_ratio} % by {ratio}");
            }
        }
    }

    #[test]
    fn a_smaller_share_is_kept_too() {
        let (few, many) = (days(DAY, Pacing::Predictive(5)), days(DAY, Pacing::Predictive(25)));
        assert!(few.0 < 0.7 && few.0 < many.0 && few.1 < many.1, "{few:?}, {many:?}");
    }

    #[test]
    fn no_more_lines_are_used_than_there_are() {
        let setting = Setting { lines: 10, people: 10, ..DAY };
        let (abandoned, talked) = days(setting, Pacing::Predictive(20));
        let (_, free) = days(DAY, Pacing::Predictive(20));
        assert!(abandoned < 2.2 && talked < free, "{talked} % of {free} %");
    }
}
