//! One side's RTP and RTCP: packets in become frames and digits, frames and digits become packets. Owns the peer, the
//! jitter buffer, the books of both directions. Knows nothing of who is bridged with whom, of detection or of sockets.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    bridge::{Channel, Stats, Transmit},
    codec::Codec,
    dtmf::{self, Digits, Received, Sent},
    jitter::{FRAME, Heard, Jitter},
    latch::{Latch, Peer},
    reception::{Judgement, Reception},
    rtcp::{self, Rtcp},
    rtp::{self, Header},
    sdp::{Format, Negotiated},
};

/// One side of a bridge.
#[derive(Debug)]
pub(crate) struct Leg {
    peer: Peer,
    negotiated: Option<Negotiated>,
    epoch: Option<Instant>,
    reception: Reception,
    jitter: Jitter,
    receiver: dtmf::Receiver,
    sender: dtmf::Sender,
    rtcp: Rtcp,
    rtcp_from: Option<SocketAddr>,
    ssrc: u32,
    sequence: u16,
    /// The timestamp of this tick's first sample; goes on whether or not anything is sent.
    timestamp: u32,
    /// Whether the tick before sent audio: the first packet after a pause carries the marker (RFC 3551 §4.1).
    talking: bool,
    outbox: Outbox,
    octets_out: u32,
    stats: Stats,
}

/// What a packet brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// It was valid RTP of the peer.
    pub(crate) valid: bool,
    pub(crate) digit: Option<Received>,
}

impl Leg {
    pub(crate) fn new(latch: Latch, seed: u64) -> Self {
        // Unpredictable, so that a blind attacker cannot guess them (RFC 3550 §5.1, §9.1).
        let mut random = StdRng::seed_from_u64(seed);
        let ssrc = random.random();
        Self {
            peer: Peer::new(latch),
            negotiated: None,
            epoch: None,
            reception: Reception::default(),
            jitter: Jitter::new(),
            receiver: dtmf::Receiver::default(),
            sender: dtmf::Sender::default(),
            ssrc,
            sequence: random.random(),
            timestamp: random.random(),
            rtcp: Rtcp::new(ssrc, random),
            rtcp_from: None,
            talking: false,
            outbox: Outbox::new(),
            octets_out: 0,
            stats: Stats::default(),
        }
    }

