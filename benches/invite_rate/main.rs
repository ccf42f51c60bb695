//! Whole calls through the real binary: CPU seconds per 1,000 calls, beside sipp's own as the caller of the same callee;
//! and the time from an HTTP request to its INVITE on the wire.
//!
//! Each call: a POST, the intent committed to SQLite (`synchronous=FULL`), INVITE, 180, 200, ACK, two seconds with the
//! detector and the stereo recording on, the callee's BYE, the end and its webhook committed, the webhook delivered and
//! signed. sipp does the SIP alone.
//!
//! `cargo bench --bench invite_rate [-- calls-a-second…]`
#![expect(clippy::disallowed_methods, reason = "a benchmark reads clocks and starts tasks")]

mod callee;
#[path = "../switch/client.rs"]
mod client;
#[path = "../switch/process.rs"]
mod process;
mod receiver;
mod sipp;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use process::{Process, free_port};
use sipp::Sipp;

/// Seconds of load at each rate.
const SECONDS: usize = 10;

#[tokio::main]
async fn main() {
    let rates: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let rates = if rates.is_empty() { vec![50, 100, 300] } else { rates };
    let all = tempfile::tempdir().expect("a temporary folder");
    println!(
        "{:<34} {:>7} {:>7} {:>9} {:>10} {:>7}",
        "", "calls/s", "calls", "not ok", "CPU s/1000", "ratio"
    );
    for rate in rates {
        let calls = rate * SECONDS;
        let yardstick = sipp_calls_itself(rate, calls);
        row("sipp as the caller (SIP alone)", rate, calls, &yardstick, None);
        let switch = trunkline_calls(all.path(), rate, calls).await;
        row("trunkline, everything on", rate, calls, &switch, Some(yardstick.cpu));
    }
    latency(all.path(), 100, 1_000).await;
}

/// What a run cost.
struct Cost {
    cpu: Duration,
    failed: u64,
}

fn row(what: &str, rate: usize, calls: usize, cost: &Cost, yardstick: Option<Duration>) {
    let per_thousand = cost.cpu.as_secs_f64() * 1000.0 / calls as f64;
    let ratio =
        yardstick.map_or("1".into(), |other| format!("{:.1}", cost.cpu.as_secs_f64() / other.as_secs_f64()));
    println!("{what:<34} {rate:>7} {calls:>7} {:>9} {per_thousand:>10.3} {ratio:>7}", cost.failed);
}

fn sipp_calls_itself(rate: usize, calls: usize) -> Cost {
    let port = free_port();
    let callee = Sipp::callee(port, calls);
    let caller = Sipp::caller(port, rate, calls);
    let (cpu, ok) = caller.wait();
    let (_, callee_ok) = callee.wait();
    Cost { cpu, failed: u64::from(!ok || !callee_ok) }
}

async fn trunkline_calls(all: &Path, rate: usize, calls: usize) -> Cost {
    let receiver = receiver::Receiver::start().await;
    let trunk = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let scratch = scratch(all);
    let callee = Sipp::callee(trunk.port(), calls);
    let switch =
        switch(&scratch, trunk, &format!("webhook_url = \"http://{}/hook\"", receiver.address)).await;
    let before = switch.process.cpu();
    let accepted = client::place(switch.http, rate, calls).await;
    // A call is over for its owner when its webhook came: then nothing of it is left to be paid for.
    let delivered = receiver.wait(accepted.len() as u64, Duration::from_secs(60)).await;
    let cpu = switch.process.cpu() - before;
    let (_, callee_ok) = callee.wait();
    let answered = receiver.answered();
    let failed = calls as u64 - answered.min(delivered) + u64::from(!callee_ok);
    Cost { cpu, failed }
}

async fn latency(all: &Path, rate: usize, calls: usize) {
    let trunk = callee::Decliner::start().await;
    let scratch = scratch(all);
    let switch = switch(&scratch, trunk.address, "").await;
    let asked = client::place(switch.http, rate, calls).await;
    let mut waits = trunk.waits(&asked, Duration::from_secs(20)).await;
    waits.sort();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!(
        "\nHTTP request to INVITE on the wire, {rate} calls/s, {} calls: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        waits.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// A run's own folder below one that `main` removes at its end: ext4 is slow to create files where many were just
/// deleted, and the next run would pay for it.
fn scratch(all: &Path) -> PathBuf {
    tempfile::Builder::new().prefix("run").tempdir_in(all).expect("a folder").keep()
}

struct Switch {
    process: Process,
    http: SocketAddr,
}

async fn switch(directory: &Path, trunk: SocketAddr, agent: &str) -> Switch {
    let http = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = format!(
        r#"
data_dir = "{data}"
[http]
listen = "{http}"
[sip]
listen = ["udp:127.0.0.1:0"]
[media]
address = "127.0.0.1"
ports = "20000-29999"
[log]
filter = "warn"
[tts]
command = ["sh", "-c", "cat {{text_file}} >/dev/null; cp {clip} {{wav_file}}"]
[[trunk]]
name = "bench"
uri = "sip:{trunk}"
[[agent]]
id = "agent_bench"
{agent}
[[number]]
e164 = "+15550100000"
trunk = "bench"
agent = "agent_bench"
outbound = true
[[key]]
face = "nixflex"
id = "nxf_bench"
secret = "nxfs_bench_secret"
[webhooks]
allow_http = true
allow_addresses = ["127.0.0.0/8"]
"#,
        data = directory.join("data").display(),
        clip = concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/audio/agent-prompt.wav"),
    );
    let file = directory.join("trunkline.toml");
    std::fs::write(&file, config).expect("the configuration is written");
    let process = Process::start(
        env!("CARGO_BIN_EXE_trunkline"),
        &["serve", "--config", file.to_str().expect("a path in UTF-8")],
    );
    client::ready(http).await;
    Switch { process, http }
}
