//! Parties beside a call's far end, on the wire: simulated callees at the first trunk, sipp or baresip at the second, and a
//! program that dials, or an operator who transfers.

mod dialling;
mod handing;
mod referring;
mod setting;
