//! The detector: samples in, verdicts out. Cuts frames, asks each part, and holds the order in which they may speak.

use std::ops::RangeInclusive;

use arrayvec::ArrayVec;

use super::activity::Activity;
use super::asterisk::Asterisk;
use super::cadence::{Cadence, Heard};
use super::classifier::{Adaptive, Decision, Talk};
use super::evidence::{Evidence, SegmentKind, Timeline};
use super::features::{FRAME, FRAME_MS, Frame, Origin};
use super::params::{Params, Rule, milliseconds};
use super::tones::{Bank, classify};
use super::verdict::{Cause, Class, Tone, Verdict};

/// One call's detector. Never allocates after [`Detector::new`].
///
/// What comes after what: `Ringback` is said once, and anything may follow it. `Human` may be followed, for
/// `flip_within`, by `Machine` (as long as our side has not begun to answer), `Voicemail`, `Fax` or
/// `NetworkAnnouncement`. `Machine`, `NoSpeech` and `Unknown` may be followed by `Voicemail`, at every beep. The rest is
/// final.
#[derive(Clone, Debug)]
pub struct Detector {
    params: Params,
    /// Samples of a frame that is not yet whole.
    partial: ArrayVec<i16, FRAME>,
    partial_origin: Origin,
    /// Samples in whole frames.
    heard: u64,
    /// The sample that the answer fell on.
    zero: Option<u64>,
    /// Something has come since the answer.
    began: bool,
    /// Our side is heard by whoever answered.
    ours: bool,
    bank: Bank,
    cadence: Cadence,
    activity: Activity,
    adaptive: Adaptive,
    asterisk: Asterisk,
    timeline: Timeline,
    tone: Option<Tone>,
    loudness: f32,
    said: Option<Said>,
    ready: ArrayVec<Verdict, READY_MAX>,
}

/// The latest verdict, as far as later ones depend on it.
#[derive(Clone, Copy, Debug)]
struct Said {
    class: Class,
    at_ms: u32,
}

impl Detector {
    /// A detector that has heard nothing yet.
    #[must_use]
    pub fn new(params: Params) -> Self {
        let activity = Activity::new(f32::from(params.silence_threshold));
        Self {
            params,
            partial: ArrayVec::new(),
            partial_origin: Origin::Sent,
            heard: 0,
            zero: None,
            began: false,
            ours: false,
            bank: Bank::new(),
            cadence: Cadence::default(),
            activity,
            adaptive: Adaptive::default(),
            asterisk: Asterisk::default(),
            timeline: Timeline::default(),
            tone: None,
            loudness: 0.0,
            said: None,
            ready: ArrayVec::new(),
        }
    }

    /// The call was answered: the next sample is the zero of all times, and the analysis begins. What was heard before
    /// is early media: its tones are known ([`Detector::tone`]), but no verdict is given. Only the first call counts.
    pub fn answered(&mut self) {
        if self.zero.is_none() {
            self.zero = Some(self.heard + self.partial.len() as u64);
            self.began = false;
            self.cadence.forget();
            self.activity.answered();
        }
    }

    /// Whether, at the samples that come next, our side speaks or has just ended: by then it is a conversation, and talk
    /// overturns nothing any more.
    pub fn our_side(&mut self, speaks: bool) {
        self.ours = speaks;
    }

    /// Takes the next samples, any number of them. At most one verdict is returned; should a very long push hold more,
    /// the next pushes (empty ones will do) return them in order.
    pub fn push(&mut self, samples: &[i16]) -> Option<Verdict> {
        self.take(samples, Origin::Sent)
    }

    /// As [`Detector::push`], of samples that were made up in place of what did not come: silence, comfort noise,
    /// concealment. Time goes by, and nothing is learnt of the line's noise, unless it lasts and no noise was heard before.
    pub fn push_made_up(&mut self, samples: &[i16]) -> Option<Verdict> {
        self.take(samples, Origin::MadeUp)
    }

    /// As [`Detector::push_made_up`], of silence in place of what should have come: the other side sends its silence too, as far
    /// as is known. So nobody knows whether it speaks, and what was heard of its turn stands still: for a second at most, and
    /// never beyond `total_analysis_time`. What comes after it says what it was: silence, if that is made up too.
    pub fn push_missing(&mut self, samples: &[i16]) -> Option<Verdict> {
        self.take(samples, Origin::Missing)
    }

    pub(crate) fn take(&mut self, samples: &[i16], origin: Origin) -> Option<Verdict> {
        let mut rest = samples;
        while !rest.is_empty() {
            // Whole frames, as bridges give them, are heard where they lie.
            if self.partial.is_empty()
                && let Some((frame, later)) = rest.split_first_chunk()
            {
                rest = later;
                self.hear(&Frame::new(frame), origin);
                continue;
            }
            let (now, later) = rest.split_at(rest.len().min(self.partial.remaining_capacity()));
            self.partial.try_extend_from_slice(now).expect("cut to the room that is left");
            rest = later;
            self.partial_origin = self.partial_origin.max(origin);
            if let Ok(pcm) = self.partial.as_slice().try_into() {
                let frame = Frame::new(pcm);
                self.partial.clear();
                let origin = std::mem::take(&mut self.partial_origin);
                self.hear(&frame, origin);
            }
        }
        self.ready.pop_at(0)
    }

