//! What only the operator asks for.

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
