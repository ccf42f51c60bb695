//! How trunks stand, in the switch's own words: beside what is said of them at `/v1/native/trunks`.

use std::time::{Instant, SystemTime};

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Api;
use crate::model::{Timestamp, Trunk};

/// One trunk's.
#[derive(Serialize, ToSchema)]
#[schema(as = native::TrunkHealth)]
pub struct Shown {
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

#[derive(Serialize, ToSchema)]
#[schema(as = native::TrunkChannels)]
struct Channels {
    in_use: u32,
    max: Option<u32>,
}

/// New calls a second; `null` is unlimited.
#[derive(Serialize, ToSchema)]
#[schema(as = native::TrunkCps)]
struct Cps {
    now: Option<f64>,
    max: Option<f64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::TrunkOptions)]
struct Options {
    /// `null`: nothing came back.
    status: Option<u16>,
    round_trip_ms: u64,
}

/// How the trunk of the API's examples stands.
pub fn example() -> Value {
    json!({
        "state": "unknown", "since": Timestamp(1_780_056_000_000), "why": "nothing has been sent to it yet",
        "channels": { "in_use": 0, "max": null }, "cps": { "now": null, "max": null }, "held_seconds": 0.0,
        "registration": "off", "options": null,
    })
}

/// How a trunk stands.
pub fn health(api: &Api, trunk: &Trunk) -> Value {
    let now = Instant::now();
    let report = api.admission.report(now, trunk);
    let health = &report.health;
    let shown = Shown {
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
    };
    serde_json::to_value(shown).expect("strings and numbers")
}

fn civil(now: Instant, then: Instant) -> Timestamp {
    let wall = SystemTime::now() - now.saturating_duration_since(then);
    let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
