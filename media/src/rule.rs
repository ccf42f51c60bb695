//! Armed rules: what a bridge does by itself, within the tick, when it hears something. Knows nothing of why: policy
//! arms them, and learns afterwards by events that they fired.

use std::time::Duration;

use arrayvec::ArrayVec;

use crate::amd::Class;

/// When `when` happens, do `then`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The condition. A verdict or an answer that is there already fires the rule as it is armed.
    pub when: When,
    /// What it causes.
    pub then: Then,
    /// Spent by its first firing.
    pub once: bool,
}

/// What a rule waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// [`Command::Answered`](crate::Command::Answered).
    Answered,
    /// A verdict of [`Class::Human`].
    Human,
    /// A verdict of [`Class::Machine`] or [`Class::Voicemail`].
    Machine,
    /// A verdict of [`Class::Voicemail`]: the beep was heard.
    Beep,
    /// A verdict of [`Class::NoSpeech`].
    NoSpeech,
    /// A verdict of [`Class::Unknown`].
    Unknown,
    /// The callee has spoken without a pause for `min` (barge-in); once in each spurt, and only after the answer.
    Speech {
        /// Shortest speech that counts.
        min: Duration,
    },
}

/// What a rule causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// As [`Command::OpenGate`](crate::Command::OpenGate).
    OpenGate,
    /// As [`Command::Clear`](crate::Command::Clear).
    Clear,
}

/// Rules that can be armed at a time.
pub const RULES_MAX: usize = 16;

/// What has just happened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cue {
    Answered,
    Verdict(Class),
    Speech(Duration),
}

/// A bridge's rules, in the order of their arming.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    armed: ArrayVec<Armed, RULES_MAX>,
}

#[derive(Debug)]
struct Armed {
    rule: Rule,
    fired_in_spurt: bool,
}

impl Rules {
    /// False: there are [`RULES_MAX`] already, and it was not taken.
    pub(crate) fn arm(&mut self, rule: Rule) -> bool {
        self.armed.try_push(Armed { rule, fired_in_spurt: false }).is_ok()
    }

    /// Rules that wait for this are gone.
    pub(crate) fn disarm(&mut self, when: When) {
        self.armed.retain(|armed| armed.rule.when != when);
    }

    /// What the cue causes, in order. Rules that fire once are gone afterwards.
    pub(crate) fn fire(&mut self, cue: Cue) -> ArrayVec<Then, RULES_MAX> {
        let mut effects = ArrayVec::new();
        self.armed.retain(|armed| {
            if !armed.matches(cue) {
                return true;
            }
            effects.push(armed.rule.then);
            armed.fired_in_spurt = true;
            !armed.rule.once
        });
        effects
    }

    /// The callee is silent again: speech rules may fire anew.
    pub(crate) fn end_spurt(&mut self) {
        self.armed.iter_mut().for_each(|armed| armed.fired_in_spurt = false);
    }
}

impl Armed {
    fn matches(&self, cue: Cue) -> bool {
        match (self.rule.when, cue) {
            (When::Speech { min }, Cue::Speech(spoke)) => spoke >= min && !self.fired_in_spurt,
            (when, cue) => when.matches(cue),
        }
    }
}

impl When {
    /// Whether the cue satisfies a condition other than speech.
    pub(crate) fn matches(self, cue: Cue) -> bool {
        match (self, cue) {
            (When::Answered, Cue::Answered) => true,
            (when, Cue::Verdict(class)) => match when {
                When::Human => class == Class::Human,
                When::Machine => matches!(class, Class::Machine | Class::Voicemail),
                When::Beep => class == Class::Voicemail,
                When::NoSpeech => class == Class::NoSpeech,
                When::Unknown => class == Class::Unknown,
                When::Answered | When::Speech { .. } => false,
            },
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(when: When, once: bool) -> Rule {
        Rule { when, then: Then::Clear, once }
    }

    #[test]
    fn a_voicemail_is_a_machine_with_a_beep() {
        let mut rules = Rules::default();
        for when in [When::Human, When::Machine, When::Beep, When::NoSpeech, When::Unknown] {
            assert!(rules.arm(rule(when, false)));
        }
        for (class, fired) in [
            (Class::Human, 1),
            (Class::Machine, 1),
            (Class::Voicemail, 2),
            (Class::NoSpeech, 1),
            (Class::Unknown, 1),
            (Class::Fax, 0),
            (Class::Busy, 0),
            (Class::NetworkAnnouncement, 0),
        ] {
            assert_eq!(rules.fire(Cue::Verdict(class)).len(), fired, "{class:?}");
        }
    }

    #[test]
    fn a_rule_that_fires_once_is_gone() {
        let mut rules = Rules::default();
        rules.arm(rule(When::Human, true));
        assert_eq!(rules.fire(Cue::Verdict(Class::Human)).len(), 1);
        assert_eq!(rules.fire(Cue::Verdict(Class::Human)).len(), 0);
    }

    #[test]
    fn speech_fires_once_a_spurt_when_it_is_long_enough() {
        let mut rules = Rules::default();
        rules.arm(rule(When::Speech { min: Duration::from_millis(300) }, false));
        let spoke = |ms| Cue::Speech(Duration::from_millis(ms));
        assert_eq!(rules.fire(spoke(280)).len(), 0);
        assert_eq!(rules.fire(spoke(300)).len(), 1);
        assert_eq!(rules.fire(spoke(320)).len(), 0);
        rules.end_spurt();
        assert_eq!(rules.fire(spoke(300)).len(), 1);
    }

    #[test]
    fn a_rule_that_is_disarmed_fires_no_more() {
        let mut rules = Rules::default();
        let speech = When::Speech { min: Duration::from_millis(280) };
        rules.arm(rule(speech, false));
        rules.arm(rule(When::Human, false));
        rules.disarm(speech);
        assert_eq!(rules.fire(Cue::Speech(Duration::from_secs(1))).len(), 0);
        assert_eq!(rules.fire(Cue::Verdict(Class::Human)).len(), 1, "another one's is as it was");
    }

    #[test]
    fn the_seventeenth_rule_is_refused() {
        let mut rules = Rules::default();
        assert!((0..RULES_MAX).all(|_| rules.arm(rule(When::Human, false))));
        assert!(!rules.arm(rule(When::Human, false)));
    }
}
