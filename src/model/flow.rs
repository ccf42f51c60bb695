//! A script of steps: what an agent without a bot says and asks, and where each answer leads. Only what holds becomes a [`Flow`]:
//! its labels are found, every step can be reached, and no loop goes round without waiting.
//!
//! Who goes through it is [`crate::agent::Walk`].

mod graph;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{PhoneNumber, interpolate};

/// Steps of one script.
pub const FLOW_STEPS_MAX: usize = 100;
/// Bytes of a label, and of a variable's name.
pub const FLOW_NAME_BYTES_MAX: usize = 64;
/// Sounds of one prompt.
pub const PROMPT_PARTS_MAX: usize = 8;
/// Sets of digits that one gathering takes.
pub const CHOICES_MAX: usize = 64;
/// Values that one branch tells apart.
pub const CASES_MAX: usize = 64;
/// How often a prompt is said again.
pub const REPEATS_MAX: u8 = 10;

/// The variable that stands for the request's own prompt, or else for the agent's greeting.
pub const PROMPT_VARIABLE: &str = "prompt";
/// The variable that says what the last gathering or listening came to: `digits`, `speech` or `nothing`.
pub const HEARD_VARIABLE: &str = "heard";

/// A script that can be run. Its steps' targets are places in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flow {
    steps: Box<[FlowStep<usize>]>,
    /// Does it say itself where the request's prompt belongs?
    places_prompt: bool,
}

/// One step. `T` is how it names another one: a label as it was written, or its place in the script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FlowStep<T> {
    /// What others call it.
    pub label: Option<Arc<str>>,
    /// May the callee's speech stop what is said? `None`: as the agent says.
    pub barge_in: Option<bool>,
    /// What is done.
    pub act: FlowAct<T>,
}

/// What a step does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FlowAct<T> {
    /// This is heard.
    Heard(Prompt),
    /// Digits are awaited, or the end of the callee's turn.
    Menu(Box<Menu<T>>),
    /// What is heard is recorded from now on, or not any more.
    Record(bool),
    /// The callee is not called any more.
    DoNotCall,
    /// Digits are sent, as [`crate::model::Step::SendDigits`] sends them.
    SendDigits(String),
    /// The callee is put through. If that comes to nothing, the next step follows.
    Transfer(PhoneNumber),
    /// A variable's value says what follows.
    Branch(Branch<T>),
    /// That step follows.
    Goto(T),
    /// The call ends.
    Hangup,
}

/// Something to be heard. Texts have their `{names}` still in them.
#[derive(Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Words.
    Text(Arc<str>),
    /// A WAV file, fetched when its turn comes.
    Url(Arc<str>),
    /// Nothing, for so long.
    Pause(Duration),
}

/// Words may be anybody's secret: its kind alone is shown.
impl std::fmt::Debug for Prompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "say",
            Self::Url(_) => "play",
            Self::Pause(_) => "pause",
        })
    }
}

/// Something is asked, and answered by keys or by speech.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Menu<T> {
    /// What is asked.
    pub prompt: Vec<Prompt>,
    /// What is said before it is asked again, where nothing came.
    pub nothing: Vec<Prompt>,
    /// The same where digits came that lead nowhere.
    pub invalid: Vec<Prompt>,
    /// Which digits count; `None`: none do, and the callee's turn alone is awaited.
    pub keys: Option<MenuKeys<T>>,
    /// When the callee's turn is over; `None`: its speech is no answer.
    pub turn: Option<Turn>,
    /// After so long without a digit or a word it is over; counted from the end of the prompt.
    pub timeout: Duration,
    /// How often it is asked again, at most [`REPEATS_MAX`].
    pub repeats: u8,
    /// What follows the callee's speech, if not the next step.
    pub on_speech: Option<T>,
    /// What follows when it was asked often enough and nothing came that counts, if not the next step.
    pub otherwise: Option<T>,
}

/// Which digits count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MenuKeys<T> {
    /// The variable that has them afterwards.
    pub into: Arc<str>,
    /// So many at least.
    pub digits_min: usize,
    /// With so many it is over.
    pub digits_max: usize,
    /// This one ends it, and is none of them.
    pub finish_on: Option<char>,
    /// Only these count, `x` for any digit; none named: any do.
    pub accept: Vec<String>,
    /// Where these lead; if any are named, only these count.
    pub choices: Vec<(String, T)>,
}

