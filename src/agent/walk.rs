//! Goes through an agent's script: from what was answered to the steps that follow, up to the next question.
//!
//! Sans-IO, and without time: [`Program`](super::Program) does the steps, and tells what came of the last of them. Knows variables,
//! labels and how often something was asked; nothing of clips, RTP or how text becomes speech.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::{
    Action, Flow, FlowAct, Gather, GatherEnd, HEARD_VARIABLE, LineEnd, Menu, PROMPT_VARIABLE, Prompt, Said,
    Scripted, Sound, Step, Variable, interpolate,
};

/// Texts that are made ready while an answer is awaited.
const AHEAD_MAX: usize = 8;
/// Steps that are looked at for them.
const AHEAD_STEPS_MAX: usize = 32;
/// Stands behind a prompt with which the call ends, until that is seen. No text that is spoken has one.
const END: char = '\0';

/// A way through a script.
pub struct Walk {
    flow: Arc<Flow>,
    variables: Vec<Variable>,
    /// What is said before the first step, and whether the call ends with it.
    first: Option<(Arc<str>, bool)>,
    /// The next step; behind the last one the script is over.
    at: usize,
    /// The step whose answer is awaited, and how often it may be asked again.
    asked: Option<(usize, u8)>,
    /// What may follow it was not made ready yet.
    looks_ahead: bool,
    /// May the callee interrupt, where a step does not say?
    barge_in: bool,
    /// May it now?
    is_interruptible: Option<bool>,
}

/// Why something is asked again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Nothing,
    Invalid,
}

impl Walk {
    /// Before the first step.
    pub fn new(scripted: &Scripted, request: &[Variable], barge_in: bool) -> Self {
        let Scripted { flow, prompt } = scripted;
        let prompt = prompt.as_ref().and_then(|line| match &line.said {
            Said::Text(text) => Some((Arc::clone(text), line.then == LineEnd::EndCall)),
            Said::Pause(_) => None,
        });
        let mut walk = Self {
            flow: Arc::clone(flow),
            variables: request.to_vec(),
            first: prompt.clone().filter(|_| !flow.places_prompt()),
            at: 0,
            asked: None,
            looks_ahead: false,
            barge_in,
            is_interruptible: None,
        };
        // What was not gathered yet is empty, and no name that stays in a sentence.
        for name in flow.sets() {
            if name == PROMPT_VARIABLE || !request.iter().any(|variable| variable.name == name) {
                walk.set(name, "");
            }
        }
        if let Some((text, ends)) = prompt {
            let end = if ends { String::from(END) } else { String::new() };
            walk.set(PROMPT_VARIABLE, &format!("{text}{end}"));
        }
        walk
    }

    /// What is done next, up to the next question or back to a step that was done before; `None`: the script is over.
    pub fn go_on(&mut self) -> Option<Vec<Step>> {
        let is_over = self.asked.is_none() && self.at >= self.flow.steps().len() && self.first.is_none();
        (!is_over).then(|| self.steps())
    }

    /// The last question's answer: what was asked by that, what came (`digits`, `speech`, `nothing`, `invalid`), and what is done
    /// next. `None`: nothing was asked.
    pub fn answer(&mut self, digits: &str, end: GatherEnd) -> Option<(Arc<str>, &'static str, Vec<Step>)> {
        let (place, repeats) = self.asked.take()?;
        let flow = Arc::clone(&self.flow);
        let FlowAct::Menu(menu) = &flow.steps()[place].act else { return None };
        let keys = menu.keys.as_ref();
        let chosen = keys.filter(|keys| keys.take(digits));
        let again = if digits.is_empty() { Again::Nothing } else { Again::Invalid };
        let came = match (end, chosen) {
            (GatherEnd::Speech, _) => "speech",
            (_, Some(_)) => "digits",
            (_, None) if again == Again::Invalid => "invalid",
            (_, None) => "nothing",
        };
        let does_count = matches!(came, "speech" | "digits");
        if !does_count && repeats > 0 {
            let steps = self.ask(place, menu, repeats - 1, Some(again));
            return Some((flow.name(place), came, steps));
        }
        if let Some(keys) = keys {
            self.set(&keys.into, if came == "digits" { digits } else { "" });
        }
        self.set(HEARD_VARIABLE, if does_count { came } else { "nothing" });
        let choice = |keys: &crate::model::MenuKeys<usize>| {
            keys.choices.iter().find(|(choice, _)| choice == digits).map(|(_, to)| *to)
        };
        let target = match came {
            "speech" => menu.on_speech,
            "digits" => chosen.and_then(choice),
            _ => menu.otherwise,
        };
        self.at = target.unwrap_or(place + 1);
        Some((flow.name(place), came, self.steps()))
    }

