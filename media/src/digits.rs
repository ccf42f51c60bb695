//! Digits of the callee by either way: as telephone events (RFC 4733) and as tones. A gateway that makes an event of a
//! tone often lets the tone through as well, in part or whole, so what comes by both ways is told once. Knows nothing of
//! packets.

use crate::{dtmf::Received, jitter::FRAME, tone};

/// One leg's digits, where the audio is listened to.
#[derive(Debug)]
pub(crate) struct Digits {
    tones: tone::Receiver,
    /// Ticks so far.
    tick: u32,
    last: Option<Told>,
}

/// A digit that was told, and may come again by the other way.
#[derive(Clone, Copy, Debug)]
struct Told {
    digit: char,
    way: Way,
    tick: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Event,
    Tone,
}

impl Digits {
    pub(crate) fn new() -> Self {
        Self { tones: tone::Receiver::new(), tick: 0, last: None }
    }

    /// Takes the tick's frame; gives the digit that was heard in it, unless it was told before.
    pub(crate) fn listen(&mut self, frame: &[i16; FRAME]) -> Option<Received> {
        self.tick = self.tick.wrapping_add(1);
        let received = self.tones.listen(frame)?;
        self.once(Way::Tone, received)
    }

    /// Takes a digit that came as an event; gives it back, unless it was told before.
    pub(crate) fn event(&mut self, received: Received) -> Option<Received> {
        self.once(Way::Event, received)
    }

    fn once(&mut self, way: Way, received: Received) -> Option<Received> {
        // Each cancels one: a key pressed twice comes twice by each way. Of a key that is held, a gateway may let through no more
        // than the tone's beginning: it is the same while it is pressed.
        let pressed_ticks = u32::try_from(received.duration.as_millis() / 20).unwrap_or(u32::MAX);
        let apart_max = pressed_ticks.saturating_add(APART_TICKS);
        let again = self.last.take_if(|told| {
            told.digit == received.digit && told.way != way && self.tick.wrapping_sub(told.tick) <= apart_max
        });
        if again.is_some() {
            return None;
        }
        self.last = Some(Told { digit: received.digit, way, tick: self.tick });
        Some(received)
    }
}

/// Both ways tell a digit's end, hence how long they may lie apart where both are whole. The tone comes later by the jitter buffer (200 ms at most) and the detector (35 ms), the
/// event by its repetitions, or 100 ms where all of its ends were lost.
const APART_TICKS: u32 = 15;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tone::{Sender, Sounded};

    fn event(digit: char) -> Received {
        Received { digit, duration: Duration::from_millis(100) }
    }

    /// Frames of these digits as tones.
    fn tones(digits: &str) -> Vec<[i16; FRAME]> {
        let mut sender = Sender::default();
        assert!(sender.push(&digits.parse().expect("digits")));
        let mut frames = Vec::new();
        let mut frame = [0; FRAME];
        while sender.tick(&mut frame) == Sounded::Frame {
            frames.push(frame);
        }
        frames
    }

    #[test]
    fn a_digit_by_both_ways_is_told_once_whichever_comes_first() {
        for event_tick in [1, 5, 7, 9, 15] {
            let mut digits = Digits::new();
            let mut told = 0;
            for (tick, frame) in tones("5,").iter().enumerate() {
                told += usize::from(digits.listen(frame).is_some());
                if tick == event_tick {
                    told += usize::from(digits.event(event('5')).is_some());
                }
            }
            assert_eq!(told, 1, "event in tick {event_tick}");
        }
    }

    #[test]
    fn a_key_pressed_twice_is_told_twice_by_one_way_and_by_both() {
        for both in [false, true] {
            let mut digits = Digits::new();
            let mut told = String::new();
            for (tick, frame) in tones("77,").iter().enumerate() {
                told.extend(digits.listen(frame).map(|received| received.digit));
                if both && tick % 10 == 5 && tick < 20 {
                    told.extend(digits.event(event('7')).map(|received| received.digit));
                }
            }
            assert_eq!(told, "77", "both: {both}");
        }
    }

    #[test]
    fn a_key_that_is_held_is_told_once_though_its_tone_was_cut_short() {
        let mut digits = Digits::new();
        let mut frames = tones("5,");
        frames.extend([[0; FRAME]; 65]);
        let heard = frames.iter().filter_map(|frame| digits.listen(frame)).count();
        let held = Received { digit: '5', duration: Duration::from_secs(2) };
        assert_eq!((heard, digits.event(held)), (1, None));
    }

    #[test]
    fn an_event_long_after_the_tone_is_another_press() {
        let mut digits = Digits::new();
        let heard = tones("3,,").iter().filter_map(|frame| digits.listen(frame)).count();
        assert_eq!((heard, digits.event(event('3'))), (1, Some(event('3'))));
    }

    #[test]
    fn another_digit_is_another_digit() {
        let mut digits = Digits::new();
        assert_eq!(digits.event(event('1')), Some(event('1')));
        let heard: String =
            tones("2").iter().filter_map(|frame| digits.listen(frame)).map(|r| r.digit).collect();
        assert_eq!(heard, "2");
    }
}
