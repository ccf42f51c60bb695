//! A place in a bridge for whoever is not its callee: a bot at the end of a WebSocket, a browser, another bridge. Two rings of
//! 20 ms of PCMU, so that neither side ever waits for the other, locks or allocates. [`Port`] is held by whoever carries the
//! audio, [`Seat`] by the bridge; each knows when the other is gone. Two seats back to back ([`between`]) let the callees of
//! two bridges talk, whichever threads serve them.
//!
//! What a bot says is lost nowhere: it speaks faster than time goes, a ring that is full is tried again, and what waits longer
//! waits with the carrier. What is said live, and all that anybody hears, is worth something only while it is fresh: what waits
//! behind a stall is passed over.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use rtrb::{Consumer, Producer, RingBuffer};

use crate::jitter::FRAME;

/// 20 ms of PCMU at 8 kHz.
pub type Frame = [u8; FRAME];

/// How what is said at a port is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Every frame is heard, one after another: its carrier has the words before their time.
    Queued,
    /// As they come: somebody talks right now, and what waited for more than [`LIVE_MAX`] frames is passed over.
    Live,
}

/// Words on their way to the call: 320 ms. It hides the carrier's jitter, and is all that a clearing has to catch.
pub const WORDS_MAX: usize = 16;
/// Frames on their way to the carrier: 640 ms, for one that is held up.
pub const HEARD_MAX: usize = 32;
/// What is passed over if it waited for more frames than this: 200 ms.
pub const STALE: usize = 10;
/// What waits at most of somebody who talks right now: 80 ms.
pub const LIVE_MAX: usize = 4;
/// Marks that may come back at once: each word may be one.
const MARKS_MAX: usize = 2 * WORDS_MAX;

/// Makes both ends.
#[must_use]
pub fn pair(pace: Pace) -> (Port, Seat) {
    let (words, said) = RingBuffer::new(WORDS_MAX);
    let (ears, heard) = RingBuffer::new(HEARD_MAX);
    let (marks, marked) = RingBuffer::new(MARKS_MAX);
    let shared = Arc::<Shared>::default();
    let port = Port {
        words,
        heard,
        marked,
        shared: Arc::clone(&shared),
        given: 0,
        flushes: 0,
        passed_over: 0,
        stale: STALE,
    };
    (port, Seat { said, ears, marks: Some(marks), shared, pace, taken: 0, lost: 0 })
}

/// Two seats whose bridges hear each other.
#[must_use]
pub fn between() -> (Seat, Seat) {
    let (from_one, to_other) = RingBuffer::new(WORDS_MAX);
    let (from_other, to_one) = RingBuffer::new(WORDS_MAX);
    let seat = |said, ears| Seat {
        said,
        ears,
        marks: None,
        shared: Arc::default(),
        pace: Pace::Live,
        taken: 0,
        lost: 0,
    };
    (seat(to_one, from_one), seat(to_other, from_other))
}

/// What both ends count.
#[derive(Debug, Default)]
struct Shared {
    /// Words numbered below this are not to be heard any more.
    cut: AtomicU64,
    /// How often the bridge has thrown away what waited.
    flushes: AtomicU64,
    /// Frames that were heard.
    played: Apart,
}

/// What the bridge counts every 20 ms. The carrier looks at what stands above as often: it shall not fetch that anew each time.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart(AtomicU64);

/// What is passed on, in order.
#[derive(Debug)]
enum Word {
    Frame(Frame),
    /// Another sound of the same 20 ms as the frame before it.
    Beside(Frame),
    Mark(u32),
}

/// What became of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Which.
    pub mark: u32,
    /// What stood before it was thrown away, and not heard to its end.
    pub cleared: bool,
}

/// The carrier's end.
#[derive(Debug)]
pub struct Port {
    words: Producer<Word>,
    heard: Consumer<Word>,
    marked: Consumer<Marked>,
    shared: Arc<Shared>,
    /// Words given so far.
    given: u64,
    /// Flushes of the bridge's that were told.
    flushes: u64,
    /// Frames that were too old to be heard.
    passed_over: u64,
    /// Words that wait at most.
    stale: usize,
}

