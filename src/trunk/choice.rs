//! Which of a number's trunks takes a call: the one place that decides. Pure: randomness and what is known of each trunk are
//! arguments.
//!
//! The order is RFC 2782's: the lowest priority first; among equals, chance by weight. It is drawn once a call. Whoever needs a
//! trunk, for the first INVITE or after a failure, takes the first in that order that has room.

use std::time::Duration;

use rand::Rng;

use crate::model::{Limit, Refusal};

/// What keeps a call from a trunk, if anything does.
#[derive(Clone, PartialEq, Debug)]
pub enum Room {
    /// Nothing.
    Open,
    /// A limit that passes: worth waiting for.
    Limited {
        /// Which.
        limit: Limit,
        /// Which, in words.
        name: &'static str,
        /// When it is worth asking again.
        retry_after: Duration,
    },
    /// It takes no calls, and nobody knows until when.
    Closed {
        /// One sentence.
        why: String,
        /// What OPTIONS or REGISTER told, if they did.
        sip_code: Option<u16>,
    },
}

/// The order in which trunks of these priorities and weights are tried (RFC 2782, "Usage rules"): indices into `choices`.
/// Where weights differ from zero, zero goes last; RFC 2782 would have it go first once in a while.
pub fn order(choices: &[(u16, u16)], dice: &mut impl Rng) -> Vec<usize> {
    let mut left: Vec<usize> = (0..choices.len()).collect();
    left.sort_by_key(|index| choices[*index].0);
    let mut ordered = Vec::with_capacity(left.len());
    while let Some(first) = left.first() {
        let priority = choices[*first].0;
        let equals = left.iter().take_while(|index| choices[**index].0 == priority).count();
        let weights = left[..equals].iter().map(|index| u32::from(choices[*index].1));
        let at = match weights.clone().sum() {
            0 => dice.random_range(0..equals),
            total => drawn(weights, dice.random_range(1..=total)),
        };
        ordered.push(left.remove(at));
    }
    ordered
}

/// The first whose weight, and those before it, reach what was drawn.
fn drawn(weights: impl Iterator<Item = u32>, drawn: u32) -> usize {
    let mut sum = 0;
    let reaches = |weight: u32| {
        sum += weight;
        sum >= drawn
    };
    weights.map(reaches).position(|reached| reached).unwrap_or(0)
}

/// The first with room. If none has: the soonest that may have some, when any may; else why they take no calls.
pub fn choose(rooms: impl IntoIterator<Item = Room>) -> Result<usize, Refusal> {
    let (mut soonest, mut closed, mut code) = (None::<(Duration, Limit, &'static str)>, Vec::new(), None);
    for (index, room) in rooms.into_iter().enumerate() {
        match room {
            Room::Open => return Ok(index),
            Room::Limited { limit, name, retry_after } => {
                if soonest.is_none_or(|(soonest, ..)| retry_after < soonest) {
                    soonest = Some((retry_after, limit, name));
                }
            }
            Room::Closed { why, sip_code } => {
                closed.push(why);
                code = code.or(sip_code);
            }
        }
    }
    match soonest {
        Some((retry_after, limit, name)) => Err(Refusal::Limited { limit, name, retry_after }),
        None if closed.is_empty() => Err(Refusal::NumberHasNoTrunk),
        None => Err(Refusal::TrunkDown { reason: closed.join("; "), sip_code: code }),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn closed(why: &str, sip_code: Option<u16>) -> Room {
        Room::Closed { why: why.into(), sip_code }
    }

    fn limited(seconds: u64) -> Room {
        Room::Limited {
            limit: Limit::ConcurrentCalls,
            name: "channels of the trunk",
            retry_after: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn the_lowest_priority_goes_first_whatever_its_weight() {
        let mut dice = StdRng::seed_from_u64(1);
        for _ in 0..100 {
            assert_eq!(order(&[(20, 60_000), (10, 0), (30, 1)], &mut dice), [1, 0, 2]);
        }
    }

    #[test]
    fn among_equals_chance_goes_by_weight() {
        let mut dice = StdRng::seed_from_u64(2);
        let mut first = [0_u32; 3];
        for _ in 0..10_000 {
            let order = order(&[(1, 70), (1, 20), (1, 10)], &mut dice);
            first[order[0]] += 1;
            let mut all = order.clone();
            all.sort_unstable();
            assert_eq!(all, [0, 1, 2]);
        }
        for (count, expected) in first.into_iter().zip([7_000_u32, 2_000, 1_000]) {
            assert!(count.abs_diff(expected) < 300, "{first:?}");
        }
    }

    #[test]
    fn weight_nought_goes_last_and_is_not_lost() {
        let mut dice = StdRng::seed_from_u64(3);
        for _ in 0..100 {
            assert_eq!(order(&[(1, 0), (1, 1), (2, 9)], &mut dice), [1, 0, 2]);
        }
        let firsts = (0..1_000).filter(|_| order(&[(1, 0), (1, 0)], &mut dice)[0] == 0).count();
        assert!((400..600).contains(&firsts), "where all are nought, chance alone decides: {firsts}");
        assert!(order(&[], &mut dice).is_empty());
    }

    #[test]
    fn the_same_seed_draws_the_same_order() {
        let draw = || order(&[(1, 5), (1, 5), (1, 5), (1, 5)], &mut StdRng::seed_from_u64(4));
        assert_eq!(draw(), draw());
    }

    #[test]
    fn the_first_with_room_is_taken() {
        assert_eq!(choose([closed("down", None), limited(1), Room::Open, Room::Open]), Ok(2));
    }

    #[test]
    fn a_limit_is_waited_for_even_beside_a_trunk_that_is_down() {
        let refused = choose([limited(5), closed("down", None), limited(2)]);
        let (limit, name) = (Limit::ConcurrentCalls, "channels of the trunk");
        assert_eq!(refused, Err(Refusal::Limited { limit, name, retry_after: Duration::from_secs(2) }));
    }

    #[test]
    fn when_all_are_down_it_is_said_why_and_by_which_code() {
        let refused = choose([closed("a is down", None), closed("b is down", Some(503))]);
        let reason = "a is down; b is down".to_owned();
        assert_eq!(refused, Err(Refusal::TrunkDown { reason, sip_code: Some(503) }));
        assert_eq!(choose([]), Err(Refusal::NumberHasNoTrunk));
    }
}
