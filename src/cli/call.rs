//! `trunkline call`: one call from a terminal, with a live ladder of its SIP messages; and what is done to one of the running switch.

mod order;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;

use crate::cli::{ConfigArgs, log, out, story};
use crate::config::{Config, Recording};
use crate::directory::Route;
use crate::house::{House, Options};
use crate::model::{
    Agent, AgentChoice, CallFact, Disposition, KeyId, Number, OutboundRequest, Outcome, PhoneNumber,
    RecordingResult, TrunkChoice, Variable,
};

/// What stands below the options.
const AFTER_HELP: &str = "\
A call that is placed here belongs to a switch of its own, which ends with it: no record, webhook or line of the ledger is left, the running
switch's limits do not hold for it, and nothing counts what it costs. Do-not-call lists are neither asked nor written. Where the trunk has [trunk.spend], or [billing] is on, say --unbilled.

Exit codes: 0 the callee and the agent talked; 1 the switch failed; 2 wrong command line or configuration;
10 voicemail, 11 busy, 12 no answer, 13 declined or blocked, 14 no such number, or unreachable, 15 the trunk failed,
16 silence, too long or no media, 17 interrupted by hand.";

/// Arguments of `trunkline call`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    order: Option<order::Order>,
    #[command(flatten)]
    place: Place,
}

/// A call to be placed. What must be there is asked for by clap, unless something is done to a call that is there.
#[derive(clap::Args)]
pub struct Place {
    /// Who is called, in E.164 form.
    #[arg(value_name = "NUMBER", required = true)]
    pub to: Option<PhoneNumber>,
    /// The trunk to dial through; may be left out if there is only one.
    #[arg(long, value_name = "NAME")]
    pub trunk: Option<String>,
    /// The number that calls, in E.164 form; the first outbound-enabled number of the trunk if left out.
    #[arg(long, value_name = "NUMBER")]
    pub from: Option<PhoneNumber>,
    /// What to say. `{name}` stands for a variable, `[END_CALL]` ends the call.
    #[arg(long, value_name = "TEXT", required = true)]
    pub say: Option<String>,
    /// A variable, `name=value`; may be repeated.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    pub variables: Vec<Variable>,
    /// Save the recording here: a stereo WAV file, the callee on the left.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Call although nothing counts what it costs, neither `[trunk.spend]` nor `[billing]`.
    #[arg(long)]
    pub unbilled: bool,
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Places the call; the exit code tells its outcome.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.order {
        Some(order) => order::run(order).await,
        None => call(args.place).await,
    }
}

async fn call(args: Place) -> anyhow::Result<ExitCode> {
    let mut config = args.config.load()?;
    let _log = log::start(&config.log)?;
    let scratch = tempfile::tempdir().context("a temporary folder")?;
    // A switch of its own for one call: beside a running one it needs its own ports, and it keeps nothing.
    config.data_dir = scratch.path().to_owned();
    config.recording =
        Recording { enabled: args.record.is_some(), directory: scratch.path().join("recordings") };
    config.http.listen.set_port(0);
    config.sip.listen.iter_mut().for_each(|listen| listen.address.set_port(0));
    let route = route(&config, &args)?;
    if !args.unbilled {
        refuse_uncounted(&config, &route)?;
    }
    let house = House::build(config, Options { ephemeral: true, ..Options::default() }).await?;
    let ended = watch(&house, &args, route).await;
    house.stop().await;
    let outcome = ended?;
    if let (Some(wanted), Some(recording)) = (&args.record, &outcome.recording) {
        match recording {
            RecordingResult::Saved { path, duration, .. } => {
                std::fs::copy(path, wanted)
                    .with_context(|| format!("the recording, {}", wanted.display()))?;
                out::show(format_args!("recorded {} in {}", story::seconds(*duration), wanted.display()));
            }
            RecordingResult::Cut { path, reason, .. } => {
                out::note(format_args!("the recording is not whole: {reason}"));
                std::fs::copy(path, wanted)
                    .with_context(|| format!("the recording, {}", wanted.display()))?;
                out::show(format_args!("what there is of it is in {}", wanted.display()));
            }
            RecordingResult::Failed { reason } => out::note(format_args!("the recording failed: {reason}")),
        }
    }
    Ok(ExitCode::from(exit_code(&outcome)))
}

