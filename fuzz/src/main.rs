//! `cargo run --release -p trunkline-fuzz -- --seconds 600`

#![expect(
    clippy::disallowed_methods,
    reason = "a shell: it has a deadline and measures how long a case takes"
)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use rand::TryRngCore;
use trunkline_fuzz::campaign::{self, TARGETS, Target};
use trunkline_fuzz::memory::Counting;

#[global_allocator]
static MEMORY: Counting = Counting;

const USAGE: &str =
    "usage: trunkline-fuzz [--seconds N] [--seed N] [--target message|agent|sdp|bridge] [--case N]
  Runs cases until the time is over. A failure is saved under fuzz/failures/ and ends the run.
  With --case, that one case runs alone.";

/// A case that takes longer does not end, for all anybody knows.
const CASE_MAX: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Options {
    seconds: Option<u64>,
    seed: Option<u64>,
    target: Option<Target>,
    case: Option<u64>,
}

fn main() -> ExitCode {
    let Some(options) = parse() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let chosen = || rand::rngs::OsRng.try_next_u32().expect("the system has randomness").into();
    let seed = options.seed.unwrap_or_else(chosen);
    println!("seed {seed}");
    let started = Instant::now();
    let deadline = started + Duration::from_secs(options.seconds.unwrap_or(60));
    let cases = options.case.map_or(0..u64::MAX, |case| case..case + 1);
    let (mut ran, mut longest) = ([0u64; TARGETS.len()], Duration::ZERO);
    for case in cases {
        let began = Instant::now();
        if options.case.is_none() && began >= deadline {
            break;
        }
        let target = options.target.unwrap_or_else(|| Target::of(case));
        if let Err(transcript) = campaign::run(target, seed, case) {
            return save(target, seed, case, &transcript);
        }
        let took = began.elapsed();
        longest = longest.max(took);
        if took > CASE_MAX {
            return save(target, seed, case, &format!("# case {case} took {took:?}\n"));
        }
        ran[TARGETS.iter().position(|known| *known == target).unwrap_or_default()] += 1;
    }
    for (target, ran) in TARGETS.iter().zip(ran) {
        println!("{:8} {ran} cases", target.name());
    }
    println!("clean after {:.0?}; the longest case took {longest:.1?}", started.elapsed());
    ExitCode::SUCCESS
}

fn save(target: Target, seed: u64, case: u64, transcript: &str) -> ExitCode {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/failures");
    let path = format!("{folder}/{}-{seed}-{case}.txt", target.name());
    let saved = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, transcript));
    eprintln!("{}", transcript.lines().next().unwrap_or_default());
    match saved {
        Ok(()) => eprintln!("seed {seed}, case {case}: saved as {path}"),
        Err(error) => eprintln!("seed {seed}, case {case}: could not be saved: {error}\n{transcript}"),
    }
    ExitCode::FAILURE
}

fn parse() -> Option<Options> {
    let mut options = Options::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word.as_str() {
            "--seconds" => options.seconds = Some(value.parse().ok()?),
            "--seed" => options.seed = Some(value.parse().ok()?),
            "--case" => options.case = Some(value.parse().ok()?),
            "--target" => options.target = Some(*TARGETS.iter().find(|target| target.name() == value)?),
            _ => return None,
        }
    }
    Some(options)
}
