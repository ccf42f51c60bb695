//! Requests and responses (RFC 3261 §7): our byte index, and the vocabulary of `rsip`, which only this file names.
//!
//! What Trunkline can read is decided here, and generously: compact names, folded lines, `Via :`, Latin-1, unknown methods and
//! statuses. A message is its datagram and a small index; values are borrowed when somebody asks. Three fates are told apart:
//! a [`ParseError`] is dropped, a [`Message`] with a [`Defect`] is answered and goes no further, any other one is heard.
//! Knows nothing of sockets, transactions or dialogs.

mod defect;
mod index;
mod method;
mod multipart;
mod name;
mod name_addr;
mod params;
mod parse_error;
mod replaces;
mod start_line;
mod uri;
mod via;
mod warning;
mod writer;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

pub(crate) use self::multipart::session_of;
pub(crate) use self::params::{Split, unquote};
pub(crate) use self::uri::percent_decode;
pub(crate) use self::via::COOKIE;
pub use self::{
    defect::Defect,
    method::Method,
    name::Name,
    name_addr::NameAddr,
    params::{Params, unescape},
    parse_error::ParseError,
    replaces::Replaces,
    uri::Uri,
    via::Via,
    warning::Warning,
    writer::Writer,
};
use self::{
    index::{Field, Index, MESSAGE_MAX_BYTES, Plain, Span, Stop},
    start_line::StartLine,
};

/// A request or a response. Cheap to clone. Its Debug says what it is, not what it says: that holds keys, answers to challenges and
/// telephone numbers.
#[derive(Clone)]
pub struct Message {
    /// From the start line to the end of the body.
    raw: Bytes,
    /// The head unfolded and in UTF-8, where the raw one is not.
    plain: Option<Bytes>,
    index: Index,
    /// The headers that came as Latin-1, one bit each.
    latin1: u128,
    start: StartLine,
    cseq: (u32, Method),
    body: Span,
    defect: Option<Defect>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, method) = self.cseq;
        write!(f, "Message {{ ")?;
        if let Some(status) = self.status() {
            write!(f, "{status} to ")?;
        }
        write!(f, "{number} {}, {} bytes }}", method.as_str(), self.raw.len())
    }
}

impl Message {
    /// Reads a datagram. Whatever comes: no panic, no allocation for usual messages, and time in proportion to its length.
    pub fn parse(datagram: Bytes) -> Result<Self, ParseError> {
        if datagram.len() > MESSAGE_MAX_BYTES {
            return Err(ParseError::TooLarge);
        }
        // RFC 3261 §7.5: empty lines before the start line are skipped.
        let skipped = datagram.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let raw = datagram.slice(skipped..);
        if raw.iter().all(|byte| matches!(byte, 0 | b' ' | b'\r' | b'\n')) {
            return Err(ParseError::KeepAlive);
        }
        if is_stun(&raw) {
            return Err(ParseError::Stun);
        }
        let fast = match Index::new(&raw) {
            Ok(index) if str::from_utf8(&raw[..index.head_len]).is_ok() => Some(index),
            Ok(_) | Err(Stop::Folded) => None,
            Err(Stop::Refused(error)) => return Err(error),
        };
        match fast {
            Some(index) => Self::assemble(raw, None, index, 0),
            None => {
                let plain = Plain::new(&raw)?;
                let mut index = match Index::new(&plain.text) {
                    Ok(index) => index,
                    Err(Stop::Refused(error)) => return Err(error),
                    Err(Stop::Folded) => return Err(ParseError::StartLine),
                };
                index.head_len = plain.raw_len;
                Self::assemble(raw, Some(plain.text.into()), index, plain.latin1)
            }
        }
    }

