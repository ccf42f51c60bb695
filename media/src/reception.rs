//! What is known of the packets of one source (RFC 3550 appendices A.1, A.3 and A.8): order, duplicates, loss, jitter.
//! Knows nothing of payloads.

use crate::{
    rtp::{self, Header},
    spurts::Spurts,
};

/// The books of one source; another takes its place when it really takes over.
#[derive(Clone, Debug, Default)]
pub struct Reception {
    source: Option<Source>,
    candidate: Option<u32>,
    /// Loss of the sources before.
    lost_before: u64,
    duplicates: u64,
}

#[derive(Clone, Debug)]
struct Source {
    ssrc: u32,
    base: u32,
    highest: u32,
    /// Which of the 64 numbers up to `highest` came; bit 0 is `highest`.
    seen: u64,
    received: u32,
    /// A number far off is believed when its successor comes (A.1).
    far: Option<u16>,
    transit: u32,
    /// Sixteen times the jitter, in samples.
    jitter: u32,
    spurts: Spurts,
    reported: (u32, u32),
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The next of its source, more or less.
    Continues,
    /// The first of another source or of another numbering: what is buffered is of the past.
    Restarts,
    /// Seen before.
    Duplicate,
    /// Of another source or numbering, which has to show a second packet first.
    Doubtful,
}

/// What a report block says (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whose packets.
    pub ssrc: u32,
    /// Loss since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Loss since the beginning.
    pub lost: u32,
    /// Highest sequence number with its wraps.
    pub highest: u32,
    /// Jitter in samples.
    pub jitter: u32,
}

impl Reception {
    /// Judges a packet that arrived at `arrival`, a clock in samples. `quiet`: the source has been silent so long that
    /// another one is believed at once. `timed`: its timestamp is that of its sending, as an event's is not.
    pub fn receive(&mut self, arrival: u32, header: &Header, quiet: bool, timed: bool) -> Judgement {
        match &mut self.source {
            Some(source) if source.ssrc == header.ssrc => {
                self.candidate = None;
                let judgement = source.receive(arrival, header, timed);
                match judgement {
                    Judgement::Restarts => self.restart(arrival, header),
                    Judgement::Duplicate => self.duplicates += 1,
                    Judgement::Continues | Judgement::Doubtful => {}
                }
                judgement
            }
            Some(_) if !quiet && self.candidate != Some(header.ssrc) => {
                self.candidate = Some(header.ssrc);
                Judgement::Doubtful
            }
            _ => {
                self.restart(arrival, header);
                Judgement::Restarts
            }
        }
    }

    /// A packet with something in it that was not agreed upon came: it is ignored (RFC 3550 §5.1), and not lost (appendix A.3 counts
    /// whatever it brings). False: it is not the source's next, more or less.
    pub fn pass(&mut self, header: &Header) -> bool {
        let source = self.source.as_mut().filter(|source| source.ssrc == header.ssrc);
        source.is_some_and(|source| {
            source.spurts.pass();
            source.number(header.sequence) == Some(true)
        })
    }

    fn restart(&mut self, arrival: u32, header: &Header) {
        self.lost_before = self.lost();
        self.candidate = None;
        self.source = Some(Source::new(arrival, header));
    }

    /// The call was answered: who sends from now on may be another behind the same source.
    pub fn answered(&mut self) {
        if let Some(source) = &mut self.source {
            source.spurts = Spurts::default();
        }
    }

    /// Whether the source may be silent by sending nothing, as it has shown.
    #[must_use]
    pub fn pauses(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.spurts.pauses())
    }

    /// Packets that never came, of all sources.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_before + self.source.as_ref().map_or(0, |source| u64::from(source.lost()))
    }

    /// Packets that came again.
    #[must_use]
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Interarrival jitter in samples.
    #[must_use]
    pub fn jitter(&self) -> u32 {
        self.source.as_ref().map_or(0, |source| source.jitter >> 4)
    }

    /// The next report block, if there is a source.
    pub fn report(&mut self) -> Option<Report> {
        self.source.as_mut().map(Source::report)
    }
}

impl Source {
    fn new(arrival: u32, header: &Header) -> Self {
        let first = u32::from(header.sequence);
        Source {
            ssrc: header.ssrc,
            base: first,
            highest: first,
            seen: 1,
            received: 1,
            far: None,
            transit: arrival.wrapping_sub(header.timestamp),
            jitter: 0,
            spurts: Spurts::default(),
            reported: (0, 0),
        }
    }

    fn receive(&mut self, arrival: u32, header: &Header, timed: bool) -> Judgement {
        match self.number(header.sequence) {
            None if self.far == Some(header.sequence) => return Judgement::Restarts,
            None => {
                self.far = Some(header.sequence.wrapping_add(1));
                return Judgement::Doubtful;
            }
            Some(false) => return Judgement::Duplicate,
            Some(true) => {}
        }
        if !timed {
            // All packets of a telephone event bear the time of its beginning (RFC 4733 §2.2.1).
            self.spurts.pass();
            return Judgement::Continues;
        }
        self.spurts.hear(arrival, header);
        // A.8. A timestamp that leaps (a new spurt of a sloppy sender) says nothing of the network.
        let transit = arrival.wrapping_sub(header.timestamp);
        let difference = rtp::timestamp_ahead(transit, self.transit).unsigned_abs();
        self.transit = transit;
        if difference < LEAP {
            self.jitter = self.jitter + difference - ((self.jitter + 8) >> 4);
        }
        Judgement::Continues
    }

