//! Cases one after another. A failure is a panic: of the code under test, or of an assertion here about what must hold of it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::dice::Dice;
use crate::memory::MEMORY_MAX_BYTES;
use crate::transcript::Transcript;
use crate::{agent, media, memory, sip};

/// What is fed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// The message layer and all its readers.
    Message,
    /// A living user agent.
    Agent,
    /// SDP, offered and answered.
    Sdp,
    /// A bridge that hears RTP, RTCP and what looks like STUN.
    Bridge,
}

/// All targets.
pub const TARGETS: [Target; 4] = [Target::Message, Target::Agent, Target::Sdp, Target::Bridge];

impl Target {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Agent => "agent",
            Self::Sdp => "sdp",
            Self::Bridge => "bridge",
        }
    }

    /// The target of a case, where none was asked for.
    #[must_use]
    pub fn of(case: u64) -> Self {
        TARGETS[(case % TARGETS.len() as u64) as usize]
    }
}

/// Runs one case. What went wrong, with all that was done, if anything did.
///
/// # Errors
/// The transcript of a case that panicked or held too much memory.
pub fn run(target: Target, seed: u64, case: u64) -> Result<(), String> {
    let before = memory::live_bytes();
    let mut transcript = Transcript::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut dice = Dice::new(seed, case);
        match target {
            Target::Message => sip::run(&mut dice, &mut transcript),
            Target::Agent => agent::run(&mut dice, &mut transcript),
            Target::Sdp => media::run_sdp(&mut dice, &mut transcript),
            Target::Bridge => media::run_bridge(&mut dice, &mut transcript),
        }
    }));
    let held = memory::live_bytes() - before;
    let said = match outcome {
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned();
            words.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
        }
        // The transcript itself is still there.
        Ok(()) if held > MEMORY_MAX_BYTES => format!("{held} bytes are held after the case"),
        Ok(()) => return Ok(()),
    };
    let name = target.name();
    Err(format!("# {said}\n# again: --target {name} --seed {seed} --case {case}\n{transcript}"))
}
