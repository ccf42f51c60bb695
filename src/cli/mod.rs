//! The command line. Each command is its arguments and one `run`.

mod api;
mod asking;
pub mod batch;
pub mod billing;
pub mod call;
pub mod calls;
pub mod campaign;
pub mod cdr;
pub mod check;
mod credentials;
pub mod demo;
mod descriptors;
pub mod dnc;
pub mod key;
mod log;
mod office;
mod out;
pub mod pacing;
pub mod person;
pub mod serve;
mod story;
pub mod tenant;
pub mod trunk;
pub mod webhook;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::{Config, ConfigError};
use crate::threads;

/// A self-hosted outbound dialer: its own SIP, its own media, no PBX beside it.
#[derive(Parser)]
#[command(name = "trunkline", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the switch.
    Serve(serve::Args),
    /// Check a configuration without starting anything.
    Check(check::Args),
    /// Run the switch and simulated callees side by side, and place five calls.
    Demo(demo::Args),
    /// Place one call and watch it, or do something to one of the running switch.
    Call(call::Args),
    /// Look at the running switch's calls.
    Calls(calls::Args),
    /// Export call detail records.
    Cdr(cdr::Args),
    /// Look at webhook deliveries, and send them once more.
    Webhook(webhook::Args),
    /// Make a campaign of the recipients in a file, at the running switch.
    Batch(batch::Args),
    /// Look after the running switch's campaigns.
    Campaign(campaign::Args),
    /// Try how far campaigns had better dial ahead of people, without calling anybody.
    Pacing(pacing::Args),
    /// Look after the numbers that nobody is to call any more.
    #[command(alias = "do-not-call")]
    Dnc(dnc::Args),
    /// Look after tenants' money.
    Billing(billing::Args),
    /// Look after a trunk.
    Trunk(trunk::Args),
    /// Look after tenants, whose calls and objects are kept apart.
    Tenant(tenant::Args),
    /// Look after the people who take calls in a browser.
    Person(person::Args),
    /// Make, list and revoke API keys.
    Key(key::Args),
    /// Print the description of the HTTP API: OpenAPI 3.1, as the switch serves it at /openapi.json.
    Openapi,
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Where the configuration is.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// The configuration file; without it `trunkline.toml` in the working directory, if there is one. Environment
    /// variables `TRUNKLINE__SECTION__KEY` lie over it.
    #[arg(long, short, env = "TRUNKLINE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl ConfigArgs {
    /// Reads it.
    pub fn load(&self) -> Result<Config, ConfigError> {
        Config::load(self.config.as_deref())
    }

    /// Where it is read, if it is there.
    fn path(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new("trunkline.toml"))
    }
}

/// Who listens on every address is asked on this machine's own.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let own = |address: IpAddr| match address {
        IpAddr::V4(any) if any.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(any) if any.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        address => address,
    };
    SocketAddr::new(own(listen.ip()), listen.port())
}

/// What a wrong configuration ends with; so does a wrong command line.
pub const EXIT_USAGE: u8 = 2;

/// How long the end waits for threads that are still at work.
const LEFT_MAX: Duration = Duration::from_secs(5);

