//! One integration binary. `world` runs whole calls in virtual time; the others start the real switch.

mod batch;
mod billing;
#[cfg(feature = "browser")]
mod browser;
mod callees;
mod calls_outbound;
mod calls_read;
mod carriers;
mod cli;
mod control;
mod crash;
mod doctor;
mod drain;
mod faces;
mod hostile;
mod ledger;
mod metrics;
mod objects;
mod peers;
mod postgres;
mod sipp;
mod sound;
mod spend;
mod switch;
mod webhooks;
mod world;
