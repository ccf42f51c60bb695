//! A dry run of an agent: who talks to whom, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use super::{Agent, Disposition, InlineAgent, Variable};

/// What is tried.
pub struct TestCall {
    /// Who talks.
    pub agent: Arc<Agent>,
    /// In its place, if the request describes one.
    pub inline: Option<InlineAgent>,
    /// What its `{names}` stand for.
    pub variables: Vec<Variable>,
    /// Who answers.
    pub callee: TestCallee,
}

/// Who answers a dry run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TestCallee {
    /// Somebody who says hello, listens, and answers.
    #[default]
    Person,
    /// A greeting and a beep.
    Voicemail,
    /// Nobody: the line is busy.
    Busy,
    /// Nobody: it rings.
    NoAnswer,
    /// A menu.
    Ivr,
    /// Somebody who declines.
    Declines,
    /// Somebody who says nothing.
    Silent,
    /// Somebody who says hello and hangs up.
    HangsUp,
}

impl TestCallee {
    /// Every value.
    pub const ALL: [Self; 8] = [
        Self::Person,
        Self::Voicemail,
        Self::Busy,
        Self::NoAnswer,
        Self::Ivr,
        Self::Declines,
        Self::Silent,
        Self::HangsUp,
    ];

    /// The word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Voicemail => "voicemail",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Ivr => "ivr",
            Self::Declines => "declines",
            Self::Silent => "silent",
            Self::HangsUp => "hangs_up",
        }
    }

    /// The value of a word; `None` if it is none of ours.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|callee| callee.as_str() == word)
    }
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TestReport {
    /// How it ended.
    pub disposition: Disposition,
    /// Did anybody answer?
    pub answered: bool,
    /// From the answer to the end.
    pub talked: Duration,
    /// Who answered, as the detector has it.
    pub answered_by: Option<String>,
    /// From the verdict to the agent's first packet.
    pub dead_air: Option<Duration>,
    /// What happened, each so long after the request, in its order.
    pub events: Vec<(Duration, &'static str)>,
}
