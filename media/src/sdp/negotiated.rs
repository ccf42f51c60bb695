//! What an offer and its answer come to.

use std::net::SocketAddr;

use arrayvec::ArrayVec;

use crate::{codec::Codec, srtp::Security};

/// What offer and answer agreed upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Where RTP goes. None: on hold in the old manner, by 0.0.0.0 (RFC 3264 §8.4).
    pub remote: Option<SocketAddr>,
    /// Where RTCP goes: `remote` with [`Negotiated::rtcp_mux`], else `a=rtcp` (RFC 3605), or the port after `remote`'s.
    pub remote_rtcp: Option<SocketAddr>,
    /// RTCP shares RTP's port, both ways (RFC 5761).
    pub rtcp_mux: bool,
    /// The codec that we send.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// What they said of their Opus decoder. Means something only where `codec` is Opus.
    pub opus: OpusReceiver,
    /// The payload type under which we send telephone events beside `codec`, if they were agreed.
    pub telephone_event: Option<u8>,
    /// The clock in which we say how long such an event lasts: the codec's, except towards those who know of 8,000 alone.
    pub telephone_event_hz: u32,
    /// The payload type under which we may send comfort noise beside `codec` (RFC 3389), if it was agreed.
    pub comfort_noise: Option<u8>,
    /// What they may send us, by payload type: they may change between these at any time (RFC 3264 §6.1).
    pub incoming: Incoming,
    /// Whether we may send.
    pub send: bool,
    /// Whether they may send.
    pub receive: bool,
    /// The packet length that we send with, in milliseconds: what they ask for (RFC 8866 §6.4), made one of 10, 20, 30, 40,
    /// 50 and 60 (Opus: 10, 20, 40 and 60), and no longer than their `maxptime`.
    pub ptime_ms: u16,
    /// Keys of both directions. None: plain RTP. In a box, so that moving this leaves no copies of them behind.
    pub security: Option<Box<Security>>,
}

/// What a payload type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Audio.
    Audio(Codec),
    /// Telephone events (RFC 4733), their durations in units of this clock.
    Events {
        /// 8,000, or 48,000 beside Opus.
        clock_hz: u32,
    },
    /// Comfort noise (RFC 3389).
    ComfortNoise,
}

impl Format {
    /// The clock of its timestamps.
    #[must_use]
    pub const fn clock_hz(self) -> u32 {
        match self {
            Format::Audio(codec) => codec.clock_hz(),
            Format::Events { clock_hz } => clock_hz,
            Format::ComfortNoise => 8_000,
        }
    }
}

/// A table of payload types, at most [`FORMATS_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming(ArrayVec<(u8, Format), FORMATS_MAX>);

/// Payload types that a stream of ours can have: what comes after is not agreed to.
pub const FORMATS_MAX: usize = 12;

impl Incoming {
    /// What `payload_type` stands for.
    #[must_use]
    pub fn of(&self, payload_type: u8) -> Option<Format> {
        self.0.iter().find(|(number, _)| *number == payload_type).map(|(_, format)| *format)
    }

    /// All of them, in order of preference.
    pub fn iter(&self) -> impl Iterator<Item = (u8, Format)> + '_ {
        self.0.iter().copied()
    }

    /// The first meaning of a number stays; what finds no room is left out.
    pub(crate) fn push(&mut self, payload_type: u8, format: Format) {
        if self.of(payload_type).is_none() {
            let _ = self.0.try_push((payload_type, format));
        }
    }
}

impl FromIterator<(u8, Format)> for Incoming {
    fn from_iter<I: IntoIterator<Item = (u8, Format)>>(formats: I) -> Self {
        let mut incoming = Self::default();
        formats.into_iter().for_each(|(payload_type, format)| incoming.push(payload_type, format));
        incoming
    }
}

/// What an Opus decoder asks of its encoder by `fmtp` (RFC 7587 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusReceiver {
    /// In-band forward error correction is of use to it.
    pub fec: bool,
    /// It asks that nothing be sent in silence.
    pub dtx: bool,
    /// It asks for a constant bit rate.
    pub cbr: bool,
    /// No more bits a second than this, 6,000 to 510,000.
    pub bitrate_max: Option<u32>,
    /// The highest sampling rate that it plays, in Hz, 8,000 to 48,000.
    pub playback_rate_max_hz: u32,
}

impl Default for OpusReceiver {
    fn default() -> Self {
        Self { fec: false, dtx: false, cbr: false, bitrate_max: None, playback_rate_max_hz: 48_000 }
    }
}
