//! Where a test's database lives: the same handle for both engines, so that every test is written once.

use std::sync::Arc;

use sqlx::{Connection, Executor, PgConnection, Row};

use super::super::engine::{Engine, on};
use super::super::{DatabaseTarget, Store, StoreError};
use super::cluster::Cluster;
use crate::model::Secret;

/// As many as either engine has.
const READERS: usize = 4;

/// One database of one engine.
pub struct Place {
    pub target: DatabaseTarget,
    _directory: Option<tempfile::TempDir>,
    _cluster: Option<Arc<Cluster>>,
}

impl Place {
    pub async fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let target = DatabaseTarget::Sqlite(directory.path().join("data").join("trunkline.db"));
        Self { target, _directory: Some(directory), _cluster: None }
    }

    pub async fn postgres() -> Self {
        let cluster = Cluster::shared();
        let (name, url) = cluster.new_database();
        let mut connection =
            PgConnection::connect(&cluster.maintenance_url()).await.expect("the cluster runs");
        connection
            .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await
            .expect("a new database");
        connection.close().await.expect("closed");
        Self { target: DatabaseTarget::Postgres(Secret::new(url)), _directory: None, _cluster: Some(cluster) }
    }

    pub async fn open(&self) -> Store {
        Store::open(&self.target).await.expect("opens")
    }

    /// Does `work` in a process of its own, as far as that can be had in one: a runtime that is torn down under it, with
    /// everything that was not awaited.
    pub fn crash_after<F>(&self, work: impl FnOnce(Store) -> F + Send + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        let target = self.target.clone();
        let life = move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(async move { work(Store::open(&target).await.expect("opens")).await });
            drop(runtime);
        };
        std::thread::Builder::new().spawn(life).expect("a thread").join().expect("the work went well");
    }
}

/// Runs SQL on the writer's own connection.
pub async fn execute(store: &Store, sql: &str) {
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    executed(&store.engine, sql).await.expect("valid SQL");
}

async fn executed(engine: &Engine, sql: sqlx::AssertSqlSafe<String>) -> Result<(), StoreError> {
    on!(engine, writer, |connection| {
        connection.execute(sql).await?;
        Ok(())
    })
}

/// What SQL counts, on the same connection.
pub async fn count(store: &Store, sql: &'static str) -> i64 {
    counted(&store.engine, sql).await.expect("valid SQL")
}

async fn counted(engine: &Engine, sql: &'static str) -> Result<i64, StoreError> {
    on!(engine, writer, |connection| Ok(sqlx::query(sql).fetch_one(connection).await?.try_get(0)?))
}

/// Nothing is written until what this gives is dropped: the writer waits for its connection.
pub async fn stall(store: &Store) -> Box<dyn std::any::Any + Send> {
    match &*store.engine {
        Engine::Sqlite(engine) => Box::new(engine.writer.acquire().await.expect("the writer's connection")),
        Engine::Postgres(engine) => Box::new(engine.writer.take().await.expect("the writer's connection")),
    }
}

/// Every reader is busy until what this gives is dropped.
pub async fn keep_readers_busy(store: &Store) -> Vec<Box<dyn std::any::Any + Send>> {
    let mut busy: Vec<Box<dyn std::any::Any + Send>> = Vec::new();
    for _ in 0..READERS {
        busy.push(match &*store.engine {
            Engine::Sqlite(engine) => Box::new(engine.readers.acquire().await.expect("a reader")),
            Engine::Postgres(engine) => Box::new(engine.readers.take().await.expect("a reader")),
        });
    }
    busy
}

/// From now on the database is full: rows that need another page are refused, and so is the probe.
pub async fn fill(store: &Store) {
    match &*store.engine {
        Engine::Sqlite(_) => {
            execute(store, "PRAGMA max_page_count = 1").await;
            execute(
                store,
                "CREATE TEMP TRIGGER full BEFORE UPDATE ON probe BEGIN SELECT RAISE(ABORT, 'full'); END",
            )
            .await;
        }
        Engine::Postgres(_) => {
            for table in ["calls", "outbox", "probe"] {
                execute(
                    store,
                    &format!(
                        "CREATE OR REPLACE FUNCTION pg_temp.full_{table}() RETURNS trigger LANGUAGE plpgsql AS
                           $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'; END $$;
                         CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table}
                           EXECUTE FUNCTION pg_temp.full_{table}()"
                    ),
                )
                .await;
            }
        }
    }
}

/// There is room again.
pub async fn make_room(store: &Store) {
    match &*store.engine {
        Engine::Sqlite(_) => {
            execute(store, "PRAGMA max_page_count = 1000000").await;
            execute(store, "DROP TRIGGER full").await;
        }
        Engine::Postgres(_) => {
            for table in ["calls", "outbox", "probe"] {
                execute(store, &format!("DROP TRIGGER IF EXISTS full_disk ON {table}")).await;
            }
        }
    }
}
