//! Bodies of several parts (RFC 2046 §5.1, RFC 3261 §7.4, RFC 5621): where the part is that describes the session. Knows nothing of
//! what any part says.

use memchr::{memchr, memmem::Finder};

use super::{Name, Params};

/// The session description of this kind in a body: all of it, if it is one, or one of its parts. None too if a part that nobody here
/// can read must not be ignored: then the body was not understood (RFC 3261 §20.11).
pub(crate) fn session_of<'a>(content_type: &str, body: &'a [u8], kind: &str) -> Option<&'a [u8]> {
    match find(content_type, body, kind, 0) {
        Found::Session(session) => Some(session),
        Found::Nothing | Found::Barred => None,
    }
}

/// Parts within parts are looked into this deep.
const DEPTH_MAX: usize = 3;
/// Parts of one body that are looked at.
const PARTS_MAX: usize = 16;
/// RFC 2046 §5.1.1.
const BOUNDARY_BYTES_MAX: usize = 70;
/// A head longer than this says nothing.
const HEAD_BYTES_MAX: usize = 4096;

/// What a body holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found<'a> {
    Session(&'a [u8]),
    Nothing,
    /// Something in it must be understood, and is not.
    Barred,
}

fn find<'a>(content_type: &str, body: &'a [u8], kind: &str, depth: usize) -> Found<'a> {
    let (essence, params) = content_type.split_once(';').unwrap_or((content_type, ""));
    let essence = essence.trim_ascii();
    if essence.eq_ignore_ascii_case(kind) {
        return Found::Session(body);
    }
    let Some((family, form)) = essence.split_once('/') else { return Found::Nothing };
    let boundary = Params::new(params).get("boundary").unwrap_or_default().trim_ascii_end();
    let is_usable = (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len());
    if !family.eq_ignore_ascii_case("multipart") || !is_usable || depth == DEPTH_MAX {
        return Found::Nothing;
    }
    // RFC 2046 §5.1.4: one of them is enough, and the last is the best.
    let is_choice = form.eq_ignore_ascii_case("alternative");
    let mut found = Found::Nothing;
    for part in parts(body, boundary).take(PARTS_MAX) {
        let (head, body) = split(part);
        let head = Head::parse(head);
        let held = match head.is_session {
            true => find(&head.content_type, body, kind, depth + 1),
            false => Found::Nothing,
        };
        match held {
            Found::Session(_) if is_choice || found == Found::Nothing => found = held,
            Found::Barred if !is_choice && !head.is_optional => return Found::Barred,
            Found::Nothing if !is_choice && head.is_required => return Found::Barred,
            Found::Session(_) | Found::Barred | Found::Nothing => {}
        }
    }
    found
}

/// What stands between the delimiter lines; the last part reaches to the end if none closes it.
fn parts<'a>(body: &'a [u8], boundary: &str) -> impl Iterator<Item = &'a [u8]> {
    let dashed = format!("--{boundary}");
    let finder = Finder::new(&dashed).into_owned();
    let mut rest = delimiter(&finder, body).and_then(|preamble| preamble.after);
    std::iter::from_fn(move || {
        let part = rest.take()?;
        let Some(end) = delimiter(&finder, part) else { return Some(part) };
        rest = end.after;
        Some(end.before)
    })
}

/// A delimiter line, and what is around it.
struct Delimiter<'a> {
    before: &'a [u8],
    /// None behind the one that closes them all.
    after: Option<&'a [u8]>,
}

/// The first delimiter line of `text`, whose beginning is that of a line. The line end before it is its own.
fn delimiter<'a>(dashed: &Finder<'_>, text: &'a [u8]) -> Option<Delimiter<'a>> {
    dashed.find_iter(text).find_map(|at| {
        let (before, line) = text.split_at(at);
        let ended = before.strip_suffix(b"\r\n").or(before.strip_suffix(b"\n"));
        let before = if before.is_empty() { before } else { ended? };
        let line = line.get(dashed.needle().len()..)?;
        let (tail, after) = match memchr(b'\n', line) {
            Some(end) => line.split_at(end + 1),
            None => (line, &line[line.len()..]),
        };
        match tail.trim_ascii() {
            b"" => Some(Delimiter { before, after: Some(after) }),
            b"--" => Some(Delimiter { before, after: None }),
            // A longer word that begins with ours.
            _ => None,
        }
    })
}

/// Head and body of a part, with an empty line between them; it may begin with that.
fn split(part: &[u8]) -> (&[u8], &[u8]) {
    let mut length = 0;
    for line in part.split_inclusive(|byte| *byte == b'\n') {
        length += line.len();
        if line.trim_ascii().is_empty() {
            break;
        }
    }
    part.split_at(length)
}

