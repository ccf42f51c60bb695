//! The body of `POST /v1/calls/outbound`.

use crate::model::{Key, OutboundRequest, Refusal};

/// A valid body. Its idempotency key, if it names one, is not yet part of the request: the header has a say in it.
pub struct Outbound {
    /// The request, for this key.
    pub request: OutboundRequest,
    /// `idempotency_key` of the body.
    pub idempotency_key: Option<String>,
}

/// Parses and checks a body in the document's order: presence, then E.164.
pub fn parse_outbound(key: &Key, body: &[u8]) -> Result<Outbound, Refusal> {
    let _ = (key, body);
    todo!()
}
