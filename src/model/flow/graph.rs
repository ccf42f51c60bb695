//! What follows what in a script: which steps are never reached, and which go round without ever waiting.

use super::{FlowAct, FlowFault, FlowStep};

/// What may follow a step. A place behind the last step is the script's end.
fn followers(steps: &[FlowStep<usize>], place: usize) -> Vec<usize> {
    let next = place + 1;
    let mut after = match &steps[place].act {
        FlowAct::Heard(_)
        | FlowAct::Record(_)
        | FlowAct::DoNotCall
        | FlowAct::SendDigits(_)
        | FlowAct::Transfer(_) => vec![next],
        FlowAct::Hangup => Vec::new(),
        FlowAct::Goto(to) => vec![*to],
        FlowAct::Branch(branch) => {
            let cases = branch.cases.iter().map(|(_, to)| *to);
            cases.chain([branch.otherwise.unwrap_or(next)]).collect()
        }
        FlowAct::Menu(menu) => {
            let mut after = vec![menu.otherwise.unwrap_or(next)];
            if menu.turn.is_some() {
                after.push(menu.on_speech.unwrap_or(next));
            }
            if let Some(keys) = &menu.keys {
                after.extend(keys.choices.iter().map(|(_, to)| *to));
                if keys.choices.is_empty() {
                    after.push(next);
                }
            }
            after
        }
    };
    after.retain(|place| *place < steps.len());
    after
}

/// Steps to which nothing leads: whoever wrote them meant something else.
pub fn unreachable(steps: &[FlowStep<usize>]) -> Vec<FlowFault> {
    let mut reached = vec![false; steps.len()];
    let mut left = vec![0];
    while let Some(place) = left.pop() {
        if !std::mem::replace(&mut reached[place], true) {
            left.extend(followers(steps, place));
        }
    }
    let lost = reached.iter().enumerate().filter(|(_, reached)| !**reached);
    lost.map(|(place, _)| fault(place, "is never reached: no step leads there")).collect()
}

/// A loop in which nobody is ever waited for would run for ever, in no time or in a monologue: the first step of each that there
/// is once every way out of one was taken.
pub fn restless(steps: &[FlowStep<usize>]) -> Option<FlowFault> {
    let waits = |place: usize| {
        matches!(&steps[place].act, FlowAct::Menu(_) | FlowAct::Heard(super::Prompt::Pause(_)))
    };
    let mut left: Vec<bool> = (0..steps.len()).map(|place| !waits(place)).collect();
    // What leads to nothing that is left is in no loop; in the end loops alone are left, and what leads into them.
    loop {
        let ends = |place: usize| !followers(steps, place).iter().any(|next| left[*next]);
        let Some(end) = (0..steps.len()).find(|place| left[*place] && ends(*place)) else { break };
        left[end] = false;
    }
    let goes_round = |from: usize| {
        let (mut seen, mut open) = (vec![false; steps.len()], followers(steps, from));
        while let Some(place) = open.pop().filter(|_| !seen[from]) {
            if left[place] && !std::mem::replace(&mut seen[place], true) {
                open.extend(followers(steps, place));
            }
        }
        seen[from]
    };
    let place = (0..steps.len()).find(|place| left[*place] && goes_round(*place))?;
    Some(fault(place, "goes round for ever: put a gather, a listen or a pause into the loop"))
}

fn fault(place: usize, reason: &str) -> FlowFault {
    FlowFault { step: Some(place), field: String::new(), reason: reason.to_owned() }
}
