//! A description of ours on its way: what stands in it before it has a version, and the stream that is ours.

use super::{
    capabilities::PTIME_MS_MAX,
    direction::Direction,
    formats,
    negotiated::Format,
    syntax::{Attributes, Stream},
};

/// What becomes a description once it has its version. It may have keys in it, hence no `Debug`.
pub(super) struct Draft {
    pub(super) times: Vec<(u64, u64)>,
    pub(super) streams: Vec<Stream>,
    /// Which of the streams is ours.
    pub(super) ours: usize,
    /// The numbers in it, and in the offer that it answers.
    pub(super) numbers: Vec<(u8, Option<Format>)>,
}

/// A stream that is not taken, or not any more (RFC 3264 §6, §8.2).
pub(super) fn refusal(offered: &Stream) -> Stream {
    Stream { port: 0, connection: None, attributes: Attributes::default(), ..offered.clone() }
}

/// A stream of ours, without keys and without RTCP's place.
pub(super) fn audio(
    port: u16,
    protocol: &str,
    formats: &[(u8, Format)],
    ptime_ms: u16,
    direction: Direction,
) -> Stream {
    let mut attributes = Attributes::default();
    formats::describe(formats, &mut attributes);
    attributes.push("ptime", ptime_ms);
    attributes.push("maxptime", PTIME_MS_MAX);
    attributes.flag(direction.attribute());
    Stream {
        kind: "audio".to_owned(),
        port,
        protocol: protocol.to_owned(),
        formats: formats::numbers(formats),
        connection: None,
        attributes,
    }
}
