//! What a case did.

use std::fmt::{self, Write as _};

/// What one case did, to be read after a failure.
#[derive(Default)]
pub struct Transcript(String);

/// The most of a transcript that is kept: the end matters.
const TRANSCRIPT_MAX_BYTES: usize = 4 * 1024 * 1024;

impl Transcript {
    /// A step that is no message.
    pub fn step(&mut self, what: std::fmt::Arguments<'_>) {
        if self.0.len() < TRANSCRIPT_MAX_BYTES {
            let _ = writeln!(self.0, "## {what}");
        }
    }

    /// Bytes, in a form that can be read and had back.
    pub fn bytes(&mut self, what: &str, bytes: &[u8]) {
        if self.0.len() < TRANSCRIPT_MAX_BYTES {
            let _ = writeln!(self.0, "## {what}, {} bytes\n{}", bytes.len(), bytes.escape_ascii());
        }
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}
