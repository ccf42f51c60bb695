//! Changes of the store's objects, over a database in memory.

use serde_json::{Map, Value, json};

use super::super::*;
use crate::keyfile::Sealer;
use crate::model::{ObjectProblem, StoredResponse};
use crate::store::{DatabaseTarget, Store};

const OWN: TenantId = TenantId(1);
const NOW: Timestamp = Timestamp(1_700_000_000_000);

async fn registry() -> Registry {
    let parts = RegistryParts {
        store: Store::open(&DatabaseTarget::Memory).await.expect("memory").objects(),
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
