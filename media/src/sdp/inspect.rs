//! What a description says, for who wants to judge it and not to use it: tolerant, and without keys.

use std::{fmt, net::IpAddr};

use super::{
    crypto,
    direction::Direction,
    error::SdpError,
    formats,
    negotiated::Format,
    read::{self, Transport, short},
    syntax,
};

/// What the first audio stream of a description says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Where they want RTP: an address, if it is one.
    pub address: Option<IpAddr>,
    /// `address` is private, shared, link-local or loopback (RFC 1918, 6598, 3927, 4193, 1122), hence of no use from
    /// elsewhere.
    pub is_private: bool,
    /// Their RTP port; 0: the stream is refused.
    pub port: u16,
    /// The codecs in their order of preference, as `PCMU/8000`.
    pub codecs: Vec<String>,
    /// Who sends.
    pub direction: Direction,
    /// How audio is protected.
    pub srtp: Keying,
    /// They take RTCP on RTP's port.
    pub rtcp_mux: bool,
    /// The packet length that they ask for, in milliseconds.
    pub ptime_ms: Option<u16>,
    /// The longest that they take.
    pub maxptime_ms: Option<u16>,
    /// The clocks of the telephone events that they take; empty: none.
    pub dtmf_clocks_hz: Vec<u32>,
    /// Comfort noise.
    pub comfort_noise: bool,
    /// Other streams, as `video RTP/AVP`.
    pub others: Vec<String>,
}

/// How a stream is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keying {
    /// Not at all.
    None,
    /// SRTP with keys in the SDP, by these suites; with plain RTP beside it where `required` is false.
    Sdes {
        /// Their names.
        suites: Vec<String>,
        /// RTP/SAVP.
        required: bool,
    },
    /// SRTP with keys by DTLS.
    Dtls,
}

/// Reads a description. Without an audio stream: [`SdpError::NoAudio`], or [`SdpError::T38`] for a fax.
pub fn inspect(sdp: &[u8]) -> Result<Description, SdpError> {
    let description = syntax::decode(sdp)?;
    let is_audio = |stream: &&syntax::Stream| read::is_audio(stream);
    let stream = description.streams.iter().find(is_audio).ok_or_else(|| {
        if description.streams.iter().any(read::is_t38) {
            SdpError::T38
        } else {
            SdpError::NoAudio { offered: description.streams.iter().map(read::label).collect() }
        }
    })?;
    let address = read::address(&description, stream).ok();
    let known = formats::read(stream);
    let clocks = known.iter().filter_map(|(_, format)| match format {
        Format::Events { clock_hz } => Some(*clock_hz),
        _ => None,
    });
    let others = description.streams.iter().filter(|other| !std::ptr::eq(*other, stream));
    Ok(Description {
        address,
        is_private: address.is_some_and(is_private),
        port: stream.port,
        codecs: super::agree::codecs_of(stream),
        direction: read::direction(&description, stream),
        srtp: keying(stream),
        rtcp_mux: stream.attributes.has("rtcp-mux"),
        ptime_ms: read::milliseconds(stream, "ptime"),
        maxptime_ms: read::milliseconds(stream, "maxptime"),
        dtmf_clocks_hz: clocks.collect(),
        comfort_noise: known.iter().any(|(_, format)| *format == Format::ComfortNoise),
        others: others.map(read::label).collect(),
    })
}

fn keying(stream: &syntax::Stream) -> Keying {
    let suites = || crypto::suites(&stream.attributes).iter().map(|suite| short(suite)).collect();
    match read::transport(stream) {
        Transport::Dtls => Keying::Dtls,
        Transport::Secured => Keying::Sdes { suites: suites(), required: true },
        Transport::Plain | Transport::Other if stream.attributes.has("crypto") => {
            Keying::Sdes { suites: suites(), required: false }
        }
        Transport::Plain | Transport::Other => Keying::None,
    }
}

/// Of no use from elsewhere.
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

impl fmt::Display for Keying {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Keying::None => formatter.write_str("plain RTP"),
            Keying::Sdes { suites, required } => {
                let how = if *required { "SRTP" } else { "SRTP or plain RTP" };
                write!(formatter, "{how} ({})", suites.join(", "))
            }
            Keying::Dtls => formatter.write_str("SRTP with keys by DTLS"),
        }
    }
}

impl fmt::Display for Description {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V6(address)) => write!(formatter, "[{address}]:{}", self.port)?,
            Some(address) => write!(formatter, "{address}:{}", self.port)?,
            None => write!(formatter, "no address, port {}", self.port)?,
        }
        write!(formatter, ", {}, {}, {}", self.codecs.join(" "), self.direction, self.srtp)?;
        if let Some(ptime) = self.ptime_ms {
            write!(formatter, ", {ptime} ms")?;
        }
        formatter.write_str(if self.dtmf_clocks_hz.is_empty() { ", no telephone events" } else { "" })
    }
}
