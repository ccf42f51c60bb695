//! Simulated callees: the far side of a call, for the demonstration and for the tests' virtual world.
//!
//! `persona` says who answers and what they do; `callee` does it, sans-IO; `exchange` holds many callees over one user
//! agent, sans-IO too; `server` is the shell with real sockets. Nothing in the switch itself knows this room.

mod audio;
mod callee;
mod exchange;
mod persona;
mod server;

pub use audio::{agent_goodbye, agent_prompt};
pub use exchange::{Exchange, Order};
pub use persona::{Answer, Beat, Persona};
pub use server::{Server, ServerConfig};
