//! How messages find what they belong to. What we mint, branches and tags, says where its owner stands; what others mint is
//! hashed with a key of our own (RFC 3261 §17.1.3, §17.2.3).

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use rand::Rng;
use rand::rngs::StdRng;

use crate::arena::Key;
use crate::message::COOKIE;

/// A word we minted: who we are, where its owner stands, and 48 random bits that a stranger does not guess (§19.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Minted {
    pub shard: u8,
    pub key: Key,
    nonce: u64,
}

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// 8 + 32 + 32 + 48 bits, five to a letter.
const LETTERS: usize = 24;
const NONCE_BITS: u32 = 48;

impl Minted {
    pub fn new(shard: u8, key: Key, rng: &mut StdRng) -> Self {
        Self { shard, key, nonce: rng.random::<u64>() >> (u64::BITS - NONCE_BITS) }
    }

    pub fn letters(&self) -> Letters {
        let mut bits = u128::from(self.shard);
        bits = bits << 32 | u128::from(self.key.index);
        bits = bits << 32 | u128::from(self.key.generation);
        bits = bits << NONCE_BITS | u128::from(self.nonce);
        let mut letters = [0; LETTERS];
        for letter in letters.iter_mut().rev() {
            *letter = ALPHABET[(bits & 31) as usize];
            bits >>= 5;
        }
        Letters(letters)
    }

    /// Reads what `letters` wrote, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let text: &[u8; LETTERS] = text.as_bytes().try_into().ok()?;
        let mut bits: u128 = 0;
        for letter in text {
            let value = match letter.to_ascii_lowercase() {
                letter @ b'a'..=b'z' => letter - b'a',
                digit @ b'2'..=b'7' => digit - b'2' + 26,
                _ => return None,
            };
            bits = bits << 5 | u128::from(value);
        }
        Some(Self {
            nonce: (bits & ((1 << NONCE_BITS) - 1)) as u64,
            key: Key { generation: (bits >> NONCE_BITS) as u32, index: (bits >> (NONCE_BITS + 32)) as u32 },
            shard: (bits >> (NONCE_BITS + 64)) as u8,
        })
    }

    /// Reads a branch of ours.
    pub fn parse_branch(branch: &str) -> Option<Self> {
        Self::parse(strip_cookie(branch)?)
    }
}

/// The text of something minted.
#[derive(Clone, Copy)]
pub(crate) struct Letters([u8; LETTERS]);

impl Letters {
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the alphabet is ASCII")
    }
}

/// The number of the user agent that minted a branch or a tag: how a shell that drives several finds the right one.
#[must_use]
pub fn shard_of(branch_or_tag: &str) -> Option<u8> {
    Minted::parse(strip_cookie(branch_or_tag).unwrap_or(branch_or_tag)).map(|minted| minted.shard)
}

/// The branch without its magic cookie; `None` for a branch from before RFC 3261.
pub(crate) fn strip_cookie(branch: &str) -> Option<&str> {
    let (cookie, rest) = branch.split_at_checked(COOKIE.len())?;
    cookie.eq_ignore_ascii_case(COOKIE).then_some(rest)
}

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A keyed 128-bit hash: two messages share one only by a chance nobody can arrange.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Fingerprint(u64, u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Hashes with a secret, so that nobody can choose words that collide.
#[derive(Debug)]
pub(crate) struct Fingerprinter {
    secrets: [[u64; 2]; 2],
}

impl Fingerprinter {
    pub fn new(rng: &mut StdRng) -> Self {
        Self { secrets: rng.random() }
    }

    pub fn of(&self, words: &impl Hash) -> Fingerprint {
        let [first, second] = self.secrets.map(|secret| {
            let mut hasher = DefaultHasher::new();
            secret.hash(&mut hasher);
            words.hash(&mut hasher);
            hasher.finish()
        });
        Fingerprint(first, second)
    }
}

/// Passes a fingerprint through: it is a hash already.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Passthrough(u64);

impl Hasher for Passthrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 ^= word;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;

    use super::*;

    proptest! {
        #[test]
        fn what_is_minted_reads_back(shard: u8, index: u32, generation: u32, seed: u64) {
            let mut rng = StdRng::seed_from_u64(seed);
            let minted = Minted::new(shard, Key { index, generation }, &mut rng);
            let letters = minted.letters();
            prop_assert_eq!(Minted::parse(letters.as_str()), Some(minted));
            prop_assert_eq!(Minted::parse_branch(&format!("Z9HG4BK{}", letters.as_str())), Some(minted));
            prop_assert_eq!(shard_of(letters.as_str()), Some(shard));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = (Minted::parse(&text), Minted::parse_branch(&text), shard_of(&text));
        }
    }

    #[test]
    fn strangers_words_are_not_ours() {
        assert_eq!(Minted::parse_branch("z9hG4bK776asdhds"), None);
        assert_eq!(Minted::parse_branch("776asdhds"), None);
        assert_eq!(shard_of("ünïcödé-of-24-bytes"), None);
    }
}
