//! What our own master keys come from. It is wiped when it is dropped, and is never shown.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::cipher;
use super::keys::{MASTER_BYTES_MAX, MasterKey, Suite};

/// What a leg's own master keys are made of: the same ones each time, so that a re-INVITE changes none (RFC 4568 §7.1.4).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// From 256 bits that nobody can guess.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self(seed)
    }

    /// From the system's randomness.
    ///
    /// # Panics
    /// The system has none.
    #[must_use]
    pub fn random() -> Self {
        let mut seed = [0; 32];
        cipher::fill(&mut seed);
        Self(seed)
    }

    /// Our master key for a suite.
    pub(crate) fn master_key(&self, suite: Suite) -> MasterKey {
        let mut room = Zeroizing::new([0; MASTER_BYTES_MAX]);
        let bytes = &mut room[..suite.master_bytes()];
        cipher::expand(&self.0, suite, bytes);
        MasterKey::new(suite, bytes).expect("as long as the suite wants it")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}
