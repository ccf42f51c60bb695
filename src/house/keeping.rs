//! Tells the shard which trunks there are and whom to trust: at the start, when the configuration was read again, and now and
//! then, since what a trunk's name resolves to changes. And looks whether another process has changed what is stored.
#![expect(clippy::disallowed_methods, reason = "a shell: it waits")]

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use trunkline_sip::{Query, Resolver};

use crate::admission::Admission;
use crate::call::{Board, Command, Mailbox};
use crate::config::FILE_TENANT;
use crate::directory::{Directory, Registry, Snapshot};
use crate::model::Trunk;
use crate::trunk::doors::Doors;
use crate::trunk::reach::Reach;

/// What is needed to keep trunks.
pub struct Keeping {
    pub directory: Directory,
    pub resolver: Resolver,
    pub mailbox: Mailbox,
    pub admission: Admission,
    pub reach: Reach,
    pub board: Board,
    /// Are trunks asked and registered at?
    pub keeps: bool,
}

/// How often names are resolved anew. The resolver's cache knows their TTLs.
const RESOLVE_EVERY: Duration = Duration::from_secs(60);
/// How long registrars get to hear that we are gone.
const LEAVE_MAX: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Keeping {
    /// Runs until `stop`, then unregisters.
    pub async fn run(self, reloaded: Arc<Notify>, stop: CancellationToken) {
        let mut trunks = self.directory.snapshot().trunks().to_vec();
        self.keep(&trunks).await;
        loop {
            let pause = tokio::time::sleep(RESOLVE_EVERY);
            let is_reloaded = tokio::select! {
                () = stop.cancelled() => break,
                () = reloaded.notified() => true,
                () = pause => false,
            };
            if is_reloaded {
                let snapshot = self.directory.snapshot();
                self.admission.limit_tenants(snapshot.tenants());
                guard(&self.reach, &snapshot);
                trunks = snapshot.trunks().to_vec();
                self.keep(&trunks).await;
            }
            // Resolving may take long; stopping need not wait for it.
            tokio::select! {
                () = stop.cancelled() => break,
                doors = doors(&trunks, &self.resolver, &self.reach) => drop(self.mailbox.send(Command::Doors(doors)).await),
            }
        }
        if self.keeps && trunks.iter().any(|trunk| trunk.registration.is_some()) {
            self.leave().await;
        }
    }

    async fn keep(&self, trunks: &[Arc<Trunk>]) {
        if self.keeps {
            self.mailbox.send(Command::Trunks(trunks.to_vec())).await;
        }
    }

    async fn leave(&self) {
        let left = async {
            self.mailbox.send(Command::Trunks(Vec::new())).await;
            while self.board.read().registered > 0 {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        if tokio::time::timeout(LEAVE_MAX, left).await.is_err() {
            tracing::warn!("a registrar did not confirm that we are gone");
        }
    }
}

/// By which ways calls come in, and who may open anything new towards us (OPTIONS pings, calls to our numbers): the trunks and
/// whoever proves to be one. A name that cannot be resolved now is tried again with the next look.
pub async fn doors(trunks: &[Arc<Trunk>], resolver: &Resolver, reach: &Reach) -> Doors {
    let mut doors = Doors::of(trunks);
    for trunk in trunks {
        let hops = [Some(trunk.uri.as_str()), trunk.outbound_proxy.as_deref()];
        for query in hops.into_iter().flatten().filter_map(Query::of) {
            for target in resolver.resolve(&query).await {
                if reach.allows(&query.host, target.address.ip()) {
                    doors.open(target.address.ip(), trunk);
                }
            }
        }
    }
    doors
}

/// Whom the operator trusts to lead anywhere, and to where everybody else may lead.
pub fn guard(reach: &Reach, snapshot: &Snapshot) {
    reach.set(snapshot.trunks(), FILE_TENANT, &snapshot.rules().sip_addresses);
}

/// How often it is looked whether another process has changed an object.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Takes over what the command line and other switches change.
pub(super) async fn watch(registry: Registry, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(WATCH_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut is_lost = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match registry.refresh().await {
            Ok(is_changed) => {
                is_lost = false;
                if is_changed {
                    tracing::info!("objects were changed by another process");
                }
            }
            // Told once for each time that it is lost.
            Err(error) if !std::mem::replace(&mut is_lost, true) => {
                tracing::warn!(%error, "changes of objects by other processes cannot be seen");
            }
            Err(_) => {}
        }
    }
}
