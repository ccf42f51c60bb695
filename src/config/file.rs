//! The file's own shape, key by key, before anything is checked. Unknown keys are refused: a typo must not pass for a
//! default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::LogFormat;
use super::billing;
use super::trunk::table::{Choice, Trunk};
use crate::model::review::TranscriptFormat;
use crate::model::{CallerIds, Detection, Face, RightToUse, Secret, Speak, SpeakOrder, VoicemailAction};

/// The whole file.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    pub data_dir: Option<String>,
    pub database_url: Option<Secret<String>>,
    pub http: Http,
    pub sip: Sip,
    pub media: Media,
    pub limits: Limits,
    pub billing: billing::Table,
    pub rate: Vec<billing::RateTable>,
    pub webhooks: Webhooks,
    pub events: Events,
    pub retention: Retention,
    pub tts: Tts,
    pub transcription: Transcription,
    pub analysis: Analysis,
    pub recording: Recording,
    pub amd: Detection,
    pub people: super::people::Table,
    pub log: Log,
    pub trunk: Vec<Trunk>,
    pub agent: Vec<Agent>,
    pub number: Vec<Number>,
    pub key: Vec<Key>,
    pub application: Vec<Application>,
    pub person: Vec<Person>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    pub listen: String,
    pub tls_cert: Option<String>,
    pub tls_key: Option<String>,
    pub public_url: Option<String>,
    pub body_max: u64,
    pub batch_body_max: u64,
    pub connections_max: u64,
    pub header_timeout_seconds: u64,
    pub body_timeout_seconds: u64,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            tls_cert: None,
            tls_key: None,
            public_url: None,
            body_max: 1 << 20,
            batch_body_max: 32 << 20,
            connections_max: 4096,
            header_timeout_seconds: 10,
            body_timeout_seconds: 10,
        }
    }
}

/// The timers' defaults are RFC 3261's (table 4).
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sip {
    pub listen: Vec<String>,
    pub advertise: Option<Advertise>,
    pub tls_cert: Option<String>,
    pub tls_key: Option<String>,
    pub nameservers: Vec<String>,
    pub inbound_networks: Vec<String>,
    pub allow_addresses: Vec<String>,
    pub user_agent: String,
    pub t1_ms: u64,
    pub t2_ms: u64,
    pub t4_ms: u64,
}

/// One address for all, or one for each family and transport.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Advertise {
    One(String),
    Many(Vec<String>),
}

