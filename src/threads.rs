//! How many threads a kind of work gets.

/// For work that is many short turns, which cost less than handing them from thread to thread: a quarter of the cores, one to eight.
#[must_use]
pub fn for_short_turns() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    (cores / 4).clamp(1, 8)
}
