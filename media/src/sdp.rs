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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn local() -> SocketAddr {
        "192.0.2.1:20000".parse().expect("an address")
    }

    fn pending() -> PendingOffer {
        Offer::new(local(), 7, &Capabilities::default()).1
    }

    fn accept(answer: &str) -> Result<Negotiated, SdpError> {
        pending().accept(answer.replace('\n', "\r\n").as_bytes())
    }

    const HEAD: &str = "v=0\no=- 1 1 IN IP4 198.51.100.9\ns=-\nc=IN IP4 198.51.100.9\nt=0 0\n";

    #[test]
    fn the_offer_reads_as_rfc_8866_writes_it() {
        let (offer, _) = Offer::new(local(), 7, &Capabilities::default());
        let expected = "v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
            m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
            a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\na=rtcp:20001\r\n";
        assert_eq!(std::str::from_utf8(&offer.to_bytes()), Ok(expected));
    }

    #[test]
    fn offer_and_answer_agree_on_both_sides() {
        let (offer, pending) = Offer::new(local(), 7, &Capabilities::default());
        let far: SocketAddr = "192.0.2.2:30000".parse().expect("an address");
        let caps = Capabilities { codecs: vec![Codec::Pcma], ..Capabilities::default() };
        let (answer, theirs) = answer(&offer.to_bytes(), far, 9, &caps).expect("an answer");
        let ours = pending.accept(&answer).expect("agreement");
        assert_eq!((ours.remote, theirs.remote), (Some(far), Some(local())));
        assert_eq!(ours.remote_rtcp, Some("192.0.2.2:30001".parse().expect("an address")));
        assert_eq!((ours.codec, ours.payload_type, ours.telephone_event), (Codec::Pcma, 8, Some(101)));
        assert_eq!((theirs.codec, theirs.payload_type, theirs.telephone_event), (Codec::Pcma, 8, Some(101)));
    }

    #[test]
    fn a_static_codec_needs_no_rtpmap_and_a_dynamic_number_is_mapped() {
        let plain = accept(&format!("{HEAD}m=audio 4000 RTP/AVP 8\n")).expect("agreement");
        assert_eq!((plain.codec, plain.payload_type, plain.telephone_event), (Codec::Pcma, 8, None));
        let mapped = format!(
            "{HEAD}m=audio 4000 RTP/AVP 18 97 96\na=rtpmap:97 pcmu/8000/1\na=rtpmap:96 telephone-event/8000\na=ptime:30\n"
        );
        let mapped = accept(&mapped).expect("agreement");
        assert_eq!((mapped.codec, mapped.payload_type, mapped.ptime_ms), (Codec::Pcmu, 97, 30));
        assert_eq!((mapped.telephone_event, mapped.telephone_event_in), (Some(96), Some(101)));
    }

    #[test]
    fn the_stream_s_own_address_and_rtcp_win() {
        let answer =
            format!("{HEAD}m=audio 4000 RTP/AVP 0\nc=IN IP4 203.0.113.5\na=rtcp:53020 IN IP4 203.0.113.6\n");
        let negotiated = accept(&answer).expect("agreement");
        assert_eq!(negotiated.remote, "203.0.113.5:4000".parse().ok());
        assert_eq!(negotiated.remote_rtcp, "203.0.113.6:53020".parse().ok());
    }

    #[test]
    fn every_kind_of_hold_is_understood() {
        for (attribute, send, receive) in [
            ("sendrecv", true, true),
            ("sendonly", false, true),
            ("recvonly", true, false),
            ("inactive", false, false),
        ] {
            let media = accept(&format!("{HEAD}m=audio 4000 RTP/AVP 0\na={attribute}\n")).expect("agreement");
            assert_eq!((media.send, media.receive), (send, receive), "{attribute}");
            let session =
                accept(&format!("{HEAD}a={attribute}\nm=audio 4000 RTP/AVP 0\n")).expect("agreement");
            assert_eq!(session, media);
        }
        let old = accept(&format!("{HEAD}m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\n")).expect("agreement");
        assert_eq!((old.remote, old.remote_rtcp, old.send), (None, None, false));
    }

    #[test]
    fn a_hold_offer_is_answered_in_kind_with_the_next_version() {
        let offer = format!("{HEAD}m=audio 4000 RTP/AVP 0\na=sendonly\n");
        let (answer, negotiated) =
            answer_versioned(offer.as_bytes(), local(), 7, 2, &Capabilities::default()).expect("an answer");
        let text = String::from_utf8(answer.to_vec()).expect("text");
        assert!(text.contains("o=- 7 2 IN IP4") && text.contains("a=recvonly"), "{text}");
        assert!(!negotiated.send && negotiated.receive);
    }

    #[test]
    fn an_answer_has_as_many_streams_as_the_offer() {
        let offer = format!(
            "{HEAD}m=video 5000 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=audio 0 RTP/AVP 0\nm=audio 4000 RTP/SAVP 0\n\
             m=audio 4002 RTP/AVP 0\nm=image 4004 udptl t38\n"
        );
        let (answer, negotiated) =
            answer(offer.as_bytes(), local(), 7, &Capabilities::default()).expect("an answer");
        assert_eq!(negotiated.remote, "198.51.100.9:4002".parse().ok());
        let text = String::from_utf8(answer.to_vec()).expect("text");
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
        assert_eq!(
            lines,
            [
                "m=video 0 RTP/AVP 96",
                "m=audio 0 RTP/AVP 0",
                "m=audio 0 RTP/SAVP 0",
                "m=audio 20000 RTP/AVP 0",
                "m=image 0 udptl t38"
            ]
        );
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_reason() {
        for (rest, error) in [
            ("", SdpError::NoAudio),
            ("m=video 4000 RTP/AVP 96\n", SdpError::NoAudio),
            ("m=audio 4000 RTP/SAVP 0\n", SdpError::NoAudio),
            ("m=audio 0 RTP/AVP 0\n", SdpError::Rejected),
            ("m=audio 4000 RTP/AVP 18 9\n", SdpError::NoCodec),
            ("m=audio 4000 RTP/AVP 0\nc=IN IP4 host.example\n", SdpError::NoAddress),
            ("m=audio 4000 RTP/AVP 0\nc=IN IP4 239.1.1.1/127\n", SdpError::NoAddress),
            ("m=audio 99999 RTP/AVP 0\n", SdpError::Malformed),
        ] {
            assert_eq!(accept(&format!("{HEAD}{rest}")), Err(error.clone()), "{rest}");
            let answered = answer(format!("{HEAD}{rest}").as_bytes(), local(), 1, &Capabilities::default());
            assert_eq!(answered.map(|(_, negotiated)| negotiated), Err(error), "{rest}");
        }
        assert_eq!(accept("v=0\nm=audio 4000 RTP/AVP 0\n"), Err(SdpError::NoAddress));
        assert_eq!(accept(&"v=0\n".repeat(10_000)), Err(SdpError::Malformed));
    }

    #[test]
    fn sloppy_senders_are_read() {
        let no_session_lines = "v=0\nc=IN IP4 198.51.100.9\nm=audio 4000 RTP/AVP 0\n";
        assert!(pending().preview(no_session_lines.as_bytes()).is_ok());
        let latin1 = [
            b"v=0\r\no=J\xfcrgen 1 1 IN IP4 198.51.100.9\r\ns=Gru\xdf\r\n".as_slice(),
            b"c=IN IP4 198.51.100.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
        ]
        .concat();
        assert!(pending().preview(&latin1).is_ok());
    }

    proptest! {
        #[test]
        fn hostile_sdp_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = pending().preview(&bytes);
            let _ = answer(&bytes, local(), 1, &Capabilities::default());
        }

        #[test]
        fn hostile_lines_never_panic(lines in proptest::collection::vec(
            "(v=0|m=audio [0-9]{0,6}(/[0-9]{1,3})? RTP/AVP( [0-9]{1,4}){0,4}|c=IN IP[46] [0-9a-f.:/]{0,20}|a=(rtpmap|fmtp|rtcp|ptime):[ -~]{0,20}|o=[ -~]{0,30})",
            0..12,
        )) {
            let text = format!("v=0\r\n{}\r\n", lines.join("\r\n"));
            let _ = pending().preview(text.as_bytes());
            if let Ok((sdp, negotiated)) = answer(text.as_bytes(), local(), 1, &Capabilities::default()) {
                prop_assert!(decode(&sdp).is_ok());
                prop_assert!(negotiated.payload_type < 128);
            }
        }
    }
}
