//! Where a trunk may dial: the guard against toll fraud.
//!
//! By default every destination is allowed but those whose calls are known to be expensive to the caller: premium rate
//! (by the numbering plan) and satellite or global shared-cost networks. A trunk's `allow` list of prefixes is then the
//! whole truth: what it names is allowed, premium or not, and nothing else is.

use crate::model::{PhoneNumber, Trunk};

/// Country codes of networks in no country: satellite (870, 881, 882, 883) and shared-cost or premium global services
/// (808, 878, 888, 979), ITU-T E.164 annex.
const NETWORKS: [&str; 8] = ["870", "881", "882", "883", "808", "878", "888", "979"];

/// May this trunk dial this number? If not, the rule that forbids it.
pub fn check(trunk: &Trunk, to: &PhoneNumber) -> Result<(), String> {
    if !trunk.allow.is_empty() {
        let allowed = trunk.allow.iter().any(|prefix| to.as_str().starts_with(prefix.as_str()));
        return if allowed { Ok(()) } else { Err("not among the trunk's allowed prefixes".into()) };
    }
    if let Some(code) = NETWORKS.iter().find(|code| to.digits().starts_with(**code)) {
        return Err(format!(
            "+{code} is a satellite or global network; name it in the trunk's `allow` to dial it"
        ));
    }
    if is_premium(to) {
        return Err("a premium-rate number; name its prefix in the trunk's `allow` to dial it".into());
    }
    Ok(())
}

/// By the numbering plan. A number that is in no plan is not premium.
fn is_premium(to: &PhoneNumber) -> bool {
    let Ok(number) = phonenumber::parse(None, to.as_str()) else { return false };
    number.number_type(&phonenumber::metadata::DATABASE) == phonenumber::Type::PremiumRate
}

/// The first look at the numbering plan costs some 90 ms: take it before the first call does.
pub fn warm() {
    let number = "+12025550123".parse().expect("a valid number");
    is_premium(&number);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{TenantId, TrunkId};

    fn trunk(allow: &[&str]) -> Trunk {
        Trunk {
            id: TrunkId(1),
            tenant: TenantId(1),
            name: "t".into(),
            uri: "sip:127.0.0.1".into(),
            from_domain: None,
            username: None,
            password: None,
            enabled: true,
            channels: None,
            cps: None,
            allow: allow.iter().map(|prefix| String::from(*prefix)).collect(),
        }
    }

    #[test]
    fn expensive_destinations_are_closed_until_named() {
        for (number, allow, open) in [
            ("+447386172392", &[][..], true),
            ("+15551234567", &[], true),
            ("+19005551234", &[], false),
            ("+447386172392", &["+1"], false),
            ("+881612345678", &[], false),
            ("+881612345678", &["+8816"], true),
            ("+19005551234", &["+1"], true),
            ("+449098790000", &[], false),
        ] {
            let number = number.parse().expect("valid");
            assert_eq!(check(&trunk(allow), &number).is_ok(), open, "{number:?} {allow:?}");
        }
    }
}
