//! What a bot has said and the port has not taken yet: PCMU of any length, and between its bytes the marks. Given to the port
//! in frames of 20 ms, as there is room.

use std::collections::VecDeque;

use trunkline_media::Port;
use trunkline_media::g711::Law;
use trunkline_media::port::{Frame, WORDS_MAX};

/// Room that an empty backlog keeps: 4 s.
const KEPT: usize = 4 * 8_000;
/// Marks for which it keeps room.
const MARKS_KEPT: usize = 512;
/// Half a frame is filled up with silence when the port has had nothing for so many ticks: then the bot is not about to say
/// the rest.
const STARVED: u8 = 2;

const FRAME: usize = 160;

/// The queue.
#[derive(Debug, Default)]
pub(in crate::agent) struct Backlog {
    sound: VecDeque<u8>,
    /// Marks, and how many bytes stood before each.
    marks: VecDeque<(u64, u32)>,
    /// Bytes that ever came, and that went.
    put: u64,
    taken: u64,
    starved: u8,
}

impl Backlog {
    /// Adds PCMU.
    pub fn push(&mut self, pcmu: &[u8]) {
        self.sound.extend(pcmu);
        self.put += pcmu.len() as u64;
        self.starved = 0;
    }

    /// The last so many bytes, of those that wait.
    pub fn last(&self, bytes: usize) -> impl Iterator<Item = u8> {
        self.sound.range(self.sound.len() - bytes..).copied()
    }

    /// The last so many bytes, of those that wait, were not said.
    pub fn take_back(&mut self, bytes: usize) {
        self.sound.truncate(self.sound.len() - bytes);
        self.put -= bytes as u64;
    }

    /// So many bytes of silence stand before the last ones that wait.
    pub fn pause_before(&mut self, last: usize, bytes: u64) {
        let words = self.sound.split_off(self.sound.len() - last);
        self.sound.extend(std::iter::repeat_n(Law::Mu.silence(), bytes as usize));
        self.sound.extend(words);
        self.put += bytes;
    }

    /// Adds a mark behind all that was added. It is reached with the frame that its last byte is in.
    pub fn mark(&mut self, mark: u32) {
        self.marks.push_back((self.put, mark));
    }

    /// Drops the marks that nobody waits for any more: each would take a word of the port's from what is said.
    pub fn keep_marks(&mut self, keep: impl Fn(u32) -> bool) {
        self.marks.retain(|(_, mark)| keep(*mark));
    }

    /// Throws away everything, and gives the first of the marks in it: all later ones were in it too.
    pub fn clear(&mut self) -> Option<u32> {
        self.sound.clear();
        self.sound.shrink_to(KEPT);
        self.put = self.taken;
        let first = self.marks.front().map(|(_, mark)| *mark);
        self.marks.clear();
        first
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> usize {
        self.sound.len()
    }

    /// Bytes that the port ever took.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Bytes that ever came.
    pub fn put(&self) -> u64 {
        self.put
    }

    pub fn is_empty(&self) -> bool {
        self.sound.is_empty() && self.marks.is_empty()
    }

    /// Gives the port what it has room for.
    pub fn pump(&mut self, port: &mut Port) {
        loop {
            while let Some((at, mark)) = self.marks.front() {
                if *at > self.taken {
                    break;
                }
                if !port.mark(*mark) {
                    return;
                }
                self.marks.pop_front();
            }
            if self.sound.len() < FRAME || port.is_full() {
                break;
            }
            port.say(&self.next());
        }
        if self.sound.is_empty() && self.sound.capacity() > KEPT {
            self.sound.shrink_to(KEPT);
        }
        if self.marks.is_empty() && self.marks.capacity() > MARKS_KEPT {
            self.marks.shrink_to(MARKS_KEPT);
        }
    }

    /// Once every 20 ms: what is half a frame, and stays it, is heard with silence behind it.
    pub fn tick(&mut self, port: &mut Port) {
        self.pump(port);
        let starving = (1..FRAME).contains(&self.sound.len()) && port.room() == WORDS_MAX;
        self.starved = if starving { self.starved + 1 } else { 0 };
        if self.starved > STARVED {
            let missing = FRAME - self.sound.len();
            self.sound.extend(std::iter::repeat_n(Law::Mu.silence(), missing));
            self.put += missing as u64;
            self.starved = 0;
            self.pump(port);
        }
    }

    fn next(&mut self) -> Frame {
        let mut frame = [0; FRAME];
        let (front, back) = self.sound.as_slices();
        let split = front.len().min(FRAME);
        frame[..split].copy_from_slice(&front[..split]);
        frame[split..].copy_from_slice(&back[..FRAME - split]);
        self.sound.drain(..FRAME);
        self.taken += FRAME as u64;
        frame
    }
}

#[cfg(test)]
mod tests {
    use trunkline_media::Seat;
    use trunkline_media::port::{Marked, Pace, pair};

