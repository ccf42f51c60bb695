//! What a stream is to be: whose messages, which audio, where to, and what the bot is told about the call.

use std::time::Duration;

use url::Url;

use crate::agent::line::Door;
pub use crate::agent::line::Header;
use crate::face;
pub use crate::model::{Dialect, Encoding, HearsFrom, Track};
use crate::model::{Face, Key, Secret, Side};

/// What a bot may be told about a call.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// The account's id, as the face that the bot knows renders it.
    pub account: String,
    /// The call's id, as that face renders it: with it the bot asks for a hang-up over HTTP.
    pub call: String,
    /// The stream's id: [`Dialect::stream_id`] makes one.
    pub stream: String,
    /// Who calls.
    pub from: String,
    /// Who is called.
    pub to: String,
    /// The tenant's own parameters.
    pub parameters: Vec<(String, String)>,
    /// What the bot hears if it only listens; none: it talks, with the callee.
    pub listens: Option<Track>,
}

impl Call {
    /// Whose voice the bot is sent, or is sent first of both.
    pub(super) fn whose(&self) -> Side {
        match self.listens {
            Some(Track::Agent) => Side::Agent,
            None | Some(Track::Callee | Track::Both) => Side::Callee,
        }
    }

    /// Does it hear both sides, each for itself?
    pub(super) fn hears_beside(&self, dialect: Dialect) -> bool {
        self.listens == Some(Track::Both) && dialect.names_tracks()
    }

    /// The tracks that the bot is sent, in [their words](track), of a dialect that names them.
    pub(super) fn tracks(&self) -> Vec<&'static str> {
        let both = (self.listens == Some(Track::Both)).then_some(Side::Agent);
        std::iter::once(self.whose()).chain(both).map(track).collect()
    }
}

/// A side's track, in the word of Twilio and of those who took it over.
pub(super) const fn track(whose: Side) -> &'static str {
    match whose {
        Side::Callee => "inbound",
        Side::Agent => "outbound",
    }
}

/// A stream that is to be opened.
#[derive(Clone, Debug)]
pub struct Spec {
    /// `wss`, `ws`, or for AudioSocket `tcp`, with its port. User and password become basic authorization. None: the bot comes to
    /// us.
    pub url: Option<Url>,
    /// Whose messages.
    pub dialect: Dialect,
    /// Which audio; none is [`Dialect::usual`].
    pub encoding: Option<Encoding>,
    /// For the handshake, besides what a WebSocket needs.
    pub headers: Vec<Header>,
    /// What the bot is told.
    pub call: Call,
    /// From when on the bot hears the callee.
    pub hears_from: HearsFrom,
    /// How long the bot may take to be there, all tries together.
    pub connect_within: Duration,
    /// How long to try again when the bot is lost after it has been heard or has heard something; none is not at all.
    pub reconnect_within: Option<Duration>,
}

/// A stream that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The dialect does not carry it.
    #[error("this dialect does not carry this encoding")]
    Encoding,
    /// A scheme that the dialect is not spoken over.
    #[error("this dialect is not spoken over this scheme")]
    Scheme,
    /// It is to be dialled, and nobody says where.
    #[error("there is no URL")]
    Nowhere,
    /// AudioSocket's streams are named by UUIDs.
    #[error("the stream's id is no UUID")]
    StreamId,
    /// Too many, or together too long.
    #[error(
        "there are more than {PARAMETERS_MAX} parameters, or more than {PARAMETERS_BYTES_MAX} bytes of them"
    )]
    Parameters,
    /// No header field, one that the handshake itself sets, or too many.
    #[error("the header {0:?} cannot be sent")]
    Header(String),
}

/// Parameters that a bot is told.
pub const PARAMETERS_MAX: usize = 64;
/// Bytes of all their names and values.
pub const PARAMETERS_BYTES_MAX: usize = 8 * 1024;
/// Header fields that may be added to the handshake.
pub const HEADERS_MAX: usize = 16;
/// Bytes of all their values.
const HEADERS_BYTES_MAX: usize = 8 * 1024;

impl Dialect {
    /// An id for a stream, as the service makes them.
    #[must_use]
    pub fn stream_id(self, random: u128) -> String {
        match self {
            Self::Twilio | Self::Exotel => format!("MZ{random:032x}"),
            _ => uuid::Builder::from_random_bytes(random.to_be_bytes()).into_uuid().to_string(),
        }
    }

    /// The subprotocols that its handshakes offer.
    #[must_use]
    pub fn subprotocols(self) -> &'static [&'static str] {
        match self {
            // What jambonz's documentation names, and what its SDK does.
            Self::Jambonz => &["audio.jambonz.org", "audio.drachtio.org"],
            _ => &[],
        }
    }
}

