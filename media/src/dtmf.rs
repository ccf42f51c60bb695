//! Telephone events (RFC 4733 §2): digits to packets and back. Knows nothing of RTP headers beyond the timestamp, and
//! nothing of sockets.

use std::{str::FromStr, time::Duration};

use arrayvec::ArrayVec;

/// Digits to send: `0-9 * # A-D`, and `,` or `w` for half a second of pause; 1 to [`Digits::MAX`] of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits(ArrayVec<Symbol, { Digits::MAX }>);

impl Digits {
    /// Longest accepted string.
    pub const MAX: usize = 64;

    pub(crate) fn symbols(&self) -> &[Symbol] {
        &self.0
    }
}

/// The string held something that is no digit, nothing at all, or too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("digits must be 1 to 64 of 0-9 * # A-D , w")]
pub struct InvalidDigits;

impl FromStr for Digits {
    type Err = InvalidDigits;

    fn from_str(text: &str) -> Result<Self, InvalidDigits> {
        let mut symbols = ArrayVec::new();
        for letter in text.chars() {
            let symbol = match letter.to_ascii_uppercase() {
                ',' | 'W' => Symbol::Pause,
                digit => Symbol::Event(event_of(digit).ok_or(InvalidDigits)?),
            };
            symbols.try_push(symbol).map_err(|_| InvalidDigits)?;
        }
        if symbols.is_empty() { Err(InvalidDigits) } else { Ok(Digits(symbols)) }
    }
}

/// One thing to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    /// An event's number (§3.2), 0 to 15.
    Event(u8),
    Pause,
}

/// Four bytes of payload: event, end bit and volume, duration.
pub const PAYLOAD_BYTES: usize = 4;

/// What the sender wants in this tick's packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The payload.
    pub payload: [u8; PAYLOAD_BYTES],
    /// The first packet of an event carries the marker (§2.5.1.2).
    pub marker: bool,
    /// The timestamp of the event's beginning, the same in all its packets.
    pub timestamp: u32,
}

impl Outgoing {
    /// The payload where the clock is `times` 8 kHz (§2.1: that of the audio beside it).
    #[must_use]
    pub fn scaled(&self, times: u32) -> [u8; PAYLOAD_BYTES] {
        let [event, flags, high, low] = self.payload;
        // 800 samples at most, and a clock of 48 kHz: far below 65,535.
        let duration = u32::from(u16::from_be_bytes([high, low])) * times;
        let [high, low] = (duration.min(u32::from(u16::MAX)) as u16).to_be_bytes();
        [event, flags, high, low]
    }
}

/// Plays digits as events of 100 ms, one every 180 ms, a packet a tick of 20 ms.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    queue: ArrayVec<Symbol, { Digits::MAX }>,
    state: Sending,
}

#[derive(Clone, Copy, Debug, Default)]
enum Sending {
    #[default]
    Idle,
    /// `packets` of the event are out.
    Event { event: u8, began: u32, packets: u16 },
    /// Audio for so many ticks more.
    Gap { ticks: u16 },
}

/// What a tick of the sender comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing to send: the tick belongs to audio.
    Nothing,
    /// This instead of audio.
    Event(Outgoing),
    /// Nothing to send, and the last digit is over.
    Finished,
}

impl Sender {
    /// Appends digits. False: there is no room, and nothing was taken.
    pub fn push(&mut self, digits: &Digits) -> bool {
        self.queue.try_extend_from_slice(&digits.0).is_ok()
    }

    /// One tick of 20 ms whose first sample has this timestamp.
    pub fn tick(&mut self, timestamp: u32) -> Sent {
        match self.state {
            Sending::Idle => self.next(timestamp),
            Sending::Gap { ticks } if ticks > 1 => {
                self.state = Sending::Gap { ticks: ticks - 1 };
                Sent::Nothing
            }
            Sending::Gap { .. } => {
                self.state = Sending::Idle;
                match (self.next(timestamp), self.state) {
                    (Sent::Nothing, Sending::Idle) => Sent::Finished,
                    (sent, _) => sent,
                }
            }
            Sending::Event { event, began, packets } => self.event(event, began, packets),
        }
    }

