//! Payload types: which number stands for what, and what its `fmtp` says (RFC 3551, 4733, 3389, 7587).

use super::{
    capabilities::{COMFORT_NOISE, Capabilities, DYNAMIC_MIN, OPUS, TELEPHONE_EVENT, TELEPHONE_EVENT_WIDE},
    negotiated::{Format, OpusReceiver},
    syntax::{Attributes, Stream},
};
use crate::codec::Codec;

const NARROW_HZ: u32 = 8_000;
const WIDE_HZ: u32 = 48_000;

/// What we offer, in order: codecs, comfort noise, and telephone events at the clock of each codec (RFC 4733 §2.1).
pub(super) fn offered(capabilities: &Capabilities) -> Vec<(u8, Format)> {
    let mut formats: Vec<(u8, Format)> = capabilities
        .codecs
        .iter()
        .map(|codec| (codec.static_payload_type().unwrap_or(OPUS), Format::Audio(*codec)))
        .collect();
    let has_clock = |clock_hz| capabilities.codecs.iter().any(|codec| codec.clock_hz() == clock_hz);
    // Payload type 13 has a clock of 8,000 (RFC 3389 §4); Opus has silence of its own.
    if capabilities.comfort_noise && has_clock(NARROW_HZ) {
        formats.push((COMFORT_NOISE, Format::ComfortNoise));
    }
    let events = [(TELEPHONE_EVENT, NARROW_HZ), (TELEPHONE_EVENT_WIDE, WIDE_HZ)];
    for (number, clock_hz) in events.into_iter().filter(|(_, clock_hz)| has_clock(*clock_hz)) {
        if capabilities.telephone_event {
            formats.push((number, Format::Events { clock_hz }));
        }
    }
    formats
}

/// Which numbers stand for what in a session, ours and theirs; nothing where theirs is nothing that we know of.
#[derive(Debug, Default)]
pub(super) struct Numbers(Vec<(u8, Option<Format>)>);

impl Numbers {
    /// What we offer now: a dynamic number means the same for as long as the session lasts (RFC 3264 §8.3.2).
    pub(super) fn offered(&self, capabilities: &Capabilities) -> Vec<(u8, Format)> {
        let mut formats: Vec<(u8, Format)> = Vec::new();
        for (usual, format) in offered(capabilities) {
            let is_taken = |number: u8| {
                self.meaning(number).is_some() || formats.iter().any(|(other, _)| *other == number)
            };
            let given =
                self.0.iter().find(|(_, meaning)| *meaning == Some(format)).map(|(number, _)| *number);
            let number = match given {
                None if usual >= DYNAMIC_MIN && is_taken(usual) => {
                    (DYNAMIC_MIN..128).find(|number| !is_taken(*number))
                }
                given => given.or(Some(usual)),
            };
            formats.extend(number.map(|number| (number, format)));
        }
        formats
    }

    /// They stand in a description of this session.
    pub(super) fn learn(&mut self, numbers: impl IntoIterator<Item = (u8, Option<Format>)>) {
        for (number, format) in numbers {
            if self.meaning(number).is_none() {
                self.0.push((number, format));
            }
        }
    }

    fn meaning(&self, number: u8) -> Option<Option<Format>> {
        self.0.iter().find(|(known, _)| *known == number).map(|(_, format)| *format)
    }
}

/// All numbers of a stream, with what we know of.
pub(super) fn all(stream: &Stream) -> Vec<(u8, Option<Format>)> {
    payload_types(stream).map(|number| (number, format(stream, number))).collect()
}

/// The numbers for the `m=` line.
pub(super) fn numbers(formats: &[(u8, Format)]) -> String {
    formats.iter().map(|(number, _)| number.to_string()).collect::<Vec<_>>().join(" ")
}

/// Writes what each number stands for.
pub(super) fn describe(formats: &[(u8, Format)], attributes: &mut Attributes) {
    for (number, format) in formats {
        attributes.push("rtpmap", format_args!("{number} {}", name(*format)));
        match format {
            Format::Audio(Codec::Opus) => attributes.push("fmtp", format_args!("{number} {OPUS_WE_RECEIVE}")),
            // §2.4.1 of RFC 4733: the digits, and the flash that everybody names with them.
            Format::Events { .. } => attributes.push("fmtp", format_args!("{number} 0-16")),
            Format::Audio(_) | Format::ComfortNoise => {}
        }
    }
}

/// Our Opus decoder uses forward error correction; a telephone's microphone is mono.
const OPUS_WE_RECEIVE: &str = "useinbandfec=1;stereo=0;sprop-stereo=0";

