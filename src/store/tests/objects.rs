//! Objects over both engines.

use futures_util::future::join_all;

use super::super::objects::*;
use super::{Place, on_both_engines};
use crate::model::*;

on_both_engines! {
    objects_read_back_as_they_were_written,
    a_change_from_an_old_version_is_refused,
    of_many_changes_at_once_one_is_committed,
    a_name_is_taken_within_its_tenant_and_a_keys_everywhere,
    object_ids_are_never_leased_twice,
    the_first_keys_fingerprint_stays_until_it_is_replaced,
    a_promise_is_kept_with_its_object_and_forgotten_in_time,
    a_second_process_writes_beside_the_switch,
    a_stopped_switchs_database_is_made_ready,
    objects_survive_a_crash,
}

const NOW: Timestamp = super::NOW;

fn object(id: u64, kind: ObjectKind, tenant: u64, name: &str) -> StoredObject {
    StoredObject {
        id,
        kind,
        tenant: TenantId(tenant),
        name: name.into(),
        document: r#"{"a":"\u0000 ' \""}"#.into(),
        sealed: Some("sealed".into()),
        revision: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

fn put(seen: u64, object: StoredObject) -> ObjectChange {
    ObjectChange { seen, put: vec![object], ..ObjectChange::default() }
}

async fn committed(store: &ObjectStore, change: ObjectChange) -> u64 {
    match store.change(&change).await.expect("writable") {
        ObjectsChanged::Committed { version } => version,
        other => panic!("{other:?}"),
    }
}

async fn objects_read_back_as_they_were_written(place: Place) {
    let store = place.open().await.objects();
    assert_eq!(store.read().await.expect("readable"), StoredObjects::default());
    let (first, second) =
        (object(1002, ObjectKind::Trunk, 7, "a"), object(1001, ObjectKind::Tenant, 1001, "t"));
    let change = ObjectChange { put: vec![first.clone(), second.clone()], ..ObjectChange::default() };
    assert_eq!(committed(&store, change).await, 1);
    let stored = store.read().await.expect("readable");
    assert_eq!(stored, StoredObjects { version: 1, objects: vec![second, first.clone()] });

    let changed = StoredObject {
        name: "b".into(),
        document: "{}".into(),
        sealed: None,
        revision: 2,
        updated_at: Timestamp(NOW.0 + 1),
        ..first
    };
    committed(&store, put(1, changed.clone())).await;
    assert_eq!(store.read().await.expect("readable").objects[1], changed);
    let gone = ObjectChange { seen: 2, remove: vec![1001, 1002], ..ObjectChange::default() };
    committed(&store, gone).await;
    assert_eq!(store.read().await.expect("readable"), StoredObjects { version: 3, objects: vec![] });
    assert_eq!(store.version().await.expect("readable"), 3);
}

async fn a_change_from_an_old_version_is_refused(place: Place) {
    let store = place.open().await.objects();
    committed(&store, put(0, object(1001, ObjectKind::Agent, 1, "a"))).await;
    let late = store.change(&put(0, object(1002, ObjectKind::Agent, 1, "b"))).await.expect("writable");
    assert_eq!(late, ObjectsChanged::Stale);
    assert_eq!(store.read().await.expect("readable").objects.len(), 1);
}

async fn of_many_changes_at_once_one_is_committed(place: Place) {
    let store = place.open().await.objects();
    let change = |id| {
        let (store, change) = (store.clone(), put(0, object(id, ObjectKind::Agent, 1, &format!("a{id}"))));
        async move { store.change(&change).await.expect("writable") }
    };
    let outcomes = join_all((2000..2020).map(change)).await;
    let committed = outcomes.iter().filter(|outcome| **outcome != ObjectsChanged::Stale).count();
    assert_eq!((committed, store.read().await.expect("readable").objects.len()), (1, 1));
}

async fn a_name_is_taken_within_its_tenant_and_a_keys_everywhere(place: Place) {
    let store = place.open().await.objects();
    let mut version = 0;
    for (id, kind, tenant, name, taken) in [
        (1, ObjectKind::Agent, 7, "a", false),
        (2, ObjectKind::Agent, 7, "a", true),
        (3, ObjectKind::Agent, 8, "a", false),
        (4, ObjectKind::Trunk, 7, "a", false),
        (5, ObjectKind::Key, 7, "k", false),
        (6, ObjectKind::Key, 8, "k", true),
        (7, ObjectKind::Tenant, 7, "t", false),
        (8, ObjectKind::Tenant, 8, "t", true),
    ] {
        let outcome = store.change(&put(version, object(id, kind, tenant, name))).await.expect("writable");
        assert_eq!(outcome == ObjectsChanged::Taken, taken, "{id}");
        version += u64::from(!taken);
        assert_eq!(store.version().await.expect("readable"), version, "a refusal changes nothing");
    }
}

async fn object_ids_are_never_leased_twice(place: Place) {
    let store = place.open().await.objects();
    let leases = join_all((0..50).map(|_| store.lease_id())).await;
    let mut ids: Vec<u64> = leases.into_iter().map(|id| id.expect("an id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 50);
    assert!(ids.iter().all(|id| (1001..OBJECT_ID_LIMIT).contains(id)), "{ids:?}");
}

async fn a_promise_is_kept_with_its_object_and_forgotten_in_time(place: Place) {
    let store = place.open().await.objects();
    let idempotency = |body: u8| Idempotency { key: "k".into(), body_hash: [body; 32] };
    let promise = |key: u64, body: u8, at: i64| ObjectPromise {
        key: KeyId(key),
        idempotency: idempotency(body),
        answer: "answer".into(),
        at: Timestamp(at),
    };
    let with = |seen, id: u64, promise| ObjectChange {
        promise: Some(promise),
        ..put(seen, object(id, ObjectKind::Agent, 1, &id.to_string()))
    };
    committed(&store, with(0, 1, promise(7, 1, NOW.0))).await;
    let kept = async |key, body| store.find_promise(KeyId(key), &idempotency(body)).await.expect("readable");
    assert_eq!(kept(7, 1).await, Some(PromiseKept::Same("answer".into())));
    assert_eq!(kept(7, 2).await, Some(PromiseKept::Conflict));
    assert_eq!(kept(8, 1).await, None);
    let again = store.change(&with(1, 2, promise(7, 1, NOW.0))).await.expect("writable");
    assert_eq!(again, ObjectsChanged::Taken);
    assert_eq!(store.read().await.expect("readable").objects.len(), 1, "neither without the other");
    committed(&store, with(1, 3, promise(8, 1, NOW.0 + 8 * 86_400_000))).await;
    assert_eq!(kept(7, 1).await, None, "a week is over");
}

async fn the_first_keys_fingerprint_stays_until_it_is_replaced(place: Place) {
    let store = place.open().await.objects();
    assert_eq!(store.key_fingerprint().await.expect("readable"), None);
    assert!(store.keep_fingerprint(None, "a").await.expect("writable"));
    assert!(!store.keep_fingerprint(None, "b").await.expect("writable"), "another one is there");
    assert_eq!(store.key_fingerprint().await.expect("readable").as_deref(), Some("a"));
    assert!(store.keep_fingerprint(Some("a"), "b").await.expect("writable"));
    assert_eq!(store.key_fingerprint().await.expect("readable").as_deref(), Some("b"));
}

async fn a_second_process_writes_beside_the_switch(place: Place) {
    let switch = place.open().await.objects();
    let beside = ObjectStore::open(&place.target).await.expect("opens beside");
    let id = beside.lease_id().await.expect("an id");
    committed(&beside, put(0, object(id, ObjectKind::Key, 1, "k"))).await;
    beside.close().await;
    assert_eq!(switch.version().await.expect("readable"), 1);
    assert_eq!(switch.read().await.expect("readable").objects[0].id, id);
    committed(&switch, put(1, object(id + 1, ObjectKind::Key, 1, "l"))).await;
}

async fn a_stopped_switchs_database_is_made_ready(place: Place) {
    let beside = ObjectStore::open(&place.target).await.expect("opens");
    committed(&beside, put(0, object(1001, ObjectKind::Key, 1, "k"))).await;
    beside.close().await;
    let switch = place.open().await;
    assert_eq!(switch.objects().version().await.expect("readable"), 1);
}

async fn objects_survive_a_crash(place: Place) {
    place.crash_after(|store| async move {
        committed(&store.objects(), put(0, object(1001, ObjectKind::Key, 1, "k"))).await;
    });
    let store = place.open().await.objects();
    assert_eq!(store.read().await.expect("readable").objects.len(), 1);
}
