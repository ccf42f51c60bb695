//! What simulated callees say: recorded speech (`audio/make.sh` makes it) and tones.

use std::f64::consts::TAU;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use trunkline_media::Clip;

macro_rules! spoken {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)+) => {$(
        $(#[$doc])*
        pub fn $name() -> Arc<Clip> {
            static CLIP: LazyLock<Arc<Clip>> = LazyLock::new(|| {
                let wav = include_bytes!(concat!("audio/", $file));
                Arc::new(Clip::from_wav(wav).expect("the clips that ship with Trunkline are WAV files"))
            });
            Arc::clone(&CLIP)
        }
    )+};
}

spoken! {
    /// "Hello?"
    hello = "hello.wav";
    /// "Yes, that works for me. Thank you."
    reply = "reply.wav";
    /// A voicemail's greeting, without its beep.
    greeting = "greeting.wav";
    /// An IVR's menu.
    menu = "menu.wav";
    /// What the demonstration's agent says, for machines without a speech program.
    agent_prompt = "agent-prompt.wav";
    /// How it says goodbye.
    agent_goodbye = "agent-goodbye.wav";
}

/// A steady tone, at the level of speech.
pub fn tone(hz: f64, duration: Duration) -> Arc<Clip> {
    let samples = duration.as_millis() as usize * 8;
    let sample = |n: usize| ((TAU * hz * n as f64 / 8000.0).sin() * 8000.0) as i16;
    Arc::new(Clip::from_samples(&(0..samples).map(sample).collect::<Vec<_>>()))
}
