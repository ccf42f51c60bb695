//! Voiceflow: the outbound call of one agent, as its documents say (seed 003).

mod error;
mod record;
mod request;
pub(crate) mod schema;

pub use error::error;
pub use record::{call, calls, event, test_event};
pub use request::parse;

use serde_json::json;

use crate::model::{Accepted, StoredResponse};

/// The answer to an accepted call.
pub fn created(accepted: &Accepted) -> StoredResponse {
    let body = json!({ "callId": format!("call_{}", accepted.record.call), "status": "initiated" });
    StoredResponse { status: 200, body: body.to_string() }
}
