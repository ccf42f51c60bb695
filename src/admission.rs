//! Who may start a call now, and by which trunk: calls at once and calls a second, for the switch, the key and the trunk, and
//! each trunk's health. All or nothing.
//!
//! Deciding never waits: counters in memory, under one lock. A permit is given back when it is dropped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::model::{Key, KeyId, Refusal, Trunk, TrunkId};
use crate::trunk::choice::{self, Room};
use crate::trunk::health::{Change, Health, Probe, Registration, Sign, Standing};

/// The limits of the whole switch; `None` is unlimited.
#[derive(Clone, Copy, Default, Debug)]
pub struct Limits {
    /// Calls at once.
    pub concurrent: Option<u32>,
    /// New calls a second.
    pub cps: Option<f64>,
}

/// The gate that every INVITE passes. Cheap to clone.
#[derive(Clone)]
pub struct Admission {
    limits: Limits,
    room: Arc<Notify>,
    state: Arc<Mutex<State>>,
}

struct State {
    switch: Gauge,
    bucket: Bucket,
    keys: HashMap<KeyId, Gauge>,
    lanes: HashMap<TrunkId, Lane>,
}

/// What is known of one trunk. As many as the configuration ever declared.
struct Lane {
    calls: Gauge,
    bucket: Bucket,
    health: Health,
    name: String,
}

/// Room for one call, given back when it is dropped.
pub struct Permit {
    switch: Gauge,
    key: Option<Gauge>,
    trunk: Gauge,
    room: Arc<Notify>,
}

/// Calls at once, counted.
#[derive(Clone, Default)]
struct Gauge(Arc<AtomicU32>);

/// A token bucket that holds one token: calls leave evenly spaced, never as a burst on the second.
#[derive(Default)]
struct Bucket {
    next: Option<Instant>,
}

/// What an INVITE's end tells of its trunk.
#[derive(Clone, Debug)]
pub struct Sighting<'a> {
    /// What kind of end.
    pub sign: Sign,
    /// How long the trunk asks to be left alone.
    pub hold: Option<Duration>,
    /// What happened, in one clause.
    pub why: &'a str,
}

/// A trunk as it stands, for whoever looks.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its health.
    pub health: Health,
    /// Calls that hold a channel now.
    pub calls: u32,
    /// New calls a second that it takes now; `None` is unlimited.
    pub cps: Option<f64>,
}

/// When a client that met the concurrency limit should try again; a call lasts about so long at least.
const CONCURRENT_RETRY: Duration = Duration::from_secs(5);
/// A bucket may lag so far behind: calls that arrive within one timer's grain of each other are not refused for it.
const RATE_SLACK: Duration = Duration::from_millis(50);
/// Calls wait for a trunk that asked to be left alone for no longer than this, and are refused otherwise.
const HOLD_WAIT_MAX: Duration = Duration::from_secs(60);

impl Admission {
    /// A gate with these limits for the whole switch.
    pub fn new(limits: Limits) -> Self {
        let state = State {
            switch: Gauge::default(),
            bucket: Bucket::default(),
            keys: HashMap::new(),
            lanes: HashMap::new(),
        };
        Self { limits, room: Arc::new(Notify::new()), state: Arc::new(Mutex::new(state)) }
    }

