//! `trunkline tenant` and `trunkline key`, beside a running switch and without one.

use super::{client, code, told, trunkline};
use crate::postgres::{cluster::Cluster, database};
use crate::switch::{Setup, Switch, eventually, outbound};

#[test]
fn a_key_made_beside_a_running_switch_is_known_and_a_revoked_one_is_not() {
    let switch = Switch::start("");
    let tenant = told(&switch, &["tenant", "create", "acme"]);
    let made = told(&switch, &["key", "create", "--face", "nixflex", "--tenant", "acme", "--json"]);
    let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
    assert_eq!(made["tenant"].to_string(), tenant);
    let credentials = made["key"].as_str().expect("credentials");
    let acme = client(&switch, credentials);
    let calls = eventually("the new key", || Some(acme.get("/v1/calls")).filter(|reply| reply.status == 200));
    assert_eq!(calls.json["count"], 0);

    // Nothing of the first tenant's is there for it.
    let call = switch.call();
    assert_eq!(code(&acme.get(&format!("/v1/calls/{call}"))), (404, "call_not_found"));
    let body = outbound(serde_json::json!({}));
    assert_eq!(code(&acme.post("/v1/calls/outbound", &body)), (400, "agent_not_found"));

    let listed = told(&switch, &["key", "list"]);
    assert!(listed.contains("nxf_demo") && listed.contains("acme"), "{listed}");
    let secret = credentials.split_once(':').expect("two halves").1;
    assert!(!listed.contains(secret));
    for file in ["trunkline.db", "trunkline.db-wal"] {
        let bytes = std::fs::read(switch.data_dir().join(file)).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{file}");
    }

    told(&switch, &["key", "revoke", &made["id"].to_string()]);
    eventually("the key to be gone", || (acme.get("/v1/calls").status == 401).then_some(()));
    assert!(told(&switch, &["key", "list", "--tenant", "acme"]).contains("revoked"));
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn keys_are_made_while_no_switch_runs() {
    let mut switch = Switch::start("");
    switch.kill();
    let credentials = told(&switch, &["key", "create", "--face", "nixflex"]);
    switch.restart();
    assert_eq!(client(&switch, &credentials).get("/v1/calls").status, 200);
    // It is the file's tenant's, and so sees what the file declares.
    assert_eq!(
        client(&switch, &credentials).post("/v1/calls/outbound", &outbound(serde_json::json!({}))).status,
        201
    );
}

#[test]
fn what_cannot_be_done_is_said() {
    let switch = Switch::start("");
    told(&switch, &["tenant", "create", "acme"]);
    told(&switch, &["tenant", "limit", "acme", "--concurrent", "3"]);
    assert!(told(&switch, &["tenant", "list"]).ends_with("acme  3 calls at once"));
    told(&switch, &["tenant", "limit", "acme"]);
    assert!(told(&switch, &["tenant", "list"]).ends_with("acme"));
    for (words, reason) in [
        (&["tenant", "create", "acme"][..], "another one is called `acme`"),
        (&["tenant", "create", " "], "name: must be one line"),
        (&["tenant", "limit", "acme", "--concurrent", "0"], "concurrent: must be at least 1"),
        (&["tenant", "delete", "nobody"], "no tenant is called nobody"),
        (&["tenant", "delete", "default"], "there is no such tenant"),
        (&["key", "create", "--face", "nixflex", "--tenant", "nobody"], "no tenant is called nobody"),
        (&["key", "create", "--face", "nixflex", "--concurrent", "0"], "concurrent: must be at least 1"),
        (&["key", "create", "--face", "other"], "unknown variant `other`"),
        (&["key", "revoke", "77"], "there is no key 77"),
        (&["key", "revoke", "nxf_demo"], "it is declared in the configuration file"),
    ] {
        let output = trunkline(&switch, words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(reason), "{words:?}: {said}");
    }
    told(&switch, &["key", "create", "--face", "nixflex", "--tenant", "acme"]);
    let output = trunkline(&switch, &["tenant", "delete", "acme"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("the tenant still has keys"), "{output:?}");
    let keys = told(&switch, &["key", "list", "--tenant", "acme", "--json"]);
    let keys: serde_json::Value = serde_json::from_str(&keys).expect("JSON");
    told(&switch, &["key", "revoke", &keys[0]["id"].to_string()]);
    // A revoked key goes with its tenant.
    told(&switch, &["tenant", "delete", "acme"]);
    assert!(!told(&switch, &["key", "list"]).contains("acme"));
}

#[test]
fn a_change_beside_a_switch_on_postgresql_is_seen_too() {
    let cluster = Cluster::shared();
    let switch = Setup::new().top(&format!("database_url = \"{}\"", database(&cluster))).start();
    let credentials = told(&switch, &["key", "create", "--face", "nixflex"]);
    let new = client(&switch, &credentials);
    eventually("the new key", || (new.get("/v1/calls").status == 200).then_some(()));
    let public = credentials.split_once(':').expect("two halves").0;
    told(&switch, &["key", "revoke", public]);
    eventually("the key to be gone", || (new.get("/v1/calls").status == 401).then_some(()));
    assert_eq!(switch.complaints(), [""; 0]);
}