/// What the head of a part says.
struct Head {
    content_type: String,
    /// It is no `early-session` (RFC 3959), for one, and in no code that would have to be undone first.
    is_session: bool,
    is_required: bool,
    is_optional: bool,
}

impl Head {
    fn parse(head: &[u8]) -> Self {
        let head = if head.len() > HEAD_BYTES_MAX { &[] } else { head };
        let head = str::from_utf8(head).unwrap_or_default();
        let known = |known: Name| move |name: &str| Name::from_token(name) == known;
        let disposition = field(head, known(Name::ContentDisposition)).unwrap_or_default();
        let (intent, params) = disposition.split_once(';').unwrap_or((&disposition, ""));
        let intent = intent.trim_ascii();
        let handling = Params::new(params).get("handling").unwrap_or_default();
        let code = field(head, |name| name.eq_ignore_ascii_case("Content-Transfer-Encoding"));
        let is_plain =
            |code: &String| ["binary", "8bit", "7bit"].iter().any(|plain| code.eq_ignore_ascii_case(plain));
        Self {
            content_type: field(head, known(Name::ContentType)).unwrap_or_default(),
            is_session: (intent.is_empty() || intent.eq_ignore_ascii_case("session"))
                && code.as_ref().is_none_or(is_plain),
            // RFC 3261 §20.11 takes what is not said for required; but gateways that say nothing mean nothing by it.
            is_required: handling.eq_ignore_ascii_case("required"),
            is_optional: handling.eq_ignore_ascii_case("optional"),
        }
    }
}

