//! `POST /v1/calls/outbound`: seed 000, line by line.

mod answers;
mod bounds;
mod idempotency;
mod queueing;
mod speech;
mod validation;
