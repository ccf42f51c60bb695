//! WebSocket's frames (RFC 6455 §5), sans-IO: bytes in, messages where they lie; messages in, bytes at the end of a buffer. Each streamed
//! call passes here a hundred times a second, so a message is neither copied nor costs an allocation; only one in pieces is put together.

use bytes::{Buf as _, BytesMut};

use super::message::Incoming;

/// A message of a bot's, in bytes: more than a minute and a half of PCMU in base64.
const MESSAGE_MAX: usize = 1024 * 1024;
/// Bytes of a control frame's payload at most (RFC 6455 §5.5).
const CONTROL_MAX: usize = 125;
/// Room that is kept for the next message.
const KEPT: usize = 64 * 1024;

/// Which side of a connection this is: who has asked for it masks what it sends (RFC 6455 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// What a frame is (RFC 6455 §11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

impl Opcode {
    fn parse(nibble: u8) -> Option<Self> {
        use Opcode::{Binary, Close, Continuation, Ping, Pong, Text};
        [Continuation, Text, Binary, Close, Ping, Pong].into_iter().find(|opcode| *opcode as u8 == nibble)
    }

    fn is_control(self) -> bool {
        self as u8 >= Self::Close as u8
    }
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// [`Inward::message`] has it, until the next is asked for.
    Message,
    /// [`Inward::payload`] is to be sent back.
    Ping,
    Pong,
    /// With its code, if it has one.
    Close(Option<u16>),
}

/// What nobody who speaks the protocol sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("a message over {MESSAGE_MAX} bytes")]
    TooLong,
    #[error("a reserved bit is set")]
    Reserved,
    #[error("an unknown opcode")]
    Opcode,
    #[error("masked where it may not be, or not where it must")]
    Mask,
    #[error("a length that fits into fewer bytes")]
    Length,
    #[error("a control frame in pieces, or too long")]
    Control,
    #[error("a piece of no message, or a message within another")]
    Pieces,
    #[error("a close frame without a valid code")]
    Close,
    #[error("text that is not UTF-8")]
    Utf8,
}

/// What a frame's first bytes say.
#[derive(Clone, Copy, Debug)]
struct Header {
    last: bool,
    opcode: Opcode,
    key: Option<[u8; 4]>,
    /// Where the payload begins, and its bytes.
    start: usize,
    length: usize,
}

impl Header {
    /// None: not all of it is there.
    fn parse(bytes: &[u8], side: Side) -> Result<Option<Self>, Fault> {
        let Some(&[first, second]) = bytes.first_chunk() else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(Fault::Reserved);
        }
        let (last, opcode) = (first & 0x80 != 0, Opcode::parse(first & 0xf).ok_or(Fault::Opcode)?);
        let masked = second & 0x80 != 0;
        if masked != (side == Side::Server) {
            return Err(Fault::Mask);
        }
        let bytes = &bytes[2..];
        let (wide, length) = match second & 0x7f {
            126 => match bytes.first_chunk() {
                Some(length) => (2, u64::from(u16::from_be_bytes(*length))),
                None => return Ok(None),
            },
            127 => match bytes.first_chunk() {
                Some(length) => (8, u64::from_be_bytes(*length)),
                None => return Ok(None),
            },
            short => (0, u64::from(short)),
        };
        // The shortest way to say it is the only one (RFC 6455 §5.2).
        if wide == 2 && length < 126 || wide == 8 && length <= u64::from(u16::MAX) {
            return Err(Fault::Length);
        }
        if opcode.is_control() && (!last || length > CONTROL_MAX as u64) {
            return Err(Fault::Control);
        }
        let length = usize::try_from(length).ok().filter(|length| *length <= MESSAGE_MAX);
        let length = length.ok_or(Fault::TooLong)?;
        if !masked {
            return Ok(Some(Self { last, opcode, key: None, start: 2 + wide, length }));
        }
        let key = bytes[wide..].first_chunk().copied();
        Ok(key.map(|key| Self { last, opcode, key: Some(key), start: 2 + wide + 4, length }))
    }
}

/// What comes in.
#[derive(Debug)]
pub(super) struct Inward {
    side: Side,
    buffer: BytesMut,
    /// The frame that was given last: where its payload begins, and where it ends.
    given: (usize, usize),
    /// Of a message in pieces: what it is, and what of it has come.
    kind: Option<Opcode>,
    pieces: Vec<u8>,
    /// The message that was given last: what it is, and whether it is all the pieces.
    message: (Opcode, bool),
}

impl Inward {
    /// `read` came already.
    pub fn new(side: Side, read: &[u8]) -> Self {
        Self {
            side,
            buffer: BytesMut::from(read),
            given: (0, 0),
            kind: None,
            pieces: Vec::new(),
            message: (Opcode::Binary, false),
        }
    }

