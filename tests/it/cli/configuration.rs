//! `trunkline check`, and what every command says of a bad configuration.

use std::path::Path;

use super::{command, folder_with, text, trunkline};

/// As it stands in the README.
const DOCUMENTED: &str = r#"data_dir = "./data"                            # SQLite and recordings; or database_url = "postgres://…"
[http]
listen = "127.0.0.1:8080"
[sip]
listen = ["udp:127.0.0.1:5060"]                # tcp:, tls: join it later
[media]
address = "127.0.0.1"
ports = "20000-29999"
[[trunk]]
name = "t1"
uri = "sip:127.0.0.1:5080"
username = "trunkuser"
password = "trunkpass"
[[agent]]
id = "agent_demo"
webhook_url = "http://127.0.0.1:9000/hook"
[[number]]
e164 = "+447446466847"
trunk = "t1"
agent = "agent_demo"
outbound = true
[[key]]
face = "nixflex"
id = "nxf_demo"
secret = "nxfs_demo"
[webhooks]
allow_http = true
allow_addresses = ["127.0.0.0/8"]
"#;

#[test]
fn check_tells_what_a_good_configuration_declares_and_starts_nothing() {
    let folder = folder_with(DOCUMENTED);
    for arguments in
        [&["check"][..], &["check", "--config", "trunkline.toml"], &["check", "-c", "./trunkline.toml"]]
    {
        let output = trunkline(folder.path(), arguments);
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""), "{arguments:?}");
        assert_eq!(
            text(&output.stdout),
            "The configuration is valid.
  http       127.0.0.1:8080
  sip        udp:127.0.0.1:5060
  media      127.0.0.1, ports 20000-29999
  database   SQLite, ./data/trunkline.db
  recordings ./data/recordings
  calls      no limit
  trunks     1 (t1)
  agents     1 (agent_demo)
  numbers    1 (+447446466847)
  keys       1 (nxf_demo)
"
        );
    }
    assert!(!folder.path().join("data").exists());
}

#[test]
fn check_refuses_a_bad_configuration_with_every_line_and_reason() {
    let bad = DOCUMENTED
        .replace("udp:127.0.0.1:5060", "sctp:127.0.0.1:5060")
        .replace("uri = \"sip:127.0.0.1:5080\"", "uri = \"https://127.0.0.1\"")
        .replace("trunk = \"t1\"\nagent", "trunk = \"t2\"\nagent")
        .replace("\"+447446466847\"", "\"07446466847\"");
    let folder = folder_with(&bad);
    for command in [&["check"][..], &["serve"]] {
        let output = trunkline(folder.path(), command);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{command:?}");
        let said = text(&output.stderr);
        let places: Vec<_> =
            said.lines().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(": ")).collect();
        assert_eq!(
            places,
            [
                "trunkline.toml:5: sip.listen[0]",
                "trunkline.toml:11: trunk[0].uri",
                "trunkline.toml:18: number[0].e164",
                "trunkline.toml:19: number[0].trunk",
            ],
            "{said}"
        );
        assert!(!said.contains("trunkpass") && !said.contains("nxfs_demo"));
    }
    for (config, place) in [
        ("[http]\nlistten = \"127.0.0.1:1\"\n", "trunkline.toml:2"),
        ("[http\n", "trunkline.toml:1"),
        ("[http]\nlisten = 5\n", "trunkline.toml:2"),
    ] {
        let output = trunkline(folder_with(config).path(), &["check"]);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.starts_with(place), "{config}: {said}");
    }
    let missing = trunkline(folder.path(), &["check", "--config", "no/such.toml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).starts_with("no/such.toml: cannot be read"), "{missing:?}");
}

#[test]
fn the_environment_lies_over_the_file_and_is_named_when_it_is_wrong() {
    let folder = folder_with(DOCUMENTED);
    let with = |name: &str, value: &str| {
        command(folder.path(), &["check"]).env(name, value).output().expect("starts")
    };
    let good = with("TRUNKLINE__HTTP__LISTEN", "127.0.0.1:9999");
    assert!(text(&good.stdout).contains("  http       127.0.0.1:9999\n"), "{good:?}");
    for (name, value) in [("TRUNKLINE__HTTP__LISTEN", "nowhere"), ("TRUNKLINE__HTTP__NO_SUCH", "1")] {
        let bad = with(name, value);
        assert_eq!(bad.status.code(), Some(2), "{bad:?}");
        assert!(text(&bad.stderr).contains(name), "{bad:?}");
    }
    let elsewhere = command(Path::new("/"), &["check"])
        .env("TRUNKLINE_CONFIG", folder.path().join("trunkline.toml"))
        .output();
    assert!(text(&elsewhere.expect("starts").stdout).contains("agent_demo"));
}
