//! The callee's voice, 20 ms of PCMU at a time, in the encoding that the bot reads.

use trunkline_media::g711::Law;
use trunkline_media::port::Frame;
use trunkline_media::{Rate, Upsampler};

use crate::model::Encoding;

/// Samples of 20 ms at 8 kHz.
const FRAME: usize = 160;

/// Turns frames into a bot's bytes.
#[derive(Debug)]
pub(in crate::agent) struct Voice {
    encoding: Encoding,
    upsampler: Upsampler,
    bytes: [u8; 6 * FRAME],
}

impl Voice {
    pub fn new(encoding: Encoding) -> Self {
        let rate = if let Encoding::L16(rate) = encoding { rate } else { Rate::Hz8000 };
        Self { encoding, upsampler: Upsampler::new(rate), bytes: [0; 6 * FRAME] }
    }

    /// The bytes of these 20 ms.
    pub fn bytes<'a>(&'a mut self, frame: &'a Frame) -> &'a [u8] {
        match self.encoding {
            Encoding::Pcmu => frame,
            Encoding::Pcma => {
                Law::A.transcode_from_pcmu(frame, &mut self.bytes[..FRAME]);
                &self.bytes[..FRAME]
            }
            Encoding::L16(rate) => self.linear(rate.times() * FRAME, frame),
        }
    }

    fn linear(&mut self, samples: usize, frame: &Frame) -> &[u8] {
        let (mut narrow, mut wide) = ([0; FRAME], [0; 3 * FRAME]);
        Law::Mu.decode(frame, &mut narrow);
        self.upsampler.run(&narrow, &mut wide[..samples]);
        for (into, sample) in self.bytes.as_chunks_mut().0.iter_mut().zip(&wide[..samples]) {
            *into = sample.to_le_bytes();
        }
        &self.bytes[..2 * samples]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_milliseconds_are_as_long_as_their_encoding_makes_them() {
        for (encoding, length) in [
            (Encoding::Pcmu, 160),
            (Encoding::Pcma, 160),
            (Encoding::L16(Rate::Hz8000), 320),
            (Encoding::L16(Rate::Hz16000), 640),
            (Encoding::L16(Rate::Hz24000), 960),
        ] {
            assert_eq!(Voice::new(encoding).bytes(&[0xff; FRAME]).len(), length, "{encoding:?}");
        }
    }

    #[test]
    fn linear_audio_has_its_lower_byte_first() {
        let mut sample = [0];
        Law::Mu.decode(&[0x20], &mut sample);
        let mut voice = Voice::new(Encoding::L16(Rate::Hz8000));
        assert_eq!(voice.bytes(&[0x20; FRAME])[..2], sample[0].to_le_bytes());
        assert_eq!(Voice::new(Encoding::Pcmu).bytes(&[0x20; FRAME])[0], 0x20);
    }
}
