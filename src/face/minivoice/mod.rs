//! MiniVoice: rates and usage, as its documents say (seed 004).

pub mod billing;
