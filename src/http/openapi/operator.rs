//! The operator's routes, and the description's own.

use serde_json::json;
use utoipa::ToSchema;

use super::entry::{Entry, Speaker};
use super::problems::{bodied, stored, wrong};
use crate::face::Problem;
use crate::face::money::BillingProblem;
use crate::model::{ObjectKind, ObjectProblem};

/// All of them.
pub fn entries() -> Vec<Entry> {
    let me = Speaker::Operator;
    let live = Entry::new(me, ("GET", "/livez"), "live", "Does the process answer?");
    let ready = Entry::new(me, ("GET", "/readyz"), "ready", "Are new calls welcome?");
    let metrics =
        Entry::new(me, ("GET", "/metrics"), "metrics", "Everything that is counted, for Prometheus");
    let document = Entry::new(Speaker::Anyone, ("GET", "/openapi.json"), "openapi", "This document");
    let page = Entry::new(Speaker::Anyone, ("GET", "/docs"), "docs", "This document as a page");
    let file = Entry::new(Speaker::Anyone, ("GET", "/docs/{file}"), "docsFile", "What the page is made of");
    vec![
        credit(),
        live.gives::<Standing>(200, "It does.", json!({ "status": "live" })),
        ready.gives::<Standing>(200, "They are.", json!({ "status": "ready" })).gives::<NotReady>(
            503,
            "They are not.",
            json!({ "status": "unavailable", "reason": "draining" }),
        ),
        metrics.gives_raw(200, "Prometheus' text format.", "text/plain", false),
        document.gives::<Document>(200, "OpenAPI 3.1.", serde_json::Value::Null),
        page.gives_raw(200, "A page that loads nothing from elsewhere.", "text/html", false),
        file.path("file", "Its name.", "swagger-ui.css")
            .gives_raw(200, "A style sheet.", "text/css", false)
            .gives_raw(200, "A program.", "text/javascript", false)
            .fails([Problem::NoSuchPath]),
    ]
}

/// How the switch stands.
#[derive(ToSchema)]
#[schema(as = operator::Standing)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct Standing {
    #[schema(pattern = "^(live|ready)$")]
    status: String,
}

/// New calls are not welcome.
#[derive(ToSchema)]
#[schema(as = operator::NotReady)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct NotReady {
    #[schema(pattern = "^unavailable$")]
    status: String,
    reason: String,
}

/// OpenAPI 3.1.
#[derive(ToSchema)]
#[schema(as = operator::Document)]
#[expect(dead_code, reason = "described, not built: it is the document itself")]
struct Document {
    #[schema(pattern = r"^3\.1\.")]
    openapi: String,
    #[schema(value_type = Object)]
    info: serde_json::Value,
    #[schema(value_type = Object)]
    paths: serde_json::Value,
    #[schema(value_type = Object)]
    components: serde_json::Value,
    #[schema(value_type = Vec<Object>)]
    tags: serde_json::Value,
}

/// Money that came in.
#[derive(ToSchema)]
#[schema(as = operator::Credited)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct Credited {
    tenant: u64,
    /// `false`: this reference was credited before.
    credited: bool,
    currency: String,
    available: String,
    available_micros: i64,
}

fn credit() -> Entry {
    let example = |credited: bool| {
        json!({
            "tenant": 1, "credited": credited, "currency": "USD", "available": "25.00", "available_micros": 25_000_000,
        })
    };
    Entry::new(
        Speaker::Operator,
        ("POST", "/v1/native/billing/credits"),
        "creditTenant",
        "Credit a tenant's account",
    )
    .takes::<super::super::billing::Asked>(json!({ "tenant": 1, "amount": "5.00", "reference": "invoice 7" }))
    .gives::<Credited>(201, "It is credited.", example(true))
    .gives::<Credited>(200, "It had been credited under this reference.", example(false))
    .fails([
        Problem::InvalidApiKey,
        ObjectProblem::NotFound(ObjectKind::Tenant).into(),
        Problem::Billing(BillingProblem::Off),
        wrong("amount", "must be above zero"),
    ])
    .fails(bodied())
    .fails(stored())
}
