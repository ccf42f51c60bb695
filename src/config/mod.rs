//! The configuration: one TOML file, then `TRUNKLINE__…` environment variables over it.
//!
//! Whatever is wrong is told with the place (file and line, or variable), the key and the reason; nothing is guessed and
//! no key is ignored. What leaves this module is valid: trunks, agents, numbers, applications and keys come as objects of the model.
//!
//! ```
//! use trunkline::config::Config;
//!
//! let text = "[http]\nlisten = \"127.0.0.1:8081\"\n";
//! let environment = [("TRUNKLINE__HTTP__BODY_MAX".to_owned(), "4096".to_owned())];
//! let config = Config::parse("trunkline.toml", text, environment).expect("valid");
//! assert_eq!(config.http.listen.port(), 8081);
//! assert_eq!(config.http.body_max, 4096);
//! ```

mod billing;
mod checker;
mod document;
mod error;
mod file;
mod https;
mod name;
mod objects;
mod people;
mod pruning;
mod review;
mod settings;
mod source;
mod speech;
mod stored;
mod trunk;
mod uri;
mod validate;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use trunkline_sip::{Listen, Protocol, ServerTls};
use url::Url;

use crate::model::{Agent, Application, Detection, Key, Number, Object, Person, Secret, Trunk};

pub use billing::{Billing, PaymentHook};
pub use error::{ConfigError, Fault};
pub use https::Https;
pub use objects::{FILE_TENANT, FILE_TENANT_NAME, is_prompt, is_voice};
pub use people::{IceServer, People};
pub use review::{Analyst, Reviews, Transcriber};
pub use settings::Settings;
pub use stored::{
    Known, StoredKey, agent, application, described, endpoint, filled, is_tenant_name, key, number, person,
    tenant, trunk as stored_trunk,
};
pub use trunk::tenants::is_within_rules;

/// Everything the house is built from. Valid by construction.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where SQLite and the recordings live.
    pub data_dir: PathBuf,
    /// The database, PostgreSQL if `database_url` says so, else SQLite below `data_dir`.
    pub database: Database,
    /// The API.
    pub http: Http,
    /// The SIP side.
    pub sip: Sip,
    /// The RTP side.
    pub media: Media,
    /// Limits of the whole switch.
    pub limits: Limits,
    /// What calls cost; `None` unless `[billing] enabled = true`.
    pub billing: Option<Billing>,
    /// Where events may go.
    pub webhooks: Webhooks,
    /// `[events]`
    pub events: Events,
    /// `[retention]`
    pub retention: Retention,
    /// How text becomes speech.
    pub tts: Tts,
    /// What becomes of calls that are over.
    pub reviews: Reviews,
    /// Whether and where calls are recorded.
    pub recording: Recording,
    /// How browsers reach us.
    pub people: People,
    /// What is logged, and how.
    pub log: Log,
    /// What the file declares: trunks, agents, numbers, applications, keys.
    pub objects: Objects,
    /// The same as it was written, but for the objects: tells what another reading changes.
    pub settings: Settings,
}

/// Which database.
#[derive(Clone, Debug)]
pub enum Database {
    /// Embedded, in this file.
    Sqlite(PathBuf),
    /// `postgres://…`; may contain a password.
    Postgres(Secret<String>),
}

impl fmt::Display for Database {
    /// Without what lets in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "SQLite, {}", path.display()),
            Self::Postgres(_) => f.write_str("PostgreSQL"),
        }
    }
}

/// `[http]`
#[derive(Clone, Debug)]
pub struct Http {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// What it is encrypted with; `None`: nothing.
    pub tls: Option<Https>,
    /// Scheme and host, and what may stand before `/v1`, by which the world reaches it; without a slash at its end.
    pub public_url: Option<String>,
    /// The longest request body, in bytes.
    pub body_max: usize,
    /// The longest body of a batch campaign, in bytes.
    pub batch_body_max: usize,
    /// Open connections at once; more wait in the kernel's backlog.
    pub connections_max: usize,
    /// How long a client may take to send a request's head, and how long a connection may idle between requests.
    pub header_timeout: Duration,
    /// How long a client may take to send a request's body.
    pub body_timeout: Duration,
}