/// Follows the call to its end; Ctrl-C and SIGTERM hang up.
async fn watch(house: &House, args: &Place, route: Route) -> anyhow::Result<Outcome> {
    let mut events = house.journal.subscribe();
    let agent = AgentChoice::Named(route.agent.alias.clone());
    let to = args.to.clone().context("whom? say a number")?;
    let request = OutboundRequest {
        from: Some(route.from.clone()),
        prompt: args.say.clone(),
        variables: args.variables.clone(),
        record: Some(true),
        ..OutboundRequest::new(route.agent.tenant, KeyId(0), agent, to)
    };
    // Before anything rings: a signal that comes early is not lost.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let call = house.dialer.place(request, route, true).await?;
    let mut started = None;
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) if event.call == call => {
                    let at = event.at.saturating_duration_since(*started.get_or_insert(event.at));
                    print(at, &event.fact);
                    if let CallFact::Ended(outcome) = &event.fact {
                        return Ok(Outcome::clone(outcome));
                    }
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => bail!("the switch stopped"),
            },
            _ = interrupt.recv() => house.dialer.hangup(call).await,
            _ = terminate.recv() => house.dialer.hangup(call).await,
        }
    }
}

fn print(at: Duration, fact: &CallFact) {
    let at = at.as_secs_f64();
    match fact {
        CallFact::Message { sent: true, line } => out::show(format_args!("{at:8.3}  ──▶  {line}")),
        CallFact::Message { sent: false, line } => out::show(format_args!("{at:8.3}  ◀──  {line}")),
        fact => {
            if let Some(line) = story::line(fact) {
                out::show(format_args!("{at:8.3}       {line}"));
            }
        }
    }
}

/// Which trunk, from which number, with which agent.
fn route(config: &Config, args: &Place) -> anyhow::Result<Route> {
    let objects = &config.objects;
    let trunk = match &args.trunk {
        Some(name) => objects.trunks.iter().find(|trunk| trunk.name == *name),
        None if objects.trunks.len() == 1 => objects.trunks.first(),
        None => bail!("which trunk? say --trunk; there are {}", objects.trunks.len()),
    };
    let trunk =
        trunk.with_context(|| format!("no trunk is called {}", args.trunk.as_deref().unwrap_or_default()))?;
    let ours = |number: &&Number| match &args.from {
        Some(from) => number.e164 == *from,
        None => number.outbound && number.trunks.iter().any(|choice| choice.trunk == trunk.id),
    };
    let number = objects.numbers.iter().find(ours);
    let from = args.from.clone().or(number.map(|number| number.e164.clone()));
    let from =
        from.with_context(|| format!("from which number? trunk {} has none; say --from", trunk.name))?;
    let agent = number.and_then(|number| objects.agents.iter().find(|agent| Some(agent.id) == number.agent));
    Ok(Route {
        agent: Arc::new(agent.cloned().unwrap_or_else(plain_agent)),
        number: number.cloned().map(Arc::new),
        from,
        trunks: vec![(Arc::new(trunk.clone()), TrunkChoice::only(trunk.id))],
    })
}

/// What calls may cost is counted by the running switch, which knows nothing of this one.
fn refuse_uncounted(config: &Config, route: &Route) -> anyhow::Result<()> {
    let capped = route.trunks.iter().find(|(trunk, _)| trunk.destinations.spend.is_some());
    let what = match capped {
        Some((trunk, _)) => format!("trunk {} has [trunk.spend]", trunk.name),
        None if config.billing.is_some() => "[billing] is on".to_owned(),
        None => return Ok(()),
    };
    bail!(
        "{what}, and nothing would count what this call costs: say --unbilled, or place it at the running switch, by its API"
    )
}

/// An agent with every default.
fn plain_agent() -> Agent {
    let mut config =
        Config::parse("built in", "[[agent]]\nid = \"command-line\"\n", []).expect("a valid configuration");
    config.objects.agents.remove(0)
}

/// Documented in `--help`.
fn exit_code(outcome: &Outcome) -> u8 {
    match outcome.disposition {
        Disposition::Completed | Disposition::CalleeHangup => 0,
        Disposition::VoicemailDetected => 10,
        Disposition::Busy => 11,
        Disposition::NoAnswer => 12,
        Disposition::Rejected | Disposition::NetworkBlocked => 13,
        Disposition::Unreachable | Disposition::InvalidNumber => 14,
        Disposition::TrunkFailed => 15,
        Disposition::SilenceTimeout
        | Disposition::MaxDuration
        | Disposition::HoldTimeout
        | Disposition::Abandoned
        | Disposition::MediaLost => 16,
        Disposition::Cancelled => 17,
        Disposition::AgentFailed
        | Disposition::Overloaded
        | Disposition::Interrupted
        | Disposition::Indeterminate => 1,
    }
}

fn variable(text: &str) -> Result<Variable, &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok(Variable { name: name.trim().to_owned(), value: value.to_owned() })
        }
        _ => Err("must be of the form name=value"),
    }
}
