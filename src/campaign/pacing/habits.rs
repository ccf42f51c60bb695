//! What a campaign's calls have taught: who answers, and after how long of ringing; who of them wants a person; how long people talk;
//! and how many heard nobody. Knows nothing of people who are free. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use super::chance::share_at_most;
use crate::model::Learned;

/// Ringing is told apart by so much, so many times; whoever lets it ring longer is of one kind.
const STEP: Duration = Duration::from_secs(3);
const STEPS: usize = 24;
/// What a call has taught weighs so much less with each one after it: half of it after 140.
const KEPT: f64 = 0.995;
/// And that nobody was there for it: half after 350.
const KEPT_ABANDONED: f64 = 0.998;
/// By so many standard deviations a share may be larger than what was seen of it: few calls prove little.
const CAUTION: f64 = 1.3;
/// What was never seen is taken to happen, as if so much of a call had shown it.
const UNSEEN: f64 = 0.05;
/// Durations that are remembered.
const DURATIONS_MAX: usize = 200;
/// So many of them stand for all.
const LEADS: usize = 8;
/// How hard what callees have met with of late pulls at what the next ones may meet with, and how many of them it takes to do so by half.
const PULL: f64 = 10.0;
const PULL_CALLS: f64 = 100.0;
/// The next callee's risk is never more than so many times the share that is wanted.
const RISK_MAX: f64 = 5.0;

/// One campaign's.
#[derive(Debug, Default)]
pub struct Habits {
    /// Calls that have rung to the end.
    calls: u64,
    /// How many calls rang at the beginning of each step, and how many of them were answered in it.
    rang: [f64; STEPS],
    answered: [f64; STEPS],
    /// How many of those who answered are known, and how many of them wanted a person.
    known: f64,
    wanted: f64,
    /// From the INVITE until a person was wanted.
    leads: Durations,
    /// From then on, of those who were talked to.
    talks: Durations,
    /// Those who wanted a person, once that is over; and those of them who heard nobody.
    served: f64,
    abandoned: f64,
}

/// With what chance a campaign's calls will want a person.
#[derive(Debug)]
pub struct Chances {
    ringing: [f64; STEPS],
    /// Of a callee who has answered.
    pub answered: f64,
}

/// The last ones, as they came and by their length.
#[derive(Debug, Default)]
struct Durations {
    came: VecDeque<Duration>,
    sorted: Vec<Duration>,
}

impl Habits {
    /// A call has rung for so long, and was answered, or rings no more.
    pub fn handle_rung(&mut self, rung: Duration, answered: bool) {
        self.calls += 1;
        self.rang.iter_mut().chain(&mut self.answered).for_each(|count| *count *= KEPT);
        let last = step(rung);
        self.rang[..=last].iter_mut().for_each(|count| *count += 1.0);
        if answered {
            self.answered[last] += 1.0;
        }
    }

    /// Whoever has answered wants a person, so long after the INVITE, or none.
    pub fn handle_known(&mut self, lead: Option<Duration>) {
        (self.known, self.wanted) = (self.known * KEPT + 1.0, self.wanted * KEPT);
        if let Some(lead) = lead {
            self.wanted += 1.0;
            self.leads.push(lead);
        }
    }

    /// Whoever wanted a person was talked to for so long, or by nobody.
    pub fn handle_served(&mut self, talked: Option<Duration>) {
        (self.served, self.abandoned) = (self.served * KEPT_ABANDONED + 1.0, self.abandoned * KEPT_ABANDONED);
        match talked {
            Some(talked) => self.talks.push(talked),
            None => self.abandoned += 1.0,
        }
    }

    /// With what chance calls will want a person, while others of the campaign have been ringing for so long. Few calls prove little,
    /// and so it is somewhat more than was seen.
    pub fn chances(&self, ringing: impl Iterator<Item = Duration>) -> Chances {
        let (seen, calls) = (self.answers(ringing), self.rang[0]);
        let cautious = share_at_most(seen[0] * calls, calls, CAUTION) / seen[0];
        let human = share_at_most(self.wanted, self.known, CAUTION);
        Chances { ringing: seen.map(|chance| (chance * cautious).min(1.0) * human), answered: human }
    }

