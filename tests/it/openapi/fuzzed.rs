//! schemathesis reads the description and sends what fits it and what does not, as each face's client: no failure of the switch, no
//! status, header or body that is not described, nothing taken that the description forbids.

use std::process::Command;

use super::{document, extra, hook};
use crate::callees::Callees;
use crate::faces::{self, MINIVOICE, NIXFLEX, THUNDERPHONE, TWILIO, VOICEFLOW};
use crate::switch::Place;

/// `make deps` puts it there.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/fuzzer/python/bin/st");
/// The same requests on every run.
const SEED: &str = "20261121";
/// Random requests an operation, beside the examples and the bounds of every field, which come by themselves and are most of it.
const EXAMPLES: &str = "5";
/// A request that is not answered within so many seconds is a failure.
const REQUEST_SECONDS_MAX: &str = "30";
/// A client that has not ended after so many seconds is ended, and has failed. It needs a tenth of it on a quiet machine. (Not its
/// own `--max-time`, which is no bound: it goes on until that is over.)
const RUN_SECONDS_MAX: &str = "900";

/// Streams that have no end, and dry runs that are played in real time; the tests of events and of dry runs have them.
const ELSEWHERE: [&str; 3] = ["/v1/events", "/v1/native/events", "/v1/test-calls"];

/// Every other `If-Match` than this one is refused before the body is looked at through and through, and would hide that it is
/// taken.
const SETTINGS: &str = r#"
[parameters]
"header.If-Match" = "*"

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "413"]
"#;

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,ignored_auth";

#[test]
fn a_fuzzer_that_reads_the_description_finds_nothing() {
    assert!(std::path::Path::new(PROGRAM).exists(), "there is no {PROGRAM}: `make deps` installs it");
    let (receiver, place) = (hook(), Place::claim());
    let callees = Callees::at(&place);
    let switch = faces::setup(&receiver)
        // Numbers come as they fall: what the policy forbids is answered 502 and 500, as the vendors document it.
        .trunk("allow_classes = [\"premium\", \"shared_cost\", \"satellite\"]")
        .agent("amd = {}")
        .extra(&extra(&receiver))
        .at(place)
        .start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("openapi.json");
    std::fs::write(&path, document().to_string()).expect("written");
    std::fs::write(folder.path().join("schemathesis.toml"), SETTINGS).expect("written");
    let clients = [
        ("Nixflex", NIXFLEX),
        ("ThunderPhone", THUNDERPHONE),
        ("Voiceflow", VOICEFLOW),
        ("MiniVoice", MINIVOICE),
        ("Twilio", TWILIO),
        ("Native", NIXFLEX),
    ];
    let base = format!("http://{}", switch.place.http());
    let ask = &|(tag, authorization)| run(&base, folder.path(), tag, authorization);
    let found: Vec<String> = std::thread::scope(|scope| {
        let asked = clients.map(|client| scope.spawn(move || ask(client)));
        asked.into_iter().filter_map(|one| one.join().expect("no panic")).collect()
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(switch.complaints(), [""; 0]);
    drop(callees);
}

/// What it found as this face's client.
fn run(base: &str, folder: &std::path::Path, tag: &str, authorization: &str) -> Option<String> {
    let mut command = Command::new("timeout");
    command
        .current_dir(folder)
        .args(["--kill-after=5", RUN_SECONDS_MAX, PROGRAM])
        .args(["run", "openapi.json", "--no-color", "--url", base])
        .args(["-H", &format!("Authorization: {authorization}"), "--include-tag", tag, "--seed", SEED])
        .args(["--max-examples", EXAMPLES, "--phases", "examples,coverage,fuzzing", "--checks", CHECKS])
        .args(["--workers", "1", "--request-timeout", REQUEST_SECONDS_MAX])
        .args(["--warnings", "off", "--suppress-health-check", "all"])
        .args(["--generation-database", "none", "--no-shrink"]);
    for path in ELSEWHERE {
        command.args(["--exclude-path", path]);
    }
    let output = command.output().expect("it starts");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (!output.status.success()).then(|| format!("--- as a client of {tag}: {} ---\n{said}", output.status))
}