impl Spec {
    /// Can it be opened, as far as can be told without opening it?
    pub fn check(&self) -> Result<(), SpecError> {
        let plain = self.dialect == Dialect::AudioSocket;
        let over_tcp = self.url.as_ref().is_some_and(|url| url.scheme() == "tcp");
        if plain != over_tcp {
            return Err(SpecError::Scheme);
        }
        if plain && uuid::Uuid::try_parse(&self.call.stream).is_err() {
            return Err(SpecError::StreamId);
        }
        if !self.dialect.carries(self.encoding()) {
            return Err(SpecError::Encoding);
        }
        let parameters = &self.call.parameters;
        let bytes: usize = parameters.iter().map(|(name, value)| name.len() + value.len()).sum();
        if parameters.len() > PARAMETERS_MAX || bytes > PARAMETERS_BYTES_MAX {
            return Err(SpecError::Parameters);
        }
        self.check_headers()
    }

    fn check_headers(&self) -> Result<(), SpecError> {
        let mut bytes = 0;
        for (index, header) in self.headers.iter().enumerate() {
            bytes += header.value.reveal().len();
            let good = index < HEADERS_MAX && bytes <= HEADERS_BYTES_MAX && header.parse().is_some();
            if !good {
                return Err(SpecError::Header(header.name.clone()));
            }
        }
        Ok(())
    }

    /// Where the bot is dialled, if it is.
    #[must_use]
    pub(super) fn door(&self) -> Option<Door> {
        let (url, offered) = (self.url.clone()?, self.dialect.subprotocols());
        let subprotocols = (!offered.is_empty()).then(|| offered.join(", "));
        Some(Door { url, headers: self.headers.clone(), subprotocols })
    }

    /// The encoding that is asked for, or the usual one.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding.unwrap_or_else(|| self.dialect.usual())
    }
}

impl Header {
    /// What proves to a bot that it is we who call, where its service does so: Twilio signs the handshake as it signs its
    /// requests, over the URL as it was given and no body.
    #[must_use]
    pub fn signature(dialect: Dialect, url: &Url, key: &Key) -> Option<Self> {
        let signs = dialect == Dialect::Twilio && key.face == Face::Twilio;
        let mut signed = signs.then(|| face::sign(key.face, key.signing.reveal(), url.as_str(), 0, b""))?;
        signed.pop().map(|(name, value)| Self { name: name.to_owned(), value: Secret::new(value) })
    }
}

#[cfg(test)]
mod tests {
    use trunkline_media::Rate;

    use super::*;

    fn spec(dialect: Dialect, url: &str) -> Spec {
        Spec {
            url: Some(url.parse().expect("a URL")),
            dialect,
            encoding: None,
            headers: vec![],
            call: Call { stream: dialect.stream_id(7), ..Call::default() },
            hears_from: HearsFrom::Answer,
            connect_within: Duration::from_secs(10),
            reconnect_within: None,
        }
    }

    fn header(name: &str, value: &str) -> Header {
        Header { name: name.into(), value: Secret::new(value.into()) }
    }

    #[test]
    fn every_dialect_carries_what_is_usual_there() {
        use Dialect::{AudioSocket, Exotel, Jambonz, Plivo, Telnyx, Twilio, Vonage};
        for dialect in [Twilio, Telnyx, Plivo, Vonage, Exotel, Jambonz] {
            assert_eq!(spec(dialect, "wss://bot.example/").check(), Ok(()), "{dialect:?}");
        }
        assert_eq!(spec(AudioSocket, "tcp://bot.example:9092").check(), Ok(()));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        let mut twilio = spec(Dialect::Twilio, "wss://bot.example/");
        twilio.encoding = Some(Encoding::L16(Rate::Hz16000));
        assert_eq!(twilio.check(), Err(SpecError::Encoding));
        assert_eq!(spec(Dialect::Twilio, "tcp://bot.example:1").check(), Err(SpecError::Scheme));
        assert_eq!(spec(Dialect::AudioSocket, "ws://bot.example/").check(), Err(SpecError::Scheme));
        let mut unnamed = spec(Dialect::AudioSocket, "tcp://bot.example:1");
        unnamed.call.stream = "MZ1".into();
        assert_eq!(unnamed.check(), Err(SpecError::StreamId));
        let mut talkative = spec(Dialect::Telnyx, "wss://bot.example/");
        talkative.call.parameters = vec![("a".into(), "x".repeat(PARAMETERS_BYTES_MAX))];
        assert_eq!(talkative.check(), Err(SpecError::Parameters));
    }

    #[test]
    fn headers_that_are_the_handshakes_own_or_hold_line_breaks_are_refused() {
        let mut spec = spec(Dialect::Twilio, "wss://bot.example/");
        spec.headers = vec![header("Authorization", "Bearer a"), header("X-Twilio-Signature", "b=")];
        assert_eq!(spec.check(), Ok(()));
        for (name, value) in [("Host", "a"), ("Sec-WebSocket-Key", "a"), ("X-A", "a\r\nX-B: c"), ("X A", "a")]
        {
            spec.headers = vec![header(name, value)];
            assert_eq!(spec.check(), Err(SpecError::Header(name.into())), "{name}");
        }
    }

    #[test]
    fn a_spec_does_not_print_its_credentials() {
        let mut spec = spec(Dialect::Twilio, "wss://bot.example/");
        spec.headers = vec![header("Authorization", "Bearer hunter2")];
        assert!(!format!("{:?}", spec.headers).contains("hunter2"));
    }
}
