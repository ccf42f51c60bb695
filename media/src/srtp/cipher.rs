//! Session keys (RFC 3711 §4.3) and what is done with them: AES in counter mode with HMAC-SHA1 (RFC 3711 §4, RFC 6188),
//! and AES-GCM (RFC 7714). The only file that names `aws-lc-rs`. Knows nothing of packet layouts beyond which bytes are
//! clear, and of nobody's sequence numbers.

use std::fmt;

use aws_lc_rs::{
    aead::{self, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    constant_time, hmac,
    iv::FixedLength,
};
use zeroize::Zeroizing;

use super::keys::{MasterKey, Suite};

/// Which packets a cipher is for: RTP and RTCP have keys of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Rtp,
    Rtcp,
}

/// The session keys of one stream in one direction. Both variants wipe their keys when dropped.
pub(super) struct Cipher {
    salt: [u8; SALT_BYTES],
    mode: Mode,
}

enum Mode {
    Counter(Box<Counter>),
    Galois(LessSafeKey),
}

struct Counter {
    encryption: EncryptingKey,
    authentication: hmac::Key,
    tag_bytes: usize,
}

/// A salt of 112 bits; that of GCM has 96.
const SALT_BYTES: usize = 14;
const GCM_SALT_BYTES: usize = 12;
const GCM_TAG_BYTES: usize = 16;
/// HMAC-SHA1's key (RFC 3711 §5.2).
const AUTHENTICATION_BYTES: usize = 20;

/// The packet was not made with this key, or was changed on its way.
#[derive(Debug)]
pub(super) struct Unauthentic;

impl Cipher {
    pub(super) fn new(master: &MasterKey, stream: Stream) -> Self {
        // RFC 3711 §4.3.2: labels 0, 1, 2 for RTP; 3, 4, 5 for RTCP.
        let first = if stream == Stream::Rtp { 0 } else { 3 };
        let suite = master.suite();
        let mut key = Zeroizing::new([0; 32]);
        let key = &mut key[..suite.key_bytes()];
        derive(master, first, key);
        let mut salt = [0; SALT_BYTES];
        derive(master, first + 2, &mut salt[..suite.salt_bytes()]);
        let mode = match suite {
            Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 | Suite::AesCm256HmacSha1_80 => {
                let mut authentication = Zeroizing::new([0; AUTHENTICATION_BYTES]);
                derive(master, first + 1, &mut *authentication);
                Mode::Counter(Box::new(Counter {
                    encryption: counter_key(key),
                    authentication: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &*authentication),
                    // RFC 4568 §6.2.2: the short tag is RTP's alone.
                    tag_bytes: if suite == Suite::AesCm128HmacSha1_32 && stream == Stream::Rtp {
                        4
                    } else {
                        10
                    },
                }))
            }
            Suite::AeadAes128Gcm => Mode::Galois(galois_key(&aead::AES_128_GCM, key)),
            Suite::AeadAes256Gcm => Mode::Galois(galois_key(&aead::AES_256_GCM, key)),
        };
        Self { salt, mode }
    }

    pub(super) fn tag_bytes(&self) -> usize {
        match self.mode {
            Mode::Counter(ref counter) => counter.tag_bytes,
            Mode::Galois(_) => GCM_TAG_BYTES,
        }
    }

    /// Whether SRTCP's index stands before the tag, which then covers it (RFC 3711 §3.4), or after (RFC 7714 §9.2).
    pub(super) fn covers_index(&self) -> bool {
        matches!(self.mode, Mode::Counter(_))
    }

    /// Encrypts `packet` but for its first `clear` bytes, and gives the tag, of which [`Cipher::tag_bytes`] count.
    pub(super) fn seal(&self, packet: &mut [u8], clear: usize, place: Place) -> [u8; GCM_TAG_BYTES] {
        let mut tag = [0; GCM_TAG_BYTES];
        match &self.mode {
            Mode::Counter(keys) => {
                let Counter { encryption, authentication, tag_bytes } = &**keys;
                apply(encryption, self.counter(place), &mut packet[clear..]);
                let full = sign(authentication, packet, place);
                tag[..*tag_bytes].copy_from_slice(&full.as_ref()[..*tag_bytes]);
            }
            Mode::Galois(key) => {
                let (header, payload) = packet.split_at_mut(clear);
                let mut room = [0; SRTCP_AAD_BYTES];
                let aad = Aad::from(associated(header, place, &mut room));
                let sealed = key
                    .seal_in_place_separate_tag(self.nonce(place), aad, payload)
                    .expect("a packet is far shorter than what GCM can seal");
                tag.copy_from_slice(sealed.as_ref());
            }
        }
        tag
    }

    /// Decrypts `packet` but for its first `clear` bytes into `out`, which is as long. Nothing in `out` means anything
    /// after an error.
    pub(super) fn open(
        &self,
        packet: &[u8],
        clear: usize,
        place: Place,
        tag: &[u8],
        out: &mut [u8],
    ) -> Result<(), Unauthentic> {
        let (header, payload) = packet.split_at(clear);
        match &self.mode {
            Mode::Counter(keys) => {
                let Counter { encryption, authentication, tag_bytes } = &**keys;
                let full = sign(authentication, packet, place);
                constant_time::verify_slices_are_equal(&full.as_ref()[..*tag_bytes], tag)
                    .map_err(|_| Unauthentic)?;
                out.copy_from_slice(packet);
                apply(encryption, self.counter(place), &mut out[clear..]);
            }
            Mode::Galois(key) => {
                let mut room = [0; SRTCP_AAD_BYTES];
                let aad = Aad::from(associated(header, place, &mut room));
                out[..clear].copy_from_slice(header);
                key.open_separate_gather(self.nonce(place), aad, payload, tag, &mut out[clear..])
                    .map_err(|_| Unauthentic)?;
            }
        }
        Ok(())
    }

    /// RFC 3711 §4.1.1: the IV is (salt · 2^16) XOR (SSRC · 2^64) XOR (index · 2^16).
    fn counter(&self, place: Place) -> [u8; 16] {
        let mut iv = [0; 16];
        iv[..SALT_BYTES].copy_from_slice(&self.salt);
        xor(&mut iv[4..8], &place.ssrc.to_be_bytes());
        xor(&mut iv[8..14], &place.index().to_be_bytes()[2..]);
        iv
    }

    /// RFC 7714 §8.1 and §9.1: (two zero bytes, SSRC, index of 48 bits) XOR salt.
    fn nonce(&self, place: Place) -> Nonce {
        let mut nonce = [0; GCM_SALT_BYTES];
        nonce.copy_from_slice(&self.salt[..GCM_SALT_BYTES]);
        xor(&mut nonce[2..6], &place.ssrc.to_be_bytes());
        xor(&mut nonce[6..12], &place.index().to_be_bytes()[2..]);
        Nonce::assume_unique_for_key(nonce)
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Cipher")
    }
}

