//! Which number a trunk means: from a URI's user, however the trunk writes numbers, to E.164.
//!
//! Nothing tells `15550000001` in E.164 without its `+` from a national number: every reading is given, and whoever knows the
//! numbers there are takes the one that is among them.

use trunkline_sip::message::{NameAddr, Uri};

use crate::model::{NumberStyle, PhoneNumber, Trunk};

/// What is dialled before a country code, nearly everywhere (ITU-T E.164) and in North America.
const EXIT_CODES: [&str; 2] = ["00", "011"];

/// The numbers that a URI may mean by this trunk, the likeliest first. Empty for a URI that has no number.
pub fn numbers(uri: &str, trunk: &Trunk) -> Vec<PhoneNumber> {
    let Some(user) = Uri::parse(uri).and_then(|uri| uri.user) else { return Vec::new() };
    let mut found = Vec::new();
    let user = digits(user);
    readings(&user, trunk, &mut found);
    if let Some(rest) = user.strip_prefix(&trunk.number.prefix).filter(|_| !trunk.number.prefix.is_empty()) {
        readings(rest, trunk, &mut found);
    }
    found
}

/// The numbers that the URI of a From, To or P-Called-Party-ID may mean.
pub fn numbers_of(header: &str, trunk: &Trunk) -> Vec<PhoneNumber> {
    NameAddr::parse(header).map(|address| numbers(address.uri, trunk)).unwrap_or_default()
}

fn readings(user: &str, trunk: &Trunk, found: &mut Vec<PhoneNumber>) {
    let mut add = |text: String| {
        if let Ok(number) = text.parse::<PhoneNumber>()
            && !found.contains(&number)
        {
            found.push(number);
        }
    };
    if user.starts_with('+') {
        return add(user.to_owned());
    }
    for style in [&trunk.number.called, &trunk.number.calling] {
        match style {
            NumberStyle::National { calling_code, national_prefix, exit_code } => {
                if let Some(rest) = user.strip_prefix(exit_code.as_str()).filter(|_| !exit_code.is_empty()) {
                    add(format!("+{rest}"));
                }
                if let Some(rest) = user.strip_prefix(national_prefix.as_str()) {
                    add(format!("+{calling_code}{rest}"));
                }
            }
            NumberStyle::International { exit_code } => {
                if let Some(rest) = user.strip_prefix(exit_code.as_str()) {
                    add(format!("+{rest}"));
                }
            }
            NumberStyle::E164 | NumberStyle::Plain => {}
        }
    }
    for exit_code in EXIT_CODES {
        if let Some(rest) = user.strip_prefix(exit_code) {
            add(format!("+{rest}"));
        }
    }
    add(format!("+{user}"));
}

/// Without its parameters (`;phone-context=…`), an escaped `+` (RFC 3261 §19.1.2) and what only parts digits (RFC 3966 §5.1.1).
fn digits(user: &str) -> String {
    let user = user.split(';').next().unwrap_or_default().replace("%2B", "+").replace("%2b", "+");
    user.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{TenantId, TrunkId};

    fn first(uri: &str, change: impl FnOnce(&mut Trunk)) -> Option<String> {
        let mut trunk = Trunk::new(TrunkId(1), TenantId(1), "t", "sip:a.example");
        change(&mut trunk);
        numbers(uri, &trunk).first().map(|number| number.as_str().to_owned())
    }

    #[test]
    fn every_way_to_write_a_number_is_read() {
        for uri in [
            "sip:+442079460001@10.0.0.1",
            "sip:442079460001@10.0.0.1;user=phone",
            "sips:00442079460001@10.0.0.1",
            "sip:011442079460001@10.0.0.1",
            "sip:%2B442079460001@10.0.0.1",
            "sip:+44-20-7946-0001;phone-context=x@10.0.0.1",
            "tel:+44(20)7946.0001",
        ] {
            assert_eq!(first(uri, |_| {}).as_deref(), Some("+442079460001"), "{uri}");
        }
        for uri in ["sip:10.0.0.1", "sip:trunkline@10.0.0.1", "nonsense", "sip:+0@a"] {
            assert_eq!(first(uri, |_| {}), None, "{uri}");
        }
    }

    #[test]
    fn a_national_number_is_read_in_the_trunks_own_country() {
        let british = |trunk: &mut Trunk| {
            trunk.number.called = NumberStyle::National {
                calling_code: "44".into(),
                national_prefix: "0".into(),
                exit_code: "00".into(),
            };
        };
        for uri in ["sip:02079460001@a", "sip:00442079460001@a", "sip:+442079460001@a"] {
            assert_eq!(first(uri, british).as_deref(), Some("+442079460001"), "{uri}");
        }
    }
}
