//! What a bridge hears in the callee's audio: verdicts, tones, and when speech begins and ends. A thin coat over the
//! detector, which knows nothing of the call; this knows nothing of packets.

use std::time::Duration;

use crate::{
    amd::{Detector, Origin, Params, Tone, Verdict},
    jitter::FRAME,
};

/// One leg's ears.
#[derive(Debug)]
pub(crate) struct Hearing {
    detector: Detector,
    /// Whether verdicts were asked for, or speech alone.
    verdicts: bool,
    speech: bool,
    answered: bool,
    tone: Option<Tone>,
    /// Frames of the present spurt.
    spoken: Option<u32>,
}

/// What a frame brought, at most one of each kind.
#[derive(Debug, Default)]
pub(crate) struct Noticed {
    pub(crate) tone: Option<Tone>,
    pub(crate) verdict: Option<Box<Verdict>>,
    pub(crate) speech_started: bool,
    /// Somebody has spoken for so long without a pause, and goes on.
    pub(crate) speaking: Option<Duration>,
    pub(crate) speech_ended: Option<Duration>,
}

impl Hearing {
    /// None: neither verdicts nor speech are wanted, and nobody listens.
    pub(crate) fn new(detect: Option<Params>, speech: bool) -> Option<Self> {
        let verdicts = detect.is_some();
        (verdicts || speech).then(|| Self {
            detector: Detector::new(detect.unwrap_or_default()),
            verdicts,
            speech,
            answered: false,
            tone: None,
            spoken: None,
        })
    }

    pub(crate) fn answered(&mut self) {
        self.answered = true;
        self.detector.answered();
    }

    /// Takes 20 ms, while our side is heard or not.
    pub(crate) fn listen(&mut self, frame: &[i16; FRAME], origin: Origin, ours: bool) -> Noticed {
        let mut noticed = Noticed::default();
        self.detector.our_side(ours);
        let verdict = self.detector.take(frame, origin);
        if self.verdicts {
            // One allocation a verdict, so one or two a call: the packet path makes no other.
            noticed.verdict = verdict.map(Box::new);
            let tone = self.detector.tone();
            if tone != self.tone {
                self.tone = tone;
                noticed.tone = tone;
            }
        }
        if self.speech && self.answered {
            self.follow_speech(&mut noticed);
        }
        noticed
    }

    fn follow_speech(&mut self, noticed: &mut Noticed) {
        match (self.detector.speaking(), self.spoken) {
            (true, spoken) => {
                let frames = spoken.unwrap_or(0) + 1;
                self.spoken = Some(frames);
                noticed.speech_started = spoken.is_none();
                noticed.speaking = Some(TICK * frames);
            }
            (false, Some(frames)) => {
                self.spoken = None;
                noticed.speech_ended = Some(TICK * frames);
            }
            (false, None) => {}
        }
    }
}

const TICK: Duration = Duration::from_millis(20);