/// The first field of that name, unfolded.
fn field(head: &str, is_it: impl Fn(&str) -> bool) -> Option<String> {
    let mut found: Option<String> = None;
    for line in head.lines() {
        let is_folded = line.starts_with([' ', '\t']);
        match &mut found {
            Some(value) if is_folded => {
                value.push(' ');
                value.push_str(line.trim_ascii());
            }
            Some(_) => break,
            None if is_folded => {}
            None => {
                let named = line.split_once(':').filter(|(name, _)| is_it(name.trim_ascii()));
                found = named.map(|(_, value)| value.trim_ascii().to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n";

    fn session(content_type: &str, body: &str) -> Option<String> {
        let found = session_of(content_type, body.as_bytes(), "application/sdp")?;
        Some(String::from_utf8_lossy(found).into_owned())
    }

    /// A body of these parts: a head each, and what it heads.
    fn of(parts: &[(&str, &str)]) -> String {
        let part = |(head, body): &(&str, &str)| format!("--b\r\n{head}\r\n\r\n{body}\r\n");
        format!("{}--b--\r\n", parts.iter().map(part).collect::<String>())
    }

    fn mixed(parts: &[(&str, &str)]) -> Option<String> {
        session("multipart/mixed;boundary=b", &of(parts))
    }

    const OURS: (&str, &str) = ("Content-Type: application/sdp", SDP);
    const ISUP: (&str, &str) = ("Content-Type: application/isup;version=itu-t92+", "\u{1}\u{2}--b\u{0}");

    #[test]
    fn a_description_stands_alone_or_beside_something_else() {
        for kind in ["application/sdp", "Application/SDP; charset=utf-8", " application/sdp ;x"] {
            assert_eq!(session(kind, SDP).as_deref(), Some(SDP), "{kind}");
        }
        for parts in [&[OURS][..], &[OURS, ISUP], &[ISUP, OURS], &[ISUP, OURS, ISUP]] {
            assert_eq!(mixed(parts).as_deref(), Some(SDP));
        }
        for (kind, parts) in
            [("application/isup", &[OURS][..]), ("multipart/mixed;boundary=b", &[ISUP]), ("", &[OURS])]
        {
            assert_eq!(session(kind, &of(parts)), None, "{kind}");
        }
    }

    #[test]
    fn delimiters_are_lines_and_their_line_end_is_no_part_of_the_description() {
        let kind = "multipart/mixed; boundary=\"b c;d\"";
        let inner = format!("Content-Type: application/sdp\r\n\r\n{SDP}--b c;dx\r\nx--b c;d\r\n");
        let body = format!("preamble\r\n--b c;d \t\r\n{inner}\r\n--b c;d--\r\nepilogue\r\n--b c;d\r\n\r\n");
        let all = format!("{SDP}--b c;dx\r\nx--b c;d\r\n");
        assert_eq!(session(kind, &body), Some(all.clone()));
        // Bare line feeds, no word at all of an end, and a head that begins on the next line.
        assert_eq!(session(kind, &body.replace('\r', "")), Some(all.replace('\r', "")));
        assert_eq!(
            session(kind, &format!("--b c;d\r\nc:\r\n application/sdp\r\n\r\n{SDP}")).as_deref(),
            Some(SDP)
        );
    }

    #[test]
    fn what_must_be_understood_and_is_not_bars_the_body() {
        let with = |head: &'static str| [OURS, (head, "?")];
        assert_eq!(mixed(&with("Content-Type: a/b\r\nContent-Disposition: signal;handling=required")), None);
        assert_eq!(
            mixed(&with("Content-Disposition: signal ;\r\n\tHandling = \"Required\"\r\nContent-Type: a/b")),
            None
        );
        for head in [
            "Content-Type: a/b\r\nContent-Disposition: signal;handling=optional",
            "Content-Type: a/b\r\nContent-Disposition: signal",
            "Content-Type: a/b\r\nX-Disposition: signal;handling=required",
        ] {
            assert_eq!(mixed(&with(head)).as_deref(), Some(SDP), "{head}");
        }
        let required =
            ("Content-Disposition: session;handling=required\r\nContent-Type: application/sdp", SDP);
        assert_eq!(mixed(&[ISUP, required]).as_deref(), Some(SDP));
    }

    #[test]
    fn only_what_is_meant_for_the_session_describes_it() {
        for head in [
            "Content-Type: application/sdp\r\nContent-Disposition: early-session;handling=optional",
            "Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64",
            " Content-Type: application/sdp",
            "",
        ] {
            assert_eq!(mixed(&[(head, "v=1"), OURS]).as_deref(), Some(SDP), "{head}");
            assert_eq!(mixed(&[(head, "v=1")]), None, "{head}");
        }
        assert_eq!(
            mixed(&[OURS, ("Content-Type: application/sdp", "v=1")]).as_deref(),
            Some(SDP),
            "the first"
        );
    }

    #[test]
    fn of_alternatives_the_last_that_is_understood_is_taken() {
        let choice = |parts: &[(&str, &str)]| session("multipart/Alternative;boundary=b", &of(parts));
        let foreign = ("Content-Type: a/b\r\nContent-Disposition: session;handling=required", "?");
        assert_eq!(choice(&[("Content-Type: application/sdp", "v=1"), OURS, foreign]).as_deref(), Some(SDP));
        assert_eq!(choice(&[foreign]), None);
    }

    #[test]
    fn parts_stand_within_parts_but_not_without_end() {
        let nest = |depth: usize| {
            (0..depth).fold((String::from("application/sdp"), String::from(SDP)), |(kind, body), level| {
                let outer = format!("--b{level}\r\nContent-Type: {kind}\r\n\r\n{body}\r\n--b{level}--");
                (format!("multipart/mixed;boundary=b{level}"), outer)
            })
        };
        for depth in 0..=10 {
            let (kind, body) = nest(depth);
            assert_eq!(session(&kind, &body).is_some(), depth <= DEPTH_MAX, "{depth}");
        }
    }

    #[test]
    fn what_has_no_end_of_parts_is_looked_at_in_part() {
        let many = |foreign: usize| -> Vec<(&str, &str)> {
            std::iter::repeat_n(ISUP, foreign).chain([OURS]).collect()
        };
        assert!(mixed(&many(PARTS_MAX - 1)).is_some() && mixed(&many(PARTS_MAX)).is_none());
        let long = format!("X: {}\r\nContent-Type: application/sdp", "x".repeat(HEAD_BYTES_MAX));
        assert_eq!(mixed(&[(&long, SDP)]), None);
        let boundary = "b".repeat(BOUNDARY_BYTES_MAX + 1);
        let body = of(&[OURS]).replace("--b", &format!("--{boundary}"));
        assert_eq!(session(&format!("multipart/mixed;boundary={boundary}"), &body), None);
        for kind in
            ["multipart/mixed", "multipart/mixed;boundary=", "multipart/mixed;boundary=\"", "multipart"]
        {
            assert_eq!(session(kind, &of(&[OURS])), None, "{kind}");
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(kind in "(multipart/(mixed|alternative);boundary=)?[ -~é\"]{0,8}", body: Vec<u8>) {
            session_of(&kind, &body, "application/sdp");
        }

        #[test]
        fn spoilt_parts_never_panic_and_what_is_found_was_there(
            lines in proptest::collection::vec(
                prop::sample::select(&[
                    "--b\r\n", "--b--\r\n", "--b", "--b\n", "\r\n", "\n", "--bb\r\n", "Content-Type: application/sdp\r\n",
                    "Content-Type: multipart/mixed;boundary=b\r\n", "c: multipart/alternative;\r\n boundary=\"b\"\r\n",
                    "Content-Disposition: session;handling=required\r\n", "Content-Disposition: é;handling=\r\n", " \r\n", "v=0\r\n", "\0",
                ][..]),
                0..60,
            ),
        ) {
            let body = lines.concat();
            if let Some(found) = session("multipart/mixed;boundary=b", &body) {
                prop_assert!(body.contains(&found));
            }
        }
    }
}