    /// Whether somebody speaks at this moment. Goes on after the verdict, for turns and barge-in.
    #[must_use]
    pub fn speaking(&self) -> bool {
        self.activity.speaking()
    }

    /// Loudness of the last 20 ms in dBFS, −96 at digital silence.
    #[must_use]
    pub fn level(&self) -> f32 {
        (20.0 * self.loudness.max(f32::MIN_POSITIVE).log10()).max(-96.0)
    }

    /// The signal last recognised, early media included.
    #[must_use]
    pub fn tone(&self) -> Option<Tone> {
        self.tone
    }

    fn hear(&mut self, frame: &Frame, origin: Origin) {
        self.heard += FRAME as u64;
        self.began |= origin == Origin::Sent;
        // Whoever has sent nothing yet is missed by nobody.
        let origin = if self.began { origin } else { origin.min(Origin::MadeUp) };
        let shares = self.bank.shares(frame);
        let loudness = frame.mean_absolute();
        let silent = loudness < self.activity.threshold();
        let heard = self.cadence.push(classify(frame, &shares), silent, self.adaptive.talk().words > 0);
        let sound = self.activity.push(loudness, heard.sounding.is_some(), origin != Origin::Sent);
        self.loudness = frame.loudness;
        self.tone = heard.signal.or(self.tone);
        match (heard.sounding, sound) {
            (Some(tone), _) => {
                self.timeline.push(SegmentKind::Tone { hz: tone.hz }, tone.lasted_ms / FRAME_MS - 1);
            }
            (None, true) => self.timeline.push(SegmentKind::Speech, 0),
            (None, false) if origin == Origin::Missing => self.timeline.push(SegmentKind::Missing, 0),
            (None, false) => self.timeline.push(SegmentKind::Silence, 0),
        }
        let Some(zero) = self.zero.filter(|&zero| zero < self.heard) else { return };
        let at_ms = u32::try_from((self.heard - zero) / 8).unwrap_or(u32::MAX);
        let decision = match self.params.rule {
            Rule::Adaptive => self.decide(&heard, sound, origin, at_ms),
            Rule::Asterisk => self.asterisk.push(&self.params, loudness),
        };
        if let Some(decision) = decision {
            self.say(decision, zero, at_ms);
        }
    }

    fn decide(&mut self, heard: &Heard, sound: bool, origin: Origin, at_ms: u32) -> Option<Decision> {
        let undecided = self.said.is_none_or(|said| said.class == Class::Ringback);
        let rings = heard.sounding.is_some_and(|tone| tone.network && RING_MS.contains(&tone.lasted_ms));
        if rings && undecided {
            self.adaptive.restart();
        }
        let by_talk = self.adaptive.push(&self.params, sound, origin, self.ours);
        let Some((tone, class)) =
            heard.signal.map(|tone| (tone, tone.class())).filter(|&(_, class)| self.may_follow(class, at_ms))
        else {
            return by_talk;
        };
        if class != Class::Ringback {
            self.adaptive.settle();
        }
        Some(Decision::new(class, Cause::Tone(tone), 0, &self.params))
    }

    /// Whether a tone's verdict may follow what was said before; see [`Detector`].
    fn may_follow(&self, class: Class, at_ms: u32) -> bool {
        let Some(said) = self.said else { return true };
        match said.class {
            Class::Ringback => class != Class::Ringback,
            Class::Human => {
                let in_time = at_ms - said.at_ms <= milliseconds(self.params.flip_within);
                in_time && matches!(class, Class::Voicemail | Class::Fax | Class::NetworkAnnouncement)
            }
            Class::Machine | Class::NoSpeech | Class::Unknown | Class::Voicemail => class == Class::Voicemail,
            Class::Fax | Class::NetworkAnnouncement | Class::Busy => false,
        }
    }

    fn say(&mut self, decision: Decision, zero: u64, at_ms: u32) {
        let Decision { class, cause, measured, threshold, confidence } = decision;
        self.said = Some(Said { class, at_ms });
        let talk = self.talk();
        let evidence = Evidence {
            segments: self.timeline.segments(zero),
            dropped: self.timeline.dropped(),
            words: talk.words,
            speech_ms: talk.speech_ms,
            noise_floor: self.activity.floor(),
            threshold: cause.parameter(),
            threshold_value: threshold,
            measured,
        };
        let verdict = Verdict { class, cause, confidence, at_ms, evidence };
        // Full only if one push held minutes of beeps: then the first ones tell enough.
        let _ = self.ready.try_push(verdict);
    }

    fn talk(&self) -> Talk {
        match self.params.rule {
            Rule::Adaptive => self.adaptive.talk(),
            Rule::Asterisk => self.asterisk.talk(),
        }
    }
}

/// Verdicts that may wait to be fetched.
const READY_MAX: usize = 4;
/// A tone of the network's that lasts so long says that nobody has spoken to us yet. No ring of any country lasts three
/// seconds (ITU-T E.180): what does is a dial tone or a device's, and the wait for a word goes on.
const RING_MS: RangeInclusive<u32> = 300..=3_000;
