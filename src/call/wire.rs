//! SIP messages in the log, for whoever asks for them: `[log] filter = "info,trunkline_sip=trace"`. What may be read there is the start
//! line and the headers, on one line: whom they name is masked as everywhere in the log, and what is neither known to be harmless nor
//! an address (credentials, identities, headers of somebody's own) is only named. A body is not shown: it holds keys. Users that are
//! no numbers are shown: trunks are told apart by them. What a carrier writes to us is shown unasked.

use std::borrow::Cow;
use std::fmt::Write;

use tracing::Level;
use trunkline_sip::{Body, Path};

use crate::model::masked;

/// What the log's filter calls these lines.
const TARGET: &str = "trunkline_sip";

/// Headers that are shown as they are, in their long and short forms.
const SHOWN: &str = "accept allow allow-events c call-id content-disposition content-length content-type cseq date event expires i k l \
                     max-forwards min-expires min-se o privacy proxy-authenticate proxy-require rack reason require retry-after \
                     rseq server session-expires subscription-state supported timestamp unsupported user-agent v via warning \
                     www-authenticate x";
/// Headers that name somebody.
const MASKED: &str = "b contact diversion f from history-info m p-asserted-identity p-called-party-id p-charge-info \
                      p-preferred-identity path r record-route refer-to referred-by remote-party-id route service-route t to";
/// Of a text so much is shown, in characters.
const TEXT_MAX: usize = 200;

/// A message came.
pub fn received(path: &Path, message: &[u8]) {
    if tracing::enabled!(target: TARGET, Level::TRACE) {
        let (from, transport) = (path.remote, path.protocol);
        tracing::trace!(target: TARGET, %from, ?transport, "received {}", head(message));
    }
}

/// A message leaves.
pub fn sent(path: &Path, message: &[u8]) {
    if tracing::enabled!(target: TARGET, Level::TRACE) {
        let (to, transport) = (path.remote, path.protocol);
        tracing::trace!(target: TARGET, %to, ?transport, "sent {}", head(message));
    }
}

/// A carrier wrote to us (RFC 3428). There is nobody else to show it to, and it may be that the account runs dry.
pub fn wrote(from: &str, body: Option<&Body>) {
    let text = body.map(|body| String::from_utf8_lossy(&body.bytes)).unwrap_or_default();
    let text: String = text.chars().take(TEXT_MAX).collect();
    tracing::info!(from = &*Manner::Masked.shown(from), text = &*masked(&text), "a carrier sent a message");
}

/// Start line and headers as they may be read.
fn head(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let mut lines =
        text.split('\n').map(|line| line.trim_end_matches('\r')).take_while(|line| !line.is_empty());
    let mut head = masked(&without_passwords(lines.next().unwrap_or_default(), &[' '])).into_owned();
    for (name, value) in headers(lines) {
        let _ = write!(head, " | {name}: {}", Manner::of(name).shown(&value));
    }
    // What comes from a wire forges no line.
    head.replace(char::is_control, "·")
}

/// Names and values. A line that begins with a space goes on with the header above it (RFC 3261 §7.3.1), and where there is none,
/// with one that has no name.
fn headers<'m>(lines: impl Iterator<Item = &'m str>) -> Vec<(&'m str, String)> {
    let mut headers: Vec<(&str, String)> = Vec::new();
    for line in lines {
        match headers.last_mut() {
            Some((_, value)) if line.starts_with([' ', '\t']) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            None if line.starts_with([' ', '\t']) => headers.push(("", line.trim().to_owned())),
            _ => {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                headers.push((name.trim(), value.trim().to_owned()));
            }
        }
    }
    headers
}

/// What is shown of a header.
#[derive(Clone, Copy)]
enum Manner {
    Whole,
    Masked,
    Named,
}

impl Manner {
    fn of(name: &str) -> Self {
        let is_in = |names: &str| names.split(' ').any(|known| known.eq_ignore_ascii_case(name));
        match (is_in(SHOWN), is_in(MASKED)) {
            (true, _) => Self::Whole,
            (_, true) => Self::Masked,
            _ => Self::Named,
        }
    }

    fn shown(self, value: &str) -> Cow<'_, str> {
        match self {
            Self::Whole => value.into(),
            Self::Masked => masked(&nameless(value)).into_owned().into(),
            Self::Named => "…".into(),
        }
    }
}

/// An address, or several, without the names that stand before `<`, whatever is quoted, and passwords. What is not closed is not
/// shown.
fn nameless(text: &str) -> String {
    let mut shown = String::new();
    // Where what may turn out to be a name begins.
    let mut name = Some(0);
    let (mut in_uri, mut in_quotes, mut is_escaped) = (false, false, false);
    for c in text.chars() {
        if in_quotes {
            in_quotes = is_escaped || c != '"';
            is_escaped = c == '\\' && !is_escaped;
            continue;
        }
        match c {
            '"' => {
                in_quotes = true;
                shown.push_str("\"…\"");
                continue;
            }
            '<' => {
                in_uri = true;
                let start = name.take().unwrap_or(shown.len());
                if !shown[start..].trim().is_empty() {
                    shown.truncate(start);
                    shown.push_str(if start == 0 { "… " } else { " … " });
                }
            }
            '>' => in_uri = false,
            _ => {}
        }
        shown.push(c);
        if c == ',' && !in_uri {
            name = Some(shown.len());
        }
    }
    without_passwords(&shown, &[' ', ','])
}

