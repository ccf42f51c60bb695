//! Changes of the store's objects, over a database in memory.

use serde_json::{Map, Value, json};

use super::super::*;
use crate::keyfile::Sealer;
use crate::model::{ObjectProblem, StoredResponse};
use crate::store::{DatabaseTarget, ObjectChange, ObjectStore, Store, StoredObject};

const OWN: TenantId = TenantId(1);
const NOW: Timestamp = Timestamp(1_700_000_000_000);

async fn registry() -> Registry {
    registry_of(Store::open(&DatabaseTarget::Memory).await.expect("memory").objects()).await
}

async fn registry_of(store: ObjectStore) -> Registry {
    let parts = RegistryParts {
        store,
        sealer: Arc::new(Sealer::new(&[7; 32])),
        directory: Directory::new(Objects::default()),
        changed: Arc::default(),
    };
    Registry::open(parts).await.expect("readable")
}

fn map(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { unreachable!() };
    map
}

fn new(tenant: TenantId, kind: ObjectKind, name: &str, document: Value) -> NewObject {
    NewObject { tenant, kind, name: Some(name.to_owned()), document: map(document), at: NOW }
}

fn patch(document: Value) -> Change {
    Change::patch(map(document), Expect::Any, NOW)
}

/// Makes it, and says its id.
async fn make(registry: &Registry, new: NewObject) -> Result<u64, ObjectError> {
    let shown = |object: &Object| StoredResponse { status: 201, body: object.id.to_string() };
    let (Outcome::New(made) | Outcome::Replayed(made)) = registry.create(new, None, shown).await?;
    Ok(made.body.parse().expect("an id"))
}

fn tenant(name: &str) -> NewObject {
    new(OWN, ObjectKind::Tenant, name, json!({}))
}

#[tokio::test]
async fn a_tenant_is_not_called_like_another_s_id_nor_like_the_file_s() {
    let registry = registry().await;
    let acme = make(&registry, tenant("acme")).await.expect("made");
    for name in [acme.to_string().as_str(), "7", "default", "agent_0123456789abcdef", " ", ""] {
        let refused = make(&registry, tenant(name)).await.expect_err("refused");
        assert!(
            matches!(&refused, ObjectError::Invalid { field, .. } if field == "name"),
            "{name}: {refused}"
        );
        let renamed = Change { name: Some(name.to_owned()), ..patch(json!({})) };
        let refused = registry.update(OWN, ObjectKind::Tenant, acme, renamed).await.expect_err("refused");
        assert!(
            matches!(&refused, ObjectError::Invalid { field, .. } if field == "name"),
            "{name}: {refused}"
        );
    }
    let snapshot = registry.snapshot();
    assert_eq!(snapshot.tenants().len(), 2);
    for text in ["acme", &acme.to_string()] {
        assert_eq!(snapshot.tenant(text).map(|tenant| tenant.id), Some(TenantId(acme)), "{text}");
        assert_eq!(snapshot.tenant_object(text).map(|object| object.id), Some(acme), "{text}");
    }
    assert_eq!(snapshot.tenant("1").map(|tenant| tenant.id), Some(OWN));
}

