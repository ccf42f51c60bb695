//! Who of a campaign was passed over: the trunks that may dial it were full, and others had room. Those who were passed over stay where
//! they stand in the store; here it is only known from where on there are some of each kind, so that they are called in their order, and
//! before whoever of their kind stands behind them. What it holds does not grow with the list. Pure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::model::{Rank, Trunk};

/// Who was passed over, and how far.
#[derive(Default)]
pub struct Passed {
    kinds: Vec<Kind>,
    /// Those who are claimed to make way, until they are given back.
    positions: Vec<u32>,
    /// From where on those were claimed who were never looked at before, the last time.
    last_fresh: Option<Rank>,
    /// From there on nobody was looked at.
    fresh: Option<Rank>,
    /// Nobody is due there until then.
    fresh_at: Option<Instant>,
    /// When the first was passed over.
    began_at: Option<Instant>,
}

/// Callees whom the same trunks may dial.
struct Kind {
    trunks: Vec<Arc<Trunk>>,
    /// The first of them that waits, or somebody before it.
    from: Rank,
}

/// Kinds that are passed over at once. Whoever is of one more is waited for.
const KINDS_MAX: usize = 16;
/// After so long all are looked at anew, from the first on: by then other trunks may dial them.
const ANEW_EVERY: Duration = Duration::from_secs(300);

impl Passed {
    /// Nobody?
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// This one, whom these trunks may dial, makes way. `false`: there are too many kinds, and it does not.
    pub fn pass(&mut self, now: Instant, trunks: Vec<Arc<Trunk>>, who: Rank) -> bool {
        match self.kinds.iter().position(|kind| is_same(&kind.trunks, &trunks)) {
            Some(known) => self.kinds[known].from = self.kinds[known].from.min(who),
            None if self.kinds.len() >= KINDS_MAX => return false,
            None => self.kinds.push(Kind { trunks, from: who }),
        }
        self.positions.push(who.position);
        self.began_at.get_or_insert(now);
        true
    }

    /// Does somebody who was passed over come before this one, whom these trunks may dial?
    pub fn is_before(&self, trunks: &[Arc<Trunk>], who: Rank) -> bool {
        self.kinds.iter().any(|kind| kind.from < who && is_same(&kind.trunks, trunks))
    }

    /// Those who make way, to be given back.
    pub fn take_positions(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.positions)
    }

    /// The kind that has room and whose first stands before those of the others that have some; and from where on it is to be
    /// claimed.
    pub fn first_with_room(&self, has_room: impl Fn(&[Arc<Trunk>]) -> bool) -> Option<(usize, Rank)> {
        let all = self.kinds.iter().enumerate().filter(|(_, kind)| has_room(&kind.trunks));
        all.map(|(index, kind)| (index, kind.from)).min_by_key(|(_, from)| *from)
    }

    /// The trunks that those of every kind wait for.
    pub fn trunks(&self) -> impl Iterator<Item = &[Arc<Trunk>]> {
        self.kinds.iter().map(|kind| &*kind.trunks)
    }

    /// From where this kind is to be claimed recipients were, up to this one; `is_all`: nobody stands behind it.
    pub fn handle_claimed(&mut self, kind: usize, last: Option<Rank>, is_all: bool) {
        let (from, fresh) = (self.kinds[kind].from, self.fresh());
        let reached = last.map_or(from, Rank::next);
        // Nobody was left out between those who were looked at and these.
        let is_beyond = from <= fresh && reached >= fresh;
        if is_beyond {
            self.fresh = Some(reached);
        }
        if is_all || is_beyond {
            self.kinds.swap_remove(kind);
        } else {
            self.kinds[kind].from = reached;
        }
    }

    /// Was this one, who is claimed, never looked at before?
    pub fn is_fresh(&self, who: Rank) -> bool {
        self.last_fresh.is_none_or(|from| who >= from)
    }

    /// From where on those stand who were never looked at.
    pub fn fresh(&self) -> Rank {
        self.fresh.filter(|_| !self.is_empty()).unwrap_or(Rank::FIRST)
    }

    /// Of those some were claimed, from here to there; if none, there are none until then.
    pub fn handle_fresh(&mut self, from: Rank, last: Option<Rank>, until: Instant) {
        (self.last_fresh, self.fresh) = (Some(from), Some(last.map_or(from, Rank::next)));
        self.fresh_at = last.is_none().then_some(until);
    }

    /// For how long there are none.
    pub fn fresh_in(&self, now: Instant) -> Option<Duration> {
        let wait = self.fresh_at?.checked_duration_since(now)?;
        (!wait.is_zero() && !self.is_empty()).then_some(wait)
    }

    /// Some were given back that had not been passed over, the first of them here; `None` is anywhere.
    pub fn handle_given_back(&mut self, first: Option<Rank>) {
        match (first, self.last_fresh) {
            (Some(first), Some(last_fresh)) if first >= last_fresh => self.fresh = self.last_fresh,
            _ => self.begin_anew(),
        }
        self.fresh_at = None;
    }

    /// Lets time do what it does.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.began_at.is_some_and(|began| now >= began + ANEW_EVERY) {
            self.begin_anew();
        }
    }

    fn begin_anew(&mut self) {
        *self = Self { positions: self.take_positions(), ..Self::default() };
    }
}

