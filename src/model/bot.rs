//! Somebody's voice bot as an agent has it: where it is, whose messages it was written for, and what it is told.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use trunkline_media::Rate;
use url::Url;

use super::{Briefed, CallAt, Secret, URL_BYTES_MAX};

/// Whose media stream a bot was written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Twilio Media Streams, `<Connect><Stream>`.
    Twilio,
    /// Telnyx media streaming, bidirectional by RTP payloads.
    Telnyx,
    /// Plivo audio streaming, bidirectional.
    Plivo,
    /// Vonage Voice API WebSockets, and its Audio Connector.
    Vonage,
    /// Exotel AgentStream, the Voicebot applet.
    Exotel,
    /// jambonz `listen` and `stream`, bidirectional.
    Jambonz,
    /// Asterisk's AudioSocket, over TCP.
    AudioSocket,
}

impl Dialect {
    /// Every one, in the order of their words in the documentation.
    pub const ALL: [Self; 7] = [
        Self::Twilio,
        Self::Telnyx,
        Self::Plivo,
        Self::Vonage,
        Self::Exotel,
        Self::Jambonz,
        Self::AudioSocket,
    ];

    /// Its word in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Telnyx => "telnyx",
            Self::Plivo => "plivo",
            Self::Vonage => "vonage",
            Self::Exotel => "exotel",
            Self::Jambonz => "jambonz",
            Self::AudioSocket => "audiosocket",
        }
    }

    /// Is a bot told of each frame whose it is? Then it may hear both sides, each for itself.
    pub const fn names_tracks(self) -> bool {
        matches!(self, Self::Twilio | Self::Telnyx | Self::Plivo)
    }

    /// What the service sends if nobody asks for anything else.
    pub fn usual(self) -> Encoding {
        match self {
            Self::Twilio | Self::Telnyx | Self::Plivo => Encoding::Pcmu,
            Self::Vonage => Encoding::L16(Rate::Hz16000),
            Self::Exotel | Self::Jambonz | Self::AudioSocket => Encoding::L16(Rate::Hz8000),
        }
    }

    /// Where a bot of this dialect is, as somebody wrote it; else what is wrong with that, which quotes nothing of it: what stands
    /// before an `@` may be a password.
    pub fn address(self, text: &str) -> Result<Url, String> {
        if text.len() > URL_BYTES_MAX {
            return Err(format!("is longer than {URL_BYTES_MAX} bytes"));
        }
        let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
        let is_ours = match self {
            Self::AudioSocket => url.scheme() == "tcp",
            _ => matches!(url.scheme(), "wss" | "ws"),
        };
        if !is_ours {
            let wanted = if self == Self::AudioSocket { "tcp" } else { "wss" };
            return Err(format!("must begin with {wanted}:// for this dialect"));
        }
        let has_host = url.host_str().is_some_and(|host| !host.is_empty());
        if !has_host || (self == Self::AudioSocket && url.port().is_none()) {
            return Err("must name a host, and with tcp:// a port".into());
        }
        Ok(url)
    }

    /// Is it spoken over a WebSocket?
    pub const fn is_websocket(self) -> bool {
        !matches!(self, Self::AudioSocket)
    }

    /// Can a bot take back what it said?
    pub const fn clears(self) -> bool {
        !matches!(self, Self::AudioSocket)
    }

    /// Can it carry this?
    pub fn carries(self, encoding: Encoding) -> bool {
        match self {
            Self::Twilio => encoding == Encoding::Pcmu,
            Self::Telnyx => matches!(encoding, Encoding::Pcmu | Encoding::Pcma),
            Self::Plivo => {
                matches!(encoding, Encoding::Pcmu | Encoding::L16(Rate::Hz8000 | Rate::Hz16000))
            }
            Self::Vonage | Self::Exotel | Self::Jambonz | Self::AudioSocket => {
                matches!(encoding, Encoding::L16(_))
            }
        }
    }
}

impl FromStr for Dialect {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|dialect| dialect.as_str() == word).ok_or(())
    }
}

/// How a dialect carries audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// µ-law, 8 kHz.
    Pcmu,
    /// A-law, 8 kHz.
    Pcma,
    /// 16 bits a sample, the lower byte first.
    L16(Rate),
}

