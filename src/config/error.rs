//! What is wrong with a configuration: every fault with its place, its key and its reason.

use std::fmt;

/// All the faults that were found; displayed one a line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct ConfigError {
    /// In the file's order, then by variable.
    pub faults: Vec<Fault>,
}

/// One fault: `trunkline.toml:12: trunk[0].uri: reason`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// `file:line`, the file alone, or the environment variable.
    pub place: String,
    /// The key's path, empty where there is none (a syntax error, an unreadable file).
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            return write!(f, "{}: {}", self.place, self.reason);
        }
        write!(f, "{}: {}: {}", self.place, self.key, self.reason)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}
