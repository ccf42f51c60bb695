//! What we send: one source under one key.

use super::{
    cipher::{Cipher, Number, Place, Stream, srtcp_word},
    keys::MasterKey,
};

/// Our direction.
#[derive(Debug)]
pub(super) struct Outbound {
    rtp: Cipher,
    rtcp: Cipher,
    /// Of the last RTP packet.
    index: Option<u64>,
    /// Of the last RTCP compound.
    rtcp_index: u32,
}

/// RTP's header without contributing sources and extension: we send neither.
const RTP_CLEAR: usize = 12;
/// RTCP's header and the sender's SSRC (RFC 3711 §3.4).
pub(super) const RTCP_CLEAR: usize = 8;

impl Outbound {
    pub(super) fn new(key: &MasterKey) -> Self {
        Self {
            rtp: Cipher::new(key, Stream::Rtp),
            rtcp: Cipher::new(key, Stream::Rtcp),
            index: None,
            rtcp_index: 0,
        }
    }

    pub(super) fn protect_rtp(&mut self, packet: &mut [u8], length: usize) -> usize {
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        // Each packet has the number after the one before, so what is not ahead has wrapped (RFC 3711 §3.3.1).
        let index = match self.index {
            None => u64::from(sequence),
            Some(last) => last + u64::from(sequence.wrapping_sub(last as u16)),
        };
        self.index = Some(index);
        let tag = self.rtp.seal(&mut packet[..length], RTP_CLEAR, Place { ssrc, number: Number::Rtp(index) });
        append(packet, length, &tag[..self.rtp.tag_bytes()])
    }

    pub(super) fn protect_rtcp(&mut self, packet: &mut [u8], length: usize) -> usize {
        let ssrc = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        // 31 bits: at one compound in 2 s they last 136 years.
        self.rtcp_index += 1;
        let place = Place { ssrc, number: Number::Rtcp(self.rtcp_index) };
        let tag = self.rtcp.seal(&mut packet[..length], RTCP_CLEAR, place);
        let (tag, word) = (&tag[..self.rtcp.tag_bytes()], srtcp_word(self.rtcp_index));
        let [first, second] = if self.rtcp.covers_index() { [&word, tag] } else { [tag, &word[..]] };
        let length = append(packet, length, first);
        append(packet, length, second)
    }
}

fn append(packet: &mut [u8], length: usize, bytes: &[u8]) -> usize {
    packet[length..length + bytes.len()].copy_from_slice(bytes);
    length + bytes.len()
}

#[cfg(test)]
impl Outbound {
    /// Goes on where `before` was.
    pub(super) fn follow(&mut self, before: &Self) {
        self.index = before.index;
    }
}
