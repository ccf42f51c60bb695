//! What the numbering plans say: countries, what a number costs, how a country writes it. The only file that names the
//! `phonenumber` crate.

use std::fmt;
use std::str::FromStr;

use phonenumber::{Type, country, metadata::DATABASE};

use super::PhoneNumber;

/// A country, by its two letters (ISO 3166-1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Country(country::Id);

/// Why a number may be expensive to its caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostClass {
    /// Premium rate.
    Premium,
    /// Shared cost: the caller pays more than for an ordinary number.
    SharedCost,
    /// Satellite and global networks, in no country.
    Satellite,
}

impl CostClass {
    /// The word that the configuration uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Premium => "premium",
            Self::SharedCost => "shared_cost",
            Self::Satellite => "satellite",
        }
    }
}

/// Country codes of networks in no country: satellite (870, 881, 882, 883) and shared-cost or premium global services
/// (808, 878, 888, 979), ITU-T E.164 annex.
const NETWORKS: [&str; 8] = ["870", "881", "882", "883", "808", "878", "888", "979"];

impl Country {
    /// Its calling code, without `+`.
    pub fn calling_code(self) -> String {
        self.metadata().country_code().to_string()
    }

    /// What stands before a national number there: `0` in most of the world, `1` in North America, nothing in Italy.
    pub fn national_prefix(self) -> &'static str {
        self.metadata().national_prefix().unwrap_or_default()
    }

    /// What is dialled there before a country code: `00`, `011`. `None` where that depends on the carrier.
    pub fn exit_code(self) -> Option<&'static str> {
        let metadata = self.metadata();
        let is_plain = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let pattern = metadata.international_prefix().map(|pattern| pattern.as_str());
        metadata.preferred_international_prefix().filter(is_plain).or(pattern.filter(is_plain))
    }

    fn metadata(self) -> &'static phonenumber::Metadata {
        DATABASE.by_id(self.0.as_ref()).expect("a country is made only if the plan knows it")
    }
}

impl FromStr for Country {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let id: country::Id = text.to_ascii_uppercase().parse().map_err(|_| ())?;
        DATABASE.by_id(id.as_ref()).map(|_| Self(id)).ok_or(())
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref())
    }
}

/// Where a number is; `None` if it is in no plan.
pub fn country_of(number: &PhoneNumber) -> Option<Country> {
    let number = phonenumber::parse(None, number.as_str()).ok()?;
    number.country().id().map(Country)
}

/// Why it may be expensive, if it may. A number that is in no plan is ordinary.
pub fn cost_class_of(number: &PhoneNumber) -> Option<CostClass> {
    if NETWORKS.iter().any(|code| number.digits().starts_with(code)) {
        return Some(CostClass::Satellite);
    }
    let number = phonenumber::parse(None, number.as_str()).ok()?;
    match number.number_type(&DATABASE) {
        Type::PremiumRate => Some(CostClass::Premium),
        Type::SharedCost => Some(CostClass::SharedCost),
        _ => None,
    }
}

/// Was this number given out for a place, so that its beginning tells where it lies? Those of mobile telephones were in a few countries.
pub fn is_of_a_place(number: &PhoneNumber) -> bool {
    let Ok(number) = phonenumber::parse(None, number.as_str()) else { return false };
    match number.number_type(&DATABASE) {
        Type::FixedLine | Type::FixedLineOrMobile => true,
        Type::Mobile => PLACED_MOBILES.contains(&number.code().value()),
        _ => false,
    }
}

/// Mexico, Argentina, Brazil, Indonesia, China.
const PLACED_MOBILES: [u16; 5] = [52, 54, 55, 62, 86];

/// The first look at the plans costs some 90 ms: take it before the first call does.
pub fn warm() {
    let number = "+12025550123".parse().expect("a valid number");
    cost_class_of(&number);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> PhoneNumber {
        text.parse().expect("E.164")
    }

    #[test]
    fn a_country_says_how_it_is_dialled() {
        for (country, code, national, exit) in [
            ("GB", "44", "0", Some("00")),
            ("us", "1", "1", Some("011")),
            ("IT", "39", "", Some("00")),
            ("DE", "49", "0", Some("00")),
            ("HU", "36", "06", Some("00")),
        ] {
            let country: Country = country.parse().expect("a country");
            assert_eq!(
                (country.calling_code().as_str(), country.national_prefix(), country.exit_code()),
                (code, national, exit),
                "{country}"
            );
        }
        for text in ["", "XX", "GBR", "44"] {
            assert_eq!(text.parse::<Country>(), Err(()), "{text}");
        }
    }

    #[test]
    fn countries_that_share_a_code_are_told_apart() {
        for (text, country) in [
            ("+12025550123", Some("US")),
            ("+18765551234", Some("JM")),
            ("+16135550123", Some("CA")),
            ("+447386172392", Some("GB")),
            ("+77011234567", Some("KZ")),
            ("+999123456", None),
        ] {
            assert_eq!(
                country_of(&number(text)).map(|country| country.to_string()).as_deref(),
                country,
                "{text}"
            );
        }
    }

    #[test]
    fn expensive_numbers_have_a_class() {
        for (text, class) in [
            ("+447386172392", None),
            ("+19005551234", Some(CostClass::Premium)),
            ("+449098790000", Some(CostClass::Premium)),
            ("+491803123456", Some(CostClass::SharedCost)),
            ("+881612345678", Some(CostClass::Satellite)),
            ("+97912345678", Some(CostClass::Satellite)),
            ("+999123456", None),
        ] {
            assert_eq!(cost_class_of(&number(text)), class, "{text}");
        }
    }
}
