//! Messages to be sent. One buffer, filled from the start line on. No value can end its line: CR and LF become spaces, so a
//! name, a prompt or a header from outside cannot add a header of its own. Decides nothing about what must be in a message.

use std::{
    fmt::{self, Display},
    io::Write as _,
    net::SocketAddr,
};

use bytes::Bytes;

use super::{Message, Name, Via, index::Field, params::is_token};

/// A message being written. Content-Length is the writer's own and always there.
///
/// ```
/// use trunkline_sip::{Method, Name, message::Writer};
/// let request = Writer::request(Method::Options, "sip:example.com")
///     .header(Name::MaxForwards, 70)
///     .header("X-Note", "one\r\nX-Evil: two")
///     .finish();
/// assert_eq!(&request[..], b"OPTIONS sip:example.com SIP/2.0\r\nMax-Forwards: 70\r\nX-Note: one  X-Evil: two\r\n\
///     Content-Length: 0\r\n\r\n");
/// ```
pub struct Writer {
    buffer: Vec<u8>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writer {{ {} bytes }}", self.buffer.len())
    }
}

impl Writer {
    /// Begins a request. Spaces, controls, quotes and angle brackets in the URI become `%XX`. A method that is no token
    /// (that of [`crate::Method::Other`] is empty) would be nobody's: give its token instead.
    pub fn request(method: impl AsRef<str>, uri: &str) -> Self {
        let mut writer = Self { buffer: Vec::with_capacity(CAPACITY_BYTES) };
        writer.buffer.extend(method.as_ref().bytes().filter(|byte| is_token(&[*byte])));
        writer.buffer.push(b' ');
        for byte in uri.bytes() {
            match byte {
                0..=b' ' | 0x7f | b'<' | b'>' | b'"' => writer.print(format_args!("%{byte:02X}")),
                _ => writer.buffer.push(byte),
            }
        }
        writer.buffer.extend_from_slice(b" SIP/2.0\r\n");
        writer
    }

    /// Begins a response to a request that came from `source`: Via, From, To, Call-ID and CSeq as they came, with `received` and
    /// `rport` filled in (RFC 3261 §18.2.1, RFC 3581 §4), with `to_tag` where the To has no tag yet, and with the Record-Route
    /// of a request that may make a dialog (§12.1.1). An empty phrase stands for the usual one.
    pub fn response_to(
        request: &Message,
        source: SocketAddr,
        status: u16,
        phrase: &str,
        to_tag: Option<&str>,
    ) -> Self {
        let mut writer = Self { buffer: Vec::with_capacity(CAPACITY_BYTES) };
        writer.print(format_args!("SIP/2.0 {status} "));
        match phrase {
            "" => writer.push_clean(super::phrase(status).as_bytes()),
            phrase => writer.push_clean(phrase.as_bytes()),
        }
        writer.buffer.extend_from_slice(b"\r\n");
        writer.vias(request, source);
        let tag = request.to().and_then(|to| to.tag());
        if tag.is_none() && (101..300).contains(&status) {
            writer = writer.copy(request, Name::RecordRoute);
        }
        writer = writer.copy(request, Name::From);
        match (tag, to_tag) {
            (None, Some(to_tag)) if status > 100 => {
                writer.push_to(request, to_tag);
                writer
            }
            _ => writer.copy(request, Name::To),
        }
        .copy(request, Name::CallId)
        .copy(request, Name::CSeq)
    }

    /// Adds a header. A name that is no token, and Content-Length, are left out.
    pub fn header(mut self, name: impl AsRef<str>, value: impl Display) -> Self {
        let name = name.as_ref();
        if !is_token(name.as_bytes()) || Name::from_token(name) == Name::ContentLength {
            return self;
        }
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.extend_from_slice(b": ");
        let start = self.buffer.len();
        self.print(format_args!("{value}"));
        self.clean_from(start);
        self.buffer.extend_from_slice(b"\r\n");
        self
    }

    /// Adds every header of that name of another message, byte for byte but unfolded.
    pub fn copy(mut self, from: &Message, name: Name) -> Self {
        for (field, is_latin1) in from.fields().filter(|(field, _)| field.name == name) {
            self.copy_field(from, field, is_latin1, "");
        }
        self
    }

