//! Offer and answer (RFC 3264) in SDP (RFC 8866, tolerant of 4566 and 2327): one audio stream of G.711 with telephone
//! events. Pure; the only file that names `sdp-types`. Knows nothing of SIP: who may answer when is the dialog's affair,
//! the token [`PendingOffer`] only keeps one offer from being accepted twice.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use sdp_types::{Attribute, Connection, Media, MediaType, Origin, Session, Time, TransportProto};

pub use crate::g711::Codec;

/// What we offer and accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// In order of preference, at least one.
    pub codecs: Vec<Codec>,
    /// Whether telephone events (RFC 4733) are offered, as payload type [`TELEPHONE_EVENT`].
    pub telephone_event: bool,
    /// The packet length that we ask for, in milliseconds.
    pub ptime_ms: u16,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { codecs: vec![Codec::Pcmu, Codec::Pcma], telephone_event: true, ptime_ms: 20 }
    }
}

/// The payload type under which we offer telephone events.
pub const TELEPHONE_EVENT: u8 = 101;

/// An offer that was or will be sent.
#[derive(Clone, Debug)]
pub struct Offer(Bytes);

impl Offer {
    /// The first offer of a session. `origin` is the session id of its `o=` line, whose version is 1.
    #[must_use]
    pub fn new(local: SocketAddr, origin: u64, capabilities: &Capabilities) -> (Offer, PendingOffer) {
        Self::versioned(local, origin, 1, capabilities)
    }

    /// A later offer of the session; `version` is one more than that of the last SDP we sent (RFC 3264 §8).
    #[must_use]
    pub fn versioned(
        local: SocketAddr,
        origin: u64,
        version: u64,
        capabilities: &Capabilities,
    ) -> (Offer, PendingOffer) {
        let mut formats: Vec<Format> = capabilities
            .codecs
            .iter()
            .map(|codec| Format::Audio(codec.static_payload_type(), *codec))
            .collect();
        if capabilities.telephone_event {
            formats.push(Format::Events(TELEPHONE_EVENT));
        }
        let mut session = envelope(local, origin, version);
        session.medias.push(audio(local.port(), "RTP/AVP", &formats, capabilities.ptime_ms, Direction::BOTH));
        (Offer(encode(&session)), PendingOffer { capabilities: capabilities.clone() })
    }

    /// The SDP.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }
}

/// The token of an offer whose answer is due. Not `Clone`: [`PendingOffer::fork`] it for each early dialog, spend it
/// once with [`PendingOffer::accept`].
#[derive(Debug)]
pub struct PendingOffer {
    capabilities: Capabilities,
}

impl PendingOffer {
    /// Another token, for another early dialog of the same INVITE (RFC 3261 §13.2.2.4).
    #[must_use]
    pub fn fork(&self) -> PendingOffer {
        PendingOffer { capabilities: self.capabilities.clone() }
    }

    /// Reads an answer that doesn't bind yet: that of an unreliable 18x (RFC 3261 §13.2.1).
    pub fn preview(&self, answer: &[u8]) -> Result<Negotiated, SdpError> {
        let session = decode(answer)?;
        // Our offer has one m= line, so the first of the answer is its counterpart (RFC 3264 §6).
        let media = session.medias.first().ok_or(SdpError::NoAudio)?;
        if !is_audio(media) {
            return Err(SdpError::NoAudio);
        }
        if media.port == 0 {
            return Err(SdpError::Rejected);
        }
        let agreed = first_common(media, &self.capabilities).ok_or(SdpError::NoCodec)?;
        let mut negotiated = negotiate(&session, media, agreed, &self.capabilities)?;
        // Events reach us under the number that we offered, ours reach them under theirs (RFC 3264 §6.1).
        negotiated.telephone_event_in = negotiated.telephone_event.map(|_| TELEPHONE_EVENT);
        Ok(negotiated)
    }

    /// Reads the answer and spends the token.
    pub fn accept(self, answer: &[u8]) -> Result<Negotiated, SdpError> {
        self.preview(answer)
    }
}

