//! Agents in calls, through the real binary: how long a callee waits for the first word, what a bot's word costs on its way to the
//! callee, how soon it stops when it is taken back, and what a streamed call costs.
//!
//! This process is the trunk with its callees, and the bots; both stamp by one clock. On a machine of two cores it takes its share of
//! them: times are what a busy machine shows. The switch's CPU time is its process's own.
//!
//! `cargo bench --bench agents [-- dead-air | delay | barge-in | cost [calls [seconds]]]`. Another binary is measured if `TRUNKLINE_BIN`
//! names it. Where calls are not answered or a figure does not come, the run has failed, whatever it shows. `cargo test` runs it too,
//! for two calls and three seconds of each, to see that much.
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
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bot::{Bots, Does, SPEECHES};
use callee::{Callees, Says};
use mark::Arrival;
use switch::{Agent, Manner, Switch};
use trunkline_media::Clip;

/// What `cargo bench` says, and `cargo test` does not.
const MEASURE: &str = "--bench";
/// Calls of a run that measures nothing, and its seconds: an interruption and what is interrupted come in so many, at whatever moment
/// they begin.
const TRIAL: (usize, usize) = (2, 3);
/// Calls that are placed each second.
const RATE: usize = 100;
/// After the last call was answered, until anything is counted.
const SETTLING: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(60);
/// What waits for the verdict.
const AT_THE_VERDICT: Manner = Manner { agent: "", is_recorded: true };
/// What answers "at once" for a manner of speaking that waits for no verdict.
const AT_THE_ANSWER: Manner =
    Manner { agent: "speak = \"answer\"\nvoicemail = \"ignore\"\nbarge_in = false", is_recorded: true };

