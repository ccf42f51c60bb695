//! What a tenant owns besides trunks: numbers, agents, keys. Declared in the configuration file, later also through the API.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::review::{Analysis, Transcription};
use super::{
    AgentId, ApplicationId, Bot, EventSet, Face, Flow, KeyId, Model, NumberId, PhoneNumber, RightToUse,
    Secret, SipAgent, Speak, SpeakOrder, SpendControl, Staff, TenantId, TranscriptBy, TrunkId,
    VoicemailAction, Zone,
};

/// A telephone number of ours.
#[derive(Clone, Debug)]
pub struct Number {
    /// Its id; ids grow with age, so the first is the oldest.
    pub id: NumberId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The number.
    pub e164: PhoneNumber,
    /// The trunks it dials through, the most wanted first.
    pub trunks: Vec<TrunkChoice>,
    /// What is known of our right to show it.
    pub right_to_use: RightToUse,
    /// The agent it belongs to.
    pub agent: Option<AgentId>,
    /// Whose calls those to it are; `None`: of the application whose key tells of them.
    pub application: Option<ApplicationId>,
    /// May it place calls?
    pub outbound: bool,
    /// Does its agent answer calls to it?
    pub inbound: bool,
    /// Where its calls' events go, before the agent's.
    pub webhook_url: Option<String>,
    /// Whose words the events of calls to it take; `None`: those of the tenant's first key.
    pub face: Option<Face>,
    /// Is it known that the trunk behind it carries calls? The file's owner says so of the file's numbers.
    pub verified: bool,
}

/// One of a number's ways out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrunkChoice {
    /// Which trunk.
    pub trunk: TrunkId,
    /// Lower goes first; a higher one is tried only when every lower one has failed.
    pub priority: u16,
    /// The share of calls among those of one priority. Zero gets some only where all are zero.
    pub weight: u16,
}

impl TrunkChoice {
    /// The only way.
    pub const fn only(trunk: TrunkId) -> Self {
        Self { trunk, priority: 1, weight: 1 }
    }
}

/// Which of its numbers an agent calls from, where nobody says which.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CallerIds {
    /// The oldest.
    #[default]
    First,
    /// Its callees are spread over all of them; each sees the same one every time.
    Spread,
    /// The one that begins most like the callee's; among equals as above.
    Nearest,
}

/// Who talks.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Its name in the configuration, also accepted as an id.
    pub alias: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// Where its calls' events go.
    pub webhook_url: Option<String>,
    /// Which events its receiver gets; `None`: all that its vendor documents.
    pub webhook_events: Option<EventSet>,
    /// What it says first to whoever calls it; `None` begins with its steps.
    pub greeting: Option<String>,
    /// What it is told of itself before any call's own prompt. Without a greeting a script says it to whoever gets no other.
    pub prompt: Option<String>,
    /// Whose voice it has, if the speech program knows that one; else the usual one.
    pub voice: Option<Arc<str>>,
    /// What it says next, each after the callee's turn, once the call's own prompt was spoken.
    pub steps: Vec<String>,
    /// What it says and asks, step by step, in their place.
    pub flow: Option<Arc<Flow>>,
    /// What to leave on a voicemail when the request says `leave_message` without a text.
    pub voicemail_message: Option<String>,
    /// What to do with a machine when the request does not say.
    pub voicemail: VoicemailAction,
    /// May the callee's speech stop the agent's?
    pub barge_in: bool,
    /// How long it rings before the call is given up.
    pub ring_timeout: Duration,
    /// How long a call may last from its answer.
    pub call_duration_max: Duration,
    /// How long both may be silent before the call ends.
    pub silence_hangup: Duration,
    /// The zone of its campaigns' windows where they name none.
    pub timezone: Option<Zone>,
    /// How answers are judged.
    pub detection: Detection,
    /// The number stored on the agent itself, used only if the agent has no number rows (seed 000, "legacy fallback").
    pub phone_number: Option<PhoneNumber>,
    /// That number's trunk.
    pub trunk: Option<TrunkId>,
    /// Which of its numbers its callees see.
    pub caller_ids: CallerIds,
    /// Who speaks first on its outbound calls.
    pub speak_order: SpeakOrder,
    /// When it begins to speak on them.
    pub speak: Speak,
    /// What is said meanwhile, if that is with an opener.
    pub opener: Option<String>,
    /// Are its calls recorded, where neither the request nor its face says so?
    pub record: bool,
    /// Somebody's bot, who talks in its place.
    pub bot: Option<Arc<Bot>>,
    /// People who talk in its place.
    pub staff: Option<Arc<Staff>>,
    /// A hosted model, which talks in its place.
    pub model: Option<Arc<Model>>,
    /// Who puts what was said into words, if it is kept.
    pub transcript: TranscriptBy,
    /// How recordings become words, if that is an endpoint.
    pub transcription: Option<Arc<Transcription>>,
    /// What it wants to know of its calls once they are over.
    pub analysis: Option<Arc<Analysis>>,
    /// A SIP endpoint that talks in its place.
    pub sip: Option<Arc<SipAgent>>,
}

