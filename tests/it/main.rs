//! One integration binary. `world` runs whole calls in virtual time; the others start the real switch.

mod callees;
mod calls_outbound;
mod sipp;
mod switch;
mod world;
