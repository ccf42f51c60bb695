//! The commands of a terminal: `check`, `serve`, `call`, `demo`.

mod call;
mod campaign;
mod configuration;
mod demo;
mod output;
mod person;
mod serve;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::callees::Callees;
use crate::switch::{Place, Setup};

/// Runs `trunkline` in a folder to its end, with nothing of the tests' own environment.
pub fn trunkline(folder: &Path, arguments: &[&str]) -> Output {
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

/// A folder whose configuration leads to simulated callees.
fn at_callees(setup: Setup) -> (tempfile::TempDir, Callees) {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let config = setup.agent("amd = {}\nring_timeout_seconds = 2").config(&place);
    (folder_with(&config), callees)
}
