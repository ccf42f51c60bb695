//! One side's RTP and RTCP: packets in become frames and digits, frames and digits become packets. Owns the peer, the
//! jitter buffer, the books of both directions. Knows nothing of who is bridged with whom, of detection or of sockets.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    bundle::Bundle,
    codec::Codec,
    comfort,
    datagram::{Channel, DATAGRAM_MAX, Transmit},
    dtmf::{self, Digits, Received, Sent},
    g711::Law,
    jitter::{FRAME, Heard, Jitter},
    latch::{Latch, Peer},
    outbox::Outbox,
    reception::{Judgement, Reception, Report},
    rtcp::{self, Rtcp},
    rtp::{self, Header, Scale},
    sdp::{COMFORT_NOISE, DYNAMIC_MIN, Format, Negotiated},
    srtp::{Protection, Rejected},
    stats::Stats,
};

/// One side of a bridge.
#[derive(Debug)]
pub(crate) struct Leg {
    peer: Peer,
    negotiated: Option<Negotiated>,
    /// Kept when a later description has plain RTP, for what was sent under its keys.
    protection: Option<Box<Protection>>,
    secured: bool,
    epoch: Option<Instant>,
    reception: Reception,
    jitter: Jitter,
    receiver: dtmf::Receiver,
    sender: dtmf::Sender,
    rtcp: Rtcp,
    rtcp_from: Option<SocketAddr>,
    /// When the peer's RTCP came last.
    rtcp_at: Option<Instant>,
    scale_in: Scale,
    ssrc: u32,
    sequence: u16,
    /// The timestamp of this tick's first sample, in samples of 8 kHz; goes on whether or not anything is sent.
    timestamp: u32,
    /// None: each frame is a packet as it is.
    bundle: Option<Box<Bundle>>,
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
            protection: None,
            secured: false,
            epoch: None,
            reception: Reception::default(),
            jitter: Jitter::new(),
            receiver: dtmf::Receiver::default(),
            sender: dtmf::Sender::default(),
            ssrc,
            // In the lower half, so that whoever misses the first packets of SRTP still guesses their rollover counter
            // (RFC 4568 §6.4.1).
            sequence: random.random_range(0..1 << 15),
            timestamp: random.random(),
            rtcp: Rtcp::new(ssrc, random),
            rtcp_from: None,
            rtcp_at: None,
            scale_in: Scale::default(),
            bundle: None,
            talking: false,
            outbox: Outbox::new(),
            octets_out: 0,
            stats: Stats::default(),
        }
    }

    pub(crate) fn negotiate(&mut self, negotiated: Negotiated) {
        self.peer.negotiate(negotiated.remote);
        // Who is elsewhere now is told of it there (RFC 3264 §8.3.1), not where reports came from before.
        let places = |negotiated: &Negotiated| (negotiated.remote, negotiated.remote_rtcp);
        let was = self.negotiated.as_ref().map(places);
        if negotiated.remote.is_some() && was.is_some_and(|was| was != places(&negotiated)) {
            self.rtcp_from = None;
        }
        for (_, format) in negotiated.incoming.iter() {
            if let Format::Audio(codec) = format {
                self.jitter.prepare(codec);
            }
        }
        if !self.bundle.as_ref().is_some_and(|bundle| bundle.serves(&negotiated)) {
            self.bundle = Bundle::new(&negotiated);
        }
        match (&mut self.protection, &negotiated.security) {
            (Some(protection), Some(security)) => protection.update(security),
            (protection, Some(security)) => *protection = Some(Box::new(Protection::new(security))),
            (_, None) => {}
        }
        self.secured = negotiated.security.is_some();
        self.negotiated = Some(negotiated);
    }

    /// The only one whose packets are taken.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer.only()
    }

    /// Whether the other side may be expected to send.
    pub(crate) fn is_receiving(&self) -> bool {
        self.negotiated.as_ref().is_some_and(|negotiated| negotiated.receive)
    }

    pub(crate) fn codec(&self) -> Codec {
        self.negotiated.as_ref().map_or(Codec::Pcmu, |negotiated| negotiated.codec)
    }

    /// How often the clock of our timestamps ticks in a sample of 8 kHz.
    fn scale(&self) -> u32 {
        self.codec().clock_hz() / 8_000
    }

    /// The other side has announced that it will be silent, by comfort noise or by discontinuous transmission.
    pub(crate) fn is_hushed(&self) -> bool {
        self.jitter.is_hushed()
    }

    pub(crate) fn answered(&mut self) {
        self.reception.answered();
    }

    /// Nothing says that the other side is silent by sending nothing: what does not come is missing.
    pub(crate) fn is_steady(&self) -> bool {
        self.is_receiving() && !self.is_hushed() && !self.reception.pauses()
    }

    /// When the peer's RTCP came last.
    pub(crate) fn rtcp_at(&self) -> Option<Instant> {
        self.rtcp_at
    }

    /// Whether telephone events can be sent.
    pub(crate) fn takes_events(&self) -> bool {
        self.negotiated.as_ref().is_some_and(|negotiated| negotiated.telephone_event.is_some())
    }

    /// Nothing was agreed upon yet.
    pub(crate) fn is_idle(&self) -> bool {
        self.negotiated.is_none()
    }

    /// Whether audio can be sent: somewhere, and not on hold.
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
        let Some(protection) = self.protection() else { return self.receive_clear(now, from, packet) };
        let mut clear = [0; DATAGRAM_MAX];
        match protection.unprotect_rtp(packet, &mut clear) {
            Ok(length) => self.receive_clear(now, from, &clear[..length]),
            Err(rejected) => {
                self.count(rejected);
                Arrival::default()
            }
        }
    }

    /// None: plain RTP.
    fn protection(&mut self) -> Option<&mut Protection> {
        self.protection.as_deref_mut().filter(|_| self.secured)
    }

    fn count(&mut self, rejected: Rejected) {
        match rejected {
            Rejected::Unauthentic => self.stats.unauthentic += 1,
            Rejected::Replayed => self.stats.replayed += 1,
        }
    }

    /// Takes what the peer's packet says, decrypted if it has to be.
    fn receive_clear(&mut self, now: Instant, from: SocketAddr, packet: &[u8]) -> Arrival {
        let Some((header, payload)) = rtp::read(packet) else {
            self.stats.malformed += 1;
            return Arrival::default();
        };
        let Some(kind) = self.kind(header.payload_type) else {
            self.stats.unknown += 1;
            if self.reception.pass(&header) {
                self.jitter.insert_event(header.sequence);
            }
            return Arrival::default();
        };
        let quiet = self.peer.silent_for(now, QUIET);
        let arrival = self.samples(now);
        let raw = header.timestamp;
        let header =
            Header { timestamp: self.scale_in.narrow(raw, (kind.clock_hz() / 8_000).max(1)), ..header };
        let timed = !matches!(kind, Format::Events { .. });
        match self.reception.receive(arrival, &header, quiet, timed) {
            Judgement::Duplicate | Judgement::Doubtful => return Arrival::default(),
            Judgement::Restarts => {
                self.jitter.reset();
                self.receiver.restart();
            }
            Judgement::Continues => {}
        }
        self.peer.hear(now, from);
        self.stats.packets_in += 1;
        let digit = self.take(kind, &header, raw, payload);
        Arrival { valid: true, digit }
    }

    /// Takes a payload; `header` has the timestamp in samples of 8 kHz, `raw` is as it came.
    fn take(&mut self, kind: Format, header: &Header, raw: u32, payload: &[u8]) -> Option<Received> {
        match kind {
            Format::Audio(codec) => {
                let jitter = self.reception.jitter();
                if !self.jitter.insert(header.sequence, header.timestamp, codec, payload, jitter) {
                    self.stats.malformed += 1;
                }
                None
            }
            Format::ComfortNoise => {
                if !self.jitter.insert_noise(header.sequence, header.timestamp, payload) {
                    self.stats.malformed += 1;
                }
                None
            }
            Format::Events { clock_hz } => {
                self.jitter.insert_event(header.sequence);
                self.receiver.receive(raw, clock_hz, payload)
            }
        }
    }

    /// What a payload type stands for. That of comfort noise is fixed, and gateways send it unasked.
    fn kind(&self, payload_type: u8) -> Option<Format> {
        let negotiated = self.negotiated.as_ref()?;
        // Nearly every packet is this. A dynamic number may mean another thing in each direction.
        if payload_type == negotiated.payload_type && payload_type < DYNAMIC_MIN {
            return Some(Format::Audio(negotiated.codec));
        }
        negotiated
            .incoming
            .of(payload_type)
            .or_else(|| (payload_type == COMFORT_NOISE).then_some(Format::ComfortNoise))
    }

    /// A clock in samples, for the jitter (RFC 3550 §6.4.1).
    fn samples(&mut self, now: Instant) -> u32 {
        let epoch = *self.epoch.get_or_insert(now);
        (now.saturating_duration_since(epoch).as_micros() / 125) as u32
    }

    pub(crate) fn receive_rtcp(&mut self, now: Instant, from: SocketAddr, packet: &[u8]) {
        let heard = self.peer.last().map(|address| address.ip());
        let negotiated = self
            .negotiated
            .as_ref()
            .and_then(|negotiated| negotiated.remote_rtcp)
            .map(|address| address.ip());
        if heard != Some(from.ip()) && negotiated != Some(from.ip()) {
            self.stats.strangers += 1;
            return;
        }
        let Some(protection) = self.protection() else { return self.receive_rtcp_clear(now, from, packet) };
        let mut clear = [0; DATAGRAM_MAX];
        match protection.unprotect_rtcp(packet, &mut clear) {
            Ok(length) => self.receive_rtcp_clear(now, from, &clear[..length]),
            Err(rejected) => self.count(rejected),
        }
    }

    fn receive_rtcp_clear(&mut self, now: Instant, from: SocketAddr, packet: &[u8]) {
        let reports = self.rtcp.remote().reports;
        if self.rtcp.receive(now, packet) {
            if self.rtcp.remote().reports != reports {
                self.stats.remote_reported_after = self.stats.packets_out;
            }
            self.rtcp_from = Some(from);
            self.rtcp_at = Some(now);
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
        self.takes_events() && self.sender.push(digits)
    }

    /// This tick's part of the digits that are being sent.
    pub(crate) fn send_digits(&mut self) -> Sent {
        let sent = self.sender.tick(self.timestamp);
        if let Sent::Event(event) = sent
            && let Some(negotiated) = &self.negotiated
            && let Some(payload_type) = negotiated.telephone_event
        {
            let times = negotiated.telephone_event_hz / 8_000;
            let payload = event.scaled(times);
            // Audio that waits for its packet is older than the event.
            self.flush();
            // One stream, one line of timestamps: the audio's.
            self.send(payload_type, event.marker, event.timestamp, &payload);
            self.talking = false;
        }
        sent
    }

    /// Sends a frame, in whatever codec was agreed upon. `spurt`: speech begins here, and is not to wait.
    pub(crate) fn send_audio(&mut self, pcmu: &[u8; FRAME], spurt: bool) {
        let Some(negotiated) = &self.negotiated else { return };
        let marker = spurt || !self.talking;
        let payload_type = negotiated.payload_type;
        if let Some(bundle) = &mut self.bundle {
            bundle.push(pcmu, self.timestamp, marker, spurt);
            self.send_bundle(payload_type);
        } else {
            match negotiated.codec.law() {
                Some(Law::Mu) => self.send(payload_type, marker, self.timestamp, pcmu),
                Some(Law::A) => {
                    let mut encoded = [0; FRAME];
                    Law::A.transcode_from_pcmu(pcmu, &mut encoded);
                    self.send(payload_type, marker, self.timestamp, &encoded);
                }
                // A codec that this build has not is agreed upon by nobody.
                None => return,
            }
        }
        self.talking = true;
    }

    /// Sends the packets that are full, or due.
    fn send_bundle(&mut self, payload_type: u8) {
        let Some(mut bundle) = self.bundle.take() else { return };
        while let Some(packet) = bundle.poll() {
            self.send(payload_type, packet.marker, packet.timestamp, packet.payload);
        }
        self.bundle = Some(bundle);
    }

    /// Sends what waits for its packet to fill; on hold it is dropped.
    fn flush(&mut self) {
        let can_send = self.can_send();
        let Some(bundle) = &mut self.bundle else { return };
        if can_send {
            bundle.flush();
            let payload_type = self.negotiated.as_ref().map_or(0, |negotiated| negotiated.payload_type);
            self.send_bundle(payload_type);
        } else {
            bundle.clear();
        }
    }

    /// Announces silence (RFC 3389) instead of sending it. False: that was not agreed upon.
    pub(crate) fn send_comfort(&mut self) -> bool {
        let Some(payload_type) = self.negotiated.as_ref().and_then(|negotiated| negotiated.comfort_noise)
        else {
            return false;
        };
        self.pause();
        self.send(payload_type, false, self.timestamp, &comfort::QUIET);
        true
    }

    /// This tick sends nothing.
    pub(crate) fn pause(&mut self) {
        self.flush();
        self.talking = false;
    }

    /// `timestamp` is in samples of 8 kHz.
    fn send(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) {
        let timestamp = timestamp.wrapping_mul(self.scale());
        let Some(to) = self.peer.destination() else { return };
        let header = Header { payload_type, marker, sequence: self.sequence, timestamp, ssrc: self.ssrc };
        let protection = self.protection.as_deref_mut().filter(|_| self.secured);
        let queued = self.outbox.push(Channel::Rtp, to, |packet| {
            let length = rtp::write(&header, payload, packet);
            match protection {
                Some(protection) => protection.protect_rtp(packet, length),
                None => length,
            }
        });
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
        let Some((channel, to)) = self.rtcp_destination() else { return };
        let sent = rtcp::Sent {
            packets: self.stats.packets_out as u32,
            octets: self.octets_out,
            timestamp: self.timestamp.wrapping_mul(self.scale()),
        };
        // In units of the timestamps.
        let scale = self.scale();
        let report = self.reception.report().map(|report| Report { jitter: report.jitter * scale, ..report });
        let rtcp = &mut self.rtcp;
        let protection = self.protection.as_deref_mut().filter(|_| self.secured);
        self.outbox.push(channel, to, |packet| {
            let compound = packet.first_chunk_mut().expect("a packet buffer is longer than a compound");
            let length = rtcp.write(now, &sent, report, bye, compound);
            match protection {
                Some(protection) => protection.protect_rtcp(packet, length),
                None => length,
            }
        });
    }

    /// From which socket and where reports go: with RTP where both sides said so (RFC 5761 §5.1.1), else where theirs come
    /// from, or as the SDP has it.
    fn rtcp_destination(&self) -> Option<(Channel, SocketAddr)> {
        let negotiated = self.negotiated.as_ref()?;
        if negotiated.rtcp_mux {
            return Some((Channel::Rtp, self.peer.destination()?));
        }
        Some((Channel::Rtcp, self.rtcp_from.or(negotiated.remote_rtcp)?))
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
            remote_jitter: Duration::from_micros(u64::from(remote.jitter / self.scale()) * 125),
            round_trip: remote.round_trip,
            remote_reports: remote.reports,
            remote_mentions: remote.mentions,
            ..self.stats
        }
    }
}

/// After this silence another source is believed without a second packet.
const QUIET: Duration = Duration::from_millis(100);