fn is_same(some: &[Arc<Trunk>], others: &[Arc<Trunk>]) -> bool {
    some.iter().map(|trunk| trunk.id).eq(others.iter().map(|trunk| trunk.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{TenantId, Timestamp, TrunkId};

    fn by(id: u64) -> Vec<Arc<Trunk>> {
        vec![Arc::new(Trunk::new(TrunkId(id), TenantId(1), "t", "sip:carrier.example"))]
    }

    fn at(position: u32) -> Rank {
        Rank { due_at: Timestamp(0), position }
    }

    /// Ten were looked at, and the second and the fourth wait for the first trunk, the third for the second.
    fn passed(now: Instant) -> Passed {
        let mut passed = Passed::default();
        assert_eq!(passed.fresh(), Rank::FIRST);
        passed.handle_fresh(Rank::FIRST, Some(at(9)), now);
        for (position, trunk) in [(1, 1), (2, 2), (3, 1)] {
            assert!(passed.pass(now, by(trunk), at(position)));
        }
        assert_eq!(passed.take_positions(), [1, 2, 3]);
        passed
    }

    #[test]
    fn whose_trunk_has_room_is_claimed_from_its_first_on_and_the_others_behind_all_who_were_looked_at() {
        let passed = passed(Instant::now());
        assert_eq!(passed.fresh(), at(10));
        assert_eq!(passed.first_with_room(|_| false), None);
        assert_eq!(passed.first_with_room(|trunks| trunks[0].id == TrunkId(2)), Some((1, at(2))));
        assert_eq!(passed.first_with_room(|_| true), Some((0, at(1))));
        assert!(passed.is_before(&by(1), at(12)) && !passed.is_before(&by(1), at(1)));
        assert!(!passed.is_before(&by(3), at(12)));
        assert!(passed.is_fresh(at(4)), "it was looked at the last time");
    }

    #[test]
    fn a_kind_is_over_once_all_are_claimed_who_were_looked_at() {
        let now = Instant::now();
        let mut passed = passed(now);
        passed.handle_claimed(1, Some(at(2)), false);
        assert_eq!(passed.first_with_room(|trunks| trunks[0].id == TrunkId(2)), Some((1, at(3))));
        // Whoever of others was claimed with it makes way again, and stands where it stood.
        passed.handle_claimed(1, Some(at(3)), true);
        assert!(passed.pass(now, by(1), at(3)));
        assert_eq!(passed.first_with_room(|_| true), Some((0, at(1))));
        // One who was never looked at came with them.
        passed.handle_claimed(0, Some(at(10)), false);
        assert!(passed.is_empty());
        assert_eq!(passed.fresh(), Rank::FIRST, "nobody waits before");
        assert!(passed.pass(now, by(1), at(3)));
        assert_eq!(passed.fresh(), at(11));
    }

    #[test]
    fn who_is_given_back_is_claimed_again() {
        let now = Instant::now();
        let mut passed = passed(now);
        passed.handle_fresh(at(10), Some(at(19)), now);
        passed.handle_given_back(Some(at(15)));
        assert_eq!(passed.fresh(), at(10));
        assert!(!passed.is_empty());
        passed.handle_given_back(Some(at(3)));
        assert!(passed.is_empty(), "all are looked at anew");
    }

    #[test]
    fn all_are_looked_at_anew_now_and_then() {
        let now = Instant::now();
        let mut passed = passed(now);
        passed.handle_timeout(now + ANEW_EVERY - Duration::from_millis(1));
        assert!(!passed.is_empty());
        passed.handle_timeout(now + ANEW_EVERY);
        assert!(passed.is_empty());
    }

    #[test]
    fn nobody_is_looked_for_while_nobody_is_due_and_whoever_is_of_one_kind_too_many_is_waited_for() {
        let now = Instant::now();
        let (mut passed, until) = (passed(now), now + Duration::from_secs(1));
        assert_eq!(passed.fresh_in(now), None);
        passed.handle_fresh(at(10), None, until);
        assert_eq!((passed.fresh_in(now), passed.fresh_in(until)), (Some(until - now), None));
        for trunk in 3..=16 {
            assert!(passed.pass(now, by(trunk), at(20)));
        }
        assert!(!passed.pass(now, by(17), at(20)));
        assert!(passed.pass(now, by(16), at(21)));
    }
}
