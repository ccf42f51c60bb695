//! What goes into a bridge and what comes out of it: its commands, events, figures, datagrams and frames.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use super::seats::Members;
pub use crate::latch::Latch;
use crate::{
    amd,
    clip::Clip,
    dtmf::Digits,
    jitter::FRAME,
    port::Seat,
    recording::RecordingSpec,
    rule::{Rule, When},
    sdp::Negotiated,
};

/// What a bridge is made of.
#[derive(Clone, Debug)]
pub struct BridgeSpec {
    /// Detect who answered: verdicts and tones are reported, verdicts fire rules.
    pub detect: Option<amd::Params>,
    /// Report when the callee speaks, and let it fire rules; with `detect` or without.
    pub speech: bool,
    /// Those who sit hear the callee before its answer too.
    pub early: bool,
    /// Yield stereo frames from the answer on.
    pub record: bool,
    /// After this long without RTP since the answer, [`Event::RtpTimeout`]; after four times as long, without RTCP too,
    /// where the other side has announced its silence (comfort noise, Opus DTX).
    pub rtp_timeout: Duration,
    /// From whom RTP is accepted.
    pub latch: Latch,
    /// Listen for digits in the audio too; one that comes as a telephone event as well is told once.
    pub inband_dtmf: bool,
    /// How [`Command::SendDtmf`] sends.
    pub dtmf: DtmfMode,
}

/// How digits leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DtmfMode {
    /// As telephone events (RFC 4733) where they were agreed, else as tones.
    #[default]
    Events,
    /// As tones in the audio, whatever was agreed.
    Inband,
}

impl Default for BridgeSpec {
    fn default() -> Self {
        Self {
            detect: None,
            speech: true,
            early: false,
            record: false,
            rtp_timeout: Duration::from_secs(30),
            latch: Latch::Address,
            inband_dtmf: false,
            dtmf: DtmfMode::Events,
        }
    }
}

/// What the owner of a bridge may ask.
#[derive(Debug)]
pub enum Command {
    /// Early media preview, answer, or re-INVITE: the latest holds.
    Remote(Negotiated),
    /// The call was answered: the zero of recording, detector and RTP silence.
    Answered,
    /// Arms a rule, at most [`RULES_MAX`](crate::rule::RULES_MAX); more are refused, and counted in [`Stats`].
    Arm(Rule),
    /// Takes back every rule that waits for this.
    Disarm(When),
    /// Queues a clip, at most 256; more are refused: counted in [`Stats`], and
    /// their marks reported as cleared. The queue plays while the gate is open.
    Play {
        /// What to play.
        clip: Arc<Clip>,
        /// Reported by [`Event::Marked`] when it has been played or cleared.
        mark: Option<u32>,
    },
    /// Empties the queue; its marks are reported as cleared. What those who sit have said before its time goes too.
    Clear,
    /// Lets the queue play.
    OpenGate,
    /// Holds the queue.
    CloseGate,
    /// Sends digits as the [`DtmfMode`] says; meanwhile the queue waits.
    SendDtmf {
        /// Which.
        digits: Digits,
    },
    /// Who is heard. Of an agent that is not, the queue goes on and silence is sent in its place; what a callee that is not says
    /// reaches neither the detector, nor the rules, nor the recording. Keys are no speech: they are told all the same.
    Heard {
        /// Is the agent?
        agent: bool,
        /// Is the callee?
        callee: bool,
    },
    /// Records from now on, where no recording was asked for when the leg was opened: once a leg.
    StartRecording {
        /// Comes back in the report of [`Event::Recorded`].
        token: u64,
        /// Where to.
        spec: RecordingSpec,
    },
    /// Goes on with a recording that began, or lets it rest: what is heard meanwhile is in no file.
    Record(bool),
    /// Somebody sits down, in the place of whoever sat there; it and the callee hear each other, the gate in between.
    Join {
        /// Below [`PLACES`](super::PLACES).
        place: u8,
        /// Who.
        seat: Box<Seat>,
    },
    /// Whoever sits there leaves.
    Part {
        /// Which place.
        place: u8,
    },
    /// From now on each of `who` hears these of the others, and nobody else.
    Hear {
        /// Who hears.
        who: Members,
        /// Whom.
        whom: Members,
    },
    /// Ends the bridge: [`Event::Closed`] is its last event.
    Close,
}

