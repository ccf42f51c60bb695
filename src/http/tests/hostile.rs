//! Hostile bodies on every route that takes one, as each face's client: the documented status in that face's envelope, and
//! nothing half-done. Fields' wrong types follow from the API's own description.

use std::collections::HashSet;

use jsonschema::Validator;

use super::documents::{Kind, documents};
use super::*;
use crate::model::{Face, ObjectKind};

/// A key of every face, each of the first tenant.
pub(super) const ALL: &str = r#"
    [[trunk]]
    name = "t1"
    uri = "sip:127.0.0.1:5999"
    options_interval_seconds = 0
    [[agent]]
    id = "agent_demo"
    greeting = "Hello."
    [[number]]
    e164 = "+15550000001"
    agent = "agent_demo"
    trunk = "t1"
    outbound = true
    [[application]]
    name = "app"
    agent = "agent_demo"
    trunk = "t1"
    [[key]]
    face = "nixflex"
    id = "nxf_demo"
    secret = "nxfs_demo"
    [[key]]
    face = "thunderphone"
    secret = "sk_live_0123456789abcdef"
    [[key]]
    face = "voiceflow"
    secret = "vf_0123456789abcdef0123"
    agent = "agent_demo"
    [[key]]
    face = "minivoice"
    secret = "mv_live_0123456789abcdef"
    application = "app"
    [[key]]
    face = "twilio"
    id = "AC0123456789abcdef0123456789abcdef"
    secret = "0123456789abcdef0123456789abcdef"
"#;

pub(super) const KEYS: [(Face, &str); 5] = [
    (Face::Nixflex, KEY),
    (Face::ThunderPhone, "Bearer sk_live_0123456789abcdef"),
    (Face::Voiceflow, "Bearer vf_0123456789abcdef0123"),
    (Face::MiniVoice, "Bearer mv_live_0123456789abcdef"),
    (
        Face::Twilio,
        "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==",
    ),
];

async fn house() -> House {
    House::of(ALL, Ok(()), (1 << 20, 2 << 20)).await
}

/// Routes that may have a body.
fn routes() -> impl Iterator<Item = &'static Route> {
    let is_key_s = |route: &&Route| route.access != Access::Person;
    ROUTES.iter().filter(is_key_s).filter(|route| matches!(route.method, "POST" | "PUT" | "PATCH"))
}

/// Whose clients have this route; any key opens the switch's own: one stands for all.
fn clients(document: &Value, route: &Route) -> Vec<(Face, &'static str)> {
    let tags = &document["paths"][route.path][route.method.to_lowercase()]["tags"];
    let has = |tag: &str| tags.as_array().is_some_and(|tags| tags.iter().any(|known| known == tag));
    let is_one = |face: Face| match face {
        Face::Nixflex => has("Nixflex") || has("Native"),
        Face::ThunderPhone => has("ThunderPhone"),
        Face::Voiceflow => has("Voiceflow"),
        Face::MiniVoice => has("MiniVoice"),
        Face::Twilio => has("Twilio"),
    };
    KEYS.into_iter().filter(|(face, _)| is_one(*face)).collect()
}

/// A path with ids that the house has, where it has any.
fn path(route: &Route) -> String {
    let id = match route.path {
        path if path.contains("/calls/") => "CA000000000000000000000000000000ff",
        path if path.contains("trunks") => "t1",
        path if path.contains("phone-number/") => "agent_demo",
        path if path.contains("agents") => "agent_demo",
        path if path.contains("number") || path.contains("dids") => "+15550000001",
        path if path.contains("applications") => "app",
        _ => "1",
    };
    let account = "AC0123456789abcdef0123456789abcdef";
    route.path.replace("{account}", account).replace("{file}", "{id}.json").replace("{id}", id)
}

/// What a request could leave behind in memory: objects, and calls that the dialer was asked for.
fn memory(house: &House) -> (usize, usize) {
    let snapshot = house.directory.snapshot();
    let objects: usize =
        ObjectKind::ALL.iter().map(|kind| snapshot.objects(TenantId(1), *kind).count()).sum();
    (objects + snapshot.tenant_objects().count(), house.asked().len())
}

/// And in the store: calls and campaigns.
async fn rows(house: &House) -> (u64, u64) {
    let tenant = TenantId(1);
    let calls =
        house.store.calls(tenant, &crate::store::CallFilter::default(), 1, 0).await.expect("readable").count;
    let campaigns = Campaigns::new(house.store.clone(), house.directory.clone(), Pace::default());
    let (_, campaigns) = campaigns.list(tenant, None, 1, 0).await.expect("readable");
    (calls, campaigns)
}

