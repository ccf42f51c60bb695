//! Money: `/v1/billing…` as ThunderPhone documents it, `/v1/rates` and `/v1/usage` as MiniVoice does, and the operator's credit.
//! Who pays is the key's tenant; nobody says for whom but the operator.

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::calls::shown;
use super::error::{ApiError, json};
use super::keyed::{as_reader_of, as_writer_of};
use super::{Api, body, idempotency};
use crate::cashier::{Cashier, RateError, TopUpError, TopUpRequest};
use crate::clock::wall_now;
use crate::directory::{Idempotent, ObjectError};
use crate::face::money::BillingProblem;
use crate::face::{Problem, minivoice, thunderphone};
use crate::model::{
    Account, Face, Key, Limit, Micros, ObjectKind, ObjectProblem, Refusal, StoredResponse, TenantId,
    TopUpState,
};
use crate::store::StoreError;

/// When a tenant whose top-ups wait for the hook should try again.
const TOP_UP_RETRY: std::time::Duration = std::time::Duration::from_secs(60);
/// A reference's length, in characters.
const REFERENCE_MAX: usize = 128;

/// `GET /v1/billing`
pub async fn account(State(api): State<Api>, headers: HeaderMap) -> Response {
    as_reader_of(&api, Face::ThunderPhone, &headers, async |key| {
        let cashier = cashier(&api)?;
        let account = standing(cashier, key.tenant).await?;
        Ok(shown(thunderphone::billing::account(&account, cashier.has_hook())))
    })
    .await
}

/// `PATCH /v1/billing`
pub async fn change(State(api): State<Api>, headers: HeaderMap, body: Body) -> Response {
    as_writer_with(&api, Face::ThunderPhone, &headers, body, async |key, bytes| {
        let cashier = cashier(&api)?;
        let now = standing(cashier, key.tenant).await?;
        let asked = thunderphone::billing::parse_settings(&bytes, now.reload)?;
        if asked.is_some_and(|reload| reload.is_some()) && !cashier.has_hook() {
            return Err(BillingProblem::NoHook.into());
        }
        if let Some(reload) = asked {
            cashier.set_reload(key.tenant, reload).await.map_err(failed)?;
        }
        let account = standing(cashier, key.tenant).await?;
        Ok(shown(thunderphone::billing::account(&account, cashier.has_hook())))
    })
    .await
}

/// `POST /v1/billing/top-up`
pub async fn top_up(State(api): State<Api>, headers: HeaderMap, body: Body) -> Response {
    as_writer_with(&api, Face::ThunderPhone, &headers, body, async |key, bytes| {
        let cashier = cashier(&api)?;
        let asked = thunderphone::billing::parse_top_up(&bytes)?;
        let idempotency = idempotency::promise(&headers, asked.idempotency_key, &bytes, &api.body_hash_key)?;
        let request = TopUpRequest { tenant: key.tenant, amount: asked.amount, key: key.id, idempotency };
        // The hook is heard even if the client goes away.
        let (handle, request) = (cashier.clone(), request);
        let asked = tokio::spawn(async move { handle.top_up(request).await }).await;
        let (top_up, repeated) = asked.map_err(|_| Problem::Internal)?.map_err(top_up_failed)?;
        if top_up.state == TopUpState::Declined {
            return Err(BillingProblem::Declined(top_up.reason.unwrap_or_default()).into());
        }
        let account = standing(cashier, key.tenant).await?;
        let response = json(thunderphone::billing::top_up(&top_up, &account));
        Ok(if repeated { idempotency::replayed(response) } else { response })
    })
    .await
}

/// `GET /v1/billing/transactions`
pub async fn transactions(State(api): State<Api>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    as_reader_of(&api, Face::ThunderPhone, &headers, async |key| {
        cashier(&api)?;
        let page = thunderphone::billing::parse_page(query.as_deref().unwrap_or_default())?;
        let found = api.store.entries(key.tenant, page.limit, page.offset).await.map_err(failed)?;
        Ok(shown(thunderphone::billing::transactions(&found.entries, found.count)))
    })
    .await
}

