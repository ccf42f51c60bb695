//! Trunkline: the switch and its control plane. The crate's map, from the door to the wire:
//!
//! | room | what lives there |
//! |---|---|
//! | [`cli`], [`config`], [`house`] | the command line; the configuration; who builds everything and takes it down |
//! | [`http`] | every route on one page; keys, limits, bodies, errors |
//! | [`face`] | one vendor's JSON: parse, render, sign. Pure |
//! | [`directory`], [`admission`] | tenants and what is theirs, from the file and the store; who may call now |
//! | [`billing`] | what calls cost, and who can pay for them |
//! | [`cashier`] | accounts and ledger, prices, top-ups by the payment hook |
//! | [`campaign`] | batch campaigns: orders, windows, pacing, and the runner that claims recipients and has them dialled |
//! | [`dialer`] | from a request to a call on its way: permits, ports, the committed intent; queue, recovery |
//! | [`call`] | one call's machine, its SIP party, the table of its ends; the shard that holds many, and its driver |
//! | [`agent`], [`tts`] | who talks: scripts, programs of steps, bots over [media streams](agent::stream), [realtime models](agent::realtime) (one [line](agent::line) carries both), people in a browser; who is free; how text becomes speech |
//! | [`doctor`] | what is wrong with a trunk, and which key to change |
//! | [`trunk`] | how an INVITE for a trunk looks, and where it may go |
//! | [`journal`], [`store`] | every call's facts, written down in order; SQLite and PostgreSQL behind one `Store` |
//! | [`webhook`], [`egress`] | delivery from the outbox; the only way out by HTTP or WebSocket |
//! | [`review`] | what becomes of calls that are over: their words, by a transcription endpoint, and what those come to |
//! | [`rehearsal`] | dry runs of agents: the switch once more, for one call, with a simulated callee |
//! | [`metrics`], [`keyfile`], [`clock`], [`threads`] | every metric's name; the switch's own secret; what the calendar says; how many threads a kind of work gets |
//! | [`model`] | what every room may speak of |
//! | [`simulator`] | simulated callees, for the demonstration and the tests; the switch does not know them |
//!
//! A request's way: `http` → `face` (parse) → `dialer` (resolve, admit, open a leg, commit) → `call` (INVITE, verdict, agent, end) →
//! `journal` (row and outbox in one commit) → `webhook`. Inputs go down, events come up, each by one road. Imports run
//! the same way: `call` knows neither `store` nor `http`; `face` knows `model` alone; `trunkline_sip` and
//! `trunkline_media` do not know each other.
//!
//! Cores take `now` and never wait; shells hold sockets, clocks and tasks. The same [`call::Shard`] runs under
//! [`call::Driver`] in the switch and in virtual time in the tests:
//!
//! ```
//! use std::time::Instant;
//! use trunkline::admission::{Admission, Limits};
//! use trunkline::call::Shard;
//! use trunkline_sip::{Config, Path};
//!
//! let local = "192.0.2.1:5060".parse().unwrap();
//! let remote = "192.0.2.2:5060".parse().unwrap();
//! let mut shard = Shard::new(Config::new(local), [7; 32], Admission::new(Limits::default()));
//! let options = "OPTIONS sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\n\
//!                From: <sip:a@192.0.2.2>;tag=1\r\nTo: <sip:192.0.2.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n";
//! shard.handle_message(Instant::now(), Path::udp(local, remote), options.into());
//! let answer = shard.poll_transmit().expect("a trunk's ping is answered");
//! assert!(answer.payload.starts_with(b"SIP/2.0 200 OK"));
//! ```
#![warn(missing_docs)]
// What commands print goes through `cli::out`, which outlives whoever reads it.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod admission;
pub mod agent;
pub mod billing;
pub mod call;
pub mod campaign;
pub mod cashier;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dialer;
pub mod directory;
pub mod doctor;
pub mod egress;
pub mod face;
pub mod house;
pub mod http;
pub mod journal;
pub mod keyfile;
pub mod metrics;
pub mod model;
#[cfg(test)]
mod patience;
mod private;
pub mod rehearsal;
pub mod review;
pub mod simulator;
pub mod store;
pub mod threads;
pub mod trunk;
pub mod tts;
mod watched;
pub mod webhook;
