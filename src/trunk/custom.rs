//! The customer's own headers, with the call's values in place of `{names}`.
//!
//! The names are the switch's `{call_id}`, `{sip_call_id}`, `{from}`, `{to}`, `{campaign_id}` and `{trunk}`, then the variables
//! that the request brought. A header whose names have no value for this call is left out.

use crate::model::{CallPlan, Trunk, Variable, interpolate};

/// A header's value as it is sent, in bytes: a client's variables are not the place for more.
const VALUE_MAX: usize = 1_024;

/// The headers of this call.
pub fn headers(plan: &CallPlan, trunk: &Trunk) -> Vec<(String, String)> {
    if trunk.headers.is_empty() {
        return Vec::new();
    }
    let variables = variables(plan, trunk);
    let filled = |(name, value): &(String, String)| Some((name.clone(), fill(value, &variables)?));
    trunk.headers.iter().filter_map(filled).collect()
}

/// The switch's own go first: what a client sends cannot pass for them.
fn variables(plan: &CallPlan, trunk: &Trunk) -> Vec<Variable> {
    let own = [
        ("call_id", Some(plan.call.ca())),
        ("sip_call_id", Some(plan.sip_call_id.clone())),
        ("from", Some(plan.from.as_str().to_owned())),
        ("to", Some(plan.to.as_str().to_owned())),
        ("campaign_id", plan.campaign.clone()),
        ("trunk", Some(trunk.name.clone())),
    ];
    let own = own.into_iter().filter_map(|(name, value)| Some(Variable { name: name.into(), value: value? }));
    own.chain(plan.variables.iter().cloned()).collect()
}

/// Values come from clients: what would end the line ends nothing.
fn fill(template: &str, variables: &[Variable]) -> Option<String> {
    let (filled, unknown) = interpolate(template, variables);
    if !unknown.is_empty() {
        return None;
    }
    let mut value: String = filled.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    value.truncate(value.floor_char_boundary(VALUE_MAX));
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, value: &str) -> Option<String> {
        fill(template, &[Variable { name: "v".into(), value: value.into() }])
    }

    #[test]
    fn a_value_stays_on_its_line_and_within_its_bound() {
        assert_eq!(filled("a {v} b", "1").as_deref(), Some("a 1 b"));
        assert_eq!(filled("{{v}}", "x\r\nVia: evil").as_deref(), Some("x  Via: evil"));
        assert_eq!(filled("{v}", &"é".repeat(2_000)).map(|value| value.len()), Some(1_024));
        assert_eq!(filled("{v}", &format!("x{}", "é".repeat(2_000))).map(|value| value.len()), Some(1_023));
    }

    #[test]
    fn a_header_without_a_value_is_left_out() {
        for (template, value) in [("{w}", "1"), ("{v}", ""), ("{v}", " \r\n"), ("a {v} {w}", "1")] {
            assert_eq!(filled(template, value), None, "{template} {value:?}");
        }
    }
}
