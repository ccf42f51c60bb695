//! What only the operator asks for, and what is shown once.

use super::*;

#[tokio::test]
async fn nobody_is_credited_who_is_no_tenant() {
    let house = House::new().await;
    let credit = async |tenant: Value| {
        let body = json!({ "tenant": tenant, "amount": "5.00" }).to_string();
        house.send("POST", "/v1/native/billing/credits", &[("authorization", "Bearer op_test")], body).await
    };
    for tenant in [json!(77), json!("77"), json!("acme"), json!("")] {
        let answer = credit(tenant.clone()).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "tenant_not_found"), "{tenant}");
    }
    for tenant in [json!(1), json!("1"), json!("default")] {
        let answer = credit(tenant.clone()).await;
        // Found; only this house counts no money.
        assert_ne!(answer.code(), "tenant_not_found", "{tenant}");
    }
    for tenant in [json!(null), json!(-1), json!([1])] {
        assert_eq!(credit(tenant.clone()).await.status, 400, "{tenant}");
    }
}

#[tokio::test]
async fn a_secret_is_made_anew_once_for_each_promise() {
    let house = House::new().await;
    let post = async |path: &str, key: &str, body: Value| {
        let headers = [("authorization", KEY), ("idempotency-key", key)];
        house.send("POST", path, &headers, body.to_string()).await
    };
    for (kind, document, more) in [
        ("webhook-endpoints", json!({ "url": "https://a.example" }), json!({ "url": "https://b.example" })),
        ("people", json!({ "name": "Ann" }), json!({ "name": "Bob" })),
    ] {
        let path = format!("/v1/native/{kind}");
        let made = post(&path, &format!("{kind} 1"), document).await.json();
        let rotation = format!("{path}/{}/rotate-secret", made["id"]);
        let first = post(&rotation, kind, json!({})).await;
        let (status, tag, shown) = (first.status, first.header("etag"), first.json());
        assert_eq!((status, tag, &shown["revision"]), (200, Some("\"2\""), &json!(2)), "{shown}");
        assert_ne!(shown["secret"], made["secret"], "{kind}");
        let again = post(&rotation, kind, json!({})).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")), "{kind}");
        assert_eq!((again.json(), again.header("etag")), (shown.clone(), tag), "{kind}");
        // Another promise is another rotation, and another object another request.
        let next = post(&rotation, &format!("{kind} next"), json!({})).await.json();
        assert_eq!(next["revision"], 3, "{kind}");
        let other = post(&path, &format!("{kind} 2"), more).await.json();
        let other = post(&format!("{path}/{}/rotate-secret", other["id"]), kind, json!({})).await;
        assert_eq!((other.status, other.code().as_str()), (409, "idempotency_conflict"), "{kind}");
    }
}
