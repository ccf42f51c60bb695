//! `trunkline demo`: the switch and simulated callees in one process, and five calls between them.

use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `trunkline demo`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print one JSON object a call instead of the table.
    #[arg(long)]
    pub json: bool,
    /// Where the database and the recordings go.
    #[arg(long, value_name = "DIRECTORY", default_value = "./trunkline-demo")]
    pub data_dir: PathBuf,
}

/// Places the five calls.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("there is no demonstration in {} yet", args.data_dir.display())
}
