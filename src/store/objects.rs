//! What tenants own, as rows. Neither the documents nor the sealed secrets are read here.
//!
//! Every change says from which version of the whole it was made, and is refused if that is not the last one any more: what was
//! checked against the other objects (names, references) still holds when it is committed, whoever else writes.

use std::sync::Arc;

use sqlx::{Connection as _, Row};

use super::engine::{Engine, on};
use super::row::signed;
use super::{DatabaseTarget, StoreError};
use crate::model::{Idempotency, KeyId, OBJECT_ID_LIMIT, ObjectKind, TenantId, Timestamp};

/// The objects of one database. Cheap to clone.
#[derive(Clone)]
pub struct ObjectStore(Arc<Engine>);

/// One row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredObject {
    /// From [`ObjectStore::lease_id`].
    pub id: u64,
    /// What it is.
    pub kind: ObjectKind,
    /// Whose it is; a tenant is its own.
    pub tenant: TenantId,
    /// Unique within its kind and tenant, or among all tenants where the kind's names are shared.
    pub name: String,
    /// JSON, without secrets.
    pub document: String,
    /// Secrets, sealed.
    pub sealed: Option<String>,
    /// From 1, one more with every change.
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// All of them, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StoredObjects {
    /// Which state of the whole this is.
    pub version: u64,
    /// Every tenant's.
    pub objects: Vec<StoredObject>,
}

/// One transaction.
#[derive(Clone, Debug, Default)]
pub struct ObjectChange {
    /// The version that it was made from.
    pub seen: u64,
    /// New objects, and changed ones as they are now.
    pub put: Vec<StoredObject>,
    /// The ids of those that go.
    pub remove: Vec<u64>,
    /// The client's promise, kept with the answer that a repetition gets.
    pub promise: Option<ObjectPromise>,
}

/// A client's promise and what it was answered.
#[derive(Clone, Debug)]
pub struct ObjectPromise {
    /// Whose promise.
    pub key: KeyId,
    /// The promise.
    pub idempotency: Idempotency,
    /// The answer, sealed.
    pub answer: String,
    /// When.
    pub at: Timestamp,
}

/// What became of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ObjectsChanged {
    /// It is on disk.
    Committed {
        /// Of the whole, from now on.
        version: u64,
    },
    /// Somebody else changed something first. Nothing was written.
    Stale,
    /// Another object has this name, or another request made the same promise. Nothing was written.
    Taken,
}

/// What an earlier request with the same idempotency key left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PromiseKept {
    /// The body was the same: this is the answer, sealed.
    Same(String),
    /// The body was another one.
    Conflict,
}

/// Answers to repeated creates are kept for so long.
const PROMISE_MS: i64 = 7 * 86_400_000;

