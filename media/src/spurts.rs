//! Whether a source sends its silence too, or pauses instead (RFC 3551 §4.1). Of one that does not pause, what does not come is
//! missing. Knows numbers and times, nothing of payloads.

use crate::{
    jitter::PACKET_SAMPLES_MAX,
    rtp::{self, Header},
};

/// What is known of the pauses of one source.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spurts {
    /// Its latest packet, unless something came since that has no time of its own.
    last: Option<Last>,
    pauses: bool,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    arrival: u32,
    sequence: u16,
    timestamp: u32,
}

impl Spurts {
    /// Takes a packet that bears the time of its sending and arrived at `arrival`; both clocks are in samples.
    ///
    /// The network may hold packets back or lose them, but then their numbers are held back or missing too. Where the timestamp
    /// went on and the number did not, nothing was sent. A timestamp that leaps though nothing was waited for is another clock.
    pub(crate) fn hear(&mut self, arrival: u32, header: &Header) {
        let Header { sequence, timestamp, .. } = *header;
        if let Some(last) = self.last {
            let packets = i32::from(rtp::sequence_ahead(sequence, last.sequence));
            if packets <= 0 {
                return;
            }
            let sent_max = packets * PACKET_SAMPLES_MAX as i32;
            let waited = arrival.wrapping_sub(last.arrival);
            let unsent = rtp::timestamp_ahead(timestamp, last.timestamp).saturating_sub(sent_max);
            self.pauses |= waited >= PAUSE && unsent >= PAUSE as i32;
        }
        self.last = Some(Last { arrival, sequence, timestamp });
    }

    /// Takes notice of a packet whose timestamp says nothing of its time, but whose number counts.
    pub(crate) fn pass(&mut self) {
        self.last = None;
    }

    /// It has paused once: what does not come from it may be its silence.
    pub(crate) fn pauses(&self) -> bool {
        self.pauses
    }
}

/// 100 ms: less may be a sender that stumbled.
const PAUSE: u32 = 800;

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether these packets, each an arrival in milliseconds, a number and a timestamp in milliseconds, show a pause.
    fn pauses(packets: &[(u32, u16, u32)]) -> bool {
        let mut spurts = Spurts::default();
        for &(arrival, sequence, timestamp) in packets {
            let timestamp = (timestamp * 8).wrapping_sub(1_000);
            let header = Header { payload_type: 0, marker: false, sequence, timestamp, ssrc: 1 };
            spurts.hear(arrival * 8, &header);
        }
        spurts.pauses()
    }

    #[test]
    fn a_timestamp_that_goes_on_while_the_number_does_not_is_a_pause() {
        assert!(pauses(&[(0, 65_535, 0), (400, 0, 400)]));
        assert!(pauses(&[(0, 7, 0), (400, 9, 420)]), "one packet was lost besides");
    }

    #[test]
    fn what_the_network_does_is_no_pause() {
        assert!(!pauses(&[(0, 7, 0), (500, 8, 20), (500, 9, 40)]), "held back");
        assert!(!pauses(&[(0, 7, 0), (500, 32, 500)]), "lost");
        assert!(!pauses(&[(0, 7, 0), (500, 20, 780), (500, 8, 60)]), "lost and out of order, 60 ms a packet");
    }

    #[test]
    fn another_clock_is_no_pause() {
        assert!(!pauses(&[(0, 7, 0), (20, 8, 5_000)]));
        assert!(!pauses(&[(0, 7, 5_000), (20, 8, 0)]));
    }

    #[test]
    fn what_has_no_time_of_its_own_shows_nothing() {
        let header = |sequence: u16, timestamp: u32| Header {
            payload_type: 0,
            marker: false,
            sequence,
            timestamp,
            ssrc: 1,
        };
        let mut spurts = Spurts::default();
        spurts.hear(0, &header(1, 0));
        spurts.pass();
        spurts.hear(8_000, &header(3, 8_000));
        assert!(!spurts.pauses());
    }
}
