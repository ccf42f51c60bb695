//! `/v1/trunks…`: how trunks stand, in the switch's own words. For any key, its own tenant's.

use std::time::{Instant, SystemTime};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;

use super::Api;
use super::calls::{PathText, as_reader};
use super::error::json;
use crate::face::Problem;
use crate::model::{StoredResponse, Timestamp, Trunk};

/// One trunk.
#[derive(Serialize)]
struct Shown<'a> {
    id: u64,
    name: &'a str,
    uri: &'a str,
    enabled: bool,
    /// `unknown`, `up`, `degraded` or `down`.
    state: &'static str,
    since: Timestamp,
    /// One sentence.
    why: String,
    channels: Channels,
    cps: Cps,
    /// For how much longer it asked to be left alone.
    held_seconds: f64,
    /// `off`, `pending`, `registered` or `failed`.
    registration: &'static str,
    /// The last one, if one was sent.
    options: Option<Options>,
}

#[derive(Serialize)]
struct Channels {
    in_use: u32,
    max: Option<u32>,
}

/// New calls a second; `null` is unlimited.
#[derive(Serialize)]
struct Cps {
    now: Option<f64>,
    max: Option<f64>,
}

#[derive(Serialize)]
struct Options {
    /// `null`: nothing came back.
    status: Option<u16>,
    round_trip_ms: u64,
}

/// `GET /v1/trunks`
pub async fn list(State(api): State<Api>, headers: HeaderMap) -> Response {
    as_reader(&api, &headers, async |key| {
        let snapshot = api.directory.snapshot();
        let own = snapshot.trunks().iter().filter(|trunk| trunk.tenant == key.tenant);
        let trunks: Vec<_> = own.map(|trunk| show(&api, trunk)).collect();
        Ok(answer(&serde_json::json!({ "trunks": trunks })))
    })
    .await
}

/// `GET /v1/trunks/{id or name}`. A name goes first.
pub async fn read(State(api): State<Api>, headers: HeaderMap, wanted: PathText) -> Response {
    as_reader(&api, &headers, async |key| {
        let wanted = wanted.text();
        let snapshot = api.directory.snapshot();
        let own = || snapshot.trunks().iter().filter(|trunk| trunk.tenant == key.tenant);
        let named = own().find(|trunk| trunk.name == wanted);
        let found = named.or_else(|| own().find(|trunk| trunk.id.to_string() == wanted));
        Ok(answer(&show(&api, found.ok_or(Problem::NoSuchPath)?)))
    })
    .await
}

fn show<'a>(api: &Api, trunk: &'a Trunk) -> Shown<'a> {
    let now = Instant::now();
    let report = api.admission.report(now, trunk);
    let health = &report.health;
    Shown {
        id: trunk.id.0,
        name: &trunk.name,
        uri: &trunk.uri,
        enabled: trunk.enabled,
        state: health.state().as_str(),
        since: civil(now, health.since()),
        why: if trunk.enabled { health.why().to_owned() } else { "it is disabled".to_owned() },
        channels: Channels { in_use: report.calls, max: trunk.channels },
        cps: Cps { now: report.cps, max: trunk.cps },
        held_seconds: health.held(now).unwrap_or_default().as_secs_f64(),
        registration: health.registration().as_str(),
        options: health.probe().map(|probe| Options {
            status: probe.status,
            round_trip_ms: u64::try_from(probe.round_trip.as_millis()).unwrap_or(u64::MAX),
        }),
    }
}

fn civil(now: Instant, then: Instant) -> Timestamp {
    let wall = SystemTime::now() - now.saturating_duration_since(then);
    let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn answer(body: &impl Serialize) -> Response {
    let body = serde_json::to_string(body).expect("strings and numbers");
    json(StoredResponse { status: 200, body })
}
