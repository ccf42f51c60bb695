//! `trunkline demo`: the main job, without a carrier.

use serde_json::Value;

use super::{text, trunkline};

#[test]
fn the_demonstration_ends_as_it_is_meant_to_and_says_so_in_five_objects() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = trunkline(folder.path(), &["demo", "--json"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    let objects: Vec<Value> =
        said.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
    assert_eq!(objects.len(), 5, "{said}");
    for object in &objects {
        assert_eq!(object["expected"], object["outcome"], "{object}");
        let mut names: Vec<_> = object.as_object().expect("an object").keys().map(String::as_str).collect();
        names.sort_unstable();
        let documented = [
            "callee",
            "dead_air_ms",
            "duration_ms",
            "expected",
            "outcome",
            "recording",
            "verdict",
            "verdict_reason",
        ];
        assert_eq!(names, documented);
        if let Some(recording) = object["recording"].as_str() {
            assert!(folder.path().join(recording).exists(), "{object}");
        }
    }
    let person =
        objects.iter().find(|object| !object["dead_air_ms"].is_null()).expect("a person heard the agent");
    assert!(person["recording"].is_string() && person["verdict"] == "human", "{person}");
}
