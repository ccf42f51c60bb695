//! The `trunkline` program. All of it is in the library, so that the code of its commands' futures is made in one crate alone.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    trunkline::cli::main()
}