    /// Counts a packet by its number. `false`: it came before; `None`: the number is far off.
    fn number(&mut self, sequence: u16) -> Option<bool> {
        let ahead = rtp::sequence_ahead(sequence, self.highest as u16);
        if !(-MISORDER_MAX..DROPOUT_MAX).contains(&ahead) {
            return None;
        }
        if ahead > 0 {
            self.highest = self.highest.wrapping_add(u32::from(ahead.unsigned_abs()));
            self.seen = self.seen.checked_shl(u32::from(ahead.unsigned_abs())).unwrap_or(0) | 1;
        } else {
            let bit = 1u64.checked_shl(u32::from(ahead.unsigned_abs())).unwrap_or(0);
            if self.seen & bit != 0 {
                return Some(false);
            }
            self.seen |= bit;
        }
        self.received = self.received.wrapping_add(1);
        Some(true)
    }

    fn expected(&self) -> u32 {
        self.highest.wrapping_sub(self.base).wrapping_add(1)
    }

    fn lost(&self) -> u32 {
        self.expected().saturating_sub(self.received)
    }

    fn report(&mut self) -> Report {
        let now = (self.expected(), self.received);
        let expected = now.0.wrapping_sub(self.reported.0);
        let received = now.1.wrapping_sub(self.reported.1);
        self.reported = now;
        let lost = u64::from(expected.saturating_sub(received));
        let fraction_lost = if expected == 0 { 0 } else { (lost * 256 / u64::from(expected)).min(255) as u8 };
        Report {
            ssrc: self.ssrc,
            fraction_lost,
            // 24 bits, signed: duplicates cannot make it negative here, since they are not counted.
            lost: self.lost().min(0x7f_ffff),
            highest: self.highest,
            jitter: self.jitter >> 4,
        }
    }
}

/// Appendix A.1.
const DROPOUT_MAX: i16 = 3_000;
const MISORDER_MAX: i16 = 100;
/// One second, in samples.
const LEAP: u32 = 8_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, ssrc: u32) -> Header {
        Header { payload_type: 0, marker: false, sequence, timestamp: u32::from(sequence) * 160, ssrc }
    }

    fn judge(reception: &mut Reception, sequence: u16, ssrc: u32) -> Judgement {
        reception.receive(u32::from(sequence) * 160, &packet(sequence, ssrc), false, true)
    }

    #[test]
    fn loss_duplicates_and_order_are_kept_over_the_wrap() {
        let mut reception = Reception::default();
        for sequence in [65_533, 65_534, 0, 65_535, 0, 2, 3] {
            judge(&mut reception, sequence, 1);
        }
        assert_eq!((reception.lost(), reception.duplicates()), (1, 1));
        let report = reception.report().expect("a source");
        assert_eq!((report.highest, report.lost, report.fraction_lost), (65_539, 1, 36));
        assert_eq!(reception.report().map(|report| report.fraction_lost), Some(0));
    }

    #[test]
    fn another_source_must_show_two_packets_unless_it_is_quiet() {
        let mut reception = Reception::default();
        assert_eq!(judge(&mut reception, 10, 1), Judgement::Restarts);
        assert_eq!(judge(&mut reception, 500, 2), Judgement::Doubtful);
        assert_eq!(judge(&mut reception, 11, 1), Judgement::Continues);
        assert_eq!(judge(&mut reception, 501, 2), Judgement::Doubtful);
        assert_eq!(judge(&mut reception, 502, 2), Judgement::Restarts);
        assert_eq!(reception.receive(0, &packet(9, 3), true, true), Judgement::Restarts);
    }

    #[test]
    fn a_new_numbering_must_show_two_packets_in_order() {
        let mut reception = Reception::default();
        judge(&mut reception, 10, 1);
        assert_eq!(judge(&mut reception, 30_000, 1), Judgement::Doubtful);
        assert_eq!(judge(&mut reception, 11, 1), Judgement::Continues);
        assert_eq!(judge(&mut reception, 40_000, 1), Judgement::Doubtful);
        assert_eq!(judge(&mut reception, 40_001, 1), Judgement::Restarts);
        assert_eq!(judge(&mut reception, 40_002, 1), Judgement::Continues);
    }

    #[test]
    fn jitter_follows_appendix_a_8() {
        let mut reception = Reception::default();
        for sequence in 0..2_000u16 {
            let late = if sequence % 2 == 0 { 0 } else { 80 };
            reception.receive(u32::from(sequence) * 160 + late, &packet(sequence, 1), false, true);
        }
        assert!((78..=80).contains(&reception.jitter()), "{}", reception.jitter());
    }
}