/// `GET /v1/rates`
pub async fn rates(State(api): State<Api>, headers: HeaderMap) -> Response {
    as_reader_of(&api, Face::MiniVoice, &headers, async |key| {
        Ok(shown(minivoice::billing::rates(&cashier(&api)?.rates(key.tenant))))
    })
    .await
}

/// `POST /v1/rates`
pub async fn add_rate(State(api): State<Api>, headers: HeaderMap, body: Body) -> Response {
    as_writer_with(&api, Face::MiniVoice, &headers, body, async |key, bytes| {
        let cashier = cashier(&api)?;
        let listed = minivoice::billing::parse_rate(&bytes)?;
        let in_body = idempotency::in_body(&bytes)?;
        // The same words for something else are another request.
        let hashed = [&b"rate\0"[..], &bytes].concat();
        let promise = idempotency::promise(&headers, in_body, &hashed, &api.body_hash_key)?;
        let promise = promise.map(|idempotency| Idempotent { key: key.id, idempotency });
        let (registry, cashier, tenant) = (api.registry.clone(), cashier.clone(), key.tenant);
        // Stored, in force and promised, even if the client goes away in between.
        let made = tokio::spawn(async move {
            let add = async || match cashier.add_rate(tenant, listed).await {
                Ok(listed) => Ok(minivoice::billing::created(&listed)),
                Err(RateError::NotAllowed) => Err(Problem::from(BillingProblem::NotAllowed)),
                Err(RateError::Store(error)) => Err(failed(error)),
            };
            registry.once(promise, wall_now(), add).await
        });
        Ok(idempotency::answer(made.await.map_err(|_| Problem::Internal)?.map_err(unkept)??))
    })
    .await
}

/// `GET /v1/usage`
pub async fn usage(State(api): State<Api>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    as_reader_of(&api, Face::MiniVoice, &headers, async |key| {
        let account = standing(cashier(&api)?, key.tenant).await?;
        let span = minivoice::billing::parse_span(query.as_deref().unwrap_or_default(), wall_now())?;
        let usage = api.store.usage(key.tenant, span.0, span.1).await.map_err(failed)?;
        Ok(shown(minivoice::billing::usage(&usage, &account, span)))
    })
    .await
}

/// `POST /v1/native/billing/credits`, the operator's: `{"tenant":1,"amount":"5.00","reference":"invoice 7"}`.
pub async fn credit(State(api): State<Api>, headers: HeaderMap, body: Body) -> Response {
    let credited = async {
        if !is_operator(&headers, &api.operator_token) {
            return Err(Problem::InvalidApiKey);
        }
        let bytes = body::read(&headers, body, api.body_max, api.body_timeout).await?;
        let asked = read_credit(&bytes)?;
        let tenant = credited_tenant(&api, &asked.tenant).await?;
        let cashier = cashier(&api)?;
        let credited = cashier.credit(tenant, asked.amount, asked.reference).await.map_err(failed)?;
        let account = standing(cashier, tenant).await?;
        let body = serde_json::json!({
            "tenant": tenant.0, "credited": credited, "currency": account.currency.as_str(),
            "available": account.available.to_string(), "available_micros": account.available,
        });
        Ok(json(StoredResponse { status: if credited { 201 } else { 200 }, body: body.to_string() }))
    };
    credited.await.unwrap_or_else(|problem| ApiError::shared(problem).into_response())
}

/// Whose account it is: nobody has one who is no tenant. A command may have made the tenant a moment ago, beside this switch.
async fn credited_tenant(api: &Api, text: &str) -> Result<TenantId, Problem> {
    let find = || api.directory.snapshot().tenant(text).map(|tenant| tenant.id);
    if let Some(known) = find() {
        return Ok(known);
    }
    api.registry.refresh().await.map_err(failed)?;
    Ok(find().ok_or(ObjectProblem::NotFound(ObjectKind::Tenant))?)
}

struct Credit {
    /// Its id or name.
    tenant: String,
    amount: Micros,
    reference: Option<String>,
}