    /// Texts that may be spoken once the question is answered: asked for once.
    pub fn take_ahead(&mut self) -> Vec<Arc<str>> {
        let Some((place, _)) = self.asked.filter(|_| std::mem::take(&mut self.looks_ahead)) else {
            return Vec::new();
        };
        let flow = Arc::clone(&self.flow);
        let FlowAct::Menu(menu) = &flow.steps()[place].act else { return Vec::new() };
        let asked = menu.keys.as_ref().map(|keys| &*keys.into);
        let mut texts: Vec<Arc<str>> = [&menu.nothing, &menu.invalid]
            .into_iter()
            .filter_map(|prompts| self.known(prompts.first()?, asked))
            .collect();
        let mut open: VecDeque<usize> = after_menu(menu, place).into();
        let mut seen = vec![place];
        while let Some(next) = open.pop_front() {
            if texts.len() >= AHEAD_MAX || seen.len() >= AHEAD_STEPS_MAX {
                break;
            }
            let Some(step) = flow.steps().get(next).filter(|_| !seen.contains(&next)) else { continue };
            seen.push(next);
            match &step.act {
                FlowAct::Heard(prompt) => texts.extend(self.known(prompt, asked)),
                FlowAct::Menu(menu) => {
                    texts.extend(menu.prompt.first().and_then(|one| self.known(one, asked)))
                }
                FlowAct::Goto(to) => open.push_back(*to),
                FlowAct::Branch(branch) => {
                    open.extend(branch.cases.iter().map(|(_, to)| *to));
                    open.push_back(branch.otherwise.unwrap_or(next + 1));
                }
                FlowAct::Record(_) | FlowAct::DoNotCall => open.push_back(next + 1),
                FlowAct::SendDigits(_) | FlowAct::Transfer(_) | FlowAct::Hangup => {}
            }
        }
        texts.truncate(AHEAD_MAX);
        texts
    }

    /// A text as it will be spoken, unless it depends on the answer.
    fn known(&self, prompt: &Prompt, asked: Option<&str>) -> Option<Arc<str>> {
        let Prompt::Text(text) = prompt else { return None };
        let depends = |name: &String| name == HEARD_VARIABLE || asked.is_some_and(|asked| asked == name);
        if interpolate(text, &[]).1.iter().any(depends) {
            return None;
        }
        let (text, _) = self.spoken(text);
        (!text.is_empty()).then(|| text.into())
    }

    fn steps(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        if let Some((text, ends)) = self.first.take() {
            self.let_interrupt(None, &mut steps);
            steps.push(Step::Say(text));
            if ends {
                self.end(&mut steps);
                return steps;
            }
        }
        let flow = Arc::clone(&self.flow);
        while let Some(step) = flow.steps().get(self.at) {
            let here = self.at;
            self.at += 1;
            match &step.act {
                FlowAct::Heard(prompt) => {
                    let mut sounds = Vec::new();
                    let ends = self.sound(prompt, &mut sounds);
                    if !matches!(prompt, Prompt::Pause(_)) && !sounds.is_empty() {
                        self.let_interrupt(step.barge_in, &mut steps);
                    }
                    steps.append(&mut sounds);
                    if ends {
                        self.end(&mut steps);
                    }
                }
                FlowAct::Record(true) => steps.push(Step::StartRecording),
                FlowAct::Record(false) => steps.push(Step::StopRecording),
                FlowAct::DoNotCall => steps.push(Step::DoNotCall),
                FlowAct::SendDigits(digits) => steps.push(Step::SendDigits(digits.clone())),
                FlowAct::Transfer(to) => steps.push(Step::Transfer(to.clone())),
                FlowAct::Hangup => self.end(&mut steps),
                FlowAct::Menu(menu) => {
                    steps.append(&mut self.ask(here, menu, menu.repeats, None));
                    break;
                }
                FlowAct::Goto(to) => self.at = *to,
                FlowAct::Branch(branch) => {
                    let value = self.variables.iter().find(|variable| variable.name == *branch.on);
                    let value = value.map_or("", |variable| variable.value.as_str());
                    let case = branch.cases.iter().find(|(case, _)| case == value).map(|(_, to)| *to);
                    self.at = case.or(branch.otherwise).unwrap_or(here + 1);
                }
            }
            // What was done before may be done again and again: once round at a time.
            if self.at <= here && !steps.is_empty() {
                break;
            }
        }
        steps
    }

