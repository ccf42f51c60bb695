//! The commands of a terminal: `check`, `call`, `demo`.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal};
use serde_json::Value;
use trunkline::simulator::Persona;

use crate::callees::{Callees, number};
use crate::switch::{Place, Setup, eventually};

/// Runs `trunkline` in a folder to its end, with nothing of the tests' own environment.
fn trunkline(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().expect("the program starts")
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TRUNKLINE_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn folder_with(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("trunkline.toml"), config).expect("written");
    folder
}

/// As it stands in the README, and in the issue that asked for it.
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

/// A folder whose configuration leads to simulated callees.
fn at_callees(setup: Setup) -> (tempfile::TempDir, Callees) {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let config = setup.agent("amd = {}\nring_timeout_seconds = 2").config(&place);
    (folder_with(&config), callees)
}

#[test]
fn a_call_shows_its_ladder_and_exits_by_its_outcome() {
    let (folder, callees) = at_callees(Setup::new());
    for (persona, code, shown) in [
        (Persona::HangsUp, 0, &["◀──  BYE", "ended: callee hangup"][..]),
        (Persona::Voicemail, 10, &["──▶  BYE", "ended: voicemail detected"]),
        (Persona::Busy, 11, &["◀──  SIP/2.0 486", "ended: busy"]),
        (Persona::NoAnswer, 12, &["◀──  SIP/2.0 180", "──▶  CANCEL", "ended: no answer"]),
        (Persona::Declines, 13, &["◀──  SIP/2.0 603", "ended: rejected"]),
        (Persona::Fax, 14, &["ended: unreachable"]),
    ] {
        let arguments =
            ["call", &number(persona), "--trunk", "t1", "--say", "hello {name}", "--var", "name=Ann"];
        let output = trunkline(folder.path(), &arguments);
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{persona:?}: {said}{}", text(&output.stderr));
        assert!(said.contains("──▶  INVITE sip:"), "{persona:?}: {said}");
        for line in shown {
            assert!(said.contains(line), "{persona:?} `{line}`: {said}");
        }
    }
    assert_eq!(callees.rung(), 6);
    callees.await_over(6);
}

#[test]
fn who_speaks_while_the_agent_speaks_stops_it_unless_it_may_not_be_stopped() {
    let wav = concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/audio/agent-prompt.wav");
    let speech = format!(
        "[\"sh\", \"-c\", \"cat '{wav}' > \\\"$1\\\"\", \"sh\", \"{{wav_file}}\", \"{{text_file}}\"]"
    );
    let play = |barge_in: &str, interrupted: bool| {
        let agent = format!("voicemail = \"ignore\"\n{barge_in}");
        let (folder, _callees) = at_callees(Setup::new().tts(&speech).agent(&agent));
        // A menu that goes on, whatever is said to it.
        let output = trunkline(
            folder.path(),
            &["call", &number(Persona::Ivr), "--say", "hello, hello, hello [END_CALL]"],
        );
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_eq!(said.contains("the callee interrupts the agent"), interrupted, "{said}");
    };
    std::thread::scope(|scope| {
        scope.spawn(|| play("barge_in = true", true));
        scope.spawn(|| play("barge_in = false", false));
    });
}

#[test]
fn a_call_is_recorded_where_it_is_asked_to_be_beside_a_running_switch() {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let switch = Setup::new().agent("amd = {}\nsteps = [\"Bye. [END_CALL]\"]").at(place).start();
    let number = number(Persona::Person);
    let arguments = ["call", &number, "--say", "hello {name}", "--var", "name=Ann", "--record", "out.wav"];
    let output = trunkline(switch.folder(), &arguments);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    for line in ["verdict after", "the agent speaks", "ended: completed, the agent hung up", "recorded "] {
        assert!(said.contains(line), "`{line}`: {said}");
    }
    let wav = std::fs::read(switch.folder().join("out.wav")).expect("the recording");
    assert!(wav.starts_with(b"RIFF") && wav.len() > 32_000, "{} bytes", wav.len());
    assert_eq!(switch.get("/v1/calls").json["count"], 0, "the running switch knows nothing of it");
    callees.await_over(1);
}

#[test]
fn a_call_that_cannot_be_placed_says_why() {
    let (folder, callees) = at_callees(Setup::new());
    for (arguments, code, why) in [
        (&["+15550100003", "--trunk", "t9", "--say", "hi"][..], 1, "no trunk is called t9"),
        (&["+19005551234", "--trunk", "t1", "--say", "hi"], 1, "premium"),
        (&["07386172392", "--trunk", "t1", "--say", "hi"], 2, "07386172392"),
        (&["+15550100003", "--trunk", "t1"], 2, "--say"),
        (&["+15550100003", "--trunk", "t1", "--say", "hi", "--var", "name"], 2, "name=value"),
        (&["+15550100003", "--trunk", "t1", "--say", " [END_CALL]"], 1, "nothing to say"),
    ] {
        let output = trunkline(folder.path(), &[&["call"], arguments].concat());
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(code) && said.contains(why), "{arguments:?}: {output:?}");
    }
    assert_eq!(callees.rung(), 0);
}

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

#[test]
fn a_full_disk_under_the_log_or_nobody_who_reads_stops_nothing() {
    let (folder, callees) = at_callees(Setup::new());
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has one");
    let arguments = ["call", &number(Persona::Busy), "--say", "hello"];
    for (out, log) in [(Stdio::null(), Stdio::from(full())), (Stdio::from(full()), Stdio::null())] {
        let status =
            command(folder.path(), &arguments).stdout(out).stderr(log).status().expect("the program starts");
        assert_eq!(status.code(), Some(11));
    }
    callees.await_over(2);
}

#[test]
fn a_call_that_is_interrupted_hangs_up_first() {
    let (folder, callees) = at_callees(Setup::new());
    for (rung, (persona, kind)) in (1..).zip([
        (Persona::NoAnswer, Signal::INT),
        (Persona::Silent, Signal::TERM),
        (Persona::NoAnswer, Signal::TERM),
    ]) {
        let arguments = ["call", &number(persona), "--say", "hello"];
        let mut child = command(folder.path(), &arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        eventually("it rings", || (callees.rung() == rung).then_some(()));
        rustix::process::kill_process(Pid::from_child(&child), kind).expect("our own child");
        assert_eq!(child.wait().expect("our own child").code(), Some(17), "{persona:?} {kind:?}");
        callees.await_over(rung);
    }
}

#[test]
fn a_switch_that_cannot_start_says_why() {
    let switch = Setup::new().start();
    let second = trunkline(switch.folder(), &["serve"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another switch is using ./data"), "{second:?}");
    // Another folder, the same ports.
    let elsewhere =
        folder_with(&std::fs::read_to_string(switch.folder().join("trunkline.toml")).expect("read"));
    let third = trunkline(elsewhere.path(), &["serve"]);
    assert_eq!(third.status.code(), Some(1));
    let address = switch.place.switch;
    assert!(
        text(&third.stderr).contains("SIP cannot listen") && text(&third.stderr).contains("in use"),
        "{address} {third:?}"
    );
    std::fs::write(elsewhere.path().join("file"), "").expect("written");
    let config = "data_dir = \"./file/data\"\n";
    std::fs::write(elsewhere.path().join("trunkline.toml"), config).expect("written");
    let fourth = trunkline(elsewhere.path(), &["serve"]);
    assert_eq!(fourth.status.code(), Some(1));
    assert!(text(&fourth.stderr).contains("the folder ./file/data"), "{fourth:?}");
}
