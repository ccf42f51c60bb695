//! The commands of a terminal: `check`, `serve`, `call`, `demo`.

mod call;
mod campaign;
mod configuration;
mod demo;
mod https;
mod output;
mod person;
mod serve;
mod trunks;

use std::io::{ErrorKind, PipeReader, PipeWriter, Write, pipe};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal};

use crate::callees::Callees;
use crate::switch::{Place, Setup, die_with_the_test, eventually};

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

/// `trunkline serve`, for tests that want its process otherwise than a switch's usually is. Dropping it kills it.
struct Serving(Child);

impl Serving {
    /// In this folder, with what the test wants otherwise.
    fn start(folder: &Path, arrange: impl FnOnce(&mut Command)) -> Self {
        let mut command = command(folder, &["serve"]);
        arrange(&mut command);
        Self(die_with_the_test(&mut command).spawn().expect("the program starts"))
    }

    fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.0), signal).expect("not yet reaped");
    }

    /// How it ended by itself.
    fn await_exit(&mut self) -> ExitStatus {
        eventually("the exit of the switch", || self.0.try_wait().expect("a child can be waited for"))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Fails only if it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn folder_with(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("trunkline.toml"), config).expect("written");
    folder
}

/// A pipe that takes no byte more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().expect("a pipe");
    let flags = fcntl_getfl(&writer).expect("ours");
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).expect("ours");
    let refused = loop {
        if let Err(refused) = writer.write(&[b'x'; 4_096]) {
            break refused;
        }
    };
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    fcntl_setfl(&writer, flags).expect("ours");
    (reader, writer)
}

/// A folder whose configuration leads to simulated callees.
fn at_callees(setup: Setup) -> (tempfile::TempDir, Callees) {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let config = setup.agent("amd = {}\nring_timeout_seconds = 2").config(&place);
    (folder_with(&config), callees)
}
