//! One integration binary. `world` runs whole calls in virtual time; the others start the real switch.

mod sipp;
mod switch;
mod world;