    /// All this, for who wants to know why; what is weighed is told elsewhere.
    pub fn learned(&self, ringing: impl Iterator<Item = Duration>) -> Learned {
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        Learned {
            calls: self.calls,
            answered: if self.calls == 0 { 0.0 } else { self.answers(ringing)[0] },
            wanted: share(self.wanted, self.known),
            lead: self.leads.median(),
            talk: self.talks.median(),
            abandoned: share(self.abandoned, self.served),
            risk: None,
        }
    }

    /// The share of calls that are answered, by how long they have been ringing. Those that ring still count, too: if they did not, only
    /// quick refusals would be known of at first.
    fn answers(&self, ringing: impl Iterator<Item = Duration>) -> [f64; STEPS] {
        let mut rang = self.rang;
        for rung in ringing {
            rang[..step(rung)].iter_mut().for_each(|count| *count += 1.0);
        }
        // From the last step back: in each a call is answered, is lost, or rings on into the next.
        let (mut later, mut chances) = (0.0, [0.0; STEPS]);
        for at in (0..STEPS).rev() {
            let answered = (self.answered[at] + UNSEEN) / (rang[at] + UNSEEN);
            let lost = self.lost(at) / (rang[at] + UNSEEN);
            later = answered + (1.0 - answered - lost).max(0.0) * later;
            chances[at] = later;
        }
        chances
    }

    /// Calls that stopped ringing in a step without having been answered.
    fn lost(&self, at: usize) -> f64 {
        let went_on = self.rang.get(at + 1).copied().unwrap_or(0.0);
        (self.rang[at] - went_on - self.answered[at]).max(0.0)
    }

    /// How long calls take to want a person, from their INVITE: a few that stand for all. Never none.
    pub fn leads(&self) -> Vec<Duration> {
        let sorted = &self.leads.sorted;
        if sorted.len() < LEADS {
            return vec![sorted.first().copied().unwrap_or_default()];
        }
        (0..LEADS).map(|part| sorted[sorted.len() * part / LEADS]).collect()
    }

    /// With what chance somebody who has talked for so long stops within this time.
    pub fn stops(&self, talked: Duration, within: Duration) -> f64 {
        let sorted = &self.talks.sorted;
        let stopped_by = |time: Duration| sorted.partition_point(|talk| *talk <= time);
        let (before, then) = (stopped_by(talked), stopped_by(talked.saturating_add(within)));
        (then - before) as f64 / (sorted.len() - before + 1) as f64
    }

    /// The share of callees that may hear nobody from now on, so that about `wanted` of all do: more than that while fewer have, and
    /// less while more have.
    pub fn allowance(&self, wanted: f64) -> f64 {
        if self.served <= 0.0 {
            return wanted;
        }
        let (was, pull) = (self.abandoned / self.served, self.served / (self.served + PULL_CALLS));
        (wanted + PULL * pull * (wanted - was)).clamp(0.0, RISK_MAX * wanted)
    }
}

impl Chances {
    /// Of a call that has been ringing for so long.
    pub fn ringing(&self, rung: Duration) -> f64 {
        self.ringing[step(rung)]
    }
}

impl Durations {
    fn median(&self) -> Option<Duration> {
        self.sorted.get(self.sorted.len() / 2).copied()
    }

    fn push(&mut self, duration: Duration) {
        if self.came.len() == DURATIONS_MAX
            && let Some(oldest) = self.came.pop_front()
        {
            let place = self.sorted.partition_point(|known| *known < oldest);
            self.sorted.remove(place);
        }
        self.came.push_back(duration);
        let place = self.sorted.partition_point(|known| *known < duration);
        self.sorted.insert(place, duration);
    }
}

