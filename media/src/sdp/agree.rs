//! What is agreed upon between a stream of theirs and ours: one codec, its companions, where to send, how long a packet.
//! The same for both roles; who keys and who multiplexes is told.

use std::net::SocketAddr;

use super::{
    capabilities::Capabilities,
    error::SdpError,
    formats,
    negotiated::{Format, Negotiated},
    read::{self, short},
    syntax::{Description, Stream},
};
use crate::{codec::Codec, srtp::Security};

/// A codec with the number that we send it under.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreed {
    pub(super) payload_type: u8,
    pub(super) codec: Codec,
}

/// The first codec of their list that we have too: their order is their preference (RFC 3264 §6.1).
pub(super) fn codec(stream: &Stream, capabilities: &Capabilities) -> Option<Agreed> {
    formats::read(stream).into_iter().find_map(|(payload_type, format)| match format {
        Format::Audio(codec) if capabilities.codecs.contains(&codec) => Some(Agreed { payload_type, codec }),
        _ => None,
    })
}

/// What they have, in their words, without what only goes beside a codec.
pub(super) fn codecs_of(stream: &Stream) -> Vec<String> {
    let beside = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("telephone-event/") || name.starts_with("cn/")
    };
    formats::names(stream)
        .iter()
        .filter(|name| !beside(name))
        .take(CODECS_TOLD)
        .map(|name| short(name))
        .collect()
}

/// Names in an error.
const CODECS_TOLD: usize = 16;

/// Ours, as an error names them.
pub(super) fn our_codecs(capabilities: &Capabilities) -> Vec<String> {
    capabilities.codecs.iter().map(|codec| formats::name(Format::Audio(*codec))).collect()
}

/// What holds from now on. `numbered` are the formats that we told them to send, by our numbers; theirs are understood too.
pub(super) fn negotiate(
    description: &Description,
    stream: &Stream,
    agreed: Agreed,
    capabilities: &Capabilities,
    numbered: Vec<(u8, Format)>,
    rtcp_mux: bool,
    security: Option<Security>,
) -> Result<Negotiated, SdpError> {
    let ip = read::address(description, stream)?;
    let held = ip.is_unspecified();
    let remote = (!held).then(|| SocketAddr::new(ip, stream.port));
    let direction = read::direction(description, stream);
    let theirs: Vec<(u8, Format)> =
        formats::read(stream).into_iter().filter(|(_, format)| is_ours(*format, capabilities)).collect();
    let companions = companions(&theirs, agreed.codec);
    Ok(Negotiated {
        remote,
        remote_rtcp: remote
            .and_then(|remote| if rtcp_mux { Some(remote) } else { read::rtcp_address(stream, remote.ip()) }),
        rtcp_mux,
        codec: agreed.codec,
        payload_type: agreed.payload_type,
        opus: formats::opus(stream, agreed.payload_type),
        telephone_event: companions.events.map(|(number, _)| number),
        telephone_event_hz: companions
            .events
            .map_or(agreed.codec.clock_hz(), |(_, format)| format.clock_hz()),
        comfort_noise: companions.comfort_noise,
        incoming: numbered.into_iter().chain(theirs).collect(),
        // They take what we send, and send what we take.
        send: direction.receives() && !held,
        receive: direction.sends(),
        ptime_ms: read::ptime_ms(stream, agreed.codec, capabilities.ptime_ms),
        security: security.map(Box::new),
    })
}

fn is_ours(format: Format, capabilities: &Capabilities) -> bool {
    match format {
        Format::Audio(codec) => capabilities.codecs.contains(&codec),
        Format::Events { .. } => capabilities.telephone_event,
        Format::ComfortNoise => capabilities.comfort_noise,
    }
}

/// What goes beside a codec.
#[derive(Clone, Copy, Debug)]
pub(super) struct Companions {
    pub(super) events: Option<(u8, Format)>,
    pub(super) comfort_noise: Option<u8>,
}

/// Telephone events at the codec's clock (RFC 4733 §2.1), or, from those who know of 8,000 alone, at whatever there is;
/// comfort noise beside a codec that has no silence of its own.
pub(super) fn companions(formats: &[(u8, Format)], codec: Codec) -> Companions {
    let clock = codec.clock_hz();
    let at =
        |(_, format): &&(u8, Format)| matches!(format, Format::Events { clock_hz } if *clock_hz == clock);
    let any = |(_, format): &&(u8, Format)| matches!(format, Format::Events { .. });
    let comfort = |(_, format): &&(u8, Format)| *format == Format::ComfortNoise && codec != Codec::Opus;
    Companions {
        events: formats.iter().find(at).or_else(|| formats.iter().find(any)).copied(),
        comfort_noise: formats.iter().find(comfort).map(|(number, _)| *number),
    }
}
