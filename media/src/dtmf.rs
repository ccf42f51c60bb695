//! Telephone events (RFC 4733).

use std::str::FromStr;

/// Digits to send: `0-9 * # A-D`, and `,` or `w` for half a second of pause; at most [`Digits::MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits(());

impl Digits {
    /// Longest accepted string.
    pub const MAX: usize = 64;
}

/// The string held something that is no digit, nothing at all, or too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("digits must be 1 to 64 of 0-9 * # A-D , w")]
pub struct InvalidDigits;

impl FromStr for Digits {
    type Err = InvalidDigits;
    fn from_str(_digits: &str) -> Result<Self, InvalidDigits> {
        todo!()
    }
}
