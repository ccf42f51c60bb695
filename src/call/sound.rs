//! How a trunk speaks, in the media plane's words.

use std::f64::consts::TAU;
use std::sync::{Arc, LazyLock};

use trunkline_media::{BridgeSpec, Capabilities, Clip, Codec, Srtp};

use crate::model::{AudioCodec, CallPlan, DtmfMode, PhoneNumber, SrtpPolicy, Trunk};

/// Samples a second.
const RATE: usize = 8_000;
/// A tone's amplitude: about -20 dBm0, as an exchange sends it.
const TONE: f64 = 2_000.0;

/// What is offered to this trunk, and taken from it.
pub fn capabilities(trunk: &Trunk) -> Capabilities {
    let media = &trunk.media;
    Capabilities {
        codecs: media.codecs.iter().map(|codec| self::codec(*codec)).collect(),
        // Who is offered telephone events sends digits as nothing else, and is sent them so; who is not, as tones.
        telephone_event: media.dtmf == DtmfMode::Rfc4733,
        ptime_ms: media.ptime_ms,
        srtp: match media.srtp {
            SrtpPolicy::Off => Srtp::Off,
            SrtpPolicy::Offered => Srtp::Offered,
            SrtpPolicy::Required => Srtp::Required,
        },
        rtcp_mux: media.rtcp_mux,
        comfort_noise: media.comfort_noise,
    }
}

/// A call's leg is opened once, for whichever of its trunks carries it: it listens for tones if one of them may send some.
pub fn over(plan: &CallPlan, spec: BridgeSpec) -> BridgeSpec {
    let is_inband = |trunk: &Trunk| trunk.media.dtmf == DtmfMode::Inband;
    BridgeSpec { inband_dtmf: plan.trunks.iter().any(|trunk| is_inband(trunk)), ..spec }
}

/// What a caller from this number hears while it rings: North America's cadence (440 and 480 Hz, two seconds of six), or else the
/// most usual one of ITU-T E.180 supplement 2 (425 Hz, one second of five).
pub fn ringback(ours: &PhoneNumber) -> Arc<Clip> {
    static AMERICAN: LazyLock<Arc<Clip>> = LazyLock::new(|| Arc::new(cadence(&[440.0, 480.0], 2, 6)));
    static USUAL: LazyLock<Arc<Clip>> = LazyLock::new(|| Arc::new(cadence(&[425.0], 1, 5)));
    Arc::clone(if ours.as_str().starts_with("+1") { &AMERICAN } else { &USUAL })
}

/// What is heard on hold where nobody has given anything better: a broken chord, softly, over eight seconds.
pub fn hold_music() -> Arc<Clip> {
    static MUSIC: LazyLock<Arc<Clip>> = LazyLock::new(|| Arc::new(chords()));
    Arc::clone(&MUSIC)
}

fn cadence(tones: &[f64], on: usize, all: usize) -> Clip {
    let sample = |at: usize| match at < on * RATE {
        true => tones.iter().map(|hertz| wave(*hertz, at) * TONE / tones.len() as f64).sum::<f64>() as i16,
        false => 0,
    };
    Clip::from_samples(&(0..all * RATE).map(sample).collect::<Vec<_>>())
}

fn chords() -> Clip {
    /// C, G, a and F, as their notes come.
    const NOTES: [f64; 16] = [
        261.6, 329.6, 392.0, 523.3, 246.9, 293.7, 392.0, 493.9, 220.0, 261.6, 329.6, 440.0, 220.0, 261.6,
        349.2, 440.0,
    ];
    /// Half a second each.
    const NOTE: usize = RATE / 2;
    let sample = |at: usize| {
        let (note, within) = (NOTES[at / NOTE], at % NOTE);
        // It begins softly and dies away, so that nothing clicks.
        let begin = (within as f64 / 80.0).min(1.0);
        let decay = 1.0 - within as f64 / NOTE as f64;
        (wave(note, at) * TONE * begin * decay) as i16
    };
    Clip::from_samples(&(0..NOTES.len() * NOTE).map(sample).collect::<Vec<_>>())
}

fn wave(hertz: f64, at: usize) -> f64 {
    (TAU * hertz * at as f64 / RATE as f64).sin()
}

fn codec(codec: AudioCodec) -> Codec {
    match codec {
        AudioCodec::Pcmu => Codec::Pcmu,
        AudioCodec::Pcma => Codec::Pcma,
        AudioCodec::G722 => Codec::G722,
        AudioCodec::Opus => Codec::Opus,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{TenantId, TrunkId};

    #[test]
    fn a_trunk_of_which_nothing_is_said_speaks_as_everybody_does() {
        let trunk = Trunk::new(TrunkId(1), TenantId(1), "t", "sip:a.example");
        assert_eq!(capabilities(&trunk), Capabilities::default());
    }

    #[test]
    fn what_a_trunk_says_is_offered() {
        let mut trunk = Trunk::new(TrunkId(1), TenantId(1), "t", "sip:a.example");
        trunk.media.codecs = vec![AudioCodec::G722, AudioCodec::Pcma];
        trunk.media.ptime_ms = 30;
        trunk.media.srtp = SrtpPolicy::Required;
        trunk.media.rtcp_mux = true;
        trunk.media.comfort_noise = true;
        trunk.media.dtmf = DtmfMode::Inband;
        let expected = Capabilities {
            codecs: vec![Codec::G722, Codec::Pcma],
            telephone_event: false,
            ptime_ms: 30,
            srtp: Srtp::Required,
            rtcp_mux: true,
            comfort_noise: true,
        };
        assert_eq!(capabilities(&trunk), expected);
    }
}
