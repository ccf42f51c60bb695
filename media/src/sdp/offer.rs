//! Our offer, and what its answer means (RFC 3264 §5, §7).

use std::{fmt, net::SocketAddr};

use bytes::Bytes;

use super::{
    agree,
    capabilities::{Capabilities, Srtp},
    crypto,
    direction::Direction,
    draft::{self, Draft},
    error::SdpError,
    formats::{self, Numbers},
    negotiated::{Format, Negotiated},
    read::{self, Transport},
    syntax::{self, Stream},
};
use crate::srtp::{Secret, Security, Suite};

/// An offer that was or will be sent.
#[derive(Clone)]
pub struct Offer(Bytes);

impl fmt::Debug for Offer {
    /// Without the SDP, which may have keys in it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Offer({} bytes)", self.0.len())
    }
}

impl Offer {
    pub(super) fn new_sent(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The SDP.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }
}

/// One stream: everything that we can. It takes its place among those that the session has, which stay refused: an offer has no
/// fewer m= lines than the description before (RFC 3264 §8).
pub(super) fn draft(
    address: SocketAddr,
    capabilities: &Capabilities,
    secret: &Secret,
    direction: Direction,
    session: &Lines,
) -> Draft {
    let protocol = match session.refused.get(session.ours) {
        // A stream keeps its transport (RFC 3264 §8.3.1): who offered it secured may take nothing else.
        Some(stream) if read::transport(stream) == Transport::Secured => stream.protocol.as_str(),
        _ if capabilities.srtp == Srtp::Required => "RTP/SAVP",
        _ => "RTP/AVP",
    };
    let formats = session.numbers.offered(capabilities);
    let mut stream = draft::audio(address.port(), protocol, &formats, capabilities.ptime_ms, direction);
    if capabilities.srtp != Srtp::Off {
        crypto::offer(secret, &mut stream.attributes);
    }
    // For those who don't multiplex (RFC 5761 §5.1.1).
    stream.attributes.push("rtcp", u32::from(address.port()) + 1);
    if capabilities.rtcp_mux {
        stream.attributes.flag("rtcp-mux");
    }
    let mut streams = session.refused.clone();
    match streams.get_mut(session.ours) {
        Some(place) => *place = stream,
        None => streams = vec![stream],
    }
    let numbers = formats.into_iter().map(|(number, format)| (number, Some(format))).collect();
    Draft { times: Vec::new(), streams, ours: session.ours, numbers }
}

/// The m= lines of a session, of which one is ours.
#[derive(Default)]
pub(super) struct Lines {
    /// All of them as they stand where they are refused, ours too: it has keys that are not kept here. None: no description
    /// was exchanged.
    refused: Vec<Stream>,
    ours: usize,
    numbers: Numbers,
}

impl Lines {
    /// An offer of ours.
    pub(super) fn offered(&mut self, draft: &Draft) {
        self.numbers.learn(draft.numbers.iter().copied());
    }

    /// An answer of ours: the session has its lines from now on.
    pub(super) fn answered(&mut self, draft: &Draft) {
        (self.refused, self.ours) = (draft.streams.iter().map(draft::refusal).collect(), draft.ours);
        self.numbers.learn(draft.numbers.iter().copied());
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Lines({} of {})", self.ours + 1, self.refused.len().max(1))
    }
}

/// The token of a description of ours that offers something: it reads the answers, of each early dialog and of each repetition to
/// refresh the session. Their keys for what they send are their own, for what we send there is ours alone.
#[derive(Debug)]
pub struct PendingOffer {
    capabilities: Capabilities,
    secret: Secret,
    /// Which m= line of it is our stream.
    ours: usize,
    /// What the numbers in it stand for.
    numbered: Vec<(u8, Format)>,
    /// The keys in it: all are made of the secret.
    keys: Vec<(u32, Suite)>,
}

impl PendingOffer {
    /// Of a description with this stream of ours, at this place among its m= lines.
    pub(super) fn new(capabilities: Capabilities, secret: Secret, ours: usize, stream: &Stream) -> Self {
        let (numbered, keys) = (formats::read(stream), crypto::tags(&stream.attributes));
        Self { capabilities, secret, ours, numbered, keys }
    }

    /// Reads an answer, one that doesn't bind yet too: that of an unreliable 18x (RFC 3261 §13.2.1).
    pub fn preview(&self, answer: &[u8]) -> Result<Negotiated, SdpError> {
        let description = syntax::decode(answer)?;
        // The answer's m= lines stand in the order of the offer's (RFC 3264 §6).
        let offered = || description.streams.iter().map(read::label).collect();
        let stream = description
            .streams
            .get(self.ours)
            .filter(|stream| read::is_audio(stream))
            .ok_or_else(|| SdpError::NoAudio { offered: offered() })?;
        if stream.port == 0 {
            return Err(SdpError::Rejected);
        }
        let security = self.security(stream)?;
        let agreed = agree::codec(stream, &self.capabilities).ok_or_else(|| SdpError::NotOffered {
            chosen: agree::codecs_of(stream),
            ours: agree::our_codecs(&self.capabilities),
        })?;
        // They send under the numbers that we offered, we under theirs (RFC 3264 §5.1, §6.1).
        let numbered = self.numbered.clone();
        let rtcp_mux = self.capabilities.rtcp_mux && stream.attributes.has("rtcp-mux");
        agree::negotiate(&description, stream, agreed, &self.capabilities, numbered, rtcp_mux, security)
    }

    /// Reads the answer, the only one that there is.
    pub fn accept(self, answer: &[u8]) -> Result<Negotiated, SdpError> {
        self.preview(answer)
    }

    /// The keys, if there is to be SRTP: the answer repeats tag and suite of one of our lines (RFC 4568 §5.1.3).
    fn security(&self, stream: &Stream) -> Result<Option<Security>, SdpError> {
        let protocol = || read::short(&stream.protocol);
        match (self.capabilities.srtp, read::transport(stream)) {
            (_, Transport::Dtls) => return Err(SdpError::Dtls { protocol: protocol() }),
            (Srtp::Off, Transport::Secured) => return Err(SdpError::NeedsSrtp { protocol: protocol() }),
            (Srtp::Off, _) => return Ok(None),
            (Srtp::Offered, Transport::Plain) if !stream.attributes.has("crypto") => return Ok(None),
            (Srtp::Required, Transport::Plain) if !stream.attributes.has("crypto") => {
                return Err(SdpError::NoSrtp { protocol: protocol() });
            }
            (Srtp::Offered | Srtp::Required, _) => {}
        }
        let (lines, mut refused) = crypto::read(&stream.attributes);
        for line in lines {
            if let Some(send) = crypto::ours(&line, &self.keys, &self.secret) {
                return Ok(Some(Security { send, receive: line.key }));
            }
            refused.push(format!("{} has a tag that was not offered", line.key.suite().name()));
        }
        Err(SdpError::NoKey { refused })
    }
}
