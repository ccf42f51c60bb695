//! G.711 (ITU-T G.711, RFC 3551 §4.5.14): µ-law and A-law to 16-bit samples and back, by tables.
//!
//! The tables are made once, at first use, from `audio-codec-algorithms`, which agrees bit for bit with ITU-T G.191.
//! Knows nothing of packets.

use std::sync::LazyLock;

use audio_codec_algorithms::{
    convert_alaw_to_ulaw, convert_ulaw_to_alaw, decode_alaw, decode_ulaw, encode_alaw, encode_ulaw,
};

/// One of the two laws: 8,000 samples and bytes a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// µ-law, as in North America and Japan.
    Mu,
    /// A-law, as everywhere else.
    A,
}

/// Is this byte of PCMU in the lowest segment of µ-law, up to 120 of 32,768? A line's own noise is; a voice leaves it at once.
#[must_use]
pub fn is_faint(pcmu: u8) -> bool {
    pcmu & 0x7f >= 0x70
}

impl Law {
    /// The byte that says nothing.
    #[must_use]
    pub fn silence(self) -> u8 {
        match self {
            Law::Mu => 0xff,
            Law::A => 0xd5,
        }
    }

    /// Decodes as many samples as both slices hold.
    pub fn decode(self, encoded: &[u8], samples: &mut [i16]) {
        let table = match self {
            Law::Mu => &TABLES.from_pcmu,
            Law::A => &TABLES.from_pcma,
        };
        for (sample, byte) in samples.iter_mut().zip(encoded) {
            *sample = table[usize::from(*byte)];
        }
    }

    /// Encodes as many samples as both slices hold.
    pub fn encode(self, samples: &[i16], encoded: &mut [u8]) {
        match self {
            Law::Mu => {
                for (byte, sample) in encoded.iter_mut().zip(samples) {
                    *byte = TABLES.to_pcmu[usize::from(*sample as u16 >> PCMU_SHIFT)];
                }
            }
            Law::A => {
                for (byte, sample) in encoded.iter_mut().zip(samples) {
                    *byte = TABLES.to_pcma[usize::from(*sample as u16 >> PCMA_SHIFT)];
                }
            }
        }
    }

    /// Turns PCMU bytes into this codec's, without a way through samples.
    pub fn transcode_from_pcmu(self, pcmu: &[u8], encoded: &mut [u8]) {
        let length = pcmu.len().min(encoded.len());
        match self {
            Law::Mu => encoded[..length].copy_from_slice(&pcmu[..length]),
            Law::A => {
                for (byte, from) in encoded.iter_mut().zip(pcmu) {
                    *byte = TABLES.pcmu_to_pcma[usize::from(*from)];
                }
            }
        }
    }

    /// Turns this codec's bytes into PCMU.
    pub fn transcode_to_pcmu(self, encoded: &[u8], pcmu: &mut [u8]) {
        let length = pcmu.len().min(encoded.len());
        match self {
            Law::Mu => pcmu[..length].copy_from_slice(&encoded[..length]),
            Law::A => {
                for (byte, from) in pcmu.iter_mut().zip(encoded) {
                    *byte = TABLES.pcma_to_pcmu[usize::from(*from)];
                }
            }
        }
    }
}

/// µ-law looks at the upper 14 bits of a sample, A-law at 13: so the encoding tables fit the first-level cache.
const PCMU_SHIFT: u32 = 2;
const PCMA_SHIFT: u32 = 3;

struct Tables {
    from_pcmu: [i16; 256],
    from_pcma: [i16; 256],
    to_pcmu: [u8; 1 << (16 - PCMU_SHIFT)],
    to_pcma: [u8; 1 << (16 - PCMA_SHIFT)],
    pcmu_to_pcma: [u8; 256],
    pcma_to_pcmu: [u8; 256],
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    from_pcmu: std::array::from_fn(|byte| decode_ulaw(byte as u8)),
    from_pcma: std::array::from_fn(|byte| decode_alaw(byte as u8)),
    to_pcmu: std::array::from_fn(|index| encode_ulaw(((index as u16) << PCMU_SHIFT) as i16)),
    to_pcma: std::array::from_fn(|index| encode_alaw(((index as u16) << PCMA_SHIFT) as i16)),
    pcmu_to_pcma: std::array::from_fn(|byte| convert_ulaw_to_alaw(byte as u8)),
    pcma_to_pcmu: std::array::from_fn(|byte| convert_alaw_to_ulaw(byte as u8)),
});

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Law; 2] = [Law::Mu, Law::A];

    fn decode_one(law: Law, byte: u8) -> i16 {
        let mut sample = [0];
        law.decode(&[byte], &mut sample);
        sample[0]
    }

    fn encode_one(law: Law, sample: i16) -> u8 {
        let mut byte = [0];
        law.encode(&[sample], &mut byte);
        byte[0]
    }

    #[test]
    fn every_sample_encodes_as_the_reference_does() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(encode_one(Law::Mu, sample), encode_ulaw(sample), "PCMU {sample}");
            assert_eq!(encode_one(Law::A, sample), encode_alaw(sample), "PCMA {sample}");
        }
    }

    #[test]
    fn every_byte_survives_decoding_and_encoding() {
        for law in BOTH {
            for byte in 0..=255 {
                let again = encode_one(law, decode_one(law, byte));
                // µ-law has two zeros, and the negative one comes back as the positive.
                let expected = if law == Law::Mu && byte == 0x7f { 0xff } else { byte };
                assert_eq!(again, expected, "{law:?}");
            }
        }
    }

    #[test]
    fn no_sample_is_louder_than_the_codec_allows() {
        for law in BOTH {
            for byte in 0..=255 {
                assert!(decode_one(law, byte).unsigned_abs() <= 32_256);
            }
            assert!(decode_one(law, law.silence()).unsigned_abs() <= 8);
        }
    }

    #[test]
    fn transcoding_stays_within_one_step() {
        for byte in 0..=255u8 {
            let mut there = [0];
            let mut back = [0];
            Law::A.transcode_from_pcmu(&[byte], &mut there);
            Law::A.transcode_to_pcmu(&there, &mut back);
            let (was, is) = (decode_one(Law::Mu, byte), decode_one(Law::Mu, back[0]));
            assert!(
                (i32::from(was) - i32::from(is)).abs() <= 1024.min(8 + i32::from(was).abs() / 8),
                "{was} became {is}"
            );
        }
    }
}
