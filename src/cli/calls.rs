//! `trunkline calls`: the running switch's calls, as its native API tells of them.

use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::asking::{Asking, lines, query};
use crate::cli::out;
use crate::model::CallId;

/// Arguments of `trunkline calls`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The key's calls, newest first.
    List(Box<List>),
    /// Everything that is known of one call.
    Show {
        /// The call, in any rendering of its id.
        #[arg(value_name = "ID", value_parser = id)]
        id: CallId,
        #[command(flatten)]
        asking: Asking,
    },
}

#[derive(clap::Args)]
struct List {
    #[command(flatten)]
    narrowing: Narrowing,
    /// At most so many.
    #[arg(long, default_value_t = LIMIT, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIMIT)))]
    limit: u32,
    /// Go on after this page: its `next_cursor`.
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

/// Which calls.
#[derive(clap::Args)]
pub struct Narrowing {
    /// Only those that stand so: accepted, dialing (which is shown as ringing once it rings), answered or ended.
    #[arg(long)]
    state: Option<String>,
    /// Only inbound or outbound ones.
    #[arg(long)]
    direction: Option<String>,
    /// Only this agent's, by name or id.
    #[arg(long)]
    agent: Option<String>,
    /// Only those from or to this number.
    #[arg(long)]
    number: Option<String>,
    /// Only those of this campaign.
    #[arg(long)]
    campaign: Option<String>,
    /// Only those that ended so, such as busy or no_answer.
    #[arg(long)]
    disposition: Option<String>,
    /// Accepted at this time or later: 2026-01-31T09:00:00Z, or a date.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Accepted before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Narrowing {
    /// As the API's parameters.
    pub fn parameters(&self) -> Vec<(&'static str, Option<String>)> {
        vec![
            ("state", self.state.clone()),
            ("direction", self.direction.clone()),
            ("agent", self.agent.clone()),
            ("number", self.number.clone()),
            ("campaign", self.campaign.clone()),
            ("disposition", self.disposition.clone()),
            ("since", self.since.clone()),
            ("until", self.until.clone()),
        ]
    }
}

/// Calls of one list: what one answer can hold.
const LIMIT: u32 = 25;

/// Asks, and prints the answer.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List(list) => {
            let mut parameters = list.narrowing.parameters();
            parameters.extend([("limit", Some(list.limit.to_string())), ("after", list.after)]);
            let path = format!("/v1/native/calls?{}", query(&parameters));
            let calls = list.asking.api()?.get(&path).await?;
            list.asking.print_page(&COLUMNS, &calls)?;
        }
        Command::Show { id, asking } => {
            let call = asking.api()?.get(&format!("/v1/native/calls/{id}")).await?;
            match asking.json {
                true => out::line(format_args!("{call:#}"))?,
                false => out::print(lines(&call))?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

const COLUMNS: [(&str, &str); 8] = [
    ("CALL", "/call_id"),
    ("DIRECTION", "/direction"),
    ("FROM", "/from"),
    ("TO", "/to"),
    ("STATE", "/state"),
    ("DISPOSITION", "/disposition"),
    ("SIP", "/sip/status"),
    ("ACCEPTED", "/created_at"),
];

fn id(text: &str) -> Result<CallId, &'static str> {
    text.parse().map_err(|()| "is no call's id")
}
