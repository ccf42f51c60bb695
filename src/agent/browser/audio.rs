//! Between a browser's packets and a port's 20 ms of PCMU. Knows nothing of WebRTC, sockets or clocks: what came is put in
//! order by its sequence numbers and cut into frames as it comes, so that the browser's own clock paces it; what is heard gets
//! numbers and timestamps.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use bytes::Bytes;
use trunkline_media::dtmf::{self, Received};
use trunkline_media::g711::Law;
use trunkline_media::port::Frame;
use trunkline_media::rtp::{self, Header};

/// Samples, and bytes of PCMU, in 20 ms at 8 kHz.
pub const FRAME: usize = 160;
/// How long 20 ms are.
pub const TICK: Duration = Duration::from_millis(20);
/// PCMU's payload type (RFC 3551 §6).
pub const PCMU: u8 = 0;
/// PCMU's clock.
pub const CLOCK_HZ: u32 = 8_000;
/// Packets that wait for one that is missing: with the third behind a gap it counts as lost.
const HELD_MAX: usize = 3;
/// A sequence number this far off is a new stream, not a late packet.
const JUMP: i16 = 200;
/// Frames of silence in the place of what was lost, at most: 60 ms.
const FILLED_MAX: usize = 3;
/// Frames of one packet, at most; browsers send 20 ms, some 60.
pub const PACKET_FRAMES_MAX: usize = 10;

/// What was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Packets that came.
    pub packets_in: u64,
    /// Packets that never came, by their numbers.
    pub lost: u64,
    /// Packets that came twice, or too late.
    pub late: u64,
    /// Packets of formats that were not agreed, or too long.
    pub strange: u64,
    /// Frames for which the bridge had no room.
    pub refused: u64,
    /// Packets that were sent.
    pub packets_out: u64,
    /// Digits pressed.
    pub digits: u64,
}

/// From the browser.
pub struct Inward {
    event_type: Option<u8>,
    source: Option<u32>,
    /// The next sequence number.
    next: u16,
    held: ArrayVec<(Header, Bytes), HELD_MAX>,
    /// Less than a frame.
    rest: ArrayVec<u8, FRAME>,
    digits: dtmf::Receiver,
    packets: u64,
    lost: u64,
    late: u64,
    strange: u64,
}

/// What came of a packet.
#[derive(Default)]
pub struct Came {
    /// Frames that are due, in order.
    pub frames: Vec<Frame>,
    /// Digits that ended.
    pub digits: ArrayVec<Received, { HELD_MAX + 1 }>,
}

impl Inward {
    /// For a stream whose telephone events have this payload type, if it has any.
    pub fn new(event_type: Option<u8>) -> Self {
        Self {
            event_type,
            source: None,
            next: 0,
            held: ArrayVec::new(),
            rest: ArrayVec::new(),
            digits: dtmf::Receiver::default(),
            packets: 0,
            lost: 0,
            late: 0,
            strange: 0,
        }
    }

    /// Takes a packet; `came` gets what is due by it.
    pub fn packet(&mut self, header: Header, payload: Bytes, came: &mut Came) {
        self.packets += 1;
        let fits = payload.len() <= PACKET_FRAMES_MAX * FRAME;
        if !fits || (header.payload_type != PCMU && Some(header.payload_type) != self.event_type) {
            self.strange += 1;
            return;
        }
        let ahead = rtp::sequence_ahead(header.sequence, self.next);
        if self.source != Some(header.ssrc) || ahead.unsigned_abs() >= JUMP.unsigned_abs() {
            self.restart(&header);
        } else if ahead < 0 || self.held.iter().any(|(held, _)| held.sequence == header.sequence) {
            self.late += 1;
            return;
        }
        if header.sequence == self.next {
            self.take(&header, &payload, came);
        } else {
            self.hold(header, payload, came);
        }
        self.take_held(came);
    }

    /// 20 ms have passed: a digit whose end was lost is over after a while.
    pub fn tick(&mut self) -> Option<Received> {
        self.digits.tick()
    }

    /// Adds what was counted.
    pub fn count(&self, stats: &mut Stats) {
        stats.packets_in = self.packets;
        stats.lost = self.lost;
        stats.late = self.late;
        stats.strange = self.strange;
    }

    fn restart(&mut self, header: &Header) {
        self.source = Some(header.ssrc);
        self.next = header.sequence;
        self.held.clear();
        self.rest.clear();
        self.digits.restart();
    }

