//! Trunks kept in virtual time.