impl Agent {
    /// One with every default and nothing to say, for a call that brings its own words.
    pub fn plain(tenant: TenantId) -> Self {
        Self {
            id: AgentId(0),
            alias: String::new(),
            tenant,
            webhook_url: None,
            webhook_events: None,
            greeting: None,
            prompt: None,
            voice: None,
            steps: Vec::new(),
            flow: None,
            voicemail_message: None,
            voicemail: VoicemailAction::default(),
            barge_in: true,
            ring_timeout: Duration::from_secs(60),
            call_duration_max: Duration::from_secs(300),
            silence_hangup: Duration::from_secs(10),
            timezone: None,
            detection: Detection::default(),
            phone_number: None,
            trunk: None,
            caller_ids: CallerIds::default(),
            speak_order: SpeakOrder::default(),
            speak: Speak::default(),
            opener: None,
            record: false,
            bot: None,
            staff: None,
            model: None,
            transcript: TranscriptBy::default(),
            transcription: None,
            analysis: None,
            sip: None,
        }
    }

    /// What a script begins with, where nobody asks for other words.
    pub fn opening(&self) -> Option<&str> {
        self.greeting.as_deref().or(self.prompt.as_deref())
    }

    /// Has it anything to say to whoever calls it?
    pub fn can_answer(&self) -> bool {
        let beside = self.bot.is_some() || self.model.is_some() || self.sip.is_some() || self.staff.is_some();
        beside || self.opening().is_some() || !self.steps.is_empty() || self.flow.is_some()
    }
}

/// The detector's parameters, named as in Asterisk's `AMD()`. `None` takes the detector's own default.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Detection {
    /// Silence before the greeting, in ms.
    pub initial_silence: Option<u32>,
    /// A greeting longer than this is a machine's, in ms.
    pub greeting: Option<u32>,
    /// Silence after the greeting that makes a human, in ms.
    pub after_greeting_silence: Option<u32>,
    /// The verdict falls by then, in ms.
    pub total_analysis_time: Option<u32>,
    /// A word is at least so long, in ms.
    pub min_word_length: Option<u32>,
    /// Words are parted by at least so much silence, in ms.
    pub between_words_silence: Option<u32>,
    /// More words than this are a machine's.
    pub maximum_number_of_words: Option<u32>,
    /// A word longer than this is a machine's, in ms.
    pub maximum_word_length: Option<u32>,
    /// Mean absolute sample value below which a frame is silent.
    pub silence_threshold: Option<u16>,
}

impl Detection {
    /// These, and the others where nothing is said here.
    pub fn over(&self, others: &Self) -> Self {
        Self {
            initial_silence: self.initial_silence.or(others.initial_silence),
            greeting: self.greeting.or(others.greeting),
            after_greeting_silence: self.after_greeting_silence.or(others.after_greeting_silence),
            total_analysis_time: self.total_analysis_time.or(others.total_analysis_time),
            min_word_length: self.min_word_length.or(others.min_word_length),
            between_words_silence: self.between_words_silence.or(others.between_words_silence),
            maximum_number_of_words: self.maximum_number_of_words.or(others.maximum_number_of_words),
            maximum_word_length: self.maximum_word_length.or(others.maximum_word_length),
            silence_threshold: self.silence_threshold.or(others.silence_threshold),
        }
    }
}

/// What a key may act as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum KeyScope {
    /// Everything of its tenant.
    #[default]
    Tenant,
    /// One agent (Voiceflow).
    Agent(AgentId),
    /// One application (MiniVoice).
    Application(ApplicationId),
}

/// An API key. The secret is kept as a keyed hash; what signs webhooks is kept apart.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its id in the store.
    pub id: KeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Whose documents its owner writes against.
    pub face: Face,
    /// What it is looked up by: the public half (`nxf_…`, `AC…`), or, of a key that is one token, [`Key::public_of`] it.
    pub public: String,
    /// SHA-256 of the secret half, or of the token, compared in constant time. Sufficient for a high-entropy token.
    pub secret_hash: [u8; 32],
    /// What signs webhooks: the secret half again, or a secret of its own.
    pub signing: Secret<String>,
    /// What it may act as.
    pub scope: KeyScope,
    /// At most so many calls at once; `None` is unlimited.
    pub concurrent: Option<u32>,
    /// Rate limits; `None` is unlimited.
    pub reads_per_minute: Option<u32>,
    /// See above.
    pub writes_per_minute: Option<u32>,
    /// What its calls may cost, where calls cost anything.
    pub spend: SpendControl,
}

impl Key {
    /// What a key that is one token is looked up by: half of its digest, which gives nothing of it away.
    pub fn public_of(token: &str) -> String {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        format!("token_{}", hex::encode(&digest[..16]))
    }

    /// May it act for its whole tenant, and not for a part of it alone?
    pub const fn is_of_tenant(&self) -> bool {
        matches!(self.scope, KeyScope::Tenant)
    }

    /// The application that it acts as.
    pub const fn application(&self) -> Option<ApplicationId> {
        match self.scope {
            KeyScope::Application(application) => Some(application),
            KeyScope::Tenant | KeyScope::Agent(_) => None,
        }
    }
}
