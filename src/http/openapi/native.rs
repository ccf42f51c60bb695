//! The switch's own routes, for any key of the tenant.

use serde_json::json;
use utoipa::ToSchema;

use super::entry::{Entry, Speaker};
use super::objects::Described;
use super::problems::{bodied, keyed, missing, of_object};
use crate::doctor::Finding;
use crate::face::Problem;
use crate::face::collection::Collection;
use crate::face::thunderphone::schema::TestDelivery;
use crate::model::{ObjectKind, ObjectProblem, Refusal};

const ME: Speaker = Speaker::Native;

/// All of them.
pub fn entries() -> Vec<Entry> {
    let mut all = vec![
        doctor("/v1/trunks/{id}/doctor", "examineTrunk"),
        doctor("/v1/native/trunks/{id}/doctor", "examineNativeTrunk"),
        endpoint_test(),
    ];
    all.extend(super::control::entries());
    all.extend(super::observed::entries());
    all.extend(super::do_not_call::entries());
    for described in collections() {
        all.extend(described.entries(&["list", "create", "read", "change", "remove"]));
        if described.what == Collection::Native(ObjectKind::WebhookEndpoint) {
            all.push(described.rotated());
        }
        if described.what == Collection::Native(ObjectKind::Person) {
            all.push(described.rotated_person());
        }
    }
    all
}

/// What a doctor found.
#[derive(ToSchema)]
#[schema(as = native::Examination)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct Examination {
    trunk: String,
    /// `ok`, or `fault` if one step found one.
    verdict: crate::doctor::Verdict,
    findings: Vec<Finding>,
}

fn doctor(path: &'static str, id: &str) -> Entry {
    let finding = json!({
        "step": "options", "verdict": "ok", "code": null, "tried": "OPTIONS to sip:127.0.0.1:5080", "came_back": "200 OK in 2 ms",
        "advice": null,
    });
    Entry::new(ME, ("POST", path), id, "Examine a trunk")
        .about("Without a body it only looks. With `to` it calls that number.")
        .path("id", "The trunk's id or name.", "t1")
        .takes::<super::super::doctor::Asked>(json!({ "to": "+15551234567", "hold": false }))
        .optional_body()
        .gives::<Examination>(
            200,
            "What was found.",
            json!({ "trunk": "t1", "verdict": "ok", "findings": [finding] }),
        )
        .fails(keyed())
        .fails(bodied())
        .fails([
            missing("to"),
            Refusal::InvalidPhone { field: "to" }.into(),
            Problem::NoSuchPath,
            Problem::ExaminationRunning,
            Refusal::DestinationForbidden { reason: "premium numbers".into() }.into(),
            Refusal::DoNotCall.into(),
            Refusal::Overloaded("no socket for an examination").into(),
        ])
}

fn endpoint_test() -> Entry {
    Entry::new(
        ME,
        ("POST", "/v1/native/webhook-endpoints/{id}/test"),
        "testNativeEndpoint",
        "Send a receiver `webhook.test`",
    )
    .path("id", "The receiver's id.", "1")
    .gives::<TestDelivery>(
        200,
        "What came of it.",
        json!({ "delivered": true, "status": 200, "error": null }),
    )
    .fails(keyed())
    .fails(of_object(ObjectKind::WebhookEndpoint))
    .fails([ObjectProblem::Forbidden.into()])
}

fn collections() -> Vec<Described> {
    let all = [
        (
            ObjectKind::Tenant,
            "/v1/native/tenants",
            "/v1/native/tenants/{id}",
            json!({ "name": "acme" }),
            json!({ "name": "acme-ltd" }),
        ),
        (
            ObjectKind::Key,
            "/v1/native/keys",
            "/v1/native/keys/{id}",
            json!({ "face": "nixflex", "name": "billing", "concurrent": 5 }),
            json!({ "concurrent": 10 }),
        ),
        (
            ObjectKind::Agent,
            "/v1/native/agents",
            "/v1/native/agents/{id}",
            json!({ "name": "reception", "greeting": "Hello.", "script": [{ "listen": { "prompt": "How can I help?" } }, { "hangup": true }], "ring_timeout_seconds": 30 }),
            json!({ "ring_timeout_seconds": 45 }),
        ),
        (
            ObjectKind::Number,
            "/v1/native/numbers",
            "/v1/native/numbers/{id}",
            json!({ "e164": "+15550000066", "trunk": "carrier", "agent": "agent_talk", "outbound": true }),
            json!({ "outbound": false }),
        ),
        (
            ObjectKind::Trunk,
            "/v1/native/trunks",
            "/v1/native/trunks/{id}",
            json!({ "name": "second", "uri": "sip:127.0.0.1:5999", "username": "u", "password": "secret", "channels": 10,
                    "options_interval_seconds": 0 }),
            json!({ "channels": 20 }),
        ),
        (
            ObjectKind::Application,
            "/v1/native/applications",
            "/v1/native/applications/{id}",
            json!({ "name": "surveys", "agent": "agent_talk", "trunk": "carrier" }),
            json!({ "webhook_url": "https://example.test/hook" }),
        ),
        (
            ObjectKind::WebhookEndpoint,
            "/v1/native/webhook-endpoints",
            "/v1/native/webhook-endpoints/{id}",
            json!({ "url": "https://example.test/hook", "events": ["call.completed"] }),
            json!({ "enabled": false }),
        ),
        (
            ObjectKind::Person,
            "/v1/native/people",
            "/v1/native/people/{id}",
            json!({ "name": "Grace", "queues": ["sales"] }),
            json!({ "queues": ["sales", "billing"] }),
        ),
    ];
    all.map(|(kind, path, path_of_one, example, change)| Described {
        speaker: ME,
        what: Collection::Native(kind),
        path,
        path_of_one,
        word: word(kind),
        example,
        change,
    })
    .into()
}

const fn word(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Tenant => "Tenant",
        ObjectKind::Key => "Key",
        ObjectKind::Agent => "Agent",
        ObjectKind::Number => "Number",
        ObjectKind::Trunk => "Trunk",
        ObjectKind::Application => "Application",
        ObjectKind::WebhookEndpoint => "WebhookEndpoint",
        ObjectKind::Person => "Person",
    }
}
