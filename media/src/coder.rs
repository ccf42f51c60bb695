//! What turns bytes into samples of 8 kHz and back, whichever codec was agreed upon. G.711 has no memory and goes past
//! this, straight through its tables; the others have one, so each direction of a leg owns its own. They are made when a
//! codec is agreed upon: no packet allocates. Knows nothing of packets' order or time.

use crate::{codec::Codec, g722, sdp::OpusReceiver};

/// The memory of what comes in.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    g722: Option<Box<g722::Decoder>>,
    #[cfg(feature = "opus")]
    opus: Option<Box<crate::opus::Decoder>>,
}

impl Decoder {
    /// Makes what this codec needs, unless it is there.
    pub(crate) fn prepare(&mut self, codec: Codec) {
        match codec {
            Codec::Pcmu | Codec::Pcma => {}
            Codec::G722 => {
                self.g722.get_or_insert_with(|| Box::new(g722::Decoder::new()));
            }
            #[cfg(feature = "opus")]
            Codec::Opus => {
                self.opus.get_or_insert_with(|| Box::new(crate::opus::Decoder::new()));
            }
            #[cfg(not(feature = "opus"))]
            Codec::Opus => {}
        }
    }

    /// Decodes a whole packet; gives the number of samples, zero if it cannot be decoded.
    pub(crate) fn decode(&mut self, codec: Codec, packet: &[u8], samples: &mut [i16]) -> usize {
        match codec {
            Codec::Pcmu | Codec::Pcma => {
                codec.law().expect("it is one of the two").decode(packet, samples);
                packet.len().min(samples.len())
            }
            Codec::G722 => self.g722.as_mut().map_or(0, |decoder| decoder.decode(packet, samples)),
            #[cfg(feature = "opus")]
            Codec::Opus => self.opus.as_mut().map_or(0, |decoder| decoder.decode(packet, samples)),
            #[cfg(not(feature = "opus"))]
            Codec::Opus => 0,
        }
    }

    /// What was lost right before `packet`, if this codec knows better than to repeat what was before.
    pub(crate) fn recover(&mut self, codec: Codec, packet: &[u8], samples: &mut [i16]) -> bool {
        match codec {
            #[cfg(feature = "opus")]
            Codec::Opus => self.opus.as_mut().is_some_and(|decoder| decoder.recover(packet, samples)),
            _ => {
                let _ = (packet, samples);
                false
            }
        }
    }
}

/// Samples of 8 kHz in a packet. None: it is no packet of this codec.
pub(crate) fn samples(codec: Codec, packet: &[u8]) -> Option<usize> {
    match codec {
        Codec::Pcmu | Codec::Pcma | Codec::G722 => Some(packet.len()),
        #[cfg(feature = "opus")]
        Codec::Opus => crate::opus::samples(packet),
        #[cfg(not(feature = "opus"))]
        Codec::Opus => None,
    }
}

/// Whether this packet only says that silence follows: an Opus frame of no bytes, or one (RFC 6716 §3.1, RFC 7587 §3.1.3).
pub(crate) fn is_hush(codec: Codec, packet: &[u8]) -> bool {
    codec == Codec::Opus && packet.len() <= 2
}

/// The memory of what goes out.
#[derive(Debug)]
pub(crate) enum Encoder {
    /// A byte a sample, by a table.
    Pcmu,
    /// So too.
    Pcma,
    /// A byte a sample.
    G722(Box<g722::Encoder>),
    /// Whole packets.
    #[cfg(feature = "opus")]
    Opus(Box<crate::opus::Encoder>),
}

impl Encoder {
    /// None: this build has no such codec.
    pub(crate) fn new(codec: Codec, receiver: &OpusReceiver) -> Option<Self> {
        let _ = receiver;
        Some(match codec {
            Codec::Pcmu => Encoder::Pcmu,
            Codec::Pcma => Encoder::Pcma,
            Codec::G722 => Encoder::G722(Box::new(g722::Encoder::new())),
            #[cfg(feature = "opus")]
            Codec::Opus => Encoder::Opus(Box::new(crate::opus::Encoder::new(receiver))),
            #[cfg(not(feature = "opus"))]
            Codec::Opus => return None,
        })
    }
}
