//! A telephone number in E.164 form, and its masked form for logs.

use std::fmt;
use std::str::FromStr;

/// `^\+[1-9]\d{1,14}$`, and nothing is guessed: a number that is in no numbering plan is still a number.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PhoneNumber(Box<str>);

/// The text is not E.164.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a number in E.164 form: `+`, then 2 to 15 digits of which the first is not 0")]
pub struct InvalidPhoneNumber;

impl PhoneNumber {
    /// With its `+`, as SIP and HTTP write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without its `+`.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }
}

impl FromStr for PhoneNumber {
    type Err = InvalidPhoneNumber;

    fn from_str(text: &str) -> Result<Self, InvalidPhoneNumber> {
        match text.as_bytes() {
            [b'+', b'1'..=b'9', rest @ ..]
                if (1..=14).contains(&rest.len()) && rest.iter().all(u8::is_ascii_digit) =>
            {
                Ok(Self(text.into()))
            }
            _ => Err(InvalidPhoneNumber),
        }
    }
}

/// Masked: the country's side stays readable and the subscriber's does not. `{}` is what logs get; the number itself
/// is had by [`PhoneNumber::as_str`] alone, so that a log line cannot leak it by accident.
impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = (self.0.len() / 2).min(5);
        write!(f, "{}{}", &self.0[..shown], "*".repeat(self.0.len() - shown))
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e164_and_nothing_more() {
        for good in ["+12", "+447386172392", "+15551234567", "+123456789012345"] {
            assert!(good.parse::<PhoneNumber>().is_ok(), "{good}");
        }
        for bad in
            ["", "+", "+1", "07386172392", "+0123", "+1234567890123456", "+44 7386", "+44٣", "447386172392"]
        {
            assert_eq!(bad.parse::<PhoneNumber>(), Err(InvalidPhoneNumber), "{bad}");
        }
    }

    #[test]
    fn a_log_line_shows_no_subscriber() {
        let number: PhoneNumber = "+447386172392".parse().expect("valid");
        assert_eq!(format!("{number} {number:?}"), "+4473******** +4473********");
    }
}
