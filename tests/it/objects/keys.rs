//! `trunkline tenant` and `trunkline key`, beside a running switch and without one.

use std::path::Path;

use super::{client, code, command, told, trunkline};
use crate::cli;
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
fn a_database_without_its_own_key_stays_closed_and_is_given_no_other() {
    let mut switch = Switch::start("");
    switch.kill();
    let file = switch.data_dir().join("trunkline.key");
    let kept = std::fs::read(&file).expect("the switch made it");
    // Brought back from a backup that had the database alone.
    std::fs::remove_file(&file).expect("it was there");
    for words in [&["serve"][..], &["key", "create", "--face", "nixflex"], &["tenant", "list"]] {
        let output = trunkline(&switch, words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        assert!(said.contains("the database was sealed under another key"), "{words:?}: {said}");
        assert!(said.contains("trunkline.key is missing, and TRUNKLINE_KEY is not set"), "{words:?}: {said}");
        assert!(!file.exists(), "{words:?}");
    }
    std::fs::write(&file, kept).expect("written");
    switch.restart();
}

#[test]
fn a_command_changes_the_configurations_database_from_wherever_it_is_given_and_makes_none() {
    let switch = Switch::start("");
    let (config, elsewhere) =
        (switch.folder().join("trunkline.toml"), tempfile::tempdir().expect("a folder"));
    let config = config.to_str().expect("UTF-8");
    let at = |folder: &Path, words: &[&str]| {
        let output = cli::trunkline(folder, words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), said)
    };
    let (code, made, said) = at(elsewhere.path(), &["tenant", "create", "acme", "--config", config]);
    assert_eq!(code, Some(0), "{said}");
    let path = switch.data_dir().join("trunkline.db");
    assert!(said.contains(&path.display().to_string()), "{said}");
    let listed = at(switch.folder(), &["tenant", "list"]).1;
    assert!(listed.contains(&format!("{}  acme", made.trim())), "{listed}");
    // Without the switch's configuration there is nothing to change.
    for words in [
        &["tenant", "create", "other"][..],
        &["key", "create", "--face", "nixflex"],
        &["key", "list"],
        &["key", "adopt"],
    ] {
        let (code, _, said) = at(elsewhere.path(), words);
        let missing = elsewhere.path().join("data/trunkline.db");
        assert_eq!(code, Some(1), "{words:?}: {said}");
        assert!(
            said.contains(&format!("there is no database at {}", missing.display())),
            "{words:?}: {said}"
        );
    }
    assert_eq!(std::fs::read_dir(elsewhere.path()).expect("a folder").count(), 0, "nothing was made there");
}

#[test]
fn a_shell_that_lacks_the_switchs_variable_makes_no_key_that_nobody_can_use() {
    let mut switch = Switch::start("");
    switch.kill();
    let file = switch.data_dir().join("trunkline.key");
    let with = |words: &[&str], key: &str| command(&switch, words).env("TRUNKLINE_KEY", key).output();
    let (own, other) = ("ab".repeat(32), "cd".repeat(32));
    assert_eq!(
        with(&["key", "list"], &own).expect("the program runs").status.code(),
        Some(1),
        "the file's it is"
    );
    std::fs::remove_file(&file).expect("it was there");
    let adopted = with(&["key", "adopt"], &own).expect("the program runs");
    assert!(adopted.status.success(), "{adopted:?}");
    let create = ["key", "create", "--face", "nixflex"];
    assert!(with(&create, &own).expect("the program runs").status.success());
    let wrong = with(&create, &other).expect("the program runs");
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert!(wrong.status.code() == Some(1) && said.contains("TRUNKLINE_KEY is another one"), "{said}");
    let without = trunkline(&switch, &create);
    assert_eq!(without.status.code(), Some(1), "{without:?}");
    assert!(without.stdout.is_empty() && !file.exists(), "{without:?}");
}

#[test]
fn commands_ask_with_a_key_of_any_vendor_and_with_one_that_no_file_declares() {
    let switch = Switch::start("");
    let call = switch.call();
    for face in ["thunderphone", "twilio", "nixflex"] {
        let key = told(&switch, &["key", "create", "--face", face]);
        let listed = eventually("the new key", || {
            let output = trunkline(&switch, &["calls", "list", "--key", &key]);
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
        });
        assert!(listed.contains(&call), "{face}: {listed}");
        let given = command(&switch, &["calls", "show", &call]).env("TRUNKLINE_API_KEY", &key).output();
        assert!(given.expect("the program runs").status.success(), "{face}");
    }
    let unknown = trunkline(&switch, &["calls", "list", "--key", "nxf_unknown"]);
    let said = String::from_utf8_lossy(&unknown.stderr);
    assert!(unknown.status.code() == Some(1) && said.contains("TRUNKLINE_API_KEY"), "{said}");
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
