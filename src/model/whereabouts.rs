//! In which time zones a number may lie: those of its place, if it was given out for one, or else all of its country's.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{PhoneNumber, Zone, numbering};

/// What is known.
const FACTS: &str = include_str!("whereabouts.txt");

static ZONES: LazyLock<HashMap<&str, Vec<Zone>>> = LazyLock::new(|| {
    let facts = FACTS.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "));
    let known = facts.map(|(names, beginnings)| {
        let zones = names.split(' ').map(|name| name.parse().expect("the bundled database has it"));
        (zones.collect::<Vec<Zone>>(), beginnings)
    });
    let each = |(zones, beginnings): (Vec<Zone>, &'static str)| {
        beginnings.split(' ').map(move |beginning| (beginning, zones.clone())).collect::<Vec<_>>()
    };
    known.flat_map(each).collect()
});

/// All zones in which a number may lie: one for most, several for what was given out for a whole country or for several, and none for what
/// is in no country.
pub fn zones_of(number: &PhoneNumber) -> &'static [Zone] {
    let digits = number.digits();
    let zones = match numbering::is_of_a_place(number) {
        true => (1..=digits.len()).rev().find_map(|length| known(digits, length)),
        // A calling code has three digits at most, and none begins another.
        false => (1..=3).find_map(|length| known(digits, length)),
    };
    zones.unwrap_or_default()
}

fn known(digits: &str, length: usize) -> Option<&'static [Zone]> {
    ZONES.get(digits.get(..length)?).map(Vec::as_slice)
}

/// The first look reads some 300 zones: take it before the first campaign does.
pub fn warm() {
    LazyLock::force(&ZONES);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(number: &str) -> Vec<&'static str> {
        zones_of(&number.parse().expect("a number")).iter().map(Zone::name).collect()
    }

    #[test]
    fn the_longest_beginning_holds() {
        for (number, zones) in [
            ("+12125551234", &["America/New_York"][..]),
            ("+14155551234", &["America/Los_Angeles"]),
            ("+18085551234", &["Pacific/Honolulu"]),
            ("+19075551234", &["America/Adak", "America/Anchorage"]),
            ("+5511987654321", &["America/Sao_Paulo"]),
            ("+821012345678", &["Asia/Seoul"]),
            ("+447386172392", &["Europe/Guernsey", "Europe/Isle_of_Man", "Europe/Jersey", "Europe/London"]),
            ("+74012123456", &["Europe/Kaliningrad"]),
            ("+213551234567", &["Africa/Algiers"]),
            ("+881612345678", &[]),
        ] {
            assert_eq!(names(number), zones, "{number}");
        }
    }

    #[test]
    fn what_was_given_out_for_no_place_lies_anywhere_in_its_country() {
        for (number, zones, some) in [
            // Toll-free; and mobiles of Russia and Australia.
            ("+18005551234", 20.., ["America/New_York", "Pacific/Honolulu"]),
            ("+79161234567", 10.., ["Europe/Moscow", "Asia/Vladivostok"]),
            ("+61412345678", 5.., ["Australia/Perth", "Australia/Sydney"]),
            ("+34612345678", 2.., ["Europe/Madrid", "Atlantic/Canary"]),
        ] {
            let found = names(number);
            assert!(
                zones.contains(&found.len()) && some.iter().all(|zone| found.contains(zone)),
                "{number}: {found:?}"
            );
        }
    }

    #[test]
    fn every_fact_can_be_read() {
        assert!(ZONES.len() > 3_000 && ZONES.values().all(|zones| !zones.is_empty()));
        assert!(ZONES.keys().all(|beginning| beginning.bytes().all(|byte| byte.is_ascii_digit())));
        let lines = FACTS.lines().filter(|line| !line.starts_with('#'));
        let beginnings =
            lines.filter_map(|line| line.split_once(": ")).map(|(_, told)| told.split(' ').count());
        assert_eq!(ZONES.len(), beginnings.sum::<usize>(), "no beginning stands there twice");
    }
}