    fn next(&mut self, timestamp: u32) -> Sent {
        match self.queue.pop_at(0) {
            None => Sent::Nothing,
            Some(Symbol::Event(event)) => self.event(event, timestamp, 0),
            Some(Symbol::Pause) => {
                self.state = Sending::Gap { ticks: PAUSE_TICKS };
                Sent::Nothing
            }
        }
    }

    fn event(&mut self, event: u8, began: u32, packets: u16) -> Sent {
        let packets = packets + 1;
        let end = packets >= EVENT_TICKS;
        // The last packet goes out three times, its duration unchanged (§2.5.1.4): a tick apart, so that one burst of
        // loss doesn't take them all.
        let duration = packets.min(EVENT_TICKS) * TICK_SAMPLES;
        let [high, low] = duration.to_be_bytes();
        let flags = if end { END | VOLUME } else { VOLUME };
        self.state = if packets == EVENT_TICKS + 2 {
            Sending::Gap { ticks: GAP_TICKS }
        } else {
            Sending::Event { event, began, packets }
        };
        Sent::Event(Outgoing { payload: [event, flags, high, low], marker: packets == 1, timestamp: began })
    }
}

const TICK_SAMPLES: u16 = 160;
const EVENT_TICKS: u16 = 5;
const GAP_TICKS: u16 = 3;
const PAUSE_TICKS: u16 = 25;
const END: u8 = 0x80;
/// −10 dBm0 (§2.3.3): what telephones send.
const VOLUME: u8 = 10;

/// A digit of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// `0-9 * # A-D`.
    pub digit: char,
    /// How long it was pressed.
    pub duration: Duration,
}

/// Turns the other side's event packets into digits, each exactly once, when it ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Receiver {
    current: Option<Incoming>,
    /// Another source has begun, whose timestamps have nothing to do with those before.
    restarted: bool,
}

#[derive(Clone, Copy, Debug)]
struct Incoming {
    event: u8,
    clock_hz: u32,
    /// Timestamp of the segment that is being heard, and what its segments before lasted.
    timestamp: u32,
    before: u32,
    duration: u16,
    quiet_ticks: u8,
    reported: bool,
}

impl Receiver {
    /// Takes a payload and its packet's timestamp, both in units of `clock_hz`. Repetitions, reordered packets and unknown
    /// events give nothing.
    pub fn receive(&mut self, timestamp: u32, clock_hz: u32, payload: &[u8]) -> Option<Received> {
        let [event, flags, high, low] = *payload.first_chunk::<PAYLOAD_BYTES>()?;
        digit_of(event)?;
        let duration = u16::from_be_bytes([high, low]);
        let mut finished = None;
        let restarted = std::mem::take(&mut self.restarted);
        match &mut self.current {
            Some(current) if current.timestamp == timestamp => {
                if current.event == event {
                    current.duration = current.duration.max(duration);
                    current.quiet_ticks = 0;
                }
            }
            Some(current) if !restarted && current.is_after(timestamp) => return None,
            Some(current) if current.continues(event, timestamp) => {
                let before = current.before.saturating_add(SEGMENT);
                *current = Incoming { timestamp, before, duration, quiet_ticks: 0, ..*current };
            }
            current => {
                finished = current.as_mut().and_then(Incoming::report);
                *current = Some(Incoming {
                    event,
                    clock_hz,
                    timestamp,
                    before: 0,
                    duration,
                    quiet_ticks: 0,
                    reported: false,
                });
            }
        }
        if flags & END == 0 || finished.is_some() {
            // The end of a digit whose predecessor ended only now is reported by its repetition, or by the tick.
            return finished;
        }
        self.current.as_mut().and_then(Incoming::report)
    }

    /// Another source begins, or the same one anew: no event of it is behind those before.
    pub fn restart(&mut self) {
        self.restarted = true;
    }

    /// A tick of 20 ms: a digit all of whose end packets were lost is over after 100 ms of nothing (§2.5.1.5).
    pub fn tick(&mut self) -> Option<Received> {
        let current = self.current.as_mut().filter(|current| !current.reported)?;
        current.quiet_ticks += 1;
        (current.quiet_ticks > LOST_END_TICKS).then(|| current.report()).flatten()
    }
}

