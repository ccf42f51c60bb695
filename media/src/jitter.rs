//! Jitter buffer: packets in any order go in, a frame of 20 ms comes out at each tick, with concealment for what is
//! missing. Bounded to [`SLOTS`] packets; its time is the RTP timestamp and the number of frames pulled. Knows nothing
//! of sockets and clocks.
//!
//! The playout delay starts at 20 ms and follows the interarrival jitter (RFC 3550 §6.4.1) up to 200 ms: it grows when
//! the buffer runs dry, by repeating instead of skipping, and shrinks in quiet moments when every packet of the last
//! second came earlier than it had to. Telephone events (RFC 4733) share the numbering of the audio, and are told to
//! the buffer so that they aren't mistaken for loss; so is comfort noise (RFC 3389), and it fills the silence after it.
//!
//! Packets may be of any length up to 60 ms, and one stream may mix them. G.711 is decoded where it is played; a codec
//! that remembers decodes whole packets, in order, and what of them isn't played yet waits in a [`Stretch`].

mod shelf;

use self::shelf::{Content, Shelf};
use crate::{
    codec::Codec,
    coder::{self, Decoder},
    comfort::Noise,
    conceal::Concealer,
    rtp,
};

/// Samples of a frame: 20 ms at 8 kHz.
pub const FRAME: usize = 160;
/// Packets that are kept at most.
pub const SLOTS: usize = 64;
/// Longest payload that is taken: 60 ms of G.711 and G.722, 64 kbit/s of Opus.
pub const PAYLOAD_MAX: usize = 480;
/// Most samples of a packet: 60 ms.
pub const PACKET_SAMPLES_MAX: usize = 480;

/// The buffer of one leg.
#[derive(Debug)]
pub struct Jitter {
    shelf: Shelf,
    /// Timestamp of the next sample to play. None: nothing plays, and the next packet sets it.
    cursor: Option<u32>,
    /// Samples between a packet's coming and its playing, as last arranged; what the network asks for is `target`.
    delay: u32,
    target: u32,
    /// Added to the target after packets came too late; given back slowly.
    caution: u32,
    /// Samples made up since the buffer ran dry.
    starved: usize,
    /// Samples of the packet played last.
    packet: usize,
    late_in_a_row: u8,
    watch: Watch,
    surplus: u32,
    /// Seconds that the surplus has waited for a quiet moment.
    waited: u8,
    concealer: Concealer,
    decoder: Decoder,
    stretch: Stretch,
    hush: Hush,
    noise: Noise,
    figures: Figures,
}

/// What is decoded and not yet played; its first sample is the next.
#[derive(Debug)]
struct Stretch {
    samples: Box<[i16; PACKET_SAMPLES_MAX]>,
    played: usize,
    length: usize,
}

/// Whether the other side has said that it will say nothing.
#[derive(Clone, Copy, Debug)]
enum Hush {
    No,
    /// By discontinuous transmission.
    Silent,
    /// By comfort noise.
    Noise,
}

/// What the buffer counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Packets that came after their time.
    pub late: u64,
    /// Frames that were made up, wholly or in part.
    pub concealed: u64,
    /// Frames skipped to shorten the delay.
    pub skipped: u64,
}

/// What a pulled frame is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heard {
    /// Nothing was due.
    Silence,
    /// What the other side sent.
    Audio,
    /// Something of it was missing.
    Concealed,
}

/// The least earliness of a second's packets.
#[derive(Clone, Copy, Debug)]
struct Watch {
    samples: u32,
    slack: i32,
}

