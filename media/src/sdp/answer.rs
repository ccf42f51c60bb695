//! Our answer to their offer (RFC 3264 §6): one audio stream of theirs, all others refused.

use std::net::SocketAddr;

use super::{
    agree::{self, Agreed},
    capabilities::{Capabilities, Srtp},
    crypto::{self, Line},
    direction::Direction,
    draft::{self, Draft},
    error::SdpError,
    formats,
    negotiated::{Format, Negotiated},
    read::{self, Transport},
    syntax::{self, Attributes, Description, Stream},
};
use crate::srtp::{Secret, Security};

pub(super) fn draft(
    offer: &[u8],
    address: SocketAddr,
    capabilities: &Capabilities,
    secret: &Secret,
    holds: bool,
) -> Result<(Draft, Negotiated), SdpError> {
    let theirs = syntax::decode(offer)?;
    let Choice { index: chosen, agreed, line } = choose(&theirs, capabilities)?;
    let stream = &theirs.streams[chosen];
    let mut keys = Attributes::default();
    let security =
        line.map(|line| Security { send: crypto::answer(&line, secret, &mut keys), receive: line.key });
    let rtcp_mux = capabilities.rtcp_mux && stream.attributes.has("rtcp-mux");
    let mut negotiated =
        agree::negotiate(&theirs, stream, agreed, capabilities, Vec::new(), rtcp_mux, security)?;

    // Who is held stays so, whatever it offers (RFC 3264 §8.4).
    negotiated.receive &= !holds;
    let mut taken = vec![(agreed.payload_type, Format::Audio(agreed.codec))];
    let companions = agree::companions(&negotiated.incoming.iter().collect::<Vec<_>>(), agreed.codec);
    taken.extend(companions.comfort_noise.map(|number| (number, Format::ComfortNoise)));
    taken.extend(companions.events);
    let direction = Direction::new(negotiated.send, negotiated.receive);
    let mut ours = draft::audio(address.port(), &stream.protocol, &taken, capabilities.ptime_ms, direction);
    ours.attributes.extend(keys);
    if rtcp_mux {
        ours.attributes.flag("rtcp-mux");
    } else {
        ours.attributes.push("rtcp", u32::from(address.port()) + 1);
    }
    let numbers = formats::all(stream);
    // As many m= lines as were offered, in their order; what we don't take has port 0 (RFC 3264 §6).
    let mut streams: Vec<Stream> = theirs.streams.iter().map(draft::refusal).collect();
    streams[chosen] = ours;
    Ok((Draft { times: theirs.times, streams, ours: chosen, numbers }, negotiated))
}

struct Choice {
    index: usize,
    agreed: Agreed,
    /// The key line, where there is to be SRTP.
    line: Option<Line>,
}

/// The first stream that we can take, a secured one before a plain one; or the reason why none.
fn choose(theirs: &Description, capabilities: &Capabilities) -> Result<Choice, SdpError> {
    let (mut plain, mut reason) = (None, None);
    for (index, stream) in theirs.streams.iter().enumerate().filter(|(_, stream)| read::is_audio(stream)) {
        match consider(stream, capabilities) {
            Ok((agreed, line @ Some(_))) => return Ok(Choice { index, agreed, line }),
            Ok((agreed, None)) => plain = plain.or(Some(Choice { index, agreed, line: None })),
            // A stream that was removed says less than one that could not be taken.
            Err(SdpError::Rejected) => reason = reason.or(Some(SdpError::Rejected)),
            Err(error) => reason = reason.filter(|reason| *reason != SdpError::Rejected).or(Some(error)),
        }
    }
    plain.ok_or_else(|| {
        let is_fax = theirs.streams.iter().any(read::is_t38);
        match reason {
            None | Some(SdpError::Rejected) if is_fax => SdpError::T38,
            Some(reason) => reason,
            None => SdpError::NoAudio { offered: theirs.streams.iter().map(read::label).collect() },
        }
    })
}

fn consider(stream: &Stream, capabilities: &Capabilities) -> Result<(Agreed, Option<Line>), SdpError> {
    if stream.port == 0 {
        return Err(SdpError::Rejected);
    }
    let line = key_line(stream, capabilities.srtp)?;
    let agreed = agree::codec(stream, capabilities).ok_or_else(|| SdpError::NoCodec {
        offered: agree::codecs_of(stream),
        ours: agree::our_codecs(capabilities),
    })?;
    Ok((agreed, line))
}

/// The first of their key lines that we can use (RFC 4568 §5.1.2).
fn key_line(stream: &Stream, srtp: Srtp) -> Result<Option<Line>, SdpError> {
    let protocol = || read::short(&stream.protocol);
    let transport = read::transport(stream);
    match (srtp, transport) {
        (_, Transport::Dtls) => return Err(SdpError::Dtls { protocol: protocol() }),
        (Srtp::Off, Transport::Secured) => return Err(SdpError::NeedsSrtp { protocol: protocol() }),
        (Srtp::Off, _) => return Ok(None),
        (Srtp::Offered | Srtp::Required, _) => {}
    }
    let (lines, refused) = crypto::read(&stream.attributes);
    match (lines.into_iter().next(), transport) {
        (Some(line), _) => Ok(Some(line)),
        (None, Transport::Plain) if srtp == Srtp::Offered => Ok(None),
        (None, Transport::Plain) if refused.is_empty() => Err(SdpError::NoSrtp { protocol: protocol() }),
        (None, _) => Err(SdpError::NoKey { refused }),
    }
}
