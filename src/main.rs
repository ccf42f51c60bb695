//! The `trunkline` program.

use std::process::ExitCode;

use clap::Parser;
use trunkline::cli::{self, Cli};
use trunkline::threads;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    // A call is some twenty short turns of HTTP, SIP and storage. One thread carries over a thousand calls a second; media and the
    // database have threads of their own.
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        runtime.worker_threads(threads::for_short_turns());
    }
    match runtime.enable_all().build() {
        Ok(runtime) => runtime.block_on(cli::run(cli)),
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}
