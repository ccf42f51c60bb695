//! Who answers, and what they do. A persona is data: an answer and a list of beats.

use std::sync::Arc;
use std::time::Duration;

use trunkline_media::Clip;

use super::audio;

/// A kind of callee.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Persona {
    /// Says "Hello?", listens, answers what was said, and waits to be let go.
    Person,
    /// Greets at length, beeps, records.
    Voicemail,
    /// 486.
    Busy,
    /// Rings for ever.
    NoAnswer,
    /// Reads a menu, three times.
    Ivr,
    /// Answers with the 2100 Hz of ITU-T T.30.
    Fax,
    /// 603.
    Declines,
    /// Answers and never says a word.
    Silent,
    /// Says "Hello?" and hangs up.
    HangsUp,
}

/// What becomes of the INVITE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// 180, then 200 so long after.
    After(Duration),
    /// 180 and nothing more.
    Never,
    /// A final refusal.
    Refuse(u16),
}

/// One thing a callee does after it has answered.
#[derive(Clone, Debug)]
pub enum Beat {
    /// Nothing, for so long.
    Pause(Duration),
    /// Says this, to its end.
    Say(Arc<Clip>),
    /// Waits until the caller has spoken and is silent again.
    AwaitTurn,
    /// Hangs up.
    Hangup,
}

impl Persona {
    /// Every persona.
    pub const ALL: [Self; 9] = [
        Self::Person,
        Self::Voicemail,
        Self::Busy,
        Self::NoAnswer,
        Self::Ivr,
        Self::Fax,
        Self::Declines,
        Self::Silent,
        Self::HangsUp,
    ];

    /// Chosen by the last digit of the number called: 1 for the first, 2 for the second, and so on.
    pub fn of_number(number: &str) -> Option<Self> {
        let digit = number.chars().next_back()?.to_digit(10)? as usize;
        Self::ALL.get(digit.checked_sub(1)?).copied()
    }

    /// The digit that [`Persona::of_number`] reads.
    pub fn digit(self) -> usize {
        Self::ALL.iter().position(|persona| *persona == self).expect("every persona is in ALL") + 1
    }

    /// What it does with the INVITE.
    pub fn answer(self) -> Answer {
        match self {
            Self::Busy => Answer::Refuse(486),
            Self::Declines => Answer::Refuse(603),
            Self::NoAnswer => Answer::Never,
            Self::Person | Self::Silent | Self::HangsUp => Answer::After(Duration::from_millis(900)),
            Self::Voicemail | Self::Ivr | Self::Fax => Answer::After(Duration::from_millis(600)),
        }
    }

    /// What it does once it has answered.
    pub fn beats(self) -> Vec<Beat> {
        use Beat::{AwaitTurn, Hangup, Pause, Say};
        let ms = Duration::from_millis;
        match self {
            Self::Person => vec![
                Pause(ms(400)),
                Say(audio::hello()),
                AwaitTurn,
                Pause(ms(300)),
                Say(audio::reply()),
                AwaitTurn,
                Pause(ms(5_000)),
                Hangup,
            ],
            Self::Voicemail => vec![
                Pause(ms(600)),
                Say(audio::greeting()),
                Pause(ms(400)),
                Say(audio::tone(1000.0, ms(450))),
                Pause(ms(30_000)),
                Hangup,
            ],
            Self::Ivr => {
                let once = [Say(audio::menu()), Pause(ms(4_000))];
                let menu = std::iter::repeat_n(once, 3).flatten();
                std::iter::once(Pause(ms(300))).chain(menu).chain([Hangup]).collect()
            }
            Self::Fax => vec![Pause(ms(300)), Say(audio::tone(2100.0, ms(3_300))), Pause(ms(10_000)), Hangup],
            Self::HangsUp => vec![Pause(ms(400)), Say(audio::hello()), Pause(ms(300)), Hangup],
            Self::Silent => vec![Pause(ms(120_000)), Hangup],
            Self::Busy | Self::NoAnswer | Self::Declines => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_digit_chooses() {
        for persona in Persona::ALL {
            assert_eq!(Persona::of_number(&format!("+1555010000{}", persona.digit())), Some(persona));
        }
        assert_eq!(Persona::of_number("+15550100000"), None);
        assert_eq!(Persona::of_number(""), None);
    }
}