    use super::*;

    fn pulled(seat: &mut Seat) -> Option<Frame> {
        let mut frame = [0; FRAME];
        seat.pull(&mut frame).then_some(frame)
    }

    #[test]
    fn pieces_of_any_length_become_frames_and_lose_nothing() {
        for size in [1, 7, 159, 160, 161, 1_000] {
            let (mut port, mut seat) = pair(Pace::Queued);
            let mut backlog = Backlog::default();
            let sound: Vec<u8> = (0..160 * 50).map(|n| (n % 251) as u8).collect();
            let mut heard = vec![];
            for piece in sound.chunks(size) {
                backlog.push(piece);
                backlog.pump(&mut port);
                heard.extend(pulled(&mut seat).into_iter().flatten());
            }
            while !backlog.is_empty() || port.room() < WORDS_MAX {
                backlog.pump(&mut port);
                heard.extend(pulled(&mut seat).into_iter().flatten());
            }
            assert!(heard == sound, "pieces of {size}");
        }
    }

    #[test]
    fn a_mark_is_reached_with_the_frame_that_ends_behind_it() {
        let (mut port, mut seat) = pair(Pace::Queued);
        let mut backlog = Backlog::default();
        backlog.push(&[1; 200]);
        backlog.mark(5);
        backlog.push(&[2; 120]);
        backlog.pump(&mut port);
        assert!(pulled(&mut seat).is_some());
        assert_eq!(port.poll_marked(), None);
        assert_eq!(pulled(&mut seat).map(|frame| (frame[39], frame[40])), Some((1, 2)));
        assert_eq!(port.poll_marked(), Some(Marked { mark: 5, cleared: false }));
    }

    #[test]
    fn half_a_frame_that_stays_half_is_heard_with_silence_behind_it() {
        let (mut port, mut seat) = pair(Pace::Queued);
        let mut backlog = Backlog::default();
        backlog.push(&[3; 100]);
        backlog.mark(9);
        for _ in 0..STARVED {
            backlog.tick(&mut port);
            assert_eq!(pulled(&mut seat), None);
        }
        backlog.push(&[3; 10]);
        for _ in 0..=STARVED {
            assert_eq!(pulled(&mut seat), None, "it was not about to be silent after all");
            backlog.tick(&mut port);
        }
        let frame = pulled(&mut seat).expect("the half frame");
        assert_eq!((frame[109], frame[110], frame[159]), (3, 0xff, 0xff));
        assert_eq!(port.poll_marked(), Some(Marked { mark: 9, cleared: false }));
        assert!(backlog.is_empty());
    }

    #[test]
    fn what_was_cleared_is_not_heard_and_later_marks_stand_right() {
        let (mut port, mut seat) = pair(Pace::Queued);
        let mut backlog = Backlog::default();
        backlog.push(&[1; 160 * 100]);
        backlog.mark(1);
        assert_eq!(backlog.clear(), Some(1));
        assert!(backlog.is_empty());
        backlog.push(&[2; 160]);
        backlog.mark(2);
        backlog.pump(&mut port);
        assert_eq!(pulled(&mut seat), Some([2; 160]));
        assert_eq!(port.poll_marked(), Some(Marked { mark: 2, cleared: false }));
    }

    #[test]
    fn room_for_five_minutes_is_given_back() {
        let (mut port, mut seat) = pair(Pace::Queued);
        let mut backlog = Backlog::default();
        for mark in 0..300 * 50 {
            backlog.push(&[1; 160]);
            backlog.mark(mark);
        }
        assert_eq!(backlog.waiting(), 300 * 8_000);
        while !backlog.is_empty() || port.room() < WORDS_MAX {
            backlog.pump(&mut port);
            assert!(pulled(&mut seat).is_some());
        }
        assert!(backlog.sound.capacity() <= 2 * KEPT && backlog.marks.capacity() <= 2 * MARKS_KEPT);
    }
}
