//! How a trunk speaks, in the media plane's words.

use trunkline_media::{BridgeSpec, Capabilities, Codec, DtmfMode as Leaving, Srtp};

use crate::model::{AudioCodec, CallPlan, DtmfMode, SrtpPolicy, Trunk};

/// What is offered to this trunk, and taken from it.
pub fn capabilities(trunk: &Trunk) -> Capabilities {
    let media = &trunk.media;
    Capabilities {
        codecs: media.codecs.iter().map(|codec| self::codec(*codec)).collect(),
        // Who is offered telephone events sends digits as nothing else.
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
    BridgeSpec {
        inband_dtmf: plan.trunks.iter().any(|trunk| is_inband(trunk)),
        dtmf: if is_inband(&plan.trunk) { Leaving::Inband } else { Leaving::Events },
        ..spec
    }
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
