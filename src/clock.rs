//! What the calendar says, for the shells that stamp rows and requests. Cores are told.
#![expect(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]

use std::time::SystemTime;

use crate::model::Timestamp;

/// Now, by the calendar.
pub fn wall_now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
