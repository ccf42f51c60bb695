//! sipp as the trunk: one scenario of `sipp-scenarios/`, run for so many calls, and its own account of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::place::{Place, endpoint, tcp_table, udp_table};
use super::{die_with_the_test, eventually};

/// A running sipp, waiting for calls. Dropping it kills it.
pub struct Sipp {
    scenario: String,
    folder: TempDir,
    child: Child,
}

/// What it counted.
#[derive(Debug)]
pub struct Report {
    /// 0: every call went by the scenario.
    exit: Option<i32>,
    counts: BTreeMap<String, String>,
    /// Every message, as `-trace_msg` writes it.
    messages: String,
}

impl Sipp {
    /// At the trunk's address of this place, for one call.
    pub fn at(place: &Place, scenario: &str) -> Self {
        Self::run(place.trunk_sip(), scenario, &["-m", "1"])
    }

    /// From this address towards the switch: the scenario begins with what it sends, once.
    pub fn towards(place: &Place, from: Ipv4Addr, scenario: &str) -> Self {
        let address = SocketAddrV4::new(from, 5080);
        Self::run(address, scenario, &["-m", "1", &place.sip().to_string()])
    }

    /// At any address, with these arguments besides.
    pub fn run(address: impl Into<SocketAddr>, scenario: &str, args: &[&str]) -> Self {
        let address = address.into();
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("sipp-scenarios").join(scenario);
        let folder =
            tempfile::Builder::new().prefix("trunkline-sipp-").tempdir().expect("a temporary folder");
        audio(folder.path());
        let screen = std::fs::File::create(folder.path().join("stdout")).expect("a file");
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let mut command = Command::new("sipp");
        command
            .current_dir(folder.path())
            .env("TERM", "dumb")
            .arg("-sf")
            .arg(file.with_extension("xml"))
            .args(["-i", &ip, "-mi", &ip, "-p", &port, "-ci", &ip])
            .args(["-nostdin", "-timeout", "60s", "-timeout_error", "-skip_rlimit"])
            // Only what the scenario says is sent; what it does not expect ends the call as failed.
            .args(["-default_behaviors", "abortunexp"])
            .args(["-trace_stat", "-stf", "stat.csv", "-fd", "60", "-trace_err", "-error_file", "errors"])
            .args(["-trace_msg", "-message_file", "messages", "-trace_screen", "-screen_file", "screen"])
            .args(arguments_of(&file.with_extension("xml")))
            .args(args)
            .stdin(Stdio::null())
            .stdout(screen.try_clone().expect("a second handle"))
            .stderr(screen);
        let child = die_with_the_test(&mut command).spawn().expect("sipp is installed");
        let mut sipp = Self { scenario: scenario.to_owned(), folder, child };
        sipp.await_bound(address);
        sipp
    }

    /// Its account, once it is done with all its calls.
    fn wait(&mut self) -> Report {
        let child = &mut self.child;
        let status = eventually("the end of sipp", || child.try_wait().expect("a child can be waited for"));
        Report {
            exit: status.code(),
            counts: last_row(&self.file("stat.csv")),
            messages: self.file("messages"),
        }
    }

    /// Its account, once it is done: every one of so many calls went as the scenario says, and nothing else came.
    pub fn succeed(mut self, calls: u64) -> Report {
        let report = self.wait();
        let story = &self.scenario;
        assert_eq!(report.exit, Some(0), "{story}");
        assert_eq!(report.count("SuccessfulCall(C)"), calls, "{story}");
        assert_eq!(report.count("FailedCall(C)"), 0, "{story}");
        report
    }

    /// Waits until it has sent or received a message with this in it.
    pub fn await_message(&self, text: &str) {
        eventually("a message", || self.file("messages").contains(text).then_some(()));
    }

    fn file(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join(name)).unwrap_or_default())
            .into_owned()
    }

    /// sipp says nothing when it listens; the kernel's table of sockets does.
    fn await_bound(&mut self, address: SocketAddr) {
        let wanted = endpoint(address);
        eventually("sipp to listen", || {
            // A scenario that only sends may be over already; `succeed` says how it went.
            let ended = self.child.try_wait().expect("a child can be waited for").is_some();
            (ended || udp_table().contains(&wanted) || tcp_table().contains(&wanted)).then_some(())
        });
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        // Fails only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            for name in ["errors", "stdout", "messages"] {
                eprintln!("--- sipp {}: {name} ---\n{}", self.scenario, self.file(name));
            }
        }
    }
}

impl Report {
    /// A cumulative count by its column of the statistics: `SuccessfulCall(C)`, `Retransmissions(C)`.
    pub fn count(&self, column: &str) -> u64 {
        let text =
            self.counts.get(column).unwrap_or_else(|| panic!("no column {column} in {:?}", self.counts));
        text.parse().unwrap_or_else(|_| panic!("{column} is {text}"))
    }

    /// Datagrams that came in, whatever became of them.
    pub fn received(&self) -> usize {
        self.datagrams("message received").count()
    }

    /// Datagrams that left, repetitions included.
    pub fn sent(&self) -> usize {
        self.datagrams("message sent").count()
    }

    /// The requests of this method that came in, each with its headers.
    pub fn requests(&self, method: &str) -> Vec<&str> {
        let is_request = |text: &&str| text.starts_with(method) && text[method.len()..].starts_with(' ');
        self.datagrams("message received").filter(is_request).collect()
    }

    /// The calls whose INVITE was answered so, by Call-ID.
    pub fn final_answers(&self, status: u16) -> BTreeSet<&str> {
        let start = format!("SIP/2.0 {status} ");
        let answers = self.datagrams("message sent").filter(|text| text.starts_with(&start));
        let invites =
            answers.filter(|text| header_of(text, "CSeq:").is_some_and(|cseq| cseq.ends_with("INVITE")));
        invites.filter_map(|text| header_of(text, "Call-ID:")).collect()
    }

    /// Each datagram follows a dashed line, a line about it, and an empty one.
    fn datagrams<'a>(&'a self, what: &'a str) -> impl Iterator<Item = &'a str> {
        let blocks = self.messages.split("-----------------------------------------------").skip(1);
        blocks.filter_map(move |block| {
            let (about, text) = block.split_once(" bytes)").or_else(|| block.split_once("] bytes"))?;
            about.contains(what).then(|| text.trim_start_matches([' ', ':', '\r', '\n']))
        })
    }
}

/// What a scenario needs on the command line stands in its head: `sipp: -pause_msg_ign`.
fn arguments_of(file: &Path) -> Vec<String> {
    let xml = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let line = xml.lines().find_map(|line| line.trim().strip_prefix("sipp: "));
    let words = line.unwrap_or_default().trim_end_matches("-->").split_whitespace();
    words.map(String::from).collect()
}

/// What scenarios stream: the simulator's clips as bare PCMU.
fn audio(folder: &Path) {
    let clips = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/simulator/audio");
    for name in ["hello", "reply", "greeting"] {
        let wav =
            std::fs::read(clips.join(name).with_extension("wav")).expect("the clip is in the repository");
        let data = wav.windows(4).position(|chunk| chunk == b"data").expect("a WAV file has data") + 8;
        std::fs::write(folder.join(name).with_extension("pcmu"), &wav[data..]).expect("the clip is written");
    }
}

/// A header by its name and colon.
fn header_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}

/// The header and the last line of sipp's statistics, column by column.
fn last_row(csv: &str) -> BTreeMap<String, String> {
    let mut lines = csv.lines();
    let header = lines.next().unwrap_or_default().split(';').map(String::from);
    header.zip(lines.next_back().unwrap_or_default().split(';').map(String::from)).collect()
}