    /// Room for one call of this key through the first of these trunks that has some, and which that is; or what it waits
    /// for, or why there is none. A refusal consumes nothing.
    pub fn admit(
        &self,
        now: Instant,
        key: Option<&Key>,
        trunks: &[Arc<Trunk>],
    ) -> Result<(usize, Permit), Refusal> {
        let mut state = self.state();
        let state = &mut *state;
        let own = key.map(|key| (state.keys.entry(key.id).or_default().clone(), key.concurrent));
        let full = |gauge: &Gauge, most: Option<u32>| most.is_some_and(|most| gauge.count() >= most);
        let limited = |limit, retry_after| Refusal::Limited { limit, retry_after };
        if full(&state.switch, self.limits.concurrent) {
            return Err(limited("concurrent calls", CONCURRENT_RETRY));
        }
        if own.as_ref().is_some_and(|(gauge, most)| full(gauge, *most)) {
            return Err(limited("concurrent calls of this key", CONCURRENT_RETRY));
        }
        let chosen = state.choose(now, trunks)?;
        if let Err(retry_after) = state.bucket.look(now, self.limits.cps) {
            return Err(limited("calls per second", retry_after));
        }
        state.bucket.take(now, self.limits.cps);
        let trunk = state.enter(now, &trunks[chosen]);
        let key = own.map(|(gauge, _)| gauge);
        let switch = state.switch.clone();
        [Some(&switch), key.as_ref()].into_iter().flatten().for_each(Gauge::take);
        Ok((chosen, Permit { switch, key, trunk, room: Arc::clone(&self.room) }))
    }

    /// Room for one call that this trunk brings: of the switch and of the trunk's channels. How fast the trunk calls is its own
    /// affair, and its health ours only when we dial.
    pub fn admit_inbound(&self, now: Instant, trunk: &Trunk) -> Result<Permit, Refusal> {
        let mut state = self.state();
        let limited = |limit| Err(Refusal::Limited { limit, retry_after: CONCURRENT_RETRY });
        if self.limits.concurrent.is_some_and(|most| state.switch.count() >= most) {
            return limited("concurrent calls");
        }
        let calls = state.lane(now, trunk).calls.clone();
        if trunk.channels.is_some_and(|most| calls.count() >= most) {
            return limited("channels of the trunk");
        }
        let switch = state.switch.clone();
        switch.take();
        calls.take();
        Ok(Permit { switch, key: None, trunk: calls, room: Arc::clone(&self.room) })
    }

    /// Moves a call's permit to the first of these trunks that has room now, in one step: the call holds a channel of one or of
    /// the other, never of none or of both. What it holds of the switch and of its key it keeps, and its INVITE counts in the new
    /// trunk's calls a second.
    pub fn divert(&self, now: Instant, permit: &mut Permit, trunks: &[Arc<Trunk>]) -> Result<usize, Refusal> {
        let mut state = self.state();
        let chosen = state.choose(now, trunks)?;
        let left = std::mem::replace(&mut permit.trunk, state.enter(now, &trunks[chosen]));
        left.give();
        self.room.notify_one();
        Ok(chosen)
    }

    /// An INVITE by this trunk came to an end.
    pub fn sighted(&self, now: Instant, trunk: &Trunk, sighting: &Sighting<'_>) {
        let Sighting { sign, hold, why } = sighting;
        self.tell(now, trunk, |health| health.handle_sign(now, *sign, *hold, why, trunk.cps));
    }

    /// OPTIONS to this trunk came back, or did not.
    pub fn probed(&self, now: Instant, trunk: &Trunk, probe: Probe) {
        self.tell(now, trunk, |health| health.handle_probe(now, probe));
    }

    /// REGISTER at this trunk came back, or is wanted no more.
    pub fn registered(&self, now: Instant, trunk: &Trunk, registration: Registration) {
        self.tell(now, trunk, |health| health.handle_registration(now, registration));
    }

    /// Lets time do what it does to every trunk: holds end, speed comes back. Once a second is enough.
    pub fn handle_timeout(&self, now: Instant) {
        for lane in self.state().lanes.values_mut() {
            let change = lane.health.handle_timeout(now);
            log(&lane.name, change);
        }
    }

    /// A trunk as it stands.
    pub fn report(&self, now: Instant, trunk: &Trunk) -> Report {
        let mut state = self.state();
        let lane = state.lane(now, trunk);
        let change = lane.health.handle_timeout(now);
        log(&lane.name, change);
        Report {
            cps: lane.health.cps(now, trunk.cps),
            calls: lane.calls.count(),
            health: lane.health.clone(),
        }
    }

    /// Calls alive in the whole switch.
    pub fn concurrent(&self) -> u32 {
        self.state().switch.count()
    }

