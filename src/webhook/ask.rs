//! Asking a tenant's program while a caller waits: one request, a short deadline, no second try. Whoever does not answer in time
//! and in form has said nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::signed;
use crate::egress::Egress;
use crate::face::thunderphone;
use crate::model::{Arrival, Face, InlineAgent, WebhookEndpoint};

/// For the whole of it: a caller hears nothing but ringing meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks. Cheap to clone.
#[derive(Clone)]
pub struct Asker(Egress);

impl Asker {
    /// By this way out.
    pub fn new(egress: Egress) -> Self {
        Self(egress)
    }

    /// Who is to answer this call? `None`: the number's own agent.
    pub async fn who_answers(&self, endpoint: &WebhookEndpoint, arrival: &Arrival) -> Option<InlineAgent> {
        let body = thunderphone::incoming(arrival);
        let id = format!("evt_{}_incoming", arrival.call);
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let secret = endpoint.signing.reveal();
        let headers = signed(Face::ThunderPhone, secret, &endpoint.url, id, seconds, body.as_bytes());
        // Over all of it, a name's look-up included.
        let asked = self.0.post_within(PATIENCE, &endpoint.url, &headers, Bytes::from(body));
        let reason = match tokio::time::timeout(PATIENCE, asked).await {
            Err(_) => "no answer in time".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Ok(Ok(answer)) if !(200..300).contains(&answer.status) => format!("HTTP {}", answer.status),
            Ok(Ok(answer)) => match thunderphone::parse_incoming(&answer.body) {
                Ok(agent) => return agent,
                Err(refusal) => refusal.to_string(),
            },
        };
        tracing::warn!(call = %arrival.call, reason, "who answers was not said; the number's agent does");
        None
    }
}
