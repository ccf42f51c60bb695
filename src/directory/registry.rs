//! Shell: changes of the store's objects. One at a time in this process; of several processes the first one to commit wins, and the
//! others look again. A change is checked as a part of the whole: it is refused by whatever it would break, here or elsewhere.

use std::io;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, Notify};

use super::change::{Change, Expect};
use super::refused::ObjectError;
use super::trial::{refer_by_id, with};
use super::{Directory, Snapshot, Sources, sealed, settings};
use crate::config::{self, Objects, StoredKey};
use crate::keyfile::Sealer;
use crate::model::{
    Idempotency, KeyId, Object, ObjectKind, ObjectProblem, StoredResponse, TenantId, Timestamp,
};
use crate::store::{
    ObjectChange, ObjectPromise, ObjectStore, ObjectsChanged, PromiseKept, StoreError, StoredObject,
};

/// Changes the store's objects. Cheap to clone.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

/// What a registry is made of.
pub struct RegistryParts {
    /// Where objects are kept.
    pub store: ObjectStore,
    /// What seals their secrets.
    pub sealer: Arc<Sealer>,
    /// Where they are looked up.
    pub directory: Directory,
    /// Told whenever anything has changed.
    pub changed: Arc<Notify>,
}

struct Inner {
    parts: RegistryParts,
    turn: Mutex<()>,
}

/// An object that is to be made.
#[derive(Clone)]
pub struct NewObject {
    /// Whose; of a tenant, anything.
    pub tenant: TenantId,
    /// What.
    pub kind: ObjectKind,
    /// Its name; `None` makes one of its id.
    pub name: Option<String>,
    /// Everything else, in the configuration's words, secrets too.
    pub document: Map<String, Value>,
    /// When.
    pub at: Timestamp,
}

/// A create, or a change, that may be repeated.
#[derive(Clone)]
pub struct Idempotent {
    /// Whose promise.
    pub key: KeyId,
    /// The promise.
    pub idempotency: Idempotency,
}

/// What became of what may be repeated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was done.
    New(StoredResponse),
    /// The same request did it before.
    Replayed(StoredResponse),
}

/// So often a change is tried when other processes change something first.
const TRIES_MAX: usize = 8;

impl Registry {
    /// Reads what is stored, and puts it into the directory.
    pub async fn open(parts: RegistryParts) -> Result<Self, StoreError> {
        let stored = parts.store.read().await?;
        parts.directory.change(|sources| {
            sources.stored.sealer = Some(Arc::clone(&parts.sealer));
            sources.stored.version = stored.version;
            sources.stored.rows = settings::lifted(stored.objects);
        });
        Ok(Self(Arc::new(Inner { parts, turn: Mutex::default() })))
    }

