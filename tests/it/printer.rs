//! Somebody else's program at work: it prints a JSON value a line, is told what it may need, and is ended with the test.
#![expect(clippy::disallowed_methods, reason = "a thread reads what another process prints")]

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// Running until it is dropped.
pub struct Printer {
    lines: Receiver<Value>,
    process: Child,
}

impl Printer {
    /// Starts a program that `make deps` installs.
    pub fn start(command: &mut Command) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`make deps` installs it into target");
        let stdout = process.stdout.take().expect("piped");
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or_else(|_| json!({ "invalid": line }));
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines, process }
    }

    /// Tells it something: a line.
    pub fn tell(&mut self, line: &str) {
        let stdin = self.process.stdin.as_mut().expect("piped");
        writeln!(stdin, "{line}").expect("it listens");
    }

    /// What it has printed and nobody has asked for.
    pub fn printed(&self) -> impl Iterator<Item = Value> {
        self.lines.try_iter()
    }

    /// What it prints next under this key; nothing that it cannot read may come before.
    pub fn next(&self, key: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(40));
            let mut line = line.unwrap_or_else(|_| panic!("the program prints `{key}`"));
            assert!(line.get("invalid").is_none(), "{line}");
            if let Some(value) = line.get_mut(key) {
                return value.take();
            }
        }
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
