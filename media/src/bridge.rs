//! The bridge.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{amd, clip::Clip, dtmf::Digits, rule::Rule, sdp::Negotiated};

/// What a bridge is made of.
#[derive(Clone, Debug)]
pub struct BridgeSpec {
    /// Detect who answered; verdicts are reported and fire rules.
    pub detect: Option<amd::Params>,
    /// Report speech and let it fire rules, even where `detect` is off.
    pub speech: bool,
    /// Yield stereo frames from the answer on.
    pub record: bool,
    /// After this long without RTP since the answer, [`Event::RtpTimeout`].
    pub rtp_timeout: Duration,
    /// From whom RTP is accepted.
    pub latch: Latch,
}

impl Default for BridgeSpec {
    fn default() -> Self {
        Self {
            detect: None,
            speech: true,
            record: false,
            rtp_timeout: Duration::from_secs(30),
            latch: Latch::Address,
        }
    }
}

/// From whom RTP is accepted before the leg has locked on to one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latch {
    /// From the negotiated address and port alone.
    Strict,
    /// From the negotiated IP address, any port.
    Address,
    /// From anyone.
    Any,
}

/// What the owner of a bridge may ask.
#[derive(Clone, Debug)]
pub enum Command {
    /// Early media preview, answer, or re-INVITE: the latest holds.
    Remote(Negotiated),
    /// The call was answered: the zero of recording, detector and silence.
    Answered,
    /// Arms a rule, at most 16.
    Arm(Rule),
    /// Queues a clip, at most 256 of them; reports `mark` once it has been played or cleared.
    Play {
        /// What to play.
        clip: Arc<Clip>,
        /// Reported by [`Event::Marked`].
        mark: Option<u32>,
    },
    /// Empties the queue; its marks are reported as cleared.
    Clear,
    /// Lets the queue play.
    OpenGate,
    /// Holds the queue.
    CloseGate,
    /// Sends telephone events.
    SendDtmf {
        /// Which.
        digits: Digits,
    },
    /// Ends the bridge: [`Event::Closed`] is its last event.
    Close,
}

/// What a bridge tells.
#[derive(Clone, Debug)]
pub enum Event {
    /// The first RTP of the peer that the leg locked on to.
    Started,
    /// A signal recognised, early media included.
    Tone(amd::Tone),
    /// Who answered. A later verdict replaces an earlier one.
    Verdict(Box<amd::Verdict>),
    /// The first agent packet left.
    Opened {
        /// Since the verdict that opened the gate, or the answer.
        dead_air: Duration,
    },
    /// The callee speaks.
    SpeechStarted,
    /// The callee is silent again.
    SpeechEnded {
        /// For how long they spoke.
        spoke: Duration,
    },
    /// A clip is over.
    Marked {
        /// Its mark.
        mark: u32,
        /// It was cleared, wholly or in part.
        cleared: bool,
    },
    /// The queue ran empty.
    Drained,
    /// A digit of the callee's.
    Dtmf {
        /// `0-9 * # A-D`.
        digit: char,
        /// How long it was pressed.
        duration: Duration,
    },
    /// The digits of one `SendDtmf` are out.
    DtmfSent {
        /// False: the peer takes no telephone events, or too many were queued.
        sent: bool,
    },
    /// No RTP for `rtp_timeout`; once per silence.
    RtpTimeout,
    /// The recording is complete; exactly once for each that was asked for.
    Recorded(Recorded),
    /// The last event of the bridge itself ([`Event::Recorded`] may follow).
    Closed(Stats),
}

/// How a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Length of the audio on disk; zero: there is no file.
    pub duration: Duration,
    /// Size of the file.
    pub bytes: u64,
    /// What went wrong. What was written before is kept and can be played.
    pub error: Option<std::io::ErrorKind>,
}

/// The figures of one bridge.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// RTP packets taken.
    pub packets_in: u64,
    /// RTP packets given.
    pub packets_out: u64,
}

/// Which socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The even port.
    Rtp,
    /// The odd port.
    Rtcp,
}

/// A datagram to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit<'a> {
    /// From which socket.
    pub channel: Channel,
    /// To whom.
    pub to: SocketAddr,
    /// What.
    pub payload: &'a [u8],
}

/// 20 ms of both sides, as 160 interleaved pairs: callee, agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StereoFrame(pub [i16; 320]);

/// One call's audio.
#[derive(Debug)]
pub struct Bridge(());

impl Bridge {
    /// A bridge that has neither peer nor answer.
    #[must_use]
    pub fn new(_spec: BridgeSpec, _seed: u64) -> Self {
        todo!()
    }

    /// Takes a command.
    pub fn handle_command(&mut self, _now: Instant, _command: Command) {
        todo!()
    }

    /// Takes a datagram.
    pub fn handle_message(&mut self, _now: Instant, _channel: Channel, _from: SocketAddr, _packet: &[u8]) {
        todo!()
    }

    /// The 20 ms tick.
    pub fn handle_timeout(&mut self, _now: Instant) {
        todo!()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        todo!()
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<Event> {
        todo!()
    }

    /// The next 20 ms of the recording.
    pub fn poll_recording(&mut self) -> Option<StereoFrame> {
        todo!()
    }

    /// When the next tick is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
}
