//! The document and the routes are the same set, and the document is one that its readers can follow.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

fn written() -> Value {
    serde_json::to_value(document()).expect("JSON")
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let rows: BTreeSet<(&str, &str)> = ROUTES.iter().map(|route| (route.method, route.path)).collect();
    let all = entries();
    let described: BTreeSet<(&str, &str)> = all.iter().map(|entry| (entry.method, entry.path)).collect();
    let missing: Vec<_> = rows.difference(&described).collect();
    assert!(missing.is_empty(), "describe these rows of ROUTES in src/http/openapi: {missing:#?}");
    let gone: Vec<_> = described.difference(&rows).collect();
    assert!(gone.is_empty(), "described, and no rows of ROUTES: {gone:#?}");
}

#[test]
fn every_reference_meets_a_schema_and_every_operation_has_its_own_id() {
    let document = written();
    let known = document["components"]["schemas"].as_object().expect("schemas");
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().expect("a name");
        assert!(known.contains_key(name), "{name}");
    }
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let id = operation["operationId"].as_str().expect("an id");
            assert!(ids.insert(id.to_owned()), "{method} {path}: {id} is taken");
            let names: Vec<&str> =
                path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
            let in_path =
                operation["parameters"].as_array().into_iter().flatten().filter(|p| p["in"] == "path");
            let described: Vec<&str> = in_path.filter_map(|parameter| parameter["name"].as_str()).collect();
            assert_eq!(names, described, "{method} {path}");
        }
    }
}

#[test]
fn every_operation_says_who_may_ask_and_what_refuses_them() {
    for (path, item) in written()["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let route =
                ROUTES.iter().find(|route| route.path == path && route.method.eq_ignore_ascii_case(method));
            let access = route.expect("a route").access;
            let needs_key = matches!(access, super::super::Access::Key | super::super::Access::Person);
            let secured = operation["security"].as_array().is_some_and(|all| !all.is_empty());
            // Who signs in has nothing to show yet but what it sends.
            assert_eq!(secured, needs_key && operation["operationId"] != "signIn", "{method} {path}");
            assert_eq!(operation["responses"]["401"].is_object(), needs_key, "{method} {path}");
        }
    }
}