/// Which packet of which source: no two of one key are the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) ssrc: u32,
    pub(super) number: Number,
}

/// A packet's index.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// RTP: rollover counter and sequence number, 48 bits (RFC 3711 §3.3.1).
    Rtp(u64),
    /// RTCP: 31 bits (RFC 3711 §3.4).
    Rtcp(u32),
}

impl Place {
    fn index(self) -> u64 {
        match self.number {
            Number::Rtp(index) => index,
            Number::Rtcp(index) => u64::from(index),
        }
    }
}

/// SRTCP's index with its E flag, which says that the packet is encrypted (RFC 3711 §3.4).
pub(super) fn srtcp_word(index: u32) -> [u8; 4] {
    (index | ENCRYPTED).to_be_bytes()
}

/// The E flag.
pub(super) const ENCRYPTED: u32 = 1 << 31;

const SRTCP_AAD_BYTES: usize = 12;

/// RFC 7714 §8.2: RTP's header. §9.2: RTCP's header and the index.
fn associated<'a>(header: &'a [u8], place: Place, room: &'a mut [u8; SRTCP_AAD_BYTES]) -> &'a [u8] {
    match place.number {
        Number::Rtp(_) => header,
        Number::Rtcp(index) => {
            room[..8].copy_from_slice(&header[..8]);
            room[8..].copy_from_slice(&srtcp_word(index));
            room
        }
    }
}

/// RFC 3711 §4.2: over the packet and the rollover counter, which isn't sent; or over the packet and its index, which is.
fn sign(key: &hmac::Key, packet: &[u8], place: Place) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(packet);
    match place.number {
        Number::Rtp(index) => context.update(&((index >> 16) as u32).to_be_bytes()),
        Number::Rtcp(index) => context.update(&srtcp_word(index)),
    }
    context.sign()
}

/// RFC 3711 §4.3.1 with a key derivation rate of 0: the keystream whose IV is (label · 2^48 XOR salt) · 2^16. A salt of 96
/// bits has zeros at its end (RFC 7714 §11).
fn derive(master: &MasterKey, label: u8, out: &mut [u8]) {
    let mut iv = [0; 16];
    iv[..master.salt().len()].copy_from_slice(master.salt());
    iv[7] ^= label;
    out.fill(0);
    apply(&counter_key(master.key()), iv, out);
}

