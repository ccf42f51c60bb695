//! Chances: how sure a share is after so many trials, and how many of some events come to pass. Pure.

/// The upper end of Wilson's score interval (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927) of a share that was `hits` of `trials`, both of
/// which may be weighted: it is 1 of nothing, and comes down to the share as trials are added.
pub fn share_at_most(hits: f64, trials: f64, deviations: f64) -> f64 {
    if trials <= 0.0 {
        return 1.0;
    }
    let (share, z2) = ((hits / trials).clamp(0.0, 1.0), deviations * deviations);
    let spread = (share * (1.0 - share) / trials + z2 / (4.0 * trials * trials)).sqrt();
    ((share + z2 / (2.0 * trials) + deviations * spread) / (1.0 + z2 / trials)).min(1.0)
}

/// How many of some independent events come to pass, each of its own chance (the Poisson binomial distribution). What is more than a
/// bound is not told apart.
pub struct Count {
    /// By number; the last one stands for its number and all above.
    chances: Vec<f64>,
}

impl Count {
    /// None yet, and told apart up to this many.
    pub fn to(bound: usize) -> Self {
        let mut chances = vec![0.0; bound + 1];
        chances[0] = 1.0;
        Self { chances }
    }

    /// One more event.
    pub fn add(&mut self, chance: f64) {
        let (last, mut below) = (self.chances.len() - 1, 0.0);
        for (number, held) in self.chances.iter_mut().enumerate() {
            let stays = if number == last { *held } else { *held * (1.0 - chance) };
            let came = below * chance;
            below = *held;
            *held = stays + came;
        }
    }

    /// With what chance this many come to pass, or so many that nothing above is told apart.
    pub fn of(&self, number: usize) -> f64 {
        self.chances.get(number).copied().unwrap_or(0.0)
    }

    /// With what chance at least this many do; it must be within the bound.
    pub fn at_least(&self, number: usize) -> f64 {
        self.chances.get(number..).map_or(0.0, |above| above.iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_about(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() < 1e-9
    }

    #[test]
    fn a_share_of_nothing_may_be_everything_and_comes_down_with_what_is_seen() {
        assert!(is_about(share_at_most(0.0, 0.0, 1.0), 1.0));
        let seen = [1.0, 10.0, 100.0, 10_000.0].map(|trials| share_at_most(trials * 0.2, trials, 1.0));
        assert!(seen.is_sorted_by(|fewer, more| fewer > more), "{seen:?}");
        assert!(seen[3] > 0.2 && seen[3] < 0.21, "{seen:?}");
        // Nothing of ten: z² / (n + z²).
        assert!(is_about(share_at_most(0.0, 10.0, 2.0), 4.0 / 14.0));
    }

    #[test]
    fn events_of_equal_chance_are_binomial_and_certain_ones_are_counted() {
        let mut count = Count::to(5);
        for chance in [0.5, 0.5, 0.5, 1.0, 0.0] {
            count.add(chance);
        }
        for (number, wanted) in [0.0, 0.125, 0.375, 0.375, 0.125, 0.0].into_iter().enumerate() {
            assert!(is_about(count.of(number), wanted), "{number}");
        }
        assert!(is_about(count.at_least(3), 0.5) && is_about(count.at_least(0), 1.0));
    }

    #[test]
    fn what_is_above_the_bound_is_one_number() {
        let (mut all, mut few) = (Count::to(40), Count::to(3));
        for event in 0..40 {
            let chance = f64::from(event) / 50.0;
            all.add(chance);
            few.add(chance);
        }
        for number in 0..=3 {
            assert!(is_about(all.at_least(number), few.at_least(number)), "{number}");
        }
        assert!(is_about(few.at_least(4), 0.0));
    }
}
