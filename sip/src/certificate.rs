//! One date out of an X.509 certificate (RFC 5280 §4.1, in DER): until when it is good. Whether to believe it is not asked here.

use std::time::{Duration, SystemTime};

/// When a certificate ceases to be good; `None` if that cannot be read, or lies before 1970.
pub fn not_after(certificate: &[u8]) -> Option<SystemTime> {
    const INTEGER: u8 = 0x02;
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut left, _) = element(certificate, SEQUENCE)?;
    if left.first() == Some(&VERSION) {
        (_, left) = element(left, VERSION)?;
    }
    // Serial number, signature algorithm, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, left) = element(left, tag)?;
    }
    let (validity, _) = element(left, SEQUENCE)?;
    let (_, _, left) = next(validity)?;
    let (tag, text, _) = next(left)?;
    time(tag, text)
}

/// The contents of the first element, which has this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    next(bytes).filter(|(found, ..)| *found == tag).map(|(_, contents, rest)| (contents, rest))
}

/// Tag, contents and rest (X.690 §8.1, definite lengths of up to four bytes).
fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, bytes) = bytes.split_first()?;
    let (&first, mut bytes) = bytes.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let (digits, rest) = bytes.split_at_checked(usize::from(first & 0x7f))?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        bytes = rest;
    }
    let (contents, rest) = bytes.split_at_checked(length)?;
    Some((tag, contents, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280 §4.1.2.5).
fn time(tag: u8, text: &[u8]) -> Option<SystemTime> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, text.len()) {
        (UTC_TIME, 12) => {
            let year: i64 = text[..2].parse().ok()?;
            (if year < 50 { 2_000 + year } else { 1_900 + year }, &text[2..])
        }
        (GENERALIZED_TIME, 14) => (text[..4].parse().ok()?, &text[4..]),
        _ => return None,
    };
    let field = |at: usize| rest[at..at + 2].parse::<i64>().ok();
    let (month, day) = (field(0)?, field(2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + field(4)? * 3_600 + field(6)? * 60 + field(8)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// Days since 1970-01-01 in the Gregorian calendar. Years begin in March, so that the leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(year: i32, month: u8, day: u8) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["carrier.example".to_owned()]).expect("a name");
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(year, month, day));
        params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate").der().to_vec()
    }

    fn seconds(certificate: &[u8]) -> Option<u64> {
        Some(not_after(certificate)?.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs())
    }

    #[test]
    fn the_last_day_is_read_in_both_notations() {
        assert_eq!(seconds(&certificate(2028, 2, 29)), Some(1_835_395_200));
        assert_eq!(seconds(&certificate(2049, 12, 31)), Some(2_524_521_600));
        assert_eq!(seconds(&certificate(2050, 1, 1)), Some(2_524_608_000), "by GeneralizedTime");
        assert_eq!(seconds(&certificate(4000, 3, 1)), Some(64_065_772_800));
    }

    proptest! {
        #[test]
        fn what_is_no_certificate_has_no_date(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = not_after(&bytes);
        }

        #[test]
        fn a_damaged_certificate_does_no_harm(at in 0_usize..300, byte in any::<u8>(), length in 0_usize..400) {
            let mut certificate = certificate(2030, 1, 1);
            if let Some(place) = certificate.get_mut(at) {
                *place = byte;
            }
            certificate.truncate(length);
            let _ = not_after(&certificate);
        }
    }
}
