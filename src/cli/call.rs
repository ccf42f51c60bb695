//! `trunkline call`: one call from a terminal, with a live ladder of its SIP messages.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::ConfigArgs;
use crate::model::{PhoneNumber, Variable};

/// Arguments of `trunkline call`.
#[derive(clap::Args)]
pub struct Args {
    /// Who is called, in E.164 form.
    #[arg(value_name = "NUMBER")]
    pub to: PhoneNumber,
    /// The trunk to dial through; may be left out if there is only one.
    #[arg(long, value_name = "NAME")]
    pub trunk: Option<String>,
    /// The number that calls, in E.164 form; the first outbound-enabled number of the trunk if left out.
    #[arg(long, value_name = "NUMBER")]
    pub from: Option<PhoneNumber>,
    /// What to say. `{name}` stands for a variable, `[END_CALL]` ends the call.
    #[arg(long, value_name = "TEXT")]
    pub say: String,
    /// A variable, `name=value`; may be repeated.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    pub variables: Vec<Variable>,
    /// Save the recording here: a stereo WAV file, the callee on the left.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Places the call; the exit code tells its outcome.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let _config = args.config.load()?;
    anyhow::bail!("{} cannot be called yet", args.to)
}

fn variable(text: &str) -> Result<Variable, &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok(Variable { name: name.trim().to_owned(), value: value.to_owned() })
        }
        _ => Err("must be of the form name=value"),
    }
}
