//! `trunkline trunk`: what a terminal may ask of a trunk.

mod list;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Subcommand;

use crate::cli::{ConfigArgs, EXIT_USAGE, log, out};
use crate::doctor::{self, Finding, Patient, Probe, Verdict};
use crate::model::PhoneNumber;

/// Arguments of `trunkline trunk`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// How the trunks of the running switch stand; without one, which trunks the configuration declares.
    List(list::Args),
    /// Say what is wrong with a trunk and what to change.
    Doctor(DoctorArgs),
}

/// What the exit code says.
const EXIT_CODES: &str = "\
Exit codes: 0 no fault was found; 1 faults were found; 2 the trunk could not be examined.

A running switch is not disturbed: the doctor takes other ports of the same addresses.";

#[derive(clap::Args)]
#[command(after_help = EXIT_CODES)]
struct DoctorArgs {
    /// The trunk.
    #[arg(value_name = "NAME")]
    name: String,
    /// Call this number, in E.164 form, and say what becomes of the call and its audio. It rings.
    #[arg(long, value_name = "NUMBER")]
    call: Option<PhoneNumber>,
    /// The number is an echo service: digits that it does not send back are told.
    #[arg(long, requires = "call")]
    echo: bool,
    /// Put the callee on hold and take it back.
    #[arg(long, requires = "call")]
    hold: bool,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Runs one of its commands.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List(args) => list::run(args).await,
        Command::Doctor(args) => doctor(args).await,
    }
}

async fn doctor(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let findings = match examine(&args).await {
        Ok(findings) => findings,
        Err(error) if error.is::<crate::config::ConfigError>() => return Err(error),
        Err(error) => {
            out::note(format_args!("error: {error:#}"));
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (faults, warnings) = (count(Verdict::Fault), count(Verdict::Warning));
    match args.json {
        true => {
            let verdict = if faults > 0 { Verdict::Fault } else { Verdict::Ok };
            let document =
                serde_json::json!({ "trunk": args.name, "verdict": verdict, "findings": findings });
            out::show(format_args!("{document:#}"));
        }
        false => out::show(format_args!("faults: {faults}, warnings: {warnings}")),
    }
    Ok(if faults > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn examine(args: &DoctorArgs) -> anyhow::Result<Vec<Finding>> {
    let config = args.config.load()?;
    let _log = log::start(&config.log)?;
    let trunk = config.objects.trunks.iter().find(|trunk| trunk.name == args.name);
    let trunk = trunk.with_context(|| format!("no trunk is called {}", args.name))?;
    let from = Patient::caller(config.objects.numbers.iter(), trunk);
    let probe = Probe { echo: args.echo, hold: args.hold };
    let patient =
        Patient { probe, ..Patient::new(&config, Arc::new(trunk.clone()), from, args.call.clone()) };
    if let Some(number) = args.call.as_ref().filter(|_| !args.json) {
        out::show(format_args!(
            "{number} is going to ring: once, and at most {} times more if the trunk refuses the call",
            doctor::REMEDIES_MAX
        ));
    }
    let tell = |finding: &Finding| {
        if !args.json {
            out::show(finding);
        }
    };
    Ok(doctor::examine(patient, None, tell).await?)
}
