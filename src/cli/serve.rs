//! `trunkline serve`: the switch, until it is told to stop.

use std::process::ExitCode;

use crate::cli::ConfigArgs;

/// Arguments of `trunkline serve`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Runs the switch.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let _config = args.config.load()?;
    anyhow::bail!("the switch cannot be served yet")
}