/// What a bridge tells.
#[derive(Clone, Debug)]
pub enum Event {
    /// The first RTP of the peer that the leg locked on to; early media, if before the answer.
    Started,
    /// A signal was recognised, in early media too. Only with `detect`.
    Tone(amd::Tone),
    /// Who answered. A later verdict replaces an earlier one. Only with `detect`.
    Verdict(Box<amd::Verdict>),
    /// The first packet of the agent's audio was given out. Once.
    Opened {
        /// Since the verdict or the answer that opened the gate.
        dead_air: Duration,
    },
    /// The callee speaks. After the answer only.
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
        /// It was cleared or refused, and not heard to its end.
        cleared: bool,
    },
    /// Whoever speaks to the callee has fallen silent: the queue ran empty by playing, or those who sit say nothing.
    Drained,
    /// A digit of the callee's.
    Dtmf {
        /// `0-9 * # A-D`.
        digit: char,
        /// How long it was pressed.
        duration: Duration,
    },
    /// Digits are out: one event for each time that the sender runs empty.
    DtmfSent {
        /// False: nothing was agreed upon yet, or too many were queued; none of that command were sent.
        sent: bool,
    },
    /// No RTP for `rtp_timeout` since the answer, though the other side isn't on hold. Once a silence.
    RtpTimeout,
    /// The recording is complete; exactly once for each that was asked for. Told by the recorder, not by the bridge.
    Recorded(Recorded),
    /// The last event of the bridge itself ([`Event::Recorded`] may follow).
    Closed(Stats),
}

/// How a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Length of the audio on disk; zero: nothing was recorded.
    pub duration: Duration,
    /// Size of the file; zero: there is none.
    pub bytes: u64,
    /// What went wrong. What was written before is kept and can be played.
    pub error: Option<std::io::ErrorKind>,
}

/// The figures of one bridge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// RTP packets taken from the peer.
    pub packets_in: u64,
    /// RTP packets given to it.
    pub packets_out: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came too late to be heard.
    pub late: u64,
    /// Packets that came again.
    pub duplicates: u64,
    /// Frames of 20 ms that were made up for loss or delay.
    pub concealed: u64,
    /// Datagrams of sources that aren't the peer, dropped.
    pub strangers: u64,
    /// Datagrams that are neither RTP nor RTCP, or too long.
    pub malformed: u64,
    /// RTP of payload types that were not agreed upon, dropped.
    pub unknown: u64,
    /// Packets that aren't under the peer's SRTP key, dropped: forged, damaged, or not encrypted at all.
    pub unauthentic: u64,
    /// SRTP and SRTCP that came before, dropped.
    pub replayed: u64,
    /// Interarrival jitter at the end. Packets are seen when their tick comes, so it is known to 20 ms.
    pub jitter: Duration,
    /// What the jitter buffer waits before it plays, at the end.
    pub playout_delay: Duration,
    /// Our packets that never reached the peer, as it reported.
    pub remote_lost: u32,
    /// The jitter that it sees.
    pub remote_jitter: Duration,
    /// There and back, by RTCP.
    pub round_trip: Option<Duration>,
    /// Reports of the peer's, by RTCP.
    pub remote_reports: u32,
    /// Those of them that tell of our packets: it has heard some.
    pub remote_mentions: u32,
    /// How many of our packets had left when the last report came.
    pub remote_reported_after: u64,
    /// Ticks that came too late to send anything.
    pub ticks_missed: u64,
    /// Rules, clips and digits refused because there were too many.
    pub refused: u64,
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
pub struct StereoFrame(pub [i16; 2 * FRAME]);

impl StereoFrame {
    pub(super) fn interleave(left: &[i16; FRAME], right: &[i16; FRAME]) -> Self {
        let mut pairs = [0; 2 * FRAME];
        for (pair, (left, right)) in pairs.chunks_exact_mut(2).zip(left.iter().zip(right)) {
            pair[0] = *left;
            pair[1] = *right;
        }
        StereoFrame(pairs)
    }
}
