//! Reviews: what becomes of calls that are over. Where an agent says so, a call's recording is put into words by a transcription
//! endpoint, and what was said is analysed by a chat-completions endpoint. Nothing leaves the switch unless the agent asks for it and
//! somebody is there to ask.
//!
//! What is owed stands in the store, written with the call's end; so a restart goes on where the last run stopped, and the call's
//! last event, which waits for its review, goes out when that ends or the waiting has been long enough, whatever happens here.
//! What is sent and what comes back is built and read by pure cores: `sound`, `transcription`, `analysis`, `retry`.

mod analysis;
mod attempt;
mod retry;
mod sound;
mod transcription;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::directory::Directory;
use crate::egress::{Egress, EgressError, Policy};
use crate::metrics::Metrics;
use crate::store::Store;
use crate::webhook::Wake;
use attempt::Context;

/// An answer that nobody can use, in one clause that quotes nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::review) struct Unusable(pub String);

/// What reviews are made with.
pub struct ReviewParts {
    /// What is owed, and where results go.
    pub store: Store,
    /// The agents and what they want.
    pub directory: Directory,
    /// Whom the switch asks, and for how long.
    pub config: config::Reviews,
    /// The guarded way out, for endpoints that agents name.
    pub egress: Egress,
    /// What recordings' paths are relative to.
    pub data_dir: PathBuf,
    /// Tells the webhooks' worker that an event waits no longer.
    pub wake: Wake,
    /// Who counts.
    pub metrics: Metrics,
}

/// Goes over calls that have ended.
pub struct Reviews(Arc<Context>);

impl Reviews {
    /// Nothing runs yet. The operator's own configuration names the switch's endpoints, and nobody else can: they may be anywhere,
    /// this machine included.
    pub fn new(parts: ReviewParts) -> Result<Self, EgressError> {
        let anywhere: Vec<IpNet> =
            ["0.0.0.0/0", "::/0"].map(|network| network.parse().expect("a network")).to_vec();
        let unguarded = Egress::new(Policy { allow_http: true, allow_addresses: anywhere })?;
        Ok(Self(Arc::new(Context { parts, unguarded })))
    }

    /// Runs until `stop`. What is under way then is left, and taken up by the next run.
    pub async fn run(self, stop: CancellationToken) {
        worker::run(self.0, stop).await;
    }
}

#[cfg(test)]
mod tests;
