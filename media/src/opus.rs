//! Opus (RFC 6716, RFC 7587) for a bridge of 8 kHz, mono: libopus decodes to that rate and encodes from it. The only file
//! that names the crate `opus`, and there only with the cargo feature of that name. Knows nothing of packets.
//!
//! Nothing is gained by encoding at 16 kHz what has 4 kHz of band. Discontinuous transmission stays off: where silence
//! need not be sent, the bridge doesn't send it.

use opus::{Application, Bitrate, Channels};

use crate::sdp::OpusReceiver;

const RATE: u32 = 8_000;
/// Samples of 2.5 ms, the grain of everything in Opus.
const GRAIN: usize = 20;
/// Bits a second: enough for narrow-band speech with room for the redundancy of FEC (RFC 7587 §3.1.1).
const BITRATE: u32 = 24_000;
/// The loss that redundancy is written for, in percent.
const LOSS_PERCENT: i32 = 10;

/// Samples of 8 kHz in a packet. None: no Opus.
pub(crate) fn samples(packet: &[u8]) -> Option<usize> {
    opus::packet::get_nb_samples(packet, RATE).ok()
}

/// Bytes to samples.
#[derive(Debug)]
pub(crate) struct Decoder {
    inner: opus::Decoder,
}

impl Decoder {
    pub(crate) fn new() -> Self {
        let inner = opus::Decoder::new(RATE, Channels::Mono).expect("libopus knows the rate and has memory");
        Self { inner }
    }

    /// The samples of a packet, and their number; zero if it is broken, or longer than `samples`.
    pub(crate) fn decode(&mut self, packet: &[u8], samples: &mut [i16]) -> usize {
        // An empty packet would ask libopus to make something up.
        if packet.is_empty() { 0 } else { self.inner.decode(packet, samples, false).unwrap_or(0) }
    }

    /// What was lost right before `packet`, from the redundancy in it, or made up where there is none. False: it cannot
    /// be, and `samples` mean nothing.
    pub(crate) fn recover(&mut self, packet: &[u8], samples: &mut [i16]) -> bool {
        !packet.is_empty()
            && samples.len().is_multiple_of(GRAIN)
            && self.inner.decode(packet, samples, true).is_ok_and(|count| count == samples.len())
    }
}

/// Samples to bytes.
#[derive(Debug)]
pub(crate) struct Encoder {
    inner: opus::Encoder,
}

impl Encoder {
    pub(crate) fn new(receiver: &OpusReceiver) -> Self {
        let inner =
            opus::Encoder::new(RATE, Channels::Mono, Application::Voip).expect("libopus has memory for it");
        let mut encoder = Self { inner };
        encoder.tune(receiver).expect("libopus takes these settings");
        encoder
    }

    fn tune(&mut self, receiver: &OpusReceiver) -> opus::Result<()> {
        let bitrate = receiver.bitrate_max.map_or(BITRATE, |max| max.clamp(BITRATE_MIN, BITRATE));
        self.inner.set_bitrate(Bitrate::Bits(bitrate as i32))?;
        self.inner.set_vbr(!receiver.cbr)?;
        self.inner.set_dtx(false)?;
        self.inner.set_inband_fec(receiver.fec)?;
        self.inner.set_packet_loss_perc(if receiver.fec { LOSS_PERCENT } else { 0 })
    }

    /// One packet of 10, 20, 40 or 60 ms; its length. None: no such length, or no room.
    pub(crate) fn encode(&mut self, samples: &[i16], packet: &mut [u8]) -> Option<usize> {
        self.inner.encode(samples, packet).ok()
    }
}

/// libopus's own lower bound.
const BITRATE_MIN: u32 = 6_000;

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    /// Room for a packet: 60 ms at 64 kbit/s, far above [`BITRATE`].
    const PACKET_MAX: usize = 480;

    use super::*;

    fn tone(count: usize) -> Vec<i16> {
        (0..count).map(|n| (8_000.0 * (TAU * 440.0 * n as f32 / 8_000.0).sin()) as i16).collect()
    }

    fn power(samples: &[i16]) -> f64 {
        samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64
    }

    #[test]
    fn a_tone_survives_packets_of_every_length() {
        for length in [80, 160, 320, 480] {
            let mut encoder = Encoder::new(&OpusReceiver::default());
            let mut decoder = Decoder::new();
            let mut heard = Vec::new();
            for frame in tone(9_600).chunks_exact(length) {
                let (mut packet, mut out) = ([0; PACKET_MAX], [0; 480]);
                let bytes = encoder.encode(frame, &mut packet).expect("a packet");
                assert_eq!(samples(&packet[..bytes]), Some(length));
                assert_eq!(decoder.decode(&packet[..bytes], &mut out), length);
                heard.extend_from_slice(&out[..length]);
            }
            let level = 10.0 * (power(&heard[4_000..]) / 32_000_000.0).log10();
            assert!(level.abs() < 1.0, "{length}: {level} dB");
        }
    }

    #[test]
    fn redundancy_brings_a_lost_packet_back() {
        let mut encoder = Encoder::new(&OpusReceiver { fec: true, ..OpusReceiver::default() });
        let mut decoder = Decoder::new();
        let (mut packet, mut out) = ([0; PACKET_MAX], [0; 160]);
        for (index, frame) in tone(8_000).chunks_exact(160).enumerate() {
            let bytes = encoder.encode(frame, &mut packet).expect("a packet");
            if index % 10 == 8 {
                continue;
            }
            if index > 10 && index % 10 == 9 {
                assert!(decoder.recover(&packet[..bytes], &mut out));
                assert!(power(&out) > 3_000_000.0, "packet {index}: {}", power(&out));
            }
            assert_eq!(decoder.decode(&packet[..bytes], &mut out), 160);
        }
    }

    #[test]
    fn a_receiver_s_bound_on_the_bit_rate_is_kept() {
        let bytes = |receiver: &OpusReceiver| -> usize {
            let mut encoder = Encoder::new(receiver);
            let mut packet = [0; PACKET_MAX];
            tone(8_000).chunks_exact(160).filter_map(|frame| encoder.encode(frame, &mut packet)).sum()
        };
        let bounded = OpusReceiver { bitrate_max: Some(8_000), cbr: true, ..OpusReceiver::default() };
        assert!(bytes(&bounded) <= 1_050, "{}", bytes(&bounded));
        assert!(bytes(&OpusReceiver::default()) < 4_000);
    }

    #[test]
    fn hostile_packets_give_silence_or_noise_and_no_panic() {
        let mut decoder = Decoder::new();
        let mut out = [0; 480];
        assert_eq!((decoder.decode(&[], &mut out), samples(&[])), (0, None));
        for seed in 0..2_000u32 {
            let length = seed as usize % 60;
            let packet: Vec<u8> = (0..length as u32)
                .map(|n| ((seed * 64 + n).wrapping_mul(2_654_435_761) >> 21) as u8)
                .collect();
            assert!(decoder.decode(&packet, &mut out) <= out.len());
            let _ = decoder.recover(&packet, &mut out[..160]);
            let _ = samples(&packet);
        }
    }
}
