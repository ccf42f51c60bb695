//! What bots that were written for one service say and expect to hear. One file a service; each knows its messages, its
//! numbering and nothing else: no queue, no clock, no socket.

mod audiosocket;
mod exotel;
mod jambonz;
mod plivo;
mod telnyx;
mod twilio;
mod vonage;

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;

use super::spec::{Dialect, Encoding, Spec};
use crate::agent::line::Incoming;
use crate::agent::line::message::Malformed;
use crate::agent::line::outbox::Outbox;
use crate::model::Side;

/// A bot's message, read.
#[derive(Debug, PartialEq)]
pub(super) enum Asked<'a> {
    /// Nothing that concerns us.
    Nothing,
    /// Say this, behind all that waits.
    Say(Sound<'a>),
    /// Say this, and tell when it is over. At once means: instead of what waits.
    Play { sound: Sound<'a>, mark: Cow<'a, str>, at_once: bool },
    /// Tell when all that waits was heard.
    Mark(Cow<'a, str>),
    /// Throw away what waits.
    Clear,
    /// Tell of all marks now, but not of clips.
    ForgetMarks,
    /// Send these digits to the callee.
    Digits(Cow<'a, str>),
    /// Hang up.
    HangUp,
    /// The bot says that it has failed.
    Failed(Cow<'a, str>),
}

/// Audio as it came.
#[derive(Debug, PartialEq)]
pub(super) struct Sound<'a> {
    pub bytes: Payload<'a>,
    pub encoding: Encoding,
}

#[derive(Debug, PartialEq)]
pub(super) enum Payload<'a> {
    Raw(&'a [u8]),
    Base64(Cow<'a, str>),
    /// In base64 a RIFF file, whose header says how to read it.
    Wav(Cow<'a, str>),
    /// In base64 a whole clip of linear samples, at so many hertz, whatever the encoding.
    Linear(Cow<'a, str>, u32),
}

/// What is amiss with a bot's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amiss {
    /// It cannot be read.
    Message,
    /// What it carries cannot.
    Media,
}

/// Where in time a piece of the callee's voice stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Milliseconds since the stream began.
    pub stream_ms: u64,
    /// Milliseconds since 1970.
    pub unix_ms: u64,
}

/// Pieces of either track, numbered from 1: those of the same 20 ms have the same number.
#[derive(Debug, Default)]
struct Chunks {
    callee: u64,
    agent: u64,
}

impl Chunks {
    fn next(&mut self, whose: Side) -> u64 {
        let chunk = match whose {
            Side::Callee => &mut self.callee,
            Side::Agent => &mut self.agent,
        };
        *chunk += 1;
        *chunk
    }
}

/// Speaks with one bot in its dialect.
pub(super) trait Interpreter: Send + std::fmt::Debug {
    /// The connection stands: the bot is told of the call. Numbering begins anew.
    fn open(&mut self, out: &mut Outbox);
    /// Somebody's next 20 ms, encoded.
    fn voice(&mut self, whose: Side, at: Moment, bytes: &[u8], out: &mut Outbox);
    /// The callee has pressed a key.
    fn digit(&mut self, at: Moment, digit: char, held: Duration, out: &mut Outbox);
    /// A mark that the bot set was heard, or cleared.
    fn marked(&mut self, label: &str, cleared: bool, out: &mut Outbox);
    /// What the bot wanted cleared is cleared.
    fn cleared(&mut self, out: &mut Outbox);
    /// What the bot has sent last is good for nothing. Most services say nothing of it.
    fn refused(&mut self, _what: Amiss, _out: &mut Outbox) {}
    /// The call is over.
    fn stop(&mut self, out: &mut Outbox);
    /// What does this message ask?
    fn read<'a>(&mut self, message: Incoming<'a>) -> Result<Asked<'a>, Malformed>;
}

/// The one who speaks this stream's dialect.
pub(super) fn interpreter(spec: &Spec) -> Box<dyn Interpreter> {
    let (call, encoding) = (spec.call.clone(), spec.encoding());
    match spec.dialect {
        Dialect::Twilio => Box::new(twilio::Twilio::new(call)),
        Dialect::Telnyx => Box::new(telnyx::Telnyx::new(call, encoding)),
        Dialect::Plivo => Box::new(plivo::Plivo::new(call, encoding)),
        Dialect::Vonage => Box::new(vonage::Vonage::new(call, encoding)),
        Dialect::Exotel => Box::new(exotel::Exotel::new(call, encoding)),
        Dialect::Jambonz => Box::new(jambonz::Jambonz::new(call, encoding)),
        Dialect::AudioSocket => Box::new(audiosocket::AudioSocket::new(&call, encoding)),
    }
}

/// Characters of a mark's name.
const MARK_MAX: usize = 1_024;

/// A mark's name, if it is one.
fn label(name: Cow<'_, str>) -> Result<Cow<'_, str>, Malformed> {
    if name.is_empty() || name.len() > MARK_MAX { Err(Malformed) } else { Ok(name) }
}

/// A stream's id, as a bot says it. One that speaks before it has read what its stream is called says null.
#[derive(Deserialize)]
struct StreamId<'a>(#[serde(borrow)] Cow<'a, str>);

/// A stream's id that came, if it came, must be the one that was given.
fn addressed(came: Option<StreamId<'_>>, given: &str) -> Result<(), Malformed> {
    match came {
        Some(StreamId(came)) if !came.is_empty() && came != given => Err(Malformed),
        _ => Ok(()),
    }
}

/// Text as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is JSON")
}

/// Parameters as a JSON object. Of two with the same name the later one counts.
fn object(parameters: &[(String, String)]) -> serde_json::Map<String, serde_json::Value> {
    parameters.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect()
}

/// Hertz of an encoding.
fn hz(encoding: Encoding) -> u32 {
    if let Encoding::L16(rate) = encoding { rate.hz() } else { 8_000 }
}

#[cfg(test)]
mod tests;
