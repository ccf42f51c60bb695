//! `trunkline webhook`: what receivers were sent and what they said to it, and once more.

use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::asking::{Asking, lines, query, table};
use crate::cli::out;

/// Arguments of `trunkline webhook`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Deliveries, newest first.
    List {
        /// Only this endpoint's.
        #[arg(long, value_name = "ID")]
        endpoint: Option<String>,
        /// Only this call's.
        #[arg(long, value_name = "ID")]
        call: Option<String>,
        /// Only those that stand so: pending, delivered or failed.
        #[arg(long)]
        state: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = LIMIT, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIMIT)))]
        limit: u32,
        /// Go on after this page: its `next_cursor`.
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
        #[command(flatten)]
        asking: Asking,
    },
    /// One delivery: what was sent, and how each try went.
    Show {
        /// The delivery.
        #[arg(value_name = "ID")]
        id: u64,
        #[command(flatten)]
        asking: Asking,
    },
    /// Send a delivery once more, or everything since a time that an endpoint did not take.
    Replay {
        /// The delivery.
        #[arg(value_name = "ID", required_unless_present = "endpoint", conflicts_with = "endpoint")]
        id: Option<u64>,
        /// All that this endpoint did not take.
        #[arg(long, value_name = "ID", requires = "since")]
        endpoint: Option<String>,
        /// Of events at this time or later: 2026-01-31T09:00:00Z, or a date.
        #[arg(long, value_name = "TIME", requires = "endpoint")]
        since: Option<String>,
        #[command(flatten)]
        asking: Asking,
    },
}

/// Deliveries of one list: what one answer can hold.
const LIMIT: u32 = 100;

/// Asks, and prints the answer.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List { endpoint, call, state, limit, after, asking } => {
            let limit = Some(limit.to_string());
            let parameters = [
                ("endpoint", endpoint),
                ("call", call),
                ("state", state),
                ("limit", limit),
                ("after", after),
            ];
            let found =
                asking.api()?.get(&format!("/v1/native/webhook-deliveries?{}", query(&parameters))).await?;
            asking.print_page(&COLUMNS, &found)?;
        }
        Command::Show { id, asking } => {
            let mut found = asking.api()?.get(&format!("/v1/native/webhook-deliveries/{id}")).await?;
            if asking.json {
                out::line(format_args!("{found:#}"))?;
                return Ok(ExitCode::SUCCESS);
            }
            let attempts = found["attempts"].take();
            found.as_object_mut().and_then(|fields| fields.remove("attempts"));
            out::print(format_args!("{}\n{}", lines(&found), table(&ATTEMPTS, &attempts)))?;
        }
        Command::Replay { id, endpoint, since, asking } => {
            let path = match (id, endpoint) {
                (Some(id), _) => format!("/v1/native/webhook-deliveries/{id}/replay"),
                (None, endpoint) => {
                    let endpoint = endpoint.unwrap_or_default();
                    format!("/v1/native/webhook-endpoints/{endpoint}/replay?{}", query(&[("since", since)]))
                }
            };
            let answer = asking.api()?.post(&path, Vec::new()).await?;
            match (asking.json, &answer["replayed"]) {
                (true, _) => out::line(format_args!("{answer:#}"))?,
                (false, serde_json::Value::Null) => {
                    out::line(format_args!("{} is owed again", answer["id"]))?
                }
                (false, replayed) => out::line(format_args!("{replayed} deliveries are owed again"))?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

const COLUMNS: [(&str, &str); 8] = [
    ("ID", "/id"),
    ("EVENT", "/event"),
    ("CALL", "/call_id"),
    ("ENDPOINT", "/endpoint"),
    ("STATE", "/state"),
    ("TRIES", "/attempts_count"),
    ("AT", "/created_at"),
    ("ERROR", "/error"),
];

const ATTEMPTS: [(&str, &str); 6] = [
    ("TRY", "/attempt"),
    ("AT", "/started_at"),
    ("MS", "/duration_ms"),
    ("STATUS", "/status"),
    ("ERROR", "/error"),
    ("RESPONSE", "/response"),
];
