//! The real switch under test: the binary that this build made, in a folder and on addresses of its own, driven over HTTP.
//!
//! A test that fails shows the switch's log. Nothing here waits blindly: what another process does is asked for again and
//! again until it holds or a deadline passes ([`eventually`]).
#![expect(
    clippy::disallowed_methods,
    reason = "a shell around processes: it reads the clock and waits between two looks"
)]

pub mod caller;
mod client;
mod metrics;
mod place;
mod receiver;
mod recording;
mod setup;
mod sipp;

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use client::{Client, Reply};
pub use metrics::Metrics;
pub use place::Place;
pub use receiver::{Delivery, Manner, Receiver};
pub use recording::{Recording, spoken_bursts, spoken_ms};
pub use setup::Setup;
pub use sipp::{Report, Sipp};

/// How long anything may take on a machine that is busy with everything else.
pub const DEADLINE: Duration = Duration::from_secs(40);

/// What it says once it has read its configuration again.
const READ_AGAIN: &str = "were read again";

/// A running switch. Dropping it kills it.
pub struct Switch {
    /// The addresses that nobody else has.
    pub place: Place,
    folder: TempDir,
    child: Child,
    client: Client,
}

impl Switch {
    /// A switch with the usual trunk, agent, number and key (see [`Setup`]), and this TOML below them.
    pub fn start(extra: &str) -> Self {
        Setup::new().extra(extra).start()
    }

    fn launch(place: Place, config: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("trunkline-it-").tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("trunkline.toml"), config).expect("the configuration is written");
        let child = spawn(folder.path());
        let client = Client::new(&format!("http://{}", place.http()));
        let mut switch = Self { place, folder, child, client };
        switch.await_ready();
        switch
    }

    /// The folder that holds `trunkline.toml`, `data/` and `log`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where its data is.
    pub fn data_dir(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Everything it has logged, of all its lives.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder().join("log")).unwrap_or_default()).into_owned()
    }

    /// The log once this stands in it: who logs does not wait until it is written.
    pub fn log_until(&self, said: &str) -> String {
        eventually(&format!("`{said}` in the log"), || Some(self.log()).filter(|log| log.contains(said)))
    }

    /// The log with all that it has said until now, for whoever looks that something is not there: a switch that runs is made to say
    /// one thing more, and lines are written in their order. One that has ended has written all.
    pub fn whole_log(&self) -> String {
        if self.client.try_get("/livez").is_none() {
            return self.log();
        }
        let said = |log: &str| log.matches(READ_AGAIN).count();
        let before = said(&self.log());
        self.signal(Signal::HUP);
        eventually("the log's last line", || Some(self.log()).filter(|log| said(log) > before))
    }

    /// The lines of its log that say that something is wrong with itself: errors and panics.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.whole_log();
        let wrong = log.lines().filter(|line| line.contains(" ERROR ") || line.contains("panicked at"));
        wrong.map(String::from).collect()
    }

    /// Waits until no socket of a call is left: of all its UDP ports only that of SIP.
    pub fn await_no_media_ports(&self) {
        let sip = self.place.sip().port();
        eventually("the media ports to be closed", || (self.place.udp_ports() == [sip]).then_some(()));
    }

    /// Its HTTP API, with the key `nxf_demo`.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// `POST /v1/calls/outbound`.
    pub fn post_outbound(&self, body: &Value) -> Reply {
        self.client.post("/v1/calls/outbound", body)
    }

    /// `GET` of any path.
    pub fn get(&self, path: &str) -> Reply {
        self.client.get(path)
    }

    /// Places a call to the usual number, which must be accepted; its id.
    pub fn call(&self) -> String {
        self.call_with(json!({}))
    }

    /// As [`Switch::call`], with these fields over the usual body.
    pub fn call_with(&self, fields: Value) -> String {
        let reply = self.post_outbound(&outbound(fields));
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json["call_id"].as_str().expect("a call_id").to_owned()
    }

    /// The call's record once it has ended.
    pub fn call_until_ended(&self, call_id: &str) -> Value {
        let path = format!("/v1/calls/{call_id}");
        eventually(&format!("the end of {call_id}"), || {
            let reply = self.get(&path);
            assert_eq!(reply.status, 200, "{reply:?}");
            (!reply.json["ended_at"].is_null()).then_some(reply.json)
        })
    }

    /// The recording that a record names, if it names one.
    pub fn recording(&self, record: &Value) -> Option<Recording> {
        let url = record["recording_url"].as_str()?;
        let path = url.strip_prefix(&format!("http://{}", self.place.http())).expect("a URL of this switch");
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{reply:?}");
        Some(Recording::parse(&reply.bytes))
    }

    /// What `/metrics` shows now.
    pub fn metrics(&self) -> Metrics {
        let reply = self.get("/metrics");
        assert_eq!(reply.status, 200, "{reply:?}");
        Metrics::parse(&reply.text)
    }

    /// The metrics once they say what `wanted` asks; else the test fails with what they say.
    pub fn metrics_until(&self, what: &str, wanted: impl Fn(&Metrics) -> bool) -> Metrics {
        within(DEADLINE, || Some(self.metrics()).filter(&wanted))
            .unwrap_or_else(|| panic!("{what}: not within {DEADLINE:?}:\n{}", self.metrics()))
    }

    /// SIGTERM: drain. A second one ends the live calls.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Any signal, to this process alone.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the switch was started by us and not yet reaped");
    }

    /// SIGKILL, and the process is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("the switch was started by us");
        self.child.wait().expect("a child can be waited for");
    }

    /// How it ended by itself.
    pub fn await_exit(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the exit of the switch", || child.try_wait().expect("a child can be waited for"))
    }

    /// Has it ended?
    pub fn has_exited(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_some()
    }

    /// Starts it again over the same folder and addresses, after [`Switch::kill`] or [`Switch::await_exit`].
    pub fn restart(&mut self) {
        assert!(self.has_exited(), "the switch still runs");
        self.child = spawn(self.folder.path());
        self.await_ready();
    }

    /// As [`Switch::restart`], with another configuration text in place of what `from` says.
    pub fn restart_with(&mut self, from: &str, to: &str) {
        let path = self.folder().join("trunkline.toml");
        let config = std::fs::read_to_string(&path).expect("the configuration is there");
        assert!(config.contains(from), "nothing says `{from}` in:\n{config}");
        std::fs::write(&path, config.replace(from, to)).expect("the configuration is written");
        self.restart();
    }

    fn await_ready(&mut self) {
        eventually("/readyz", || {
            assert!(!self.has_exited(), "the switch ended before it was ready");
            self.client.try_get("/readyz").filter(|reply| reply.status == 200)
        });
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        // Fails only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the switch at {} ---\n{}--- end ---", self.place.switch, self.log());
        }
    }
}

