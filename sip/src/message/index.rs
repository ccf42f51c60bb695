//! The byte index: where each line of a message's head stands. One pass, no allocation for usual messages. Knows no grammar
//! but that of lines (RFC 3261 §7).

use memchr::memchr;
use smallvec::SmallVec;

use super::name::Name;
use super::parse_error::ParseError;

/// The longest message: a UDP datagram cannot be longer, and offsets fit 16 bits.
pub(super) const MESSAGE_MAX_BYTES: usize = 65_535;
/// The most header fields of one message.
pub(super) const HEADERS_MAX: usize = 128;
/// The longest line, continuation lines included.
pub(super) const LINE_MAX_BYTES: usize = 16 * 1024;
/// Headers that need no allocation; a message with a long route has about 25.
const HEADERS_INLINE: usize = 24;

/// A stretch of the head.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Span {
    start: u16,
    end: u16,
}

impl Span {
    /// Offsets beyond 65,535 cannot arise: [`MESSAGE_MAX_BYTES`] is checked before anything is indexed.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u16, end: end as u16 }
    }

    /// The stretch `from..to` of this one.
    pub fn part(&self, from: usize, to: usize) -> Self {
        Self::new(self.start as usize + from, self.start as usize + to)
    }

    pub fn of<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The head is valid UTF-8 and spans end at ASCII characters, so this never falls back to the empty string.
    pub fn str<'a>(&self, text: &'a [u8]) -> &'a str {
        str::from_utf8(self.of(text)).unwrap_or_default()
    }
}

/// One header field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub name: Name,
    name_start: u16,
    value: Span,
}

impl Field {
    pub fn value<'a>(&self, text: &'a [u8]) -> &'a str {
        self.value.str(text)
    }

    /// The name as it was written, without the space that may stand before the colon.
    pub fn token<'a>(&self, text: &'a [u8]) -> &'a str {
        let line = Span { start: self.name_start, end: self.value.start }.str(text);
        line.split(':').next().unwrap_or_default().trim_ascii()
    }
}

/// Where everything is.
#[derive(Clone, Debug)]
pub(super) struct Index {
    pub start_line: Span,
    pub fields: SmallVec<[Field; HEADERS_INLINE]>,
    /// The end of the empty line: where the body begins.
    pub head_len: usize,
    /// Whether a line was no header field; it is left out, and the message is not well-formed.
    pub stray_lines: bool,
}

/// Why the fast pass gave up.
pub(super) enum Stop {
    /// A continuation line: the head must be unfolded first.
    Folded,
    Refused(ParseError),
}

impl Index {
    /// Reads lines up to the empty one. `text` begins with the start line.
    pub fn new(text: &[u8]) -> Result<Self, Stop> {
        let (start_line, mut at) = line(text, 0)?;
        let start_line = Span::new(start_line.0, start_line.1);
        let mut index = Self { start_line, fields: SmallVec::new(), head_len: 0, stray_lines: false };
        loop {
            let ((start, end), next) = line(text, at)?;
            at = next;
            if start == end {
                index.head_len = next;
                return Ok(index);
            }
            if matches!(text[start], b' ' | b'\t') {
                return Err(Stop::Folded);
            }
            index.push(text, start, end)?;
        }
    }

    fn push(&mut self, text: &[u8], start: usize, end: usize) -> Result<(), Stop> {
        let Some((name, value_at)) = split_field(&text[start..end]) else {
            self.stray_lines = true;
            return Ok(());
        };
        if self.fields.len() == HEADERS_MAX {
            return Err(Stop::Refused(ParseError::TooManyHeaders));
        }
        let value = trimmed(text, (start + value_at, end));
        self.fields.push(Field { name: Name::from_token(name), name_start: start as u16, value });
        Ok(())
    }
}

