//! What the cashier does unasked: top-ups without a word are asked for again, and accounts that ran low are reloaded.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::Cashier;
use super::top_up::LOOK_MAX;
use crate::clock::wall_now;
use crate::model::{AutoReload, TenantId, TopUp, TopUpState};
use crate::store::{StoreError, Verdict};

/// The hook is asked again after so long, twice as long after each silence.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(3_600);
/// A top-up without a word for so long is given up.
const GIVE_UP_MS: i64 = 86_400_000;
/// An account whose reload was declined is left alone for so long.
const DECLINED_PAUSE: Duration = Duration::from_secs(600);
/// Top-ups that are asked for at once.
const AT_ONCE: usize = 8;
/// However quiet it is, it looks about so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// When what is tried next.
#[derive(Default)]
struct Agenda {
    retries: HashMap<String, (Instant, Duration)>,
    paused: HashMap<TenantId, Instant>,
}

impl Cashier {
    /// Runs until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut agenda = Agenda::default();
        loop {
            let round = async {
                if let Err(error) = self.round(&mut agenda).await {
                    tracing::error!(%error, "top-ups could not be looked after");
                }
                tokio::select! {
                    () = self.0.accounts.fell_low() => {}
                    () = self.0.begun.notified() => {}
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            };
            // A question that is cut off here is asked again at the next start.
            tokio::select! {
                () = stop.cancelled() => return,
                () = round => {}
            }
        }
    }

    async fn round(&self, agenda: &mut Agenda) -> Result<(), StoreError> {
        // An account may be low only because nobody knows of its last reload.
        let mut doubtful = self.0.doubtful.lock().await;
        self.clear_up(&mut doubtful).await?;
        drop(doubtful);
        if !self.has_hook() {
            return Ok(());
        }
        let now = Instant::now();
        for (tenant, reload) in self.0.accounts.low() {
            if agenda.paused.get(&tenant).is_none_or(|until| *until <= now) {
                self.reload_one(agenda, tenant, reload).await?;
            }
        }
        let pending = self.0.store.pending_top_ups(LOOK_MAX).await?;
        agenda.retries.retain(|id, _| pending.iter().any(|top_up| top_up.id == *id));
        let due: Vec<TopUp> = pending.into_iter().filter(|top_up| agenda.is_due(top_up, now)).collect();
        let ask = async |top_up: TopUp| {
            let asked = match wall_now().0 - top_up.created_at.0 > GIVE_UP_MS {
                true => self.give_up(top_up).await,
                false => self.pursue(top_up).await,
            };
            if let Err(error) = asked {
                tracing::error!(%error, "a top-up could not be settled");
            }
        };
        futures_util::stream::iter(due).for_each_concurrent(AT_ONCE, ask).await;
        Ok(())
    }

    async fn reload_one(
        &self,
        agenda: &mut Agenda,
        tenant: TenantId,
        reload: AutoReload,
    ) -> Result<(), StoreError> {
        let asked = self.reload(tenant, reload.amount).await?;
        if let Some(TopUp { state: TopUpState::Declined, reason, .. }) = asked {
            tracing::warn!(%tenant, reason, "a reload was declined");
            agenda.paused.insert(tenant, Instant::now() + DECLINED_PAUSE);
        }
        Ok(())
    }

    async fn give_up(&self, top_up: TopUp) -> Result<TopUp, StoreError> {
        tracing::error!(id = %top_up.id, "the payment hook gave no word for a day; was it paid?");
        self.settle(top_up, &Verdict::Declined("the payment hook gave no word".into())).await
    }
}

impl Agenda {
    /// One that was not seen before has just been asked for, or was left by an earlier run.
    fn is_due(&mut self, top_up: &TopUp, now: Instant) -> bool {
        let (at, wait) = self.retries.entry(top_up.id.clone()).or_insert((now + RETRY_FIRST, RETRY_FIRST));
        if *at > now {
            return false;
        }
        *wait = (*wait * 2).min(RETRY_MAX);
        *at = now + *wait;
        true
    }
}
