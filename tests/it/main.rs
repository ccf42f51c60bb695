//! One integration binary. `world` runs whole calls in virtual time; the others start the real switch.

mod batch;
mod billing;
mod bots;
#[cfg(feature = "browser")]
mod browser;
mod callees;
mod calls_outbound;
mod calls_read;
mod carriers;
mod cli;
mod control;
mod crash;
mod deliveries;
mod doctor;
mod drain;
mod events;
mod faces;
mod hostile;
mod ledger;
mod metrics;
mod native;
mod objects;
mod openapi;
mod pairs;
mod peers;
mod postgres;
mod realtime;
mod review;
mod sipp;
mod sound;
mod spend;
mod standard_webhooks;
mod streams;
mod switch;
mod webhooks;
mod world;