/// Answers the first offer of a session that the other side began; our `o=` line has version 1.
pub fn answer(
    offer: &[u8],
    local: SocketAddr,
    origin: u64,
    capabilities: &Capabilities,
) -> Result<(Bytes, Negotiated), SdpError> {
    answer_versioned(offer, local, origin, 1, capabilities)
}

/// Answers a later offer (re-INVITE, UPDATE); `version` is one more than that of the last SDP we sent (RFC 3264 §8).
pub fn answer_versioned(
    offer: &[u8],
    local: SocketAddr,
    origin: u64,
    version: u64,
    capabilities: &Capabilities,
) -> Result<(Bytes, Negotiated), SdpError> {
    let theirs = decode(offer)?;
    let (chosen, agreed) = choose(&theirs, capabilities)?;
    let negotiated = negotiate(&theirs, &theirs.medias[chosen], agreed, capabilities)?;
    let mut ours = envelope(local, origin, version);
    ours.times = if theirs.times.is_empty() { ours.times } else { theirs.times.clone() };
    for (index, media) in theirs.medias.iter().enumerate() {
        // As many m= lines as were offered, in their order; what we don't take has port 0 (RFC 3264 §6).
        ours.medias.push(if index == chosen {
            let mut formats = vec![Format::Audio(agreed.payload_type, agreed.codec)];
            formats.extend(negotiated.telephone_event.map(Format::Events));
            let direction = Direction { send: negotiated.send, receive: negotiated.receive };
            audio(local.port(), &media.proto, &formats, capabilities.ptime_ms, direction)
        } else {
            refusal(media)
        });
    }
    Ok((encode(&ours), negotiated))
}

/// What offer and answer agreed upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Where RTP goes. None: on hold in the old manner, by 0.0.0.0 (RFC 3264 §8.4).
    pub remote: Option<SocketAddr>,
    /// Where RTCP goes: `a=rtcp` (RFC 3605), or the port after `remote`'s.
    pub remote_rtcp: Option<SocketAddr>,
    /// The codec that we send. The other static one is understood too.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// The payload type under which we send telephone events, if they were agreed.
    pub telephone_event: Option<u8>,
    /// The payload type under which they send them.
    pub telephone_event_in: Option<u8>,
    /// Whether we may send.
    pub send: bool,
    /// Whether they may send.
    pub receive: bool,
    /// The packet length they ask for, in milliseconds. We send 20 ms whatever it is: every G.711 receiver takes that
    /// (RFC 3551 §4.2).
    pub ptime_ms: u16,
}

/// Why an offer or answer came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// It could not be read, or is larger than we read.
    #[error("malformed SDP")]
    Malformed,
    /// No `m=audio` over RTP/AVP.
    #[error("no audio over RTP/AVP")]
    NoAudio,
    /// The audio stream was refused or removed (port 0).
    #[error("the audio stream was refused")]
    Rejected,
    /// No codec in common.
    #[error("no codec in common")]
    NoCodec,
    /// No `c=` line, or one that is neither a unicast IP address nor 0.0.0.0.
    #[error("no usable connection address")]
    NoAddress,
}

/// Longest SDP that is read, and most `m=` lines in it: both far above what any telephone sends.
const BYTES_MAX: usize = 16 * 1024;
const MEDIAS_MAX: usize = 16;

#[derive(Clone, Copy)]
enum Format {
    Audio(u8, Codec),
    Events(u8),
}

impl Format {
    fn number(self) -> u8 {
        match self {
            Format::Audio(number, _) | Format::Events(number) => number,
        }
    }
}

#[derive(Clone, Copy)]
struct Agreed {
    payload_type: u8,
    codec: Codec,
}

#[derive(Clone, Copy)]
struct Direction {
    send: bool,
    receive: bool,
}

impl Direction {
    const BOTH: Direction = Direction { send: true, receive: true };

    /// Theirs, seen from our side.
    fn mirrored(attribute: &str) -> Option<Direction> {
        match attribute {
            "sendrecv" => Some(Direction::BOTH),
            "sendonly" => Some(Direction { send: false, receive: true }),
            "recvonly" => Some(Direction { send: true, receive: false }),
            "inactive" => Some(Direction { send: false, receive: false }),
            _ => None,
        }
    }