fn step(rung: Duration) -> usize {
    let step = rung.as_millis() / STEP.as_millis();
    usize::try_from(step).unwrap_or(STEPS).min(STEPS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Of each ten calls two are answered after ten seconds, one is refused after one, and the others ring for thirty.
    fn seen(tens: usize) -> Habits {
        let mut habits = Habits::default();
        for _ in 0..tens {
            for (rung, answered, times) in [(10, true, 2), (1, false, 1), (30, false, 7)] {
                (0..times).for_each(|_| habits.handle_rung(seconds(rung), answered));
            }
            habits.handle_known(Some(seconds(12)));
            habits.handle_known(None);
        }
        habits
    }

    #[test]
    fn who_knows_nothing_expects_everybody_to_want_a_person() {
        let chances = Habits::default().chances([seconds(5)].into_iter());
        for rung in [0, 3, 30, 600] {
            assert!((chances.ringing(seconds(rung)) - 1.0).abs() < 1e-9, "{rung} s");
        }
        assert!((chances.answered - 1.0).abs() < 1e-9);
        assert_eq!(Habits::default().leads(), [Duration::ZERO]);
    }

    #[test]
    fn what_calls_teach_holds_for_how_long_a_call_has_been_ringing() {
        let chances = seen(40).chances(std::iter::empty());
        let [fresh, ringing, late] = [0, 6, 15].map(|rung| chances.ringing(seconds(rung)));
        assert!((0.1..0.16).contains(&fresh), "two of ten, half of whom are people: {fresh}");
        assert!(ringing > fresh, "it was not refused: {ringing}");
        assert!(late < 0.01, "it would have been answered by then: {late}");
        assert!((0.5..0.6).contains(&chances.answered), "{}", chances.answered);
        let few = seen(2).chances(std::iter::empty());
        assert!(few.ringing(Duration::ZERO) > fresh * 1.3, "few calls prove little: {few:?}");
    }

    #[test]
    fn calls_that_ring_still_are_known_not_to_have_been_answered_yet() {
        let mut habits = Habits::default();
        (0..10).for_each(|_| habits.handle_rung(seconds(5), true));
        (0..10).for_each(|_| habits.handle_rung(seconds(25), false));
        let alone = habits.chances(std::iter::empty()).ringing(Duration::ZERO);
        let others = habits.chances(std::iter::repeat_n(seconds(20), 90)).ringing(Duration::ZERO);
        assert!(alone > 0.5 && others < 0.3, "{alone}, {others}");
    }

    #[test]
    fn whoever_has_talked_long_stops_when_others_did() {
        let mut habits = Habits::default();
        assert_eq!(habits.stops(seconds(1), seconds(100)), 0.0, "nothing is known");
        (1..=99).for_each(|talked| habits.handle_served(Some(seconds(talked))));
        for (talked, within, wanted) in [(0, 10, 0.10), (50, 10, 0.2), (89, 10, 10.0 / 11.0), (200, 10, 0.0)]
        {
            let found = habits.stops(seconds(talked), seconds(within));
            assert!((found - wanted).abs() < 1e-9, "{talked}: {found}");
        }
        (0..500).for_each(|_| habits.handle_served(Some(seconds(7))));
        assert_eq!(habits.talks.sorted, [seconds(7); DURATIONS_MAX], "the old ones are forgotten");
    }

    #[test]
    fn the_share_that_may_hear_nobody_answers_to_the_share_that_did() {
        let after = |served: usize, abandoned: usize| {
            let mut habits = Habits::default();
            (0..served).for_each(|_| habits.handle_served(Some(seconds(60))));
            (0..abandoned).for_each(|_| habits.handle_served(None));
            habits.allowance(0.02)
        };
        assert_eq!(after(0, 0), 0.02);
        assert!(after(50, 0) > 0.05 && after(50, 0) < after(200, 0), "few calls allow little more");
        assert!((after(2_000, 0) - 0.1).abs() < 1e-9, "and many not everything");
        assert!((after(98, 2) - 0.02).abs() < 0.01, "{}", after(98, 2));
        assert_eq!(after(190, 10), 0.0);
    }

    #[test]
    fn leads_that_stand_for_all_begin_with_the_shortest() {
        let mut habits = Habits::default();
        (1..=3).rev().for_each(|lead| habits.handle_known(Some(seconds(lead))));
        assert_eq!(habits.leads(), [seconds(1)]);
        (4..=16).for_each(|lead| habits.handle_known(Some(seconds(lead))));
        assert_eq!(habits.leads(), [1, 3, 5, 7, 9, 11, 13, 15].map(seconds));
    }
}