    fn assemble(raw: Bytes, plain: Option<Bytes>, index: Index, latin1: u128) -> Result<Self, ParseError> {
        let text = plain.as_ref().unwrap_or(&raw);
        let (start, start_defect) = StartLine::parse(text, index.start_line)?;
        let rest = raw.len() - index.head_len;
        let body = Span::new(index.head_len, raw.len());
        let cseq = (0, Method::Other);
        let mut message = Self { raw, plain, index, latin1, start, cseq, body, defect: start_defect };
        for name in [Name::From, Name::To, Name::CallId, Name::CSeq, Name::Via] {
            message.header(name).filter(|value| !value.is_empty()).ok_or(ParseError::Missing(name))?;
        }
        // Without a Via that can be read there is no telling where an answer goes.
        message.top_via().ok_or(ParseError::Missing(Name::Via))?;
        let cseq = message.header(Name::CSeq).and_then(parse_cseq);
        message.cseq = cseq.unwrap_or(message.cseq);
        // RFC 3261 §18.3: bytes beyond the Content-Length are discarded; without one the body takes the rest.
        let length = match message.header(Name::ContentLength) {
            None => Some(rest),
            Some(value) => parse_digits(value).filter(|length| *length <= rest),
        };
        if let Some(length) = length {
            let head_len = message.index.head_len;
            message.body = Span::new(head_len, head_len + length);
        } else {
            message.defect = message.defect.or(Some(Defect::ContentLength));
        }
        message.defect = message.defect.or_else(|| message.find_defect(cseq));
        Ok(message)
    }

    /// Whether this is a request.
    pub fn is_request(&self) -> bool {
        matches!(self.start, StartLine::Request { .. })
    }

    /// The method of a request.
    pub fn method(&self) -> Option<Method> {
        match self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => None,
        }
    }

    /// The method of a request as it was written.
    pub fn method_token(&self) -> Option<&str> {
        match self.start {
            StartLine::Request { token, .. } => Some(token.str(self.text())),
            StartLine::Response { .. } => None,
        }
    }

    /// The Request-URI.
    pub fn request_uri(&self) -> Option<&str> {
        match self.start {
            StartLine::Request { uri, .. } => Some(uri.str(self.text())),
            StartLine::Response { .. } => None,
        }
    }

    /// The status of a response, 100 to 699.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            StartLine::Request { .. } => None,
            StartLine::Response { status, .. } => Some(status),
        }
    }

    /// The phrase of a response; empty for a request, or where there is none.
    pub fn phrase(&self) -> &str {
        match self.start {
            StartLine::Request { .. } => "",
            StartLine::Response { phrase, .. } => phrase.str(self.text()),
        }
    }

    /// What makes this message unfit to be heard. A request with a defect is answered with [`Defect::status`] unless it is
    /// an ACK; a response with one is dropped.
    pub fn defect(&self) -> Option<Defect> {
        self.defect
    }

    /// The first line of that name, unfolded; what was no UTF-8 is read as Latin-1.
    pub fn header(&self, name: Name) -> Option<&str> {
        self.lines(name).next()
    }

    /// The first line of a name that [`Name`] may not have, in any case.
    pub fn header_named(&self, name: &str) -> Option<&str> {
        match Name::from_token(name) {
            Name::Other => {
                let mut others = self.index.fields.iter().filter(|field| field.name == Name::Other);
                others.find(|field| field.token(self.text()).eq_ignore_ascii_case(name))
            }
            known => self.index.fields.iter().find(|field| field.name == known),
        }
        .map(|field| field.value(self.text()))
    }

    /// Every line of that name, whole and in order.
    pub fn lines(&self, name: Name) -> impl Iterator<Item = &str> {
        self.index.fields.iter().filter(move |field| field.name == name).map(|field| field.value(self.text()))
    }

    /// Every value of that name in order: the lines, with lists taken apart (see [`Name::is_list`]). Empty ones are left out.
    pub fn values(&self, name: Name) -> impl Iterator<Item = &str> {
        let separator = if name.is_list() { b',' } else { b'\n' };
        self.lines(name).flat_map(move |line| Split::new(line, separator)).filter(|value| !value.is_empty())
    }

    /// Name as written, and value, of every header.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.index.fields.iter().map(|field| (field.token(self.text()), field.value(self.text())))
    }

    /// The topmost Via.
    pub fn top_via(&self) -> Option<Via<'_>> {
        self.values(Name::Via).next().and_then(Via::parse)
    }

    /// Who sent it: the From. `None` only together with a [`Defect`].
    pub fn from(&self) -> Option<NameAddr<'_>> {
        self.header(Name::From).and_then(NameAddr::parse)
    }

    /// Whom it is for: the To. `None` only together with a [`Defect`].
    pub fn to(&self) -> Option<NameAddr<'_>> {
        self.header(Name::To).and_then(NameAddr::parse)
    }

    /// The first Contact.
    pub fn contact(&self) -> Option<NameAddr<'_>> {
        self.values(Name::Contact).next().and_then(NameAddr::parse)
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &str {
        self.header(Name::CallId).unwrap_or_default()
    }

    /// The CSeq; zero and [`Method::Other`] where it cannot be read, which is a [`Defect`].
    pub fn cseq(&self) -> (u32, Method) {
        self.cseq
    }

    /// The method of the CSeq as it was written: a response's method.
    pub fn cseq_token(&self) -> &str {
        self.header(Name::CSeq).and_then(|value| value.split_ascii_whitespace().nth(1)).unwrap_or_default()
    }

    /// The body, as far as the Content-Length says.
    pub fn body(&self) -> &[u8] {
        self.body.of(&self.raw)
    }

    /// The body, sharing the datagram.
    pub fn body_bytes(&self) -> Bytes {
        self.raw.slice_ref(self.body())
    }

    /// The Content-Type.
    pub fn content_type(&self) -> Option<&str> {
        self.header(Name::ContentType)
    }

    /// How long a Retry-After asks to wait, at most a day (RFC 3261 §20.33).
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.header(Name::RetryAfter)?;
        let digits = value.find(|c: char| !c.is_ascii_digit()).map_or(value, |end| &value[..end]);
        parse_digits(digits).map(|seconds| Duration::from_secs((seconds as u64).min(24 * 60 * 60)))
    }

    /// The warnings that can be read.
    pub fn warnings(&self) -> impl Iterator<Item = Warning<'_>> {
        self.values(Name::Warning).filter_map(Warning::parse)
    }

    /// The bytes as they came, leading empty lines excepted.
    pub fn as_bytes(&self) -> &Bytes {
        &self.raw
    }

    /// The head that the index points into.
    fn text(&self) -> &[u8] {
        self.plain.as_ref().unwrap_or(&self.raw)
    }

    /// The fields with their place in [`Self::latin1`].
    fn fields(&self) -> impl Iterator<Item = (&Field, bool)> {
        self.index.fields.iter().enumerate().map(|(at, field)| (field, self.latin1 >> at & 1 == 1))
    }
}

