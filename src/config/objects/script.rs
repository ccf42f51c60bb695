//! `[[agent.script]]`: the steps of an agent that has no bot, one table each.

mod menu;
mod prompt;
mod table;

use std::sync::Arc;

use serde_json::Value;

use super::super::checker::Checker;
use crate::model::{Branch, CASES_MAX, DIGITS_MAX, Flow, FlowAct, FlowStep, is_flow_name};
use table::BranchTable;
pub use table::Table;

/// The script that an agent's tables describe; `None` where there is none, or where it does not hold and the faults were told.
pub fn script(tables: &[Table], allow_http: bool, path: &str, check: &mut Checker<'_>) -> Option<Arc<Flow>> {
    if tables.is_empty() {
        return None;
    }
    let path = format!("{path}.script");
    let steps: Vec<_> = tables
        .iter()
        .enumerate()
        .map(|(index, table)| step(table, allow_http, &format!("{path}[{index}]"), check))
        .collect();
    // What a step that does not hold leads to is not known.
    let steps = steps.into_iter().collect::<Option<Vec<_>>>()?;
    match Flow::new(steps) {
        Ok(flow) => Some(Arc::new(flow)),
        Err(faults) => {
            for fault in faults {
                let step = fault.step.map_or_else(String::new, |step| format!("[{step}]"));
                let dot = if fault.field.is_empty() { "" } else { "." };
                check.fault(&format!("{path}{step}{dot}{}", fault.field), fault.reason);
            }
            None
        }
    }
}

/// Serde takes a list for a table's values in their order: the place of the first, if there is one.
pub fn listed(script: &Value) -> Option<String> {
    let steps = script.as_array().into_iter().flatten().enumerate();
    steps.into_iter().find_map(|(index, step)| {
        let path = format!("script[{index}]");
        if step.is_array() {
            return Some(path);
        }
        let inner = ["gather", "listen", "branch"].into_iter().find_map(|name| {
            let table = step.get(name)?;
            if table.is_array() {
                return Some(name.to_owned());
            }
            ["prompt", "nothing", "invalid"].into_iter().find_map(|prompts| {
                let parts = table.get(prompts)?.as_array()?;
                let listed = parts.iter().position(Value::is_array)?;
                Some(format!("{name}.{prompts}[{listed}]"))
            })
        })?;
        Some(format!("{path}.{inner}"))
    })
}

type Draft = FlowStep<Arc<str>>;

fn step(table: &Table, allow_http: bool, path: &str, check: &mut Checker<'_>) -> Option<Draft> {
    let named = [
        ("say", table.say.is_some()),
        ("play", table.play.is_some()),
        ("pause_ms", table.pause_ms.is_some()),
        ("gather", table.gather.is_some()),
        ("listen", table.listen.is_some()),
        ("record", table.record.is_some()),
        ("do_not_call", table.do_not_call.is_some()),
        ("send_digits", table.send_digits.is_some()),
        ("transfer", table.transfer.is_some()),
        ("branch", table.branch.is_some()),
        ("goto", table.goto.is_some()),
        ("hangup", table.hangup.is_some()),
    ];
    let there: Vec<_> = named.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name).collect();
    match there.as_slice() {
        [_] => {}
        [] => {
            let all = named.map(|(name, _)| name).join(", ");
            check.fault(path, format!("does nothing: name one of {all}"));
            return None;
        }
        [first, second, ..] => {
            check.fault(&format!("{path}.{second}"), format!("{first} and {second}: one of them must go"));
            return None;
        }
    }
    let speaks = ["say", "play", "gather", "listen"].contains(&there[0]);
    check.that(&format!("{path}.barge_in"), table.barge_in.is_none() || speaks, || {
        "goes with say, play, gather and listen".into()
    });
    let act = act(table, allow_http, path, check)?;
    // Whoever is asked for keys alone is not stopped by a word.
    let keys_alone = matches!(&act, FlowAct::Menu(menu) if menu.turn.is_none());
    let barge_in = table.barge_in.or(keys_alone.then_some(false));
    Some(Draft { label: table.label.as_deref().map(Into::into), barge_in, act })
}

fn act(table: &Table, allow_http: bool, path: &str, check: &mut Checker<'_>) -> Option<FlowAct<Arc<str>>> {
    let key = |name: &str| format!("{path}.{name}");
    if let Some(text) = &table.say {
        return prompt::text(text, &key("say"), check).map(FlowAct::Heard);
    }
    if let Some(url) = &table.play {
        return prompt::url(url, allow_http, &key("play"), check).map(FlowAct::Heard);
    }
    if let Some(ms) = table.pause_ms {
        return prompt::pause(ms, &key("pause_ms"), check).map(FlowAct::Heard);
    }
    if let Some(gather) = &table.gather {
        return menu::of_keys(gather, allow_http, &key("gather"), check)
            .map(|menu| FlowAct::Menu(Box::new(menu)));
    }
    if let Some(listen) = &table.listen {
        return menu::of_words(listen, allow_http, &key("listen"), check)
            .map(|menu| FlowAct::Menu(Box::new(menu)));
    }
    if let Some(on) = table.record {
        return Some(FlowAct::Record(on));
    }
    if let Some(on) = table.do_not_call {
        check.that(&key("do_not_call"), on, || "must be true, or not be there".into());
        return Some(FlowAct::DoNotCall);
    }
    if let Some(digits) = &table.send_digits {
        let is_key = |byte: u8| matches!(byte.to_ascii_uppercase(), b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D' | b',' | b'W');
        let is_sent = (1..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(is_key);
        check.that(&key("send_digits"), is_sent, || format!("must be 1 to {DIGITS_MAX} of 0-9 * # A-D , w"));
        return Some(FlowAct::SendDigits(digits.clone()));
    }
    if let Some(to) = &table.transfer {
        return super::phone(to, &key("transfer"), check).map(FlowAct::Transfer);
    }
    if let Some(branch) = &table.branch {
        return Some(FlowAct::Branch(self::branch(branch, &key("branch"), check)));
    }
    if let Some(label) = &table.goto {
        return Some(FlowAct::Goto(label.as_str().into()));
    }
    check.that(&key("hangup"), table.hangup == Some(true), || "must be true, or not be there".into());
    Some(FlowAct::Hangup)
}

fn branch(table: &BranchTable, path: &str, check: &mut Checker<'_>) -> Branch<Arc<str>> {
    check.that(&format!("{path}.on"), is_flow_name(&table.on, false), || {
        "must be a variable's name, of letters, digits and `_`".into()
    });
    check.that(&format!("{path}.cases"), (1..=CASES_MAX).contains(&table.cases.len()), || {
        format!("must be 1 to {CASES_MAX} values")
    });
    Branch {
        on: table.on.as_str().into(),
        cases: table.cases.iter().map(|(value, to)| (value.clone(), to.as_str().into())).collect(),
        otherwise: table.otherwise.as_deref().map(Into::into),
    }
}

#[cfg(test)]
mod tests;
