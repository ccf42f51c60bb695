//! ThunderPhone: outbound calls, reads and events, as its documents say (seed 002).

pub mod billing;
mod error;
mod event;
mod incoming;
mod record;
mod request;
pub mod resource;
pub(crate) mod schema;
mod test_call;

pub use error::error;
pub use event::{completed, sign, test_event};
pub use incoming::{incoming, parse_incoming};
pub use record::{call, calls, transcript};
pub use request::parse;
pub use test_call::{TestBody, parse_test_call, test_call};

use serde_json::json;

use crate::model::{Accepted, StoredResponse};

/// The answer to an accepted call: 201, an integer and a word.
pub fn created(accepted: &Accepted) -> StoredResponse {
    let body = json!({ "call_id": accepted.record.call.get(), "status": "initiated" });
    StoredResponse { status: 201, body: body.to_string() }
}
