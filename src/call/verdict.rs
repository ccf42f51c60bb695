//! The detector's verdict in the house's words, and what the house does about it.

use std::time::Duration;

use trunkline_media::amd;
use trunkline_media::{Rule, Then, When};

use crate::model::{Detection, Disposition, Heard, Speak, SpeakOrder, VoicemailAction};

/// The detector's parameters: its own, but for those that the agent names.
pub fn parameters(detection: &Detection) -> amd::Params {
    let mut params = amd::Params::default();
    let ms = |value: u32| Duration::from_millis(value.into());
    for (named, own) in [
        (detection.initial_silence, &mut params.initial_silence),
        (detection.greeting, &mut params.greeting),
        (detection.after_greeting_silence, &mut params.after_greeting_silence),
        (detection.total_analysis_time, &mut params.total_analysis_time),
        (detection.min_word_length, &mut params.minimum_word_length),
        (detection.between_words_silence, &mut params.between_words_silence),
        (detection.maximum_word_length, &mut params.maximum_word_length),
    ] {
        *own = named.map_or(*own, ms);
    }
    if let Some(words) = detection.maximum_number_of_words {
        params.maximum_number_of_words = u16::try_from(words).unwrap_or(u16::MAX);
    }
    params.silence_threshold = detection.silence_threshold.unwrap_or(params.silence_threshold);
    params
}

/// What the leg does by itself, within the tick in which the verdict falls. Silence and doubt are treated as a person:
/// a machine that is spoken to costs a minute, a person who is hung up on costs a customer. An agent that is to speak second
/// waits for whoever has said nothing yet. One that speaks at the answer is heard from there on.
pub fn rules(voicemail: VoicemailAction, speak_order: SpeakOrder, speak: Speak) -> Vec<Rule> {
    let mut opening = vec![When::Human];
    if speak != Speak::Verdict {
        opening.push(When::Answered);
    }
    if speak_order == SpeakOrder::AgentFirst {
        opening.extend(UNHEARD);
    }
    match voicemail {
        VoicemailAction::Ignore => opening.push(When::Machine),
        VoicemailAction::SpeakAfterBeep => opening.push(When::Beep),
        VoicemailAction::Hangup | VoicemailAction::LeaveMessage => {}
    }
    opening.into_iter().map(opens).collect()
}

/// What it does besides, once nobody has to wait for the callee's words any more.
pub fn unheard() -> impl Iterator<Item = Rule> {
    UNHEARD.into_iter().map(opens)
}

const UNHEARD: [When; 2] = [When::NoSpeech, When::Unknown];

fn opens(when: When) -> Rule {
    Rule { when, then: Then::OpenGate, once: true }
}

/// Is it an automated voice?
pub fn is_machine(class: amd::Class) -> bool {
    matches!(class, amd::Class::Machine | amd::Class::Voicemail)
}

/// The same of a verdict that was written down.
pub fn is_automated(class: &str) -> bool {
    is_greeting(class) || class == word(amd::Class::Voicemail) || class == GREETING_OVER
}

/// Does an automated voice talk that may beep yet?
pub fn is_greeting(class: &str) -> bool {
    class == word(amd::Class::Machine)
}

/// A machine whose greeting came to its end, so long after the answer, without a beep.
pub fn greeting_over(greeting: &Heard, at: Duration) -> Heard {
    let reason = format!("{}; no beep was heard by {:.1} s", greeting.reason, at.as_secs_f64());
    Heard { class: GREETING_OVER, reason, at, ..greeting.clone() }
}

/// The word for that: none of the detector's.
const GREETING_OVER: &str = "machine_end";

/// Has nobody been heard to speak?
pub fn is_wordless(class: &str) -> bool {
    class == word(amd::Class::NoSpeech) || class == word(amd::Class::Unknown)
}

/// Has nobody answered yet, whatever was signalled?
pub fn is_ringing(class: &str) -> bool {
    class == word(amd::Class::Ringback)
}

/// What a call comes to on whose line nobody will ever listen; `None`: somebody may.
pub fn hopeless(class: amd::Class, cause: amd::Cause) -> Option<Disposition> {
    match (class, cause) {
        (amd::Class::Busy, _) => Some(Disposition::Busy),
        (_, amd::Cause::Tone(amd::Tone::Sit(amd::Sit::Intercept | amd::Sit::VacantCode))) => {
            Some(Disposition::InvalidNumber)
        }
        (amd::Class::Fax | amd::Class::NetworkAnnouncement, _) => Some(Disposition::Unreachable),
        _ => None,
    }
}

/// For the outcome, the journal and whoever watches.
pub fn heard(verdict: &amd::Verdict) -> Heard {
    Heard {
        class: word(verdict.class),
        reason: verdict.to_string(),
        confidence: verdict.confidence,
        at: Duration::from_millis(verdict.at_ms.into()),
        evidence: verdict.to_json(),
    }
}

fn word(class: amd::Class) -> &'static str {
    match class {
        amd::Class::Human => "human",
        amd::Class::Machine => "machine",
        amd::Class::Voicemail => "voicemail",
        amd::Class::Fax => "fax",
        amd::Class::NetworkAnnouncement => "network_announcement",
        amd::Class::Ringback => "ringback",
        amd::Class::Busy => "busy",
        amd::Class::NoSpeech => "no_speech",
        amd::Class::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amd::{Cause, Class, FaxTone, Sit, Tone};

    #[test]
    fn what_nobody_listens_to_ends_a_call_and_says_why() {
        let told = |tone| hopeless(Class::NetworkAnnouncement, Cause::Tone(Tone::Sit(tone)));
        for gone in [Sit::Intercept, Sit::VacantCode] {
            assert_eq!(told(gone), Some(Disposition::InvalidNumber), "{gone:?}");
        }
        for busy in [Sit::Reorder, Sit::NoCircuit, Sit::Unspecified] {
            assert_eq!(told(busy), Some(Disposition::Unreachable), "{busy:?}");
        }
        let fax = Cause::Tone(Tone::Fax(FaxTone::Ced));
        assert_eq!(hopeless(Class::Fax, fax), Some(Disposition::Unreachable));
        assert_eq!(hopeless(Class::Busy, Cause::Tone(Tone::Busy)), Some(Disposition::Busy));
        for class in [Class::Human, Class::Machine, Class::Voicemail, Class::Ringback, Class::NoSpeech] {
            assert_eq!(hopeless(class, Cause::InitialSilence), None, "{class:?}");
        }
    }
}
