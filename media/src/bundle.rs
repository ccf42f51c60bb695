//! From frames of 20 ms to packets of the length that was agreed upon (10 to 60 ms), in its codec. Knows nothing of
//! sequence numbers, peers or clocks but the timestamp it is given.
//!
//! The first frame of a spurt leaves at once, in a packet of its own that is shorter than the others: who waited in
//! silence is not to wait for a bundle to fill. The receiver loses nothing by it: a packet's length is its own affair
//! (RFC 3551 §4.2, RFC 8866 §6.4: `ptime` is a wish), and no later frame waits longer than for a bundle to fill, which is
//! what its buffer reckons with. What is left over when speech ends leaves in a shorter packet too.

use crate::{
    codec::Codec,
    coder::Encoder,
    g711::Law,
    jitter::FRAME,
    sdp::{Negotiated, OpusReceiver},
};

/// Samples of the longest packet: 60 ms.
pub(crate) const PACKET_SAMPLES_MAX: usize = 480;
/// Bytes of the longest payload: a byte a sample, and Opus takes less.
pub(crate) const PAYLOAD_MAX: usize = PACKET_SAMPLES_MAX;
/// The grain of packet lengths: 10 ms.
const GRAIN: usize = 80;
/// What can wait: a packet that is not quite full, and a frame.
const WAITING_MAX: usize = PACKET_SAMPLES_MAX + FRAME;

/// Audio on its way into packets.
#[derive(Debug)]
pub(crate) struct Bundle {
    codec: Codec,
    receiver: OpusReceiver,
    encoder: Encoder,
    /// Samples of a packet.
    length: usize,
    waiting: Waiting,
    /// Samples that wait, and the timestamp of the first.
    filled: usize,
    began: u32,
    marker: bool,
    /// Send what waits, full or not.
    hurry: bool,
    payload: [u8; PAYLOAD_MAX],
}

#[derive(Debug)]
enum Waiting {
    Bytes(Box<[u8; WAITING_MAX]>),
    /// Of a codec that encodes whole packets only.
    Samples(Box<[i16; WAITING_MAX]>),
}

/// A packet but for its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    pub(crate) payload: &'a [u8],
    /// In samples of 8 kHz.
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
}

impl Bundle {
    /// None: frames are packets as they are (G.711 in packets of 20 ms), or this build has no such codec.
    pub(crate) fn new(negotiated: &Negotiated) -> Option<Box<Self>> {
        let codec = negotiated.codec;
        let length = packet_samples(negotiated);
        if codec.law().is_some() && length == FRAME {
            return None;
        }
        let waiting = match codec {
            Codec::Opus => Waiting::Samples(Box::new([0; WAITING_MAX])),
            Codec::Pcmu | Codec::Pcma | Codec::G722 => Waiting::Bytes(Box::new([0; WAITING_MAX])),
        };
        Some(Box::new(Self {
            codec,
            receiver: negotiated.opus,
            encoder: Encoder::new(codec, &negotiated.opus)?,
            length,
            waiting,
            filled: 0,
            began: 0,
            marker: false,
            hurry: false,
            payload: [0; PAYLOAD_MAX],
        }))
    }

    /// Whether this is what was agreed upon again: then its encoder goes on.
    pub(crate) fn serves(&self, negotiated: &Negotiated) -> bool {
        self.codec == negotiated.codec
            && self.receiver == negotiated.opus
            && self.length == packet_samples(negotiated)
    }

    /// Takes a frame whose first sample has this timestamp; [`Bundle::poll`] afterwards. `spurt`: speech begins, and what
    /// waits is silence before it, which a gap says as well (RFC 3551 §4.1).
    pub(crate) fn push(&mut self, pcmu: &[u8; FRAME], timestamp: u32, marker: bool, spurt: bool) {
        if spurt || self.filled > self.length {
            self.clear();
        }
        if self.filled == 0 {
            self.began = timestamp;
            self.marker = marker;
        }
        let at = self.filled;
        match (&mut self.waiting, &mut self.encoder) {
            (Waiting::Bytes(bytes), Encoder::G722(encoder)) => {
                let mut samples = [0; FRAME];
                Law::Mu.decode(pcmu, &mut samples);
                encoder.encode(&samples, &mut bytes[at..at + FRAME]);
            }
            (Waiting::Bytes(bytes), Encoder::Pcma) => {
                Law::A.transcode_from_pcmu(pcmu, &mut bytes[at..at + FRAME]);
            }
            (Waiting::Bytes(bytes), _) => bytes[at..at + FRAME].copy_from_slice(pcmu),
            (Waiting::Samples(samples), _) => Law::Mu.decode(pcmu, &mut samples[at..at + FRAME]),
        }
        self.filled += FRAME;
        self.hurry = spurt;
    }

    /// What waits is to leave with the next polls, though it fills no packet.
    pub(crate) fn flush(&mut self) {
        self.hurry = true;
    }

    /// What waits is dropped.
    pub(crate) fn clear(&mut self) {
        self.filled = 0;
    }

    /// The next packet that is full, or due.
    pub(crate) fn poll(&mut self) -> Option<Packet<'_>> {
        let count = self.length.min(self.filled);
        if count == 0 || count < self.length && !self.hurry {
            return None;
        }
        let (timestamp, marker) = (self.began, self.marker);
        // An encoder refuses nothing that is given to it here; if it did, this would be loss.
        let bytes = self.fill(count);
        self.filled -= count;
        self.began = self.began.wrapping_add(count as u32);
        self.marker = false;
        Some(Packet { payload: &self.payload[..bytes], timestamp, marker })
    }

    /// The first `count` samples become the payload, and what is after them moves up.
    fn fill(&mut self, count: usize) -> usize {
        match &mut self.waiting {
            Waiting::Bytes(bytes) => {
                self.payload[..count].copy_from_slice(&bytes[..count]);
                bytes.copy_within(count..self.filled, 0);
                count
            }
            Waiting::Samples(samples) => {
                let written = match &mut self.encoder {
                    #[cfg(feature = "opus")]
                    Encoder::Opus(encoder) => encoder.encode(&samples[..count], &mut self.payload),
                    _ => None,
                };
                samples.copy_within(count..self.filled, 0);
                written.unwrap_or(0)
            }
        }
    }
}

/// What was asked for, as a length that can be made: a multiple of 10 ms up to 60; of Opus no 30 and no 50, which would be
/// several frames in one packet.
fn packet_samples(negotiated: &Negotiated) -> usize {
    let grains = usize::from(negotiated.ptime_ms / 10).clamp(1, PACKET_SAMPLES_MAX / GRAIN);
    match (negotiated.codec, grains) {
        (Codec::Opus, 3 | 5) => (grains - 1) * GRAIN,
        _ => grains * GRAIN,
    }
}

#[cfg(test)]
mod tests;
