//! What the detector says, and in which words.

use std::fmt;

use super::evidence::Evidence;

/// What the detector concluded, when, and why. A later verdict about the same call replaces an earlier one.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Who or what picked up.
    pub class: Class,
    /// What decided it.
    pub cause: Cause,
    /// 0.0 to 1.0: roughly, how many verdicts of this kind are right.
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
    /// Special information tones: the network says why there is no call; [`Tone::Sit`] says which.
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
    /// What had looked like a person talked on, within `flip_within` of that verdict.
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
    /// The verdict, its sentence and its evidence as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        format!(
            r#"{{"class":"{}","cause":"{}","confidence":{:.2},"at_ms":{},"because":"{self}","evidence":{}}}"#,
            self.class.name(),
            self.cause.name(),
            self.confidence,
            self.at_ms,
            self.evidence.to_json()
        )
    }
}

impl fmt::Display for Verdict {
    /// One sentence: `human: spoke 0.62 s, then 0.50 s of silence (after_greeting_silence 0.50 s)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |ms: u32| f64::from(ms) / 1000.0;
        let evidence = &self.evidence;
        let (measured, limit) = (seconds(evidence.measured), seconds(evidence.threshold_value));
        write!(f, "{}: ", self.class)?;
        match self.cause {
            Cause::InitialSilence => write!(f, "not a word in {measured:.2} s")?,
            Cause::AfterGreetingSilence => {
                write!(f, "spoke {:.2} s, then {measured:.2} s of silence", seconds(evidence.speech_ms))?;
            }
            Cause::LongGreeting => write!(f, "talked for {measured:.2} s without waiting for an answer")?,
            Cause::TooManyWords => {
                let (words, limit) = (evidence.measured, evidence.threshold_value);
                return write!(f, "spoke {words} words ({} {limit})", evidence.threshold);
            }
            Cause::LongWord => write!(f, "one unbroken sound of {measured:.2} s")?,
            Cause::TotalAnalysisTime => write!(f, "undecided after {measured:.2} s")?,
            Cause::TalkedOn => {
                return write!(f, "paused like a person, then talked on for {measured:.2} s");
            }
            Cause::Tone(tone) => return write!(f, "heard {tone}"),
        }
        write!(f, " ({} {limit:.2} s)", evidence.threshold)
    }
}

impl Class {
    /// Its name in JSON, metrics and webhooks: `human`, `no_speech` …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Machine => "machine",
            Self::Voicemail => "voicemail",
            Self::Fax => "fax",
            Self::NetworkAnnouncement => "network_announcement",
            Self::Ringback => "ringback",
            Self::Busy => "busy",
            Self::NoSpeech => "no_speech",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NetworkAnnouncement => "network announcement",
            Self::NoSpeech => "no speech",
            class => class.name(),
        })
    }
}

impl Cause {
    /// Its name: the parameter's where a parameter decided, the signal's where a tone did.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InitialSilence => "initial_silence",
            Self::AfterGreetingSilence => "after_greeting_silence",
            Self::LongGreeting => "greeting",
            Self::TooManyWords => "maximum_number_of_words",
            Self::LongWord => "maximum_word_length",
            Self::TotalAnalysisTime => "total_analysis_time",
            Self::TalkedOn => "talked_on",
            Self::Tone(tone) => tone.name(),
        }
    }
}

impl Cause {
    /// The parameter's name if one decided, else nothing.
    pub(super) fn parameter(self) -> &'static str {
        match self {
            // That is no parameter, and what tones are made of neither.
            Self::TalkedOn | Self::Tone(_) => "",
            cause => cause.name(),
        }
    }
}

impl Tone {
    /// What a line that sends this is.
    pub(super) fn class(self) -> Class {
        match self {
            Self::Ringback => Class::Ringback,
            Self::Busy | Self::Congestion => Class::Busy,
            Self::Sit(_) => Class::NetworkAnnouncement,
            Self::Fax(_) => Class::Fax,
            Self::Beep { .. } => Class::Voicemail,
        }
    }

    /// Its name: `ringback`, `sit_vacant_code`, `beep` …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ringback => "ringback",
            Self::Busy => "busy",
            Self::Congestion => "congestion",
            Self::Sit(Sit::Intercept) => "sit_intercept",
            Self::Sit(Sit::VacantCode) => "sit_vacant_code",
            Self::Sit(Sit::Reorder) => "sit_reorder",
            Self::Sit(Sit::NoCircuit) => "sit_no_circuit",
            Self::Sit(Sit::Unspecified) => "sit",
            Self::Fax(FaxTone::Cng) => "fax_cng",
            Self::Fax(FaxTone::Ced) => "fax_ced",
            Self::Beep { .. } => "beep",
        }
    }
}

impl fmt::Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ringback => f.write_str("ringing after the answer"),
            Self::Busy => f.write_str("the busy tone"),
            Self::Congestion => f.write_str("the congestion tone"),
            Self::Sit(Sit::Intercept) => f.write_str("the information tones for a changed number"),
            Self::Sit(Sit::VacantCode) => f.write_str("the information tones for an unknown number"),
            Self::Sit(Sit::Reorder) => {
                f.write_str("the information tones for a call that cannot be completed")
            }
            Self::Sit(Sit::NoCircuit) => f.write_str("the information tones for no free circuit"),
            Self::Sit(Sit::Unspecified) => f.write_str("the information tones"),
            Self::Fax(FaxTone::Cng) => f.write_str("a calling fax machine (CNG)"),
            Self::Fax(FaxTone::Ced) => f.write_str("an answering fax machine or modem (CED)"),
            Self::Beep { hz } => write!(f, "a beep of {hz} Hz"),
        }
    }
}
