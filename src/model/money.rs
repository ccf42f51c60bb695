//! Money: whole millionths of one currency unit, never a float. Sums are checked: what cannot be represented is `None`.

use std::fmt;
use std::str::FromStr;

/// Millionths of a tenant's currency unit. Negative where something is owed or taken.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct Micros(pub i64);

/// Micros in one unit of the currency.
const UNIT: i64 = 1_000_000;
/// Micros in a cent.
const CENT: i64 = 10_000;
/// The largest amount that is taken from outside: a billion units. A sum of nine thousand of them still fits.
const AMOUNT_MAX: i64 = 1_000_000_000 * UNIT;

impl Micros {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A decimal number without a sign and with at most six decimals, however large.
    pub fn decimal(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
            return None;
        }
        let whole: i64 = whole.parse().ok()?;
        let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
        whole.checked_mul(UNIT).and_then(|whole| whole.checked_add(fraction)).map(Self)
    }

    /// The sum, if it can be represented.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, if it can be represented.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// So many times as much, if it can be represented.
    pub const fn checked_mul(self, times: i64) -> Option<Self> {
        match self.0.checked_mul(times) {
            Some(product) => Some(Self(product)),
            None => None,
        }
    }

    /// Is it more than nothing?
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Whole cents, a part of one counting as one: what an invoice shows.
    pub const fn cents_up(self) -> i64 {
        self.0.div_euclid(CENT) + (self.0.rem_euclid(CENT) != 0) as i64
    }

    /// In units of the currency, for documents that show money as a JSON number. Exact to a micro below nine billion.
    pub fn units(self) -> f64 {
        self.0 as f64 / UNIT as f64
    }
}

/// `12.50`: at least two decimals, at most six.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0.unsigned_abs() / UNIT as u64, self.0.unsigned_abs() % UNIT as u64);
        let digits = format!("{fraction:06}");
        let kept = digits.trim_end_matches('0').len().max(2);
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{whole}.{}", &digits[..kept])
    }
}

/// What is no amount: `12.50` is one, with at most six decimals and no more than a billion.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("must be an amount such as \"25.00\", with at most 6 decimals and at most 1000000000")]
pub struct InvalidAmount;

/// A decimal number, without a sign.
impl FromStr for Micros {
    type Err = InvalidAmount;

    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        Self::decimal(text).filter(|amount| amount.0 <= AMOUNT_MAX).ok_or(InvalidAmount)
    }
}

/// An ISO 4217 code: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The United States dollar, which `cost_usd` and its like are named after.
    pub const USD: Self = Self(*b"USD");

    /// The code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("capital letters are ASCII")
    }
}

impl FromStr for Currency {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| ())?;
        if code.iter().all(u8::is_ascii_uppercase) { Ok(Self(code)) } else { Err(()) }
    }
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
            ("0", Some(0)),
            ("0.000001", Some(1)),
            ("1000000000", Some(AMOUNT_MAX)),
            ("1000000000.000001", None),
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
            assert_eq!(text.parse().ok(), amount.map(Micros), "{text}");
        }
    }

    #[test]
    fn amounts_are_shown_without_needless_zeros_and_read_back() {
        for (micros, text) in [(0, "0.00"), (12_500_000, "12.50"), (1, "0.000001"), (-12_000, "-0.012")] {
            assert_eq!(Micros(micros).to_string(), text);
        }
        assert_eq!(Micros(12_345_678).to_string().parse(), Ok(Micros(12_345_678)));
        assert_eq!(Micros(i64::MIN).to_string(), "-9223372036854.775808");
    }

    #[test]
    fn sums_that_do_not_fit_are_none() {
        assert_eq!(Micros(i64::MAX).checked_add(Micros(1)), None);
        assert_eq!(Micros(i64::MIN).checked_sub(Micros(1)), None);
        assert_eq!(Micros(i64::MAX).checked_mul(2), None);
        assert_eq!(Micros(2).checked_sub(Micros(3)), Some(Micros(-1)));
    }

    #[test]
    fn a_part_of_a_cent_is_a_cent() {
        assert_eq!([0, 1, 10_000, 10_001].map(|micros| Micros(micros).cents_up()), [0, 1, 1, 2]);
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!("EUR".parse::<Currency>().map(|code| code.as_str().to_owned()), Ok("EUR".into()));
        for text in ["", "eur", "EURO", "E1R", "É"] {
            assert!(text.parse::<Currency>().is_err(), "{text}");
        }
    }
}