    /// Resolves when a permit was given back since the last time it was asked.
    pub async fn room(&self) {
        self.room.notified().await;
    }

    fn tell(&self, now: Instant, trunk: &Trunk, input: impl FnOnce(&mut Health) -> Option<Change>) {
        let mut state = self.state();
        let lane = state.lane(now, trunk);
        let change = input(&mut lane.health);
        log(&lane.name, change);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lane(&mut self, now: Instant, trunk: &Trunk) -> &mut Lane {
        self.lanes.entry(trunk.id).or_insert_with(|| Lane {
            calls: Gauge::default(),
            bucket: Bucket::default(),
            health: Health::new(now),
            name: trunk.name.clone(),
        })
    }

    fn choose(&mut self, now: Instant, trunks: &[Arc<Trunk>]) -> Result<usize, Refusal> {
        choice::choose(trunks.iter().map(|trunk| self.lane(now, trunk).room(now, trunk)))
    }

    /// Takes a channel and a token of a trunk that has some.
    fn enter(&mut self, now: Instant, trunk: &Trunk) -> Gauge {
        let lane = self.lane(now, trunk);
        if lane.health.standing(now) == Standing::Trial {
            lane.health.handle_trial(now);
        }
        lane.health.handle_start(now);
        lane.bucket.take(now, lane.health.cps(now, trunk.cps));
        lane.calls.take();
        lane.calls.clone()
    }
}

impl Lane {
    /// What keeps a call from it now, if anything does.
    fn room(&self, now: Instant, trunk: &Trunk) -> Room {
        let closed = |why: String| Room::Closed { why, sip_code: self.health.sip_code() };
        let limited = |limit, retry_after| Room::Limited { limit, retry_after };
        if !trunk.enabled {
            return closed(format!("trunk `{}` is disabled", trunk.name));
        }
        match self.health.standing(now) {
            Standing::Down => {
                return closed(format!("trunk `{}` is down: {}", trunk.name, self.health.why()));
            }
            Standing::Held(left) if left > HOLD_WAIT_MAX => {
                let seconds = left.as_secs_f64().ceil();
                return closed(format!(
                    "trunk `{}` asked to be left alone for {seconds:.0} s more",
                    trunk.name
                ));
            }
            Standing::Held(left) => return limited("time that the trunk asked to be left alone", left),
            Standing::Open | Standing::Trial => {}
        }
        if trunk.channels.is_some_and(|most| self.calls.count() >= most) {
            return limited("channels of the trunk", CONCURRENT_RETRY);
        }
        match self.bucket.look(now, self.health.cps(now, trunk.cps)) {
            Ok(()) => Room::Open,
            Err(retry_after) => limited("calls per second of the trunk", retry_after),
        }
    }
}

impl Bucket {
    /// Is there a token? If not, how long until there is.
    fn look(&self, now: Instant, cps: Option<f64>) -> Result<(), Duration> {
        match self.next.filter(|_| cps.is_some()).and_then(|next| next.checked_duration_since(now)) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(()),
        }
    }

    /// Takes one. The next is there an interval later, and none is saved up.
    fn take(&mut self, now: Instant, cps: Option<f64>) {
        let Some(cps) = cps else { return };
        let interval = Duration::from_secs_f64(1.0 / cps);
        let earliest = now.checked_sub(RATE_SLACK.min(interval)).unwrap_or(now);
        self.next = Some(self.next.map_or(now, |next| next.max(earliest)) + interval);
    }
}

impl Gauge {
    fn count(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    fn take(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    fn give(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        [Some(&self.switch), self.key.as_ref(), Some(&self.trunk)]
            .into_iter()
            .flatten()
            .for_each(Gauge::give);
        self.room.notify_one();
    }
}

fn log(trunk: &str, change: Option<Change>) {
    if let Some(Change { from, to, why }) = change {
        tracing::info!(trunk, from = from.as_str(), to = to.as_str(), why, "the trunk's state changed");
    }
}

#[cfg(test)]
mod tests;