impl Advertise {
    pub fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

impl Default for Sip {
    fn default() -> Self {
        Self {
            listen: vec!["udp:127.0.0.1:5060".into()],
            advertise: None,
            tls_cert: None,
            tls_key: None,
            nameservers: Vec::new(),
            inbound_networks: Vec::new(),
            allow_addresses: Vec::new(),
            user_agent: concat!("Trunkline/", env!("CARGO_PKG_VERSION")).into(),
            t1_ms: 500,
            t2_ms: 4_000,
            t4_ms: 5_000,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    pub address: String,
    pub advertise: Option<String>,
    pub ports: String,
    pub workers: Option<u64>,
    pub rtp_timeout_seconds: u64,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            address: "127.0.0.1".into(),
            advertise: None,
            ports: "20000-29999".into(),
            workers: None,
            rtp_timeout_seconds: 30,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub concurrent: Option<u32>,
    pub cps: Option<f64>,
    pub queue_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { concurrent: None, cps: None, queue_seconds: 300 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    pub allow_http: bool,
    pub allow_addresses: Vec<String>,
    pub keep_hours: u64,
    pub hold_seconds: u64,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self { allow_http: false, allow_addresses: Vec::new(), keep_hours: KEEP_HOURS, hold_seconds: 30 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Events {
    pub keep_hours: u64,
}

impl Default for Events {
    fn default() -> Self {
        Self { keep_hours: KEEP_HOURS }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    pub calls_days: u64,
    pub recordings_days: u64,
}

/// A week.
const KEEP_HOURS: u64 = 7 * 24;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Tts {
    pub command: Option<Vec<String>>,
    pub url: Option<String>,
    pub model: Option<String>,
    pub api_key: Option<Secret<String>>,
    pub voice: Option<String>,
    pub voices: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Transcription {
    pub url: Option<String>,
    pub model: Option<String>,
    pub api_key: Option<Secret<String>>,
    pub language: Option<String>,
    pub format: TranscriptFormat,
    pub timeout_seconds: u64,
}

impl Default for Transcription {
    fn default() -> Self {
        let (url, model, api_key, language) = (None, None, None, None);
        Self { url, model, api_key, language, format: TranscriptFormat::default(), timeout_seconds: 60 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Analysis {
    pub url: Option<String>,
    pub model: Option<String>,
    pub api_key: Option<Secret<String>>,
    pub prompt: Option<String>,
    pub timeout_seconds: u64,
}

impl Default for Analysis {
    fn default() -> Self {
        Self { url: None, model: None, api_key: None, prompt: None, timeout_seconds: 20 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recording {
    pub enabled: bool,
    pub directory: Option<String>,
}

impl Default for Recording {
    fn default() -> Self {
        Self { enabled: true, directory: None }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".into() }
    }
}

/// The call's limits default to Nixflex's own: 300 s of call, 10 s of silence.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    pub id: String,
    pub webhook_url: Option<String>,
    pub webhook_events: Option<Vec<String>>,
    #[serde(default)]
    pub steps: Vec<String>,
    #[serde(default)]
    #[schema(max_items = 100)]
    pub script: Vec<super::objects::script::Table>,
    pub greeting: Option<String>,
    #[schema(min_length = 1, max_length = 65536)]
    pub prompt: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    pub voice: Option<String>,
    #[serde(default)]
    pub voicemail: VoicemailAction,
    pub voicemail_message: Option<String>,
    #[serde(default = "yes")]
    pub barge_in: bool,
    #[serde(default = "ring_timeout")]
    #[schema(minimum = 1, maximum = 600)]
    pub ring_timeout_seconds: u64,
    #[serde(default = "call_duration")]
    #[schema(minimum = 60, maximum = 1800)]
    pub max_call_duration_seconds: u64,
    #[serde(default = "silence_hangup")]
    #[schema(minimum = 5, maximum = 45)]
    pub silence_hangup_seconds: u64,
    pub timezone: Option<String>,
    #[serde(default)]
    pub amd: Detection,
    pub phone_number: Option<String>,
    pub trunk: Option<String>,
    #[serde(default)]
    pub caller_ids: CallerIds,
    /// What a vendor's client says of an agent and this switch has no use for: kept, and shown to it again.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    pub outbound_speak_order: SpeakOrder,
    #[serde(default)]
    pub speak: Speak,
    pub opener: Option<String>,
    #[serde(default)]
    pub record: bool,
    pub stream: Option<super::objects::bot::Table>,
    pub people: Option<super::objects::staff::Table>,
    pub model: Option<super::objects::model::Table>,
    #[serde(default)]
    #[schema(schema_with = super::objects::review::words, required = false)]
    pub transcript: super::objects::review::Words,
    pub transcription: Option<super::objects::review::TranscriptionTable>,
    pub analysis: Option<super::objects::review::AnalysisTable>,
    pub sip: Option<super::objects::endpoint::Table>,
}

#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Number {
    pub e164: String,
    pub trunk: Option<String>,
    #[serde(default)]
    pub trunks: Vec<Choice>,
    #[serde(default)]
    pub right_to_use: RightToUse,
    pub agent: Option<String>,
    pub application: Option<String>,
    #[serde(default)]
    pub outbound: bool,
    #[serde(default)]
    pub inbound: bool,
    pub webhook_url: Option<String>,
    /// As an agent's.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
    pub face: Option<Face>,
    #[serde(default = "yes")]
    pub verified: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    pub face: Face,
    pub id: Option<String>,
    #[serde(skip_serializing)]
    pub secret: Secret<String>,
    #[serde(skip_serializing)]
    pub webhook_secret: Option<Secret<String>>,
    pub agent: Option<String>,
    pub application: Option<String>,
    pub concurrent: Option<u32>,
    pub reads_per_minute: Option<u32>,
    pub writes_per_minute: Option<u32>,
    pub spend_per_day: Option<String>,
    pub spend_per_call: Option<String>,
}

#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Application {
    pub name: String,
    pub answer_url: Option<String>,
    pub webhook_url: Option<String>,
    pub agent: Option<String>,
    pub trunk: Option<String>,
    pub spend_per_day: Option<String>,
    pub spend_per_call: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    pub name: String,
    #[serde(skip_serializing)]
    pub secret: Secret<String>,
    #[serde(default)]
    pub queues: Vec<String>,
}

fn yes() -> bool {
    true
}

fn ring_timeout() -> u64 {
    60
}

fn call_duration() -> u64 {
    300
}

fn silence_hangup() -> u64 {
    10
}
