//! The doctor: examines a trunk as the switch would use it, and says in plain words what is wrong and which key to change.
//!
//! | module | what it is |
//! |---|---|
//! | `finding` | what is told: step, verdict, code, what was tried, what came back, what to do |
//! | `patient`, `observation` | what is examined; what was seen, as plain values |
//! | `judge` | pure: observations to findings. All that the doctor knows of carriers stands here |
//! | `examination` | sans-IO: which order comes next, after which observation |
//! | `remedy` | pure: which changes of the configuration may cure a refused call |
//! | `practice` | a shell: examinations for a running switch, one at a time for each trunk |
//! | `run`, `gate`, `wire`, `call`, `line`, `names`, `knock` | the shells: a user agent, an endpoint and sockets of the doctor's own, so that a running switch is not disturbed |
//!
//! Nothing here decides how a call is placed: an INVITE is composed by [`crate::trunk::route`], as for any call, and what the
//! doctor advises it has tried where that can be tried.

mod call;
mod examination;
mod finding;
mod gate;
mod judge;
mod knock;
mod line;
mod names;
mod observation;
mod patient;
mod practice;
mod remedy;
mod run;
mod wire;

pub use examination::{Examination, Order};
pub use finding::{Code, Finding, Step, Verdict};
pub use gate::Gate;
pub use observation::{
    Answer, Asked, Audio, CallSeen, DIGITS, Exchange, Hold, Knocked, Names, Observation, RecordKind,
    Reoffered, Seen, Source,
};
pub use patient::{Patient, Probe};
pub use practice::{Practice, PracticeError};
pub use remedy::{REMEDIES_MAX, Remedy};
pub use run::{DoctorError, Findings, Verified, examine, verify};
