//! `[transcription]` and `[analysis]`: whom the switch asks about calls that are over.

use std::time::Duration;

use super::checker::Checker;
use super::file;
use super::objects::review::{language, service, text};
use crate::model::ReviewOffer;
use crate::model::review::{Service, TranscriptFormat};

/// Bytes of what every analysis is told beside.
const PROMPT_BYTES_MAX: usize = 8 * 1024;

/// What becomes of calls that are over. Without a service, and an agent that wants it, nothing does.
#[derive(Clone, Debug)]
pub struct Reviews {
    /// `[transcription]`
    pub transcription: Transcriber,
    /// `[analysis]`
    pub analysis: Analyst,
    /// How long a call's last event waits for them.
    pub hold: Duration,
}

/// `[transcription]`
#[derive(Clone, Debug)]
pub struct Transcriber {
    /// Whom the switch asks.
    pub service: Option<Service>,
    /// The language that is spoken, where an agent says no other.
    pub language: Option<String>,
    /// How its service answers.
    pub format: TranscriptFormat,
    /// How long it may take to answer.
    pub timeout: Duration,
}

/// `[analysis]`
#[derive(Clone, Debug)]
pub struct Analyst {
    /// Whom the switch asks.
    pub service: Option<Service>,
    /// What every analysis is told to mind.
    pub prompt: Option<String>,
    /// How long it may take to answer.
    pub timeout: Duration,
}

impl Reviews {
    /// What they can do for an agent without a service of its own.
    pub fn offer(&self) -> ReviewOffer {
        ReviewOffer {
            transcribes: self.transcription.service.is_some(),
            analyses: self.analysis.service.is_some(),
            hold: self.hold,
        }
    }
}

pub fn reviews(
    transcription: file::Transcription,
    analysis: file::Analysis,
    hold_seconds: u64,
    check: &mut Checker<'_>,
) -> Reviews {
    language(&transcription.language, "transcription", check);
    text(&analysis.prompt, PROMPT_BYTES_MAX, "analysis", "prompt", check);
    let said = (&transcription.url, &transcription.model, transcription.api_key);
    let example = "https://api.openai.com/v1/audio/transcriptions";
    let transcriber = service(said, example, "transcription", check);
    let said = (&analysis.url, &analysis.model, analysis.api_key);
    let example = "https://api.openai.com/v1/chat/completions";
    let analyst = service(said, example, "analysis", check);
    let timeout = |path: &str| format!("{path}.timeout_seconds");
    Reviews {
        transcription: Transcriber {
            service: transcriber,
            language: transcription.language,
            format: transcription.format,
            timeout: check.seconds(&timeout("transcription"), transcription.timeout_seconds, 1..=300),
        },
        analysis: Analyst {
            service: analyst,
            prompt: analysis.prompt,
            timeout: check.seconds(&timeout("analysis"), analysis.timeout_seconds, 1..=300),
        },
        hold: check.seconds("webhooks.hold_seconds", hold_seconds, 0..=600),
    }
}
