//! What the switch delivers is verified by the published Standard Webhooks libraries of two other languages, which know nothing
//! of it. `make deps` installs them.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::callees::{number, ring};
use crate::deliveries::endpoint;
use crate::switch::{Delivery, Receiver, SECRET, Setup};

/// Where `make deps` puts them.
fn installed() -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/verifiers"));
    assert!(folder.join("ready").exists(), "the verifiers are not installed: run `make deps`");
    folder
}

/// What each library says of each delivery: `ok`, or why not.
fn verdicts(deliveries: &Value) -> [(&'static str, Vec<String>); 2] {
    let folder = installed();
    let sources = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verifiers"));
    // Node looks for packages beside the program.
    let script = folder.join(format!("verify-{}.mjs", std::process::id()));
    std::fs::copy(sources.join("verify.mjs"), &script).expect("copied");
    let mut node = Command::new("node");
    node.arg(&script);
    let mut python = Command::new(folder.join("python/bin/python"));
    python.arg(sources.join("verify.py"));
    let said = [("npm", node), ("PyPI", python)].map(|(name, command)| (name, run(command, deliveries)));
    let _ = std::fs::remove_file(script);
    said
}

fn run(mut command: Command, deliveries: &Value) -> Vec<String> {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the language is installed");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(deliveries.to_string().as_bytes()).expect("read");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("its verdicts")
}

fn shown(delivery: &Delivery, secret: &str) -> Value {
    json!({ "secret": secret, "headers": delivery.headers, "body": String::from_utf8_lossy(&delivery.bytes) })
}

#[test]
fn the_libraries_of_two_other_languages_verify_what_is_delivered_and_nothing_else() {
    let (own, of_tenant) = (Receiver::start(), Receiver::start());
    let (switch, _callees) = ring(Setup::new().webhook(&own.url()));
    let (id, secret) = endpoint(&switch, &of_tenant, json!([]));
    assert!(secret.starts_with("whsec_"), "a library takes it as it is");
    switch.call_with(json!({ "to_number": number(Persona::Busy), "metadata": { "name": "Zoë \u{1f600}" } }));
    let mut deliveries = Vec::new();
    for delivery in of_tenant.await_deliveries(2) {
        deliveries.push(shown(&delivery, &secret));
    }
    // A secret of another form is given to them in theirs.
    let in_their_form = format!("whsec_{}", STANDARD.encode(SECRET));
    deliveries.push(shown(&own.await_deliveries(1)[0], &in_their_form));
    // Rotated, the new secret verifies at once, and the old one for a day yet: whoever lost the answer asks again.
    let rotate = || {
        let path = format!("/v1/native/webhook-endpoints/{id}/rotate-secret");
        switch.client().post_with(&path, b"{}".to_vec(), &[("idempotency-key", "r1")])
    };
    let rotated = rotate();
    let again = rotate();
    assert_eq!((again.status, &again.json), (200, &rotated.json), "{again:?}");
    assert_eq!(again.headers.get("idempotent-replayed").map(String::as_str), Some("true"));
    let new_secret = rotated.json["secret"].as_str().expect("shown once").to_owned();
    assert_ne!(new_secret, secret);
    switch.call_with(json!({ "to_number": number(Persona::Busy) }));
    let after = of_tenant.await_deliveries(4).remove(3);
    deliveries.extend([shown(&after, &new_secret), shown(&after, &secret)]);
    let good = deliveries.len();
    let mut changed = deliveries[0].clone();
    changed["body"] =
        json!(changed["body"].as_str().expect("text").replace("call.started", "call.completed"));
    let mut older = deliveries[0].clone();
    older["headers"]["webhook-timestamp"] = json!("1614265330");
    let mut another = deliveries[0].clone();
    another["headers"]["webhook-id"] = json!("evt_1_1");
    let mut elsewhere = deliveries[0].clone();
    elsewhere["secret"] = json!(in_their_form);
    deliveries.extend([changed, older, another, elsewhere]);
    for (library, said) in verdicts(&json!(deliveries)) {
        assert!(said[..good].iter().all(|verdict| verdict == "ok"), "{library}: {said:?}");
        assert!(said[good..].iter().all(|verdict| verdict != "ok"), "{library}: {said:?}");
        assert_eq!(said.len(), good + 4, "{library}");
    }
}
