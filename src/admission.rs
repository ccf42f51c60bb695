//! Who may start a call now, and by which trunk: calls at once and calls a second, for the switch, the tenant, the key and the trunk, and
//! each trunk's health, and what it costs a day. All or nothing.
//!
//! Deciding never waits: counters in memory, under one lock. A permit is given back when it is dropped.

mod lane;
mod permit;
mod spend;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use lane::{Bucket, Lane};
pub use permit::Permit;
use permit::{Booked, Booking, Gauge, lock};
use spend::{Calendar, Ledger};

use crate::model::{Key, KeyId, Limit, Refusal, Tenant, TenantId, Timestamp, Trunk, TrunkId};
use crate::trunk::choice;
use crate::trunk::health::{self, Change, Health, Probe, Registration, Sign, Standing};

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
    room: Arc<watch::Sender<()>>,
    state: Arc<Mutex<State>>,
}

struct State {
    limits: Limits,
    switch: Gauge,
    bucket: Bucket,
    /// A tenant's calls, whichever way they go, and how many there may be.
    tenants: HashMap<TenantId, (Gauge, Option<u32>)>,
    keys: HashMap<KeyId, Gauge>,
    lanes: HashMap<TrunkId, Lane>,
    calendar: Option<Calendar>,
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
impl Admission {
    /// A gate with these limits for the whole switch.
    pub fn new(limits: Limits) -> Self {
        let state = State {
            limits,
            switch: Gauge::default(),
            bucket: Bucket::default(),
            tenants: HashMap::new(),
            keys: HashMap::new(),
            lanes: HashMap::new(),
            calendar: None,
        };
        Self { room: Arc::default(), state: Arc::new(Mutex::new(state)) }
    }

    /// Other limits for the whole switch from now on. Calls that live keep what they have.
    pub fn set_limits(&self, limits: Limits) {
        self.state().limits = limits;
        self.room.send_replace(());
    }

    /// Room for one call of this key through the first of these trunks that has some, and which that is; or what it waits
    /// for, or why there is none. A refusal consumes nothing.
    pub fn admit(
        &self,
        now: Instant,
        key: Option<&Key>,
        trunks: &[Arc<Trunk>],
    ) -> Result<(usize, Permit), Refusal> {
        let (chosen, permit, ()) = self.admit_paid(now, key, trunks, || Ok(()))?;
        Ok((chosen, permit))
    }

