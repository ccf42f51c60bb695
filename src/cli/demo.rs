//! `trunkline demo`: the switch and simulated callees in one process, over real UDP on loopback, and five calls between
//! them, placed through the HTTP API.

mod cast;
mod report;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::cli::{out, story};
use crate::config::Config;
use crate::house::{House, Options};
use crate::model::{CallEvent, CallFact, CallId};
use crate::simulator::{self, Server, ServerConfig};
use crate::tts::Tts;
use cast::{CAST, Role};
use report::{Report, Screen};

/// Arguments of `trunkline demo`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print one JSON object a call instead of the table.
    #[arg(long)]
    pub json: bool,
    /// Go on running afterwards, for calls of your own, until Ctrl-C.
    #[arg(long, conflicts_with = "json")]
    pub stay: bool,
    /// Where the API listens; port 0 takes any.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Where the database and the recordings go.
    #[arg(long, value_name = "DIRECTORY", default_value = "./trunkline-demo")]
    pub data_dir: PathBuf,
}

/// The key that the demonstration's own requests, and the curl line, carry.
const KEY: &str = "nxf_demo:nxfs_demo";
/// The number that calls.
const FROM: &str = "+15550100000";
/// What the agent says to a person.
const PROMPT: &str = "Hello {name}, this is Sarah from Bright Smile Dental. \
                      I am calling about your appointment on Tuesday at two. Can you still make it?";
/// The same, as the person hears it.
const SPOKEN: &str = "Hello Ann, this is Sarah from Bright Smile Dental. \
                      I am calling about your appointment on Tuesday at two. Can you still make it?";
/// What it says once the person has answered.
const GOODBYE: &str = "Wonderful. See you then. Goodbye.";
/// All five calls are over by then, or something is wrong.
const DEADLINE: Duration = Duration::from_secs(90);

/// Places the five calls. Success only if every call ended as its callee was meant to end it.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let callees = Server::start(ServerConfig { listen: "127.0.0.1:0".parse()?, ports: 40_000..=40_999 })
        .context("the simulated callees")?;
    let config = config(&args, callees.local_addr())?;
    let tts = Tts::new(config.tts.clone())?;
    let voice = tts.probe().await;
    if let Err(error) = &voice {
        tts.preload(SPOKEN, simulator::agent_prompt());
        tts.preload(GOODBYE, simulator::agent_goodbye());
        out::note(format_args!(
            "No text to speech here ({error}): the agent speaks the prompts that ship with Trunkline."
        ));
        out::note(format_args!(
            "For any text, install one: apt-get install flite (or see [tts] command in the README).\n"
        ));
    }
    let house = House::build(config, Options { tts: Some(tts), ..Options::default() }).await?;
    let reports = play(&house, &args).await;
    if let (Ok(_), true) = (&reports, args.stay) {
        out::show(format_args!("\nRunning until Ctrl-C."));
        tokio::signal::ctrl_c().await?;
    }
    house.hangup_all().await;
    house.stop().await;
    let as_meant = reports?.iter().all(Report::is_as_meant);
    Ok(if as_meant { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn play(house: &House, args: &Args) -> anyhow::Result<Vec<Report>> {
    let mut events = house.journal.subscribe();
    let screen = Screen::new(args.json);
    screen.opening(house.http, house.sip[0]);
    let roles = place_all(house.http).await?;
    let reports = tokio::time::timeout(DEADLINE, watch(&mut events, &roles, &screen)).await;
    let reports = reports.context("the calls did not end in time")??;
    house.drained_to_disk().await;
    screen.summary(&reports, &args.data_dir);
    if !args.json {
        out::show(format_args!("\n{}", curl(house.http, args)));
    }
    Ok(reports)
}

/// Places every call through the API, as a client would.
async fn place_all(http: SocketAddr) -> anyhow::Result<HashMap<CallId, Role>> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut roles = HashMap::new();
    for role in CAST {
        let body = json!({
            "agent_id": "agent_demo",
            "to_number": role.number(),
            "prompt": PROMPT,
            "dynamic_vars": { "name": "Ann" },
        });
        let request = client
            .post(format!("http://{http}/v1/calls/outbound"))
            .header("Authorization", format!("Bearer {KEY}"))
            .header("Content-Type", "application/json")
            .body(body.to_string());
        let answer = request.send().await.context("the API does not answer")?.text().await?;
        let answer: serde_json::Value = serde_json::from_str(&answer)?;
        match answer["call_id"].as_str().and_then(|id| id.parse().ok()) {
            Some(call) => roles.insert(call, role),
            None => bail!("the API refused the call: {answer}"),
        };
    }
    Ok(roles)
}

/// Shows what happens until every call is over.
async fn watch(
    events: &mut broadcast::Receiver<std::sync::Arc<CallEvent>>,
    roles: &HashMap<CallId, Role>,
    screen: &Screen,
) -> anyhow::Result<Vec<Report>> {
    let mut reports = Vec::new();
    while reports.len() < roles.len() {
        let event = match events.recv().await {
            Ok(event) => event,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => bail!("the switch stopped"),
        };
        let Some(role) = roles.get(&event.call) else { continue };
        if let Some(line) = story::line(&event.fact) {
            screen.fact(role, event.at, &line);
        }
        if let CallFact::Ended(outcome) = &event.fact {
            reports.push(Report::new(*role, outcome));
        }
    }
    reports.sort_by_key(|report| report.role.position());
    Ok(reports)
}

fn config(args: &Args, callees: SocketAddr) -> anyhow::Result<Config> {
    let data_dir = args.data_dir.display().to_string();
    let text = format!(
        r#"
data_dir = {data_dir:?}
[http]
listen = "{listen}"
[sip]
listen = ["udp:127.0.0.1:0"]
[media]
address = "127.0.0.1"
ports = "30000-30999"
[[trunk]]
name = "simulated"
uri = "sip:{callees}"
[[agent]]
id = "agent_demo"
steps = ["{GOODBYE} [END_CALL]"]
ring_timeout_seconds = 8
[[number]]
e164 = "{FROM}"
trunk = "simulated"
agent = "agent_demo"
outbound = true
[[key]]
face = "nixflex"
id = "nxf_demo"
secret = "nxfs_demo"
"#,
        listen = args.listen
    );
    Ok(Config::parse("the demonstration", &text, [])?)
}

/// The line to try next.
fn curl(http: SocketAddr, args: &Args) -> String {
    let place = format!(
        "curl -X POST http://{http}/v1/calls/outbound \\\n  \
         -H 'Authorization: Bearer {KEY}' -H 'Content-Type: application/json' \\\n  \
         -d '{{\"agent_id\": \"agent_demo\", \"to_number\": \"{}\", \"prompt\": \"Hello, how are you?\"}}'",
        CAST[0].number()
    );
    if args.stay {
        return format!("Try it yourself, from another terminal:\n\n  {place}");
    }
    let place = place.replace(&http.to_string(), "127.0.0.1:8080");
    format!(
        "Try it yourself: run `trunkline demo --stay --listen 127.0.0.1:8080`, and from another terminal:\n\n  {place}"
    )
}

/// Whether a folder holds what it should is for people to see, so paths are shown as they were given.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
