//! Nixflex: single outbound calls, reads and events, as its documents say (seed 000).

mod batch;
mod campaign;
mod error;
mod event;
mod persistence;
mod record;
mod request;
pub mod resource;
pub(crate) mod schema;

pub use batch::{Batch, parse_batch};
pub use campaign::{
    CampaignList, RecipientList, campaign, campaign_created, campaign_standing, campaigns,
    parse_campaign_list, parse_recipient_list, recipients,
};
pub use error::{error, error_with_detail};
pub use event::{SIGNATURE_HEADER, event, sign, test_event};
pub use record::{call, calls};
pub use request::parse_outbound;

#[cfg(test)]
pub(crate) use record::tests::record as ended_call;

use crate::model::{Accepted, StoredResponse};

/// The answer to an accepted call: 201 and exactly four fields.
pub fn created(accepted: &Accepted) -> StoredResponse {
    #[derive(serde::Serialize)]
    struct Created<'a> {
        call_id: String,
        status: &'static str,
        to: &'a str,
        from: &'a str,
    }
    let created = Created {
        call_id: accepted.record.call.ca(),
        status: "initiated",
        to: &accepted.record.to,
        from: &accepted.record.from,
    };
    StoredResponse { status: 201, body: json(&created) }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("our own structs have string keys and no failing serializer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CallRecord, CallState};

    #[test]
    fn an_accepted_call_is_answered_with_exactly_four_fields() {
        let accepted = Accepted {
            record: CallRecord { state: CallState::Dialing, ..ended_call() },
            application: None,
            key: None,
        };
        let body = "{\"call_id\":\"CA000000000000000000000000000000ff\",\"status\":\"initiated\",\
                    \"to\":\"+447386172392\",\"from\":\"+447446466847\"}";
        assert_eq!(created(&accepted), StoredResponse { status: 201, body: body.into() });
    }
}
