//! A WebSocket's server, as much of one as bots need (RFC 6455). It waits for nothing: what is there is taken, and what finds no room
//! waits here.

use std::io::ErrorKind;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};
use tokio::net::TcpStream;

/// A client's key is answered with its hash together with this (§1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// A message of 20 ms has some 400 bytes.
const READ: usize = 4 * 1024;
/// In a frame's first byte, and in its second (§5.2).
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
/// A length that says that two bytes follow with the length.
const LONG: u8 = 126;
/// Or eight.
const LONGER: u8 = 127;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// It is over, in whatever way.
pub struct Over;

pub struct Socket {
    stream: TcpStream,
    is_upgraded: bool,
    inward: Vec<u8>,
    outward: Vec<u8>,
}

impl Socket {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("set");
        Self { stream, is_upgraded: false, inward: vec![], outward: vec![] }
    }

    /// The texts that have come.
    pub fn hear(&mut self, mut told: impl FnMut(&str)) -> Result<(), Over> {
        if !self.read()? {
            return Ok(());
        }
        if !self.is_upgraded && !self.upgrade() {
            return Ok(());
        }
        let mut taken = 0;
        while let Some((opcode, payload)) = unmasked(&mut self.inward[taken..]) {
            let payload = taken + payload.start..taken + payload.end;
            taken = payload.end;
            match opcode {
                TEXT => told(std::str::from_utf8(&self.inward[payload]).map_err(|_| Over)?),
                PING => frame(&mut self.outward, PONG, &self.inward[payload]),
                CLOSE => {
                    frame(&mut self.outward, CLOSE, &self.inward[payload]);
                    return self.write().and(Err(Over));
                }
                _ => {}
            }
        }
        self.inward.drain(..taken);
        Ok(())
    }

    /// Says a text; it leaves with the next [`Self::write`].
    pub fn say(&mut self, text: &str) {
        frame(&mut self.outward, TEXT, text.as_bytes());
    }

    /// Writes whatever finds room.
    pub fn write(&mut self) -> Result<(), Over> {
        while !self.outward.is_empty() {
            match self.stream.try_write(&self.outward) {
                Ok(written) => drop(self.outward.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return Err(Over),
            }
        }
        Ok(())
    }

    /// Has anything come?
    fn read(&mut self) -> Result<bool, Over> {
        let before = self.inward.len();
        loop {
            self.inward.reserve(READ);
            match self.stream.try_read_buf(&mut self.inward) {
                Ok(0) => return Err(Over),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(self.inward.len() > before),
                Err(_) => return Err(Over),
            }
        }
    }

    /// Answers the request to become a WebSocket, once it is there as a whole (§4.2.2).
    fn upgrade(&mut self) -> bool {
        let Some(end) = self.inward.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
        let request = String::from_utf8_lossy(&self.inward[..end]).into_owned();
        let named = |line: &&str| line.to_ascii_lowercase().starts_with("sec-websocket-key:");
        let key = request.lines().find(named).and_then(|line| line.split_once(':')).expect("a key").1.trim();
        let accept = STANDARD.encode(Sha1::digest(format!("{key}{GUID}")));
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        self.outward.extend_from_slice(answer.as_bytes());
        self.inward.drain(..end + 4);
        self.is_upgraded = true;
        true
    }
}

/// The first frame of these bytes, if it is there as a whole: its opcode, and where its payload is, which is unmasked.
fn unmasked(bytes: &mut [u8]) -> Option<(u8, Range<usize>)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    assert!(first & FINAL != 0 && second & MASKED != 0, "what the switch says is whole and masked");
    let (length, header) = match second & !MASKED {
        LONGER => panic!("the switch says nothing that long"),
        LONG => (u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]).into(), 4),
        short => (usize::from(short), 2),
    };
    let payload = header + 4..header + 4 + length;
    let mask: [u8; 4] = *bytes.get(header..)?.first_chunk()?;
    for (byte, mask) in bytes.get_mut(payload.clone())?.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Some((first & !FINAL, payload))
}

/// A server's frame.
fn frame(to: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    to.push(FINAL | opcode);
    match u8::try_from(payload.len()) {
        Ok(short) if short < LONG => to.push(short),
        _ => {
            to.push(LONG);
            let length = u16::try_from(payload.len()).expect("no message is that long");
            to.extend_from_slice(&length.to_be_bytes());
        }
    }
    to.extend_from_slice(payload);
}