impl<T> MenuKeys<T> {
    /// Do these digits count?
    pub fn take(&self, digits: &str) -> bool {
        let long_enough = (self.digits_min..=self.digits_max).contains(&digits.len());
        let fits = |pattern: &String| {
            pattern.len() == digits.len()
                && pattern.bytes().zip(digits.bytes()).all(|(wanted, digit)| {
                    wanted == digit || wanted.eq_ignore_ascii_case(&b'x') && digit.is_ascii_digit()
                })
        };
        match (self.choices.is_empty(), self.accept.is_empty()) {
            (false, _) => self.choices.iter().any(|(choice, _)| choice == digits),
            (true, false) => self.accept.iter().any(fits),
            (true, true) => long_enough,
        }
    }
}

/// When somebody's turn is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// Silence that ends it.
    pub silence: Duration,
    /// It is taken to be over by then, whatever is still said.
    pub longest: Duration,
}

/// What a variable's value leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Branch<T> {
    /// The variable; one that nobody has set is empty.
    pub on: Arc<str>,
    /// Values, and what follows each.
    pub cases: Vec<(String, T)>,
    /// What follows any other value, if not the next step.
    pub otherwise: Option<T>,
}

/// What is wrong with a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FlowFault {
    /// In which step; `None`: in the script as a whole.
    pub step: Option<usize>,
    /// Where in it, by the words of the configuration; empty: in the step as a whole.
    pub field: String,
    /// What is wrong there.
    pub reason: String,
}

impl Flow {
    /// The script that these steps are; else everything that is wrong with it.
    pub fn new(steps: Vec<FlowStep<Arc<str>>>) -> Result<Self, Vec<FlowFault>> {
        if steps.is_empty() || steps.len() > FLOW_STEPS_MAX {
            let reason = format!("must be 1 to {FLOW_STEPS_MAX} steps, not {}", steps.len());
            return Err(vec![FlowFault { step: None, field: String::new(), reason }]);
        }
        let mut faults = Vec::new();
        let places = labels(&steps, &mut faults);
        let steps: Vec<_> = steps
            .into_iter()
            .enumerate()
            .map(|(place, step)| resolved(step, place, &places, &mut faults))
            .collect();
        // Where a label leads nowhere, what can be reached is anybody's guess.
        if faults.is_empty() {
            faults.extend(graph::unreachable(&steps));
            faults.extend(graph::restless(&steps));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let is_mentioned = |text: &Arc<str>| interpolate(text, &[]).1.iter().any(|it| it == PROMPT_VARIABLE);
        let places_prompt = steps.iter().flat_map(FlowStep::texts).any(is_mentioned);
        Ok(Self { steps: steps.into(), places_prompt })
    }

    /// Its steps, in their order.
    pub fn steps(&self) -> &[FlowStep<usize>] {
        &self.steps
    }

    /// Does it say itself where the request's prompt belongs?
    pub fn places_prompt(&self) -> bool {
        self.places_prompt
    }

    /// Every text that may be spoken.
    pub fn texts(&self) -> impl Iterator<Item = &Arc<str>> {
        self.steps.iter().flat_map(FlowStep::texts)
    }

    /// The variables that it sets itself.
    pub fn sets(&self) -> impl Iterator<Item = &str> {
        let gathered = self.steps.iter().filter_map(|step| match &step.act {
            FlowAct::Menu(menu) => menu.keys.as_ref().map(|keys| &*keys.into),
            _ => None,
        });
        gathered.chain([PROMPT_VARIABLE, HEARD_VARIABLE])
    }

    /// What a step is called: by its label, or by its place as the configuration counts it.
    pub fn name(&self, place: usize) -> Arc<str> {
        let label = self.steps.get(place).and_then(|step| step.label.clone());
        label.unwrap_or_else(|| format!("script[{place}]").into())
    }
}

impl<T> FlowStep<T> {
    /// A step without a label, which may be interrupted as the agent says.
    pub fn new(act: FlowAct<T>) -> Self {
        Self { label: None, barge_in: None, act }
    }

