//! Tells the shard which trunks there are and whom to trust: at the start, when the configuration was read again, and now and
//! then, since what a trunk's name resolves to changes. And looks whether another process has changed what is stored.
#![expect(clippy::disallowed_methods, reason = "a shell: it waits")]

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use trunkline_sip::{Query, Resolver};

use crate::admission::Admission;
use crate::call::{Board, Command, Mailbox};
use crate::directory::{Directory, Registry};
use crate::model::Trunk;
use crate::trunk::doors::Doors;
use crate::trunk::reach::Reachable;

/// What is needed to keep trunks.
pub struct Keeping {
    pub directory: Directory,
    pub resolver: Resolver,
    pub mailbox: Mailbox,
    pub admission: Admission,
    pub reachable: Reachable,
    pub board: Board,
    /// Are trunks asked and registered at?
    pub keeps: bool,
}

/// How often names are resolved anew. The resolver's cache knows their TTLs.
const RESOLVE_EVERY: Duration = Duration::from_secs(60);
/// Names that are resolved at once.
const AT_ONCE: usize = 32;
/// How long registrars get to hear that we are gone.
const LEAVE_MAX: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Keeping {
    /// Runs until `stop`, then unregisters.
    pub async fn run(self, reloaded: Arc<Notify>, stop: CancellationToken) {
        self.keep().await;
        // A name's server may be silent for long; neither stopping nor what was changed waits for it.
        let changed = Notify::new();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.take_over(&reloaded, &changed) => {}
            () = self.look_round(&changed) => {}
        }
        if self.keeps {
            self.leave().await;
        }
    }

    async fn take_over(&self, reloaded: &Notify, changed: &Notify) {
        loop {
            reloaded.notified().await;
            self.admission.limit_tenants(self.directory.snapshot().tenants());
            self.keep().await;
            changed.notify_one();
        }
    }

    async fn look_round(&self, changed: &Notify) {
        loop {
            let _ = tokio::time::timeout(RESOLVE_EVERY, changed.notified()).await;
            let snapshot = self.directory.snapshot();
            let doors = doors(snapshot.trunks(), &self.resolver, &self.reachable).await;
            self.mailbox.send(Command::Doors(doors)).await;
        }
    }

    async fn keep(&self) {
        if self.keeps {
            let trunks = self.directory.snapshot().trunks().to_vec();
            self.mailbox.send(Command::Trunks(trunks)).await;
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
pub async fn doors(trunks: &[Arc<Trunk>], resolver: &Resolver, reachable: &Reachable) -> Doors {
    let mut doors = Doors::of(trunks);
    let mut hops = Vec::new();
    for trunk in trunks {
        let uris = [Some(trunk.uri.as_str()), trunk.outbound_proxy.as_deref()];
        hops.extend(uris.into_iter().flatten().filter_map(Query::of).map(|query| (Arc::clone(trunk), query)));
    }
    let resolved = hops.into_iter().map(async |(trunk, query)| {
        let targets = resolver.resolve(&query).await;
        (trunk, query, targets)
    });
    // In their order: of two trunks at one address the first is who calls.
    let mut resolved = pin!(stream::iter(resolved).buffered(AT_ONCE));
    while let Some((trunk, query, targets)) = resolved.next().await {
        for target in targets {
            if reachable(Some(&*trunk), &query.host, target.address.ip()) {
                doors.open(target.address.ip(), &trunk);
            }
        }
    }
    doors
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