impl Port {
    /// How many words find room now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.words.slots()
    }

    /// Is there no room? Cheaper to ask than [how much](Port::room).
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.words.is_full()
    }

    /// Says 20 ms. False: there is no room yet, and nothing was taken.
    pub fn say(&mut self, frame: &Frame) -> bool {
        self.give(Word::Frame(*frame))
    }

    /// Asks to be told when all before it has been heard. False: there is no room yet.
    pub fn mark(&mut self, mark: u32) -> bool {
        self.give(Word::Mark(mark))
    }

    fn give(&mut self, word: Word) -> bool {
        let taken = self.words.push(word).is_ok();
        self.given += u64::from(taken);
        taken
    }

    /// Takes back what was said and not heard yet; its marks come back as cleared. What is said from now on is heard.
    pub fn clear(&mut self) {
        self.shared.cut.store(self.given, Ordering::Release);
    }

    /// The next 20 ms of the call, if they are there.
    pub fn hear(&mut self) -> Option<Frame> {
        self.pass_over();
        loop {
            match self.heard.pop().ok()? {
                Word::Frame(frame) => return Some(frame),
                // Of one who did not ask for it.
                Word::Beside(_) => {}
                // What waits here is said live, and sets no marks.
                Word::Mark(_) => return None,
            }
        }
    }

    /// What else was heard in the 20 ms that [`Port::hear`] gave last: for one who hears [beside](crate::bridge::Members::BESIDE).
    pub fn hear_beside(&mut self) -> Option<Frame> {
        let Word::Beside(frame) = *self.heard.peek().ok()? else { return None };
        let _ = self.heard.pop();
        // Two words for the same time.
        self.stale = 2 * STALE;
        Some(frame)
    }

    /// Drops what has got too old. For a carrier that cannot take anything now.
    pub fn pass_over(&mut self) {
        // Whatever else waits is younger.
        while self.heard.slots() > self.stale && self.heard.pop().is_ok() {
            self.passed_over += 1;
            self.hear_beside();
        }
    }

    /// Frames of the call that were too old when they would have been heard.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// The next mark that was reached or cleared.
    pub fn poll_marked(&mut self) -> Option<Marked> {
        self.marked.pop().ok()
    }

    /// Has the bridge thrown away what waited, since this was last asked? Then what the carrier holds back is of the past too.
    pub fn take_flush(&mut self) -> bool {
        let flushes = self.shared.flushes.load(Ordering::Acquire);
        std::mem::replace(&mut self.flushes, flushes) != flushes
    }

    /// Frames of ours that were heard so far.
    #[must_use]
    pub fn played(&self) -> u64 {
        self.shared.played.0.load(Ordering::Relaxed)
    }

    /// The bridge is gone: nobody hears or speaks any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.words.is_abandoned()
    }
}

/// The bridge's end.
#[derive(Debug)]
pub struct Seat {
    said: Consumer<Word>,
    ears: Producer<Word>,
    /// Who is told of marks; another bridge sets none.
    marks: Option<Producer<Marked>>,
    shared: Arc<Shared>,
    pace: Pace,
    /// Words taken so far.
    taken: u64,
    /// Frames that found no room, and marks that nobody took back.
    lost: u64,
}

