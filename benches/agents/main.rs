//! Agents in calls, through the real binary: how long a callee waits for the first word, what a bot's word costs on its way to the
//! callee, how soon it stops when it is taken back, and what a streamed call costs.
//!
//! This process is the trunk with its callees, and the bots; both stamp by one clock. On a machine of two cores it takes its share of
//! them: times are what a busy machine shows. The switch's CPU time is its process's own.
//!
//! `cargo bench --bench agents [-- dead-air | delay | barge-in | cost [calls [seconds]]]`. Another binary is measured if `TRUNKLINE_BIN`
//! names it.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads clocks and starts tasks")]

mod bare;
mod bot;
mod callee;
#[path = "../switch/client.rs"]
mod client;
mod mark;
#[path = "../switch/process.rs"]
mod process;
mod switch;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bot::{Bots, Does, SPEECHES};
use callee::{Callees, Says};
use mark::Arrival;
use switch::{Agent, Switch};
use trunkline_media::Clip;

/// Calls that are placed each second.
const RATE: usize = 100;
/// After the last call was answered, until anything is counted.
const SETTLING: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(60);
/// What answers "at once" for a manner of speaking that waits for no verdict.
const AT_THE_ANSWER: &str = "speak = \"answer\"\nvoicemail = \"ignore\"\nbarge_in = false";

#[tokio::main]
async fn main() {
    mark::epoch();
    raise_file_limit();
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [role, address, connections] = &words[..]
        && role == bare::ROLE
    {
        return bare::play(address, connections);
    }
    let wants = |scene: &str| words.first().is_none_or(|word| word == scene);
    let number = |place: usize, usual: usize| {
        words.get(place).map_or(usual, |word| word.parse().expect("calls, then seconds"))
    };
    let all = tempfile::tempdir().expect("a temporary folder");
    if wants("dead-air") {
        dead_air(all.path(), number(1, 200)).await;
    }
    if wants("delay") {
        delay(all.path(), number(1, 100), number(2, 10)).await;
    }
    if wants("barge-in") {
        barge_in(all.path(), number(1, 100), number(2, 10)).await;
    }
    if wants("cost") {
        cost(all.path(), number(1, 500), number(2, 10)).await;
    }
}

/// Callees, bots and the switch between them.
struct Stage {
    callees: Callees,
    bots: Bots,
    has_bots: bool,
    switch: Switch,
    /// Resident before the first call, in KB.
    empty: u64,
}

impl Stage {
    async fn set(all: &Path, says: Says, does: Option<Does>, manner: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("run").tempdir_in(all).expect("a folder").keep();
        let callees = Callees::start(says);
        let bots = Bots::start(does.unwrap_or(Does::Greets)).await;
        let agent = does.map_or(Agent::Script, |_| Agent::Bot(bots.address));
        let switch = Switch::start(&folder, callees.address, agent, manner).await;
        let empty = switch.resident();
        Self { callees, bots, has_bots: does.is_some(), switch, empty }
    }

    /// Places calls, and waits until all are answered.
    async fn call(&self, rate: usize, calls: usize) {
        let placed = client::place(self.switch.http, rate, calls).await.len();
        let until = Instant::now() + PATIENCE;
        let there = || if self.has_bots { self.bots.there() } else { placed };
        while self.callees.answered().min(there()) < placed && Instant::now() < until {
            pause(Duration::from_millis(20)).await;
        }
        if self.callees.answered().min(there()) < calls {
            println!(
                "  of {calls} calls {} were answered, and {} bots came",
                self.callees.answered(),
                there()
            );
        }
    }

    /// Keeps what happens for so long.
    async fn count(&self, span: Duration) {
        let _ = (self.callees.take_heard(), self.bots.take_told());
        self.bots.count(true);
        pause(span).await;
        self.bots.count(false);
    }
}

async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}

/// From the verdict to the agent's first packet, all calls at once.
async fn dead_air(all: &Path, calls: usize) {
    println!("Dead air, {calls} calls at once, people who say \"Hello?\"");
    let hello = Clip::from_wav(include_bytes!("../../src/simulator/audio/hello.wav")).expect("a WAV file");
    for (who, does) in [("script agent", None), ("bot", Some(Does::Greets))] {
        let says = Says::Greeting(Arc::from(hello.pcmu()), Duration::from_millis(300));
        let stage = Stage::set(all, says, does, "").await;
        stage.call(calls, calls).await;
        pause(Duration::from_secs(6)).await;
        let mut waits = stage.callees.take_heard().waits;
        stage.callees.hang_up();
        let until = Instant::now() + PATIENCE;
        let mut gaps = vec![];
        while gaps.len() < calls && Instant::now() < until {
            pause(Duration::from_millis(500)).await;
            gaps = stage.switch.dead_air(calls).await;
        }
        row(&format!("{who}: verdict to first packet, as the switch records it"), &mut gaps);
        row(&format!("{who}: end of \"Hello?\" to first packet heard, verdict included"), &mut waits);
    }
}

