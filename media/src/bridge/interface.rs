//! What goes into a bridge and what comes out of it: its commands and its events.

use std::{sync::Arc, time::Duration};

use super::seats::Members;
use crate::{
    amd,
    clip::Clip,
    dtmf::Digits,
    latch::Latch,
    port::Seat,
    rule::{Rule, When},
    sdp::Negotiated,
    stats::Stats,
    tape::{Recorded, RecordingSpec},
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
    /// After this long without RTP since the answer, [`Event::RtpTimeout`]; after four times as long where its RTCP comes, or,
    /// without RTCP too, where it has announced its silence (comfort noise, Opus DTX); after twenty times as long, without
    /// RTCP too, where the other side holds us.
    pub rtp_timeout: Duration,
    /// From whom RTP is accepted.
    pub latch: Latch,
    /// Listen for digits in the audio too; one that comes as a telephone event as well is told once.
    pub inband_dtmf: bool,
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
    /// Sends digits as telephone events (RFC 4733) where they were agreed last, else as tones; meanwhile the queue waits.
    SendDtmf {
        /// Which.
        digits: Digits,
    },
    /// Who is heard. Of an agent that is not, the queue goes on and silence is sent in its place; of those who sit at the bridge and are
    /// not heard, what the callee would hear is said to nobody, while clips go on; what a callee that is not heard says reaches neither
    /// the detector, nor the rules, nor the recording. Keys are no speech: they are told all the same.
    Heard {
        /// Is the agent?
        agent: bool,
        /// Are those who sit at the bridge, by the callee?
        seated: bool,
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
    /// The callee is spoken to: by a clip, or by somebody who sits and is not silent.
    Speaks,
    /// Whoever spoke to the callee has fallen silent: the queue ran empty by playing, or those who sit say nothing, or only silence.
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
