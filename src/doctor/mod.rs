//! The doctor: examines a trunk as the switch would use it, and says in plain words what is wrong and which key to change.
//!
//! | module | what it is |
//! |---|---|
//! | `finding` | what is told: step, verdict, code, what was tried, what came back, what to do |
//! | `patient`, `observation` | what is examined; what was seen, as plain values |
//! | `judge` | pure: observations to findings. All that the doctor knows of carriers stands here |
//! | `examination` | sans-IO: which order comes next, after which observation |
//! | `run`, `wire`, `names`, `knock` | the shells: a user agent, an endpoint and sockets of the doctor's own, so that a running switch is not disturbed |
//!
//! Nothing here decides how a call is placed: an INVITE is composed by [`crate::trunk::route`], as for any call, and what the
//! doctor advises it has tried where that can be tried.

mod examination;
mod finding;
mod judge;
mod knock;
mod names;
mod observation;
mod patient;
mod run;
mod wire;

pub use examination::{Examination, Order};
pub use finding::{Code, Finding, Step, Verdict};
pub use observation::{
    Answer, Asked, Exchange, Hop, Knocked, Names, Observation, RecordKind, Seen, Transport,
};
pub use patient::Patient;
pub use run::{DoctorError, Findings, Verified, examine, verify};
