//! Collects every fault of a configuration, each at its key, and reads the values that several sections have.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::error::{ConfigError, Fault};
use super::source::{Origin, Source};
use crate::keyfile;

/// A call in a thousand seconds is the slowest pace.
const RATE_MIN: f64 = 0.001;
const RATE_MAX: f64 = 100_000.0;

/// A PEM file, in bytes: a chain is a few KiB, all of the web's CAs are a quarter of this.
const PEM_MAX: u64 = 1 << 20;

/// Collects faults.
pub struct Checker<'s> {
    source: &'s Source,
    faults: Vec<(Option<Origin>, Fault)>,
    /// Is PEM text itself written where the file names a file? Who asks over the API must not have files of the switch's read.
    pub is_inline: bool,
}

impl<'s> Checker<'s> {
    /// For the file.
    pub fn new(source: &'s Source) -> Self {
        Self { source, faults: Vec::new(), is_inline: false }
    }

    /// For an object that is not the file's.
    pub fn inline(source: &'s Source) -> Self {
        Self { source, faults: Vec::new(), is_inline: true }
    }

    /// What was found.
    pub fn into_faults(self) -> Vec<Fault> {
        self.faults.into_iter().map(|(_, fault)| fault).collect()
    }

    /// Notes a fault at this key.
    pub fn fault(&mut self, key: &str, reason: impl Into<String>) {
        self.faults.push((self.source.origin(key).cloned(), self.source.fault(key, reason)));
    }

    /// Notes a fault unless the condition holds.
    pub fn that(&mut self, key: &str, holds: bool, reason: impl FnOnce() -> String) {
        if !holds {
            self.fault(key, reason());
        }
    }

    /// The value, or `instead` with a fault noted; what stands in is never seen, since faults refuse the whole.
    pub fn or<T>(&mut self, key: &str, result: Result<T, String>, instead: T) -> T {
        result.unwrap_or_else(|reason| {
            self.fault(key, reason);
            instead
        })
    }

    /// The variable that has the switch's own key is no part of the tree.
    pub fn switch_key(&mut self) {
        let Some(Err(error)) = self.source.switch_key.as_deref().map(keyfile::parse) else { return };
        let place = keyfile::VARIABLE.to_owned();
        let fault = Fault { place: place.clone(), key: String::new(), reason: error.to_string() };
        self.faults.push((Some(Origin::Variable(place)), fault));
    }

    /// A path as the file means it (see [`Source::path`]).
    pub fn path(&self, text: &str) -> PathBuf {
        self.source.path(text)
    }

    /// A folder of ours.
    pub fn folder(&mut self, key: &str, text: &str) -> PathBuf {
        self.that(key, !text.trim().is_empty(), || "must not be empty".into());
        self.path(text)
    }

    /// What a file of certificates or keys holds, or the text itself where that is written.
    pub fn pem(&mut self, key: &str, text: &str) -> Option<Vec<u8>> {
        if self.is_inline {
            let fits = text.len() as u64 <= PEM_MAX;
            self.that(key, fits, || "is too long".into());
            return fits.then(|| text.as_bytes().to_vec());
        }
        let path = self.path(text);
        let mut bytes = Vec::new();
        let file = File::open(&path);
        match file.and_then(|file| file.take(PEM_MAX + 1).read_to_end(&mut bytes)) {
            Ok(length) if length as u64 > PEM_MAX => {
                self.fault(key, format!("`{}` is longer than {PEM_MAX} bytes", path.display()));
            }
            Ok(_) => return Some(bytes),
            Err(error) => self.fault(key, format!("`{}` cannot be read: {error}", path.display())),
        }
        None
    }

    /// A whole number of seconds within bounds.
    pub fn seconds(&mut self, key: &str, value: u64, bounds: RangeInclusive<u64>) -> Duration {
        self.that(key, bounds.contains(&value), || {
            format!("must be {} to {} seconds, not {value}", bounds.start(), bounds.end())
        });
        Duration::from_secs(value)
    }

    /// A limit, which cannot be zero: what must not happen at all is disabled, not limited.
    pub fn limit(&mut self, key: &str, value: Option<u32>) -> Option<u32> {
        self.that(key, value != Some(0), || "must be at least 1; leave it out for no limit".into());
        value
    }

    /// A rate a second.
    pub fn rate(&mut self, key: &str, value: Option<f64>) -> Option<f64> {
        let valid = value.is_none_or(|rate| (RATE_MIN..=RATE_MAX).contains(&rate));
        self.that(key, valid, || {
            format!("must be {RATE_MIN} to {RATE_MAX} calls a second; leave it out for no limit")
        });
        value
    }

    /// A prefix of numbers in E.164 form.
    pub fn prefix(&mut self, key: &str, text: &str) {
        let digits = text.strip_prefix('+').unwrap_or_default();
        let valid = (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        self.that(key, valid, || format!("`{text}` is not a prefix such as \"+44\""));
    }

    /// What was checked, if nothing was found; else all faults, in the file's order.
    pub fn finish<T>(mut self, checked: T) -> Result<T, ConfigError> {
        if self.faults.is_empty() {
            return Ok(checked);
        }
        self.faults.sort_by(|(a, _), (b, _)| a.cmp(b));
        Err(ConfigError { faults: self.faults.into_iter().map(|(_, fault)| fault).collect() })
    }
}

/// Networks, or addresses. `path` is their key.
pub fn networks(path: &str, texts: &[String], check: &mut Checker<'_>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match network(text) {
            Ok(network) => networks.push(network),
            Err(reason) => check.fault(&format!("{path}[{index}]"), reason),
        }
    }
    networks
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| format!("`{text}` is neither an address nor a network such as \"10.0.0.0/8\""))
}