/// Without what stands between a user and its host (RFC 3261 §19.1.1). Outside of brackets an address ends with one of these, within
/// them a comma is part of it (§20.10).
fn without_passwords(text: &str, ends: &[char]) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('@') {
        let bracket = before.rfind('<').filter(|at| !before[*at..].contains('>'));
        let start = bracket.or_else(|| before.rfind(ends)).map_or(0, |at| at + 1);
        let mut colons = before[start..].match_indices(':').map(|(at, _)| start + at);
        // The scheme's, and the one that a password follows.
        match colons.nth(1) {
            Some(at) => {
                shown.push_str(&before[..=at]);
                shown.push('…');
            }
            None => shown.push_str(before),
        }
        shown.push('@');
        rest = after;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:+447386172392@192.0.2.2:50600;user=phone SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1234567890\r\n\
        From: \"+447446466847\" <sip:+447446466847@192.0.2.1>;tag=1234567890\r\n\
        t: <tel:07386172392>\r\nCall-ID: 1234567890@a\r\nCSeq: 314159 INVITE\r\n\
        Proxy-Authorization: Digest username=\"ann\",\r\n response=\"secret\"\r\n\
        Identity: eyJ.secret.sig;info=<https://c.example/c.pem>\r\nX-Prompt: secret\r\n\
        Contact: <sip:192.0.2.1:5060>\r\nContent-Length: 12\r\n\r\na=crypto:secret";

    #[test]
    fn a_message_is_one_line_that_names_nobody_and_holds_no_secret() {
        let shown = head(INVITE.as_bytes());
        for part in [
            "INVITE sip:+4473********@192.0.2.2:50600;user=phone SIP/2.0 | Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1234567890 | ",
            "| From: … <sip:+4474********@192.0.2.1>;tag=1234567890 |",
            "| t: <tel:0738*******> | Call-ID: 1234567890@a | CSeq: 314159 INVITE |",
            "| Proxy-Authorization: … | Identity: … | X-Prompt: … |",
            "| Contact: <sip:192.0.2.1:5060> | Content-Length: 12",
        ] {
            assert!(shown.contains(part), "{part}\n{shown}");
        }
        for hidden in ["secret", "7386172392", "7446466847", "crypto", "\n"] {
            assert!(!shown.contains(hidden), "{hidden}\n{shown}");
        }
    }

    #[test]
    fn nobodys_name_nor_password_nor_number_with_separators_is_shown() {
        for (value, shown) in [
            ("<tel:+1-201-555-0123>", "<tel:+1-201*********>"),
            ("tel:+1(201)555-0123;tag=4711471147", "tel:+1(201*********;tag=4711471147"),
            ("\"Ann \\\" Smith, <x>\" <sip:ann@h>", "… <sip:ann@h>"),
            ("Ann Smith <sip:ann@h>;a=b, Bob <sip:bob@h>", "… <sip:ann@h>;a=b, … <sip:bob@h>"),
            ("<sip:ann:secret@h:5060>;note=\"Ann, <y>\"", "<sip:ann:…@h:5060>;note=\"…\""),
            ("sip:ann:se:cret@192.0.2.1", "sip:ann:…@192.0.2.1"),
            ("<sip:ann@ip-10-20-30-40.c.example>", "<sip:ann@ip-10-20-30-40.c.example>"),
            ("<sip:ip-10-20-30-40.c.example;lr>", "<sip:ip-10-20-30-40.c.example;lr>"),
            ("<sip:1-201-555-0123@h>", "<sip:1-201*********@h>"),
            ("<sip:ann:sec,ret@h>", "<sip:ann:…@h>"),
            ("<sip:ann,x:secret@h>, <sip:bob:secret@h>", "<sip:ann,x:…@h>, <sip:bob:…@h>"),
            ("sip:ann@h, sip:bob:secret@h", "sip:ann@h, sip:bob:…@h"),
            ("\"Ann\r\n Smith\" <sip:ann@h>", "… <sip:ann@h>"),
            ("Ann\r\n\tSmith <sip:ann@h>", "… <sip:ann@h>"),
            (
                "<sip:[2001:db8::1]:5060;lr>, sip:192.0.2.1:5060",
                "<sip:[2001:db8::1]:5060;lr>, sip:192.0.2.1:5060",
            ),
            ("\"Ann", "\"…\""),
            ("*", "*"),
        ] {
            assert_eq!(head(format!("A\r\nt: {value}\r\n").as_bytes()), format!("A | t: {shown}"));
        }
        assert_eq!(
            head(b"INVITE sip:ann:sec,ret@h SIP/2.0\r\n secret\r\n"),
            "INVITE sip:ann:…@h SIP/2.0 | : …"
        );
    }

    #[test]
    fn what_comes_from_a_wire_forges_no_line_and_breaks_nothing() {
        assert_eq!(
            head(b"OPTIONS sip:a SIP/2.0\rforged\r\nTo: \xff\r\n\r\n"),
            "OPTIONS sip:a SIP/2.0·forged | To: \u{fffd}"
        );
        for odd in [&b""[..], b"\r\n", b"\0\0", b" : : :\r\n \r\n", "é1234567".as_bytes()] {
            let _ = head(odd);
        }
    }
}
