//! RTCP of a call between two (RFC 3550 §6): a compound of SR or RR, SDES and perhaps BYE every 5 s or so, and what
//! the other side reports. The only file that names `rtcp-types`. Its NTP clock counts from the first report, as §6.4.1
//! allows to hosts without a wall clock; so nothing here asks for the date.

use std::time::{Duration, Instant};

use rand::{Rng, rngs::StdRng};
use rtcp_types::{
    Bye, Compound, Packet, ReceiverReport, ReportBlock, ReportBlockBuilder, RtcpPacketWriterExt, Sdes,
    SdesChunk, SdesItem, SenderReport,
};

use crate::reception;

/// Bytes that a written compound needs at most.
pub const COMPOUND_MAX: usize = 128;

/// One leg's RTCP.
#[derive(Debug)]
pub struct Rtcp {
    ssrc: u32,
    cname: String,
    random: StdRng,
    epoch: Option<Instant>,
    next: Option<Instant>,
    packets_reported: u32,
    /// Their last sender report.
    heard: Option<Heard>,
    remote: Remote,
}

/// What we sent so far, for a sender report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// RTP packets.
    pub packets: u32,
    /// Bytes of their payload.
    pub octets: u32,
    /// The RTP timestamp of this moment.
    pub timestamp: u32,
}

/// What the other side reported about us last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remote {
    /// Our packets that never reached it.
    pub lost: u32,
    /// The jitter it sees, in samples.
    pub jitter: u32,
    /// There and back.
    pub round_trip: Option<Duration>,
    /// Sender and receiver reports of its.
    pub reports: u32,
    /// Those of them that tell of our packets: a receiver reports on whom it has heard (§6.4.1).
    pub mentions: u32,
}

impl Rtcp {
    /// For the source `ssrc`; `random` gives the name (RFC 7022 §4.2) and the intervals.
    #[must_use]
    pub fn new(ssrc: u32, mut random: StdRng) -> Self {
        let cname = format!("{:024x}", random.random::<u128>() >> 32);
        Self {
            ssrc,
            cname,
            random,
            epoch: None,
            next: None,
            packets_reported: 0,
            heard: None,
            remote: Remote::default(),
        }
    }

    /// What the other side reported.
    #[must_use]
    pub fn remote(&self) -> Remote {
        self.remote
    }

