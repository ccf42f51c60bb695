//! `trunkline person`: who takes calls in a browser, by the running switch's API.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::asking::{Asking, table};
use super::out;

/// Arguments of `trunkline person`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a person, and show once what it signs in with at /console/.
    Create {
        /// Its name, for colleagues.
        name: String,
        /// A queue that it serves, once for each; without any it serves all.
        #[arg(long = "queue", value_name = "NAME")]
        queues: Vec<String>,
        #[command(flatten)]
        asking: Asking,
    },
    /// Everybody, without their secrets.
    List {
        #[command(flatten)]
        asking: Asking,
    },
    /// Make a person's secret anew, and show it once; whoever is signed in with the old one is signed out.
    Rotate {
        /// Its id or name.
        person: String,
        #[command(flatten)]
        asking: Asking,
    },
    /// Remove a person, who is signed out.
    Delete {
        /// Its id or name.
        person: String,
        #[command(flatten)]
        asking: Asking,
    },
}

const PATH: &str = "/v1/native/people";

/// Asks, and prints the answer.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Create { name, queues, asking } => {
            let body = json!({ "name": name, "queues": queues }).to_string().into();
            told(&asking, &asking.api()?.post(PATH, body).await?)?;
        }
        Command::Rotate { person, asking } => {
            let path = format!("{}/rotate-secret", path_of(&person));
            told(&asking, &asking.api()?.post(&path, b"{}".to_vec()).await?)?;
        }
        Command::List { asking } => {
            let people = Value::Array(asking.api()?.all(PATH).await?);
            match asking.json {
                true => out::line(format_args!("{people:#}"))?,
                false => out::print(table(
                    &[
                        ("ID", "/id"),
                        ("NAME", "/name"),
                        ("QUEUES", "/queues"),
                        ("IN THE FILE", "/managed_by_file"),
                    ],
                    &people,
                ))?,
            }
        }
        Command::Delete { person, asking } => asking.api()?.delete(&path_of(&person)).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A name may have anything in it.
fn path_of(person: &str) -> String {
    format!("{PATH}/{}", percent_encoding::utf8_percent_encode(person, percent_encoding::NON_ALPHANUMERIC))
}

/// The secret goes where a program reads it, everything else to whoever looks on.
fn told(asking: &Asking, made: &Value) -> std::io::Result<()> {
    if asking.json {
        return out::line(made);
    }
    out::line(made["secret"].as_str().unwrap_or_default())?;
    out::note(format_args!(
        "{} signs in with it at /console/. It is not shown again.",
        made["name"].as_str().unwrap_or_default()
    ));
    Ok(())
}
