//! The API over HTTP: who asks, how often, how much, and which face answers. Decides nothing about calls.

#![expect(clippy::disallowed_methods, reason = "a shell: it reads the clock and spawns")]

mod auth;
mod batch;
mod body;
mod calls;
mod control;
mod doctor;
mod error;
mod health;
mod idempotency;
mod limits;
mod observe;
mod originate;
mod place;
mod recording;
mod server;
mod trunks;
mod twilio;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::admission::Admission;
use crate::campaign::Campaigns;
use crate::directory::Directory;
use crate::doctor::Practice;
use crate::face::Problem;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::store::Store;

pub use control::Control;
pub use health::Readiness;
pub use limits::RateLimits;
pub use originate::Originate;
pub use server::{Bounds, serve};

use error::ApiError;

/// What the routes work with. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Parts>);

/// The parts of an [`Api`].
pub struct Parts {
    /// Places calls.
    pub originate: Originate,
    /// Ends and transfers calls.
    pub control: Control,
    /// Whose keys and agents.
    pub directory: Directory,
    /// Calls that are over.
    pub store: Store,
    /// Calls whose end is not in the store yet.
    pub journal: Journal,
    /// How trunks stand.
    pub admission: Admission,
    /// Batch campaigns.
    pub campaigns: Campaigns,
    /// Examines trunks.
    pub practice: Practice,
    /// Counts requests, and is shown at `/metrics`.
    pub metrics: Metrics,
    /// Says whether new calls are welcome.
    pub readiness: Readiness,
    /// What recordings' paths are relative to.
    pub data_dir: PathBuf,
    /// Keys the hash of bodies that came with an idempotency key. The same over restarts and nodes.
    pub body_hash_key: [u8; 32],
    /// The longest body, in bytes.
    pub body_max: usize,
    /// The longest body of a batch campaign, in bytes.
    pub batch_body_max: usize,
    /// How long a body may take.
    pub body_timeout: Duration,
    /// Requests a minute, by key.
    pub limits: RateLimits,
}

impl From<Parts> for Api {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Every route.
pub fn router(api: Api) -> Router {
    Router::new()
        // Nixflex alone.
        .route("/v1/calls/outbound", post(place::nixflex))
        .route("/v1/calls/batch", get(batch::list).post(batch::create))
        .route("/v1/calls/batch/{id}", get(batch::read))
        .route("/v1/calls/batch/{id}/recipients", get(batch::recipients))
        .route("/v1/calls/batch/{id}/launch", post(batch::launch))
        .route("/v1/calls/batch/{id}/pause", post(batch::pause))
        .route("/v1/calls/batch/{id}/resume", post(batch::resume))
        .route("/v1/calls/batch/{id}/cancel", post(batch::cancel))
        // ThunderPhone alone.
        .route("/v1/call", post(place::thunderphone))
        .route("/v1/calls/{id}/audio", get(recording::audio))
        .route("/v1/calls/{id}/transcript", get(calls::transcript))
        // Voiceflow alone.
        .route("/v1alpha1/phone-number/{id}/outbound", post(place::voiceflow))
        .route("/v1/phone-number/{id}/outbound", post(place::voiceflow))
        // Twilio's clients alone.
        .route("/2010-04-01/Accounts/{account}/Calls.json", post(place::twilio))
        .route("/2010-04-01/Accounts/{account}/Calls/{file}", get(twilio::read).post(twilio::change))
        // Shared: the face of the API key answers.
        // Shared, but for its POST, which is MiniVoice's.
        .route("/v1/calls", get(calls::list).post(place::minivoice))
        .route("/v1/calls/{id}", get(calls::read))
        .route("/v1/calls/{id}/recording", get(recording::read))
        // The switch's own, for any key of the tenant.
        .route("/v1/calls/{id}/hangup", post(control::hangup))
        .route("/v1/calls/{id}/transfer", post(control::transfer))
        .route("/v1/trunks", get(trunks::list))
        .route("/v1/trunks/{id}", get(trunks::read))
        .route("/v1/trunks/{id}/doctor", post(doctor::examine))
        // The operator's.
        .route("/metrics", get(health::metrics))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(async || ApiError::shared(Problem::MethodNotAllowed))
        .fallback(async || ApiError::shared(Problem::NoSuchPath))
        .layer(from_fn_with_state(api.clone(), observe::observe))
        .with_state(api)
}

#[cfg(test)]
mod tests;
