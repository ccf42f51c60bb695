//! A person at a browser: a script in a process group of its own, which ends as a whole, Chromium and all.

#![expect(clippy::disallowed_methods, reason = "it reads what a process says")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use crate::switch::{Place, die_with_the_test};

/// Chromium takes its time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running script.
pub struct Person {
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
    /// What it said while something else was awaited.
    said: Vec<Value>,
}

impl Person {
    /// Starts it, at the switch of this place.
    pub fn start(script: &str, place: &Place, arguments: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(python(root));
        command.arg(root.join("tests/it/browser").join(script)).arg(format!("http://{}", place.http()));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = die_with_the_test(&mut command).spawn().expect("`make deps` has installed the peers");
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.take_while(|line| tell.send(line.clone()).is_ok()).for_each(drop);
        });
        Self { child, input, lines, said: Vec::new() }
    }

    /// With aiortc for a browser: signed in, heard, and saying this tone.
    pub fn at_aiortc(place: &Place, secret: &str, tone_hz: u32) -> Self {
        let mut person = Self::start("peer.py", place, &[secret, &tone_hz.to_string()]);
        person.until("signed in", |said| said["event"] == "signed_in");
        person.until("audio", |said| said["audio"] == true);
        person
    }

    /// Signed in, and free.
    pub fn free(place: &Place, secret: &str, tone_hz: u32) -> Self {
        let mut person = Self::at_aiortc(place, secret, tone_hz);
        person.takes_calls();
        person
    }

    /// Takes calls from now on.
    pub fn takes_calls(&mut self) {
        assert_eq!(self.does("available")["status"], 204);
        self.until("to wait", |said| said["state"] == "available");
    }

    /// The first thing that it says, or has said already, of which this holds.
    pub fn until(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.said.iter().position(&is_it) {
            return self.said.drain(..=at).next_back().expect("found");
        }
        self.said.clear();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("{what}: it never says so"));
            let said: Value = serde_json::from_str(&line).expect("JSON");
            if is_it(&said) {
                return said;
            }
        }
    }

    /// The state that it is in now, once it is that one.
    pub fn is(&mut self, state: &str) -> Value {
        self.until(state, |said| said["event"] == "state" && said["state"] == state)
    }

    /// Gives a command and awaits its answer; events that come before that are kept.
    pub fn does(&mut self, command: &str) -> Value {
        writeln!(self.input, "{command}").expect("it reads");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("{command}: no answer"));
            let said: Value = serde_json::from_str(&line).expect("JSON");
            if said["answer"] == command {
                return said;
            }
            self.said.push(said);
        }
    }

    /// What it hears, once that is mostly this tone.
    pub fn hears(&mut self, tone_hz: u32) {
        let mut heard = json!(null);
        for _ in 0..10 {
            heard = self.does("hear");
            let hz = heard["hz"].as_i64().expect("a frequency");
            if (hz - i64::from(tone_hz)).abs() <= 5 && heard["rms"].as_f64() > Some(2_000.0) {
                return;
            }
        }
        panic!("{tone_hz} Hz is not what is heard: {heard}");
    }

    /// It was not in this state since it was asked last.
    pub fn saw_nothing_of(&self, state: &str) {
        let seen: Vec<_> = self.said.iter().filter(|said| said["state"] == state).collect();
        assert!(seen.is_empty(), "{seen:?}");
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
        // Its group is its own: nobody else is in it, and nobody is left of it, however the test ended.
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Where `make deps` put the peers.
fn python(root: &Path) -> PathBuf {
    root.join("target/browsers/python/bin/python")
}
