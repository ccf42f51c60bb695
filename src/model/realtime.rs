//! A hosted speech-to-speech model as an agent has it: whose it is, where it is, what it may do, and what it is told of one call.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

use super::{Key, PhoneNumber, Secret};

/// Whose protocol a model speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// OpenAI's Realtime API, and servers that speak it.
    OpenAi,
    /// Deepgram's Voice Agent.
    Deepgram,
    /// ElevenLabs' Agents.
    ElevenLabs,
}

impl Provider {
    /// Every one, in the order of their words in the documentation.
    pub const ALL: [Self; 3] = [Self::OpenAi, Self::Deepgram, Self::ElevenLabs];

    /// Its word in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Deepgram => "deepgram",
            Self::ElevenLabs => "elevenlabs",
        }
    }

    /// Where its own servers are.
    pub const fn url(self) -> &'static str {
        match self {
            Self::OpenAi => "wss://api.openai.com/v1/realtime",
            Self::Deepgram => "wss://agent.deepgram.com/v1/agent/converse",
            Self::ElevenLabs => "wss://api.elevenlabs.io/v1/convai/conversation",
        }
    }
}

impl FromStr for Provider {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|provider| provider.as_str() == word).ok_or(())
    }
}

/// A model that talks in an agent's place.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Whose protocol.
    pub provider: Provider,
    /// The model; of ElevenLabs' the agent's id.
    pub model: String,
    /// `wss`, or `ws` where that is allowed.
    pub url: Url,
    /// What opens its door.
    pub api_key: Option<Secret<String>>,
    /// Whose voice; the provider's usual one if left out.
    pub voice: Option<String>,
    /// The agent's own saved prompt.
    pub prompt: Option<String>,
    /// The language, as the provider names it.
    pub language: Option<String>,
    /// How freely it chooses its words, where the provider lets that be said.
    pub temperature: Option<f64>,
    /// How fast it talks; 1 is as usual.
    pub speed: Option<f64>,
    /// The model that understands the callee in words.
    pub listener: Option<String>,
    /// Whose model thinks, where the provider lets that be chosen.
    pub thinker: Option<String>,
    /// What it may do besides talking.
    pub tools: Tools,
    /// How long it may take to be there.
    pub connect_within: Duration,
    /// How long it is tried again when it is lost in mid-call; `None`: not at all.
    pub reconnect_within: Option<Duration>,
}

/// What a model may do besides talking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tools {
    /// It may hang up.
    pub end_call: bool,
    /// It may press keys.
    pub send_dtmf: bool,
    /// It may put the callee's number on the do-not-call list.
    pub do_not_call: bool,
    /// It may put the callee through to these.
    pub transfer: Vec<PhoneNumber>,
    /// What somebody's server does for it.
    pub webhooks: Vec<WebhookTool>,
}

/// A tool of somebody's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookTool {
    /// How the model names it.
    pub name: String,
    /// What it is good for.
    pub description: String,
    /// A JSON schema of its arguments.
    pub parameters: Map<String, Value>,
    /// Where it is called, by POST.
    pub url: String,
    /// How long it may take.
    pub deadline: Duration,
}

/// A model that talks in one call, and what it is told of it. Never logged, never stored.
#[derive(Clone)]
pub struct Briefed {
    /// Which.
    pub model: Arc<Model>,
    /// The saved prompt, then the call's, then its variables as context.
    pub instructions: String,
    /// What it says first, word for word.
    pub greeting: Option<String>,
    /// The call's variables.
    pub variables: Vec<(String, String)>,
    /// Does it speak first?
    pub speaks_first: bool,
    /// May the callee interrupt it?
    pub barge_in: bool,
    /// Is it to tell what is said?
    pub transcript: bool,
    /// Whose secret signs what its tools send.
    pub key: Option<Arc<Key>>,
}

/// What it is told may be anybody's secret: whose model it is alone is shown.
impl std::fmt::Debug for Briefed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a model of {}", self.model.provider.as_str())
    }
}
