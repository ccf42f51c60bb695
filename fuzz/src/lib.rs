//! Hostile input for what listens to the network: SIP messages and a living user agent, SDP, RTP, RTCP and STUN-shaped packets.
//!
//! It knows the grammar it spoils: valid messages of the torture corpus and of a dialog at hand are cut, doubled, mixed and
//! salted with words that hurt. Everything comes from a seed and a number, so that a run is the same everywhere, and one case of it
//! can be had again.
//!
//! | module | what it is |
//! |---|---|
//! | `dice` | randomness with opinions |
//! | `spoil` | mutations of bytes and of lines; what looks like STUN |
//! | `sip`, `agent` | the message layer; a user agent with calls, registrations and transfers, and what must hold of it |
//! | `media` | SDP, and a bridge that hears packets |
//! | `memory` | what is allocated, counted |
//! | `transcript` | what a case did |
//! | `campaign` | cases one after another, and what is kept of a failure |

#![warn(missing_docs)]

mod agent;
pub mod campaign;
mod dice;
mod media;
pub mod memory;
mod sip;
mod spoil;
mod transcript;
