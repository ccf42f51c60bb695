//! A bot's audio, in pieces of any length, to PCMU. What does not make a whole sample waits for the next piece.

use trunkline_media::g711::Law;
use trunkline_media::{Downsampler, Rate};

use crate::model::Encoding;

/// Samples of 8 kHz in one go.
const CHUNK: usize = 160;
/// Bytes of one sample at 8 kHz where it is widest: three of two bytes each.
const SAMPLE_BYTES_MAX: usize = 6;

/// Turns a bot's bytes into PCMU.
#[derive(Debug)]
pub(in crate::agent) struct Intake {
    encoding: Encoding,
    downsampler: Downsampler,
    /// The beginning of a sample.
    rest: [u8; SAMPLE_BYTES_MAX],
    rest_length: usize,
}

impl Intake {
    pub fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            downsampler: Downsampler::new(rate(encoding)),
            rest: [0; SAMPLE_BYTES_MAX],
            rest_length: 0,
        }
    }

    /// Gives `sink` the PCMU of these bytes. Another encoding than before begins anew.
    pub fn push(&mut self, encoding: Encoding, bytes: &[u8], mut sink: impl FnMut(&[u8])) {
        if encoding != self.encoding {
            *self = Self::new(encoding);
        }
        match encoding {
            Encoding::Pcmu => sink(bytes),
            Encoding::Pcma => {
                let mut pcmu = [0; CHUNK];
                for chunk in bytes.chunks(CHUNK) {
                    Law::A.transcode_to_pcmu(chunk, &mut pcmu);
                    sink(&pcmu[..chunk.len()]);
                }
            }
            Encoding::L16(rate) => self.linear(2 * rate.times(), bytes, &mut sink),
        }
    }

    /// What came before has nothing to do with what comes now.
    pub fn reset(&mut self) {
        *self = Self::new(self.encoding);
    }

    fn linear(&mut self, sample: usize, mut bytes: &[u8], sink: &mut impl FnMut(&[u8])) {
        if self.rest_length > 0 {
            let taken = bytes.len().min(sample - self.rest_length);
            self.rest[self.rest_length..self.rest_length + taken].copy_from_slice(&bytes[..taken]);
            self.rest_length += taken;
            bytes = &bytes[taken..];
            if self.rest_length < sample {
                return;
            }
            self.rest_length = 0;
            let whole = self.rest;
            self.convert(sample, &whole[..sample], sink);
        }
        let whole = bytes.len() - bytes.len() % sample;
        for chunk in bytes[..whole].chunks(sample * CHUNK) {
            self.convert(sample, chunk, sink);
        }
        self.rest_length = bytes.len() - whole;
        self.rest[..self.rest_length].copy_from_slice(&bytes[whole..]);
    }

    /// At most [`CHUNK`] whole samples of 8 kHz.
    fn convert(&mut self, sample: usize, bytes: &[u8], sink: &mut impl FnMut(&[u8])) {
        let (mut wide, mut narrow, mut pcmu) = ([0; 3 * CHUNK], [0; CHUNK], [0; CHUNK]);
        for (into, pair) in wide.iter_mut().zip(bytes.as_chunks().0) {
            *into = i16::from_le_bytes(*pair);
        }
        let length = bytes.len() / sample;
        self.downsampler.run(&wide[..bytes.len() / 2], &mut narrow[..length]);
        Law::Mu.encode(&narrow[..length], &mut pcmu);
        sink(&pcmu[..length]);
    }
}

fn rate(encoding: Encoding) -> Rate {
    match encoding {
        Encoding::Pcmu | Encoding::Pcma => Rate::Hz8000,
        Encoding::L16(rate) => rate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [Rate; 3] = [Rate::Hz8000, Rate::Hz16000, Rate::Hz24000];

    fn pushed(encoding: Encoding, pieces: &[&[u8]]) -> Vec<u8> {
        let (mut intake, mut out) = (Intake::new(encoding), vec![]);
        for piece in pieces {
            intake.push(encoding, piece, |pcmu| out.extend_from_slice(pcmu));
        }
        out
    }

    fn linear(rate: Rate, samples: usize) -> Vec<u8> {
        (0..samples * rate.times()).flat_map(|n| (((n * 37) % 8_000) as i16 - 4_000).to_le_bytes()).collect()
    }

    #[test]
    fn pcmu_passes_untouched() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(pushed(Encoding::Pcmu, &[&all[..3], &all[3..]]), all);
    }

    #[test]
    fn any_chunking_gives_what_one_piece_gives() {
        for rate in RATES {
            let bytes = linear(rate, 800);
            let whole = pushed(Encoding::L16(rate), &[&bytes]);
            assert_eq!(whole.len(), 800, "{rate:?}");
            for size in [1, 2, 3, 5, 7, 319, 320, 321, 961, 4_000] {
                let pieces: Vec<_> = bytes.chunks(size).collect();
                assert_eq!(pushed(Encoding::L16(rate), &pieces), whole, "{rate:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn half_a_sample_waits_and_another_encoding_begins_anew() {
        let mut intake = Intake::new(Encoding::L16(Rate::Hz8000));
        let mut out = vec![];
        intake.push(Encoding::L16(Rate::Hz8000), &[0x00], |pcmu| out.extend_from_slice(pcmu));
        assert!(out.is_empty());
        intake.push(Encoding::Pcmu, &[0x12], |pcmu| out.extend_from_slice(pcmu));
        assert_eq!(out, [0x12]);
        intake.push(Encoding::L16(Rate::Hz8000), &[0, 0], |pcmu| out.extend_from_slice(pcmu));
        assert_eq!(out, [0x12, 0xff]);
    }

    #[test]
    fn a_law_becomes_mu_law() {
        assert_eq!(pushed(Encoding::Pcma, &[&[Law::A.silence(); 3]]).len(), 3);
        let mut samples = [0; 1];
        Law::Mu.decode(&pushed(Encoding::Pcma, &[&[0xaa]]), &mut samples);
        assert!(samples[0] > 30_000, "A-law's loudest is µ-law's: {}", samples[0]);
    }
}
