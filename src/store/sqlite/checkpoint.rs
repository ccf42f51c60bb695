//! Moves SQLite's log into the database, off the writer's connection, without ever holding the writer up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Executor, Row};

const EVERY: Duration = Duration::from_secs(1);
/// Passive checkpoints never make a busy log begin anew; past so many pages (32 MB) one takes the writer's lock and does.
const PAGES_MAX: i64 = 8192;
/// How long it has that lock at most, waiting for those who still read from the log. Then the log grows on until the next try.
const BUSY: Duration = Duration::from_millis(20);
/// Past so many pages (512 MB) somebody reads without an end, and that is told.
const PAGES_TOLD: i64 = 131_072;
const TELL_EVERY: Duration = Duration::from_secs(600);

/// What became of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Log {
    /// It is short.
    Short,
    /// It is long, so many pages, and somebody still reads from it.
    Held(i64),
    /// It was long, and what is written next begins it anew.
    Anew,
}

/// Runs for as long as there is a database; `dirty` says that something was committed.
pub async fn run(mut connection: SqliteConnection, dirty: Arc<AtomicBool>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut told: Option<Instant> = None;
    loop {
        ticks.tick().await;
        if !dirty.swap(false, Ordering::Relaxed) {
            continue;
        }
        // A failure (a full disk) is met again by the writer, which tells of it; the log meanwhile keeps what is committed.
        let Ok(Log::Held(pages)) = step(&mut connection).await else { continue };
        if pages > PAGES_TOLD && told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
            told = Some(Instant::now());
            tracing::warn!(
                pages,
                "the database's log grows: something reads from the database without an end"
            );
        }
    }
}

/// A connection for it.
pub async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    options.clone().busy_timeout(BUSY).connect().await
}

async fn step(connection: &mut SqliteConnection) -> Result<Log, sqlx::Error> {
    let row = connection.fetch_one("PRAGMA wal_checkpoint(PASSIVE)").await?;
    let (pages, moved): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
    if pages <= PAGES_MAX {
        return Ok(Log::Short);
    }
    // What is not moved is read by somebody, who would be waited for.
    if moved < pages {
        return Ok(Log::Held(pages));
    }
    let row = connection.fetch_one("PRAGMA wal_checkpoint(RESTART)").await?;
    let is_busy: i64 = row.try_get(0)?;
    Ok(if is_busy == 0 { Log::Anew } else { Log::Held(pages) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection that waits for nobody.
    async fn impatient(options: &SqliteConnectOptions) -> SqliteConnection {
        options.clone().busy_timeout(Duration::ZERO).connect().await.expect("opens")
    }

    async fn write(connection: &mut SqliteConnection, count: usize) {
        for _ in 0..count {
            connection
                .execute("INSERT INTO t VALUES (zeroblob(1000000))")
                .await
                .expect("nobody is in the way");
        }
    }

    #[tokio::test]
    async fn who_reads_for_long_holds_up_no_commit() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let options = super::super::options().filename(directory.path().join("t.db")).create_if_missing(true);
        let (mut writer, mut reader) = (impatient(&options).await, impatient(&options).await);
        writer.execute("CREATE TABLE t (b BLOB)").await.expect("created");
        let mut checkpointer = connect(&options).await.expect("opens");
        let patience = checkpointer.fetch_one("PRAGMA busy_timeout").await.expect("readable");
        assert_eq!(patience.get::<i64, _>(0), 20, "ms, as long as the writer may be held up");

        reader.execute("BEGIN; SELECT count(*) FROM t").await.expect("reads");
        write(&mut writer, 40).await;
        for _ in 0..3 {
            assert!(matches!(step(&mut checkpointer).await.expect("done"), Log::Held(PAGES_MAX..)));
            write(&mut writer, 1).await;
        }
        // One that has read the newest is in the way of a new beginning alone.
        reader.execute("ROLLBACK; BEGIN; SELECT count(*) FROM t").await.expect("reads");
        assert!(matches!(step(&mut checkpointer).await.expect("done"), Log::Held(PAGES_MAX..)));
        write(&mut writer, 1).await;
        reader.execute("ROLLBACK").await.expect("done");
        assert_eq!(step(&mut checkpointer).await.expect("done"), Log::Anew);
        write(&mut writer, 1).await;
        assert_eq!(step(&mut checkpointer).await.expect("done"), Log::Short);
    }
}
