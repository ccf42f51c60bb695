//! Where a connection comes from: we dial whoever it is, or wait until it has dialled us and its connection is handed in.
#![expect(clippy::disallowed_methods, reason = "a shell pauses between two tries")]

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::connect::{Failed, connect};
use super::door::Door;
use super::hatch::Hatch;
use super::link::Link;
use crate::egress::Egress;

/// Where connections come from: the first, and those after one that was lost.
pub enum Source {
    /// We dial.
    Dial(Egress, Arc<Door>),
    /// Somebody hands them in.
    Wait(Hatch),
}

impl Source {
    /// Dials.
    #[must_use]
    pub fn dial(egress: &Egress, door: Door) -> Self {
        Self::Dial(egress.clone(), Arc::new(door))
    }

    /// A connection after this pause, and `within` so long after it. Whoever is waited for needs no pause.
    pub(super) fn link(
        &self,
        pause: Duration,
        within: Duration,
    ) -> impl Future<Output = Result<Link, Failed>> + Send + use<> {
        let from = match self {
            Self::Dial(egress, door) => Ok((egress.clone(), Arc::clone(door))),
            Self::Wait(hatch) => Err(hatch.open()),
        };
        async move {
            match from {
                Ok((egress, door)) => {
                    sleep(pause).await;
                    connect(&egress, &door, within).await
                }
                Err(coming) => match timeout(pause + within, coming).await {
                    Ok(Ok(link)) => Ok(link),
                    Ok(Err(_)) | Err(_) => Err(Failed::Unreachable("nobody came in time".to_owned())),
                },
            }
        }
    }
}