/// The program: reads the command line, and runs its command.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    // A call is some twenty short turns of HTTP, SIP and storage. One thread carries over a thousand calls a second; media and the
    // database have threads of their own.
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        runtime.worker_threads(threads::for_short_turns());
    }
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out::note(format_args!("error: the runtime cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run(cli));
    // A name that is asked for, or a disk that is written to, may block a thread for as long as it likes.
    runtime.shutdown_timeout(LEFT_MAX);
    code
}

/// Runs a command. What it returns as an error is printed here, once.
async fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Serve(args) => serve::run(args).await,
        Command::Check(args) => check::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Call(args) => call::run(args).await,
        Command::Calls(args) => calls::run(args).await,
        Command::Cdr(args) => cdr::run(args).await,
        Command::Webhook(args) => webhook::run(args).await,
        Command::Batch(args) => batch::run(args).await,
        Command::Campaign(args) => campaign::run(args).await,
        Command::Pacing(args) => pacing::run(args),
        Command::Dnc(args) => dnc::run(args).await,
        Command::Billing(args) => billing::run(args).await,
        Command::Trunk(args) => trunk::run(args).await,
        Command::Tenant(args) => tenant::run(args).await,
        Command::Person(args) => person::run(args).await,
        Command::Key(args) => key::run(args).await,
        Command::Openapi => printed(crate::http::openapi::text()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "trunkline", &mut script);
            printed(String::from_utf8_lossy(&script))
        }
    };
    result.unwrap_or_else(|error| {
        if let Some(refused) = error.downcast_ref::<ConfigError>() {
            out::note(refused);
            return ExitCode::from(EXIT_USAGE);
        }
        out::note(format_args!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

fn printed(text: impl std::fmt::Display) -> anyhow::Result<ExitCode> {
    out::print(text)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_documented_command_lines_parse() {
        for line in [
            "trunkline serve --config trunkline.toml",
            "trunkline check --config trunkline.toml",
            "trunkline demo --json",
            "trunkline call +447386172392 --trunk t1 --say hello --var name=Ann --var a=b=c --record out.wav",
            "trunkline call hangup CA00000000000000000000000000000007",
            "trunkline call say call_7 hello --interrupt --key nxf_demo",
            "trunkline call play call_7 https://a.example/b.wav --config trunkline.toml",
            "trunkline call dtmf 7 1,2#",
            "trunkline call hold 7",
            "trunkline call resume 7",
            "trunkline call transfer 7 +447386172392",
            "trunkline trunk list --json --config trunkline.toml",
            "trunkline trunk doctor t1 --json --config trunkline.toml",
            "trunkline trunk doctor t1 --call +447386172392",
            "trunkline batch people.csv --agent agent_demo --prompt hello --window 09:00-18:00 --days mon,tue --date 2026-06-15",
            "trunkline batch people.json --name reminders --timezone Europe/London --skip-invalid --json",
            "trunkline batch people.csv --callee-window 08:00-21:00 --callee-days mon,tue",
            "trunkline campaign list --status running",
            "trunkline campaign show batchcall_7f8fe206a5522cb7",
            "trunkline campaign cancel batchcall_7f8fe206a5522cb7 --key nxf_demo",
            "trunkline pacing --people 20 --humans 15 --talk 180 --json",
            "trunkline dnc add +447386172392 +15551234567 --note letter",
            "trunkline dnc add --file list.csv",
            "trunkline do-not-call list --after +447386172392",
            "trunkline dnc show +447386172392 --json",
            "trunkline dnc remove +447386172392 --key nxf_demo",
            "trunkline billing credit 1 25.00 --reference invoice --config trunkline.toml",
            "trunkline calls list --state ended --number +447386172392 --since 2026-01-31 --limit 5",
            "trunkline calls show CA000000000000000000000000000000ff --json",
            "trunkline cdr --format ndjson --since 2026-01-31 --output cdr.ndjson",
            "trunkline webhook list --state failed --endpoint 1001",
            "trunkline webhook show 7",
            "trunkline webhook replay 7",
            "trunkline webhook replay --endpoint 1001 --since 2026-01-31T09:00:00Z",
            "trunkline completions bash",
            "trunkline tenant create acme",
            "trunkline key create --face nixflex --tenant acme --concurrent 5",
            "trunkline key list --json",
            "trunkline key revoke 1001",
            "trunkline person create Ada --queue sales --queue billing",
            "trunkline person list --json",
            "trunkline person rotate Ada",
            "trunkline person delete 1001 --key nxf_demo",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in [
            "trunkline",
            "trunkline call 07386172392 --trunk t1 --say hello",
            "trunkline call +447386172392 --trunk t1",
            "trunkline call",
            "trunkline call say call_7",
            "trunkline call dtmf",
            "trunkline call transfer 7 0738",
            "trunkline call hangup 7 --say hello",
            "trunkline calls show x",
            "trunkline cdr --format xlsx",
            "trunkline webhook replay",
            "trunkline webhook replay --endpoint 1001",
            "trunkline batch",
            "trunkline batch people.csv --window 9-18",
            "trunkline campaign launch",
            "trunkline dnc add",
            "trunkline dnc remove 07386172392",
            "trunkline billing credit 1 0",
            "trunkline billing credit 1 1e3",
            "trunkline trunk doctor",
            "trunkline trunk doctor t1 --call 07386172392",
            "trunkline call +447386172392 --trunk t1 --say hello --var name",
            "trunkline call +447386172392 --trunk t1 --say hello --var =Ann",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