    /// Where what comes is to be added.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next that is there whole. What was given before is forgotten.
    pub fn next(&mut self) -> Result<Option<Got>, Fault> {
        self.forget();
        while let Some(header) = Header::parse(&self.buffer, self.side)? {
            if self.pieces.len() + header.length > MESSAGE_MAX {
                return Err(Fault::TooLong);
            }
            let end = header.start + header.length;
            if self.buffer.len() < end {
                break;
            }
            if let Some(key) = header.key {
                mask(&mut self.buffer[header.start..end], key);
            }
            self.given = (header.start, end);
            if let Some(got) = self.take(header)? {
                return Ok(Some(got));
            }
            self.forget();
        }
        Ok(None)
    }

    /// A piece of a message that is not whole yet gives nothing.
    fn take(&mut self, header: Header) -> Result<Option<Got>, Fault> {
        match (header.opcode, self.kind) {
            (Opcode::Ping, _) => Ok(Some(Got::Ping)),
            (Opcode::Pong, _) => Ok(Some(Got::Pong)),
            (Opcode::Close, _) => close_code(self.payload()).map(|code| Some(Got::Close(code))),
            (Opcode::Continuation, None) | (Opcode::Text | Opcode::Binary, Some(_)) => Err(Fault::Pieces),
            (kind, None) if header.last => {
                self.message = (kind, false);
                Ok(Some(Got::Message))
            }
            (Opcode::Continuation, Some(kind)) => {
                self.add_piece();
                if !header.last {
                    return Ok(None);
                }
                self.kind = None;
                self.message = (kind, true);
                Ok(Some(Got::Message))
            }
            (kind, None) => {
                self.kind = Some(kind);
                self.add_piece();
                Ok(None)
            }
        }
    }

    fn add_piece(&mut self) {
        let (start, end) = self.given;
        self.pieces.extend_from_slice(&self.buffer[start..end]);
    }

    /// The message that was given last.
    pub fn message(&self) -> Result<Incoming<'_>, Fault> {
        let bytes = if self.message.1 { &self.pieces } else { self.payload() };
        match self.message.0 {
            Opcode::Text => std::str::from_utf8(bytes).map(Incoming::Text).or(Err(Fault::Utf8)),
            _ => Ok(Incoming::Binary(bytes)),
        }
    }

    /// The payload of the frame that was given last.
    pub fn payload(&self) -> &[u8] {
        &self.buffer[self.given.0..self.given.1]
    }

    fn forget(&mut self) {
        self.buffer.advance(std::mem::take(&mut self.given).1);
        if self.kind.is_none() && !self.pieces.is_empty() {
            self.pieces.clear();
            self.pieces.shrink_to(KEPT);
        }
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT {
            self.buffer = BytesMut::new();
        }
    }
}

/// The code of a close frame (RFC 6455 §5.5.1, §7.4). Some say nothing on the wire, and are not sent.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Fault> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(Fault::Close) };
    };
    let code = u16::from_be_bytes(*code);
    let is_code = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    if is_code && std::str::from_utf8(reason).is_ok() { Ok(Some(code)) } else { Err(Fault::Close) }
}

/// Adds a frame that is a message, or a control frame, whole.
pub(super) fn write(out: &mut BytesMut, side: Side, opcode: Opcode, payload: &[u8]) {
    let masked = if side == Side::Client { 0x80 } else { 0 };
    out.extend_from_slice(&[0x80 | opcode as u8]);
    match payload.len() {
        short @ ..126 => out.extend_from_slice(&[masked | short as u8]),
        length => match u16::try_from(length) {
            Ok(length) => {
                out.extend_from_slice(&[masked | 126]);
                out.extend_from_slice(&length.to_be_bytes());
            }
            Err(_) => {
                out.extend_from_slice(&[masked | 127]);
                out.extend_from_slice(&(length as u64).to_be_bytes());
            }
        },
    }
    if masked == 0 {
        return out.extend_from_slice(payload);
    }
    // Nobody may be able to foretell it (RFC 6455 §10.3).
    let key: [u8; 4] = rand::random();
    out.extend_from_slice(&key);
    let start = out.len();
    out.extend_from_slice(payload);
    mask(&mut out[start..], key);
}

/// Masks, or unmasks (RFC 6455 §5.3).
fn mask(bytes: &mut [u8], key: [u8; 4]) {
    let wide = u32::from_ne_bytes(key);
    let (fours, rest) = bytes.as_chunks_mut();
    for four in fours {
        *four = (u32::from_ne_bytes(*four) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests;
