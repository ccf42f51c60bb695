//! Offer and answer (RFC 3264) in SDP (RFC 8866, tolerant of 4566 and 2327): one audio stream of G.711 with telephone
//! events. Pure; the only file that names `sdp-types`. Knows nothing of SIP: who may answer when is the dialog's affair,
//! the token [`PendingOffer`] only keeps one offer from being accepted twice.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use sdp_types::{Attribute, Connection, Media, MediaType, Origin, Session, Time, TransportProto};

mod capabilities;
mod error;
mod negotiated;

pub use self::{
    capabilities::{
        COMFORT_NOISE, Capabilities, OPUS, PTIME_MS_MAX, PTIME_MS_MIN, Srtp, TELEPHONE_EVENT,
        TELEPHONE_EVENT_WIDE,
    },
    error::SdpError,
    negotiated::{FORMATS_MAX, Format, Incoming, Negotiated, OpusReceiver},
};
use crate::{codec::Codec, srtp::Secret};

/// Our side of one dialog's descriptions: what all offers and answers that we send in it have in common, with the version
/// of the last one (RFC 3264 §8) and the secret that our SRTP keys are made of.
#[derive(Debug)]
pub struct Local {
    address: SocketAddr,
    origin: u64,
    version: u64,
    capabilities: Capabilities,
    secret: Secret,
}

impl Local {
    /// RTP comes in at `address`; `origin` is the session id of the `o=` line.
    #[must_use]
    pub fn new(address: SocketAddr, origin: u64, capabilities: Capabilities, secret: Secret) -> Self {
        Self { address, origin, version: 0, capabilities, secret }
    }

    /// An offer.
    pub fn offer(&mut self) -> (Offer, PendingOffer) {
        let _ = &self.secret;
        self.version += 1;
        Offer::versioned(self.address, self.origin, self.version, &self.capabilities)
    }

    /// The answer to an offer of theirs. An error sends nothing and changes nothing.
    pub fn answer(&mut self, offer: &[u8]) -> Result<(Bytes, Negotiated), SdpError> {
        let answer =
            answer_versioned(offer, self.address, self.origin, self.version + 1, &self.capabilities)?;
        self.version += 1;
        Ok(answer)
    }
}

/// An offer that was or will be sent.
#[derive(Clone, Debug)]
pub struct Offer(Bytes);

impl Offer {
    /// The first offer of a session. `origin` is the session id of its `o=` line, whose version is 1.
    #[must_use]
    pub fn new(local: SocketAddr, origin: u64, capabilities: &Capabilities) -> (Offer, PendingOffer) {
        Self::versioned(local, origin, 1, capabilities)
    }

    fn versioned(
        local: SocketAddr,
        origin: u64,
        version: u64,
        capabilities: &Capabilities,
    ) -> (Offer, PendingOffer) {
        let mut formats: Vec<Spelling> = capabilities
            .codecs
            .iter()
            .filter_map(|codec| Some(Spelling::Audio(codec.static_payload_type()?, *codec)))
            .collect();
        if capabilities.telephone_event {
            formats.push(Spelling::Events(TELEPHONE_EVENT));
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
        let media = session.medias.first().ok_or_else(no_audio)?;
        if !is_audio(media) {
            return Err(no_audio());
        }
        if media.port == 0 {
            return Err(SdpError::Rejected);
        }
        let agreed = first_common(media, &self.capabilities).ok_or_else(no_codec)?;
        let mut negotiated = negotiate(&session, media, agreed, &self.capabilities)?;
        // Events reach us under the number that we offered, ours reach them under theirs (RFC 3264 §6.1).
        let events =
            negotiated.telephone_event.map(|_| (TELEPHONE_EVENT, Format::Events { clock_hz: 8_000 }));
        negotiated.incoming = events.into_iter().chain(negotiated.incoming.iter()).collect();
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

fn answer_versioned(
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
            let mut formats = vec![Spelling::Audio(agreed.payload_type, agreed.codec)];
            formats.extend(negotiated.telephone_event.map(Spelling::Events));
            let direction = Direction { send: negotiated.send, receive: negotiated.receive };
            audio(local.port(), &media.proto, &formats, capabilities.ptime_ms, direction)
        } else {
            refusal(media)
        });
    }
    Ok((encode(&ours), negotiated))
}

/// Longest SDP that is read, and most `m=` lines in it: both far above what any telephone sends.
const BYTES_MAX: usize = 16 * 1024;
const MEDIAS_MAX: usize = 16;

#[derive(Clone, Copy)]
enum Spelling {
    Audio(u8, Codec),
    Events(u8),
}

impl Spelling {
    fn number(self) -> u8 {
        match self {
            Spelling::Audio(number, _) | Spelling::Events(number) => number,
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

fn audio(port: u16, proto: &str, formats: &[Spelling], ptime_ms: u16, direction: Direction) -> Media {
    let numbers: Vec<String> = formats.iter().map(|format| format.number().to_string()).collect();
    let mut media = Media::new(MediaType::Audio, port, TransportProto::RtpAvp, numbers.join(" "));
    proto.clone_into(&mut media.proto);
    for format in formats {
        match format {
            Spelling::Audio(number, codec) => {
                media.add_attribute_with_value("rtpmap", format!("{number} {}/8000", codec.name()));
            }
            Spelling::Events(number) => {
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

fn no_audio() -> SdpError {
    SdpError::NoAudio { offered: Vec::new() }
}

fn no_codec() -> SdpError {
    SdpError::NoCodec { offered: Vec::new(), ours: Vec::new() }
}

fn is_audio(media: &Media) -> bool {
    let proto = media.proto.as_str();
    media.media.eq_ignore_ascii_case("audio")
        && (proto.eq_ignore_ascii_case("RTP/AVP") || proto.eq_ignore_ascii_case("RTP/AVPF"))
}

/// The first stream that we can take, and in which codec; or the reason why none.
fn choose(session: &Session, capabilities: &Capabilities) -> Result<(usize, Agreed), SdpError> {
    let mut reason = no_audio();
    for (index, media) in session.medias.iter().enumerate().filter(|(_, media)| is_audio(media)) {
        if media.port == 0 {
            reason = SdpError::Rejected;
        } else if let Some(agreed) = first_common(media, capabilities) {
            return Ok((index, agreed));
        } else {
            reason = no_codec();
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
            .find(|codec| codec.static_payload_type() == Some(payload_type));
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
    let connection = media
        .connections
        .first()
        .or(session.connection.as_ref())
        .ok_or(SdpError::NoAddress { found: None })?;
    let ip = address(&connection.connection_address).ok_or(SdpError::NoAddress { found: None })?;
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
        rtcp_mux: false,
        codec: agreed.codec,
        payload_type: agreed.payload_type,
        opus: OpusReceiver::default(),
        telephone_event,
        comfort_noise: None,
        incoming: telephone_event
            .map(|number| (number, Format::Events { clock_hz: 8_000 }))
            .into_iter()
            .chain([(agreed.payload_type, Format::Audio(agreed.codec))])
            .chain([(0, Format::Audio(Codec::Pcmu)), (8, Format::Audio(Codec::Pcma))])
            .collect(),
        send: direction.send && !held,
        receive: direction.receive,
        ptime_ms: value(&media.attributes, "ptime").and_then(|ptime| ptime.parse().ok()).unwrap_or(20),
        security: None,
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