#[tokio::test]
async fn what_a_call_has_proven_of_a_trunk_goes_with_where_it_led() {
    let registry = registry().await;
    let uri = json!({ "uri": "sip:192.0.2.1", "options_interval_seconds": 0 });
    let trunk = make(&registry, new(OWN, ObjectKind::Trunk, "mine", uri.clone())).await.expect("made");
    make(&registry, new(OWN, ObjectKind::Trunk, "other", uri)).await.expect("made");
    let verified = |e164: &str, way: Value| {
        let mut document = way;
        document["verified"] = json!(true);
        new(OWN, ObjectKind::Number, e164, document)
    };
    make(&registry, verified("+15550000001", json!({ "trunk": "mine" }))).await.expect("made");
    let choices = json!({ "trunks": [{ "name": "other" }, { "name": "mine", "priority": 2 }] });
    make(&registry, verified("+15550000002", choices)).await.expect("made");
    make(&registry, verified("+15550000003", json!({ "trunk": "other" }))).await.expect("made");
    let nobodys = new(OWN, ObjectKind::Number, "+15550000004", json!({ "trunk": "mine" }));
    make(&registry, nobodys).await.expect("made");
    let are_verified = || {
        let snapshot = registry.snapshot();
        let all = snapshot.numbers().iter().map(|number| number.verified);
        all.collect::<Vec<_>>()
    };
    let change = async |document: Value| {
        registry.update(OWN, ObjectKind::Trunk, trunk, patch(document)).await.expect("changed")
    };
    change(json!({ "channels": 4, "uri": "sip:192.0.2.1" })).await;
    assert_eq!(are_verified(), [true; 4], "it leads where it led");
    change(json!({ "uri": "sip:192.0.2.2" })).await;
    assert_eq!(are_verified(), [false, false, true, true], "nobody had to verify the last one");
    let snapshot = registry.snapshot();
    let first = snapshot.object(OWN, ObjectKind::Number, "+15550000001").expect("there");
    assert_eq!(first.revision, 2, "what was proven meanwhile is refused");
}

#[tokio::test]
async fn a_tenant_that_has_all_that_it_may_makes_no_more_and_stops_nobody_else() {
    let store = Store::open(&DatabaseTarget::Memory).await.expect("memory").objects();
    let first = store.lease_id().await.expect("an id");
    let row = |id: u64| StoredObject {
        id,
        kind: ObjectKind::Person,
        tenant: TenantId(7),
        name: format!("person {id}"),
        document: json!({ "secret_hash": hex::encode([0; 32]) }).to_string(),
        sealed: None,
        revision: 1,
        created_at: NOW,
        updated_at: NOW,
    };
    // Ids that are leased afterwards are others.
    let put = (0..room::OBJECTS_MAX as u64).map(|n| row((1 << 40) | n)).collect();
    store.change(&ObjectChange { put, ..ObjectChange::default() }).await.expect("written");
    let registry = registry_of(store).await;
    let person = |tenant: u64| {
        new(TenantId(tenant), ObjectKind::Person, "Ann", json!({ "secret_hash": hex::encode([0; 32]) }))
    };
    let refused = make(&registry, person(7)).await.expect_err("refused");
    assert!(matches!(refused, ObjectError::Refused(ObjectProblem::TooMany(_))), "{refused}");
    make(&registry, person(8)).await.expect("another tenant's");
    registry.remove(TenantId(7), ObjectKind::Person, 1 << 40, Expect::Any).await.expect("removed");
    assert!(make(&registry, person(7)).await.expect("there is room again") > first);
}

#[tokio::test]
async fn what_is_changed_is_the_object_that_was_found_whatever_another_is_called() {
    let registry = registry().await;
    let endpoint = |name: &str| {
        new(
            OWN,
            ObjectKind::WebhookEndpoint,
            name,
            json!({ "url": "https://a.example", "secret": "whsec_a" }),
        )
    };
    let first = make(&registry, endpoint("first")).await.expect("made");
    let second =
        make(&registry, endpoint(&first.to_string())).await.expect("no name of an endpoint's is looked for");
    let off = patch(json!({ "enabled": false }));
    registry.update(OWN, ObjectKind::WebhookEndpoint, first, off).await.expect("changed");
    let is_enabled = |id: u64| {
        let snapshot = registry.snapshot();
        snapshot.endpoints(OWN).find(|endpoint| endpoint.id.0 == id).map(|endpoint| endpoint.enabled)
    };
    assert_eq!((is_enabled(first), is_enabled(second)), (Some(false), Some(true)));
    registry.remove(OWN, ObjectKind::WebhookEndpoint, first, Expect::Any).await.expect("removed");
    assert_eq!((is_enabled(first), is_enabled(second)), (None, Some(true)));
}
