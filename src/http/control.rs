//! What may be done to a call that lives, for any key of its tenant: `/v1/native/calls/{id}/…`, and the two of them that
//! `/v1/calls/{id}/…` has.

use std::future::Future;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{MethodRouter, post};
use futures_util::future::BoxFuture;

use super::calls::{PathText, find};
use super::keyed::{as_writer, as_writer_of};
use super::promises::Promises;
use super::{Api, body, idempotency};
use crate::dialer::Dialer;
use crate::egress::EgressError;
use crate::face::native::control::{self, Control as Asked};
use crate::face::{Problem, minivoice};
use crate::model::{
    CallId, CallRecord, CallState, Face, Guide, Idempotency, Key, Meanwhile, NotDone, Refusal, Sound, Step,
    StoredResponse, Whisper,
};

type Give = dyn Fn(CallId, Step, bool) -> BoxFuture<'static, Result<(), NotDone>> + Send + Sync;

/// How the API has its will of calls that live. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    give: Arc<Give>,
    promises: Arc<Promises>,
}

impl Control {
    fn new<F, P>(give: F) -> Self
    where
        F: Fn(CallId, Step, bool) -> P + Send + Sync + 'static,
        P: Future<Output = Result<(), NotDone>> + Send + 'static,
    {
        let give = Arc::new(move |call, step, interrupt| -> BoxFuture<'static, _> {
            Box::pin(give(call, step, interrupt))
        });
        Self { give, promises: Arc::default() }
    }

    /// Ends a call, which cannot fail: it may only end by itself meanwhile.
    pub async fn hangup(&self, call: CallId) {
        let _ = (self.give)(call, Step::Hangup, false).await;
    }

    /// Does something to a call that talks.
    pub async fn act(&self, call: CallId, asked: Asked) -> Result<(), NotDone> {
        (self.give)(call, asked.step, asked.interrupt).await
    }

    /// Over calls that are not there.
    #[cfg(test)]
    pub fn nobody() -> Self {
        Self::new(async |_, _, _| Err(NotDone::NotTalking))
    }
}

impl From<Dialer> for Control {
    fn from(dialer: Dialer) -> Self {
        Self::new(move |call, step, interrupt| {
            let dialer = dialer.clone();
            async move {
                match step {
                    // One that waits for room, or rings, can be hung up too.
                    Step::Hangup => {
                        dialer.hangup(call).await;
                        Ok(())
                    }
                    step => dialer.control(call, step, interrupt).await,
                }
            }
        })
    }
}

/// Reads a body.
type Parse = fn(&[u8]) -> Result<Asked, Refusal>;

/// A route that does something to a call.
pub fn order(parse: Parse) -> MethodRouter<Api> {
    post(move |State(api): State<Api>, headers: HeaderMap, id: PathText, body: Body| async move {
        as_writer(&api, &headers, async |key| give(&api, key, &headers, id.text(), body, parse).await).await
    })
}

pub fn hangup(body: &[u8]) -> Result<Asked, Refusal> {
    control::plain(Step::Hangup, body)
}

pub fn hold(body: &[u8]) -> Result<Asked, Refusal> {
    control::plain(Step::Hold, body)
}

pub fn resume(body: &[u8]) -> Result<Asked, Refusal> {
    control::plain(Step::Resume, body)
}

pub fn start_recording(body: &[u8]) -> Result<Asked, Refusal> {
    control::plain(Step::StartRecording, body)
}

pub fn do_not_call(body: &[u8]) -> Result<Asked, Refusal> {
    control::plain(Step::DoNotCall, body)
}

pub fn complete_transfer(body: &[u8]) -> Result<Asked, Refusal> {
    control::plain(Step::CompleteTransfer, body)
}

pub fn cancel_transfer(body: &[u8]) -> Result<Asked, Refusal> {
    control::plain(Step::CancelTransfer, body)
}

pub fn stop_recording(body: &[u8]) -> Result<Asked, Refusal> {
    control::plain(Step::StopRecording, body)
}

pub fn stop_stream(body: &[u8]) -> Result<Asked, Refusal> {
    control::plain(Step::StopStream, body)
}

/// `POST /v1/calls/{id}/recordings`, of MiniVoice alone.
pub async fn recordings(State(api): State<Api>, headers: HeaderMap, id: PathText, body: Body) -> Response {
    let work = async |key: &Key| {
        let record = find(&api, key, id.text()).await?;
        let body = body::read(&headers, body, api.body_max, api.body_timeout).await?;
        let step = minivoice::parse_recording(&body)?;
        let order = [id.text().as_bytes(), step.name().as_bytes()];
        let work = {
            let (api, step) = (api.clone(), step.clone());
            async move {
                obey(&api, &record, step.clone().into()).await?;
                Ok(minivoice::recording(&record, &step))
            }
        };
        once(&api, key, &headers, &body, &order, work).await
    };
    as_writer_of(&api, Face::MiniVoice, &headers, work).await
}

