//! `trunkline cdr`: call detail records of the running switch, to a file or a pipe, as they are read.

use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;

use crate::cli::api::{Api, Failure};
use crate::cli::asking::{Asking, query};
use crate::cli::calls::Narrowing;
use crate::egress::EgressError;

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
    match &args.output {
        Some(file) => to_file(&api, &path, file).await?,
        None => to_output(&api, &path).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Beside the file and then in its place, so that an export that comes to nothing leaves the last one as it was.
async fn to_file(api: &Api, path: &str, file: &Path) -> anyhow::Result<()> {
    let named = || file.display().to_string();
    let last = file.metadata().ok();
    // A device or a pipe is written to: it holds nothing that could be lost.
    if last.as_ref().is_some_and(|last| !last.is_file()) {
        let output = File::options().write(true).open(file).with_context(named)?;
        return Ok(api.copy(path, &mut tokio::fs::File::from_std(output)).await?);
    }
    let place = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // With the permissions of the last one, or those that a file made here has.
    let mut beside = tempfile::Builder::new();
    let beside = beside.prefix(".trunkline-cdr-").permissions(Permissions::from_mode(0o666));
    let beside = match beside.tempfile_in(folder) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied && last.is_some() => {
            return over(api, path, file).await;
        }
        made => made.with_context(named)?,
    };
    if let Some(last) = last {
        // Only root can give it away; anybody else's stays his.
        let _ = fchown(beside.as_file(), Some(last.uid()), Some(last.gid()));
        beside.as_file().set_permissions(last.permissions()).with_context(named)?;
    }
    api.copy(path, &mut tokio::fs::File::from_std(beside.as_file().try_clone()?)).await?;
    beside.as_file().sync_all().with_context(named)?;
    beside.persist(&place).with_context(named)?;
    Ok(())
}

/// Into the file itself, in whose folder nothing can be made: once all of it is here.
async fn over(api: &Api, path: &str, file: &Path) -> anyhow::Result<()> {
    let mut whole = tempfile::tempfile().context("a temporary file")?;
    api.copy(path, &mut tokio::fs::File::from_std(whole.try_clone()?)).await?;
    whole.rewind()?;
    let written = File::create(file).and_then(|mut file| io::copy(&mut whole, &mut file));
    written.with_context(|| file.display().to_string())?;
    Ok(())
}

/// Whoever stops reading has what he wanted.
async fn to_output(api: &Api, path: &str) -> anyhow::Result<()> {
    // A copy of standard output, so that closing it closes nothing of ours.
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    match api.copy(path, &mut tokio::fs::File::from_std(output)).await {
        Err(Failure::Egress(EgressError::Output(ErrorKind::BrokenPipe))) => Ok(()),
        copied => Ok(copied?),
    }
}
