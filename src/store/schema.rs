//! The schema's history, embedded. A migration that was released is never changed; a new one follows it.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Versions and names are the same for both engines.
const HISTORY: [(i64, &str, &str, &str); 21] = [
    (
        1,
        "calls and outbox",
        include_str!("migrations/sqlite/0001_calls_and_outbox.sql"),
        include_str!("migrations/postgres/0001_calls_and_outbox.sql"),
    ),
    (
        2,
        "attempts",
        include_str!("migrations/sqlite/0002_attempts.sql"),
        include_str!("migrations/postgres/0002_attempts.sql"),
    ),
    (
        10,
        "objects",
        include_str!("migrations/sqlite/0010_objects.sql"),
        include_str!("migrations/postgres/0010_objects.sql"),
    ),
    (
        11,
        "campaigns",
        include_str!("migrations/sqlite/0011_campaigns.sql"),
        include_str!("migrations/postgres/0011_campaigns.sql"),
    ),
    (
        12,
        "billing",
        include_str!("migrations/sqlite/0012_billing.sql"),
        include_str!("migrations/postgres/0012_billing.sql"),
    ),
    (
        13,
        "events",
        include_str!("migrations/sqlite/0013_events.sql"),
        include_str!("migrations/postgres/0013_events.sql"),
    ),
    (
        15,
        "event log",
        include_str!("migrations/sqlite/0015_event_log.sql"),
        include_str!("migrations/postgres/0015_event_log.sql"),
    ),
    (
        16,
        "retries",
        include_str!("migrations/sqlite/0016_retries.sql"),
        include_str!("migrations/postgres/0016_retries.sql"),
    ),
    (
        30,
        "abandoned",
        include_str!("migrations/sqlite/0030_abandoned.sql"),
        include_str!("migrations/postgres/0030_abandoned.sql"),
    ),
    (
        35,
        "transcripts",
        include_str!("migrations/sqlite/0035_transcripts.sql"),
        include_str!("migrations/postgres/0035_transcripts.sql"),
    ),
    (
        40,
        "second parties",
        include_str!("migrations/sqlite/0040_second_parties.sql"),
        include_str!("migrations/postgres/0040_second_parties.sql"),
    ),
    (
        45,
        "call filters",
        include_str!("migrations/sqlite/0045_call_filters.sql"),
        include_str!("migrations/postgres/0045_call_filters.sql"),
    ),
    (
        50,
        "reviews",
        include_str!("migrations/sqlite/0050_reviews.sql"),
        include_str!("migrations/postgres/0050_reviews.sql"),
    ),
    (
        55,
        "people",
        include_str!("migrations/sqlite/0055_people.sql"),
        include_str!("migrations/postgres/0055_people.sql"),
    ),
    (
        58,
        "fair reviews",
        include_str!("migrations/sqlite/0058_fair_reviews.sql"),
        include_str!("migrations/postgres/0058_fair_reviews.sql"),
    ),
    (
        59,
        "delivery turns",
        include_str!("migrations/sqlite/0059_delivery_turns.sql"),
        include_str!("migrations/postgres/0059_delivery_turns.sql"),
    ),
    (
        60,
        "retention",
        include_str!("migrations/sqlite/0060_retention.sql"),
        include_str!("migrations/postgres/0060_retention.sql"),
    ),
    (
        70,
        "key fingerprint",
        include_str!("migrations/sqlite/0070_key_fingerprint.sql"),
        include_str!("migrations/postgres/0070_key_fingerprint.sql"),
    ),
    (
        75,
        "do not call",
        include_str!("migrations/sqlite/0075_do_not_call.sql"),
        include_str!("migrations/postgres/0075_do_not_call.sql"),
    ),
    (
        80,
        "callee window",
        include_str!("migrations/sqlite/0080_callee_window.sql"),
        include_str!("migrations/postgres/0080_callee_window.sql"),
    ),
    (
        85,
        "number per callee",
        include_str!("migrations/sqlite/0085_number_per_callee.sql"),
        include_str!("migrations/postgres/0085_number_per_callee.sql"),
    ),
];

pub(super) fn sqlite() -> Migrator {
    migrator(|(_, _, sqlite, _)| sqlite)
}

pub(super) fn postgres() -> Migrator {
    migrator(|(_, _, _, postgres)| postgres)
}

fn migrator(sql: impl Fn((i64, &'static str, &'static str, &'static str)) -> &'static str) -> Migrator {
    let migrations: Vec<_> = HISTORY
        .into_iter()
        .map(|entry| {
            let (version, name, ..) = entry;
            Migration::new(
                version,
                Cow::Borrowed(name),
                MigrationType::Simple,
                sql(entry).into_sql_str(),
                false,
            )
        })
        .collect();
    Migrator::with_migrations(migrations)
}
