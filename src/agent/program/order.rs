//! What a program of steps wants done by whoever runs it.

use std::sync::Arc;
use std::time::Duration;

use trunkline_media::Clip;

use crate::model::{Bot, Dial, Link, Listener, Occasion, PhoneNumber, Side, Sound};

/// What a program wants done.
#[derive(Clone)]
pub enum Order {
    /// Turn this into speech; answer with [`Program::ready`](super::Program::ready).
    Render {
        /// Which sound.
        sound: u32,
        /// What is spoken.
        text: Arc<str>,
    },
    /// Fetch or read this; answer with [`Program::ready`](super::Program::ready).
    Fetch {
        /// Which sound.
        sound: u32,
        /// Where it is, or what it is made of.
        from: Sound,
    },
    /// Queue a clip; tell its mark by [`Program::marked`](super::Program::marked).
    Play {
        /// The audio.
        clip: Arc<Clip>,
        /// The sound's number.
        mark: u32,
    },
    /// Stop what is heard: its mark is told as cleared.
    Clear,
    /// Tell [`Program::timed_out`](super::Program::timed_out) after so long; the last of these counts.
    Wait(Duration),
    /// Send digits; answer with [`Program::digits_sent`](super::Program::digits_sent).
    SendDigits(String),
    /// Put the callee on hold, or take it back.
    Hold(bool),
    /// Let a side not be heard, or be heard again.
    Mute(Side, bool),
    /// Record from now on, or not any more.
    Record(bool),
    /// Put the callee through; if it comes to nothing, [`Program::untransferred`](super::Program::untransferred).
    Transfer(PhoneNumber),
    /// Call somebody for the callee; when that is over, [`Program::dialled`](super::Program::dialled).
    Dial(Arc<Dial>),
    /// Ask for what follows; answer with [`Program::load`](super::Program::load), or [`Program::fail`](super::Program::fail).
    Ask {
        /// Where; `None` is where the first steps came from.
        link: Option<Link>,
        /// Why.
        occasion: Occasion,
    },
    /// Tell whoever made the steps, in this very switch; answer with [`Program::load`](super::Program::load), or [`Program::fail`](super::Program::fail).
    Tell(Occasion),
    /// The callee's speech stops what is said from now on, or does not.
    BargeIn(bool),
    /// Call this bot, which is needed soon: nobody hears it yet.
    Summon(Arc<Bot>),
    /// Let it talk; when it has gone, [`Program::bot_left`](super::Program::bot_left).
    Connect(Arc<Bot>),
    /// Let this bot listen in.
    StartStream(Arc<Listener>),
    /// Let nobody listen in.
    StopStream,
    /// The callee is not to be called any more.
    DoNotCall,
    /// The call is to end.
    Hangup,
    /// Every step is done.
    Done,
    /// It cannot go on.
    Fail(String),
}
