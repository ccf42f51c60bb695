//! One top-up: written down, asked for, settled. Credited when the hook confirms it, and once.

use uuid::Uuid;

use super::Cashier;
use crate::clock::wall_now;
use crate::model::{Idempotency, KeyId, Micros, TenantId, TopUp, TopUpState};
use crate::store::{Begun, NewTopUp, StoreError, Verdict};

/// A tenant wants to pay in.
#[derive(Clone, Debug)]
pub struct TopUpRequest {
    /// Whose.
    pub tenant: TenantId,
    /// How much.
    pub amount: Micros,
    /// The key that asked.
    pub key: KeyId,
    /// Present when the client may repeat itself.
    pub idempotency: Option<Idempotency>,
}

/// Why nothing was asked for.
#[derive(Debug, thiserror::Error)]
pub enum TopUpError {
    /// There is no payment hook: only the operator credits.
    #[error("no payment hook is configured: only the operator can credit this account")]
    NoHook,
    /// The same idempotency key came with another body.
    #[error("this idempotency key was used with another request")]
    Conflict,
    /// Too many wait for the hook's word.
    #[error("too many top-ups wait for the payment hook")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Top-ups of one tenant that may wait for the hook's word.
const PENDING_MAX: usize = 10;
/// Pending top-ups that are looked at, of all tenants.
pub(super) const LOOK_MAX: u32 = 1_000;

impl Cashier {
    /// Asks the hook for a payment; how it stands then, and whether the request was made before. One that stays pending is asked
    /// for again until there is a word.
    pub async fn top_up(&self, request: TopUpRequest) -> Result<(TopUp, bool), TopUpError> {
        if !self.has_hook() {
            return Err(TopUpError::NoHook);
        }
        self.seat(request.tenant).await?;
        let new = NewTopUp {
            id: format!("tu_{}", Uuid::new_v4().simple()),
            tenant: request.tenant,
            amount: request.amount,
            auto: false,
            promise: request.idempotency.map(|promise| (request.key, promise)),
            at: wall_now(),
        };
        let waiting = self.0.store.pending_top_ups(LOOK_MAX).await?;
        let own = waiting.iter().filter(|top_up| top_up.tenant == new.tenant).count();
        if waiting.len() >= LOOK_MAX as usize || own >= PENDING_MAX {
            // A repetition of one that waits is no more to wait for.
            return match self.0.store.repeated_top_up(&new).await? {
                Some(Begun::Same(top_up)) => Ok((top_up, true)),
                Some(_) => Err(TopUpError::Conflict),
                None => Err(TopUpError::TooMany),
            };
        }
        match self.0.store.begin_top_up(&new).await? {
            Begun::New => Ok((self.pursue(pending(new)).await?, false)),
            Begun::Same(top_up) if top_up.state == TopUpState::Pending => {
                Ok((self.pursue(top_up).await?, true))
            }
            Begun::Same(top_up) => Ok((top_up, true)),
            Begun::Conflict | Begun::InFlight => Err(TopUpError::Conflict),
        }
    }

    /// Asks for a reload of an account, unless one is under way. `None`: one is.
    pub(super) async fn reload(&self, tenant: TenantId, amount: Micros) -> Result<Option<TopUp>, StoreError> {
        let id = format!("tu_{}", Uuid::new_v4().simple());
        let new = NewTopUp { id, tenant, amount, auto: true, promise: None, at: wall_now() };
        match self.0.store.begin_top_up(&new).await? {
            Begun::New => self.pursue(pending(new)).await.map(Some),
            Begun::Same(_) | Begun::Conflict | Begun::InFlight => Ok(None),
        }
    }

    /// Asks the hook once for a top-up that is on disk, and writes down what it says. How the top-up stands then.
    pub(super) async fn pursue(&self, top_up: TopUp) -> Result<TopUp, StoreError> {
        let (hook, currency) = self.terms(|terms| (terms.hook.clone(), terms.currency));
        let Some(hook) = hook else { return Ok(top_up) };
        let verdict = hook.ask(&self.0.egress, &top_up, currency, wall_now()).await;
        let said = match verdict {
            Ok(verdict) => verdict,
            Err(error) => {
                tracing::warn!(id = %top_up.id, %error, "a top-up stays pending");
                self.0.begun.notify_one();
                return Ok(top_up);
            }
        };
        self.settle(top_up, &said).await
    }

    /// Writes the hook's word down. Of several answers to one top-up the first counts.
    pub(super) async fn settle(&self, top_up: TopUp, verdict: &Verdict) -> Result<TopUp, StoreError> {
        // What an account is seated with is what was on disk before.
        self.seat(top_up.tenant).await?;
        let mut doubtful = self.0.doubtful.lock().await;
        self.clear_up(&mut doubtful).await?;
        let stands = self.0.store.top_up(&top_up.id).await?.unwrap_or(top_up);
        if stands.state != TopUpState::Pending {
            return Ok(stands);
        }
        match self.0.store.settle_top_up(&stands.id, verdict, wall_now()).await {
            Ok(Some(settled)) => {
                self.enter(&settled);
                Ok(settled)
            }
            Ok(None) => Ok(stands),
            Err(error) => {
                *doubtful = Some(stands.id);
                Err(error)
            }
        }
    }

    /// A commit whose answer was lost may have gone through: what it brought is entered before anything more is asked for.
    pub(super) async fn clear_up(&self, doubtful: &mut Option<String>) -> Result<(), StoreError> {
        let Some(id) = doubtful.as_deref() else { return Ok(()) };
        let stands = self.0.store.top_up(id).await?;
        *doubtful = None;
        if let Some(settled) = stands.filter(|top_up| top_up.state != TopUpState::Pending) {
            self.enter(&settled);
        }
        Ok(())
    }

    fn enter(&self, settled: &TopUp) {
        if settled.state == TopUpState::Confirmed {
            self.0.accounts.enter(settled.tenant, settled.amount);
        }
        tracing::info!(id = %settled.id, state = settled.state.as_str(), "a top-up was settled");
    }
}

fn pending(new: NewTopUp) -> TopUp {
    TopUp {
        id: new.id,
        tenant: new.tenant,
        amount: new.amount,
        auto: new.auto,
        state: TopUpState::Pending,
        reason: None,
        created_at: new.at,
        settled_at: None,
    }
}