impl ObjectStore {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self(engine)
    }

    /// Opens a database beside the switch that may be using it. The schema is brought up to date only if no switch runs.
    pub async fn open(target: &DatabaseTarget) -> Result<Self, StoreError> {
        Ok(Self(Arc::new(Engine::open_beside(target).await?)))
    }

    /// Closes what [`ObjectStore::open`] opened.
    pub async fn close(&self) {
        self.0.close().await;
    }

    /// Everything.
    pub async fn read(&self) -> Result<StoredObjects, StoreError> {
        const SQL: &str =
            "SELECT s.version, o.id, o.kind, o.tenant, o.name, o.document, o.sealed, o.revision,
              o.created_at, o.updated_at
            FROM objects_state AS s LEFT JOIN objects AS o ON true ORDER BY o.id";
        on!(&*self.0, readers, |connection| {
            let mut stored = StoredObjects::default();
            for row in sqlx::query(SQL).fetch_all(&mut *connection).await? {
                stored.version = row.try_get::<i64, _>("version")?.unsigned_abs();
                let Some(id) = row.try_get::<Option<i64>, _>("id")? else { continue };
                let kind: String = row.try_get("kind")?;
                stored.objects.push(StoredObject {
                    id: id.unsigned_abs(),
                    kind: ObjectKind::from_word(&kind).ok_or(StoreError::Corrupt("kind of object"))?,
                    tenant: TenantId(row.try_get::<i64, _>("tenant")?.unsigned_abs()),
                    name: row.try_get("name")?,
                    document: row.try_get("document")?,
                    sealed: row.try_get("sealed")?,
                    revision: row.try_get::<i64, _>("revision")?.unsigned_abs(),
                    created_at: Timestamp(row.try_get("created_at")?),
                    updated_at: Timestamp(row.try_get("updated_at")?),
                });
            }
            Ok(stored)
        })
    }

    /// The version of the whole, to learn cheaply whether somebody changed something.
    pub async fn version(&self) -> Result<u64, StoreError> {
        const SQL: &str = "SELECT version FROM objects_state";
        on!(&*self.0, readers, |connection| {
            let version: i64 = sqlx::query(SQL).fetch_one(&mut *connection).await?.try_get(0)?;
            Ok(version.unsigned_abs())
        })
    }

    /// The fingerprint of the key that secrets are sealed under; `None` before any was seen.
    pub async fn key_fingerprint(&self) -> Result<Option<String>, StoreError> {
        const SQL: &str = "SELECT key_fingerprint FROM objects_state";
        on!(&*self.0, readers, |connection| {
            Ok(sqlx::query(SQL).fetch_one(&mut *connection).await?.try_get(0)?)
        })
    }

    /// Keeps a key's fingerprint, in place of this one; says whether that was still the one that is kept.
    pub async fn keep_fingerprint(&self, before: Option<&str>, now: &str) -> Result<bool, StoreError> {
        const SQL: &str =
            "UPDATE objects_state SET key_fingerprint = $2 WHERE coalesce(key_fingerprint, '') = $1";
        let written = on!(&*self.0, writer, |connection| {
            let query = sqlx::query(SQL).bind(before.unwrap_or_default()).bind(now);
            Ok(query.execute(&mut *connection).await?.rows_affected())
        })?;
        self.0.touched();
        Ok(written == 1)
    }

    /// An id that nothing else has or will have.
    pub async fn lease_id(&self) -> Result<u64, StoreError> {
        const SQL: &str =
            "UPDATE objects_state SET next_id = next_id + 1 WHERE next_id < $1 RETURNING next_id - 1";
        on!(&*self.0, writer, |connection| {
            let row = sqlx::query(SQL).bind(signed(OBJECT_ID_LIMIT)).fetch_optional(&mut *connection).await?;
            let id: i64 = row.ok_or(StoreError::NoIds)?.try_get(0)?;
            Ok(id.unsigned_abs())
        })
    }

    /// Commits a change, or says why not.
    pub async fn change(&self, change: &ObjectChange) -> Result<ObjectsChanged, StoreError> {
        match self.commit(change).await {
            Err(StoreError::Database(error)) if is_taken(&error) => Ok(ObjectsChanged::Taken),
            committed => committed,
        }
    }

    async fn commit(&self, change: &ObjectChange) -> Result<ObjectsChanged, StoreError> {
        const VERSION: &str = "UPDATE objects_state SET version = version + 1 WHERE version = $1";
        const PUT: &str = "INSERT INTO objects (id, kind, tenant, scope, name, document, sealed, revision, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name, document = excluded.document, sealed = excluded.sealed,
              revision = excluded.revision, updated_at = excluded.updated_at";
        const REMOVE: &str = "DELETE FROM objects WHERE id = $1";
        const FORGET: &str = "DELETE FROM object_promises WHERE created_at < $1";
        const PROMISE: &str =
            "INSERT INTO object_promises (key_id, idempotency_key, body_hash, answer, created_at)
            VALUES ($1, $2, $3, $4, $5)";
        on!(&*self.0, writer, |connection| {
            // Dropped without a commit, it is rolled back.
            let mut transaction = connection.begin().await?;
            let moved = sqlx::query(VERSION).bind(signed(change.seen)).execute(&mut *transaction).await?;
            if moved.rows_affected() == 0 {
                return Ok(ObjectsChanged::Stale);
            }
            for object in &change.put {
                let query = sqlx::query(PUT)
                    .bind(signed(object.id))
                    .bind(object.kind.as_str())
                    .bind(signed(object.tenant.0))
                    .bind(signed(if object.kind.is_shared_name() { 0 } else { object.tenant.0 }))
                    .bind(object.name.as_str())
                    .bind(object.document.as_str())
                    .bind(object.sealed.as_deref())
                    .bind(signed(object.revision))
                    .bind(object.created_at.0)
                    .bind(object.updated_at.0);
                query.execute(&mut *transaction).await?;
            }
            for id in &change.remove {
                sqlx::query(REMOVE).bind(signed(*id)).execute(&mut *transaction).await?;
            }
            if let Some(promise) = &change.promise {
                let old = promise.at.0.saturating_sub(PROMISE_MS);
                sqlx::query(FORGET).bind(old).execute(&mut *transaction).await?;
                let query = sqlx::query(PROMISE)
                    .bind(signed(promise.key.0))
                    .bind(promise.idempotency.key.as_str())
                    .bind(hex::encode(promise.idempotency.body_hash))
                    .bind(promise.answer.as_str())
                    .bind(promise.at.0);
                query.execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            self.0.touched();
            Ok(ObjectsChanged::Committed { version: change.seen + 1 })
        })
    }

    /// What an earlier create with this idempotency key was answered.
    pub async fn find_promise(
        &self,
        key: KeyId,
        idempotency: &Idempotency,
    ) -> Result<Option<PromiseKept>, StoreError> {
        const SQL: &str =
            "SELECT body_hash, answer FROM object_promises WHERE key_id = $1 AND idempotency_key = $2";
        on!(&*self.0, readers, |connection| {
            let query = sqlx::query(SQL).bind(signed(key.0)).bind(idempotency.key.as_str());
            let Some(row) = query.fetch_optional(&mut *connection).await? else { return Ok(None) };
            let body_hash: String = row.try_get(0)?;
            let is_same = body_hash == hex::encode(idempotency.body_hash);
            Ok(Some(if is_same { PromiseKept::Same(row.try_get(1)?) } else { PromiseKept::Conflict }))
        })
    }
}

/// A unique index said no (SQLSTATE 23505; SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY).
fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}
