//! Answering machine detection: who or what picked up, decided from the audio alone.
//!
//! Sans-IO and deterministic: time is the number of samples pushed (8 kHz, 16 bit, mono), so the same samples give
//! the same verdicts, byte for byte, however they were cut into packets. Knows nothing of RTP, calls or policy.
//!
//! From bottom to top, each knowing only what stands before it:
//! - `features`: a 20 ms frame's loudness, energy and correlations;
//! - `tones`, `estimate`: what tone a frame is, by a bank of sixteen filters and by measuring any other;
//! - `cadence`: bursts and gaps into ringback, busy, congestion, information tones, fax, beep;
//! - `activity`: sound or silence over the noise floor, and who is speaking now;
//! - `classifier`, `asterisk`: the two rules that turn sound and silence into a conclusion;
//! - `evidence`, `verdict`: what is said, and why;
//! - `detector`: all of it for one call.
//!
//! The thresholds were tuned with `examples/amd_eval.rs`, which also runs Asterisk's rule over the same recordings.
//!
//! ```
//! use trunkline_media::amd::{Class, Detector, Params};
//!
//! let mut detector = Detector::new(Params::default());
//! detector.answered(); // the 200 OK: the zero of every time below
//! let verdict = (0..500).find_map(|_| detector.push(&[0i16; 160])).expect("silence is decided too");
//! assert_eq!(verdict.class, Class::NoSpeech);
//! println!("{verdict}");
//! ```

mod activity;
mod asterisk;
mod cadence;
mod classifier;
mod detector;
mod estimate;
mod evidence;
mod features;
mod params;
mod tones;
mod verdict;

#[cfg(test)]
mod tests;

pub use detector::Detector;
pub use evidence::{Evidence, Segment, SegmentKind};
pub(crate) use features::Origin;
pub use params::{Params, Rule};
pub use tones::Bank;
pub use verdict::{Cause, Class, FaxTone, Sit, Tone, Verdict};