/// Five times the packet length of most senders.
const LOST_END_TICKS: u8 = 5;
/// The longest that a segment of an event lasts, by its own clock.
const SEGMENT: u32 = u16::MAX as u32;
/// What is further behind has not come late: the timestamps have begun anew.
const LATE_SECONDS_MAX: u32 = 2;

impl Incoming {
    /// A long event goes on in a new segment where the last one ended (§2.5.1.3), however much of that was heard, and told.
    fn continues(&self, event: u8, timestamp: u32) -> bool {
        event == self.event && timestamp == self.timestamp.wrapping_add(SEGMENT)
    }

    /// An event of this timestamp was over before.
    fn is_after(&self, timestamp: u32) -> bool {
        let behind = self.timestamp.wrapping_sub(timestamp);
        (1..=self.clock_hz.saturating_mul(LATE_SECONDS_MAX)).contains(&behind)
    }

    fn total(&self) -> u32 {
        self.before.saturating_add(u32::from(self.duration))
    }

    fn report(&mut self) -> Option<Received> {
        if std::mem::replace(&mut self.reported, true) {
            return None;
        }
        let digit = digit_of(self.event)?;
        Some(Received {
            digit,
            duration: Duration::from_micros(
                u64::from(self.total()) * 1_000_000 / u64::from(self.clock_hz.max(1)),
            ),
        })
    }
}

const DIGITS: &[u8; 16] = b"0123456789*#ABCD";

fn event_of(digit: char) -> Option<u8> {
    DIGITS.iter().position(|letter| char::from(*letter) == digit).map(|position| position as u8)
}

