//! What calls cost, and who can pay for them: prices by prefix, what a call of some length costs, and every tenant's balance
//! in memory with what is kept back and what was spent today. Values and one lock: no clock, no database.
//!
//! The store's ledger is the truth over restarts, these accounts are the truth while one switch holds that store (and no two
//! ever do). A hold is taken here before its row is written, and given back here after that is on disk, so what is available
//! here is never more than what the ledger has.

mod accounts;
mod charge;
mod rates;

pub use accounts::{Accounts, Ask, Held, Seat, Standing};
pub use charge::{charge, first_price, seconds_covered, settlement};
pub use rates::Rates;