/// A format as `rtpmap` spells it.
pub(super) fn name(format: Format) -> String {
    match format {
        Format::Audio(codec) => match codec.channels() {
            Some(channels) => format!("{}/{}/{channels}", codec.name(), codec.clock_hz()),
            None => format!("{}/{}", codec.name(), codec.clock_hz()),
        },
        Format::Events { clock_hz } => format!("telephone-event/{clock_hz}"),
        Format::ComfortNoise => format!("CN/{NARROW_HZ}"),
    }
}

/// The formats of a stream that we know of, in its order.
pub(super) fn read(stream: &Stream) -> Vec<(u8, Format)> {
    payload_types(stream).filter_map(|number| Some((number, format(stream, number)?))).collect()
}

/// The formats of a stream by their names, known or not; without repetitions.
pub(super) fn names(stream: &Stream) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for number in payload_types(stream) {
        let name = match rtpmap(stream, number) {
            Some(encoding) => encoding.to_owned(),
            None => static_name(number),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The numbers on the `m=` line, each once: no more than 128, however many a hostile one has.
pub(super) fn payload_types(stream: &Stream) -> impl Iterator<Item = u8> + '_ {
    let numbers = stream.formats.split_ascii_whitespace().filter_map(|number| number.parse().ok());
    let mut seen = 0_u128;
    numbers.filter(|number| *number < 128).filter(move |number| {
        let is_new = seen & (1_u128 << number) == 0;
        seen |= 1_u128 << number;
        is_new
    })
}

fn format(stream: &Stream, number: u8) -> Option<Format> {
    let Some(encoding) = rtpmap(stream, number) else {
        let codec = Codec::ALL.into_iter().find(|codec| codec.static_payload_type() == Some(number));
        return codec.map(Format::Audio).or((number == COMFORT_NOISE).then_some(Format::ComfortNoise));
    };
    let mut parts = encoding.split('/').map(str::trim);
    let (name, clock_hz) = (parts.next()?, parts.next()?.parse::<u32>().ok()?);
    let mono = matches!(parts.next(), None | Some("" | "1"));
    if name.eq_ignore_ascii_case("telephone-event") {
        return matches!(clock_hz, NARROW_HZ | WIDE_HZ).then_some(Format::Events { clock_hz });
    }
    if name.eq_ignore_ascii_case("CN") {
        return (clock_hz == NARROW_HZ).then_some(Format::ComfortNoise);
    }
    let codec = Codec::ALL.into_iter().find(|codec| name.eq_ignore_ascii_case(codec.name()))?;
    let fits = match codec {
        Codec::Pcmu | Codec::Pcma => clock_hz == NARROW_HZ && mono,
        // Its clock is 8,000 by decree; some write what it samples at.
        Codec::G722 => matches!(clock_hz, NARROW_HZ | 16_000) && mono,
        // Always 2 channels by decree (RFC 7587 §7); some write what they have.
        Codec::Opus => clock_hz == WIDE_HZ,
    };
    fits.then_some(Format::Audio(codec))
}

/// What `a=rtpmap` says after the number.
fn rtpmap(stream: &Stream, number: u8) -> Option<&str> {
    of_number(&stream.attributes, "rtpmap", number)
}

fn of_number<'a>(attributes: &'a Attributes, name: &str, number: u8) -> Option<&'a str> {
    attributes.values(name).find_map(|value| {
        let (known, rest) = value.split_once(char::is_whitespace)?;
        (known.parse() == Ok(number)).then(|| rest.trim())
    })
}

/// RFC 3551 §6, as far as telephones still name them.
fn static_name(number: u8) -> String {
    let name = match number {
        0 => "PCMU/8000",
        3 => "GSM/8000",
        4 => "G723/8000",
        8 => "PCMA/8000",
        9 => "G722/8000",
        13 => "CN/8000",
        15 => "G728/8000",
        18 => "G729/8000",
        _ => return format!("payload type {number}"),
    };
    name.to_owned()
}

/// What their decoder asks for by `fmtp` (RFC 7587 §6.1, §7.1). What is out of its range is as if it weren't there.
pub(super) fn opus(stream: &Stream, number: u8) -> OpusReceiver {
    let mut opus = OpusReceiver::default();
    for parameter in of_number(&stream.attributes, "fmtp", number).unwrap_or("").split(';') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value: Option<u32> = value.trim().parse().ok();
        match name.trim().to_ascii_lowercase().as_str() {
            "useinbandfec" => opus.fec = value == Some(1),
            "usedtx" => opus.dtx = value == Some(1),
            "cbr" => opus.cbr = value == Some(1),
            "maxaveragebitrate" => opus.bitrate_max = value.filter(|rate| (6_000..=510_000).contains(rate)),
            "maxplaybackrate" => {
                let rate = value.filter(|rate| (8_000..=WIDE_HZ).contains(rate));
                opus.playback_rate_max_hz = rate.unwrap_or(WIDE_HZ);
            }
            _ => {}
        }
    }
    opus
}