    /// Ends the message without a body.
    pub fn finish(mut self) -> Bytes {
        self.buffer.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        self.buffer.into()
    }

    /// Ends the message with a body.
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Bytes {
        self = self.header(Name::ContentType, content_type);
        self.print(format_args!("Content-Length: {}\r\n\r\n", body.len()));
        self.buffer.extend_from_slice(body);
        self.buffer.into()
    }

    fn vias(&mut self, request: &Message, source: SocketAddr) {
        let mut vias = request.fields().filter(|(field, _)| field.name == Name::Via);
        if let Some((field, is_latin1)) = vias.next() {
            let line = field.value(request.text());
            let top = super::Split::new(line, b',').next().unwrap_or_default();
            match Via::parse(top) {
                Some(via) if needs_received(&via, source) => {
                    self.buffer.extend_from_slice(b"Via: ");
                    self.push_received(&via, source);
                    let others = line.trim_ascii_start().get(top.len()..).unwrap_or_default();
                    self.push_value(others, is_latin1);
                    self.buffer.extend_from_slice(b"\r\n");
                }
                _ => self.copy_field(request, field, is_latin1, ""),
            }
        }
        for (field, is_latin1) in vias {
            self.copy_field(request, field, is_latin1, "");
        }
    }

    fn push_received(&mut self, via: &Via<'_>, source: SocketAddr) {
        let brackets = if via.host.contains(':') { ["[", "]"] } else { ["", ""] };
        self.print(format_args!("SIP/2.0/{} {}{}{}", via.transport, brackets[0], via.host, brackets[1]));
        if let Some(port) = via.port {
            self.print(format_args!(":{port}"));
        }
        for part in via.params.parts() {
            let name = part.split('=').next().unwrap_or_default().trim_ascii();
            if !name.eq_ignore_ascii_case("received") && !name.eq_ignore_ascii_case("rport") {
                self.buffer.push(b';');
                self.push_clean(part.as_bytes());
            }
        }
        self.print(format_args!(";received={}", source.ip()));
        if via.wants_rport() {
            self.print(format_args!(";rport={}", source.port()));
        }
    }

    fn push_to(&mut self, request: &Message, tag: &str) {
        // A bare `To: sip:a@b` takes the tag as it is: without brackets parameters are the header's.
        if let Some((field, is_latin1)) = request.fields().find(|(field, _)| field.name == Name::To) {
            self.copy_field(request, field, is_latin1, tag);
        }
    }

    fn copy_field(&mut self, from: &Message, field: &Field, is_latin1: bool, tag: &str) {
        let name = if field.name == Name::Other { field.token(from.text()) } else { field.name.as_str() };
        self.push_clean(name.as_bytes());
        self.buffer.extend_from_slice(b": ");
        self.push_value(field.value(from.text()), is_latin1);
        if !tag.is_empty() {
            self.buffer.extend_from_slice(b";tag=");
            self.push_clean(tag.as_bytes());
        }
        self.buffer.extend_from_slice(b"\r\n");
    }

    fn push_value(&mut self, value: &str, is_latin1: bool) {
        match is_latin1 {
            // Each character was one byte: this gives the bytes back.
            true => {
                let start = self.buffer.len();
                self.buffer.extend(value.chars().map(|letter| u8::try_from(letter).unwrap_or(b'?')));
                self.clean_from(start);
            }
            false => self.push_clean(value.as_bytes()),
        }
    }

    fn push_clean(&mut self, bytes: &[u8]) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        self.clean_from(start);
    }

    fn clean_from(&mut self, start: usize) {
        for byte in &mut self.buffer[start..] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
    }

    fn print(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.buffer.write_fmt(arguments).expect("writing to a Vec cannot fail");
    }
}

/// RFC 3261 §18.2.1: `received` where the sent-by is not the source's address; RFC 3581 §4: always, with `rport`.
fn needs_received(via: &Via<'_>, source: SocketAddr) -> bool {
    via.wants_rport() || via.host.parse() != Ok(source.ip())
}

/// An INVITE with an SDP body seldom is longer.
const CAPACITY_BYTES: usize = 1024;
