//! A trunk's life in virtual time.
