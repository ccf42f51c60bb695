//! Who is called, and how each call is meant to end.

use crate::model::Disposition;
use crate::simulator::Persona;

/// One callee of the demonstration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Role {
    /// What it is called on the screen.
    pub name: &'static str,
    /// Who plays it.
    pub persona: Persona,
    /// How its call is meant to end.
    pub expected: Disposition,
}

/// In the order of their calls.
pub const CAST: [Role; 5] = [
    Role { name: "person", persona: Persona::Person, expected: Disposition::Completed },
    Role { name: "voicemail", persona: Persona::Voicemail, expected: Disposition::VoicemailDetected },
    Role { name: "busy", persona: Persona::Busy, expected: Disposition::Busy },
    Role { name: "no answer", persona: Persona::NoAnswer, expected: Disposition::NoAnswer },
    Role { name: "ivr", persona: Persona::Ivr, expected: Disposition::VoicemailDetected },
];

impl Role {
    /// Its number.
    pub fn number(self) -> String {
        format!("+1555010000{}", self.persona.digit())
    }

    /// Its place in [`CAST`].
    pub fn position(self) -> usize {
        CAST.iter().position(|role| *role == self).unwrap_or(CAST.len())
    }
}
