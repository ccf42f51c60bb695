//! `trunkline trunk doctor` against carriers that are broken in one way each (`sipp-scenarios/broken/`), and against sound ones.
//! Every test asks for the same: this fault and no other, and advice that names the right thing.

pub mod callee;
mod calls;
pub mod fake;
mod healthy;
mod http;
mod media;
pub mod reach;

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::switch::{Place, Setup, Sipp, TO};

/// What the doctor said of a trunk.
struct Diagnosis {
    exit: Option<i32>,
    findings: Vec<Value>,
    said: String,
    /// Who was examined: it shows its own account if a test fails.
    _carrier: Option<Sipp>,
}

impl Diagnosis {
    /// The findings that are not well, as verdict, code and advice.
    fn complaints(&self) -> Vec<(String, String, String)> {
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let is_ill = |finding: &&Value| !matches!(finding["verdict"].as_str(), Some("ok" | "skipped"));
        let ill = self.findings.iter().filter(is_ill);
        ill.map(|ill| (text(ill, "verdict"), text(ill, "code"), text(ill, "advice"))).collect()
    }

    /// One fault and nothing else, by its code; the advice says all of this.
    fn only_fault(&self, code: &str, advised: &[&str]) {
        self.only("fault", code, advised);
        assert_eq!(self.exit, Some(1), "{}", self.said);
    }

    /// One warning and nothing else.
    fn only_warning(&self, code: &str, advised: &[&str]) {
        self.only("warning", code, advised);
        assert_eq!(self.exit, Some(0), "{}", self.said);
    }

    fn only(&self, verdict: &str, code: &str, advised: &[&str]) {
        let complaints = self.complaints();
        let [(is, of, advice)] = &complaints[..] else { panic!("{complaints:#?}\n{}", self.said) };
        assert_eq!((is.as_str(), of.as_str()), (verdict, code), "{}", self.said);
        for words in advised {
            assert!(advice.contains(words), "`{words}` is not in: {advice}");
        }
    }

    /// Nothing to complain of.
    fn sound(&self) {
        assert_eq!(self.complaints(), [], "{}", self.said);
        assert_eq!(self.exit, Some(0), "{}", self.said);
    }

    /// What a step's findings say came back.
    fn came_back(&self, step: &str) -> String {
        let of = self.findings.iter().filter(|finding| finding["step"] == step);
        of.map(|finding| finding["came_back"].as_str().unwrap_or_default()).collect::<Vec<_>>().join("\n")
    }
}

/// Examines the usual trunk of this setup at this place, with a call.
fn examine(setup: Setup, place: &Place) -> Diagnosis {
    examine_with(setup, place, &["--call", TO])
}

/// Examines the usual trunk of this setup at this place.
fn examine_with(setup: Setup, place: &Place, arguments: &[&str]) -> Diagnosis {
    let folder = tempfile::Builder::new().prefix("trunkline-doctor-").tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("trunkline.toml"), setup.config(place)).expect("written");
    doctor(folder.path(), arguments)
}

fn doctor(folder: &Path, arguments: &[&str]) -> Diagnosis {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TRUNKLINE_") {
            command.env_remove(name);
        }
    }
    command
        .args(["trunk", "doctor", "t1", "--json"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null());
    let output = command.output().expect("the program starts");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    assert!(!said.contains("trunkpass"), "a password is shown: {said}");
    assert!(!said.contains(&TO[3..]), "a number is shown: {said}");
    let findings = document["findings"].as_array().cloned().unwrap_or_default();
    Diagnosis { exit: output.status.code(), findings, said, _carrier: None }
}

/// A broken carrier, as sipp plays it, at the trunk's address.
fn carrier(scenario: &str) -> (Place, Sipp) {
    let place = Place::claim();
    let sipp = carrier_at(&place, scenario);
    (place, sipp)
}

fn carrier_at(place: &Place, scenario: &str) -> Sipp {
    let nobody = place.neighbour(9).to_string();
    // Calls and pings alike are calls to sipp.
    let arguments = ["-m", "1000", "-key", "nobody", &nobody, "-key", "sdp_ip", &nobody];
    Sipp::run(place.trunk_sip(), &format!("broken/{scenario}"), &arguments)
}

/// What the doctor says of a broken carrier.
fn diagnose(scenario: &str) -> Diagnosis {
    let (place, sipp) = carrier(scenario);
    Diagnosis { _carrier: Some(sipp), ..examine(Setup::new(), &place) }
}

#[test]
fn every_broken_carrier_is_examined_and_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| std::fs::read_to_string(path).expect("a text file of the repository");
    let paths = |folder: &str| {
        let list = std::fs::read_dir(root.join(folder)).expect("a folder of the repository");
        list.map(|entry| entry.expect("a readable entry").path()).collect::<Vec<_>>()
    };
    let tests: String = paths("tests/it/doctor").iter().map(|path| read(path)).collect();
    let readme = read(&root.join("sipp-scenarios/broken/README.md"));
    for path in
        paths("sipp-scenarios/broken").iter().filter(|path| path.extension().is_some_and(|ext| ext == "xml"))
    {
        let name = path.file_stem().expect("a file has a name").to_string_lossy();
        assert!(tests.contains(&format!("(\"{name}\")")), "{name} is not examined");
        assert!(readme.contains(&format!("| `{name}` |")), "{name} is not in README.md");
    }
}
