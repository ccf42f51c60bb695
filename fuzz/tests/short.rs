//! A short run of every target, always the same one. The long one is `cargo run --release -p trunkline-fuzz -- --seconds 600`.

#![expect(clippy::disallowed_methods, reason = "a shell: it has a deadline")]

use std::time::{Duration, Instant};

use trunkline_fuzz::campaign::{self, TARGETS, Target};
use trunkline_fuzz::memory::Counting;

#[global_allocator]
static MEMORY: Counting = Counting;

/// Each target's share of ten seconds.
const SHARE: Duration = Duration::from_millis(2_500);
/// A machine that is too slow for its share still runs this many.
const CASES_MIN: u64 = 20;

#[test]
fn ten_seconds_of_hostile_input_are_survived() {
    for target in TARGETS {
        let until = Instant::now() + SHARE;
        let of_target = (0..).filter(|case| Target::of(*case) == target);
        for (ran, case) in (0..).zip(of_target) {
            if ran >= CASES_MIN && Instant::now() >= until {
                break;
            }
            if let Err(transcript) = campaign::run(target, 1, case) {
                let head: Vec<&str> = transcript.lines().take(2).collect();
                panic!("{}", head.join("\n"));
            }
        }
    }
}
