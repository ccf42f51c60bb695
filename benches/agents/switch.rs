//! The real binary, with an agent that is somebody's bot, or the built-in one.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::client;
use crate::process::{Process, free_port};

/// How calls go.
#[derive(Clone, Copy)]
pub struct Manner {
    /// Lines of the agent's table.
    pub agent: &'static str,
    pub is_recorded: bool,
}

/// Who talks.
#[derive(Clone, Copy)]
pub enum Agent {
    /// The built-in one, who says a minute.
    Script,
    /// A bot of Twilio's dialect, there.
    Bot(SocketAddr),
}

pub struct Switch {
    process: Process,
    pub http: SocketAddr,
}

impl Switch {
    pub async fn start(directory: &Path, trunk: SocketAddr, agent: Agent, manner: Manner) -> Self {
        let http = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let speech = directory.join("speech.wav");
        std::fs::write(&speech, wav(60)).expect("the speech is written");
        let stream = match agent {
            Agent::Script => String::new(),
            Agent::Bot(address) => {
                format!("[agent.stream]\nurl = \"ws://{address}/\"\ndialect = \"twilio\"\n")
            }
        };
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
[recording]
enabled = {is_recorded}
[log]
filter = "warn"
[tts]
command = ["sh", "-c", "cat {{text_file}} >/dev/null; cp {speech} {{wav_file}}"]
[[trunk]]
name = "bench"
uri = "sip:{trunk}"
[[agent]]
id = "agent_bench"
{manner}
{stream}
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
            manner = manner.agent,
            is_recorded = manner.is_recorded,
            data = directory.join("data").display(),
            speech = speech.display(),
        );
        let file = directory.join("trunkline.toml");
        std::fs::write(&file, config).expect("the configuration is written");
        let binary = std::env::var("TRUNKLINE_BIN");
        let process = Process::start(
            binary.as_deref().unwrap_or(env!("CARGO_BIN_EXE_trunkline")),
            &["serve", "--config", file.to_str().expect("a path in UTF-8")],
        );
        client::ready(http).await;
        Self { process, http }
    }

    pub fn cpu(&self) -> Duration {
        self.process.cpu()
    }

    /// Resident memory in KB.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("proc(5)");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Each ended call's dead air, as its record says.
    pub async fn dead_air(&self, calls: usize) -> Vec<Duration> {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let read = async |path: String| -> Value {
            let request = client.get(format!("http://{}/v1/calls{path}", self.http));
            let request = request.header("authorization", "Bearer nxf_bench:nxfs_bench_secret");
            let body = request.send().await.expect("an answer").text().await.expect("a body");
            serde_json::from_str(&body).expect("JSON")
        };
        let mut all = vec![];
        for offset in (0..calls).step_by(100) {
            let page = read(format!("?limit=100&offset={offset}")).await;
            for call in page["calls"].as_array().expect("calls") {
                let record = read(format!("/{}", call["call_id"].as_str().expect("an id"))).await;
                all.extend(record["dead_air_ms"].as_u64().map(Duration::from_millis));
            }
        }
        all
    }
}

/// So many seconds of something like speech.
fn wav(seconds: u32) -> Vec<u8> {
    let samples = seconds * 8_000;
    let mut wav = Vec::new();
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + 2 * samples).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    for field in [16u32, 0x0001_0001, 8_000, 16_000, 0x0010_0002] {
        wav.extend_from_slice(&field.to_le_bytes());
    }
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&(2 * samples).to_le_bytes());
    let sample = |n: u32| {
        let time = n as f32 / 8_000.0;
        ((time * 200.0 * std::f32::consts::TAU).sin() * (time * 12.0).sin() * 9_000.0) as i16
    };
    wav.extend((0..samples).flat_map(|n| sample(n).to_le_bytes()));
    wav
}
