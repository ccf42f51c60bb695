//! A stream that is open: how the call has it opened, and what the call tells it.
#![expect(clippy::disallowed_methods, reason = "a shell reads the clock")]

use std::time::{Duration, Instant, SystemTime};

use trunkline_media::Port;

use super::life::{Input, Life};
use super::spec::{Spec, SpecError};
use crate::agent::line::shell::{Inputs, Patience, Sink, live};
use crate::agent::line::{Hatch, Lanes, Source};
use crate::egress::Egress;

/// The call's end of its stream. Dropping it tells the bot that the call is over.
#[derive(Debug)]
pub struct Handle(Inputs<Input>);

impl Handle {
    /// The callee has answered. False: the stream has ended.
    pub fn answered(&self) -> bool {
        self.0.say(Input::Answered)
    }

    /// The callee has pressed a key. False: too much waits, or the stream has ended; the digit is dropped.
    pub fn digit(&self, digit: char, held: Duration) -> bool {
        self.0.mention(Input::Digit(digit, held))
    }
}

/// Opens a stream: from now on its bot is dialled.
pub fn open(spec: Spec, egress: &Egress, port: Port, sink: Sink, lanes: &Lanes) -> Result<Handle, SpecError> {
    spec.check()?;
    let door = spec.door().ok_or(SpecError::Nowhere)?;
    Ok(open_from(Source::dial(egress, door), &spec, port, sink, lanes))
}

/// Opens a stream whose bot comes to us, and is handed in there.
pub fn await_bot(
    spec: &Spec,
    hatch: Hatch,
    port: Port,
    sink: Sink,
    lanes: &Lanes,
) -> Result<Handle, SpecError> {
    spec.check()?;
    Ok(open_from(Source::Wait(hatch), spec, port, sink, lanes))
}

/// Opens a stream whose connections come from there, wherever the spec says that its bot is. What the spec asks for must be what
/// can be.
pub fn open_from(source: Source, spec: &Spec, port: Port, sink: Sink, lanes: &Lanes) -> Handle {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let life = Life::new(spec, port, Instant::now(), unix);
    let patience = Patience { connect_within: spec.connect_within, reconnect_within: spec.reconnect_within };
    Handle(live(life, source, patience, Box::new(|errand| match errand {}), sink, lanes))
}
