//! Which of an agent's numbers a callee is to see. The same callee sees the same one every time, as long as the agent has it and it can
//! be called from: it may have been kept, or called back. Which that is follows from the two numbers alone; nothing is counted and
//! nothing is remembered.

use std::cmp::Reverse;

use sha2::{Digest as _, Sha256};

use crate::model::{CallerIds, PhoneNumber, numbering};

/// What has these numbers, the oldest first, in the order in which this callee is to see one of them.
pub fn ranked<T>(
    by: CallerIds,
    to: &PhoneNumber,
    mut all: Vec<T>,
    number: impl Fn(&T) -> &PhoneNumber,
) -> Vec<T> {
    match by {
        CallerIds::First => {}
        CallerIds::Spread => all.sort_by_cached_key(|one| Reverse(lot(to, number(one)))),
        CallerIds::Nearest => {
            let code = numbering::country_of(to).map_or_else(String::new, numbering::Country::calling_code);
            let near = |one: &T| (kinship(to, number(one), &code), lot(to, number(one)));
            all.sort_by_cached_key(|one| Reverse(near(one)));
        }
    }
    all
}

/// How many digits a callee's number and another have in common before the first in which they differ, if those are its calling code at
/// least. In the North American plan fewer than that and the area's code are as good as the calling code alone: areas whose codes look
/// alike may lie anywhere (ITU-T E.164, NANP).
fn kinship(to: &PhoneNumber, other: &PhoneNumber, calling_code: &str) -> usize {
    let pairs = to.digits().bytes().zip(other.digits().bytes());
    let shared = pairs.take_while(|(one, other)| one == other).count();
    match calling_code {
        "1" if shared < NANP_AREA => shared.min(1),
        code if shared < code.len() => 0,
        _ => shared,
    }
}

/// What a number draws for a callee: the highest of them wins (rendezvous hashing). Where a number comes or goes, only its own callees
/// see another one.
fn lot(to: &PhoneNumber, number: &PhoneNumber) -> [u8; 32] {
    Sha256::new().chain_update(to.as_str()).chain_update(number.as_str()).finalize().into()
}

/// Digits of a calling code and an area's code there.
const NANP_AREA: usize = 4;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn phone(text: &str) -> PhoneNumber {
        text.parse().expect("E.164")
    }

    fn numbers(texts: &[&str]) -> Vec<PhoneNumber> {
        texts.iter().map(|text| phone(text)).collect()
    }

    fn seen(by: CallerIds, to: &str, pool: &[PhoneNumber]) -> String {
        ranked(by, &phone(to), pool.iter().collect(), |number| number)[0].as_str().to_owned()
    }

    #[test]
    fn the_nearest_shares_the_most_digits_from_the_area_code_on() {
        let pool = numbers(&["+12125550100", "+14155550100", "+442079460100", "+441614960100"]);
        for (to, nearest) in [
            ("+14155559999", "+14155550100"),
            ("+12125559999", "+12125550100"),
            ("+442079461234", "+442079460100"),
            ("+441614969999", "+441614960100"),
        ] {
            assert_eq!(seen(CallerIds::Nearest, to, &pool), nearest, "{to}");
        }
        // 416 is Toronto's, and no nearer to San Francisco's 415 than New York's 212.
        let to_toronto: Vec<_> =
            (0..100).map(|n| seen(CallerIds::Nearest, &format!("+14165550{n:03}"), &pool)).collect();
        for own in ["+12125550100", "+14155550100"] {
            assert!(to_toronto.iter().filter(|seen| *seen == own).count() > 25, "{own}");
        }
        assert!(to_toronto.iter().all(|seen| seen.starts_with("+1")));
        // Germany's 49 and Britain's 44 have a digit in common, and nothing else.
        let to_berlin = (0..100).map(|n| seen(CallerIds::Nearest, &format!("+49305550{n:04}"), &pool));
        assert!(to_berlin.filter(|seen| seen.starts_with("+1")).count() > 25);
    }

    #[test]
    fn callees_are_spread_over_all_numbers_evenly() {
        let pool = numbers(&["+12125550100", "+12125550101", "+12125550102", "+12125550103"]);
        let mut counts: HashMap<String, u32> = HashMap::new();
        for n in 0..4_000 {
            *counts.entry(seen(CallerIds::Spread, &format!("+1415555{n:04}"), &pool)).or_default() += 1;
        }
        assert!(counts.len() == 4 && counts.values().all(|count| (900..1_100).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_callee_sees_the_same_number_until_that_is_gone() {
        let texts = ["+12125550100", "+12125550101", "+12125550102", "+12125550103"];
        let (before, after) = (numbers(&texts), numbers(&texts[..3]));
        for by in [CallerIds::Spread, CallerIds::Nearest] {
            for n in 0..500 {
                let to = format!("+1415555{n:04}");
                let kept = seen(by, &to, &before);
                assert_eq!(seen(by, &to, &before), kept);
                assert!(kept == texts[3] || seen(by, &to, &after) == kept, "{to}");
            }
        }
    }

    #[test]
    fn without_a_choice_the_oldest_calls_and_of_none_nobody_does() {
        let pool = numbers(&["+442079460100", "+14155550100"]);
        assert_eq!(seen(CallerIds::First, "+14155559999", &pool), "+442079460100");
        assert!(
            ranked(CallerIds::Nearest, &phone("+14155559999"), Vec::<PhoneNumber>::new(), |number| number)
                .is_empty()
        );
    }
}