    pub(crate) fn negotiate(&mut self, negotiated: Negotiated) {
        self.peer.negotiate(negotiated.remote);
        self.negotiated = Some(negotiated);
    }

    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer.locked()
    }

    /// Whether the other side may be expected to send.
    pub(crate) fn is_receiving(&self) -> bool {
        self.negotiated.as_ref().is_some_and(|negotiated| negotiated.receive)
    }

    pub(crate) fn codec(&self) -> Codec {
        self.negotiated.as_ref().map_or(Codec::Pcmu, |negotiated| negotiated.codec)
    }

    /// Whether audio can be sent: somewhere, and not on hold.
    /// Nothing was agreed upon yet.
    pub(crate) fn is_idle(&self) -> bool {
        self.negotiated.is_none()
    }

    pub(crate) fn can_send(&self) -> bool {
        self.negotiated.as_ref().is_some_and(|negotiated| negotiated.send && negotiated.remote.is_some())
    }

    pub(crate) fn receive(&mut self, now: Instant, from: SocketAddr, packet: &[u8]) -> Arrival {
        if rtp::is_rtcp(packet) {
            self.receive_rtcp(now, from, packet);
            return Arrival::default();
        }
        if !self.peer.admits(from) {
            self.stats.strangers += 1;
            return Arrival::default();
        }
        let Some((header, payload)) = rtp::read(packet) else {
            self.stats.malformed += 1;
            return Arrival::default();
        };
        let Some(kind) = self.kind(header.payload_type) else {
            self.stats.unknown += 1;
            return Arrival::default();
        };
        let quiet = self.peer.silent_for(now, QUIET);
        let arrival = self.samples(now);
        match self.reception.receive(arrival, &header, quiet) {
            Judgement::Duplicate | Judgement::Doubtful => return Arrival::default(),
            Judgement::Restarts => self.jitter.reset(),
            Judgement::Continues => {}
        }
        self.peer.hear(now, from);
        self.stats.packets_in += 1;
        let digit = self.take(kind, &header, payload);
        Arrival { valid: true, digit }
    }

    fn take(&mut self, kind: Kind, header: &Header, payload: &[u8]) -> Option<Received> {
        match kind {
            Kind::Audio(codec) => {
                let jitter = self.reception.jitter();
                if !self.jitter.insert(header.sequence, header.timestamp, codec, payload, jitter) {
                    self.stats.malformed += 1;
                }
                None
            }
            Kind::Event => {
                self.jitter.insert_event(header.sequence);
                self.receiver.receive(header.timestamp, payload)
            }
        }
    }

    fn kind(&self, payload_type: u8) -> Option<Kind> {
        match self.negotiated.as_ref()?.incoming.of(payload_type)? {
            Format::Audio(codec) => Some(Kind::Audio(codec)),
            Format::Events { .. } => Some(Kind::Event),
            Format::ComfortNoise => None,
        }
    }

    /// A clock in samples, for the jitter (RFC 3550 §6.4.1).
    fn samples(&mut self, now: Instant) -> u32 {
        let epoch = *self.epoch.get_or_insert(now);
        (now.saturating_duration_since(epoch).as_micros() / 125) as u32
    }

    pub(crate) fn receive_rtcp(&mut self, now: Instant, from: SocketAddr, packet: &[u8]) {
        let locked = self.peer.locked().map(|address| address.ip());
        let negotiated = self
            .negotiated
            .as_ref()
            .and_then(|negotiated| negotiated.remote_rtcp)
            .map(|address| address.ip());
        if locked != Some(from.ip()) && negotiated != Some(from.ip()) {
            self.stats.strangers += 1;
        } else if self.rtcp.receive(now, packet) {
            self.rtcp_from = Some(from);
        } else {
            self.stats.malformed += 1;
        }
    }

    /// The next 20 ms of the other side, and the digit that ended by time, if any.
    pub(crate) fn pull(&mut self, now: Instant, frame: &mut [i16; FRAME]) -> (Heard, Option<Received>) {
        self.peer.expire(now);
        (self.jitter.pull(frame), self.receiver.tick())
    }

    /// Begins this tick's sending: the clock of the timestamps goes on.
    pub(crate) fn advance(&mut self) {
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
    }

    /// False: the other side takes no events, or the queue is full.
    pub(crate) fn push_digits(&mut self, digits: &Digits) -> bool {
        let understood =
            self.negotiated.as_ref().is_some_and(|negotiated| negotiated.telephone_event.is_some());
        understood && self.sender.push(digits)
    }

    /// This tick's part of the digits that are being sent.
    pub(crate) fn send_digits(&mut self) -> Sent {
        let sent = self.sender.tick(self.timestamp);
        if let Sent::Event(event) = sent
            && let Some(payload_type) =
                self.negotiated.as_ref().and_then(|negotiated| negotiated.telephone_event)
        {
            self.send(payload_type, event.marker, event.timestamp, &event.payload);
            self.talking = false;
        }
        sent
    }

    /// Sends a frame that is encoded already. `spurt`: speech begins here.
    pub(crate) fn send_audio(&mut self, encoded: &[u8; FRAME], spurt: bool) {
        let Some(payload_type) = self.negotiated.as_ref().map(|negotiated| negotiated.payload_type) else {
            return;
        };
        self.send(payload_type, spurt || !self.talking, self.timestamp, encoded);
        self.talking = true;
    }

    /// This tick sends nothing.
    pub(crate) fn pause(&mut self) {
        self.talking = false;
    }

    fn send(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) {
        let Some(to) = self.peer.destination() else { return };
        let header = Header { payload_type, marker, sequence: self.sequence, timestamp, ssrc: self.ssrc };
        let queued = self.outbox.push(Channel::Rtp, to, |packet| rtp::write(&header, payload, packet));
        if queued {
            self.sequence = self.sequence.wrapping_add(1);
            self.stats.packets_out += 1;
            self.octets_out = self.octets_out.wrapping_add(payload.len() as u32);
        }
    }

    /// Sends a report if one is due, or a farewell at once.
    pub(crate) fn report(&mut self, now: Instant, bye: bool) {
        // The farewell is for those who know us: nobody does before the first packet (RFC 3550 §6.3.7).
        if if bye { self.stats.packets_out == 0 } else { !self.rtcp.is_due(now) } {
            return;
        }
        let negotiated = self.negotiated.as_ref().and_then(|negotiated| negotiated.remote_rtcp);
        let Some(to) = self.rtcp_from.or(negotiated) else { return };
        let sent = rtcp::Sent {
            packets: self.stats.packets_out as u32,
            octets: self.octets_out,
            timestamp: self.timestamp,
        };
        let report = self.reception.report();
        let rtcp = &mut self.rtcp;
        self.outbox.push(Channel::Rtcp, to, |packet| {
            let packet = packet.first_chunk_mut().expect("a packet buffer is longer than a compound");
            rtcp.write(now, &sent, report, bye, packet)
        });
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        self.outbox.pop()
    }

    pub(crate) fn stats(&self) -> Stats {
        let figures = self.jitter.figures();
        let remote = self.rtcp.remote();
        Stats {
            lost: self.reception.lost(),
            duplicates: self.reception.duplicates(),
            late: figures.late,
            concealed: figures.concealed,
            jitter: Duration::from_micros(u64::from(self.reception.jitter()) * 125),
            playout_delay: Duration::from_micros(u64::from(self.jitter.delay()) * 125),
            remote_lost: remote.lost,
            remote_jitter: Duration::from_micros(u64::from(remote.jitter) * 125),
            round_trip: remote.round_trip,
            ..self.stats
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Audio(Codec),
    Event,
}

/// After this silence another source is believed without a second packet.
const QUIET: Duration = Duration::from_millis(100);

/// Packets written and not yet taken: a tick makes two at most, a farewell one more.
#[derive(Debug)]
struct Outbox {
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
const PACKET_MAX: usize = rtp::HEADER_BYTES + FRAME;

impl Outbox {
    fn new() -> Self {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let blank = Written { channel: Channel::Rtp, to: nowhere, length: 0, bytes: [0; PACKET_MAX] };
        Self { packets: [blank; OUTBOX], first: 0, count: 0 }
    }

    /// False: nobody drains it, and the packet is dropped.
    fn push(
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

    fn pop(&mut self) -> Option<Transmit<'_>> {
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