    /// Told whenever anything has changed.
    pub fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.0.parts.changed)
    }

    /// What holds now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.parts.directory.snapshot()
    }

    /// The file's objects, read again.
    pub async fn replace_file(&self, file: Objects) -> Result<(), StoreError> {
        self.aside(move |directory| directory.replace(file)).await?;
        self.0.parts.changed.notify_one();
        Ok(())
    }

    /// Takes over what other processes have changed; says whether they had.
    pub async fn refresh(&self) -> Result<bool, StoreError> {
        // Mostly nothing has changed; whoever makes or changes something need not wait until that is known.
        let Inner { parts, turn } = &*self.0;
        if parts.store.version().await? == parts.directory.version() {
            return Ok(false);
        }
        let _turn = turn.lock().await;
        self.look_again().await
    }

    async fn look_again(&self) -> Result<bool, StoreError> {
        let Inner { parts, .. } = &*self.0;
        let known = parts.directory.version();
        if parts.store.version().await? == known {
            return Ok(false);
        }
        let stored = parts.store.read().await?;
        let take_over = move |sources: &mut Sources| {
            sources.stored.version = stored.version;
            sources.stored.rows = settings::lifted(stored.objects);
        };
        self.aside(move |directory| directory.change(take_over)).await?;
        parts.changed.notify_one();
        Ok(true)
    }

    /// Makes an object. `render` makes the answer, which a repeated request gets again.
    pub async fn create(
        &self,
        new: NewObject,
        promise: Option<Idempotent>,
        render: impl Fn(&Object) -> StoredResponse,
    ) -> Result<Outcome, ObjectError> {
        let _turn = self.0.turn.lock().await;
        if let Some(kept) = self.kept(promise.as_ref()).await? {
            return Ok(Outcome::Replayed(kept));
        }
        let store = &self.0.parts.store;
        let id = store.lease_id().await?;
        let name = new.name.clone().unwrap_or_else(|| default_name(new.kind, id));
        may_be_called(new.kind, &name)?;
        let tenant = if new.kind == ObjectKind::Tenant { TenantId(id) } else { new.tenant };
        for _ in 0..TRIES_MAX {
            let mut document = new.document.clone();
            refer_by_id(&self.snapshot(), tenant, new.kind, &mut document);
            let sealed = sealed::seal(&self.0.parts.sealer, id, new.kind, &mut document)?;
            let row = StoredObject {
                id,
                kind: new.kind,
                tenant,
                name: name.clone(),
                document: Value::Object(document).to_string(),
                sealed,
                revision: 1,
                created_at: new.at,
                updated_at: new.at,
            };
            let put = (vec![row], Vec::new());
            let (mut change, object) = self.tried(put, (id, new.kind), new.document.clone()).await?;
            let answer = render(object.as_deref().expect("what holds is listed"));
            change.promise = self.promise(promise.as_ref(), &answer, new.at)?;
            match self.commit(change).await? {
                ObjectsChanged::Committed { .. } => return Ok(Outcome::New(answer)),
                ObjectsChanged::Stale => drop(self.look_again().await?),
                ObjectsChanged::Taken => return Err(ObjectProblem::NameTaken(name).into()),
            }
        }
        Err(ObjectProblem::Changed.into())
    }

    /// Does what makes no object, once for each promise: a repetition gets the answer of the first. One at a time, like changes.
    pub async fn once<E>(
        &self,
        promise: Option<Idempotent>,
        at: Timestamp,
        work: impl AsyncFnOnce() -> Result<StoredResponse, E>,
    ) -> Result<Result<Outcome, E>, ObjectError> {
        let _turn = self.0.turn.lock().await;
        if let Some(kept) = self.kept(promise.as_ref()).await? {
            return Ok(Ok(Outcome::Replayed(kept)));
        }
        let answer = match work().await {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(promise) = self.promise(promise.as_ref(), &answer, at)? {
            // It was done: who cannot be promised the answer again has it at least now.
            if let Err(error) = self.keep(promise).await {
                tracing::error!(%error, "an answer could not be kept for a repetition");
            }
        }
        Ok(Ok(Outcome::New(answer)))
    }

    async fn keep(&self, promise: ObjectPromise) -> Result<(), StoreError> {
        for _ in 0..TRIES_MAX {
            let seen = self.0.parts.directory.version();
            let change = ObjectChange { seen, promise: Some(promise.clone()), ..ObjectChange::default() };
            match self.commit(change).await? {
                ObjectsChanged::Committed { .. } | ObjectsChanged::Taken => break,
                ObjectsChanged::Stale => drop(self.look_again().await?),
            }
        }
        Ok(())
    }

    /// Changes the object with this id. What is not named stays, secrets too.
    pub async fn update(
        &self,
        tenant: TenantId,
        kind: ObjectKind,
        id: u64,
        change: Change,
    ) -> Result<Arc<Object>, ObjectError> {
        let _turn = self.0.turn.lock().await;
        self.change((tenant, kind, id), &change, |_| Ok(None)).await
    }

    /// The same, once for each promise. `render` makes the answer, which a repeated request gets again.
    pub async fn update_once(
        &self,
        whose: (TenantId, ObjectKind, u64),
        change: Change,
        promise: Option<Idempotent>,
        render: impl Fn(&Object) -> StoredResponse,
    ) -> Result<Outcome, ObjectError> {
        let _turn = self.0.turn.lock().await;
        if let Some(kept) = self.kept(promise.as_ref()).await? {
            return Ok(Outcome::Replayed(kept));
        }
        let promised = |object: &Object| self.promise(promise.as_ref(), &render(object), change.at);
        match self.change(whose, &change, promised).await {
            Ok(changed) => Ok(Outcome::New(render(&changed))),
            // By the same request at another process, it may be.
            Err(error) => self.kept(promise.as_ref()).await?.map(Outcome::Replayed).ok_or(error),
        }
    }

    async fn change(
        &self,
        (tenant, kind, id): (TenantId, ObjectKind, u64),
        change: &Change,
        promised: impl Fn(&Object) -> io::Result<Option<ObjectPromise>>,
    ) -> Result<Arc<Object>, ObjectError> {
        for _ in 0..TRIES_MAX {
            let row = self.row(tenant, kind, id, change.expect).await?;
            if let Some(name) = change.name.as_ref().filter(|name| **name != row.name) {
                may_be_called(kind, name)?;
            }
            let mut document = sealed::open(&self.0.parts.sealer, &row).unwrap_or_default();
            let way = way_of(kind, &document);
            change.apply(&mut document);
            let is_moved = way_of(kind, &document) != way;
            refer_by_id(&self.snapshot(), tenant, kind, &mut document);
            let sealed = sealed::seal(&self.0.parts.sealer, row.id, kind, &mut document)?;
            let name = change.name.clone().unwrap_or_else(|| row.name.clone());
            let row = StoredObject {
                name: name.clone(),
                document: Value::Object(document).to_string(),
                sealed,
                revision: row.revision + 1,
                updated_at: change.at,
                ..row
            };
            let mut put = vec![row];
            if is_moved {
                let at = change.at;
                put.extend(self.aside(move |directory| directory.unproven(id, at)).await?);
            }
            let (mut made, object) =
                self.tried((put, Vec::new()), (id, kind), change.document.clone()).await?;
            let object = object.expect("what holds is listed");
            made.promise = promised(&object)?;
            match self.commit(made).await? {
                ObjectsChanged::Committed { .. } => return Ok(object),
                ObjectsChanged::Stale => drop(self.look_again().await?),
                ObjectsChanged::Taken => return Err(ObjectProblem::NameTaken(name).into()),
            }
        }
        Err(ObjectProblem::Changed.into())
    }

    /// Removes the object with this id, which nothing else names.
    pub async fn remove(
        &self,
        tenant: TenantId,
        kind: ObjectKind,
        id: u64,
        expect: Expect,
    ) -> Result<(), ObjectError> {
        let _turn = self.0.turn.lock().await;
        for _ in 0..TRIES_MAX {
            let row = self.row(tenant, kind, id, expect).await?;
            let mut ids = vec![row.id];
            if kind == ObjectKind::Tenant {
                ids.extend(self.left_over(TenantId(row.id))?);
            }
            let (change, _) = self.tried((Vec::new(), ids), (row.id, kind), Map::new()).await?;
            match self.commit(change).await? {
                ObjectsChanged::Committed { .. } => return Ok(()),
                ObjectsChanged::Stale | ObjectsChanged::Taken => drop(self.look_again().await?),
            }
        }
        Err(ObjectProblem::Changed.into())
    }

    /// A tenant's objects go before it does; keys that are revoked go with it.
    fn left_over(&self, tenant: TenantId) -> Result<Vec<u64>, ObjectError> {
        let snapshot = self.snapshot();
        let mut revoked = Vec::new();
        for kind in ObjectKind::ALL.into_iter().filter(|kind| *kind != ObjectKind::Tenant) {
            for object in snapshot.objects(tenant, kind) {
                if object.document.get(StoredKey::REVOKED) != Some(&Value::Bool(true)) {
                    let reason = format!("the tenant still has {}s", kind.words());
                    return Err(ObjectProblem::InUse(reason).into());
                }
                revoked.push(object.id);
            }
        }
        Ok(revoked)
    }

    async fn row(
        &self,
        tenant: TenantId,
        kind: ObjectKind,
        id: u64,
        expect: Expect,
    ) -> Result<StoredObject, ObjectError> {
        let snapshot = self.snapshot();
        let object = match kind {
            ObjectKind::Tenant => snapshot.tenant_objects().find(|object| object.id == id),
            _ => snapshot.objects(tenant, kind).find(|object| object.id == id),
        };
        let object = object.ok_or(ObjectProblem::NotFound(kind))?;
        if object.is_managed_by_file() {
            return Err(ObjectProblem::ManagedByFile.into());
        }
        if expect != Expect::Any && expect != Expect::Revision(object.revision) {
            return Err(ObjectProblem::Changed.into());
        }
        let row = self.aside(move |directory| directory.row(id)).await?;
        Ok(row.ok_or(ObjectProblem::NotFound(kind))?)
    }

    /// A change that puts these rows and removes those, as it may be committed, and the object that it is about as it would be.
    async fn tried(
        &self,
        (put, remove): (Vec<StoredObject>, Vec<u64>),
        which: (u64, ObjectKind),
        said: Map<String, Value>,
    ) -> Result<(ObjectChange, Option<Arc<Object>>), ObjectError> {
        self.aside(move |directory| {
            let (seen, object) = directory.try_with(&put, &remove, which, &said)?;
            Ok((ObjectChange { seen, put, remove, promise: None }, object))
        })
        .await?
    }

    /// What puts all tenants' objects together, or waits for it, takes as long as there are objects: no worker is held up by it.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Directory) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let directory = self.0.parts.directory.clone();
        tokio::task::spawn_blocking(move || work(&directory)).await.map_err(|_| StoreError::Closed)
    }

    async fn commit(&self, change: ObjectChange) -> Result<ObjectsChanged, StoreError> {
        let outcome = self.0.parts.store.change(&change).await?;
        if let ObjectsChanged::Committed { version } = outcome {
            let take_over = move |sources: &mut Sources| {
                sources.stored.version = version;
                sources.stored.rows = with(&sources.stored.rows, &change.put, &change.remove);
            };
            self.aside(move |directory| directory.change(take_over)).await?;
            self.0.parts.changed.notify_one();
        }
        Ok(outcome)
    }

    async fn kept(&self, promise: Option<&Idempotent>) -> Result<Option<StoredResponse>, ObjectError> {
        let Some(Idempotent { key, idempotency }) = promise else { return Ok(None) };
        match self.0.parts.store.find_promise(*key, idempotency).await? {
            None => Ok(None),
            Some(PromiseKept::Conflict) => Err(ObjectError::IdempotencyConflict),
            Some(PromiseKept::Same(answer)) => {
                let opened = self.0.parts.sealer.open(&promised(*key, idempotency), &answer);
                let answer = opened.and_then(|text| serde_json::from_str::<Value>(text.reveal()).ok());
                let answer = answer.ok_or(StoreError::Corrupt("answer to a repeated request"))?;
                let status = answer["status"].as_u64().and_then(|status| u16::try_from(status).ok());
                let body = answer["body"].as_str().unwrap_or_default().to_owned();
                Ok(Some(StoredResponse { status: status.unwrap_or(200), body }))
            }
        }
    }

    fn promise(
        &self,
        promise: Option<&Idempotent>,
        answer: &StoredResponse,
        at: Timestamp,
    ) -> io::Result<Option<ObjectPromise>> {
        let Some(Idempotent { key, idempotency }) = promise else { return Ok(None) };
        let plain = json!({ "status": answer.status, "body": answer.body }).to_string();
        let answer = self.0.parts.sealer.seal(&promised(*key, idempotency), &plain)?;
        Ok(Some(ObjectPromise { key: *key, idempotency: idempotency.clone(), answer, at }))
    }
}

/// Where a trunk leads: what was proven of one holds for no other place.
fn way_of(kind: ObjectKind, document: &Map<String, Value>) -> Option<[Option<Value>; 2]> {
    (kind == ObjectKind::Trunk).then(|| ["uri", "proxy"].map(|field| document.get(field).cloned()))
}

/// Only what gets a name is asked: a tenant that an earlier release let be called like another's id keeps it.
fn may_be_called(kind: ObjectKind, name: &str) -> Result<(), ObjectError> {
    if kind != ObjectKind::Tenant {
        return Ok(());
    }
    config::is_tenant_name(name).map_err(|reason| ObjectError::Invalid { field: "name".to_owned(), reason })
}

fn default_name(kind: ObjectKind, id: u64) -> String {
    match kind {
        ObjectKind::Agent => format!("agent_{id:016x}"),
        ObjectKind::WebhookEndpoint => format!("we_{id}"),
        _ => format!("{}-{id}", kind.as_str()),
    }
}

/// What a kept answer is sealed for.
fn promised(key: KeyId, idempotency: &Idempotency) -> String {
    format!("promise:{key}:{}", idempotency.key)
}
