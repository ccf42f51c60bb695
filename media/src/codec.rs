//! Which codecs there are, and how SDP and RTP name them (RFC 3551 §6, RFC 7587). Knows nothing of samples.

use crate::g711::Law;

/// A codec of a telephone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, 8 kHz, static payload type 0.
    Pcmu,
    /// G.711 A-law, 8 kHz, static payload type 8.
    Pcma,
    /// G.722 at 64 kbit/s, 16 kHz, static payload type 9.
    G722,
    /// Opus, 48 kHz, a dynamic payload type.
    Opus,
}

impl Codec {
    /// Every one.
    pub const ALL: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

    /// Its name in SDP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
        }
    }

    /// The clock of its RTP timestamps. That of G.722 is 8,000 though it has 16,000 samples a second: an error of RFC 1890
    /// that was kept (RFC 3551 §4.5.2). That of Opus is 48,000 whatever is encoded (RFC 7587 §4.1).
    #[must_use]
    pub const fn clock_hz(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8_000,
            Codec::Opus => 48_000,
        }
    }

    /// The channels that its `rtpmap` names, where it names any (RFC 7587 §7: always 2, whatever is sent).
    #[must_use]
    pub const fn channels(self) -> Option<u8> {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => None,
            Codec::Opus => Some(2),
        }
    }

    /// Its static payload type (RFC 3551 §6), if it has one.
    #[must_use]
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Codec::Pcmu => Some(0),
            Codec::Pcma => Some(8),
            Codec::G722 => Some(9),
            Codec::Opus => None,
        }
    }

    /// Whether this build has it: Opus only with the cargo feature `opus`. What it has not is neither offered nor taken.
    #[must_use]
    pub const fn is_available(self) -> bool {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => true,
            Codec::Opus => cfg!(feature = "opus"),
        }
    }

    /// Its law, if it is G.711.
    #[must_use]
    pub const fn law(self) -> Option<Law> {
        match self {
            Codec::Pcmu => Some(Law::Mu),
            Codec::Pcma => Some(Law::A),
            Codec::G722 | Codec::Opus => None,
        }
    }
}
