//! What a call's words come to once it is over: its review. Words are taken from its recording by an endpoint, where its agent
//! says so, and an analysis says in a few fields what they mean. Values only: how it is asked for is the room's of that name.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use utoipa::ToSchema;

use super::transcript::TranscriptBy;
use super::{Agent, CallRecord, Disposition, Face, Secret, Takes};

/// A model behind HTTP that understands OpenAI's API: theirs, or a server that speaks the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Where it is, path and all.
    pub url: Url,
    /// Which of its models.
    pub model: String,
    /// Who we are there.
    pub api_key: Option<Secret<String>>,
}

/// What an agent says of a service: one of its own, or who it is at the switch's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceChoice {
    /// Its own; never asked with the switch's key, nor for the switch's model.
    pub url: Option<Url>,
    /// Which model.
    pub model: Option<String>,
    /// Who it is there.
    pub api_key: Option<Secret<String>>,
}

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which service.
    pub service: Service,
    /// Was its URL an agent's to say, and not the operator's? Then it is reached by the guarded way alone.
    pub is_guarded: bool,
}

impl ServiceChoice {
    /// Who is asked, where the switch has this one, or none.
    pub fn over(&self, usual: Option<&Service>) -> Option<Asked> {
        if let Some(url) = &self.url {
            let model = self.model.clone().unwrap_or_default();
            let service = Service { url: url.clone(), model, api_key: self.api_key.clone() };
            return Some(Asked { service, is_guarded: true });
        }
        let usual = usual?;
        let service = Service {
            url: usual.url.clone(),
            model: self.model.clone().unwrap_or_else(|| usual.model.clone()),
            api_key: self.api_key.clone().or_else(|| usual.api_key.clone()),
        };
        Some(Asked { service, is_guarded: false })
    }
}

/// How a service answers what was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TranscriptFormat {
    /// With the times of its segments: `whisper-1`, and most servers of one's own.
    #[default]
    VerboseJson,
    /// Text alone: `gpt-4o-transcribe`. Each turn is then asked for by itself.
    Json,
}

/// How an agent's recordings become words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcription {
    /// Who is asked.
    pub service: ServiceChoice,
    /// The language that is spoken, ISO 639-1; the service finds out by itself if left out.
    pub language: Option<String>,
    /// How the service answers.
    pub format: Option<TranscriptFormat>,
}

/// What an agent wants to know of its calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Analysis {
    /// Who is asked.
    pub service: ServiceChoice,
    /// What to mind, beside what the switch says.
    pub prompt: Option<String>,
    /// When a call was a success, in words; without them that is not asked.
    pub success: Option<String>,
    /// What to find in it.
    pub fields: Vec<Field>,
}

/// Something to be found in what was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// How it is called.
    pub name: String,
    /// What it is.
    pub kind: FieldKind,
    /// What it means.
    pub description: String,
    /// The only texts that it may be; empty: any.
    pub values: Vec<String>,
}

/// What a field holds, or null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// Text.
    #[default]
    String,
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
}

impl FieldKind {
    /// JSON schema's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
        }
    }
}

/// How the callee felt about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sentiment {
    /// Glad.
    Positive,
    /// Neither.
    Neutral,
    /// Annoyed, sad or angry.
    Negative,
}

impl Sentiment {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Positive, Self::Neutral, Self::Negative];

    /// The word in every face.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Neutral => "neutral",
            Self::Negative => "negative",
        }
    }

    /// The value of a word; `None` if it is none of ours.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sentiment| sentiment.as_str() == word)
    }
}

/// What an analysis found.
#[derive(Clone, PartialEq, Deserialize, Serialize)]
pub struct Findings {
    /// A few sentences. Never logged.
    pub summary: String,
    /// The callee's.
    pub sentiment: Sentiment,
    /// By the agent's own words for it; `None` if it has none, or that cannot be told.
    pub success: Option<bool>,
    /// The agent's fields and what they hold, null where nobody said it. Never logged.
    pub fields: Map<String, Value>,
}

impl Findings {
    /// The fields, if any were asked for.
    pub fn extracted(&self) -> Option<&Map<String, Value>> {
        (!self.fields.is_empty()).then_some(&self.fields)
    }
}

impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of summary, {} fields", self.summary.len(), self.fields.len())
    }
}

/// How far one part of a review is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// It is to be done, and may have been tried.
    Pending,
    /// It is done.
    Done,
    /// It came to nothing, in one clause which quotes nothing that was said.
    Failed(String),
}

impl Progress {
    /// The word in every face.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Failed(_) => "failed",
        }
    }

    /// Why it came to nothing.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Failed(why) => Some(why),
            Self::Pending | Self::Done => None,
        }
    }
}