impl Jitter {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shelf: Shelf::new(),
            cursor: None,
            delay: DELAY_MIN,
            target: DELAY_MIN,
            caution: 0,
            starved: 0,
            packet: FRAME,
            late_in_a_row: 0,
            watch: Watch::BLANK,
            surplus: 0,
            waited: 0,
            concealer: Concealer::new(),
            decoder: Decoder::default(),
            stretch: Stretch { samples: Box::new([0; PACKET_SAMPLES_MAX]), played: 0, length: 0 },
            hush: Hush::No,
            noise: Noise::new(),
            figures: Figures::default(),
        }
    }

    /// Makes room for what decoding this codec takes.
    pub(crate) fn prepare(&mut self, codec: Codec) {
        self.decoder.prepare(codec);
    }

    /// Forgets what is buffered: another source begins.
    pub fn reset(&mut self) {
        self.sleep();
        self.hush = Hush::No;
    }

    /// Nothing plays, and the next packet sets the cursor.
    fn sleep(&mut self) {
        self.clear();
        self.cursor = None;
    }

    /// Whether the other side has announced its silence (comfort noise, Opus DTX), and has said nothing since.
    #[must_use]
    pub fn is_hushed(&self) -> bool {
        !matches!(self.hush, Hush::No)
    }

    /// What was counted so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// Samples of delay that are arranged at present.
    #[must_use]
    pub fn delay(&self) -> u32 {
        self.delay
    }

    /// Takes an audio packet whose timestamp is in samples of 8 kHz. `jitter` is the present interarrival jitter in the
    /// same. False: longer than [`PAYLOAD_MAX`] or [`PACKET_SAMPLES_MAX`], or nothing at all.
    pub fn insert(
        &mut self,
        sequence: u16,
        timestamp: u32,
        codec: Codec,
        payload: &[u8],
        jitter: u32,
    ) -> bool {
        let samples = match coder::samples(codec, payload) {
            Some(samples @ 1..=PACKET_SAMPLES_MAX) if payload.len() <= PAYLOAD_MAX => samples,
            _ => return false,
        };
        let wanted = (jitter * 3).next_multiple_of(FRAME as u32) + self.caution;
        self.target = wanted.clamp(DELAY_MIN, DELAY_MAX);
        if self.is_late(timestamp, samples) {
            self.figures.late += 1;
            self.caution = (self.caution + FRAME as u32).min(DELAY_MAX);
            self.late_in_a_row += 1;
            if self.late_in_a_row < LATE_MAX {
                return true;
            }
            // Not late, but on another clock: start anew from here.
            self.reset();
        }
        self.late_in_a_row = 0;
        if !self.fits(sequence) {
            self.begin(sequence, timestamp);
        }
        self.wait_for(timestamp);
        self.shelf.place(sequence, timestamp, Content::Audio(codec), samples, payload);
        self.observe(timestamp, samples, jitter);
        true
    }

    /// Takes comfort noise: its level, for the spectrum that may stand after it is left unread, as RFC 3389 §3 allows. False: it
    /// says none, or too much else.
    pub(crate) fn insert_noise(&mut self, sequence: u16, timestamp: u32, payload: &[u8]) -> bool {
        let Some(&level) = payload.first().filter(|_| payload.len() <= PAYLOAD_MAX) else { return false };
        if self.fits(sequence) && self.shelf.is_due(sequence) {
            self.shelf.place(sequence, timestamp, Content::Noise, 0, payload);
        } else if self.cursor.is_none() {
            self.hush = Hush::Noise;
            self.noise.follow(level);
        }
        true
    }

    /// Takes notice of a telephone event's packet.
    pub fn insert_event(&mut self, sequence: u16) {
        if self.fits(sequence) && self.shelf.is_due(sequence) {
            self.shelf.place(sequence, 0, Content::Event, 0, &[]);
        }
    }

    /// The next 20 ms.
    pub fn pull(&mut self, frame: &mut [i16; FRAME]) -> Heard {
        let heard = self.fill(frame);
        if self.surplus > 0 && heard == Heard::Audio && (self.is_impatient() || is_quiet(frame)) {
            let skipped = *frame;
            let heard = self.fill(frame);
            blend(&skipped, frame);
            self.surplus -= 1;
            self.waited = 0;
            self.delay = self.delay.saturating_sub(FRAME as u32).max(DELAY_MIN);
            self.figures.skipped += 1;
            return self.count(heard);
        }
        self.count(heard)
    }

    fn is_impatient(&self) -> bool {
        self.surplus > SURPLUS_MAX || self.waited > WAIT_MAX
    }

    fn count(&mut self, heard: Heard) -> Heard {
        self.figures.concealed += u64::from(heard == Heard::Concealed);
        heard
    }

    fn is_late(&self, timestamp: u32, length: usize) -> bool {
        let end = timestamp.wrapping_add(length as u32);
        self.cursor.is_some_and(|cursor| rtp::timestamp_ahead(end, cursor) <= 0)
    }

    fn fits(&self, sequence: u16) -> bool {
        self.cursor.is_some() && self.shelf.fits(sequence)
    }

    /// The buffer ran dry for want of this packet, and its beginning is past. It plays whole, and so the delay grows: else a
    /// stream whose packets became longer would lose the head of each of them.
    fn wait_for(&mut self, timestamp: u32) {
        let Some(cursor) = self.cursor.filter(|_| self.starved > 0 && self.shelf.held == 0) else { return };
        let Ok(behind @ 1..) = u32::try_from(rtp::timestamp_ahead(cursor, timestamp)) else { return };
        if self.delay + behind <= DELAY_MAX {
            self.cursor = Some(timestamp);
            self.delay += behind;
        }
    }

    /// This packet is the first: it plays when the delay is over.
    fn begin(&mut self, sequence: u16, timestamp: u32) {
        self.clear();
        self.cursor = Some(timestamp.wrapping_sub(self.target));
        self.delay = self.target;
        self.shelf.begin(sequence);
    }

    fn clear(&mut self) {
        self.shelf.clear();
        self.stretch.length = 0;
        self.stretch.played = 0;
        self.starved = 0;
        self.late_in_a_row = 0;
        self.surplus = 0;
        self.watch = Watch::BLANK;
    }

    /// Notes how early this packet came; once a second, decides whether that was more than needed, and how much of the delay
    /// the other side's slower clock has eaten.
    fn observe(&mut self, timestamp: u32, samples: usize, jitter: u32) {
        let Some(cursor) = self.cursor else { return };
        self.watch.samples += samples as u32;
        self.watch.slack = self.watch.slack.min(rtp::timestamp_ahead(timestamp, cursor));
        if self.watch.samples < WATCH_SAMPLES {
            return;
        }
        let left = self.watch.slack.max(0) as u32 + jitter * 3;
        self.delay = self.delay.min(left);
        let spare = self.watch.slack - self.target as i32;
        self.surplus = spare.max(0) as u32 / FRAME as u32;
        self.waited = if self.surplus > 0 { self.waited.saturating_add(1) } else { 0 };
        self.caution = self.caution.saturating_sub(CAUTION_BACK.max(self.caution / 8));
        self.watch = Watch::BLANK;
    }

    fn fill(&mut self, frame: &mut [i16; FRAME]) -> Heard {
        let mut heard = Heard::Silence;
        let mut filled = 0;
        while filled < FRAME {
            let rest = &mut frame[filled..];
            let Some(cursor) = self.cursor else {
                self.rest(rest);
                break;
            };
            let (count, what) = if self.stretch.played < self.stretch.length {
                (self.play_stretch(rest), Heard::Audio)
            } else if let Some((at, missing)) = self.shelf.head() {
                self.starved = 0;
                let gap = rtp::timestamp_ahead(self.shelf.slots[at].timestamp, cursor);
                if gap > GAP_MAX {
                    self.cursor = Some(self.shelf.slots[at].timestamp);
                    continue;
                }
                if gap > 0 {
                    self.bridge_gap(at, gap as usize, missing, rest)
                } else {
                    self.play(at, -gap, rest)
                }
            } else {
                return self.starve(cursor, rest).max(heard);
            };
            self.cursor = Some(cursor.wrapping_add(count as u32));
            filled += count;
            heard = heard.max(what);
        }
        heard
    }

    /// Nothing is due: silence, or the noise that was announced.
    fn rest(&mut self, out: &mut [i16]) {
        match self.hush {
            Hush::Noise => self.noise.fill(out),
            Hush::No | Hush::Silent => out.fill(0),
        }
        self.concealer.heard(out);
    }

    /// What is played between the cursor and the packet at `at`; the number of samples.
    fn bridge_gap(&mut self, at: usize, gap: usize, missing: bool, rest: &mut [i16]) -> (usize, Heard) {
        let count = rest.len().min(gap);
        if !missing {
            // No number is missing: the other side paused (silence suppression).
            self.rest(&mut rest[..count]);
            return (count, Heard::Silence);
        }
        if !self.recover(at, gap) {
            self.concealer.fill(&mut rest[..count]);
            return (count, Heard::Concealed);
        }
        (self.play_stretch(rest), Heard::Concealed)
    }

    /// What was lost right before the packet at `at`, out of its own redundancy, if its codec has such.
    fn recover(&mut self, at: usize, gap: usize) -> bool {
        let Content::Audio(codec) = self.shelf.slots[at].content else { return false };
        let payload = self.shelf.payloads.of(&self.shelf.slots[at]);
        // Redundancy reaches back by one packet.
        if gap > usize::from(self.shelf.slots[at].samples) {
            return false;
        }
        let recovered = self.decoder.recover(codec, payload, &mut self.stretch.samples[..gap]);
        (self.stretch.played, self.stretch.length) = (0, if recovered { gap } else { 0 });
        recovered
    }

    /// Plays the packet at `at`, whose first `from` samples are past; gives the number of samples.
    fn play(&mut self, at: usize, from: i32, out: &mut [i16]) -> (usize, Heard) {
        let from = from.unsigned_abs() as usize;
        let slot = self.shelf.slots[at];
        let samples = usize::from(slot.samples);
        let codec = match slot.content {
            Content::Audio(codec) => codec,
            Content::Noise => {
                if let Some(&level) = self.shelf.payloads.of(&slot).first() {
                    self.noise.follow(level);
                }
                self.hush = Hush::Noise;
                self.shelf.finish(at);
                return (0, Heard::Silence);
            }
            Content::Event | Content::Empty => return (0, Heard::Silence),
        };
        self.packet = samples;
        let Some(law) = codec.law() else {
            self.decode(at, codec, from);
            return (self.play_stretch(out), Heard::Audio);
        };
        self.hush = Hush::No;
        let encoded = self.shelf.payloads.of(&slot).get(from..).unwrap_or(&[]);
        let count = encoded.len().min(out.len());
        law.decode(encoded, &mut out[..count]);
        if count == encoded.len() {
            self.shelf.finish(at);
        }
        self.concealer.heard(&mut out[..count]);
        (count, if count > 0 { Heard::Audio } else { Heard::Silence })
    }

    /// Decodes the whole packet at `at`, and plays on from its sample `from`. What is past is decoded too: the decoder's
    /// memory needs it.
    fn decode(&mut self, at: usize, codec: Codec, from: usize) {
        let slot = self.shelf.slots[at];
        let payload = self.shelf.payloads.of(&slot);
        self.hush = if coder::is_hush(codec, payload) { Hush::Silent } else { Hush::No };
        let decoded = self.decoder.decode(codec, payload, &mut self.stretch.samples[..]);
        // What could not be decoded has its time all the same.
        self.stretch.samples[decoded..].fill(0);
        self.stretch.length = usize::from(slot.samples);
        self.stretch.played = from.min(self.stretch.length);
        self.shelf.finish(at);
    }

    fn play_stretch(&mut self, out: &mut [i16]) -> usize {
        let left = &self.stretch.samples[self.stretch.played..self.stretch.length];
        let count = left.len().min(out.len());
        out[..count].copy_from_slice(&left[..count]);
        self.stretch.played += count;
        self.concealer.heard(&mut out[..count]);
        count
    }

    /// The buffer ran dry. While the network asks for more delay, the cursor waits; else time goes on.
    fn starve(&mut self, cursor: u32, rest: &mut [i16]) -> Heard {
        let announced = self.is_hushed();
        if let Hush::Noise = self.hush {
            self.rest(rest);
        } else {
            self.concealer.fill(rest);
        }
        self.starved += rest.len();
        if self.starved > STARVED_MAX + self.packet.saturating_sub(FRAME) {
            // A pause, not a delay: the next packet sets the cursor.
            self.sleep();
        } else if self.delay < self.target && !announced {
            self.delay += rest.len() as u32;
        } else {
            self.cursor = Some(cursor.wrapping_add(rest.len() as u32));
        }
        if announced { Heard::Silence } else { Heard::Concealed }
    }
}