/// `[sip]`
#[derive(Clone, Debug)]
pub struct Sip {
    /// Addresses to listen on; port 0 takes any.
    pub listen: Vec<Listen>,
    /// What Via and Contact say instead of the addresses listened on.
    pub advertise: Vec<Advertised>,
    /// Our certificate, for those who connect to us by TLS.
    pub tls: Option<Arc<ServerTls>>,
    /// The name servers; none: the system's.
    pub nameservers: Vec<SocketAddr>,
    /// The User-Agent header.
    pub user_agent: String,
    /// T1 of RFC 3261 §17.1.1.1.
    pub t1: Duration,
    /// T2, likewise.
    pub t2: Duration,
    /// T4, likewise.
    pub t4: Duration,
}

/// An address that stands in Via and Contact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Advertised {
    /// The transport it is for; none: all of them.
    pub protocol: Option<Protocol>,
    /// Port 0 stands for the port listened on.
    pub address: SocketAddr,
}

impl Sip {
    /// What stands in Via and Contact of what leaves from an address that is bound: what the configuration says of its transport and
    /// family, of its family, or the address itself.
    pub fn advertised(&self, bound: Listen) -> SocketAddr {
        let of = |protocol: Option<Protocol>| {
            let is_it =
                |it: &&Advertised| it.protocol == protocol && it.address.is_ipv4() == bound.address.is_ipv4();
            self.advertise.iter().find(is_it)
        };
        let Some(found) = of(Some(bound.protocol)).or_else(|| of(None)) else { return bound.address };
        // A port that was said of no transport in particular is SIP's, not that of TLS.
        let is_meant = found.protocol.is_some() || bound.protocol != Protocol::Tls;
        let port = Some(found.address.port()).filter(|port| *port != 0 && is_meant);
        SocketAddr::new(found.address.ip(), port.unwrap_or(bound.address.port()))
    }

    /// The same for TCP that is listened to beside UDP, unasked: if nothing is said of TCP, what is said of UDP.
    pub fn advertised_beside(&self, bound: Listen) -> SocketAddr {
        let is_of_tcp = |it: &Advertised| {
            it.protocol == Some(Protocol::Tcp) && it.address.is_ipv4() == bound.address.is_ipv4()
        };
        match self.advertise.iter().any(is_of_tcp) {
            true => self.advertised(bound),
            false => self.advertised(Listen::udp(bound.address)),
        }
    }
}

/// `[media]`
#[derive(Clone, Debug)]
pub struct Media {
    /// Where RTP sockets are bound.
    pub address: IpAddr,
    /// What SDP says instead.
    pub advertise: Option<IpAddr>,
    /// The port pool; RTP on the even ones, RTCP on the odd ones above them.
    pub ports: RangeInclusive<u16>,
    /// Media threads.
    pub workers: usize,
    /// Without a packet for so long, an answered call has lost its media.
    pub rtp_timeout: Duration,
}

/// `[limits]`
#[derive(Clone, Debug)]
pub struct Limits {
    /// Calls at once; `None` is unlimited.
    pub concurrent: Option<u32>,
    /// New calls a second; `None` is unlimited.
    pub cps: Option<f64>,
    /// How long a call that was accepted over a limit may wait for room.
    pub queue: Duration,
}

/// `[webhooks]`
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// May receivers be plain `http://`?
    pub allow_http: bool,
    /// Networks that are not public and may be delivered to all the same.
    pub allow_addresses: Vec<IpNet>,
    /// Deliveries that are over are kept for so long, for the log and for replays.
    pub keep: Duration,
}