#[tokio::main]
async fn main() -> ExitCode {
    mark::epoch();
    raise_file_limit();
    let (flags, words): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|word| word.starts_with("--"));
    if let [role, address, connections] = &words[..]
        && role == bare::ROLE
    {
        bare::play(address, connections);
        return ExitCode::SUCCESS;
    }
    let is_trial = !flags.iter().any(|flag| flag == MEASURE);
    let wants = |scene: &str| words.first().is_none_or(|word| word == scene);
    let number = |place: usize, usual| {
        words.get(place).map_or(usual, |word| word.parse().expect("calls, then seconds"))
    };
    let calls = |usual| number(1, if is_trial { TRIAL.0 } else { usual });
    let seconds = number(2, if is_trial { TRIAL.1 } else { 10 });
    let all = tempfile::tempdir().expect("a temporary folder");
    let at = all.path();
    let dead_air = async { !wants("dead-air") || dead_air(at, calls(200)).await };
    let delay = async { !wants("delay") || delay(at, calls(100), seconds).await };
    let barge_in = async { !wants("barge-in") || barge_in(at, calls(100), seconds).await };
    let cost = async { !wants("cost") || cost(at, calls(500), seconds).await };
    // What measures nothing disturbs nothing.
    let are_whole = if is_trial {
        tokio::join!(dead_air, delay, barge_in, cost).into()
    } else {
        [dead_air.await, delay.await, barge_in.await, cost.await]
    };
    if are_whole == [true; 4] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
    async fn set(all: &Path, says: Says, does: Option<Does>, manner: Manner) -> Self {
        let folder = tempfile::Builder::new().prefix("run").tempdir_in(all).expect("a folder").keep();
        let callees = Callees::start(says);
        let bots = Bots::start(does.unwrap_or(Does::Greets)).await;
        let agent = does.map_or(Agent::Script, |_| Agent::Bot(bots.address));
        let switch = Switch::start(&folder, callees.address, agent, manner).await;
        let empty = switch.resident();
        Self { callees, bots, has_bots: does.is_some(), switch, empty }
    }

    /// Places calls, and waits until all are answered. `false`: some were not.
    async fn call(&self, rate: usize, calls: usize) -> bool {
        let placed = client::place(self.switch.http, rate, calls).await.len();
        let until = Instant::now() + PATIENCE;
        let there = || if self.has_bots { self.bots.there() } else { placed };
        while self.callees.answered().min(there()) < placed && Instant::now() < until {
            pause(Duration::from_millis(20)).await;
        }
        let are_all = self.callees.answered().min(there()) >= calls;
        if !are_all {
            println!(
                "  of {calls} calls {} were answered, and {} bots came",
                self.callees.answered(),
                there()
            );
        }
        are_all
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

/// From the verdict to the agent's first packet, all calls at once. `false`, as of every scene: some of it did not come.
async fn dead_air(all: &Path, calls: usize) -> bool {
    let mut is_whole = true;
    println!("Dead air, {calls} calls at once, people who say \"Hello?\"");
    let hello = Clip::from_wav(include_bytes!("../../src/simulator/audio/hello.wav")).expect("a WAV file");
    for (who, does) in [("script agent", None), ("bot", Some(Does::Greets))] {
        let says = Says::Greeting(Arc::from(hello.pcmu()), Duration::from_millis(300));
        let stage = Stage::set(all, says, does, AT_THE_VERDICT).await;
        is_whole &= stage.call(calls, calls).await;
        pause(Duration::from_secs(6)).await;
        let mut waits = stage.callees.take_heard().waits;
        stage.callees.hang_up();
        let until = Instant::now() + PATIENCE;
        let mut gaps = vec![];
        while gaps.len() < calls && Instant::now() < until {
            pause(Duration::from_millis(500)).await;
            gaps = stage.switch.dead_air(calls).await;
        }
        is_whole &= row(&format!("{who}: verdict to first packet, as the switch records it"), &mut gaps);
        is_whole &=
            row(&format!("{who}: end of \"Hello?\" to first packet heard, verdict included"), &mut waits);
    }
    is_whole
}

/// From a bot's word to the callee's ear.
async fn delay(all: &Path, calls: usize, seconds: usize) -> bool {
    println!(
        "\nA bot's single frames to the callee, {calls} calls; 0 to 20 ms of it is the wait for the leg's next packet"
    );
    let stage = Stage::set(all, Says::Marks, Some(Does::Marks), AT_THE_ANSWER).await;
    let are_answered = stage.call(RATE, calls).await;
    pause(SETTLING).await;
    stage.count(Duration::from_secs(seconds as u64)).await;
    let (heard, told) = (stage.callees.take_heard(), stage.bots.take_told());
    let rows = [
        row("bot sends to RTP arrives", &mut delays(&heard.arrivals)),
        row("RTP sent to bot receives", &mut delays(&told.arrivals)),
    ];
    are_answered && rows == [true; 2]
}

/// From a bot's `clear` to the last packet with sound.
async fn barge_in(all: &Path, calls: usize, seconds: usize) -> bool {
    println!("\nBarge-in, {calls} calls: the bot's `clear` to the last packet of what it takes back");
    let stage = Stage::set(all, Says::Marks, Some(Does::Interrupts), AT_THE_ANSWER).await;
    let are_answered = stage.call(RATE, calls).await;
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
    let mut spans: Vec<_> = told.clears.iter().filter_map(until).collect();
    row("clear sent to last sound", &mut spans) && are_answered
}

/// What a call costs while both sides talk all the time, and while they take turns, with the stereo recording and without; and the least
/// that a stream's messages cost.
async fn cost(all: &Path, calls: usize, seconds: usize) -> bool {
    let control = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control");
    println!("\n{calls} calls; TCP by {}", control.as_deref().unwrap_or("?").trim());
    println!(
        "{:<16} {:>16} {:>10} {:>12} {:>10} {:>12} {:>10}",
        "", "CPU ms/call-s", "KB/call", "to callee", "lost", "to bot", "lost"
    );
    let mut is_whole = true;
    let span = Duration::from_secs(seconds as u64);
    println!("{:<16} {:>16.3}", "bare TCP", bare::cost(calls, span).await);
    for (who, does, is_recorded) in [
        ("script, recorded", None, true),
        ("bot, recorded", Some(Does::Talks), true),
        ("bot", Some(Does::Talks), false),
        ("turns, recorded", Some(Does::Converses), true),
        ("turns", Some(Does::Converses), false),
    ] {
        let manner = Manner { is_recorded, ..AT_THE_ANSWER };
        let stage = Stage::set(all, Says::Marks, does, manner).await;
        is_whole &= stage.call(RATE, calls).await;
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
        is_whole &= heard.packets > 0;
        if does.is_some() {
            is_whole &= row("bot sends to RTP arrives", &mut delays(&heard.arrivals));
            is_whole &= row("RTP sent to bot receives", &mut delays(&told.arrivals));
        }
    }
    is_whole
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

/// `false`: there is nothing to show.
fn row(what: &str, spans: &mut [Duration]) -> bool {
    spans.sort();
    let Some(last) = spans.len().checked_sub(1) else {
        println!("  {what:<66} nothing came");
        return false;
    };
    let at = |share: f64| spans[(last as f64 * share) as usize].as_secs_f64() * 1_000.0;
    println!(
        "  {what:<66} p50 {:>6.1} ms, p99 {:>6.1} ms, max {:>6.1} ms ({} samples)",
        at(0.5),
        at(0.99),
        at(1.0),
        spans.len()
    );
    true
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