    fn texts(&self) -> impl Iterator<Item = &Arc<str>> {
        let one = |prompt: &'_ Prompt| matches!(prompt, Prompt::Text(_));
        let (single, menu) = match &self.act {
            FlowAct::Heard(prompt) => (Some(prompt), None),
            FlowAct::Menu(menu) => (None, Some(menu)),
            _ => (None, None),
        };
        let asked =
            menu.into_iter().flat_map(|menu| menu.prompt.iter().chain(&menu.nothing).chain(&menu.invalid));
        single.into_iter().chain(asked).filter(move |prompt| one(prompt)).filter_map(|prompt| match prompt {
            Prompt::Text(text) => Some(text),
            Prompt::Url(_) | Prompt::Pause(_) => None,
        })
    }
}

/// May a label or a variable be called so? Letters, digits and `_`, of a label also `.` and `-`.
pub fn is_flow_name(text: &str, is_label: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || is_label && matches!(c, '.' | '-');
    (1..=FLOW_NAME_BYTES_MAX).contains(&text.len()) && text.chars().all(fits)
}

/// Where each label is.
fn labels(steps: &[FlowStep<Arc<str>>], faults: &mut Vec<FlowFault>) -> HashMap<Arc<str>, usize> {
    let mut places = HashMap::new();
    for (place, step) in steps.iter().enumerate() {
        let Some(label) = &step.label else { continue };
        let mut wrong =
            |reason| faults.push(FlowFault { step: Some(place), field: "label".to_owned(), reason });
        if !is_flow_name(label, true) {
            wrong(format!("must be 1 to {FLOW_NAME_BYTES_MAX} letters, digits, `.`, `_` or `-`"));
        } else if let Some(first) = places.insert(Arc::clone(label), place) {
            wrong(format!("`{label}` is script[{first}] already"));
        }
    }
    places
}

/// The step with its targets found.
fn resolved(
    step: FlowStep<Arc<str>>,
    place: usize,
    places: &HashMap<Arc<str>, usize>,
    faults: &mut Vec<FlowFault>,
) -> FlowStep<usize> {
    let mut find = |field: &str, label: Arc<str>| {
        places.get(&label).copied().unwrap_or_else(|| {
            let reason = format!("there is no step labelled `{label}`");
            faults.push(FlowFault { step: Some(place), field: field.to_owned(), reason });
            place
        })
    };
    let act = match step.act {
        FlowAct::Heard(prompt) => FlowAct::Heard(prompt),
        FlowAct::Record(on) => FlowAct::Record(on),
        FlowAct::DoNotCall => FlowAct::DoNotCall,
        FlowAct::SendDigits(digits) => FlowAct::SendDigits(digits),
        FlowAct::Transfer(to) => FlowAct::Transfer(to),
        FlowAct::Hangup => FlowAct::Hangup,
        FlowAct::Goto(label) => FlowAct::Goto(find("goto", label)),
        FlowAct::Branch(Branch { on, cases, otherwise }) => FlowAct::Branch(Branch {
            on,
            cases: cases
                .into_iter()
                .map(|(value, label)| {
                    let place = find(&format!("branch.cases.{value}"), label);
                    (value, place)
                })
                .collect(),
            otherwise: otherwise.map(|label| find("branch.otherwise", label)),
        }),
        FlowAct::Menu(menu) => {
            let Menu { prompt, nothing, invalid, keys, turn, timeout, repeats, on_speech, otherwise } = *menu;
            let table = if keys.is_some() { "gather" } else { "listen" };
            let keys = keys.map(|keys| MenuKeys {
                choices: keys
                    .choices
                    .into_iter()
                    .map(|(digits, label)| {
                        let place = find(&format!("gather.choices.{digits}"), label);
                        (digits, place)
                    })
                    .collect(),
                into: keys.into,
                digits_min: keys.digits_min,
                digits_max: keys.digits_max,
                finish_on: keys.finish_on,
                accept: keys.accept,
            });
            let on_speech = on_speech.map(|label| find(&format!("{table}.on_speech"), label));
            let otherwise = otherwise.map(|label| find(&format!("{table}.otherwise"), label));
            let menu = Menu { prompt, nothing, invalid, keys, turn, timeout, repeats, on_speech, otherwise };
            FlowAct::Menu(Box::new(menu))
        }
    };
    FlowStep { label: step.label, barge_in: step.barge_in, act }
}

#[cfg(test)]
mod tests;
