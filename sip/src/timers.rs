//! A hierarchical timer wheel. Knows nothing of clocks: `expire` is told what time it is.
//!
//! Six levels of 64 slots, the lowest of 1 ms: a timer up to two years away is set and cancelled in constant time. A slot
//! is a doubly linked list through one arena of nodes, so nothing is allocated once the arena has grown.

use std::time::{Duration, Instant};

use crate::arena::{Arena, Key};

/// One timer. Cancelling it after it fired does nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimerId(Key);

/// A timer wheel of keys, exact to a millisecond: a timer fires at its time or up to 1 ms late, never early.
#[derive(Debug)]
pub struct Wheel<K> {
    nodes: Arena<Node<K>>,
    /// First node of each slot.
    slots: [[Option<Key>; SLOTS]; LEVELS],
    /// One bit for each slot in use.
    occupied: [u64; LEVELS],
    /// Tick zero. Fixed by the first timer, well before it, so that earlier timers may follow.
    epoch: Option<Instant>,
    /// Every tick before this one has fired.
    current: u64,
}

#[derive(Debug)]
struct Node<K> {
    key: K,
    tick: u64,
    level: u8,
    slot: u8,
    previous: Option<Key>,
    next: Option<Key>,
}

const LEVELS: usize = 6;
const SLOTS: usize = 64;
const SLOT_BITS: u32 = 6;
/// What lies further away than this is looked at again when this is reached. Two slots short of the top level's turn, so
/// that the slot we stand in never holds the next turn.
const REACH: u64 = (SLOTS as u64 - 2) << (SLOT_BITS * (LEVELS as u32 - 1));
/// How much earlier than the first timer ever set a later one may be.
const BEFORE_FIRST: Duration = Duration::from_secs(30 * 24 * 3600);

impl<K> Wheel<K> {
    /// An empty wheel.
    #[must_use]
    pub fn new() -> Self {
        Self {
            nodes: Arena::new(),
            slots: [[None; SLOTS]; LEVELS],
            occupied: [0; LEVELS],
            epoch: None,
            current: 0,
        }
    }

    /// Sets a timer.
    pub fn insert(&mut self, at: Instant, key: K) -> TimerId {
        let epoch = *self.epoch.get_or_insert_with(|| at.checked_sub(BEFORE_FIRST).unwrap_or(at));
        let tick = ticks_up(at.saturating_duration_since(epoch));
        let node = Node { key, tick, level: 0, slot: 0, previous: None, next: None };
        let id = self.nodes.insert(node);
        self.link(id, tick);
        TimerId(id)
    }

    /// Takes a timer back, and gives its key if it had not fired.
    pub fn cancel(&mut self, timer: TimerId) -> Option<K> {
        let node = self.nodes.remove(timer.0)?;
        match node.previous {
            Some(previous) => self.node(previous).next = node.next,
            None => self.set_head(node.level.into(), node.slot.into(), node.next),
        }
        if let Some(next) = node.next {
            self.node(next).previous = node.previous;
        }
        Some(node.key)
    }

    /// When `expire` wants to be called next: at or before the earliest timer.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (_, tick) = self.next_slot()?;
        Some(self.epoch? + Duration::from_millis(tick))
    }

    /// Fires every timer due at `now`, in the order of their times.
    pub fn expire(&mut self, now: Instant, mut fire: impl FnMut(K)) {
        let Some(epoch) = self.epoch else { return };
        let Some(now) = now.checked_duration_since(epoch).map(ticks_down) else { return };
        while let Some((level, tick)) = self.next_slot().filter(|(_, tick)| *tick <= now) {
            self.current = tick;
            let slot = slot_of(level, tick);
            let mut head = self.slots[level][slot];
            self.set_head(level, slot, None);
            while let Some(id) = head {
                let node = self.node(id);
                (head, node.next, node.previous) = (node.next, None, None);
                let due = node.tick;
                if due > tick {
                    self.link(id, due);
                } else if let Some(node) = self.nodes.remove(id) {
                    fire(node.key);
                }
            }
        }
        self.current = self.current.max(now);
    }

    /// How many timers are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether no timer is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first slot in time that holds anything, and the tick it begins at. On a tie the highest level comes first,
    /// since its timers may be due at that very tick.
    fn next_slot(&self) -> Option<(usize, u64)> {
        let mut best: Option<(usize, u64)> = None;
        for level in 0..LEVELS {
            let Some(tick) = self.next_on_level(level) else { continue };
            if best.is_none_or(|(_, earliest)| tick <= earliest) {
                best = Some((level, tick));
            }
        }
        best
    }

    fn next_on_level(&self, level: usize) -> Option<u64> {
        let occupied = self.occupied[level];
        if occupied == 0 {
            return None;
        }
        let shift = SLOT_BITS * level as u32;
        let at = self.current >> shift;
        let ahead = occupied.rotate_right((at % SLOTS as u64) as u32).trailing_zeros();
        // The slot we stand in begins in the past: it is due now.
        Some(((at + u64::from(ahead)) << shift).max(self.current))
    }

    fn link(&mut self, id: Key, tick: u64) {
        let due = tick.clamp(self.current, self.current + REACH);
        let level = level_of(self.current, due);
        let slot = slot_of(level, due);
        let head = self.slots[level][slot];
        if let Some(head) = head {
            self.node(head).previous = Some(id);
        }
        let node = self.node(id);
        node.tick = tick.max(due);
        node.level = level as u8;
        node.slot = slot as u8;
        node.next = head;
        self.set_head(level, slot, Some(id));
    }

    fn set_head(&mut self, level: usize, slot: usize, head: Option<Key>) {
        self.slots[level][slot] = head;
        let bit = 1 << slot;
        match head {
            Some(_) => self.occupied[level] |= bit,
            None => self.occupied[level] &= !bit,
        }
    }

    fn node(&mut self, id: Key) -> &mut Node<K> {
        self.nodes.get_mut(id).expect("a linked node stands in the arena")
    }
}

