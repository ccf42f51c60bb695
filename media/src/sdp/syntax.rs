//! SDP's lines (RFC 8866, tolerant of 4566 and 2327): the only file that names `sdp-types`. Reads what offer and answer
//! need and drops the rest, well-formed or not. Knows nothing of what an attribute means.

use std::net::SocketAddr;

use bytes::Bytes;
use sdp_types::{Attribute, Connection, Media, Origin, Session, Time};

use super::error::SdpError;

/// Longest SDP that is read, and most `m=` lines and attributes in it: far above what any telephone sends.
const BYTES_MAX: usize = 16 * 1024;
const STREAMS_MAX: usize = 16;

/// What we read of theirs. It may have keys in it, hence no `Debug` here and below.
pub(super) struct Description {
    /// The address of its `c=` line.
    pub(super) connection: Option<String>,
    pub(super) attributes: Attributes,
    /// Its `t=` lines, which an answer repeats (RFC 3264 §6).
    pub(super) times: Vec<(u64, u64)>,
    pub(super) streams: Vec<Stream>,
}

/// An `m=` line with what belongs to it.
#[derive(Clone)]
pub(super) struct Stream {
    /// `audio`, `video`, `image`…
    pub(super) kind: String,
    pub(super) port: u16,
    pub(super) protocol: String,
    pub(super) formats: String,
    /// The address of its own `c=` line.
    pub(super) connection: Option<String>,
    pub(super) attributes: Attributes,
}

/// `a=` lines in their order.
#[derive(Clone, Default)]
pub(super) struct Attributes(Vec<(String, Option<String>)>);

impl Attributes {
    pub(super) fn flag(&mut self, name: &str) {
        self.0.push((name.to_owned(), None));
    }

    pub(super) fn push(&mut self, name: &str, value: impl std::fmt::Display) {
        self.0.push((name.to_owned(), Some(value.to_string())));
    }

    pub(super) fn extend(&mut self, others: Attributes) {
        self.0.extend(others.0);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    pub(super) fn values<'a, 'b>(&'a self, name: &'b str) -> impl Iterator<Item = &'a str> + use<'a, 'b> {
        self.0
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .filter_map(|(_, value)| value.as_deref())
    }

    pub(super) fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// Reads a description.
pub(super) fn decode(sdp: &[u8]) -> Result<Description, SdpError> {
    if sdp.len() > BYTES_MAX {
        return Err(SdpError::Malformed);
    }
    let session = Session::parse(clean(sdp).as_bytes()).map_err(|_| SdpError::Malformed)?;
    if session.medias.len() > STREAMS_MAX {
        return Err(SdpError::Malformed);
    }
    Ok(Description {
        connection: session.connection.map(|connection| connection.connection_address),
        attributes: attributes(session.attributes),
        times: session.times.iter().map(|time| (time.start_time, time.stop_time)).collect(),
        streams: session.medias.into_iter().map(stream).collect(),
    })
}

fn stream(media: Media) -> Stream {
    Stream {
        kind: media.media,
        port: media.port,
        protocol: media.proto,
        formats: media.fmt,
        connection: media.connections.into_iter().next().map(|connection| connection.connection_address),
        attributes: attributes(media.attributes),
    }
}

fn attributes(attributes: Vec<Attribute>) -> Attributes {
    let pair = |attribute: Attribute| {
        (attribute.attribute.trim().to_owned(), attribute.value.map(|value| value.trim().to_owned()))
    };
    Attributes(attributes.into_iter().map(pair).collect())
}

/// The lines that mean something to us, each as the grammar has it: many senders are sloppy with the others, and with
/// white space. Free text in Latin-1 occurs.
fn clean(sdp: &[u8]) -> String {
    let mut out = String::with_capacity(sdp.len());
    let mut in_stream = false;
    let mut session_has_connection = false;
    for line in sdp.split(|byte| matches!(byte, b'\r' | b'\n')) {
        let line: String = line
            .iter()
            .map(|byte| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' })
            .collect();
        let Some((key, value)) = line.trim().split_once('=') else { continue };
        let value = value.trim();
        let words = || value.split_ascii_whitespace().collect::<Vec<_>>();
        let keep = match key.trim_end() {
            "v" => Some(value.to_owned()),
            "a" => Some(value.to_owned()).filter(|value| !value.is_empty()),
            "m" => {
                in_stream = true;
                Some(words().join(" "))
            }
            "c" => {
                let first = in_stream || !std::mem::replace(&mut session_has_connection, true);
                Some(words()).filter(|words| first && words.len() == 3).map(|words| words.join(" "))
            }
            "t" => {
                let words = words();
                let times = words.len() == 2 && words.iter().all(|word| word.parse::<u64>().is_ok());
                (times && !in_stream).then(|| words.join(" "))
            }
            _ => None,
        };
        if let Some(value) = keep {
            out.extend([key.trim_end(), "=", &value, "\r\n"]);
        }
    }
    out
}

/// Our session's name and number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) address: SocketAddr,
    pub(super) origin: u64,
    pub(super) version: u64,
}

/// Writes a description of ours.
pub(super) fn encode(identity: Identity, times: &[(u64, u64)], streams: &[Stream]) -> Bytes {
    let ip = identity.address.ip();
    // "s=-" and "t=0 0" are what RFC 8866 §5.3 and §5.9 ask of a session without a name or an end.
    let mut session = Session::new(Origin::with_ip_addr(identity.origin, identity.version, ip), "-");
    session.connection = Some(Connection::from_ip_addr(ip));
    let forever = [(0, 0)];
    let times = if times.is_empty() { &forever } else { times };
    session.times = times.iter().map(|(start, stop)| Time::new(*start, *stop)).collect();
    session.medias = streams.iter().map(media).collect();
    let mut bytes = Vec::with_capacity(768);
    session.write(&mut bytes).expect("a Vec takes every write");
    bytes.into()
}

fn media(stream: &Stream) -> Media {
    let mut media = Media::new(
        sdp_types::MediaType::Audio,
        stream.port,
        sdp_types::TransportProto::RtpAvp,
        stream.formats.as_str(),
    );
    stream.kind.clone_into(&mut media.media);
    stream.protocol.clone_into(&mut media.proto);
    for (name, value) in &stream.attributes.0 {
        match value {
            Some(value) => media.add_attribute_with_value(name, value),
            None => media.add_attribute(Attribute::new(name)),
        };
    }
    media
}
