//! A time zone of the IANA database, known by its name.

use std::fmt;
use std::str::FromStr;

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// A zone that the bundled database knows. Displays as its name (`Europe/London`).
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A name that is in no edition of the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an IANA time zone, such as Europe/London")]
pub struct UnknownZone;

/// A campaign's zone when neither it nor its agent has one (seed 001).
const DEFAULT: &str = "Europe/London";
/// The longest name of the database has 32 bytes.
const NAME_BYTES_MAX: usize = 64;

impl Zone {
    /// Its rules.
    pub const fn rules(&self) -> &TimeZone {
        &self.0
    }

    /// `Europe/London`.
    pub fn name(&self) -> &str {
        self.0.iana_name().expect("only zones with a name are made")
    }
}

impl Default for Zone {
    fn default() -> Self {
        DEFAULT.parse().expect("the bundled database has it")
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        if text.len() > NAME_BYTES_MAX {
            return Err(UnknownZone);
        }
        // The machine's own edition is newer, and may lack names.
        let rules = TimeZone::get(text).or_else(|_| TimeZoneDatabase::bundled().get(text));
        let rules = rules.map_err(|_| UnknownZone)?;
        rules.iana_name().is_some().then(|| Self(rules.clone())).ok_or(UnknownZone)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_database_are_zones() {
        for name in ["Europe/London", "Asia/Dubai", "America/New_York", "UTC"] {
            assert_eq!(name.parse::<Zone>().map(|zone| zone.to_string()).as_deref(), Ok(name));
        }
        for name in ["", "London", "Europe/Lundon", "GMT+25", "EST5EDT,M3.2.0,M11.1.0", "../UTC", "Local\0"] {
            assert_eq!(name.parse::<Zone>(), Err(UnknownZone), "{name}");
        }
        assert_eq!(Zone::default().name(), "Europe/London");
    }
}