/// From a bot's word to the callee's ear.
async fn delay(all: &Path, calls: usize, seconds: usize) {
    println!(
        "\nA bot's single frames to the callee, {calls} calls; 0 to 20 ms of it is the wait for the leg's next packet"
    );
    let stage = Stage::set(all, Says::Marks, Some(Does::Marks), AT_THE_ANSWER).await;
    stage.call(RATE, calls).await;
    pause(SETTLING).await;
    stage.count(Duration::from_secs(seconds as u64)).await;
    let (heard, told) = (stage.callees.take_heard(), stage.bots.take_told());
    row("bot sends to RTP arrives", &mut delays(&heard.arrivals));
    row("RTP sent to bot receives", &mut delays(&told.arrivals));
}

/// From a bot's `clear` to the last packet with sound.
async fn barge_in(all: &Path, calls: usize, seconds: usize) {
    println!("\nBarge-in, {calls} calls: the bot's `clear` to the last packet of what it takes back");
    let stage = Stage::set(all, Says::Marks, Some(Does::Interrupts), AT_THE_ANSWER).await;
    stage.call(RATE, calls).await;
    pause(SETTLING).await;
    stage.count(Duration::from_secs(seconds as u64)).await;
    let (heard, told) = (stage.callees.take_heard(), stage.bots.take_told());
    let mut last: HashMap<(u16, u32), Instant> = HashMap::new();
    for Arrival { mark, at } in heard.arrivals {
        last.insert((mark.source, mark.number / SPEECHES), at);
    }
    let until = |(source, speech, cleared): &(u16, u32, Instant)| {
        last.get(&(*source, *speech)).map(|at| at.saturating_duration_since(*cleared))
    };
    row("clear sent to last sound", &mut told.clears.iter().filter_map(until).collect::<Vec<_>>());
}

/// What a call costs while both sides talk, with the stereo recording on; and the least that a stream's messages cost.
async fn cost(all: &Path, calls: usize, seconds: usize) {
    println!("\n{calls} calls, both sides talking, recorded");
    println!(
        "{:<16} {:>16} {:>10} {:>12} {:>10} {:>12} {:>10}",
        "", "CPU ms/call-s", "KB/call", "to callee", "lost", "to bot", "lost"
    );
    let span = Duration::from_secs(seconds as u64);
    println!("{:<16} {:>16.3}", "bare TCP", bare::cost(calls, span).await);
    for (who, does) in [("script agent", None), ("bot", Some(Does::Talks))] {
        let stage = Stage::set(all, Says::Marks, does, AT_THE_ANSWER).await;
        stage.call(RATE, calls).await;
        pause(SETTLING).await;
        let (began, before) = (Instant::now(), stage.switch.cpu());
        stage.count(span).await;
        let (took, cpu) = (began.elapsed(), stage.switch.cpu() - before);
        let resident = stage.switch.resident().saturating_sub(stage.empty);
        let (heard, told) = (stage.callees.take_heard(), stage.bots.take_told());
        println!(
            "{who:<16} {:>16.3} {:>10} {:>12} {:>10} {:>12} {:>10}",
            cpu.as_secs_f64() * 1_000.0 / (calls as f64 * took.as_secs_f64()),
            resident / calls as u64,
            heard.packets,
            lost(&heard.arrivals),
            told.arrivals.len(),
            lost(&told.arrivals),
        );
        if does.is_some() {
            row("bot sends to RTP arrives", &mut delays(&heard.arrivals));
            row("RTP sent to bot receives", &mut delays(&told.arrivals));
        }
    }
}

fn delays(arrivals: &[Arrival]) -> Vec<Duration> {
    arrivals.iter().map(Arrival::delay).collect()
}

/// Frames that are missing between the first and the last of each source.
fn lost(arrivals: &[Arrival]) -> usize {
    let mut by_source: HashMap<u16, HashSet<u32>> = HashMap::new();
    for Arrival { mark, .. } in arrivals {
        by_source.entry(mark.source).or_default().insert(mark.number);
    }
    let missing = |numbers: &HashSet<u32>| {
        let ends = numbers.iter().min().zip(numbers.iter().max());
        ends.map_or(0, |(first, last)| (last - first + 1) as usize - numbers.len())
    };
    by_source.values().map(missing).sum()
}

fn row(what: &str, spans: &mut [Duration]) {
    spans.sort();
    let Some(last) = spans.len().checked_sub(1) else { return println!("  {what:<66} nothing came") };
    let at = |share: f64| spans[(last as f64 * share) as usize].as_secs_f64() * 1_000.0;
    println!(
        "  {what:<66} p50 {:>6.1} ms, p99 {:>6.1} ms, max {:>6.1} ms ({} samples)",
        at(0.5),
        at(0.99),
        at(1.0),
        spans.len()
    );
}

fn raise_file_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is ours and lives through both calls.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
}
