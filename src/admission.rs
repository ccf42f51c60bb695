//! Who may start a call now: calls at once and calls a second, for the switch, the key and the trunk. All or nothing.
//!
//! Deciding never waits: counters in memory. A permit is given back when it is dropped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::model::{Key, KeyId, Refusal, Trunk, TrunkId};

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
    keys: HashMap<KeyId, Gauge>,
    trunks: HashMap<TrunkId, Gauge>,
    rates: HashMap<Option<TrunkId>, Bucket>,
}

/// Room for one call, given back when it is dropped.
pub struct Permit {
    held: Vec<Gauge>,
    room: Arc<Notify>,
}

/// Calls at once, counted.
#[derive(Clone, Default)]
struct Gauge(Arc<AtomicU32>);

/// A token bucket that holds one token: calls leave evenly spaced, never as a burst on the second.
struct Bucket {
    next: Instant,
}

/// When a client that met the concurrency limit should try again; a call lasts about so long at least.
const CONCURRENT_RETRY: Duration = Duration::from_secs(5);
/// A bucket may lag so far behind: calls that arrive within one timer's grain of each other are not refused for it.
const RATE_SLACK: Duration = Duration::from_millis(50);

impl Admission {
    /// A gate with these limits for the whole switch.
    pub fn new(limits: Limits) -> Self {
        let state = State {
            switch: Gauge::default(),
            keys: HashMap::new(),
            trunks: HashMap::new(),
            rates: HashMap::new(),
        };
        Self { limits, room: Arc::new(Notify::new()), state: Arc::new(Mutex::new(state)) }
    }

    /// Room for one call of this key through this trunk, or the limit that is reached. A refusal consumes nothing.
    pub fn admit(&self, now: Instant, key: Option<&Key>, trunk: &Trunk) -> Result<Permit, Refusal> {
        let mut state = self.state();
        let mut gauges = vec![(state.switch.clone(), self.limits.concurrent, "concurrent calls")];
        if let Some(key) = key {
            let gauge = state.keys.entry(key.id).or_default();
            gauges.push((gauge.clone(), key.concurrent, "concurrent calls of this key"));
        }
        let gauge = state.trunks.entry(trunk.id).or_default();
        gauges.push((gauge.clone(), trunk.channels, "channels of the trunk"));
        if let Some((_, _, limit)) =
            gauges.iter().find(|(gauge, most, _)| most.is_some_and(|most| gauge.count() >= most))
        {
            return Err(Refusal::Limited { limit, retry_after: CONCURRENT_RETRY });
        }
        state.take_rates(now, &[(None, self.limits.cps), (Some(trunk.id), trunk.cps)])?;
        let held: Vec<Gauge> = gauges.into_iter().map(|(gauge, _, _)| gauge).collect();
        held.iter().for_each(Gauge::take);
        Ok(Permit { held, room: Arc::clone(&self.room) })
    }

    /// Calls alive in the whole switch.
    pub fn concurrent(&self) -> u32 {
        self.state().switch.count()
    }

    /// Resolves when a permit was given back since the last time it was asked.
    pub async fn room(&self) {
        self.room.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes one token of every limited bucket, or none of any.
    fn take_rates(&mut self, now: Instant, rates: &[(Option<TrunkId>, Option<f64>)]) -> Result<(), Refusal> {
        let limited =
            || rates.iter().filter_map(|(of, cps)| cps.map(|cps| (*of, Duration::from_secs_f64(1.0 / cps))));
        for (of, _) in limited() {
            let next = self.rates.entry(of).or_insert(Bucket { next: now }).next;
            if next > now {
                let limit = if of.is_some() { "calls per second of the trunk" } else { "calls per second" };
                return Err(Refusal::Limited { limit, retry_after: next - now });
            }
        }
        for (of, interval) in limited() {
            let bucket = self.rates.get_mut(&of).expect("made by the loop above");
            let earliest = now.checked_sub(RATE_SLACK.min(interval)).unwrap_or(now);
            bucket.next = bucket.next.max(earliest) + interval;
        }
        Ok(())
    }
}

impl Gauge {
    fn count(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    fn take(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        for gauge in &self.held {
            gauge.0.fetch_sub(1, Ordering::AcqRel);
        }
        self.room.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TenantId;

    fn trunk(channels: Option<u32>, cps: Option<f64>) -> Trunk {
        let trunk = Trunk::new(TrunkId(7), TenantId(1), "t", "sip:127.0.0.1");
        Trunk { channels, cps, ..trunk }
    }

    #[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_permit_given_back_makes_room() {
        let admission = Admission::new(Limits { concurrent: Some(1), cps: None });
        let trunk = trunk(None, None);
        let permit = admission.admit(start(), None, &trunk).expect("there is room");
        assert!(matches!(admission.admit(start(), None, &trunk), Err(Refusal::Limited { .. })));
        drop(permit);
        assert!(admission.admit(start(), None, &trunk).is_ok());
    }

    #[test]
    fn a_full_trunk_consumes_nothing_of_the_switch() {
        let admission = Admission::new(Limits { concurrent: Some(2), cps: None });
        let full = trunk(Some(0), None);
        assert!(admission.admit(start(), None, &full).is_err());
        assert_eq!(admission.concurrent(), 0);
    }

    #[test]
    fn calls_a_second_are_spaced_and_not_saved_up() {
        let admission = Admission::new(Limits::default());
        let (trunk, t0) = (trunk(None, Some(10.0)), start());
        let admitted = |at: u64| admission.admit(t0 + Duration::from_millis(at), None, &trunk).is_ok();
        assert!(admitted(0));
        assert!(!admitted(50));
        assert!(admitted(100));
        // An idle minute earns no burst.
        assert!(admitted(60_000));
        assert!(!admitted(60_001));
    }
}
