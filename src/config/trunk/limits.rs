//! Where a trunk may dial, for how long and for how much.

use super::table::{Spend, Trunk};
use crate::config::checker::Checker;
use crate::model::{Destinations, Micros, SpendLimit};

/// An entry more would be a database; prefixes are compared one by one.
const PREFIXES_MAX: usize = 2_000;
/// A day, in seconds.
const CALL_MAX_SECONDS: u64 = 86_400;
/// Millionths in one.
const MICROS: u64 = 1_000_000;
/// More than anybody spends in a day.
const AMOUNT_MAX: u64 = 1_000_000_000;

pub fn destinations(table: &Trunk, path: &str, check: &mut Checker<'_>) -> Destinations {
    for (name, prefixes) in [("allow", &table.allow), ("deny", &table.deny)] {
        check.that(&format!("{path}.{name}"), prefixes.len() <= PREFIXES_MAX, || {
            format!("has {} prefixes, more than {PREFIXES_MAX}", prefixes.len())
        });
        for (index, prefix) in prefixes.iter().enumerate() {
            check.prefix(&format!("{path}.{name}[{index}]"), prefix);
        }
    }
    for (index, prefix) in table.deny.iter().enumerate() {
        check.that(&format!("{path}.deny[{index}]"), !table.allow.contains(prefix), || {
            format!("`{prefix}` is allowed as well: which is meant?")
        });
    }
    let mut countries = Vec::new();
    for (index, text) in table.allow_countries.iter().enumerate() {
        match text.parse() {
            Ok(country) => countries.push(country),
            Err(()) => check.fault(
                &format!("{path}.allow_countries[{index}]"),
                format!("`{text}` is not a country's two letters, such as \"GB\""),
            ),
        }
    }
    let call_max = table
        .max_call_seconds
        .map(|seconds| check.seconds(&format!("{path}.max_call_seconds"), seconds, 10..=CALL_MAX_SECONDS));
    Destinations {
        allow: table.allow.clone(),
        deny: table.deny.clone(),
        countries,
        classes: table.allow_classes.clone(),
        call_max,
        spend: table.spend.as_ref().map(|spend| limit(spend, &format!("{path}.spend"), check)),
    }
}

fn limit(spend: &Spend, path: &str, check: &mut Checker<'_>) -> SpendLimit {
    let mut amount = |name: &str, text: &str| {
        let micros = micros(text).filter(|micros| *micros > 0);
        check.that(&format!("{path}.{name}"), micros.is_some(), || {
            format!("`{text}` is not an amount such as \"25.00\", above zero and with at most 6 decimals")
        });
        micros.unwrap_or(1)
    };
    let per_day_micros = amount("per_day", &spend.per_day);
    let per_minute_micros = amount("per_minute", &spend.per_minute);
    check.that(&format!("{path}.per_day"), per_day_micros >= per_minute_micros, || {
        "is less than one minute costs: no call could be placed".into()
    });
    SpendLimit { per_day_micros, per_minute_micros }
}

/// A decimal number as an integer, its whole part at most [`AMOUNT_MAX`].
fn micros(text: &str) -> Option<u64> {
    let micros = u64::try_from(Micros::decimal(text)?.0).ok()?;
    (micros / MICROS <= AMOUNT_MAX).then_some(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_millionths() {
        for (text, amount) in [
            ("25.00", Some(25_000_000)),
            ("25", Some(25_000_000)),
            ("0.012", Some(12_000)),
            ("0.000001", Some(1)),
            ("1000000000.999999", Some(1_000_000_000_999_999)),
            ("1000000001", None),
            ("0.0000001", None),
            ("", None),
            (".5", None),
            ("5.", None),
            ("-1", None),
            ("1e3", None),
            ("1,5", None),
            ("1.2.3", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(micros(text), amount, "{text}");
        }
    }
}
