//! Asterisk's AudioSocket (<https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket/>): over TCP, packets of a type, a
//! length of two bytes, the higher first, and a payload. Whoever accepts the connection may speak and hang up, no more.

use std::time::Duration;

use trunkline_media::Rate;
use uuid::Uuid;

use super::super::spec::{Call, Encoding};
use super::{Asked, Incoming, Interpreter, Malformed, Moment, Outbox, Payload, Side, Sound};
use crate::agent::line::packets::HEADER;

const HANG_UP: u8 = 0x00;
const UUID: u8 = 0x01;
const DIGIT: u8 = 0x03;
const LINEAR_8K: u8 = 0x10;
const LINEAR_16K: u8 = 0x12;
const LINEAR_24K: u8 = 0x13;
const FAILED: u8 = 0xff;

#[derive(Debug)]
pub(super) struct AudioSocket {
    stream: Uuid,
    kind: u8,
}

impl AudioSocket {
    pub fn new(call: &Call, encoding: Encoding) -> Self {
        let kind = match encoding {
            Encoding::L16(Rate::Hz16000) => LINEAR_16K,
            Encoding::L16(Rate::Hz24000) => LINEAR_24K,
            _ => LINEAR_8K,
        };
        Self { stream: Uuid::try_parse(&call.stream).unwrap_or_default(), kind }
    }
}

/// Sends a packet. Payloads are our own: 960 bytes at most.
fn packet(kind: u8, payload: &[u8], out: &mut Outbox) {
    let [high, low] = (payload.len() as u16).to_be_bytes();
    out.binary(&[&[kind, high, low], payload]);
}

impl Interpreter for AudioSocket {
    fn open(&mut self, out: &mut Outbox) {
        packet(UUID, self.stream.as_bytes(), out);
    }

    fn voice(&mut self, _whose: Side, _at: Moment, bytes: &[u8], out: &mut Outbox) {
        packet(self.kind, bytes, out);
    }

    fn digit(&mut self, _at: Moment, digit: char, _held: Duration, out: &mut Outbox) {
        packet(DIGIT, &[digit as u8], out);
    }

    fn marked(&mut self, _label: &str, _cleared: bool, _out: &mut Outbox) {}

    fn cleared(&mut self, _out: &mut Outbox) {}

    fn stop(&mut self, out: &mut Outbox) {
        packet(HANG_UP, &[], out);
    }

    fn read<'a>(&mut self, message: Incoming<'a>) -> Result<Asked<'a>, Malformed> {
        let Incoming::Binary(packet) = message else { return Err(Malformed) };
        let Some((kind, payload)) = packet.split_first().zip(packet.get(HEADER..)).map(|((k, _), p)| (*k, p))
        else {
            return Err(Malformed);
        };
        let rate = match kind {
            HANG_UP => return Ok(Asked::HangUp),
            UUID => return Ok(Asked::Nothing),
            DIGIT => {
                return std::str::from_utf8(payload)
                    .map(|digit| Asked::Digits(digit.into()))
                    .or(Err(Malformed));
            }
            FAILED => {
                let code =
                    payload.first().map_or_else(|| "without a code".into(), |code| format!("code {code}"));
                return Ok(Asked::Failed(code.into()));
            }
            LINEAR_8K => Rate::Hz8000,
            LINEAR_16K => Rate::Hz16000,
            LINEAR_24K => Rate::Hz24000,
            _ => return Err(Malformed),
        };
        Ok(Asked::Say(Sound { bytes: Payload::Raw(payload), encoding: Encoding::L16(rate) }))
    }
}