impl<K> Default for Wheel<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// The lowest level on which `due` and `current` differ by less than one turn: that of their highest differing bit.
fn level_of(current: u64, due: u64) -> usize {
    let differing = (current ^ due) | 1;
    let level = (u64::BITS - 1 - differing.leading_zeros()) / SLOT_BITS;
    (level as usize).min(LEVELS - 1)
}

fn slot_of(level: usize, tick: u64) -> usize {
    ((tick >> (SLOT_BITS * level as u32)) % SLOTS as u64) as usize
}

fn ticks_up(since: Duration) -> u64 {
    since.as_secs() * 1000 + u64::from(since.subsec_nanos().div_ceil(1_000_000))
}

fn ticks_down(since: Duration) -> u64 {
    since.as_secs() * 1000 + u64::from(since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn fired(wheel: &mut Wheel<u32>, now: Instant) -> Vec<u32> {
        let mut keys = Vec::new();
        wheel.expire(now, |key| keys.push(key));
        keys
    }

    #[test]
    fn a_timer_never_fires_early_and_at_most_a_millisecond_late() {
        let (start, mut wheel) = (start(), Wheel::new());
        let at = start + Duration::from_nanos(500_000_001);
        wheel.insert(at, 7);
        assert_eq!(fired(&mut wheel, at - Duration::from_nanos(1)), []);
        assert_eq!(fired(&mut wheel, at + ms(1)), [7]);
        assert!(wheel.is_empty());
        assert_eq!(wheel.poll_timeout(), None);
    }

    #[test]
    fn timers_earlier_than_the_first_fire_in_order() {
        let (start, mut wheel) = (start(), Wheel::new());
        wheel.insert(start + ms(32_000), 3);
        wheel.insert(start + ms(500), 1);
        wheel.insert(start + ms(4_000), 2);
        assert_eq!(fired(&mut wheel, start + ms(40_000)), [1, 2, 3]);
    }

    #[test]
    fn a_cancelled_timer_gives_its_key_back_once_and_never_fires() {
        let (start, mut wheel) = (start(), Wheel::new());
        let a = wheel.insert(start + ms(10), 1);
        let b = wheel.insert(start + ms(10), 2);
        let c = wheel.insert(start + ms(10), 3);
        assert_eq!(wheel.cancel(b), Some(2));
        assert_eq!(wheel.cancel(b), None);
        assert_eq!(wheel.cancel(a), Some(1));
        assert_eq!(fired(&mut wheel, start + ms(11)), [3]);
        assert_eq!(wheel.cancel(c), None);
    }

    #[test]
    fn a_timer_beyond_the_reach_waits_its_time() {
        let (start, mut wheel) = (start(), Wheel::new());
        let years = Duration::from_secs(5 * 365 * 24 * 3600);
        wheel.insert(start + ms(1), 1);
        wheel.insert(start + years, 2);
        assert_eq!(fired(&mut wheel, start + years - ms(2)), [1]);
        assert_eq!(fired(&mut wheel, start + years + ms(1)), [2]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u64),
        Cancel(usize),
        Advance(u64),
        Sleep,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => prop_oneof![0..200u64, 0..5_000u64, 0..500_000u64, 0..100_000_000u64].prop_map(Step::Insert),
            1 => any::<usize>().prop_map(Step::Cancel),
            2 => prop_oneof![0..100u64, 0..10_000u64, 0..1_000_000u64].prop_map(Step::Advance),
            2 => Just(Step::Sleep),
        ]
    }

    proptest! {
        #[test]
        fn the_wheel_agrees_with_a_sorted_map(steps in proptest::collection::vec(step(), 1..200)) {
            let mut wheel = Wheel::new();
            let mut model: BTreeMap<(u64, u32), TimerId> = BTreeMap::new();
            let start = start();
            let mut now = 0;
            for (key, step) in (0u32..).zip(steps) {
                match step {
                    Step::Insert(after) => {
                        let id = wheel.insert(start + ms(now + after), key);
                        model.insert((now + after, key), id);
                        continue;
                    }
                    Step::Cancel(pick) if !model.is_empty() => {
                        let (&(at, key), &id) = model.iter().nth(pick % model.len()).expect("within its length");
                        prop_assert_eq!(wheel.cancel(id), Some(key));
                        model.remove(&(at, key));
                        continue;
                    }
                    Step::Cancel(_) => continue,
                    Step::Advance(by) => now += by,
                    Step::Sleep => {
                        let Some(wake) = wheel.poll_timeout() else { continue };
                        let first = model.keys().next().expect("as many as the wheel").0;
                        prop_assert!(wake <= start + ms(first.max(now)));
                        now = now.max(wake.saturating_duration_since(start).as_millis() as u64);
                    }
                }
                let mut due: Vec<u32> = model.range(..=(now, u32::MAX)).map(|((_, key), _)| *key).collect();
                model.retain(|(at, _), _| *at > now);
                let mut keys = fired(&mut wheel, start + ms(now));
                due.sort_unstable();
                keys.sort_unstable();
                prop_assert_eq!(keys, due);
                prop_assert_eq!(wheel.len(), model.len());
            }
        }
    }
}