/// Is it a problem in this face's envelope, or in that for whoever showed no key of a face?
fn is_envelope(face: Face, body: &Value, status: u16) -> bool {
    let texts = |value: &Value, names: &[&str]| names.iter().all(|name| value[name].is_string());
    match face {
        Face::Nixflex => {
            texts(&body["error"], &["type", "code", "message", "doc_url"])
                && body["error"]["details"].is_object()
        }
        Face::ThunderPhone => {
            texts(body, &["code"]) && body.as_object().is_some_and(|fields| fields.len() >= 2)
        }
        Face::Voiceflow => texts(body, &["code", "message"]),
        Face::MiniVoice => texts(&body["error"], &["code", "message"]),
        Face::Twilio => {
            body["code"].is_u64() && body["status"] == status && texts(body, &["message", "more_info"])
        }
    }
}

fn is_problem(face: Face, answer: &Answer) -> bool {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let own = is_envelope(face, &body, answer.status);
    own || (matches!(answer.status, 401 | 404) && is_envelope(Face::Nixflex, &body, answer.status))
}

/// Reads no body as JSON: none is asked for, or a form is.
fn is_deaf(route: &Route) -> bool {
    let orders = ["/launch", "/pause", "/resume", "/cancel", "/test", "/replay"];
    route.path.starts_with("/2010-04-01/") || orders.iter().any(|end| route.path.ends_with(end))
}

#[tokio::test]
async fn no_document_breaks_a_route_or_leaves_anything_behind() {
    let house = house().await;
    let documents = documents();
    let description = serde_json::to_value(openapi::document()).expect("JSON");
    for route in routes() {
        let path = path(route);
        for (index, (face, authorization)) in clients(&description, route).into_iter().enumerate() {
            let (rows, mut before) = (rows(&house).await, memory(&house));
            for (name, kind, bytes) in &documents {
                // What is long takes its time: once a route.
                if index > 0 && bytes.len() > LONG {
                    continue;
                }
                let headers = [("authorization", authorization), ("content-type", "application/json")];
                let answer = house.send(route.method, &path, &headers, bytes.clone()).await;
                let what = format!("{face:?} {} {path}: {name}: {}", route.method, answer.status);
                assert!(answer.status < 500, "{what}");
                let after = memory(&house);
                if answer.status >= 400 {
                    assert!(is_problem(face, &answer), "{what}: {}", String::from_utf8_lossy(&answer.body));
                    assert_eq!(before, after, "{what}");
                } else {
                    let blank = bytes.trim_ascii().is_empty();
                    assert!(*kind != Kind::No || blank || is_deaf(route), "{what}");
                }
                before = after;
            }
            // None of these places a call or makes a campaign.
            assert_eq!(rows, self::rows(&house).await, "{face:?} {} {path}", route.method);
        }
    }
}

/// Documents longer than this are long, in bytes.
const LONG: usize = 64 << 10;

/// What is put in the place of a field's value.
fn wrong_values() -> [Value; 14] {
    let deep = (0..50).fold(json!(1), |inner, _| json!([inner]));
    [
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(1e300),
        json!(true),
        json!(""),
        json!("x"),
        json!("\u{0}"),
        json!("y".repeat(100_000)),
        json!([]),
        json!([{}]),
        json!({}),
        deep,
    ]
}

/// Its request schema, resolved, and an example that it fits.
fn described(document: &Value, route: &Route) -> Option<(Validator, Value, Vec<Value>)> {
    let operation = &document["paths"][route.path][route.method.to_lowercase()];
    let content = &operation["requestBody"]["content"]["application/json"];
    let mut schema = content["schema"].clone();
    if !schema.is_object() {
        return None;
    }
    schema["components"] = document["components"].clone();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let alone = content.get("example").cloned().into_iter();
    let named =
        content["examples"].as_object().into_iter().flatten().map(|(_, example)| example["value"].clone());
    let examples: Vec<Value> = alone.chain(named).collect();
    let first = examples.first()?.clone();
    Some((validator, first, examples))
}

#[tokio::test]
async fn a_field_of_a_wrong_type_is_refused_on_every_route() {
    let house = house().await;
    let document = serde_json::to_value(openapi::document()).expect("JSON");
    let mut tried = HashSet::new();
    for route in routes() {
        let Some((validator, _, examples)) = described(&document, route) else { continue };
        let path = path(route);
        for example in &examples {
            for field in example.as_object().into_iter().flatten().map(|(field, _)| field) {
                for value in wrong_values() {
                    let mut body = example.clone();
                    body[field] = value;
                    if validator.is_valid(&body) {
                        continue;
                    }
                    for (face, authorization) in clients(&document, route) {
                        let before = (memory(&house), rows(&house).await);
                        let headers = [("authorization", authorization)];
                        let answer = house.send(route.method, &path, &headers, body.to_string()).await;
                        let what = format!(
                            "{face:?} {} {path} {field}: {body:.300}: {}",
                            route.method, answer.status
                        );
                        assert!((400..500).contains(&answer.status), "{what}");
                        assert!(
                            is_problem(face, &answer),
                            "{what}: {}",
                            String::from_utf8_lossy(&answer.body)
                        );
                        assert_eq!(before, (memory(&house), rows(&house).await), "{what}");
                        tried.insert((route.path, field.clone()));
                    }
                }
            }
        }
    }
    assert!(tried.len() > 80, "{}", tried.len());
}
