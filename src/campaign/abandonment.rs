//! Campaigns that dial ahead of their people, and how many callees nobody had time for. Pure.
//!
//! At most 3 % of the calls of a campaign that a person answers may be abandoned, over 30 days (16 CFR 310.4(b)(4)(i); Ofcom's policy on
//! persistent misuse says 3 % too). A campaign that comes near dials one call for each person who is free, until it is well below again.

use std::time::Duration;

use crate::model::Abandonment;

/// How often the calls that a campaign has abandoned are counted anew, while it may dial ahead of its people.
pub const COUNT_EVERY: Duration = Duration::from_secs(15);

/// Of a thousand calls that a person answered: near enough to 30, since others are under way.
const NEAR_PER_MILLE: u64 = 25;

/// Has it abandoned too many to dial ahead?
pub const fn is_near(calls: Abandonment) -> bool {
    calls.abandoned > 0
        && calls.abandoned.saturating_mul(1_000) >= calls.answered.saturating_mul(NEAR_PER_MILLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_dials_ahead_until_it_comes_near_three_in_a_hundred() {
        let near = |abandoned, answered| is_near(Abandonment { answered, abandoned });
        for (abandoned, answered, is) in [
            (0, 0, false),
            (0, 1_000_000, false),
            (1, 1, true),
            (1, 40, true),
            (1, 41, false),
            (24, 1_000, false),
            (25, 1_000, true),
            (30, 1_000, true),
            (u64::MAX, u64::MAX, true),
        ] {
            assert_eq!(near(abandoned, answered), is, "{abandoned} of {answered}");
        }
    }
}
