//! The clocks of one call, kept on the shard's wheel.

use std::time::Instant;

use trunkline_sip::{TimerId, Wheel};

use crate::model::CallId;

/// What a call waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timer {
    /// It has rung long enough.
    Ring,
    /// Its trunk has said nothing at all for too long.
    Silent,
    /// Nobody has talked for as long as the request would hold.
    Hold,
    /// It has lasted long enough.
    Duration,
    /// Nobody has spoken for too long.
    Silence,
    /// The callee has been silent long enough for its turn to be over.
    Turn,
    /// The beep did not come.
    Beep,
    /// What a guide's document waits for.
    Guide,
    /// What was asked for by hand waits for this.
    Operator,
    /// The next digit that goes by INFO.
    Digit,
    /// The party that the call is to move to has rung long enough.
    Transfer,
    /// The far end, or the recording, does not confirm the end.
    Closing,
}

/// `Closing` stands last.
const KINDS: usize = Timer::Closing as usize + 1;

/// A shard's wheel: whose timer, and which.
pub type CallWheel = Wheel<(CallId, Timer)>;

/// The timers that one call has set: at most one of each kind.
#[derive(Default)]
pub struct Timers([Option<TimerId>; KINDS]);

impl Timers {
    /// Sets a timer, in place of the one of its kind.
    pub fn set(&mut self, wheel: &mut CallWheel, call: CallId, timer: Timer, at: Instant) {
        self.clear(wheel, timer);
        self.0[timer as usize] = Some(wheel.insert(at, (call, timer)));
    }

    /// Takes a timer back.
    pub fn clear(&mut self, wheel: &mut CallWheel, timer: Timer) {
        if let Some(id) = self.0[timer as usize].take() {
            wheel.cancel(id);
        }
    }

    /// The wheel gave it: it is set no more.
    pub fn fired(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    /// Takes all back.
    pub fn clear_all(&mut self, wheel: &mut CallWheel) {
        for id in self.0.iter_mut().filter_map(Option::take) {
            wheel.cancel(id);
        }
    }
}
