//! `[agent.people]`: people who talk in an agent's place.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::{checker::Checker, uri};
use super::Names;
use crate::model::{Music, Notice, Pacing, Staff, Whom};

/// Names of one agent's people, at most.
const NAMES_MAX: usize = 100;
/// A notice's text, in bytes.
const NOTICE_BYTES_MAX: usize = 1_000;
/// The longest patience with a callee who hears nobody.
const PATIENCE_MS_MAX: u64 = 10_000;
/// The longest that somebody who calls in is kept ringing, in seconds.
const WAIT_SECONDS_MAX: u64 = 600;

/// People who talk in an agent's place.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = People)]
pub struct Table {
    /// Only people who serve this queue; without it and without `names`, anybody of the tenant.
    queue: Option<String>,
    /// Only these people, by their names.
    #[serde(default)]
    #[schema(max_items = 100)]
    names: Vec<String>,
    /// How long one person is rung before the next one is.
    #[serde(default = "ring")]
    #[schema(minimum = 3, maximum = 120)]
    ring_seconds: u64,
    /// What a person has after each call to write down what was said.
    #[serde(default = "wrap_up")]
    #[schema(minimum = 0, maximum = 600)]
    wrap_up_seconds: u64,
    /// How long somebody whom we have called may hear nobody, from the verdict on; then the notice is heard, and the call is an
    /// abandoned one.
    #[serde(default = "patience")]
    #[schema(minimum = 0, maximum = 10000)]
    patience_ms: u64,
    /// How long somebody who calls in is kept ringing while nobody is free.
    #[serde(default = "wait")]
    #[schema(minimum = 1, maximum = 600)]
    wait_seconds: u64,
    /// Who calls in is answered at once and hears the switch's own music while nobody is free; it rings otherwise.
    #[serde(default)]
    music: bool,
    /// A WAV file that is heard in its place, over and over.
    music_url: Option<String>,
    /// What is said to whom nobody came: who called, and how to be called no more. `{names}` are filled in.
    notice: Option<String>,
    /// A WAV file that is played in its place.
    notice_url: Option<String>,
    /// Calls of a campaign under way for each person who is free: more than 1 dials ahead of people, and abandons more calls.
    /// 1 if neither this nor `abandoned_percent` is said.
    #[schema(minimum = 1, maximum = 3)]
    calls_per_person: Option<f64>,
    /// Of a hundred callees who answer a campaign, about so many may hear nobody: it dials ahead of people as far as its own figures
    /// allow, of who answers, how soon, and how long is talked.
    #[schema(minimum = 0.1, maximum = 2.5)]
    abandoned_percent: Option<f64>,
}

fn ring() -> u64 {
    15
}

fn wrap_up() -> u64 {
    10
}

fn patience() -> u64 {
    2_000
}

fn wait() -> u64 {
    60
}

/// The people that a table describes.
pub fn staff(table: &Table, names: &Names, path: &str, check: &mut Checker<'_>) -> Arc<Staff> {
    let path = format!("{path}.people");
    let key = |name: &str| format!("{path}.{name}");
    check.that(&key("names"), table.queue.is_none() || table.names.is_empty(), || {
        "queue and names: one of them must go".into()
    });
    check
        .that(&key("names"), table.names.len() <= NAMES_MAX, || format!("must be at most {NAMES_MAX} names"));
    let whom = match (&table.queue, table.names.is_empty()) {
        (Some(queue), _) => {
            super::super::name::queue(queue, &key("queue"), check);
            Whom::Queue(queue.clone())
        }
        (None, false) => Whom::Named(table.names.clone()),
        (None, true) => Whom::Anybody,
    };
    check.that(&key("patience_ms"), table.patience_ms <= PATIENCE_MS_MAX, || {
        format!("must be at most {PATIENCE_MS_MAX} ms")
    });
    Arc::new(Staff {
        whom,
        ring: check.seconds(&key("ring_seconds"), table.ring_seconds, 3..=120),
        wrap_up: check.seconds(&key("wrap_up_seconds"), table.wrap_up_seconds, 0..=600),
        patience: Duration::from_millis(table.patience_ms),
        wait: check.seconds(&key("wait_seconds"), table.wait_seconds, 1..=WAIT_SECONDS_MAX),
        music: music(table, names, &path, check),
        notice: notice(table, names, &path, check),
        pacing: pacing(table, &path, check),
        // Each call has its own.
        brief: None,
    })
}

fn pacing(table: &Table, path: &str, check: &mut Checker<'_>) -> Pacing {
    let key = format!("{path}.abandoned_percent");
    check.that(&key, table.calls_per_person.is_none() || table.abandoned_percent.is_none(), || {
        "calls_per_person and abandoned_percent: one of them must go".into()
    });
    let (pacing, key, range, said) = match (table.abandoned_percent, table.calls_per_person) {
        (Some(percent), _) => (Pacing::predictive(percent), key, "0.1 to 2.5", percent),
        (None, Some(calls)) => (Pacing::ratio(calls), format!("{path}.calls_per_person"), "1 to 3", calls),
        (None, None) => return Pacing::ONE_EACH,
    };
    check.that(&key, pacing.is_some(), || format!("must be from {range}, not {said}"));
    pacing.unwrap_or(Pacing::ONE_EACH)
}

fn music(table: &Table, names: &Names, path: &str, check: &mut Checker<'_>) -> Option<Music> {
    let Some(url) = &table.music_url else { return table.music.then_some(Music::Own) };
    if let Err(reason) = uri::webhook(url, names.rules.allow_http) {
        check.fault(&format!("{path}.music_url"), reason);
    }
    Some(Music::Url(url.clone()))
}

fn notice(table: &Table, names: &Names, path: &str, check: &mut Checker<'_>) -> Option<Notice> {
    let both = table.notice.is_some() && table.notice_url.is_some();
    check.that(&format!("{path}.notice_url"), !both, || "notice and notice_url: one of them must go".into());
    if let Some(url) = &table.notice_url {
        if let Err(reason) = uri::webhook(url, names.rules.allow_http) {
            check.fault(&format!("{path}.notice_url"), reason);
        }
        return Some(Notice::Url(url.clone()));
    }
    let text = table.notice.as_ref()?;
    check.that(&format!("{path}.notice"), !text.trim().is_empty() && text.len() <= NOTICE_BYTES_MAX, || {
        format!("must be words, of at most {NOTICE_BYTES_MAX} bytes")
    });
    Some(Notice::Text(text.clone()))
}