    /// Whether a report is due. The first call starts the clock.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let Some(next) = self.next else {
            self.epoch = Some(now);
            // The first interval is half as long (§6.2).
            self.next = Some(now + self.interval() / 2);
            return false;
        };
        if now < next {
            return false;
        }
        self.next = Some(now + self.interval());
        true
    }

    /// 5 s, from half to one and a half times that, over e − 3/2 (§6.3.1).
    fn interval(&mut self) -> Duration {
        INTERVAL.mul_f64(self.random.random_range(0.5..1.5) / 1.218_28)
    }

    /// Writes a compound and gives its length.
    pub fn write(
        &mut self,
        now: Instant,
        sent: &Sent,
        report: Option<reception::Report>,
        bye: bool,
        out: &mut [u8; COMPOUND_MAX],
    ) -> usize {
        let block = report.map(|report| self.block(now, &report));
        let mut length = if sent.packets == self.packets_reported {
            let report = ReceiverReport::builder(self.ssrc);
            let report = block.into_iter().fold(report, |report, block| report.add_report_block(block));
            report.write_into(out)
        } else {
            let report = SenderReport::builder(self.ssrc)
                .ntp_timestamp(self.ntp(now))
                .rtp_timestamp(sent.timestamp)
                .packet_count(sent.packets)
                .octet_count(sent.octets);
            let report = block.into_iter().fold(report, |report, block| report.add_report_block(block));
            report.write_into(out)
        }
        .expect("a report with one block has 52 bytes");
        self.packets_reported = sent.packets;
        let name = SdesItem::builder(SdesItem::CNAME, &self.cname);
        let description = Sdes::builder().add_chunk(SdesChunk::builder(self.ssrc).add_item(name));
        length += description.write_into(&mut out[length..]).expect("a name of 24 letters has 36 bytes");
        if bye {
            let bye = Bye::builder().add_source(self.ssrc);
            length += bye.write_into(&mut out[length..]).expect("a BYE has 8 bytes");
        }
        length
    }

    fn block(&self, now: Instant, report: &reception::Report) -> ReportBlockBuilder {
        // §6.4.1: of this source's reports, or none.
        let heard = self.heard.filter(|heard| heard.ssrc == report.ssrc);
        let (last, delay) =
            heard.map_or((0, 0), |heard| (heard.middle, units(now.saturating_duration_since(heard.at))));
        ReportBlock::builder(report.ssrc)
            .fraction_lost(report.fraction_lost)
            .cumulative_lost(report.lost)
            .extended_sequence_number(report.highest)
            .interarrival_jitter(report.jitter)
            .last_sender_report_timestamp(last)
            .delay_since_last_sender_report_timestamp(delay)
    }

    fn ntp(&self, now: Instant) -> u64 {
        let elapsed = self.epoch.map_or(Duration::ZERO, |epoch| now.saturating_duration_since(epoch));
        // From 1, so that the middle of our time is never the 0 that means "none heard" (§6.4.1).
        ((elapsed.as_secs() + 1) << 32) | ((u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000)
    }

    /// Takes a compound. False: it cannot be read.
    pub fn receive(&mut self, now: Instant, packet: &[u8]) -> bool {
        let Ok(compound) = Compound::parse(packet) else { return false };
        for packet in compound {
            match packet {
                Ok(Packet::Sr(report)) => {
                    let (ssrc, middle) = (report.ssrc(), (report.ntp_timestamp() >> 16) as u32);
                    self.heard = Some(Heard { ssrc, middle, at: now });
                    self.remote.reports = self.remote.reports.saturating_add(1);
                    report.report_blocks().for_each(|block| self.learn(now, &block));
                }
                Ok(Packet::Rr(report)) => {
                    self.remote.reports = self.remote.reports.saturating_add(1);
                    report.report_blocks().for_each(|block| self.learn(now, &block));
                }
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        true
    }

    fn learn(&mut self, now: Instant, block: &ReportBlock<'_>) {
        if block.ssrc() != self.ssrc {
            return;
        }
        self.remote.mentions = self.remote.mentions.saturating_add(1);
        self.remote.lost = lost(block.cumulative_lost());
        self.remote.jitter = block.interarrival_jitter();
        let last = block.last_sender_report_timestamp();
        if last == 0 {
            return;
        }
        // §6.4.1: A − LSR − DLSR; what is negative or above a minute is a lie.
        let middle = (self.ntp(now) >> 16) as u32;
        let trip = middle.wrapping_sub(last).wrapping_sub(block.delay_since_last_sender_report_timestamp());
        if trip < 60 << 16 {
            self.remote.round_trip = Some(Duration::from_micros((u64::from(trip) * 1_000_000) >> 16));
        }
    }
}

/// A sender report that came.
#[derive(Clone, Copy, Debug)]
struct Heard {
    ssrc: u32,
    /// The middle of its NTP timestamp.
    middle: u32,
    at: Instant,
}

const INTERVAL: Duration = Duration::from_secs(5);

/// 24 bits with a sign (§6.4.1): where more came than was sent, as duplicates did, nothing was lost.
fn lost(cumulative: u32) -> u32 {
    (((cumulative << 8) as i32) >> 8).max(0).unsigned_abs()
}

/// In 1/65,536 of a second.
fn units(duration: Duration) -> u32 {
    ((duration.as_micros() << 16) / 1_000_000).min(u128::from(u32::MAX)) as u32
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests take one instant to count from")]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;

    use super::*;

    fn rtcp(ssrc: u32) -> Rtcp {
        Rtcp::new(ssrc, StdRng::seed_from_u64(u64::from(ssrc)))
    }

    fn reported(ssrc: u32) -> Option<reception::Report> {
        Some(reception::Report { ssrc, fraction_lost: 3, lost: 12, highest: 70_000, jitter: 40 })
    }

    #[test]
    fn reports_come_every_few_seconds_and_never_together() {
        let start = Instant::now();
        let mut rtcp = rtcp(1);
        let due: Vec<u64> = (0..6_000u64)
            .map(|tick| tick * 20)
            .filter(|at| rtcp.is_due(start + Duration::from_millis(*at)))
            .collect();
        assert!((20..40).contains(&due.len()), "{due:?}");
        assert!(due.windows(2).all(|pair| (2_000..6_300).contains(&(pair[1] - pair[0]))), "{due:?}");
    }

    #[test]
    fn loss_jitter_and_the_round_trip_are_learnt() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let (mut near, mut far) = (rtcp(1), rtcp(2));
        near.is_due(start);
        far.is_due(start);
        let sent = Sent { packets: 50, octets: 8_000, timestamp: 8_000 };
        let mut out = [0; COMPOUND_MAX];
        let length = near.write(at(1_000), &sent, None, false, &mut out);
        assert!(far.receive(at(1_040), &out[..length]));
        let length = far.write(at(3_000), &Sent::default(), reported(1), true, &mut out);
        assert!(near.receive(at(3_060), &out[..length]));
        let remote = near.remote();
        assert_eq!((remote.lost, remote.jitter), (12, 40));
        let trip = remote.round_trip.expect("a round trip").as_micros();
        assert!((99_900..100_100).contains(&trip), "{trip}");
    }

    #[test]
    fn who_got_more_than_was_sent_lost_nothing() {
        for (told, lost) in [(0, 0), (12, 12), (0x7f_ffff, 0x7f_ffff), (0xff_ffff, 0), (0x80_0000, 0)] {
            assert_eq!(super::lost(told), lost, "{told:x}");
        }
    }

    #[test]
    fn a_block_repeats_the_time_of_its_own_sources_report() {
        let start = Instant::now();
        let (mut near, mut far) = (rtcp(1), rtcp(2));
        near.is_due(start);
        let sent = Sent { packets: 50, octets: 8_000, timestamp: 8_000 };
        let mut out = [0; COMPOUND_MAX];
        let length = near.write(start, &sent, None, false, &mut out);
        assert!(far.receive(start, &out[..length]));
        for (ssrc, is_repeated) in [(1, true), (3, false)] {
            let length = far.write(start, &Sent::default(), reported(ssrc), false, &mut out);
            let Some(Ok(Packet::Rr(report))) = Compound::parse(&out[..length]).expect("a compound").next()
            else {
                panic!("a receiver report")
            };
            let block = report.report_blocks().next().expect("a block");
            assert_eq!(block.last_sender_report_timestamp() != 0, is_repeated, "{ssrc}");
        }
    }

    #[test]
    fn a_compound_is_a_report_a_name_and_a_farewell() {
        let mut rtcp = rtcp(7);
        let mut out = [0; COMPOUND_MAX];
        let length =
            rtcp.write(Instant::now(), &Sent { packets: 1, ..Sent::default() }, reported(1), true, &mut out);
        let kinds: Vec<u8> = Compound::parse(&out[..length])
            .expect("a compound")
            .map(|packet| match packet.expect("a packet") {
                Packet::Sr(_) => 200,
                Packet::Sdes(_) => 202,
                Packet::Bye(_) => 203,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(kinds, [200, 202, 203]);
    }

    proptest! {
        #[test]
        fn hostile_compounds_never_panic(mut packet in proptest::collection::vec(any::<u8>(), 0..200), kind in 198u8..210, shaped in any::<bool>()) {
            if shaped && packet.len() >= 8 {
                packet[0] = 0x80 | packet[0] & 0x3f;
                packet[1] = kind;
                let words = (packet.len() / 4 - 1) as u16;
                packet[2..4].copy_from_slice(&words.to_be_bytes());
                packet.truncate(usize::from(words + 1) * 4);
            }
            let _ = rtcp(1).receive(Instant::now(), &packet);
        }
    }
}