impl Seat {
    /// Is what is said here worth something only now?
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.pace == Pace::Live
    }

    /// The next 20 ms that are said here. False: none are, and `frame` is as it was.
    pub fn pull(&mut self, frame: &mut Frame) -> bool {
        let cut = self.shared.cut.load(Ordering::Acquire);
        while let Ok(word) = self.said.pop() {
            let stale = self.is_live() && self.said.slots() >= LIVE_MAX;
            let cleared = self.taken < cut || stale;
            self.taken += 1;
            match word {
                Word::Mark(mark) => self.come_back(Marked { mark, cleared }),
                Word::Frame(said) if !cleared => {
                    *frame = said;
                    self.shared.played.0.fetch_add(1, Ordering::Relaxed);
                    self.reach_marks(cut);
                    return true;
                }
                Word::Frame(_) | Word::Beside(_) => {}
            }
        }
        false
    }

    /// Marks right behind what is said now: they are reached with it, not a frame later.
    fn reach_marks(&mut self, cut: u64) {
        while let Ok(Word::Mark(mark)) = self.said.peek() {
            let marked = Marked { mark: *mark, cleared: self.taken < cut };
            let _ = self.said.pop();
            self.taken += 1;
            self.come_back(marked);
        }
    }

    /// Gives 20 ms to whoever listens here.
    pub fn offer(&mut self, frame: &Frame) {
        self.lost += u64::from(self.ears.push(Word::Frame(*frame)).is_err());
    }

    /// Gives 20 ms, and beside them another sound of the same time: both, or none of them.
    pub fn offer_both(&mut self, frame: &Frame, beside: &Frame) {
        if self.ears.slots() < 2 {
            self.lost += 1;
            return;
        }
        for word in [Word::Frame(*frame), Word::Beside(*beside)] {
            self.lost += u64::from(self.ears.push(word).is_err());
        }
    }

    /// Throws away what waits, and has the carrier do so too.
    pub fn flush(&mut self) {
        self.drop_before(u64::MAX);
        self.shared.flushes.fetch_add(1, Ordering::Release);
    }

    /// Lets go of what the carrier took back, in a tick in which nobody asks what is said here: its marks come back, and what is said
    /// instead finds room.
    pub fn sweep(&mut self) {
        let cut = self.shared.cut.load(Ordering::Acquire);
        self.drop_before(cut);
    }

    fn drop_before(&mut self, cut: u64) {
        while self.taken < cut
            && let Ok(word) = self.said.pop()
        {
            self.taken += 1;
            if let Word::Mark(mark) = word {
                self.come_back(Marked { mark, cleared: true });
            }
        }
    }

    fn come_back(&mut self, marked: Marked) {
        let Some(marks) = &mut self.marks else { return };
        self.lost += u64::from(marks.push(marked).is_err());
    }

    /// Who spoke here is gone, and all that it said was taken.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.said.is_abandoned() && self.said.is_empty()
    }

    /// What found no room.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(byte: u8) -> Frame {
        [byte; FRAME]
    }

    fn pulled(seat: &mut Seat) -> Option<u8> {
        let mut into = frame(0);
        seat.pull(&mut into).then_some(into[0])
    }

    #[test]
    fn what_is_said_is_heard_in_order_and_marks_come_back_with_what_they_follow() {
        let (mut port, mut seat) = pair(Pace::Queued);
        assert!(port.say(&frame(1)) && port.say(&frame(2)) && port.mark(7) && port.say(&frame(3)));
        assert_eq!(pulled(&mut seat), Some(1));
        assert_eq!(port.poll_marked(), None);
        assert_eq!(pulled(&mut seat), Some(2));
        assert_eq!(port.poll_marked(), Some(Marked { mark: 7, cleared: false }));
        assert_eq!((pulled(&mut seat), pulled(&mut seat)), (Some(3), None));
        assert_eq!(port.played(), 3);
    }

    #[test]
    fn a_full_ring_takes_nothing_and_loses_nothing() {
        let (mut port, mut seat) = pair(Pace::Queued);
        for byte in 0..WORDS_MAX {
            assert!(port.say(&frame(byte as u8)));
        }
        assert_eq!((port.room(), port.say(&frame(99)), port.mark(1)), (0, false, false));
        for byte in 0..WORDS_MAX {
            assert_eq!(pulled(&mut seat), Some(byte as u8));
        }
        assert!(port.say(&frame(99)));
        assert_eq!(pulled(&mut seat), Some(99));
    }

    #[test]
    fn clearing_catches_what_was_said_before_and_nothing_that_is_said_after() {
        let (mut port, mut seat) = pair(Pace::Queued);
        assert!(port.say(&frame(1)) && port.mark(1) && port.say(&frame(2)) && port.mark(2));
        assert_eq!(pulled(&mut seat), Some(1));
        port.clear();
        assert!(port.say(&frame(3)) && port.mark(3));
        assert_eq!((pulled(&mut seat), pulled(&mut seat)), (Some(3), None));
        let marks: Vec<_> = std::iter::from_fn(|| port.poll_marked()).collect();
        let marked = |mark, cleared| Marked { mark, cleared };
        assert_eq!(marks, [marked(1, false), marked(2, true), marked(3, false)]);
    }

    #[test]
    fn what_was_taken_back_leaves_though_nobody_asks_and_nothing_else_does() {
        let (mut port, mut seat) = pair(Pace::Queued);
        assert!(port.say(&frame(1)) && port.mark(1) && port.say(&frame(2)));
        seat.sweep();
        assert_eq!((port.poll_marked(), port.room()), (None, WORDS_MAX - 3));
        port.clear();
        assert!(port.say(&frame(3)) && port.mark(3));
        seat.sweep();
        assert_eq!(port.poll_marked(), Some(Marked { mark: 1, cleared: true }));
        assert_eq!((port.poll_marked(), port.room()), (None, WORDS_MAX - 2));
        assert_eq!((pulled(&mut seat), pulled(&mut seat), port.played()), (Some(3), None, 1));
    }

    #[test]
    fn a_mark_before_anything_is_said_is_reached_at_once() {
        let (mut port, mut seat) = pair(Pace::Queued);
        assert!(port.mark(5));
        assert_eq!(pulled(&mut seat), None);
        assert_eq!(port.poll_marked(), Some(Marked { mark: 5, cleared: false }));
    }

    #[test]
    fn when_the_bridge_throws_away_the_carrier_is_told_once() {
        let (mut port, mut seat) = pair(Pace::Queued);
        assert!(port.say(&frame(1)) && port.mark(4));
        seat.flush();
        assert_eq!(pulled(&mut seat), None);
        assert_eq!(port.poll_marked(), Some(Marked { mark: 4, cleared: true }));
        assert_eq!((port.take_flush(), port.take_flush()), (true, false));
        assert_eq!(port.played(), 0);
    }

    #[test]
    fn a_carrier_that_was_held_up_hears_what_is_fresh() {
        let (mut port, mut seat) = pair(Pace::Queued);
        for byte in 0..40 {
            seat.offer(&frame(byte));
        }
        assert_eq!(seat.lost(), 8);
        let heard: Vec<_> = std::iter::from_fn(|| port.hear()).map(|frame| frame[0]).collect();
        assert_eq!(heard, (22..32).collect::<Vec<_>>());
        assert_eq!(port.passed_over(), 22);
        seat.offer(&frame(77));
        assert_eq!(port.hear(), Some(frame(77)));
    }

    #[test]
    fn who_talks_live_is_heard_as_of_now_after_a_stall() {
        let (mut one, mut other) = between();
        for byte in 0..10 {
            one.offer(&frame(byte));
        }
        let heard: Vec<_> = std::iter::from_fn(|| pulled(&mut other)).collect();
        assert_eq!(heard, [6, 7, 8, 9]);
        other.offer(&frame(50));
        assert_eq!((pulled(&mut one), pulled(&mut one)), (Some(50), None));
        drop(other);
        assert!(one.is_over());
    }

    #[test]
    fn each_end_knows_when_the_other_is_gone() {
        let (mut port, seat) = pair(Pace::Queued);
        assert!(!port.is_over() && port.say(&frame(1)));
        drop(seat);
        assert!(port.is_over());
        let (mut port, mut seat) = pair(Pace::Queued);
        assert!(port.say(&frame(1)));
        drop(port);
        assert!(!seat.is_over(), "its last word is still to be said");
        assert_eq!((pulled(&mut seat), seat.is_over()), (Some(1), true));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "two threads are what is tested")]
    fn two_threads_pass_a_thousand_frames_without_losing_one() {
        let (mut port, mut seat) = pair(Pace::Queued);
        let carrier = std::thread::spawn(move || {
            for number in 0..1_000u32 {
                while !port.say(&frame(number as u8)) {
                    std::hint::spin_loop();
                }
            }
            port
        });
        let mut next = 0u32;
        while next < 1_000 {
            if let Some(byte) = pulled(&mut seat) {
                assert_eq!(byte, next as u8);
                next += 1;
            }
        }
        let port = carrier.join().expect("the carrier ended");
        assert_eq!(port.played(), 1_000);
    }
}
