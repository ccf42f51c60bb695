//! Faults that are told together, what could never work, and where paths begin.

use std::path::Path;

use super::{parse, refused};
use crate::config::Config;

#[test]
fn every_fault_of_shape_is_listed_in_the_files_order_and_none_that_follows_from_another() {
    let text = r#"[htpp]
listen = "127.0.0.1:80"
[media]
ports = 5
[[trunk]]
name = "a"
[[trunk]]
name = "b"
uri = 5
chanels = 1
[[trunk]]
name = "c"
uri = "sip:c"
allow = ["+44", 7, "+1", 8]
[[trunk]]
name = "d"
uri = "sip:d"
cps = "fast"
"#;
    let environment = [("TRUNKLINE__TRUNK__3__CHANNELS", "many")];
    let said = refused(text, &environment);
    let places: Vec<_> =
        said.lines().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(": ")).collect();
    let expected = [
        "t.toml:1: htpp",
        "t.toml:4: media.ports",
        "t.toml:5: trunk[0]",
        "t.toml:9: trunk[1].uri",
        "t.toml:10: trunk[1].chanels",
        "t.toml:14: trunk[2].allow[1]",
        "t.toml:14: trunk[2].allow[3]",
        "t.toml:18: trunk[3].cps",
        "TRUNKLINE__TRUNK__3__CHANNELS: trunk[3].channels",
    ];
    assert_eq!(places, expected, "{said}");
    let many = "[[trunk]]\nname = \"a\"\n".repeat(300);
    assert_eq!(refused(&many, &[]).lines().count(), 100);
}

#[test]
fn what_could_never_work_is_refused_before_it_is_started() {
    let key = "ab".repeat(31);
    for (text, environment, words) in [
        (
            "[sip]\nlisten = [\"udp:127.0.0.1:5060\",\n\"tcp:127.0.0.1:5060\",\n\"udp:127.0.0.1:5060\"]\n",
            &[][..],
            "t.toml:4: sip.listen[2]: is listened on already",
        ),
        ("[recording]\ndirectory = \"\"\n", &[], "t.toml:2: recording.directory: must not be empty"),
        ("data_dir = \"\"\n", &[], "t.toml:1: data_dir: must not be empty"),
        (
            "database_url = \"postgres://trunkline:pass/word@db/trunkline\"\n",
            &[],
            "t.toml:1: database_url: cannot be read: invalid port number",
        ),
        (
            "[amd]\ngreeting = 9000\n",
            &[],
            "t.toml:2: amd.greeting: 9000 ms are longer than total_analysis_time, 8000 ms",
        ),
        (
            "[[agent]]\nid = \"a\"\namd = { greeting = 3000, total_analysis_time = 2500 }\n",
            &[],
            "t.toml:3: agent[0].amd.greeting: 3000 ms are longer than total_analysis_time, 2500 ms",
        ),
        ("", &[("TRUNKLINE_KEY", &*key)], "TRUNKLINE_KEY: must be 64 hexadecimal digits"),
    ] {
        assert_eq!(refused(text, environment), words);
    }
    for (text, environment) in [
        ("[sip]\nlisten = [\"udp:127.0.0.1:0\", \"udp:127.0.0.1:0\"]\n", &[][..]),
        ("database_url = \"postgres:///trunkline\"\n", &[]),
        ("database_url = \"postgres://%2Frun%2Fpostgresql/trunkline\"\n", &[]),
        ("database_url = \"postgres:///trunkline?host=/run/postgresql\"\n", &[]),
        ("[amd]\ngreeting = 9000\ntotal_analysis_time = 9000\n", &[]),
        ("[[agent]]\nid = \"a\"\namd = { total_analysis_time = 400 }\n", &[]),
        ("", &[("TRUNKLINE_KEY", "ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB")]),
    ] {
        parse(text, environment).expect(text);
    }
}

#[test]
fn a_file_that_is_too_long_for_certificates_or_keys_is_not_read_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = folder.path().join("long.pem");
    std::fs::File::create(&long).and_then(|file| file.set_len((1 << 20) + 1)).expect("written");
    for section in ["http", "sip"] {
        let text = format!("[{section}]\ntls_cert = {long:?}\ntls_key = {long:?}\n");
        let too_long = |line: u32, key: &str| {
            format!("t.toml:{line}: {section}.{key}: `{}` is longer than 1048576 bytes", long.display())
        };
        assert_eq!(refused(&text, &[]), [too_long(2, "tls_cert"), too_long(3, "tls_key")].join("\n"));
    }
}

#[test]
fn relative_paths_begin_at_the_files_folder() {
    let text = "data_dir = \"./data\"\n[recording]\ndirectory = \"../wavs\"\n";
    let config = Config::parse("/etc/trunkline/./trunkline.toml", text, []).expect("valid");
    assert_eq!(config.data_dir, Path::new("/etc/trunkline/data"));
    assert_eq!(config.recording.directory, Path::new("/etc/trunkline/../wavs"));
    let elsewhere =
        Config::parse("conf/trunkline.toml", "data_dir = \"/var/lib/trunkline\"\n", []).expect("valid");
    assert_eq!(elsewhere.recording.directory, Path::new("/var/lib/trunkline/recordings"));
    let missing = Config::parse("conf/t.toml", "[sip]\ntls_cert = \"a.pem\"\ntls_key = \"b.pem\"\n", []);
    assert!(missing.expect_err("refused").to_string().contains("`conf/a.pem` cannot be read"));
}