fn counter_key(key: &[u8]) -> EncryptingKey {
    let algorithm = if key.len() == 16 { &AES_128 } else { &AES_256 };
    let key = UnboundCipherKey::new(algorithm, key).expect("a suite's key is one of AES's");
    EncryptingKey::ctr(key).expect("AES has a counter mode")
}

fn galois_key(algorithm: &'static aead::Algorithm, key: &[u8]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(algorithm, key).expect("a suite's key is its algorithm's"))
}

fn apply(key: &EncryptingKey, iv: [u8; 16], bytes: &mut [u8]) {
    // An empty RTCP compound is its header alone; there is nothing to encrypt then.
    if !bytes.is_empty() {
        key.less_safe_encrypt(bytes, EncryptionContext::Iv128(FixedLength::from(iv)))
            .expect("counter mode takes any length");
    }
}

fn xor(bytes: &mut [u8], with: &[u8]) {
    bytes.iter_mut().zip(with).for_each(|(byte, with)| *byte ^= with);
}

/// A master key for `suite` of our own: 46 pseudorandom bytes of `secret`, other ones for each suite.
pub(super) fn expand(secret: &[u8; 32], suite: Suite, out: &mut [u8]) {
    let key = hmac::Key::new(hmac::HMAC_SHA512, secret);
    let full = hmac::sign(&key, suite.name().as_bytes());
    out.copy_from_slice(&full.as_ref()[..out.len()]);
}

/// Fills `out` from the system's randomness.
pub(super) fn fill(out: &mut [u8]) {
    aws_lc_rs::rand::fill(out).expect("the system has randomness");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> =
            text.bytes().filter_map(|byte| char::from(byte).to_digit(16)).map(|digit| digit as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    fn derived(master: &MasterKey, label: u8, length: usize) -> Vec<u8> {
        let mut out = vec![0; length];
        derive(master, label, &mut out);
        out
    }

    #[test]
    fn the_keystream_is_that_of_rfc_3711_appendix_b_2() {
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
        let encryption = || counter_key(&hex("2B7E151628AED2A6ABF7158809CF4F3C"));
        let cipher = Cipher {
            salt,
            mode: Mode::Counter(Box::new(Counter {
                encryption: encryption(),
                authentication: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[]),
                tag_bytes: 10,
            })),
        };
        let mut stream = [0; 48];
        apply(&encryption(), cipher.counter(Place { ssrc: 0, number: Number::Rtp(0) }), &mut stream);
        assert_eq!(
            stream.as_slice(),
            hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB \
                 41E95B3BB0A2E8DD477901E4FCA894C0")
        );
    }

    #[test]
    fn session_keys_are_those_of_rfc_3711_appendix_b_3() {
        let master = hex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
        let master = MasterKey::new(Suite::AesCm128HmacSha1_80, &master).expect("a key");
        assert_eq!(derived(&master, 0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(derived(&master, 2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(derived(&master, 1, 20), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }

    #[test]
    fn session_keys_of_256_bits_are_those_of_rfc_6188_section_7_4() {
        let master = hex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6 \
                          3b04803de51ee7c96423ab5b78d2");
        let master = MasterKey::new(Suite::AesCm256HmacSha1_80, &master).expect("a key");
        assert_eq!(
            derived(&master, 0, 32),
            hex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4")
        );
        assert_eq!(derived(&master, 2, 14), hex("fa31791685ca444a9e07c6c64e93"));
        assert_eq!(derived(&master, 1, 20), hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
    }

    #[test]
    fn a_packet_is_sealed_as_rfc_7714_section_16_1_1_does_it() {
        let mut salt = [0; SALT_BYTES];
        salt[..GCM_SALT_BYTES].copy_from_slice(&hex("51756964 2070726f 2071756f"));
        let key = galois_key(&aead::AES_128_GCM, &hex("000102030405060708090a0b0c0d0e0f"));
        let cipher = Cipher { salt, mode: Mode::Galois(key) };
        let mut packet =
            hex("8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 \
                              696e2070 61727465 73207472 6573");
        let plain = packet.clone();
        let place = Place { ssrc: 0x5501_a0b2, number: Number::Rtp(0xf17b) };
        let tag = cipher.seal(&mut packet, 12, place);
        let expected =
            hex("8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f \
                            42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce");
        assert_eq!([packet.as_slice(), &tag].concat(), expected);
        let mut out = vec![0; plain.len()];
        cipher.open(&packet, 12, place, &tag, &mut out).expect("authentic");
        assert_eq!(out, plain);
    }
}
