//! The threads that carry lines. Hundreds of lines on one thread wake it thousands of times a second if it is woken for each message;
//! so a lane takes turns instead: what comes within a turn is taken together, for one waking, and a quiet lane sleeps.
#![expect(clippy::disallowed_methods, reason = "a shell: it runs threads and reads the clock")]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// From one turn to the next. What a bot says waits for it once, at most: a tenth of a packet.
const TURN: Duration = Duration::from_millis(2);
/// Lines that take their turn before the lane looks again what has come.
const LOOK_EVERY: u32 = 512;

/// Threads for lines. They end with the last clone.
#[derive(Clone, Debug)]
pub struct Lanes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lanes: Vec<Lane>,
    next: AtomicUsize,
}

#[derive(Debug)]
struct Lane {
    runtime: Handle,
    /// Dropped, it ends the thread.
    _alive: oneshot::Sender<()>,
}

impl Lanes {
    /// Starts so many threads, at least one.
    pub fn start(threads: usize) -> io::Result<Self> {
        let lanes = (0..threads.max(1)).map(Lane::start).collect::<io::Result<_>>()?;
        Ok(Self(Arc::new(Inner { lanes, next: AtomicUsize::new(0) })))
    }

    /// One lane for all tests of a process.
    #[cfg(test)]
    pub(in crate::agent) fn shared() -> &'static Self {
        static SHARED: std::sync::LazyLock<Lanes> =
            std::sync::LazyLock::new(|| Lanes::start(1).expect("a thread"));
        &SHARED
    }

    /// Carries one line more: one lane after another gets the next.
    pub(super) fn carry(&self, line: impl Future<Output = ()> + Send + 'static) {
        let Inner { lanes, next } = &*self.0;
        let lane = next.fetch_add(1, Ordering::Relaxed) % lanes.len();
        drop(lanes[lane].runtime.spawn(line));
    }
}

impl Lane {
    fn start(index: usize) -> io::Result<Self> {
        let began = Instant::now();
        let runtime = Builder::new_current_thread()
            .enable_all()
            .event_interval(LOOK_EVERY)
            .thread_name(format!("lookup-{index}"))
            .on_thread_park(move || thread::sleep(until_turn(began.elapsed())))
            .build()?;
        let handle = runtime.handle().clone();
        let (alive, ended) = oneshot::channel::<()>();
        thread::Builder::new().name(format!("lane-{index}")).spawn(move || {
            let _ = runtime.block_on(ended);
            // Names that are being looked up are waited for by nobody.
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, _alive: alive })
    }
}

/// Until the next turn, so long after the first.
fn until_turn(elapsed: Duration) -> Duration {
    let turn = TURN.as_nanos() as u64;
    Duration::from_nanos(turn - (elapsed.as_nanos() as u64) % turn)
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn turns_come_at_even_times() {
        let at = Duration::from_micros;
        assert_eq!(until_turn(at(0)), TURN);
        assert_eq!(until_turn(at(1)), at(1_999));
        assert_eq!(until_turn(at(1_999)), at(1));
        assert_eq!(until_turn(at(2_000)), TURN);
        assert_eq!(until_turn(at(7_500)), at(500));
    }

    #[tokio::test]
    async fn lines_are_carried_by_one_lane_after_another_until_nobody_needs_them() {
        let lanes = Lanes::start(2).expect("threads");
        let (tell, mut told) = mpsc::channel(8);
        for _ in 0..4 {
            let tell = tell.clone();
            lanes.carry(async move {
                let name = thread::current().name().map(str::to_owned);
                tell.send(name).await.expect("it is listened to");
                std::future::pending::<()>().await;
            });
        }
        drop(tell);
        let mut names = vec![];
        for _ in 0..4 {
            names.push(told.recv().await.expect("four are told").expect("a thread with a name"));
        }
        names.sort_unstable();
        assert_eq!(names, ["lane-0", "lane-0", "lane-1", "lane-1"]);
        drop(lanes);
        assert_eq!(told.recv().await, None, "what they carried is gone with them");
    }
}