    fn attribute(self) -> &'static str {
        match (self.send, self.receive) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        }
    }
}

fn decode(sdp: &[u8]) -> Result<Session, SdpError> {
    if sdp.len() > BYTES_MAX {
        return Err(SdpError::Malformed);
    }
    // Free text in Latin-1 occurs, and means nothing to us.
    let ascii: Vec<u8> = sdp.iter().map(|byte| if byte.is_ascii() { *byte } else { b'?' }).collect();
    let session = Session::parse(&ascii).map_err(|_| SdpError::Malformed)?;
    if session.medias.len() > MEDIAS_MAX {
        return Err(SdpError::Malformed);
    }
    Ok(session)
}

fn encode(session: &Session) -> Bytes {
    let mut bytes = Vec::with_capacity(512);
    session.write(&mut bytes).expect("a Vec takes every write");
    bytes.into()
}

fn envelope(local: SocketAddr, origin: u64, version: u64) -> Session {
    // "s=-" and "t=0 0" are what RFC 8866 §5.3 and §5.9 ask of a session without a name or an end.
    let mut session = Session::new(Origin::with_ip_addr(origin, version, local.ip()), "-");
    session.connection = Some(Connection::from_ip_addr(local.ip()));
    session.times.push(Time::new(0, 0));
    session
}

fn audio(port: u16, proto: &str, formats: &[Format], ptime_ms: u16, direction: Direction) -> Media {
    let numbers: Vec<String> = formats.iter().map(|format| format.number().to_string()).collect();
    let mut media = Media::new(MediaType::Audio, port, TransportProto::RtpAvp, numbers.join(" "));
    proto.clone_into(&mut media.proto);
    for format in formats {
        match format {
            Format::Audio(number, codec) => {
                media.add_attribute_with_value("rtpmap", format!("{number} {}/8000", codec.name()));
            }
            Format::Events(number) => {
                media.add_attribute_with_value("rtpmap", format!("{number} telephone-event/8000"));
                media.add_attribute_with_value("fmtp", format!("{number} 0-16"));
            }
        }
    }
    media.add_attribute_with_value("ptime", ptime_ms);
    media.add_attribute(Attribute::new(direction.attribute()));
    media.add_attribute_with_value("rtcp", u32::from(port) + 1);
    media
}

fn refusal(offered: &Media) -> Media {
    let mut media = Media::new(MediaType::Audio, 0, TransportProto::RtpAvp, &offered.fmt);
    offered.media.clone_into(&mut media.media);
    offered.proto.clone_into(&mut media.proto);
    media
}

fn is_audio(media: &Media) -> bool {
    let proto = media.proto.as_str();
    media.media.eq_ignore_ascii_case("audio")
        && (proto.eq_ignore_ascii_case("RTP/AVP") || proto.eq_ignore_ascii_case("RTP/AVPF"))
}

/// The first stream that we can take, and in which codec; or the reason why none.
fn choose(session: &Session, capabilities: &Capabilities) -> Result<(usize, Agreed), SdpError> {
    let mut reason = SdpError::NoAudio;
    for (index, media) in session.medias.iter().enumerate().filter(|(_, media)| is_audio(media)) {
        if media.port == 0 {
            reason = SdpError::Rejected;
        } else if let Some(agreed) = first_common(media, capabilities) {
            return Ok((index, agreed));
        } else {
            reason = SdpError::NoCodec;
        }
    }
    Err(reason)
}

/// The first codec of their list that we have too: their order is their preference (RFC 3264 §6.1).
fn first_common(media: &Media, capabilities: &Capabilities) -> Option<Agreed> {
    payload_types(media).find_map(|payload_type| {
        let codec = codec_of(media, payload_type)?;
        capabilities.codecs.contains(&codec).then_some(Agreed { payload_type, codec })
    })
}

fn payload_types(media: &Media) -> impl Iterator<Item = u8> {
    media.fmt.split_ascii_whitespace().filter_map(|format| format.parse().ok()).filter(|number| *number < 128)
}

