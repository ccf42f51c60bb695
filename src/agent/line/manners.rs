//! How a shell deals with whoever talks from afar. Times and bounds, the pause between
//! two tries, and how leave is taken.

use std::time::Duration;

use super::event::Why;

/// What is said and heard goes in steps of this.
pub const TICK: Duration = Duration::from_millis(20);
/// Inputs that may wait; with fewer places than [`MAILBOX_KEPT`] left, digits are dropped.
pub const MAILBOX: usize = 64;
/// As above.
pub const MAILBOX_KEPT: usize = 8;
/// A WebSocket is asked so often whether somebody is there.
pub const PING_EVERY: Duration = Duration::from_secs(15);
/// It has so long to say anything at all.
pub const SILENT_MAX: Duration = Duration::from_secs(45);
/// How long it may leave unread what it was sent.
pub const UNREAD_MAX: Duration = Duration::from_secs(10);
/// Connections that may break and be made again in one call.
pub const RECONNECTIONS_MAX: u32 = 8;
/// How long a call that does not take the end of this is waited for.
pub const LAST_WORD: Duration = Duration::from_secs(5);
/// Pauses between tries.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The pause after so many tries in vain: longer each time, and never the same for two.
pub fn pause(tries: u32) -> Duration {
    let pause = PAUSE_MIN.saturating_mul(1 << tries.min(8)).min(PAUSE_MAX);
    pause.mul_f32(rand::random_range(0.75..1.25))
}

/// A WebSocket's close code (RFC 6455 §7.4.1) and reason.
pub fn farewell(why: Option<&Why>) -> (u16, &'static str) {
    match why {
        Some(Why::Protocol(_)) => (1002, "protocol error"),
        Some(Why::Gibberish) => (1007, "too many messages that cannot be read"),
        Some(Why::TooLong) => (1009, "a message over 1 MB"),
        Some(Why::Unresponsive | Why::NotReading) => (1008, "no sign of life"),
        _ => (1000, ""),
    }
}
