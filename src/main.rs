//! The `trunkline` program.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use trunkline::cli::{self, Cli};
use trunkline::threads;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the end waits for threads that are still at work.
const LEFT_MAX: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    // A call is some twenty short turns of HTTP, SIP and storage. One thread carries over a thousand calls a second; media and the
    // database have threads of their own.
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        runtime.worker_threads(threads::for_short_turns());
    }
    match runtime.enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(cli::run(cli));
            // A name that is asked for, or a disk that is written to, may block a thread for as long as it likes.
            runtime.shutdown_timeout(LEFT_MAX);
            code
        }
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}
