//! Datagrams that a leg has written and nobody has taken yet. Bounded; knows nothing of what is in them.

use std::net::SocketAddr;

use crate::{
    bundle,
    datagram::{Channel, Transmit},
    rtp,
    srtp::TRAILER_MAX,
};

/// Packets written and not yet taken: a tick makes three at most (two of audio of 10 ms, or what waited and an event, and
/// a report), a farewell one more.
#[derive(Debug)]
pub(crate) struct Outbox {
    packets: [Written; OUTBOX],
    first: usize,
    count: usize,
}

#[derive(Clone, Copy, Debug)]
struct Written {
    channel: Channel,
    to: SocketAddr,
    length: usize,
    bytes: [u8; PACKET_MAX],
}

const OUTBOX: usize = 4;
const PACKET_MAX: usize = rtp::HEADER_BYTES + bundle::PAYLOAD_MAX + TRAILER_MAX;

impl Outbox {
    pub(crate) fn new() -> Self {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let blank = Written { channel: Channel::Rtp, to: nowhere, length: 0, bytes: [0; PACKET_MAX] };
        Self { packets: [blank; OUTBOX], first: 0, count: 0 }
    }

    /// False: nobody drains it, and the packet is dropped.
    pub(crate) fn push(
        &mut self,
        channel: Channel,
        to: SocketAddr,
        write: impl FnOnce(&mut [u8; PACKET_MAX]) -> usize,
    ) -> bool {
        if self.count == OUTBOX {
            return false;
        }
        let packet = &mut self.packets[(self.first + self.count) % OUTBOX];
        packet.channel = channel;
        packet.to = to;
        packet.length = write(&mut packet.bytes);
        self.count += 1;
        true
    }

    pub(crate) fn pop(&mut self) -> Option<Transmit<'_>> {
        let Some(count) = self.count.checked_sub(1) else {
            // The next packet is written where the last one still is in the cache.
            self.first = 0;
            return None;
        };
        self.count = count;
        let packet = &self.packets[self.first];
        self.first = (self.first + 1) % OUTBOX;
        Some(Transmit { channel: packet.channel, to: packet.to, payload: &packet.bytes[..packet.length] })
    }
}