fn codec_of(media: &Media, payload_type: u8) -> Option<Codec> {
    let Some((name, rate)) = rtpmap(media, payload_type) else {
        return [Codec::Pcmu, Codec::Pcma]
            .into_iter()
            .find(|codec| codec.static_payload_type() == payload_type);
    };
    let codec =
        [Codec::Pcmu, Codec::Pcma].into_iter().find(|codec| name.eq_ignore_ascii_case(codec.name()))?;
    (rate == "8000").then_some(codec)
}

/// Name and clock rate of a payload type; a third part, the number of channels, is 1 for all that we take.
fn rtpmap(media: &Media, payload_type: u8) -> Option<(&str, &str)> {
    media.attributes.iter().filter(|attribute| attribute.attribute.eq_ignore_ascii_case("rtpmap")).find_map(
        |attribute| {
            let (number, encoding) = attribute.value.as_deref()?.trim().split_once(char::is_whitespace)?;
            let mut parts = encoding.trim().split('/');
            (number.parse() == Ok(payload_type))
                .then(|| (parts.next().unwrap_or(""), parts.next().unwrap_or("")))
        },
    )
}

fn negotiate(
    session: &Session,
    media: &Media,
    agreed: Agreed,
    capabilities: &Capabilities,
) -> Result<Negotiated, SdpError> {
    let connection = media.connections.first().or(session.connection.as_ref()).ok_or(SdpError::NoAddress)?;
    let ip = address(&connection.connection_address).ok_or(SdpError::NoAddress)?;
    let held = ip.is_unspecified();
    let events = payload_types(media).find(|number| {
        rtpmap(media, *number)
            .is_some_and(|(name, rate)| name.eq_ignore_ascii_case("telephone-event") && rate == "8000")
    });
    let telephone_event = events.filter(|_| capabilities.telephone_event);
    let direction = direction(session, media);
    Ok(Negotiated {
        remote: (!held).then(|| SocketAddr::new(ip, media.port)),
        remote_rtcp: if held { None } else { rtcp_address(media, ip) },
        codec: agreed.codec,
        payload_type: agreed.payload_type,
        telephone_event,
        telephone_event_in: telephone_event,
        send: direction.send && !held,
        receive: direction.receive,
        ptime_ms: value(&media.attributes, "ptime").and_then(|ptime| ptime.parse().ok()).unwrap_or(20),
    })
}

/// A unicast address, or the unspecified one; a suffix as of multicast (`/127`) is cut off.
fn address(text: &str) -> Option<IpAddr> {
    let ip: IpAddr = text.split('/').next()?.trim().parse().ok()?;
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    (!ip.is_multicast() && !broadcast).then_some(ip)
}

/// The stream's own direction, or the session's, or both ways (RFC 8866 §6.7).
fn direction(session: &Session, media: &Media) -> Direction {
    let last = |attributes: &[Attribute]| {
        attributes
            .iter()
            .rev()
            .find_map(|attribute| Direction::mirrored(&attribute.attribute.to_ascii_lowercase()))
    };
    last(&media.attributes).or_else(|| last(&session.attributes)).unwrap_or(Direction::BOTH)
}

/// `a=rtcp:port [IN IP4 address]` (RFC 3605), or the next port (RFC 3550 §11).
fn rtcp_address(media: &Media, ip: IpAddr) -> Option<SocketAddr> {
    let mut words = value(&media.attributes, "rtcp").unwrap_or("").split_ascii_whitespace();
    match words.next().and_then(|port| port.parse().ok()) {
        Some(0) => None,
        Some(port) => Some(SocketAddr::new(words.nth(2).and_then(address).unwrap_or(ip), port)),
        None => media.port.checked_add(1).map(|port| SocketAddr::new(ip, port)),
    }
}

fn value<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    let attribute = attributes.iter().find(|attribute| attribute.attribute.eq_ignore_ascii_case(name))?;
    attribute.value.as_deref().map(str::trim)
}

#[cfg(test)]
mod tests;
