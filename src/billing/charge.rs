//! What an answered call costs: exact integers, each interval begun is paid whole, each interval's price is rounded up.

use std::time::Duration;

use crate::model::{CallRecord, Micros, Rate};

const MINUTE_SECONDS: i128 = 60;

/// What a call that was answered and lasted so long costs. A call that nobody answered costs nothing, and is not asked for here.
/// What no `i64` holds is the largest one.
pub fn charge(rate: &Rate, duration: Duration) -> Micros {
    let beyond = duration.saturating_sub(Duration::from_secs(rate.first_interval.into()));
    let step = u128::from(rate.next_interval.max(1)) * 1_000_000_000;
    let steps = i128::try_from(beyond.as_nanos().div_ceil(step)).unwrap_or(i128::MAX);
    let time = interval(rate, rate.first_interval)
        .saturating_add(steps.saturating_mul(interval(rate, rate.next_interval.max(1))));
    let cost = time.saturating_add(rate.connection_fee.0.into()).max(rate.minimum.0.into());
    Micros(i64::try_from(cost).unwrap_or(i64::MAX))
}

/// What a call that ended has cost, by what is known of it: nothing unless it was answered, and no more than was held. `None` if
/// nothing was held.
pub fn settlement(record: &CallRecord) -> Option<Micros> {
    let hold = record.hold.as_ref()?;
    let talked = record.answered_at.and(record.duration());
    Some(talked.map_or(Micros::ZERO, |talked| charge(&hold.rate, talked).min(hold.amount)))
}

/// What a call costs from the moment it is answered.
pub fn first_price(rate: &Rate) -> Micros {
    charge(rate, Duration::ZERO)
}

/// For how many seconds so much money lasts; `None` if not for the first interval. A price of nothing lasts for ever.
pub fn seconds_covered(rate: &Rate, amount: Micros) -> Option<u64> {
    if first_price(rate) > amount {
        return None;
    }
    let step = interval(rate, rate.next_interval.max(1));
    if step == 0 {
        return Some(u64::MAX);
    }
    // The minimum is within the amount, so only time and fee are left to pay for.
    let left = i128::from(amount.0) - i128::from(rate.connection_fee.0) - interval(rate, rate.first_interval);
    let steps = u64::try_from(left / step).unwrap_or(u64::MAX);
    let beyond = steps.saturating_mul(rate.next_interval.max(1).into());
    Some(beyond.saturating_add(rate.first_interval.into()))
}

/// The price of so many seconds, rounded up.
fn interval(rate: &Rate, seconds: u32) -> i128 {
    let price = i128::from(rate.per_minute.0.max(0)) * i128::from(seconds);
    (price + MINUTE_SECONDS - 1) / MINUTE_SECONDS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(per_minute: i64, first: u32, next: u32) -> Rate {
        Rate {
            prefix: "44".into(),
            per_minute: Micros(per_minute),
            first_interval: first,
            next_interval: next,
            minimum: Micros::ZERO,
            connection_fee: Micros::ZERO,
        }
    }

    fn cost(rate: &Rate, milliseconds: u64) -> i64 {
        charge(rate, Duration::from_millis(milliseconds)).0
    }

    #[test]
    fn intervals_that_were_begun_are_paid_whole() {
        let by_the_minute = rate(12_000, 60, 60);
        for (ms, micros) in
            [(0, 12_000), (59_999, 12_000), (60_000, 12_000), (60_001, 24_000), (120_000, 24_000)]
        {
            assert_eq!(cost(&by_the_minute, ms), micros, "{ms}");
        }
        let thirty_six = rate(12_000, 30, 6);
        for (ms, micros) in [(1, 6_000), (30_000, 6_000), (30_001, 7_200), (36_001, 8_400)] {
            assert_eq!(cost(&thirty_six, ms), micros, "{ms}");
        }
    }

    #[test]
    fn a_part_of_a_micro_is_a_micro_in_each_interval() {
        let by_the_second = rate(100, 1, 1);
        assert_eq!([0, 1_000, 1_001, 3_000].map(|ms| cost(&by_the_second, ms)), [2, 2, 4, 6]);
    }

    #[test]
    fn the_fee_is_added_and_the_minimum_is_reached() {
        let rate = Rate { connection_fee: Micros(500), minimum: Micros(5_000), ..rate(6_000, 10, 10) };
        assert_eq!([0, 40_000, 50_000].map(|ms| cost(&rate, ms)), [5_000, 5_000, 5_500]);
        assert_eq!(seconds_covered(&rate, Micros(4_999)), None);
        assert_eq!(seconds_covered(&rate, Micros(5_000)), Some(40));
        assert_eq!(seconds_covered(&rate, Micros(5_500)), Some(50));
    }

    #[test]
    fn what_costs_nothing_lasts_for_ever_and_what_is_too_dear_is_the_largest_amount() {
        assert_eq!(seconds_covered(&rate(0, 60, 60), Micros::ZERO), Some(u64::MAX));
        assert_eq!(charge(&rate(i64::MAX, u32::MAX, 1), Duration::MAX), Micros(i64::MAX));
    }

    prop_compose! {
        fn any_rate()(
            per_minute in 0i64..10_000_000, first in 1u32..3_600, next in 1u32..3_600,
            minimum in 0i64..1_000_000, fee in 0i64..1_000_000,
        ) -> Rate {
            Rate { minimum: Micros(minimum), connection_fee: Micros(fee), ..rate(per_minute, first, next) }
        }
    }

    proptest! {
        /// Against the definition, counted out interval by interval.
        #[test]
        fn it_is_what_counting_intervals_gives(rate in any_rate(), ms in 0u64..20_000_000) {
            let price = |seconds: u32| (rate.per_minute.0 * i64::from(seconds) + 59) / 60;
            let (mut paid, mut time) = (price(rate.first_interval), u64::from(rate.first_interval) * 1_000);
            while time < ms {
                paid += price(rate.next_interval);
                time += u64::from(rate.next_interval) * 1_000;
            }
            prop_assert_eq!(cost(&rate, ms), (paid + rate.connection_fee.0).max(rate.minimum.0));
        }

        #[test]
        fn a_longer_call_is_never_cheaper(rate in any_rate(), ms in 0u64..20_000_000, more in 0u64..100_000) {
            prop_assert!(cost(&rate, ms) <= cost(&rate, ms + more));
        }

        #[test]
        fn an_amount_covers_what_it_says_and_not_an_instant_more(rate in any_rate(), amount in 0i64..100_000_000) {
            match seconds_covered(&rate, Micros(amount)) {
                None => prop_assert!(first_price(&rate) > Micros(amount)),
                Some(u64::MAX) => prop_assert!(cost(&rate, 1 << 40) <= amount),
                Some(seconds) => {
                    prop_assert!(cost(&rate, seconds * 1_000) <= amount);
                    prop_assert!(cost(&rate, seconds * 1_000 + 1) > amount);
                }
            }
        }
    }
}