impl Encoding {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::Pcmu, Self::Pcma, Self::L16(Rate::Hz8000), Self::L16(Rate::Hz16000), Self::L16(Rate::Hz24000)];

    /// Its word in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pcmu => "pcmu",
            Self::Pcma => "pcma",
            Self::L16(Rate::Hz8000) => "l16_8000",
            Self::L16(Rate::Hz16000) => "l16_16000",
            Self::L16(Rate::Hz24000) => "l16_24000",
        }
    }
}

impl FromStr for Encoding {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|encoding| encoding.as_str() == word).ok_or(())
    }
}

/// Parameters of one bot, at most, and bytes of all their names and values.
pub const PARAMETERS_MAX: usize = 32;
/// As above.
pub const PARAMETERS_BYTES_MAX: usize = 4_096;

/// From when on a bot hears the callee; before, it hears silence.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum HearsFrom {
    /// From the answer, as on the hosted services.
    #[default]
    Answer,
    /// From its own first words, which wait behind the gate while the answer is judged: the callee's "Hello?" does not make it take
    /// them back.
    FirstWords,
}

/// A voice bot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bot {
    /// `wss`, `ws`, or for AudioSocket `tcp`, with its port; `None`: it connects to us, for each call.
    pub url: Option<Url>,
    /// Whose messages it expects.
    pub dialect: Dialect,
    /// Which audio; `None` is what the dialect's service sends.
    pub encoding: Option<Encoding>,
    /// The handshake's `Authorization`.
    pub authorization: Option<Secret<String>>,
    /// What it is told in every call, beside the call's own variables.
    pub parameters: Vec<(String, String)>,
    /// When it is called.
    pub call_at: CallAt,
    /// From when on it hears the callee.
    pub hears_from: HearsFrom,
    /// How long it may take to be there.
    pub connect_within: Duration,
    /// How long it is tried again when it is lost in mid-call; `None`: not at all.
    pub reconnect_within: Option<Duration>,
}

impl Bot {
    /// One of whom nothing else is known.
    pub fn at(url: Url, dialect: Dialect) -> Self {
        Self {
            url: Some(url),
            dialect,
            encoding: None,
            authorization: None,
            parameters: Vec::new(),
            call_at: CallAt::Ringing,
            hears_from: HearsFrom::Answer,
            connect_within: CONNECT_WITHIN,
            reconnect_within: None,
        }
    }

    /// Are these few enough to be told?
    pub fn takes(parameters: &[(String, String)]) -> bool {
        let bytes: usize = parameters.iter().map(|(name, value)| name.len() + value.len()).sum();
        parameters.len() <= PARAMETERS_MAX && bytes <= PARAMETERS_BYTES_MAX
    }
}

/// Which side of a call somebody hears who listens in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Track {
    /// What comes from the callee.
    #[default]
    Callee,
    /// What the callee is sent.
    Agent,
    /// Both: each for itself where the dialect [names](Dialect::names_tracks) the track of each frame, else as one sound.
    Both,
}

impl Track {
    /// Its word in the native API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Callee => "callee",
            Self::Agent => "agent",
            Self::Both => "both",
        }
    }
}

impl FromStr for Track {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        [Self::Callee, Self::Agent, Self::Both].into_iter().find(|track| track.as_str() == word).ok_or(())
    }
}

/// A bot that hears a call, and says nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listener {
    /// Who.
    pub bot: Bot,
    /// What it hears.
    pub track: Track,
}

/// How long a bot may take to be there, if nobody says.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Who talks in one call, at the other end of a connection.
#[derive(Clone)]
pub enum Talker {
    /// Somebody's bot.
    Bot(Arc<Bot>),
    /// A hosted model.
    Model(Box<Briefed>),
}

/// A bot that talks in one call.
#[derive(Clone)]
pub struct Engaged {
    /// Who.
    pub bot: Talker,
    /// The account, as the bot's service would name it.
    pub account: String,
    /// What it is told. Never logged, never stored.
    pub parameters: Vec<(String, String)>,
}

impl Engaged {
    /// Is it a bot that connects to us?
    pub fn is_awaited(&self) -> bool {
        matches!(&self.bot, Talker::Bot(bot) if bot.url.is_none())
    }
}