/// A header's name, and where in the line its value begins. `Via :` is legal (RFC 3261 §7.3.1).
fn split_field(line: &[u8]) -> Option<(&str, usize)> {
    let colon = memchr(b':', line)?;
    let name = str::from_utf8(&line[..colon]).ok()?.trim_ascii_end();
    (!name.is_empty()).then_some((name, colon + 1))
}

/// The line at `at` without its end, and where the next one begins. A bare LF ends a line too.
fn line(text: &[u8], at: usize) -> Result<((usize, usize), usize), Stop> {
    let rest = &text[at..];
    let length = memchr(b'\n', rest).ok_or(Stop::Refused(ParseError::Truncated))?;
    if length > LINE_MAX_BYTES {
        return Err(Stop::Refused(ParseError::LineTooLong));
    }
    let content = if length > 0 && rest[length - 1] == b'\r' { length - 1 } else { length };
    Ok(((at, at + content), at + length + 1))
}

fn trimmed(text: &[u8], (mut start, mut end): (usize, usize)) -> Span {
    let blank = |byte: u8| matches!(byte, b' ' | b'\t');
    while start < end && blank(text[start]) {
        start += 1;
    }
    while start < end && blank(text[end - 1]) {
        end -= 1;
    }
    Span::new(start, end)
}

/// A head made plain: continuation lines joined by one space, and each header that is no UTF-8 read as Latin-1.
#[derive(Default)]
pub(super) struct Plain {
    pub text: Vec<u8>,
    /// The length the head has in the datagram.
    pub raw_len: usize,
    /// One bit a header, in order: it was Latin-1, and goes back out as Latin-1.
    pub latin1: u128,
    /// The line being put together, its continuations included.
    line: Vec<u8>,
    /// Header fields written; the start line counts as none.
    fields: u32,
}

impl Plain {
    /// The slow pass, for the few messages that need it.
    pub fn new(raw: &[u8]) -> Result<Self, ParseError> {
        let mut plain = Self { text: Vec::with_capacity(raw.len() + 64), ..Self::default() };
        while plain.raw_len == 0 || !plain.line.is_empty() {
            let ((start, end), next) = match line(raw, plain.raw_len) {
                Ok(line) => line,
                Err(Stop::Refused(error)) => return Err(error),
                Err(Stop::Folded) => return Err(ParseError::Truncated),
            };
            plain.raw_len = next;
            let content = &raw[start..end];
            if start > 0 && matches!(content.first(), Some(b' ' | b'\t')) {
                plain.continue_line(content)?;
            } else {
                plain.end_line();
                plain.line.extend_from_slice(content);
            }
        }
        plain.text.extend_from_slice(b"\r\n");
        if plain.text.len() > MESSAGE_MAX_BYTES {
            return Err(ParseError::TooLarge);
        }
        Ok(plain)
    }

    fn continue_line(&mut self, content: &[u8]) -> Result<(), ParseError> {
        self.line.truncate(self.line.trim_ascii_end().len());
        self.line.push(b' ');
        self.line.extend_from_slice(content.trim_ascii());
        if self.line.len() > LINE_MAX_BYTES {
            return Err(ParseError::LineTooLong);
        }
        Ok(())
    }

    fn end_line(&mut self) {
        if self.line.is_empty() {
            return;
        }
        let is_start_line = self.text.is_empty();
        let at = self.text.len();
        let is_latin1 = str::from_utf8(&self.line).is_err();
        if is_latin1 {
            let line: String = self.line.iter().map(|byte| char::from(*byte)).collect();
            self.text.extend_from_slice(line.as_bytes());
        } else {
            self.text.extend_from_slice(&self.line);
        }
        if !is_start_line && split_field(&self.text[at..]).is_some() {
            self.latin1 |= u128::from(is_latin1).checked_shl(self.fields).unwrap_or(0);
            self.fields = self.fields.saturating_add(1);
        }
        self.text.extend_from_slice(b"\r\n");
        self.line.clear();
    }
}