    /// Keeps a packet that is ahead of its turn; too many of them, and what is missing is lost.
    fn hold(&mut self, header: Header, payload: Bytes, came: &mut Came) {
        let place = self
            .held
            .iter()
            .position(|(held, _)| rtp::sequence_ahead(held.sequence, header.sequence) > 0)
            .unwrap_or(self.held.len());
        self.held.insert(place, (header, payload));
        if self.held.is_full() {
            let first = self.held[0].0.sequence;
            let missing = rtp::sequence_ahead(first, self.next).max(0).unsigned_abs();
            self.lost += u64::from(missing);
            self.fill(usize::from(missing).min(FILLED_MAX), came);
            self.next = first;
        }
    }

    fn take_held(&mut self, came: &mut Came) {
        while let Some((header, payload)) =
            self.held.first().filter(|(held, _)| held.sequence == self.next).cloned()
        {
            self.held.remove(0);
            self.take(&header, &payload, came);
        }
    }

    fn take(&mut self, header: &Header, payload: &[u8], came: &mut Came) {
        self.next = header.sequence.wrapping_add(1);
        if header.payload_type != PCMU {
            if let Some(digit) = self.digits.receive(header.timestamp, CLOCK_HZ, payload) {
                let _ = came.digits.try_push(digit);
            }
            return;
        }
        let mut payload = payload;
        while !payload.is_empty() {
            let (now, later) = payload.split_at(payload.len().min(self.rest.remaining_capacity()));
            self.rest.extend(now.iter().copied());
            payload = later;
            if let Ok(frame) = self.rest.clone().into_inner() {
                self.rest.clear();
                came.frames.push(frame);
            }
        }
    }

    /// Silence for what was lost, so that what follows keeps its time.
    fn fill(&mut self, frames: usize, came: &mut Came) {
        if !self.rest.is_empty() {
            let mut frame = [Law::Mu.silence(); FRAME];
            frame[..self.rest.len()].copy_from_slice(&self.rest);
            self.rest.clear();
            came.frames.push(frame);
        }
        came.frames.extend(std::iter::repeat_n([Law::Mu.silence(); FRAME], frames));
    }
}

/// To the browser.
pub struct Outward {
    source: u32,
    sequence: u16,
    timestamp: u32,
    last: Option<Instant>,
    packets: u64,
}

/// Nothing to hear for so long, and the time that passed shows in the timestamps (RFC 3550 §5.1).
const PAUSE: Duration = Duration::from_millis(100);

impl Outward {
    /// The stream of this source; it begins at random numbers (RFC 3550 §5.1).
    pub fn new(source: u32, sequence: u16, timestamp: u32) -> Self {
        Self { source, sequence, timestamp, last: None, packets: 0 }
    }