    /// As [`Admission::admit`], for a call that must be paid for: `pay` is asked last, when there is room, and in the same step. If it
    /// refuses, nothing was taken. It must not come back here.
    pub fn admit_paid<T>(
        &self,
        now: Instant,
        key: Option<&Key>,
        trunks: &[Arc<Trunk>],
        pay: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<(usize, Permit, T), Refusal> {
        let mut state = self.state();
        let tenant = trunks.first().map(|trunk| trunk.tenant);
        let own = state.general(tenant, key)?;
        let chosen = state.choose(now, trunks)?;
        state.look(now)?;
        let paid = pay()?;
        state.take(now);
        let lane = state.enter(now, &trunks[chosen]);
        Ok((chosen, self.permit(own, lane), paid))
    }

    /// Room for one call that examines this trunk. Its health is not asked, since a trunk that is down is examined too, and not
    /// told: the examination has its own answers.
    pub fn admit_probe(&self, now: Instant, key: &Key, trunk: &Trunk) -> Result<Permit, Refusal> {
        let mut state = self.state();
        let own = state.general(Some(trunk.tenant), Some(key))?;
        let lane = state.lane(now, trunk);
        choice::choose([lane.space(now, trunk)])?;
        state.look(now)?;
        state.take(now);
        let lane = state.lane(now, trunk).occupy(now, trunk);
        Ok(self.permit(own, lane))
    }

    fn permit(&self, pools: Vec<Gauge>, (trunk, spend): (Gauge, Booking)) -> Permit {
        pools.iter().for_each(Gauge::take);
        Permit { pools, trunk, spend, room: Arc::clone(&self.room) }
    }

    /// Room for one call that this trunk brings: of the switch, of the tenant and of the trunk's channels. How fast the trunk calls is
    /// its own affair, and its health ours only when we dial.
    pub fn admit_inbound(&self, now: Instant, trunk: &Trunk) -> Result<Permit, Refusal> {
        let mut state = self.state();
        let pools = state.general(Some(trunk.tenant), None)?;
        let lane = state.lane(now, trunk);
        let (calls, ledger) = (lane.calls.clone(), Arc::clone(&lane.spend));
        if trunk.channels.is_some_and(|most| calls.count() >= most) {
            let (limit, retry_after) = (Limit::ConcurrentCalls, CONCURRENT_RETRY);
            return Err(Refusal::Limited { limit, name: "channels of the trunk", retry_after });
        }
        calls.take();
        // Whoever calls pays.
        Ok(self.permit(pools, (calls, Booking { ledger, state: Booked::Settled })))
    }

    /// How many calls at once each of these tenants may have, from now on; of every other as many as there is room for.
    pub fn limit_tenants(&self, tenants: &[Tenant]) {
        let mut state = self.state();
        state.tenants.values_mut().for_each(|(_, most)| *most = None);
        for tenant in tenants.iter().filter(|tenant| tenant.concurrent.is_some()) {
            state.tenants.entry(tenant.id).or_default().1 = tenant.concurrent;
        }
        // Whoever waits may have room now.
        self.room.send_replace(());
    }

    /// Moves a call's permit to the first of these trunks that has room now, in one step: the call holds a channel of one or of
    /// the other, never of none or of both. What it holds of the switch, its tenant and its key it keeps, and its INVITE counts in the new
    /// trunk's calls a second.
    pub fn divert(&self, now: Instant, permit: &mut Permit, trunks: &[Arc<Trunk>]) -> Result<usize, Refusal> {
        let mut state = self.state();
        let chosen = state.choose(now, trunks)?;
        let (trunk, spend) = state.enter(now, &trunks[chosen]);
        std::mem::replace(&mut permit.trunk, trunk).give();
        permit.spend = spend;
        self.room.send_replace(());
        Ok(chosen)
    }

    /// What the civil clock says. The days that trunks' spending is counted by follow it; tell it now and then, since it may be set.
    pub fn handle_calendar(&self, now: Instant, on: Timestamp) {
        let mut state = self.state();
        let calendar = Calendar { at: now, on };
        state.calendar = Some(calendar);
        state.lanes.values().for_each(|lane| lock(&lane.spend).set_calendar(calendar));
    }

    /// Minutes that an earlier run has spent by this trunk today.
    pub fn restore_spend(&self, now: Instant, trunk: &Trunk, minutes: u64) {
        lock(&self.state().lane(now, trunk).spend).restore(now, minutes);
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

    /// Tells whoever waits for room that a permit was given back, each for itself.
    pub fn room(&self) -> watch::Receiver<()> {
        self.room.subscribe()
    }

    /// How many calls of this key could be under way besides those that are, by these trunks; or what a call would wait for, or
    /// why there is none. Takes nothing, and promises nothing.
    pub fn look(&self, now: Instant, key: &Key, trunks: &[Arc<Trunk>]) -> Result<u32, Refusal> {
        let mut state = self.state();
        let left = |most: Option<u32>, used: u32| most.map_or(u32::MAX, |most| most.saturating_sub(used));
        state.general(Some(key.tenant), Some(key))?;
        let pools = state.pools(Some(key.tenant), Some(key));
        let own = pools.map(|(gauge, most, _)| left(most, gauge.count())).min().unwrap_or(u32::MAX);
        state.choose(now, trunks)?;
        state.look(now)?;
        let channels = trunks.iter().map(|trunk| left(trunk.channels, state.lane(now, trunk).calls.count()));
        Ok(own.min(channels.fold(0, u32::saturating_add)))
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
    /// Calls at once, of the switch, the tenant and the key, of all three that there are: how many, how many there may be, and what that
    /// is called.
    fn pools(
        &mut self,
        tenant: Option<TenantId>,
        key: Option<&Key>,
    ) -> impl Iterator<Item = (Gauge, Option<u32>, &'static str)> + use<> {
        let tenant = tenant.map(|tenant| self.tenants.entry(tenant).or_default().clone());
        let key = key.map(|key| (self.keys.entry(key.id).or_default().clone(), key.concurrent));
        let pools = [
            Some((self.switch.clone(), self.limits.concurrent, "concurrent calls")),
            tenant.map(|(gauge, most)| (gauge, most, "concurrent calls of this tenant")),
            key.map(|(gauge, most)| (gauge, most, "concurrent calls of this key")),
        ];
        pools.into_iter().flatten()
    }

    /// Room in each of them. Gives their gauges.
    fn general(&mut self, tenant: Option<TenantId>, key: Option<&Key>) -> Result<Vec<Gauge>, Refusal> {
        let mut gauges = Vec::new();
        for (gauge, most, name) in self.pools(tenant, key) {
            if most.is_some_and(|most| gauge.count() >= most) {
                let (limit, retry_after) = (Limit::ConcurrentCalls, CONCURRENT_RETRY);
                return Err(Refusal::Limited { limit, name, retry_after });
            }
            gauges.push(gauge);
        }
        Ok(gauges)
    }

    /// Is there one of the switch's calls a second?
    fn look(&self, now: Instant) -> Result<(), Refusal> {
        let (limit, name) = (Limit::CallsPerSecond, "calls per second");
        let limited = |retry_after| Refusal::Limited { limit, name, retry_after };
        self.bucket.look(now, self.limits.cps).map_err(limited)
    }

    /// Takes it.
    fn take(&mut self, now: Instant) {
        self.bucket.take(now, self.limits.cps);
    }

    fn lane(&mut self, now: Instant, trunk: &Trunk) -> &mut Lane {
        // Nobody has told the date: then all is one day.
        let calendar = self.calendar.unwrap_or(Calendar { at: now, on: Timestamp(0) });
        self.lanes.entry(trunk.id).or_insert_with(|| Lane {
            calls: Gauge::default(),
            bucket: Bucket::default(),
            health: Health::new(now),
            name: trunk.name.clone(),
            spend: Arc::new(Mutex::new(Ledger::new(now, calendar))),
        })
    }

    fn choose(&mut self, now: Instant, trunks: &[Arc<Trunk>]) -> Result<usize, Refusal> {
        choice::choose(trunks.iter().map(|trunk| self.lane(now, trunk).room(now, trunk)))
    }

    /// Takes a channel, a token and a minute of a trunk that has some.
    fn enter(&mut self, now: Instant, trunk: &Trunk) -> (Gauge, Booking) {
        let lane = self.lane(now, trunk);
        if lane.health.standing(now) == Standing::Trial {
            lane.health.handle_trial(now);
        }
        lane.health.handle_start(now);
        lane.occupy(now, trunk)
    }
}

fn log(trunk: &str, change: Option<Change>) {
    let Some(Change { from, to, why }) = change else { return };
    let (from, state) = (from.as_str(), to.as_str());
    match to {
        health::State::Down => tracing::warn!(trunk, from, to = state, why, "the trunk's state changed"),
        _ => tracing::info!(trunk, from, to = state, why, "the trunk's state changed"),
    }
}

#[cfg(test)]
mod tests;
