//! The figures of one bridge.

use std::time::Duration;

/// The figures of one bridge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// RTP packets taken from the peer.
    pub packets_in: u64,
    /// RTP packets given to it.
    pub packets_out: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came too late to be heard.
    pub late: u64,
    /// Packets that came again.
    pub duplicates: u64,
    /// Frames of 20 ms that were made up for loss or delay.
    pub concealed: u64,
    /// Datagrams of sources that aren't the peer, dropped.
    pub strangers: u64,
    /// Datagrams that are neither RTP nor RTCP, or too long.
    pub malformed: u64,
    /// RTP of payload types that were not agreed upon, dropped.
    pub unknown: u64,
    /// Packets that aren't under the peer's SRTP key, dropped: forged, damaged, or not encrypted at all.
    pub unauthentic: u64,
    /// SRTP and SRTCP that came before, dropped.
    pub replayed: u64,
    /// Interarrival jitter at the end. Packets are seen when their tick comes, so it is known to 20 ms.
    pub jitter: Duration,
    /// What the jitter buffer waits before it plays, at the end.
    pub playout_delay: Duration,
    /// Our packets that never reached the peer, as it reported.
    pub remote_lost: u32,
    /// The jitter that it sees.
    pub remote_jitter: Duration,
    /// There and back, by RTCP.
    pub round_trip: Option<Duration>,
    /// Reports of the peer's, by RTCP.
    pub remote_reports: u32,
    /// Those of them that tell of our packets: it has heard some.
    pub remote_mentions: u32,
    /// How many of our packets had left when the last report came.
    pub remote_reported_after: u64,
    /// Ticks that came too late to send anything.
    pub ticks_missed: u64,
    /// Rules, clips and digits refused because there were too many.
    pub refused: u64,
}