/// Methods that rsip has a word for are ours too; what it has none for is kept as its token.
impl From<rsip::Method> for Method {
    fn from(method: rsip::Method) -> Self {
        use rsip::Method as Word;
        match method {
            Word::Ack => Self::Ack,
            Word::Bye => Self::Bye,
            Word::Cancel => Self::Cancel,
            Word::Info => Self::Info,
            Word::Invite => Self::Invite,
            Word::Message => Self::Message,
            Word::Notify => Self::Notify,
            Word::Options => Self::Options,
            Word::PRack => Self::Prack,
            Word::Publish => Self::Publish,
            Word::Refer => Self::Refer,
            Word::Register => Self::Register,
            Word::Subscribe => Self::Subscribe,
            Word::Update => Self::Update,
        }
    }
}

/// The usual phrase of a status, such as `Busy Here`: the words are rsip's.
pub fn phrase(status: u16) -> String {
    let words = match rsip::StatusCode::from(status) {
        // RFC 6665 §7.3.1, which rsip does not have; so REFER is answered.
        rsip::StatusCode::Other(202, _) => return String::from("Accepted"),
        rsip::StatusCode::Other(..) => return String::from("Unknown"),
        rsip::StatusCode::OK => return String::from("OK"),
        code => code.to_string(),
    };
    let name = words.split_once(' ').map_or("", |(_, name)| name);
    let mut phrase = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !phrase.is_empty() {
            phrase.push(' ');
        }
        phrase.push(letter);
    }
    phrase
}

/// `1 INVITE`; the number is below 2³¹ (RFC 3261 §8.1.1.5).
fn parse_cseq(value: &str) -> Option<(u32, Method)> {
    let mut parts = value.split_ascii_whitespace();
    let (number, token) = (parse_digits(parts.next()?)?, parts.next()?);
    let number = u32::try_from(number).ok().filter(|number| *number < 1 << 31)?;
    (parts.next().is_none() && params::is_token(token.as_bytes()))
        .then(|| (number, Method::from_token(token)))
}

/// Digits alone: no sign, no space.
fn parse_digits(text: &str) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// A STUN message has two zero bits first and its cookie at the fifth byte (RFC 8489 §5, RFC 5626 §4.4.2).
fn is_stun(datagram: &[u8]) -> bool {
    datagram.len() >= 20 && datagram[0] < 4 && datagram[4..8] == [0x21, 0x12, 0xa4, 0x42]
}