/// `[events]`
#[derive(Clone, Debug)]
pub struct Events {
    /// For so long a listener may ask for events that it has missed.
    pub keep: Duration,
}

/// `[retention]`
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Calls that are over are kept for so long; `None` is for ever.
    pub calls: Option<Duration>,
    /// Their recordings; `None` is as long as the call.
    pub recordings: Option<Duration>,
}

/// `[tts]`
#[derive(Clone, Debug)]
pub struct Tts {
    /// What makes speech of a text.
    pub speaker: Speaker,
    /// Its word for the usual voice; `None` if it has but one.
    pub voice: Option<String>,
    /// Its words for voices that agents name. Whoever names another one has the usual voice.
    pub voices: BTreeMap<String, String>,
}

/// What makes speech of a text.
#[derive(Clone, Debug)]
pub enum Speaker {
    /// A program and its arguments; `{text_file}` and `{wav_file}` stand for the paths of its input and its output, `{voice}` for its
    /// word for a voice.
    Program(Vec<String>),
    /// An endpoint.
    Endpoint(SpeechEndpoint),
}

/// An endpoint that understands OpenAI's `POST …/audio/speech`.
#[derive(Clone, Debug)]
pub struct SpeechEndpoint {
    /// Where it is.
    pub url: Url,
    /// Which of its models speaks.
    pub model: String,
    /// Who we are there.
    pub api_key: Option<Secret<String>>,
}

/// `[recording]`
#[derive(Clone, Debug)]
pub struct Recording {
    /// Are calls recorded?
    pub enabled: bool,
    /// Where the files go.
    pub directory: PathBuf,
}

/// `[log]`
#[derive(Clone, Debug)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// Which lines: `tracing_subscriber`'s filter syntax.
    pub filter: String,
}

/// How a log line looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What the file declares, in its order. They belong to tenant 1, and their ids follow from kind and name, so that they
/// stay the same over restarts and machines.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// `[[trunk]]`
    pub trunks: Vec<Trunk>,
    /// `[[agent]]`
    pub agents: Vec<Agent>,
    /// `[[number]]`
    pub numbers: Vec<Number>,
    /// `[[key]]`
    pub keys: Vec<Key>,
    /// `[[application]]`
    pub applications: Vec<Application>,
    /// `[[person]]`
    pub people: Vec<Person>,
    /// All of them as their owner sees them.
    pub documents: Vec<Arc<Object>>,
    /// What holds for every tenant's.
    pub rules: Rules,
}

/// What the file says of every tenant's objects.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// May receivers be plain `http://`?
    pub allow_http: bool,
    /// `[amd]`, for agents that say nothing else.
    pub detection: Detection,
    /// Networks that tenants' trunks may take calls from as a whole; of others, small ones.
    pub inbound_networks: Vec<IpNet>,
    /// Networks that tenants' trunks may be in, beside public ones.
    pub sip_addresses: Vec<IpNet>,
}

impl Config {
    /// Reads a file, and this process's environment over it. Without a path, `trunkline.toml` in the working directory
    /// is read if there is one.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let default = Path::new("trunkline.toml");
        let name = path.unwrap_or(default).display().to_string();
        let text = match std::fs::read_to_string(path.unwrap_or(default)) {
            Ok(text) => text,
            Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                let reason = format!("cannot be read: {error}");
                return Err(ConfigError { faults: vec![Fault { place: name, key: String::new(), reason }] });
            }
        };
        // Our names are ASCII, so a name that is not UTF-8 is none of ours.
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        });
        Self::parse(&name, &text, environment)
    }

    /// The same from text; `name` is what errors call the file.
    pub fn parse(
        name: &str,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let refused = |faults| ConfigError { faults };
        let mut source = source::Source::read(name, text, environment).map_err(refused)?;
        let file: file::File = source.fill().map_err(refused)?;
        validate::config(file, &source)
    }
}

#[cfg(test)]
mod tests;