    /// Asks, with what is said before where it is asked again.
    fn ask(&mut self, place: usize, menu: &Menu<usize>, repeats: u8, again: Option<Again>) -> Vec<Step> {
        let mut steps = Vec::new();
        self.let_interrupt(self.flow.steps()[place].barge_in, &mut steps);
        let before = match again {
            Some(Again::Nothing) => menu.nothing.as_slice(),
            Some(Again::Invalid) => menu.invalid.as_slice(),
            None => &[],
        };
        let mut prompt = Vec::new();
        for part in before.iter().chain(&menu.prompt) {
            if self.sound(part, &mut prompt) {
                steps.append(&mut prompt);
                self.end(&mut steps);
                return steps;
            }
        }
        self.asked = Some((place, repeats));
        self.looks_ahead = true;
        steps.push(Step::Gather(Box::new(Gather {
            prompt,
            digits_max: menu.keys.as_ref().map_or(0, |keys| keys.digits_max),
            finish_on: menu.keys.as_ref().and_then(|keys| keys.finish_on),
            turn: menu.turn,
            timeout: menu.timeout,
            action: Some(Action::Tell),
            ask_if_empty: true,
        })));
        steps
    }

    /// Adds what is heard, if anything is. `true`: the call ends with it.
    fn sound(&self, prompt: &Prompt, steps: &mut Vec<Step>) -> bool {
        match prompt {
            Prompt::Text(text) => {
                let (text, ends) = self.spoken(text);
                if !text.is_empty() {
                    steps.push(Step::Say(text.into()));
                }
                ends
            }
            Prompt::Url(url) => {
                steps.push(Step::Play(Sound::Url(url.to_string())));
                false
            }
            Prompt::Pause(time) => {
                steps.push(Step::Pause(*time));
                false
            }
        }
    }

    /// A text with its variables filled in; `true`: the call ends with it.
    fn spoken(&self, text: &str) -> (String, bool) {
        let (filled, _) = interpolate(text, &self.variables);
        let (spoken, ends) = match filled.split_once(END) {
            Some((spoken, _)) => (spoken, true),
            None => (filled.as_str(), false),
        };
        (spoken.trim().to_owned(), ends)
    }

    fn let_interrupt(&mut self, own: Option<bool>, steps: &mut Vec<Step>) {
        let may = own.unwrap_or(self.barge_in);
        if self.is_interruptible.replace(may) != Some(may) {
            steps.push(Step::BargeIn(may));
        }
    }

    fn end(&mut self, steps: &mut Vec<Step>) {
        steps.push(Step::Hangup);
        self.at = self.flow.steps().len();
    }

    fn set(&mut self, name: &str, value: &str) {
        match self.variables.iter_mut().find(|variable| variable.name == name) {
            Some(variable) => value.clone_into(&mut variable.value),
            None => self.variables.push(Variable { name: name.to_owned(), value: value.to_owned() }),
        }
    }
}

/// What may follow an answer.
fn after_menu(menu: &Menu<usize>, place: usize) -> Vec<usize> {
    let choices = menu.keys.iter().flat_map(|keys| keys.choices.iter().map(|(_, to)| *to));
    choices.chain(menu.on_speech).chain(menu.otherwise).chain([place + 1]).collect()
}

#[cfg(test)]
mod tests;
