//! Where a trunk may dial: the guard against toll fraud.
//!
//! By default every destination is allowed but those whose calls are known to be expensive to the caller: premium rate
//! (by the numbering plan) and satellite or global shared-cost networks. A trunk's `allow` list of prefixes is then the
//! whole truth: what it names is allowed, premium or not, and nothing else is.

use crate::model::{PhoneNumber, Trunk, numbering};

/// May this trunk dial this number? If not, the rule that forbids it.
pub fn check(trunk: &Trunk, to: &PhoneNumber) -> Result<(), String> {
    let allow = &trunk.destinations.allow;
    if !allow.is_empty() {
        let allowed = allow.iter().any(|prefix| to.as_str().starts_with(prefix.as_str()));
        return if allowed { Ok(()) } else { Err("not among the trunk's allowed prefixes".into()) };
    }
    match numbering::cost_class_of(to) {
        Some(class) => {
            Err(format!("a {} number; name its prefix in the trunk's `allow` to dial it", class.as_str()))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{TenantId, TrunkId};

    fn trunk(allow: &[&str]) -> Trunk {
        let mut trunk = Trunk::new(TrunkId(1), TenantId(1), "t", "sip:127.0.0.1");
        trunk.destinations.allow = allow.iter().map(|prefix| String::from(*prefix)).collect();
        trunk
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