pub(crate) fn digit_of(event: u8) -> Option<char> {
    DIGITS.get(usize::from(event)).copied().map(char::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Everything that goes over the wire for these digits, and the number of the finishing tick.
    fn wire(digits: &str) -> (Vec<Outgoing>, u32) {
        let mut sender = Sender::default();
        assert!(sender.push(&digits.parse().expect("digits")));
        let mut out = Vec::new();
        for tick in 0..1000 {
            match sender.tick(tick * 160) {
                Sent::Event(event) => out.push(event),
                Sent::Nothing => {}
                Sent::Finished => return (out, tick),
            }
        }
        panic!("the digits never end");
    }

    fn heard(packets: impl IntoIterator<Item = Outgoing>) -> Vec<Received> {
        let mut receiver = Receiver::default();
        let mut out = Vec::new();
        for packet in packets {
            out.extend(receiver.receive(packet.timestamp, 8_000, &packet.payload));
        }
        out.extend((0..10).filter_map(|_| receiver.tick()));
        out
    }

    fn digits(received: &[Received]) -> String {
        received.iter().map(|received| received.digit).collect()
    }

    #[test]
    fn an_event_grows_and_ends_three_times() {
        let (packets, finished) = wire("5");
        assert_eq!(finished, 9);
        assert_eq!(packets.iter().map(|packet| packet.marker).filter(|marker| *marker).count(), 1);
        assert!(
            packets[0].marker && packets.iter().all(|packet| packet.timestamp == 0 && packet.payload[0] == 5)
        );
        let durations: Vec<u16> =
            packets.iter().map(|packet| u16::from_be_bytes([packet.payload[2], packet.payload[3]])).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        let ends: Vec<bool> = packets.iter().map(|packet| packet.payload[1] & END != 0).collect();
        assert_eq!(ends, [false, false, false, false, true, true, true]);
    }

    #[test]
    fn digits_arrive_once_and_in_order() {
        let (packets, _) = wire("0123456789*#abcd");
        let received = heard(packets);
        assert_eq!(digits(&received), "0123456789*#ABCD");
        assert!(received.iter().all(|received| received.duration == Duration::from_millis(100)));
    }

    #[test]
    fn a_pause_is_half_a_second() {
        assert_eq!(wire("1,1").0[7].timestamp - wire("11").0[7].timestamp, 25 * 160);
    }

    #[test]
    fn lost_ends_are_made_up_for_by_the_next_digit_or_by_time() {
        let (packets, _) = wire("77");
        let ended = |packet: &Outgoing| packet.payload[1] & END == 0;
        assert_eq!(digits(&heard(packets.into_iter().filter(ended))), "77");
    }

    #[test]
    fn reordered_leftovers_give_no_second_digit() {
        let (packets, _) = wire("12");
        let mut shuffled = packets.clone();
        shuffled.swap(6, 7);
        assert_eq!(digits(&heard(shuffled)), "12");
    }

    #[test]
    fn a_long_event_in_segments_is_one_digit() {
        let segment = |timestamp, duration: u16, flags| Outgoing {
            payload: [11, flags, duration.to_be_bytes()[0], duration.to_be_bytes()[1]],
            marker: timestamp == 0,
            timestamp,
        };
        let received = heard([segment(0, 8000, 10), segment(0, 65_535, 10), segment(65_535, 800, 10 | END)]);
        assert_eq!(received, [Received { digit: '#', duration: Duration::from_micros(66_335 * 125) }]);
    }

    #[test]
    fn a_long_event_whose_seam_is_lost_is_one_digit_still() {
        let mut receiver = Receiver::default();
        let mut hear = |timestamp: u32, duration: u16, flags: u8| {
            let [high, low] = duration.to_be_bytes();
            receiver.receive(timestamp, 8_000, &[11, flags, high, low])
        };
        assert_eq!(hear(0, 8_000, 10), None);
        assert_eq!(hear(65_535, 160, 10), None, "the packet that said 65,535 was lost");
        let whole = Some(Received { digit: '#', duration: Duration::from_micros(66_335 * 125) });
        assert_eq!(hear(65_535, 800, 10 | END), whole);
        // So much was lost that it was told already.
        let mut receiver = Receiver::default();
        assert_eq!(receiver.receive(0, 8_000, &[11, 10, 0x1f, 0x40]), None);
        let told = (0..=LOST_END_TICKS).filter_map(|_| receiver.tick()).count();
        assert_eq!((told, receiver.receive(65_535, 8_000, &[11, 10 | END, 3, 32])), (1, None));
    }

    #[test]
    fn beside_opus_a_digit_is_counted_in_its_clock() {
        let (packets, _) = wire("4");
        let mut receiver = Receiver::default();
        let told: Vec<Received> = packets
            .iter()
            .filter_map(|packet| {
                let [event, flags, high, low] = packet.scaled(6);
                receiver.receive(packet.timestamp * 6, 48_000, &[event, flags, high, low])
            })
            .collect();
        assert_eq!(told, [Received { digit: '4', duration: Duration::from_millis(100) }]);
    }

    #[test]
    fn what_is_late_gives_nothing_and_a_clock_begun_anew_does() {
        let mut receiver = Receiver::default();
        let mut press =
            |timestamp: u32| receiver.receive(timestamp, 8_000, &[5, END | VOLUME, 3, 32]).is_some();
        assert!(press(3_000_000));
        assert!(!press(3_000_000 - 15_000), "late");
        assert!(press(3_000_000 - 17_000), "another line of timestamps");
        receiver.restart();
        assert!(receiver.receive(2_980_000, 8_000, &[5, END | VOLUME, 3, 32]).is_some(), "another source");
    }

    #[test]
    fn only_digits_are_digits() {
        for text in ["", "12x", "+44", &"1".repeat(65)] {
            assert_eq!(text.parse::<Digits>(), Err(InvalidDigits), "{text}");
        }
    }

    proptest! {
        #[test]
        fn hostile_payloads_never_panic(packets in proptest::collection::vec((any::<u32>(), proptest::collection::vec(any::<u8>(), 0..6)), 0..60)) {
            let mut receiver = Receiver::default();
            for (timestamp, payload) in packets {
                let _ = receiver.receive(timestamp, 8_000, &payload);
                let _ = receiver.tick();
            }
        }

        #[test]
        fn any_loss_that_leaves_a_packet_a_digit_loses_none(mask in proptest::collection::vec(any::<bool>(), 21)) {
            let (packets, _) = wire("123");
            let kept: Vec<Outgoing> = packets.iter().zip(&mask).filter(|(_, keep)| **keep).map(|(packet, _)| *packet).collect();
            let expected: String = (0..3).filter(|digit| mask[digit * 7..digit * 7 + 7].contains(&true)).map(|digit| char::from(b'1' + digit as u8)).collect();
            prop_assert_eq!(digits(&heard(kept)), expected);
        }
    }
}