impl Watch {
    const BLANK: Watch = Watch { samples: 0, slack: i32::MAX };
}

fn is_quiet(frame: &[i16; FRAME]) -> bool {
    let sum: u32 = frame.iter().map(|sample| u32::from(sample.unsigned_abs())).sum();
    sum < QUIET * FRAME as u32
}

/// From the beginning of `from` over into `to`, within 5 ms.
fn blend(from: &[i16; FRAME], to: &mut [i16; FRAME]) {
    const BLEND: i32 = 40;
    for (weight, (old, new)) in (1..=BLEND).zip(from.iter().zip(to.iter_mut())) {
        *new = ((i32::from(*old) * (BLEND + 1 - weight) + i32::from(*new) * weight) / (BLEND + 1)) as i16;
    }
}

/// 20 ms and 200 ms.
const DELAY_MIN: u32 = 160;
const DELAY_MAX: u32 = 1_600;
/// Samples made up before the buffer goes to sleep, where packets are 20 ms long: by then the concealment is silent anyway.
/// Of longer packets so much more, since one that is lost leaves so much longer a hole.
const STARVED_MAX: usize = 3 * FRAME;
/// Late packets in a row that mean another clock.
const LATE_MAX: u8 = 5;
/// A gap of timestamps longer than half a second is a leap.
const GAP_MAX: i32 = 4_000;
/// One second.
const WATCH_SAMPLES: u32 = 8_000;
/// Caution given back every second: an eighth, and at least so many samples.
const CAUTION_BACK: u32 = 16;
/// With more frames than this to spare, or after so many seconds, skipping doesn't wait for a quiet moment.
const SURPLUS_MAX: u32 = 3;
const WAIT_MAX: u8 = 3;
/// Mean absolute sample value of a quiet frame.
const QUIET: u32 = 200;

#[cfg(test)]
mod tests;