async fn give(
    api: &Api,
    key: &Key,
    headers: &HeaderMap,
    id: &str,
    body: Body,
    parse: Parse,
) -> Result<Response, Problem> {
    let record = find(api, key, id).await?;
    let body = body::read(headers, body, api.body_max, api.body_timeout).await?;
    let asked = parse(&body)?;
    let order = [id.as_bytes(), asked.step.name().as_bytes()];
    let its_own = api.clone();
    let work = async move {
        obey(&its_own, &record, asked).await?;
        Ok(control::accepted(record.call))
    };
    once(api, key, headers, &body, &order, work).await
}

/// Does it, unless the same request has had its answer.
pub async fn once(
    api: &Api,
    key: &Key,
    headers: &HeaderMap,
    body: &Bytes,
    order: &[&[u8]],
    work: impl Future<Output = Result<StoredResponse, Problem>> + Send + 'static,
) -> Result<Response, Problem> {
    // The same key for another order is another request.
    let hashed = [&order.join(&b"\n"[..])[..], body].join(&b"\n"[..]);
    let promise = promised(api, headers, body, &hashed)?;
    Ok(idempotency::answer(api.control.promises.once(key.id, promise.as_ref(), work).await?))
}

fn promised(
    api: &Api,
    headers: &HeaderMap,
    body: &[u8],
    hashed: &[u8],
) -> Result<Option<Idempotency>, Refusal> {
    idempotency::promise(headers, idempotency::in_body(body)?, hashed, &api.body_hash_key)
}

/// What a step asks for from outside, by the names of its fields.
fn urls(step: &Step) -> Vec<(&'static str, &str)> {
    let mut urls = Vec::new();
    if let Step::Redirect(link) = step {
        urls.push(("Url", link.url.as_str()));
    }
    if let Step::Play(Sound::Url(url)) = step {
        urls.push(("url", url.as_str()));
    }
    if let Step::HandOver(handover) = step {
        if let Some(Whisper::Play(Sound::Url(url))) = &handover.whisper {
            urls.push(("whisper.url", url));
        }
        if let Meanwhile::Music(Some(Sound::Url(url))) = &handover.dial.meanwhile {
            urls.push(("music_url", url));
        }
    }
    urls
}

/// May whoever says what a call does be asked, and what it says first be had, as far as the URLs tell?
pub fn may_follow(api: &Api, guide: &Guide) -> Result<(), Refusal> {
    if guide.first.is_empty() {
        may_fetch(api, "Url", &guide.link.url)?;
    }
    guide.first.iter().try_for_each(|step| may_go_there(api, step))
}

fn may_fetch(api: &Api, field: &str, url: &str) -> Result<(), Refusal> {
    api.egress.check(url).map_err(|error| refused(field, &error))
}

fn refused(field: &str, error: &EgressError) -> Refusal {
    Refusal::InvalidField { field: field.to_owned(), reason: format!("is refused: {error}") }
}

/// May what a step asks for be had from outside, as far as its URLs tell?
fn may_go_there(api: &Api, step: &Step) -> Result<(), Refusal> {
    urls(step).into_iter().try_for_each(|(field, url)| may_fetch(api, field, url))?;
    let bot = match step {
        Step::Follow(guide) => return may_follow(api, guide),
        Step::Connect(bot) => bot,
        Step::StartStream(listener) => &listener.bot,
        _ => return Ok(()),
    };
    let Some(url) = &bot.url else { return Ok(()) };
    api.egress.check_dial(url.as_str()).map(drop).map_err(|error| refused("url", &error))
}

/// Has it done to a call that this key may see.
pub async fn obey(api: &Api, record: &CallRecord, asked: Asked) -> Result<(), Problem> {
    let is_possible = match &asked.step {
        Step::Hangup => record.state != CallState::Ended,
        _ => record.state == CallState::Answered,
    };
    if !is_possible {
        return Err(Problem::CallNotLive(NotDone::NotTalking));
    }
    may_go_there(api, &asked.step)?;
    match api.control.act(record.call, asked).await {
        Ok(()) => Ok(()),
        Err(NotDone::Forbidden(reason)) => Err(Refusal::DestinationForbidden { reason }.into()),
        Err(reason) => Err(Problem::CallNotLive(reason)),
    }
}
