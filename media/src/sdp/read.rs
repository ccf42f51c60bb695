//! What single lines of theirs mean: addresses, direction, packet length, transport.

use std::net::{IpAddr, SocketAddr};

use super::{
    capabilities::{PTIME_MS_MAX, PTIME_MS_MIN},
    direction::Direction,
    error::SdpError,
    syntax::{Description, Stream},
};
use crate::codec::Codec;

/// How a stream is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// RTP/AVP, or with RTCP feedback (RFC 4585), which we send none of.
    Plain,
    /// SRTP with keys in the SDP (RFC 4568).
    Secured,
    /// SRTP with keys by DTLS (RFC 5764).
    Dtls,
    /// No RTP, or none that we know.
    Other,
}

pub(super) fn transport(stream: &Stream) -> Transport {
    let has_fingerprint = stream.attributes.has("fingerprint") && !stream.attributes.has("crypto");
    match stream.protocol.to_ascii_uppercase().as_str() {
        "RTP/AVP" | "RTP/AVPF" => Transport::Plain,
        "RTP/SAVP" | "RTP/SAVPF" if has_fingerprint => Transport::Dtls,
        "RTP/SAVP" | "RTP/SAVPF" => Transport::Secured,
        "UDP/TLS/RTP/SAVP" | "UDP/TLS/RTP/SAVPF" => Transport::Dtls,
        _ => Transport::Other,
    }
}

pub(super) fn is_audio(stream: &Stream) -> bool {
    stream.kind.eq_ignore_ascii_case("audio") && transport(stream) != Transport::Other
}

/// A fax that is really offered (ITU-T T.38 annex D).
pub(super) fn is_t38(stream: &Stream) -> bool {
    stream.port != 0
        && stream.kind.eq_ignore_ascii_case("image")
        && stream.formats.split_ascii_whitespace().any(|format| format.eq_ignore_ascii_case("t38"))
}

/// A stream in a few words, for an error.
pub(super) fn label(stream: &Stream) -> String {
    let refused = if stream.port == 0 { " (port 0)" } else { "" };
    short(&format!("{} {}{refused}", stream.kind, stream.protocol))
}

/// As much of their words as an error needs.
pub(super) fn short(words: &str) -> String {
    words.chars().take(48).collect()
}

/// The stream's own address, or the session's. The unspecified one is a hold.
pub(super) fn address(description: &Description, stream: &Stream) -> Result<IpAddr, SdpError> {
    let text = stream.connection.as_ref().or(description.connection.as_ref());
    let text = text.ok_or(SdpError::NoAddress { found: None })?;
    unicast(text).ok_or_else(|| SdpError::NoAddress { found: Some(short(text)) })
}

/// A unicast address, or the unspecified one; a suffix as of multicast (`/127`) is cut off.
fn unicast(text: &str) -> Option<IpAddr> {
    let ip: IpAddr = text.split('/').next()?.trim().parse().ok()?;
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    (!ip.is_multicast() && !broadcast).then_some(ip)
}

/// The stream's own direction, or the session's, or both ways (RFC 8866 §6.7). As they see it.
pub(super) fn direction(description: &Description, stream: &Stream) -> Direction {
    let last = |names: &mut dyn DoubleEndedIterator<Item = &str>| names.rev().find_map(Direction::named);
    last(&mut stream.attributes.names())
        .or_else(|| last(&mut description.attributes.names()))
        .unwrap_or(Direction::SendRecv)
}

/// `a=rtcp:port [IN IP4 address]` (RFC 3605), or the next port (RFC 3550 §11).
pub(super) fn rtcp_address(stream: &Stream, ip: IpAddr) -> Option<SocketAddr> {
    let mut words = stream.attributes.value("rtcp").unwrap_or("").split_ascii_whitespace();
    match words.next().and_then(|port| port.parse().ok()) {
        Some(0) => None,
        Some(port) => Some(SocketAddr::new(words.nth(2).and_then(unicast).unwrap_or(ip), port)),
        None => stream.port.checked_add(1).map(|port| SocketAddr::new(ip, port)),
    }
}

/// A length in milliseconds, as `ptime` and `maxptime` have it; a fraction is cut off.
pub(super) fn milliseconds(stream: &Stream, name: &str) -> Option<u16> {
    stream.attributes.value(name)?.split('.').next()?.trim().parse().ok().filter(|length| *length > 0)
}

/// The packet length that we send with: what they ask for, or what we would ask for; no longer than they take.
pub(super) fn ptime_ms(stream: &Stream, codec: Codec, ours: u16) -> u16 {
    let asked = milliseconds(stream, "ptime").unwrap_or(ours);
    let most = milliseconds(stream, "maxptime").unwrap_or(PTIME_MS_MAX);
    let length = asked.min(most).clamp(PTIME_MS_MIN, PTIME_MS_MAX) / 10 * 10;
    match (codec, length) {
        // Opus has frames of 10, 20, 40 and 60 ms (RFC 6716 §2.1.4).
        (Codec::Opus, 30) => 20,
        (Codec::Opus, 50) => 40,
        _ => length,
    }
}
