//! A person at a browser: a script that is spoken to line by line.

#![expect(clippy::disallowed_methods, reason = "it reads what a process says")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::switch::die_with_the_test;

/// Chromium takes its time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running script.
pub struct Person {
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
}

impl Person {
    /// Starts it.
    pub fn start(script: &str, arguments: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(python(root));
        command.arg(root.join("tests/it/browser").join(script)).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = die_with_the_test(&mut command).spawn().expect("`make deps` has installed the peers");
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.take_while(|line| tell.send(line.clone()).is_ok()).for_each(drop);
        });
        Self { child, input, lines }
    }

    /// Its next step, which must be this one.
    pub fn says(&mut self, step: &str) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{step}: it says nothing"));
        let said: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(said["step"], step, "{said}");
        said
    }

    /// Lets it go on.
    pub fn go_on(&mut self) {
        self.input.write_all(b"\n").expect("it reads");
    }

    /// It is done.
    pub fn ends(mut self) {
        let status = self.child.wait().expect("a child can be waited for");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        // A failed test leaves nobody behind; Chromium ends when its driver does.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `make deps` put the peers.
fn python(root: &Path) -> PathBuf {
    root.join("target/browsers/python/bin/python")
}
