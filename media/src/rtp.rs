//! RTP packets (RFC 3550 §5.1): the only file that names `rtp-rs`. Knows nothing of what the payload means.

use rtp_rs::{RtpPacketBuilder, RtpReader};

/// What stands in the header of a packet, as far as a telephone cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// The marker: the first packet after silence, the first of a telephone event.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp, in samples.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

/// Bytes of a header without contributing sources or extension.
pub const HEADER_BYTES: usize = RtpReader::MIN_HEADER_LEN;

/// Reads a packet; padding, extension and contributing sources are skipped. None: not RTP.
#[must_use]
pub fn read(packet: &[u8]) -> Option<(Header, &[u8])> {
    let reader = RtpReader::new(packet).ok()?;
    let header = Header {
        payload_type: reader.payload_type(),
        marker: reader.mark(),
        sequence: reader.sequence_number().into(),
        timestamp: reader.timestamp(),
        ssrc: reader.ssrc(),
    };
    Some((header, reader.payload()))
}

/// Writes a packet and gives its length. `packet` holds at least [`HEADER_BYTES`] and the payload.
pub fn write(header: &Header, payload: &[u8], packet: &mut [u8]) -> usize {
    RtpPacketBuilder::new()
        .payload_type(header.payload_type)
        .marked(header.marker)
        .sequence(header.sequence.into())
        .timestamp(header.timestamp)
        .ssrc(header.ssrc)
        .payload(payload)
        .build_into(packet)
        .expect("the caller's buffer holds header and payload, and payload types are below 128")
}

/// Whether these bytes, on an RTP port, are rather RTCP (RFC 5761 §4).
#[must_use]
pub fn is_rtcp(packet: &[u8]) -> bool {
    packet.get(1).is_some_and(|second| (192..=223).contains(second))
}

/// How far sequence number `a` is ahead of `b`, over the wrap.
#[must_use]
pub fn sequence_ahead(a: u16, b: u16) -> i16 {
    a.wrapping_sub(b) as i16
}

/// How far timestamp `a` is ahead of `b`, over the wrap.
#[must_use]
pub fn timestamp_ahead(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

/// Timestamps of a clock that is a multiple of 8 kHz (Opus: 48), told in samples of 8 kHz, over every wrap of theirs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scale {
    last: u32,
    extended: i64,
}

impl Scale {
    /// This timestamp of a clock of `times` 8 kHz.
    pub fn narrow(&mut self, timestamp: u32, times: u32) -> u32 {
        if times == 1 {
            return timestamp;
        }
        self.extended += i64::from(timestamp_ahead(timestamp, self.last));
        self.last = timestamp;
        self.extended.div_euclid(i64::from(times)) as u32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let header = Header {
            payload_type: 101,
            marker: true,
            sequence: 65_535,
            timestamp: 0xdead_beef,
            ssrc: 0x0102_0304,
        };
        let mut packet = [0; 64];
        let length = write(&header, &[1, 2, 3], &mut packet);
        assert_eq!(length, HEADER_BYTES + 3);
        assert_eq!(packet[..4], [0x80, 0xe5, 0xff, 0xff]);
        assert_eq!(read(&packet[..length]), Some((header, [1, 2, 3].as_slice())));
    }

    #[test]
    fn padding_extension_and_contributors_are_skipped() {
        let mut packet = vec![0xb1, 0x00, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 9, 9];
        packet.extend([0xbe, 0xde, 0, 1, 7, 7, 7, 7]);
        packet.extend([42, 43, 0, 0, 0, 4]);
        let (header, payload) = read(&packet).expect("RTP");
        assert_eq!((header.sequence, payload), (1, [42, 43].as_slice()));
    }

    #[test]
    fn distances_hold_over_the_wrap() {
        assert_eq!(sequence_ahead(2, 65_534), 4);
        assert_eq!(sequence_ahead(65_534, 2), -4);
        assert_eq!(timestamp_ahead(100, u32::MAX - 59), 160);
    }

    #[test]
    fn a_clock_of_48_khz_goes_on_over_its_wrap_in_either_order() {
        let mut scale = Scale::default();
        let first = u32::MAX - 10 * 960;
        let mut last = scale.narrow(first, 6);
        for packet in 1..40u32 {
            let next = scale.narrow(first.wrapping_add(packet * 960), 6);
            assert_eq!(next.wrapping_sub(last), 160);
            assert_eq!(scale.narrow(first.wrapping_add((packet - 1) * 960), 6), last);
            last = next;
        }
        assert_eq!(scale.narrow(12_345, 1), 12_345);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(packet in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&packet);
            let _ = is_rtcp(&packet);
        }

        #[test]
        fn hostile_versions_of_rtp_never_panic(mut packet in proptest::collection::vec(any::<u8>(), 12..100)) {
            packet[0] = packet[0] & 0x3f | 0x80;
            if let Some((_, payload)) = read(&packet) {
                prop_assert!(payload.len() <= packet.len() - HEADER_BYTES);
            }
        }
    }
}
