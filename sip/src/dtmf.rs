//! Digits in INFO bodies: `application/dtmf-relay` and `application/dtmf`, as no RFC says and every gateway does.

use std::time::Duration;

use crate::config::Body;

/// What a digit lasts when nobody says.
const USUAL: Duration = Duration::from_millis(160);
/// A longer one is believed to last this.
const LONGEST: Duration = Duration::from_secs(6);
/// Bytes of a body that are looked at.
const LOOKED_AT_BYTES: usize = 256;

/// The digit of an INFO, `0` to `9`, `*`, `#`, `A` to `D` or `!` (a hook flash), and how long it lasts.
///
/// ```
/// use std::time::Duration;
/// use trunkline_sip::{Body, dtmf_of};
/// let body = Body { content_type: "application/dtmf-relay".into(), bytes: "Signal= 5\r\nDuration= 200\r\n".into() };
/// assert_eq!(dtmf_of(&body), Some(('5', Duration::from_millis(200))));
/// ```
#[must_use]
pub fn dtmf_of(body: &Body) -> Option<(char, Duration)> {
    let kind = body.content_type.split(';').next().unwrap_or_default().trim_ascii();
    let bytes = &body.bytes[..body.bytes.len().min(LOOKED_AT_BYTES)];
    let text = str::from_utf8(bytes).ok()?;
    if kind.eq_ignore_ascii_case("application/dtmf-relay") {
        return relay(text);
    }
    kind.eq_ignore_ascii_case("application/dtmf").then(|| Some((digit(text)?, USUAL)))?
}

/// The body of an INFO that presses this key for so long, as gateways understand it.
#[must_use]
pub fn dtmf_info(digit: char, lasts: Duration) -> Body {
    let text = format!("Signal={digit}\r\nDuration={}\r\n", lasts.as_millis());
    Body { content_type: "application/dtmf-relay".into(), bytes: text.into() }
}

/// `Signal=5` and `Duration=160` on lines of their own, in any case and order, spaces about the `=` allowed.
fn relay(text: &str) -> Option<(char, Duration)> {
    let field = |name: &str| {
        let mut fields = text.split(['\r', '\n']).filter_map(|line| line.split_once('='));
        fields
            .find(|(found, _)| found.trim_ascii().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim_ascii())
    };
    let lasts = field("Duration").and_then(|ms| ms.parse().ok()).map_or(USUAL, Duration::from_millis);
    Some((digit(field("Signal")?)?, lasts.min(LONGEST)))
}

/// A digit, or the number of its event (RFC 4733 §3.2).
fn digit(text: &str) -> Option<char> {
    let text = text.trim_ascii();
    Some(match text {
        "10" => '*',
        "11" => '#',
        "12" => 'A',
        "13" => 'B',
        "14" => 'C',
        "15" => 'D',
        "16" => '!',
        _ => {
            let mut letters = text.chars();
            let letter = letters.next()?.to_ascii_uppercase();
            let is_digit = matches!(letter, '0'..='9' | '*' | '#' | 'A'..='D' | '!');
            (is_digit && letters.next().is_none()).then_some(letter)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: &str, text: &'static str) -> Option<(char, u128)> {
        let body = Body { content_type: content_type.to_owned(), bytes: text.into() };
        dtmf_of(&body).map(|(digit, lasts)| (digit, lasts.as_millis()))
    }

    #[test]
    fn what_we_press_is_read_as_it_was_pressed() {
        for digit in "0123456789*#ABCD".chars() {
            let lasts = Duration::from_millis(250);
            assert_eq!(dtmf_of(&dtmf_info(digit, lasts)), Some((digit, lasts)));
        }
    }

    #[test]
    fn relays_are_read_as_gateways_write_them() {
        for (text, wanted) in [
            ("Signal=5\r\nDuration=160", ('5', 160)),
            ("Signal= *\nDuration = 250\n", ('*', 250)),
            ("duration=100\r\nsignal=d\r\n", ('D', 100)),
            ("Signal=11\r\n", ('#', 160)),
            ("Signal=1\r\nDuration=4000000000\r\n", ('1', 6_000)),
            ("Signal=1\r\nDuration=x\r\n", ('1', 160)),
        ] {
            assert_eq!(read("application/dtmf-relay", text), Some(wanted), "{text:?}");
        }
    }

    #[test]
    fn a_bare_digit_is_read() {
        assert_eq!(read("Application/DTMF; x=y", " #\r\n"), Some(('#', 160)));
        assert_eq!(read("application/dtmf", "16"), Some(('!', 160)));
    }

    #[test]
    fn what_is_no_digit_is_none() {
        for text in ["", "Signal=", "Signal=55", "Signal=x", "Signal", "Duration=5", "Signal=17"] {
            assert_eq!(read("application/dtmf-relay", text), None, "{text:?}");
        }
        assert_eq!(read("application/dtmf", "55"), None);
        assert_eq!(read("application/sdp", "5"), None);
    }
}
