//! Messages in a stream of bytes (RFC 3261 §18.3): a head up to its empty line, and as many bytes of body as its Content-Length
//! says. Sans-IO. Reads no more of a message than it must.

use bytes::{Bytes, BytesMut};
use memchr::memchr;

/// What stands in a stream.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Frame {
    /// A whole message.
    Message(Bytes),
    /// An empty line between messages: two are a ping, one is a pong (RFC 5626 §3.5.1).
    Blank,
}

/// Why no further message can be found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Broken(pub &'static str);

/// The longest head.
pub(crate) const HEAD_MAX_BYTES: usize = 64 * 1024;
/// The longest body.
pub(crate) const BODY_MAX_BYTES: usize = 64 * 1024;

/// Takes a stream apart.
#[derive(Default)]
pub(crate) struct Framer {
    buffer: BytesMut,
    /// How much of the head was looked through already, so that a slow sender costs no more than a fast one.
    scanned: usize,
    /// The length of the message whose head is read.
    whole: Option<usize>,
}

impl Framer {
    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether a message has begun and not ended.
    pub fn is_amid(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next frame, once it is there. After an error the stream cannot be read any further.
    pub fn next(&mut self) -> Result<Option<Frame>, Broken> {
        let whole = match self.whole {
            Some(whole) => whole,
            None => match self.buffer.first() {
                None | Some(b'\r') if self.buffer.len() < 2 => return Ok(None),
                Some(b'\r' | b'\n') => return self.blank().map(Some),
                // The first byte of a request is its method's, that of a response is an S.
                Some(first) if !first.is_ascii_graphic() => {
                    return Err(Broken("a message begins with no letter"));
                }
                _ => match self.head()? {
                    Some(whole) => whole,
                    None => return Ok(None),
                },
            },
        };
        self.whole = Some(whole);
        if self.buffer.len() < whole {
            return Ok(None);
        }
        (self.whole, self.scanned) = (None, 0);
        Ok(Some(Frame::Message(self.buffer.split_to(whole).freeze())))
    }

    fn blank(&mut self) -> Result<Frame, Broken> {
        let length = if self.buffer.starts_with(b"\n") { 1 } else { 2 };
        if length == 2 && !self.buffer.starts_with(b"\r\n") {
            return Err(Broken("a CR without its LF"));
        }
        let _ = self.buffer.split_to(length);
        Ok(Frame::Blank)
    }

    /// The length of the message, once its head has ended.
    fn head(&mut self) -> Result<Option<usize>, Broken> {
        while let Some(at) = memchr(b'\n', &self.buffer[self.scanned..]) {
            let next = self.scanned + at + 1;
            let rest = &self.buffer[next..];
            let end = match rest {
                [b'\n', ..] => next + 1,
                [b'\r', b'\n', ..] => next + 2,
                // Perhaps the empty line has begun: this line's end is looked at again.
                [] | [b'\r'] => break,
                _ => {
                    self.scanned = next;
                    continue;
                }
            };
            if end > HEAD_MAX_BYTES {
                return Err(TOO_LONG);
            }
            return Ok(Some(end + content_length(&self.buffer[..end])?));
        }
        if self.buffer.len() > HEAD_MAX_BYTES { Err(TOO_LONG) } else { Ok(None) }
    }
}

const TOO_LONG: Broken = Broken("a head of more than 64 KB");

/// The Content-Length of a head. Over a stream it is mandatory (§20.14), and whoever sends two different ones wants a
/// message smuggled in.
fn content_length(head: &[u8]) -> Result<usize, Broken> {
    let mut found: Option<usize> = None;
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).skip(1).peekable();
    while let Some(line) = lines.next() {
        let Some(colon) = memchr(b':', line) else { continue };
        let name = line[..colon].trim_ascii();
        if !name.eq_ignore_ascii_case(b"Content-Length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let mut value = line[colon + 1..].trim_ascii();
        // A continuation line (§7.3.1).
        while let Some(more) = lines.next_if(|line| matches!(line.first(), Some(b' ' | b'\t'))) {
            if !more.trim_ascii().is_empty() {
                value = if value.is_empty() { more.trim_ascii() } else { return Err(NO_NUMBER) };
            }
        }
        let length = number(value).ok_or(NO_NUMBER)?;
        if length > BODY_MAX_BYTES {
            return Err(Broken("a body of more than 64 KB"));
        }
        if found.replace(length).is_some_and(|other| other != length) {
            return Err(Broken("two Content-Lengths"));
        }
    }
    found.ok_or(Broken("a message without Content-Length"))
}

const NO_NUMBER: Broken = Broken("a Content-Length that is no number");

fn number(digits: &[u8]) -> Option<usize> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(pieces: &[&[u8]]) -> (Vec<Frame>, Option<Broken>) {
        let (mut framer, mut frames) = (Framer::default(), Vec::new());
        for piece in pieces {
            framer.push(piece);
            loop {
                match framer.next() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(broken) => return (frames, Some(broken)),
                }
            }
        }
        (frames, None)
    }

    fn message(body: &[u8], ending: &str, name: &str) -> Vec<u8> {
        let head = ["OPTIONS sip:a SIP/2.0", "Via: x", &format!("{name}{}", body.len()), "To: y", "", ""];
        [head.join(ending).as_bytes(), body].concat()
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let body = proptest::collection::vec(any::<u8>(), 0..40);
        let name = prop_oneof![
            Just("Content-Length: "),
            Just("l:"),
            Just("CONTENT-LENGTH  :  "),
            Just("Content-Length:\r\n  ")
        ];
        prop_oneof![
            4 => (body, prop_oneof![Just("\r\n"), Just("\n")], name)
                .prop_map(|(body, ending, name)| message(&body, ending, name)),
            1 => Just(b"\r\n".to_vec()),
            1 => Just(b"\r\n\r\n".to_vec()),
        ]
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_messages(
            stream in proptest::collection::vec(piece(), 0..6).prop_map(|pieces| pieces.concat()),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            let whole = frames(&[&stream]);
            prop_assert_eq!(&whole.1, &None);
            prop_assert_eq!(&frames(&pieces), &whole);
            prop_assert_eq!(&frames(&bytes), &whole);
            let back: Vec<u8> = whole.0.iter().flat_map(|frame| match frame {
                Frame::Message(message) => message.to_vec(),
                Frame::Blank => b"\r\n".to_vec(),
            }).collect();
            prop_assert_eq!(back, stream);
        }

        #[test]
        fn noise_is_survived_and_broken_alike_however_it_is_cut(noise: Vec<u8>, cut: prop::sample::Index) {
            let cut = cut.index(noise.len() + 1);
            let (whole, halves) = (frames(&[&noise]), frames(&[&noise[..cut], &noise[cut..]]));
            prop_assert_eq!(whole, halves);
        }
    }

    #[test]
    fn what_has_no_end_is_refused() {
        let refused = |stream: &[u8]| frames(&[stream]).1.map(|Broken(why)| why);
        let head = |line: &str| format!("OPTIONS sip:a SIP/2.0\r\n{line}\r\n\r\n").into_bytes();
        assert_eq!(refused(&head("To: x")), Some("a message without Content-Length"));
        assert_eq!(refused(&head("Content-Length: -1")), Some("a Content-Length that is no number"));
        assert_eq!(refused(&head("Content-Length: 1\r\n 2")), Some("a Content-Length that is no number"));
        assert_eq!(refused(&head("l: 99999999999999999999999")), Some("a Content-Length that is no number"));
        assert_eq!(refused(&head("l: 65537")), Some("a body of more than 64 KB"));
        assert_eq!(refused(&head("l: 1\r\nContent-Length: 2")), Some("two Content-Lengths"));
        assert_eq!(refused(&head("l: 0\r\nContent-Length: 0")), None);
        assert_eq!(refused(&[0x16, 3, 1, 0, 200]), Some("a message begins with no letter"));
        assert_eq!(refused(b"\rX"), Some("a CR without its LF"));
        assert_eq!(refused(&[b'X'; HEAD_MAX_BYTES + 1]), Some("a head of more than 64 KB"));
        assert_eq!(refused(&"X: y\r\n".repeat(20_000).into_bytes()), Some("a head of more than 64 KB"));
    }
}