    /// The header of the packet that carries a frame which was heard now.
    pub fn next(&mut self, now: Instant) -> Header {
        let passed = self.last.map(|last| now.saturating_duration_since(last));
        let pause = passed.filter(|passed| *passed >= PAUSE);
        if let Some(pause) = pause {
            let ticks = pause.as_millis() / TICK.as_millis() - 1;
            self.timestamp = self.timestamp.wrapping_add((ticks as u32).wrapping_mul(FRAME as u32));
        }
        let header = Header {
            payload_type: PCMU,
            marker: passed.is_none() || pause.is_some(),
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.source,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        self.last = Some(now);
        self.packets += 1;
        header
    }

    /// Adds what was counted.
    pub fn count(&self, stats: &mut Stats) {
        stats.packets_out = self.packets;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(sequence: u16) -> Header {
        let timestamp = u32::from(sequence) * FRAME as u32;
        Header { payload_type: PCMU, marker: false, sequence, timestamp, ssrc: 7 }
    }

    /// Gives packets with these numbers, each 20 ms of its own number's byte, and says what came.
    fn heard(inward: &mut Inward, sequences: &[u16]) -> Vec<u8> {
        let mut came = Came::default();
        for sequence in sequences {
            let payload = Bytes::from(vec![*sequence as u8; FRAME]);
            inward.packet(header(*sequence), payload, &mut came);
        }
        came.frames.iter().map(|frame| frame[0]).collect()
    }

    fn stats(inward: &Inward) -> Stats {
        let mut stats = Stats::default();
        inward.count(&mut stats);
        stats
    }

    #[test]
    fn packets_out_of_order_come_out_in_order() {
        let mut inward = Inward::new(None);
        assert_eq!(heard(&mut inward, &[1, 3, 2, 4, 4, 3, 5]), [1, 2, 3, 4, 5]);
        let stats = stats(&inward);
        assert_eq!((stats.packets_in, stats.late, stats.lost), (7, 2, 0));
    }

    #[test]
    fn what_is_missing_is_silence_once_three_packets_are_behind_it() {
        let mut inward = Inward::new(None);
        assert_eq!(heard(&mut inward, &[1, 4, 5]), [1]);
        assert_eq!(heard(&mut inward, &[6]), [0xff, 0xff, 4, 5, 6]);
        assert_eq!(stats(&inward).lost, 2);
        assert_eq!(heard(&mut inward, &[2]), [0; 0], "too late");
    }

    #[test]
    fn numbers_wrap_and_a_far_jump_begins_anew() {
        let mut inward = Inward::new(None);
        assert_eq!(heard(&mut inward, &[65_534, 65_535, 0, 1]), [254, 255, 0, 1]);
        assert_eq!(heard(&mut inward, &[5_000, 5_001]), [136, 137]);
        assert_eq!(stats(&inward).lost, 0);
    }

    #[test]
    fn another_source_begins_anew() {
        let mut inward = Inward::new(None);
        heard(&mut inward, &[1, 2]);
        let mut came = Came::default();
        inward.packet(Header { ssrc: 8, ..header(1) }, Bytes::from(vec![9; FRAME]), &mut came);
        assert_eq!(came.frames, [[9; FRAME]]);
    }

    #[test]
    fn any_packet_length_becomes_frames_of_twenty_milliseconds() {
        let mut inward = Inward::new(None);
        let mut came = Came::default();
        let words: Vec<u8> = (0..FRAME * 3).map(|at| at as u8).collect();
        for (sequence, piece) in (0..).zip(words.chunks(80).chain([&[][..]])) {
            inward.packet(header(sequence), Bytes::copy_from_slice(piece), &mut came);
        }
        assert_eq!(came.frames.concat(), words);
        inward.packet(header(7), Bytes::from(vec![1; FRAME * 3]), &mut came);
        assert_eq!(came.frames.len(), 6);
    }

    #[test]
    fn formats_that_were_not_agreed_are_counted_and_not_heard() {
        let mut inward = Inward::new(Some(101));
        let mut came = Came::default();
        for payload_type in [8, 111, 126] {
            inward.packet(Header { payload_type, ..header(1) }, Bytes::from(vec![1; FRAME]), &mut came);
        }
        inward.packet(header(1), Bytes::from(vec![1; FRAME * PACKET_FRAMES_MAX + 1]), &mut came);
        assert_eq!((came.frames.len(), stats(&inward).strange), (0, 4));
    }

    #[test]
    fn a_digit_is_told_once_when_it_ends() {
        let mut inward = Inward::new(Some(126));
        let mut came = Came::default();
        for (sequence, flags) in [(1, 0), (2, 0), (3, 0x80), (4, 0x80), (5, 0x80)] {
            let header = Header { payload_type: 126, timestamp: 800, ..header(sequence) };
            let payload = [5, flags | 10, 0x03, 0x20];
            inward.packet(header, Bytes::copy_from_slice(&payload), &mut came);
        }
        let digits: Vec<_> = came.digits.iter().map(|digit| digit.digit).collect();
        assert_eq!((digits, came.frames.len()), (vec!['5'], 0));
    }

    #[test]
    fn timestamps_run_on_and_show_a_pause() {
        let start = Instant::now();
        let mut outward = Outward::new(7, 65_535, 10);
        let told = [0, 20, 45, 60, 560].map(|ms| {
            let header = outward.next(start + Duration::from_millis(ms));
            (header.sequence, header.timestamp, header.marker)
        });
        assert_eq!(
            told,
            [
                (65_535, 10, true),
                (0, 170, false),
                (1, 330, false),
                (2, 490, false),
                (3, 490 + 160 * 25, true)
            ]
        );
    }

    proptest! {
        #[test]
        fn nothing_that_comes_panics_or_grows(
            packets in prop::collection::vec((any::<u16>(), any::<u32>(), 0..130u8, 0..2_000usize), 0..200)
        ) {
            let mut inward = Inward::new(Some(101));
            for (sequence, timestamp, payload_type, length) in packets {
                let mut came = Came::default();
                let header = Header { payload_type, marker: false, sequence, timestamp, ssrc: 1 };
                inward.packet(header, Bytes::from(vec![3; length]), &mut came);
                prop_assert!(came.frames.len() <= (HELD_MAX + 1) * PACKET_FRAMES_MAX + FILLED_MAX + 2);
                prop_assert!(inward.held.len() < HELD_MAX);
            }
        }
    }
}