/// What the operator sends.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = operator::CreditRequest)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    tenant: Whose,
    /// Units of the currency, above zero, with at most six places.
    #[schema(pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$")]
    amount: String,
    /// Credits once: the same reference again changes nothing.
    #[schema(min_length = 1, max_length = 128)]
    reference: Option<String>,
}

/// A tenant, as the operator names it.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = operator::Whose)]
#[serde(untagged)]
pub enum Whose {
    /// Its id.
    Id(u64),
    /// Its id or name.
    Text(String),
}

impl From<Whose> for String {
    fn from(whose: Whose) -> Self {
        match whose {
            Whose::Id(id) => id.to_string(),
            Whose::Text(text) => text,
        }
    }
}

fn read_credit(bytes: &[u8]) -> Result<Credit, Refusal> {
    let wrong = |field: &str, reason: String| Refusal::InvalidField { field: field.into(), reason };
    crate::face::must_be_object(bytes)?;
    let asked: Asked =
        serde_json::from_slice(bytes).map_err(|error| wrong("body", format!("cannot be read: {error}")))?;
    let amount: Micros = asked
        .amount
        .parse()
        .map_err(|error: crate::model::InvalidAmount| wrong("amount", error.to_string()))?;
    if !amount.is_positive() {
        return Err(wrong("amount", "must be above zero".into()));
    }
    let is_one = |text: &String| (1..=REFERENCE_MAX).contains(&text.chars().count()) && !text.contains('\0');
    if !asked.reference.as_ref().is_none_or(is_one) {
        return Err(wrong("reference", format!("must have 1 to {REFERENCE_MAX} characters, and no NUL")));
    }
    Ok(Credit { tenant: asked.tenant.into(), amount, reference: asked.reference })
}

/// Compared by their hashes, so that how much of a guess was right takes no time to tell.
fn is_operator(headers: &HeaderMap, token: &str) -> bool {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let hash = |text: &str| <[u8; 32]>::from(Sha256::digest(text.trim().as_bytes()));
    shown.is_some_and(|shown| bool::from(hash(shown).ct_eq(&hash(token))))
}

fn cashier(api: &Api) -> Result<&Cashier, Problem> {
    api.cashier.as_ref().ok_or(Problem::Billing(BillingProblem::Off))
}

/// An account as it stands in memory, which knows of holds before the disk does.
async fn standing(cashier: &Cashier, tenant: TenantId) -> Result<Account, Problem> {
    let (standing, currency) = cashier.standing(tenant).await.map_err(failed)?;
    let (available, held, reload) = (standing.available, standing.held, standing.reload);
    Ok(Account { tenant, currency, available, held, reload })
}

/// Reads the body once the key is known and has requests left, and does its work.
async fn as_writer_with(
    api: &Api,
    face: Face,
    headers: &HeaderMap,
    body: Body,
    work: impl AsyncFnOnce(&Key, Bytes) -> Result<Response, Problem>,
) -> Response {
    as_writer_of(api, face, headers, async |key| {
        let bytes = body::read(headers, body, api.body_max, api.body_timeout).await?;
        work(key, bytes).await
    })
    .await
}

impl From<BillingProblem> for Problem {
    fn from(problem: BillingProblem) -> Self {
        Self::Billing(problem)
    }
}

fn top_up_failed(error: TopUpError) -> Problem {
    match error {
        TopUpError::NoHook => BillingProblem::NoHook.into(),
        TopUpError::Conflict => Refusal::IdempotencyConflict.into(),
        TopUpError::TooMany => {
            let (limit, name) = (Limit::Requests, "top-ups that wait for the payment hook");
            Refusal::Limited { limit, name, retry_after: TOP_UP_RETRY }.into()
        }
        TopUpError::Store(error) => failed(error),
    }
}

fn unkept(error: ObjectError) -> Problem {
    match error {
        ObjectError::IdempotencyConflict => Refusal::IdempotencyConflict.into(),
        ObjectError::Store(error) => failed(error),
        error => {
            tracing::error!(%error, "a promise could not be read");
            Problem::Internal
        }
    }
}

fn failed(error: StoreError) -> Problem {
    tracing::error!(%error, "the books could not be read or written");
    Problem::Refused(Refusal::Storage)
}
