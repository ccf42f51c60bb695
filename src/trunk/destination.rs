//! Where a trunk may dial, and whom it may show: the guard against toll fraud.
//!
//! What is said most precisely decides: the longest prefix of `allow` and `deny` that the number begins with. A number that
//! neither names is judged by its country, if the trunk names countries, and by its cost: premium-rate, shared-cost and
//! satellite numbers are closed until their class, or a prefix of theirs, is allowed. A trunk that allows anything by prefix or
//! country allows nothing else.

use super::uri::Target;
use crate::model::{Destinations, PhoneNumber, SipUri, Trunk, numbering};

/// May this trunk call `to` and show `from`? If not, the rule that forbids it.
pub fn check(trunk: &Trunk, from: &PhoneNumber, to: &PhoneNumber) -> Result<(), String> {
    if !trunk.caller_id.may_show(from) {
        return Err(format!("trunk `{}` may not show this caller's number (caller_id_allow)", trunk.name));
    }
    may_dial(trunk, to)
}

/// May this trunk call this number, whoever is shown? If not, the rule that forbids it.
pub fn may_dial(trunk: &Trunk, to: &PhoneNumber) -> Result<(), String> {
    judge(&trunk.destinations, to).map_err(|why| format!("trunk `{}` does not dial it: {why}", trunk.name))
}

/// May this trunk call this SIP URI and show `from`?
pub fn check_uri(trunk: &Trunk, from: &PhoneNumber, uri: &SipUri) -> bool {
    let is_user = || trunk.sip_users.iter().any(|pattern| pattern.allows(uri.user()));
    trunk.caller_id.may_show(from) && !trunk.uri.is_empty() && Target::of(&trunk.uri).has(uri) && is_user()
}

fn judge(destinations: &Destinations, to: &PhoneNumber) -> Result<(), String> {
    let allowed = longest(&destinations.allow, to);
    match (allowed, longest(&destinations.deny, to)) {
        (allowed, Some(denied)) if allowed.is_none_or(|allowed| allowed.len() <= denied.len()) => {
            return Err(format!("`deny` names {denied}"));
        }
        (Some(_), _) => return Ok(()),
        (None, _) => {}
    }
    if let Some(class) = numbering::cost_class_of(to).filter(|class| !destinations.classes.contains(class)) {
        let class = class.as_str();
        return Err(format!(
            "a {class} number; name its prefix in `allow`, or \"{class}\" in `allow_classes`"
        ));
    }
    if destinations.countries.is_empty() {
        return match destinations.allow.is_empty() {
            true => Ok(()),
            false => Err("not among the allowed prefixes".into()),
        };
    }
    match numbering::country_of(to) {
        Some(country) if destinations.countries.contains(&country) => Ok(()),
        Some(country) => Err(format!("{country} is not among its countries")),
        None => Err("it is in no numbering plan, and only countries are allowed".into()),
    }
}

fn longest<'a>(prefixes: &'a [String], number: &PhoneNumber) -> Option<&'a str> {
    let matching = prefixes.iter().filter(|prefix| number.as_str().starts_with(prefix.as_str()));
    matching.map(String::as_str).max_by_key(|prefix| prefix.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CostClass, TenantId, TrunkId};

    fn number(text: &str) -> PhoneNumber {
        text.parse().expect("E.164")
    }

    fn trunk(allow: &[&str], deny: &[&str], countries: &[&str], classes: &[CostClass]) -> Trunk {
        let texts = |list: &[&str]| list.iter().map(|text| String::from(*text)).collect();
        let mut trunk = Trunk::new(TrunkId(1), TenantId(1), "t", "sip:127.0.0.1");
        trunk.destinations = Destinations {
            allow: texts(allow),
            deny: texts(deny),
            countries: countries.iter().map(|text| text.parse().expect("a country")).collect(),
            classes: classes.to_vec(),
            ..Destinations::default()
        };
        trunk
    }

    #[test]
    fn expensive_destinations_are_closed_until_named() {
        use CostClass::{Premium, Satellite, SharedCost};
        for (to, allow, classes, open) in [
            ("+447386172392", &[][..], &[][..], true),
            ("+15551234567", &[], &[], true),
            ("+19005551234", &[], &[], false),
            ("+449098790000", &[], &[], false),
            ("+491803123456", &[], &[], false),
            ("+881612345678", &[], &[], false),
            ("+870773123456", &[], &[], false),
            ("+19005551234", &["+1"], &[], true),
            ("+881612345678", &["+8816"], &[], true),
            ("+447386172392", &["+1"], &[], false),
            ("+19005551234", &[], &[Premium], true),
            ("+19005551234", &[], &[SharedCost, Satellite], false),
            ("+491803123456", &[], &[SharedCost], true),
            ("+881612345678", &[], &[Satellite], true),
        ] {
            let trunk = trunk(allow, &[], &[], classes);
            assert_eq!(
                check(&trunk, &number("+12"), &number(to)).is_ok(),
                open,
                "{to} {allow:?} {classes:?}"
            );
        }
    }

    #[test]
    fn the_longest_prefix_decides() {
        for (to, open) in [
            ("+447386172392", true),
            ("+447012345678", false),
            ("+447012999999", true),
            ("+33123456789", false),
        ] {
            let trunk = trunk(&["+44", "+447012999"], &["+4470"], &[], &[]);
            assert_eq!(check(&trunk, &number("+12"), &number(to)).is_ok(), open, "{to}");
        }
        let denying = trunk(&[], &["+4470"], &[], &[]);
        assert!(check(&denying, &number("+12"), &number("+33123456789")).is_ok());
        assert_eq!(
            check(&denying, &number("+12"), &number("+447012345678")),
            Err("trunk `t` does not dial it: `deny` names +4470".into())
        );
    }

    #[test]
    fn countries_that_share_a_code_are_told_apart() {
        let domestic = trunk(&["+33"], &[], &["US", "CA"], &[]);
        for (to, open) in [
            ("+12025550123", true),
            ("+16135550123", true),
            ("+18765551234", false),
            ("+19005551234", false),
            ("+33123456789", true),
            ("+447386172392", false),
            ("+999123456", false),
        ] {
            assert_eq!(check(&domestic, &number("+12"), &number(to)).is_ok(), open, "{to}");
        }
    }

    #[test]
    fn a_trunk_shows_only_the_numbers_that_it_may() {
        let mut trunk = trunk(&[], &[], &[], &[]);
        trunk.caller_id.allow = vec!["+4420794600".into(), "+12025550123".into()];
        for (from, open) in [("+442079460001", true), ("+12025550123", true), ("+442079470000", false)] {
            assert_eq!(check(&trunk, &number(from), &number("+447386172392")).is_ok(), open, "{from}");
        }
    }
}
