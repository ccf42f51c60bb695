//! Identifiers. One integer below 2^53 per call, so that every face can render it and JavaScript can hold it.

use std::fmt;
use std::str::FromStr;

/// A call. Below 2^53; given out from blocks leased from the store, never from a clock.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CallId(u64);

/// The first value that is no longer exact in an IEEE double, the number type of JSON's readers.
const LIMIT: u64 = 1 << 53;

impl CallId {
    /// `None` for zero and for values that a JSON number cannot carry exactly.
    pub const fn new(value: u64) -> Option<Self> {
        if value == 0 || value >= LIMIT { None } else { Some(Self(value)) }
    }

    /// The integer.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// `CA` and 32 hexadecimal digits: the rendering of Nixflex and Twilio.
    pub fn ca(self) -> String {
        format!("CA{:032x}", self.0)
    }

    /// `RE` and 32 hexadecimal digits: its recording's, as Twilio names it.
    pub fn re(self) -> String {
        format!("RE{:032x}", self.0)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads every rendering: `CA…` with 32 hexadecimal digits, `call_…` with decimal ones, or the integer alone.
impl FromStr for CallId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let value = match (text.strip_prefix("CA"), text.strip_prefix("call_")) {
            (Some(hex), _) if hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
                u128::from_str_radix(hex, 16).ok().and_then(|wide| u64::try_from(wide).ok())
            }
            (None, Some(decimal)) => digits(decimal),
            (None, None) => digits(text),
            _ => None,
        };
        value.and_then(Self::new).ok_or(())
    }
}

/// Decimal digits and nothing else: `u64::from_str` would also take a sign.
fn digits(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

macro_rules! small_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

small_ids! {
    /// A tenant. Objects declared in the configuration file belong to tenant 1.
    TenantId,
    /// An agent. Shares one id space with [`NumberId`].
    AgentId,
    /// A telephone number of ours.
    NumberId,
    /// A trunk.
    TrunkId,
    /// An API key.
    KeyId,
    /// An application.
    ApplicationId,
    /// A receiver of events.
    WebhookEndpointId,
    /// A person who takes calls in a browser.
    PersonId,
}

impl ApplicationId {
    /// `app_` and the integer, as MiniVoice renders it.
    pub fn render(self) -> String {
        format!("app_{}", self.0)
    }
}

impl AgentId {
    /// `agent_` and 16 hexadecimal digits, as Nixflex renders it.
    pub fn render(self) -> String {
        format!("agent_{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rendering_reads_back() {
        let id = CallId::new(0x1f_ffff_ffff_ffff - 1).expect("below 2^53");
        assert_eq!(id.ca().parse(), Ok(id));
        assert_eq!(format!("call_{id}").parse(), Ok(id));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["", "0", "-1", "+1", "CA", "CA12", "call_", "call_+7", "outbound", "9007199254740992"] {
            assert_eq!(text.parse::<CallId>(), Err(()), "{text}");
        }
        assert_eq!(format!("CA{}", "f".repeat(32)).parse::<CallId>(), Err(()));
    }
}
