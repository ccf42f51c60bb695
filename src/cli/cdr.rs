//! `trunkline cdr`: call detail records of the running switch, to a file or a pipe, as they are read.

use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;

use crate::cli::asking::{Asking, query};
use crate::cli::calls::Narrowing;

/// Arguments of `trunkline cdr`.
#[derive(clap::Args)]
pub struct Args {
    /// How a record looks.
    #[arg(long, default_value = "csv")]
    format: Format,
    #[command(flatten)]
    narrowing: Narrowing,
    /// Write here; without it to standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// RFC 4180, with a header.
    Csv,
    /// The native record, one a line.
    Ndjson,
}

/// Asks, and copies what comes.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut parameters = args.narrowing.parameters();
    let format = if args.asking.json { Format::Ndjson } else { args.format };
    let word = format.to_possible_value().map(|word| word.get_name().to_owned());
    parameters.push(("format", word));
    let path = format!("/v1/native/cdr?{}", query(&parameters));
    let api = args.asking.api()?;
    let to = |path: &PathBuf| std::fs::File::create(path).with_context(|| path.display().to_string());
    // A copy of standard output, so that closing it closes nothing of ours.
    let output =
        args.output.as_ref().map_or_else(|| Ok(io::stdout().as_fd().try_clone_to_owned()?.into()), to)?;
    api.copy(&path, &mut tokio::fs::File::from_std(output)).await?;
    Ok(ExitCode::SUCCESS)
}
