//! The API over HTTP: who asks, how often, how much, and which face answers. Decides nothing about calls.

#![expect(clippy::disallowed_methods, reason = "a shell: it reads the clock and spawns")]

mod auth;
mod batch;
mod billing;
mod body;
mod bots;
mod calls;
mod control;
mod deliveries;
mod do_not_call;
mod doctor;
mod error;
mod events;
mod health;
mod idempotency;
mod keyed;
mod limits;
mod native;
mod objects;
mod observe;
pub mod openapi;
mod originate;
#[cfg(feature = "browser")]
mod people;
mod place;
mod promises;
mod recording;
mod routes;
mod scope;
mod server;
mod tls;
mod trials;
mod trunks;
mod twilio;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;

use crate::admission::Admission;
#[cfg(feature = "browser")]
use crate::agent::floor::Floor;
use crate::agent::stream::Reception;
use crate::campaign::Campaigns;
use crate::cashier::Cashier;
use crate::directory::{Directory, Registry};
use crate::doctor::Practice;
use crate::egress::Egress;
use crate::face::Problem;
use crate::face::link::Links;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::webhook::Wake;

pub use bots::Tickets;
pub use control::Control;
pub use events::Streams;
pub use health::Readiness;
pub use limits::RateLimits;
pub use originate::Originate;
pub use routes::{Access, ROUTES, Route};
pub use server::{Bounds, serve};
pub use tls::Tls;
pub use trials::Rehearse;

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
    /// Changes them.
    pub registry: Registry,
    /// The way out, for events that are sent to try a receiver.
    pub egress: Egress,
    /// Where bots that connect to us find their calls.
    pub reception: Reception,
    /// What lets them in without a key.
    pub tickets: Tickets,
    /// Calls that are over.
    pub store: Store,
    /// Calls whose end is not in the store yet.
    pub journal: Journal,
    /// Who listens to events.
    pub streams: Streams,
    /// Tells of deliveries that are owed again.
    pub wake: Wake,
    /// Money, if calls cost any.
    pub cashier: Option<Cashier>,
    /// What the operator's own requests show.
    pub operator_token: String,
    /// Who takes calls in a browser.
    #[cfg(feature = "browser")]
    pub floor: Floor,
    /// How trunks stand.
    pub admission: Admission,
    /// Batch campaigns.
    pub campaigns: Campaigns,
    /// Examines trunks.
    pub practice: Practice,
    /// Tries agents.
    pub rehearse: Rehearse,
    /// Counts requests, and is shown at `/metrics`.
    pub metrics: Metrics,
    /// Says whether new calls are welcome.
    pub readiness: Readiness,
    /// What recordings' paths are relative to.
    pub data_dir: PathBuf,
    /// How the world reaches this API; `None`: as each client says it did.
    pub public_url: Option<String>,
    /// What recordings are fetched by without a key.
    pub links: Option<Links>,
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

/// Every route of [`ROUTES`].
pub fn router(api: Api) -> Router {
    let routes =
        ROUTES.iter().fold(Router::new(), |router, route| router.route(route.path, (route.handler)()));
    routes
        .method_not_allowed_fallback(async || ApiError::shared(Problem::MethodNotAllowed))
        .fallback(async || ApiError::shared(Problem::NoSuchPath))
        .layer(from_fn_with_state(api.clone(), observe::observe))
        .with_state(api)
}

#[cfg(test)]
mod tests;