/// The body of a call to the usual number, which the agent ends when it has said its prompt, with these fields over it; `null` removes one.
pub fn outbound(fields: Value) -> Value {
    let mut body = json!({ "agent_id": "agent_demo", "to_number": TO, "prompt": "Hello {name} [END_CALL]",
        "dynamic_vars": { "name": "Ann" } });
    for (name, value) in fields.as_object().expect("fields are an object") {
        body[name] = value.clone();
    }
    body
}

/// The usual callee.
pub const TO: &str = "+447386172392";
/// The usual caller.
pub const FROM: &str = "+447446466847";
/// The secret half of the usual key.
pub const SECRET: &str = "nxfs_demo";

/// Asks until there is something, a few times a second; fails the test when [`DEADLINE`] has passed.
pub fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    within(DEADLINE, ask).unwrap_or_else(|| panic!("{what}: not within {DEADLINE:?}"))
}

/// Asks until there is something or the time is over.
pub fn within<T>(time: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time;
    loop {
        if let Some(found) = ask() {
            return Some(found);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn spawn(folder: &Path) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("a log file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.args(["serve", "--config", "trunkline.toml"]).current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TRUNKLINE_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
    die_with_the_test(&mut command).spawn().expect("the switch starts")
}

/// A test that is killed leaves no process behind.
pub fn die_with_the_test(command: &mut Command) -> &mut Command {
    let arrange = || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        Ok(())
    };
    // SAFETY: between fork and exec only prctl(2) is called, which is async-signal-safe.
    unsafe { command.pre_exec(arrange) }
}

/// The local address of a stranger on this machine: neither switch nor trunk.
pub fn stranger(place: &Place) -> Ipv4Addr {
    place.neighbour(9)
}
