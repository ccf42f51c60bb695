//! What the detector says, and in which words.

use super::evidence::Evidence;

/// What the detector concluded, when, and why. A later verdict about the same call replaces an earlier one.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Who or what picked up.
    pub class: Class,
    /// What decided it.
    pub cause: Cause,
    /// 0.0 to 1.0; how far the features stood from the other answer.
    pub confidence: f32,
    /// Milliseconds from the answer to this verdict.
    pub at_ms: u32,
    /// What it rests on.
    pub evidence: Evidence,
}

/// Who or what picked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A person: a short greeting, then silence that waits for ours.
    Human,
    /// An automated voice by its cadence: a voicemail greeting, an IVR, an announcement.
    Machine,
    /// A machine, and its beep was heard: it records now.
    Voicemail,
    /// A fax machine, calling or answering.
    Fax,
    /// Special information tones: the network says why there is no call; [`Cause::Sit`] says which.
    NetworkAnnouncement,
    /// Answered, but what is heard is still ringing.
    Ringback,
    /// Answered, but what is heard is a busy or congestion tone.
    Busy,
    /// Nobody said anything. Never a machine.
    NoSpeech,
    /// Something was heard, and no rule fits it.
    Unknown,
}

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause {
    /// No word within `initial_silence`.
    InitialSilence,
    /// The greeting ended and `after_greeting_silence` passed.
    AfterGreetingSilence,
    /// The greeting lasted `greeting`.
    LongGreeting,
    /// More than `maximum_number_of_words`.
    TooManyWords,
    /// One word of more than `maximum_word_length`.
    LongWord,
    /// `total_analysis_time` passed.
    TotalAnalysisTime,
    /// What had looked like a person went on to talk like a machine, within `flip_within`.
    TalkedOn,
    /// A tone, or a cadence of tones.
    Tone(Tone),
}

/// A signal recognised by frequency and cadence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tone {
    /// Ringing (US, European or UK cadence).
    Ringback,
    /// Busy.
    Busy,
    /// Reorder or congestion: the fast one.
    Congestion,
    /// Special information tones.
    Sit(Sit),
    /// Fax.
    Fax(FaxTone),
    /// The single tone that a recorder gives before it records.
    Beep {
        /// Its measured frequency.
        hz: u16,
    },
}

/// Which special information tone (Telcordia SR-2275; ITU-T E.180 leaves the lengths free).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sit {
    /// Intercept: the number changed or is not in service.
    Intercept,
    /// Vacant code: no such number.
    VacantCode,
    /// Reorder: the exchange cannot complete the call.
    Reorder,
    /// No circuit.
    NoCircuit,
    /// Three rising tones whose pattern names no reason.
    Unspecified,
}

/// Which end of a fax call was heard (ITU-T T.30).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaxTone {
    /// 1100 Hz, from a calling machine.
    Cng,
    /// 2100 Hz, from an answering machine (CED, ANSam) or a modem.
    Ced,
}

impl Verdict {
    /// The verdict and its evidence as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        todo!()
    }
}

impl std::fmt::Display for Verdict {
    /// One sentence: `human: spoke 0.62 s, then 0.48 s of silence (after_greeting_silence 0.45 s)`.
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}
