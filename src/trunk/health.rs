//! One trunk's health: what OPTIONS, REGISTER and calls tell of it, the state that follows, and how fast it may be dialled.
//! Pure: time is an argument; knows nothing of messages, and whether a call waits or goes elsewhere is not decided here.
//!
//! A trunk is **down** when REGISTER fails, when three OPTIONS in a row fail, or when three calls in a row find nobody there.
//! It takes no calls then, but for one after a back-off (30 s, doubled up to 5 min), whose fate decides; an answered OPTIONS
//! or REGISTER lifts what its silence imposed at once. It is **degraded** while it is held, slowed, or fails now and then.

mod rate;

use std::time::{Duration, Instant};

pub use rate::Rate;

/// What the end of an INVITE says of the trunk that it went by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// Nothing.
    Nothing,
    /// It carried the call to somebody who answered for the callee.
    Carried,
    /// It is there, and has no room.
    Overloaded,
    /// It is there, and would not take the call.
    Refused,
    /// Nobody is there.
    Dead,
}

/// The state that a user reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// Nothing was heard of it yet.
    Unknown,
    /// It works.
    Up,
    /// It works, but.
    Degraded,
    /// It takes no calls.
    Down,
}

impl State {
    /// Every value.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Up, Self::Degraded, Self::Down];

    /// The word in the API and the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// Where a trunk's registration stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Registration {
    /// None is asked for.
    #[default]
    Off,
    /// Asked for, not answered yet.
    Pending,
    /// It holds.
    Registered,
    /// It does not.
    Failed {
        /// What the registrar said, if it said anything.
        status: Option<u16>,
        /// One clause.
        reason: String,
    },
}

impl Registration {
    /// The word in the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Pending => "pending",
            Self::Registered => "registered",
            Self::Failed { .. } => "failed",
        }
    }
}

/// The last OPTIONS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probe {
    /// What came back; `None` if nothing did.
    pub status: Option<u16>,
    /// From the request to what came back, or to the end of the waiting.
    pub round_trip: Duration,
}

impl Probe {
    /// Whatever is said at all says that somebody is there, but for 408 and 5xx, by which a proxy speaks for somebody who is
    /// not.
    pub fn is_alive(status: Option<u16>) -> bool {
        status.is_some_and(|status| status < 500 && status != 408)
    }
}

/// May a call go by it now?
#[derive(Clone, PartialEq, Debug)]
pub enum Standing {
    /// Yes.
    Open,
    /// One, to see whether it is back. Whoever sends it says so by [`Health::handle_trial`].
    Trial,
    /// It asked to be left alone for so much longer.
    Held(Duration),
    /// No.
    Down,
}

/// A change of state, for the log.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    /// From this.
    pub from: State,
    /// To this.
    pub to: State,
    /// One sentence.
    pub why: String,
}

/// One trunk's health.
#[derive(Clone, Debug)]
pub struct Health {
    state: State,
    since: Instant,
    why: String,
    /// What it was told lately that is good, in words.
    praise: Option<String>,
    probe: Option<Probe>,
    probes_lost: u32,
    /// Calls get through although OPTIONS do not: their silence says nothing.
    probes_distrusted: bool,
    registration: Registration,
    calls_dead: u32,
    calls_refused: u32,
    last_refusal: String,
    held_until: Option<Instant>,
    rate: Rate,
    trial: Trial,
}

/// When a trunk that is down may be tried by a call.
#[derive(Clone, Debug)]
struct Trial {
    after: Duration,
    due: Option<Instant>,
}

/// OPTIONS in a row that fail before a trunk is down; calls in a row that find nobody; calls in a row that are refused before
/// it is degraded. One may be chance, two bad luck.
const IN_A_ROW: u32 = 3;
const TRIAL_FIRST: Duration = Duration::from_secs(30);
const TRIAL_MAX: Duration = Duration::from_secs(300);

impl Health {
    /// Of a trunk that nothing was heard of.
    pub fn new(now: Instant) -> Self {
        Self {
            state: State::Unknown,
            since: now,
            why: "nothing was heard of it yet".into(),
            praise: None,
            probe: None,
            probes_lost: 0,
            probes_distrusted: false,
            registration: Registration::Off,
            calls_dead: 0,
            calls_refused: 0,
            last_refusal: String::new(),
            held_until: None,
            rate: Rate::new(now),
            trial: Trial { after: TRIAL_FIRST, due: None },
        }
    }

    /// A call's INVITE is about to leave by it.
    pub fn handle_start(&mut self, now: Instant) {
        self.rate.handle_start(now);
    }

    /// A call that was let through as [`Standing::Trial`] is about to leave: the next one waits for its fate, or as long again.
    pub fn handle_trial(&mut self, now: Instant) {
        self.trial.due = Some(now + self.trial.after);
    }

    /// An INVITE by it came to an end. `hold`: for how long the trunk asked to be left alone; `why` says what happened, in one
    /// clause; `cps` is what the configuration allows.
    pub fn handle_sign(
        &mut self,
        now: Instant,
        sign: Sign,
        hold: Option<Duration>,
        why: &str,
        cps: Option<f64>,
    ) -> Option<Change> {
        if let Some(until) = hold.map(|hold| now + hold) {
            self.held_until = Some(self.held_until.map_or(until, |held| held.max(until)));
        }
        self.rate.handle_sign(now, sign, cps);
        match sign {
            Sign::Nothing => {}
            Sign::Dead => {
                self.calls_dead += 1;
                self.last_refusal = why.to_owned();
                if self.calls_dead > IN_A_ROW {
                    self.trial.after = (self.trial.after * 2).min(TRIAL_MAX);
                }
                self.trial.due = Some(now + self.trial.after);
            }
            Sign::Carried | Sign::Overloaded | Sign::Refused => {
                self.calls_dead = 0;
                self.trial = Trial { after: TRIAL_FIRST, due: None };
                self.probes_distrusted = self.probes_lost >= IN_A_ROW;
                if sign == Sign::Carried {
                    self.calls_refused = 0;
                    self.praise = Some("it carries calls".into());
                } else {
                    self.calls_refused += 1;
                    self.last_refusal = why.to_owned();
                }
            }
        }
        self.judge(now)
    }