/// How the review of a call stands. Kept as JSON beside the call.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Review {
    /// How long the call's last event waits for it, in milliseconds.
    pub hold_ms: u32,
    /// Words out of the recording; `None`: they are not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcription: Option<Progress>,
    /// What they mean; `None`: that is not asked for, or nothing was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Progress>,
    /// What it found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Findings>,
    /// When the recording was taken, so that its words' times are the call's.
    #[serde(default, skip_serializing_if = "Takes::is_empty")]
    pub takes: Takes,
    /// What its tries have come to.
    #[serde(default, skip_serializing_if = "Tried::is_nothing")]
    pub tried: Tried,
}

/// What matters of the tries so far for those that follow. A part that is done leaves the next one all of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Tried {
    /// Tries of this part that came to nothing. One that ended with the switch is none of them.
    pub failed: u32,
    /// Answers of no use that this part has had.
    pub unusable: u32,
}

impl Tried {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What the switch can do for an agent that has no service of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReviewOffer {
    /// It has a service that turns recordings into words.
    pub transcribes: bool,
    /// It has one that says what they mean.
    pub analyses: bool,
    /// How long a call's last event waits.
    pub hold: Duration,
}

impl Review {
    /// What an agent wants of its calls, as far as somebody is there to ask. Frozen when a call is accepted.
    pub fn wanted(agent: &Agent, offer: ReviewOffer) -> Option<Self> {
        let own = |service: &ServiceChoice| service.url.is_some();
        let transcribes = agent.transcript == TranscriptBy::Endpoint
            && (offer.transcribes || agent.transcription.as_ref().is_some_and(|it| own(&it.service)));
        let analyses = agent.analysis.as_ref().is_some_and(|it| offer.analyses || own(&it.service));
        let review = Self {
            hold_ms: u32::try_from(offer.hold.as_millis()).unwrap_or(u32::MAX),
            transcription: transcribes.then_some(Progress::Pending),
            analysis: analyses.then_some(Progress::Pending),
            findings: None,
            takes: Takes::default(),
            tried: Tried::default(),
        };
        (transcribes || analyses).then_some(review)
    }

    /// Is there something to be done yet?
    pub fn is_pending(&self) -> bool {
        [&self.transcription, &self.analysis].into_iter().any(|part| *part == Some(Progress::Pending))
    }

    /// No words came of it, and none will: there is nothing to analyse.
    pub fn nothing_was_said(&mut self) {
        self.analysis = None;
    }

    /// The words cannot be had: what depends on them fails with them.
    pub fn fail_transcription(&mut self, why: &str) {
        self.transcription = Some(Progress::Failed(why.to_owned()));
        if self.analysis.is_some() {
            self.analysis = Some(Progress::Failed(format!("there is no transcript: {why}")));
        }
    }
}

impl CallRecord {
    /// The call is over: is anything left of the review that was wanted? Nothing, where nobody answered or a machine ended it.
    pub fn begin_review(&mut self) {
        let in_vain = self.answered_at.is_none() || self.disposition == Some(Disposition::VoicemailDetected);
        let Some(mut review) = self.review.take().filter(|_| !in_vain) else { return };
        if review.transcription.is_none() {
            if self.transcript.is_empty() {
                review.nothing_was_said();
            }
        } else if self.recording.is_none() {
            match &self.recording_error {
                Some(why) => review.fail_transcription(&format!("the recording failed: {why}")),
                None => review.fail_transcription("the call was not recorded"),
            }
        }
        let is_something = review.transcription.is_some() || review.analysis.is_some();
        self.review = is_something.then_some(review);
    }

    /// How long its last event waits for its review: no longer than its vendor's event has anything to tell of that.
    pub fn event_waits(&self) -> Option<Duration> {
        let review = self.review.as_ref().filter(|review| review.is_pending())?;
        let face = self.webhook.as_ref().or(self.endpoints.first())?.face;
        let is_told = match face {
            Face::Nixflex | Face::Voiceflow => true,
            // What was said, and nothing about it.
            Face::ThunderPhone => review.transcription == Some(Progress::Pending),
            Face::MiniVoice | Face::Twilio => false,
        };
        (is_told && review.hold_ms > 0).then(|| Duration::from_millis(review.hold_ms.into()))
    }
}

impl CallRecord {
    /// What an analysis found in it.
    pub fn findings(&self) -> Option<&Findings> {
        self.review.as_ref()?.findings.as_ref()
    }

    /// How far its analysis is; `None`: it is not configured or not wanted, or nothing was said.
    pub fn analysis(&self) -> Option<&Progress> {
        self.review.as_ref()?.analysis.as_ref()
    }

    /// How far the words are that an endpoint takes from its recording; `None`: that is not configured or not wanted.
    pub fn transcription(&self) -> Option<&Progress> {
        self.review.as_ref()?.transcription.as_ref()
    }
}

#[cfg(test)]
mod tests;
