//! `/v1/calls/batch…`: Nixflex's alone, so that another face's key is none here.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::calls::{PathText, shown};
use super::keyed::{as_reader_of, as_writer_of};
use super::place::{answer, counted, refused};
use super::{Api, body, idempotency};
use crate::campaign::Order;
use crate::face::{Problem, nixflex};
use crate::model::{BatchRefusal, CampaignId, Face, Key};
use crate::store::RecipientFilter;

/// `POST /v1/calls/batch`
pub async fn create(State(api): State<Api>, headers: HeaderMap, body: Body) -> Response {
    let work = async |key: &Key| make(&api, key, &headers, body).await;
    as_writer_of(&api, Face::Nixflex, &headers, work).await
}

async fn make(api: &Api, key: &Key, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    let _desk = refused(api, api.campaigns.desk(key.tenant, api.body_timeout).await)?;
    let body = body::read(headers, body, api.batch_body_max, api.body_timeout).await?;
    let (owner, bytes) = (key.clone(), body.clone());
    // Some 100,000 recipients take their time; other requests need not wait for it.
    let parsed = tokio::task::spawn_blocking(move || nixflex::parse_batch(&owner, &bytes)).await;
    let parsed = parsed.map_err(|_| Problem::Internal)?;
    let nixflex::Batch { mut request, idempotency_key } = counted(api, parsed.map_err(Problem::from))?;
    let promise = idempotency::promise(headers, idempotency_key, &body, &api.body_hash_key);
    request.idempotency = refused(api, promise)?;
    let made = api.campaigns.create(request, nixflex::campaign_created).await.ok_or(Problem::Internal)?;
    Ok(answer(counted(api, made.map_err(Problem::from))?))
}

/// `GET /v1/calls/batch`
pub async fn list(State(api): State<Api>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let show = async |key: &Key| {
        let list = nixflex::parse_campaign_list(query.as_deref().unwrap_or_default())?;
        let (campaigns, count) = api.campaigns.list(key.tenant, list.status, list.limit, list.offset).await?;
        Ok(shown(nixflex::campaigns(&campaigns, count, &list)))
    };
    as_reader_of(&api, Face::Nixflex, &headers, show).await
}

/// `GET /v1/calls/batch/{id}`
pub async fn read(State(api): State<Api>, headers: HeaderMap, path: PathText) -> Response {
    let show = async |key: &Key| {
        let campaign = api.campaigns.read(key.tenant, id(&path)?).await?;
        let single_calls = api.campaigns.single_calls(&campaign).await?;
        Ok(shown(nixflex::campaign(&campaign, single_calls, api.campaigns.learned(&campaign))))
    };
    as_reader_of(&api, Face::Nixflex, &headers, show).await
}

/// `GET /v1/calls/batch/{id}/recipients`
pub async fn recipients(
    State(api): State<Api>,
    headers: HeaderMap,
    path: PathText,
    RawQuery(query): RawQuery,
) -> Response {
    let show = async |key: &Key| {
        let list = nixflex::parse_recipient_list(query.as_deref().unwrap_or_default())?;
        let filter = RecipientFilter { after: list.after, state: list.status };
        let page = api.campaigns.recipients(key.tenant, id(&path)?, filter, list.limit).await?;
        Ok(shown(nixflex::recipients(&page, &list)))
    };
    as_reader_of(&api, Face::Nixflex, &headers, show).await
}

/// `POST /v1/calls/batch/{id}/launch`
pub async fn launch(State(api): State<Api>, headers: HeaderMap, path: PathText) -> Response {
    order(api, headers, path, Order::Launch).await
}

/// `POST /v1/calls/batch/{id}/pause`
pub async fn pause(State(api): State<Api>, headers: HeaderMap, path: PathText) -> Response {
    order(api, headers, path, Order::Pause).await
}

/// `POST /v1/calls/batch/{id}/resume`
pub async fn resume(State(api): State<Api>, headers: HeaderMap, path: PathText) -> Response {
    order(api, headers, path, Order::Resume).await
}

/// `POST /v1/calls/batch/{id}/cancel`
pub async fn cancel(State(api): State<Api>, headers: HeaderMap, path: PathText) -> Response {
    order(api, headers, path, Order::Cancel).await
}

async fn order(api: Api, headers: HeaderMap, path: PathText, order: Order) -> Response {
    let work = async |key: &Key| {
        let campaign = api.campaigns.order(key.tenant, id(&path)?, order).await?;
        Ok(shown(nixflex::campaign_standing(&campaign)))
    };
    as_writer_of(&api, Face::Nixflex, &headers, work).await
}

/// What is no id is nobody's campaign.
fn id(path: &PathText) -> Result<CampaignId, Problem> {
    path.text().parse().map_err(|()| Problem::Batch(BatchRefusal::NotFound))
}
