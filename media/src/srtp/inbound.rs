//! What they send: a few sources under one key, each with its numbers. A source is known once one of its packets was
//! authentic, so nobody without the key makes us remember anything.

use arrayvec::ArrayVec;

use super::{
    cipher::{Cipher, ENCRYPTED, Number, Place, Stream},
    keys::MasterKey,
    outbound::RTCP_CLEAR,
    window::Window,
};

/// Their direction.
#[derive(Debug)]
pub(super) struct Inbound {
    rtp: Cipher,
    rtcp: Cipher,
    /// The latest heard last.
    rtp_sources: Sources,
    rtcp_sources: Sources,
    /// The rollover counter of their key before: some keep it when they change keys.
    rollover_before: u64,
}

type Sources = ArrayVec<(u32, Window), SOURCES_MAX>;

/// A telephone has one source, and another after a transfer behind it. One more than these takes the place of the one not
/// heard for longest.
const SOURCES_MAX: usize = 8;

/// Why a packet was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// It isn't under their key: forged, damaged, or not encrypted at all.
    Unauthentic,
    /// It came before, or is so old that it may have.
    Replayed,
}

impl Inbound {
    pub(super) fn new(key: &MasterKey) -> Self {
        Self {
            rtp: Cipher::new(key, Stream::Rtp),
            rtcp: Cipher::new(key, Stream::Rtcp),
            rtp_sources: Sources::new(),
            rtcp_sources: Sources::new(),
            rollover_before: 0,
        }
    }

    /// Under a new key that takes the place of another.
    pub(super) fn after(before: &Self, key: &MasterKey) -> Self {
        let rollover_before = before.rtp_sources.last().map_or(0, |(_, window)| window.rollover());
        Self { rollover_before, ..Self::new(key) }
    }

    pub(super) fn unprotect_rtp(&mut self, packet: &[u8], clear: &mut [u8]) -> Result<usize, Rejected> {
        let header = rtp_header_bytes(packet).ok_or(Rejected::Unauthentic)?;
        let (packet, tag) = split_end(packet, self.rtp.tag_bytes()).ok_or(Rejected::Unauthentic)?;
        if packet.len() < header || clear.len() < packet.len() {
            return Err(Rejected::Unauthentic);
        }
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        let out = &mut clear[..packet.len()];
        let known = self.rtp_sources.iter().position(|(known, _)| *known == ssrc);
        let index = match known {
            Some(position) => {
                let window = self.rtp_sources[position].1;
                let index = window.index(sequence).ok_or(Rejected::Unauthentic)?;
                if window.has_seen(index) {
                    return Err(Rejected::Replayed);
                }
                self.open_rtp(packet, header, ssrc, index, tag, out)?;
                index
            }
            // The rollover counter begins at 0; but the first packets may have been lost, or sent before we had the key.
            None => self
                .first_indices(sequence)
                .find(|index| self.open_rtp(packet, header, ssrc, *index, tag, out).is_ok())
                .ok_or(Rejected::Unauthentic)?,
        };
        accept(&mut self.rtp_sources, ssrc, index);
        Ok(packet.len())
    }

    fn first_indices(&self, sequence: u16) -> impl Iterator<Item = u64> + use<> {
        let before = Some(self.rollover_before).filter(|rollover| *rollover >= ROLLOVERS_FIRST);
        (0..ROLLOVERS_FIRST).chain(before).map(move |rollover| rollover << 16 | u64::from(sequence))
    }

    fn open_rtp(
        &self,
        packet: &[u8],
        header: usize,
        ssrc: u32,
        index: u64,
        tag: &[u8],
        out: &mut [u8],
    ) -> Result<(), Rejected> {
        let place = Place { ssrc, number: Number::Rtp(index) };
        self.rtp.open(packet, header, place, tag, out).map_err(|_| Rejected::Unauthentic)
    }

    pub(super) fn unprotect_rtcp(&mut self, packet: &[u8], clear: &mut [u8]) -> Result<usize, Rejected> {
        let (packet, tag, word) = self.split_rtcp(packet).ok_or(Rejected::Unauthentic)?;
        // §3.4: the E flag says that it is encrypted. What isn't was not agreed upon (RFC 4568 §6.3.2).
        if word & ENCRYPTED == 0 || packet.len() < RTCP_CLEAR || clear.len() < packet.len() {
            return Err(Rejected::Unauthentic);
        }
        let index = word & !ENCRYPTED;
        let ssrc = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        let known = self.rtcp_sources.iter().find(|(known, _)| *known == ssrc);
        if known.is_some_and(|(_, window)| window.has_seen(u64::from(index))) {
            return Err(Rejected::Replayed);
        }
        let place = Place { ssrc, number: Number::Rtcp(index) };
        self.rtcp
            .open(packet, RTCP_CLEAR, place, tag, &mut clear[..packet.len()])
            .map_err(|_| Rejected::Unauthentic)?;
        accept(&mut self.rtcp_sources, ssrc, u64::from(index));
        Ok(packet.len())
    }

    fn split_rtcp<'a>(&self, packet: &'a [u8]) -> Option<(&'a [u8], &'a [u8], u32)> {
        let (rest, last) =
            split_end(packet, if self.rtcp.covers_index() { self.rtcp.tag_bytes() } else { 4 })?;
        let (rest, first) =
            split_end(rest, if self.rtcp.covers_index() { 4 } else { self.rtcp.tag_bytes() })?;
        let (tag, word) = if self.rtcp.covers_index() { (last, first) } else { (first, last) };
        Some((rest, tag, u32::from_be_bytes(word.try_into().ok()?)))
    }
}

/// Rollover counters that a new source may have: 65,536 packets each.
const ROLLOVERS_FIRST: u64 = 2;

/// Notes an authentic packet; its source becomes the latest.
fn accept(sources: &mut Sources, ssrc: u32, index: u64) {
    if let Some((_, window)) = sources.last_mut().filter(|(known, _)| *known == ssrc) {
        return window.accept(index);
    }
    let window = match sources.iter().position(|(known, _)| *known == ssrc) {
        Some(position) => {
            let mut window = sources.remove(position).1;
            window.accept(index);
            window
        }
        None => {
            if sources.is_full() {
                sources.remove(0);
            }
            Window::new(index)
        }
    };
    sources.push((ssrc, window));
}

fn split_end(packet: &[u8], bytes: usize) -> Option<(&[u8], &[u8])> {
    packet.split_at_checked(packet.len().checked_sub(bytes)?)
}

/// Header, contributing sources and extension (RFC 3550 §5.1, §5.3.1): what is not encrypted.
fn rtp_header_bytes(packet: &[u8]) -> Option<usize> {
    let first = *packet.get(..12)?.first()?;
    let fixed = 12 + 4 * usize::from(first & 0x0f);
    if first & 0x10 == 0 {
        return Some(fixed);
    }
    let words = packet.get(fixed + 2..fixed + 4)?;
    Some(fixed + 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]])))
}

#[cfg(test)]
impl Inbound {
    pub(super) fn is_unheard(&self) -> bool {
        self.rtp_sources.is_empty() && self.rtcp_sources.is_empty()
    }
}
