//! `trunkline person`, at a running switch.

use serde_json::Value;

use super::{text, trunkline};
use crate::switch::Switch;

#[test]
fn a_person_is_made_listed_given_another_secret_and_removed() {
    let switch =
        Switch::start("[[person]]\nname = \"Joan\"\nsecret = \"the-secret-of-joan\"\nqueues = [\"sales\"]");
    let run = |arguments: &[&str]| {
        let output = trunkline(switch.folder(), &[&["person"], arguments].concat());
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, secret, said) = run(&["create", "Ada Lovelace", "--queue", "sales", "--queue", "billing"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(secret.starts_with("person_") && secret.trim_end().len() == 55, "{secret}");
    assert!(said.contains("Ada Lovelace signs in with it at /console/."), "{said}");
    let sign_in = |secret: &str| {
        let body = serde_json::json!({ "token": secret.trim_end() });
        switch.client().post("/v1/people/session", &body).status
    };
    assert_eq!(sign_in(&secret), 201);
    let (_, listed, _) = run(&["list"]);
    assert!(listed.contains("Ada Lovelace") && listed.contains("sales,billing"), "{listed}");
    assert!(!listed.contains(secret.trim_end()), "{listed}");
    let (_, listed, _) = run(&["list", "--json"]);
    let people: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(people.as_array().map(Vec::len), Some(2), "{people}");

    let (code, _, said) = run(&["create", "Ada Lovelace"]);
    assert!(code == Some(1) && said.contains("already_exists"), "{said}");
    let (code, anew, _) = run(&["rotate", "Ada Lovelace"]);
    assert_eq!((code, sign_in(&secret), sign_in(&anew)), (Some(0), 401, 201));
    assert_eq!(run(&["delete", "Ada Lovelace"]).0, Some(0));
    assert_eq!(sign_in(&anew), 401);
    let (code, _, said) = run(&["delete", "Joan"]);
    assert!(code == Some(1) && said.contains("managed_by_file"), "{said}");
}
