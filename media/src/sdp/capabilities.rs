//! What we offer and accept.

use crate::codec::Codec;

/// What we offer and accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// In order of preference, at least one.
    pub codecs: Vec<Codec>,
    /// Whether telephone events (RFC 4733) are offered, at the clock of each codec.
    pub telephone_event: bool,
    /// The packet length that we ask for, in milliseconds, 10 to 60.
    pub ptime_ms: u16,
    /// Whether audio is encrypted.
    pub srtp: Srtp,
    /// Whether RTCP may share RTP's port (RFC 5761).
    pub rtcp_mux: bool,
    /// Whether comfort noise (RFC 3389) is understood.
    pub comfort_noise: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            telephone_event: true,
            ptime_ms: 20,
            srtp: Srtp::Off,
            rtcp_mux: false,
            comfort_noise: false,
        }
    }
}

/// Whether audio is encrypted: SRTP (RFC 3711) with keys in the SDP (RFC 4568). The keys are as safe as the signalling
/// that carries them, so let that be TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Srtp {
    /// Never: who insists on it is refused.
    #[default]
    Off,
    /// Offered beside plain RTP, and used if the other side takes it or asks for it.
    Offered,
    /// Always: who cannot is refused.
    Required,
}

/// The payload type under which we offer telephone events at 8,000 Hz.
pub const TELEPHONE_EVENT: u8 = 101;
/// That at 48,000 Hz, for Opus (RFC 4733 §2.1: the clock is that of the audio beside it).
pub const TELEPHONE_EVENT_WIDE: u8 = 110;
/// The payload type under which we offer Opus.
pub const OPUS: u8 = 111;
/// The lowest dynamic payload type: from here on numbers mean what a session says (RFC 3551 §3).
pub(crate) const DYNAMIC_MIN: u8 = 96;
/// The static payload type of comfort noise (RFC 3389 §4).
pub const COMFORT_NOISE: u8 = 13;

/// Packet lengths that we send, in milliseconds.
pub const PTIME_MS_MIN: u16 = 10;
/// See [`PTIME_MS_MIN`].
pub const PTIME_MS_MAX: u16 = 60;