    /// OPTIONS came back, or did not.
    pub fn handle_probe(&mut self, now: Instant, probe: Probe) -> Option<Change> {
        self.probe = Some(probe);
        if Probe::is_alive(probe.status) {
            (self.probes_lost, self.probes_distrusted, self.calls_dead) = (0, false, 0);
            self.trial = Trial { after: TRIAL_FIRST, due: None };
            let status = probe.status.unwrap_or_default();
            self.praise =
                Some(format!("OPTIONS was answered {status} within {} ms", probe.round_trip.as_millis()));
        } else {
            self.probes_lost += 1;
            if self.probes_lost == IN_A_ROW {
                self.trial.due = Some(now + self.trial.after);
            }
        }
        self.judge(now)
    }

    /// REGISTER came back, or is wanted no more.
    pub fn handle_registration(&mut self, now: Instant, registration: Registration) -> Option<Change> {
        if registration == Registration::Registered {
            self.praise = Some("REGISTER was accepted".into());
            self.calls_dead = 0;
        }
        self.registration = registration;
        self.judge(now)
    }

    /// Lets time do what it does: holds end, speed comes back.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Change> {
        self.rate.handle_timeout(now);
        self.held_until = self.held_until.filter(|until| *until > now);
        self.judge(now)
    }

    /// May a call go by it now?
    pub fn standing(&self, now: Instant) -> Standing {
        if let Some(left) =
            self.held_until.and_then(|until| until.checked_duration_since(now)).filter(|left| !left.is_zero())
        {
            return Standing::Held(left);
        }
        match (self.state, &self.registration, self.trial.due) {
            (State::Down, Registration::Failed { .. }, _) => Standing::Down,
            (State::Down, _, Some(due)) if due <= now => Standing::Trial,
            (State::Down, ..) => Standing::Down,
            _ => Standing::Open,
        }
    }

    /// New calls a second, where that is limited; `cps` is what the configuration allows.
    pub fn cps(&self, now: Instant, cps: Option<f64>) -> Option<f64> {
        match (self.rate.limit(now), cps) {
            (Some(slowed), Some(cps)) => Some(slowed.min(cps)),
            (slowed, cps) => slowed.or(cps),
        }
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Since when.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// One sentence, without a full stop.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The last OPTIONS.
    pub fn probe(&self) -> Option<Probe> {
        self.probe
    }

    /// Where the registration stands.
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// For how much longer it is held.
    pub fn held(&self, now: Instant) -> Option<Duration> {
        self.held_until.and_then(|until| until.checked_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// What REGISTER or OPTIONS answered, if that is why it is down.
    pub fn sip_code(&self) -> Option<u16> {
        match (&self.registration, self.probe) {
            (Registration::Failed { status, .. }, _) => *status,
            (_, Some(probe)) if self.probes_lost >= IN_A_ROW && !self.probes_distrusted => probe.status,
            _ => None,
        }
    }

    /// The state that follows from everything.
    fn judge(&mut self, now: Instant) -> Option<Change> {
        let (state, why) = self.verdict(now);
        let from = std::mem::replace(&mut self.state, state);
        self.why = why;
        if from == state {
            return None;
        }
        self.since = now;
        Some(Change { from, to: state, why: self.why.clone() })
    }

    fn verdict(&self, now: Instant) -> (State, String) {
        use State::{Degraded, Down, Unknown, Up};
        if let Registration::Failed { reason, .. } = &self.registration {
            return (Down, format!("REGISTER failed: {reason}"));
        }
        let lost = self.probes_lost;
        let silence = match self.probe.and_then(|probe| probe.status) {
            Some(status) => format!("OPTIONS was answered {status}"),
            None => "OPTIONS got no answer".to_owned(),
        };
        if lost >= IN_A_ROW && !self.probes_distrusted {
            return (Down, format!("{silence}, {lost} times in a row"));
        }
        if self.calls_dead >= IN_A_ROW {
            return (Down, format!("{} calls in a row failed: {}", self.calls_dead, self.last_refusal));
        }
        if let Some(left) = self.held(now) {
            let seconds = left.as_secs_f64().ceil();
            return (Degraded, format!("it asked to be left alone for {seconds:.0} s more (Retry-After)"));
        }
        if let Some(limit) = self.rate.limit(now) {
            return (Degraded, format!("it was overloaded: slowed down to {limit:.1} new calls a second"));
        }
        if lost > 0 {
            return (Degraded, format!("{silence}, though calls may get through"));
        }
        if self.calls_refused >= IN_A_ROW {
            return (
                Degraded,
                format!("{} calls in a row failed: {}", self.calls_refused, self.last_refusal),
            );
        }
        match &self.praise {
            Some(praise) => (Up, praise.clone()),
            None if self.registration == Registration::Pending => {
                (Unknown, "REGISTER is under way".to_owned())
            }
            None => (Unknown, "nothing was heard of it yet".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
