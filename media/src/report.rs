//! What legs tell, and its way to their owner, whose sink may be full.

use std::{collections::VecDeque, fmt, sync::Arc};

use crate::bridge::Event;

/// Names a leg of a [`Media`](crate::Media); never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(u64);

impl LegId {
    /// The low bits say whose it is.
    pub(crate) fn new(serial: u64, worker: usize) -> Self {
        Self(serial << WORKER_BITS | worker as u64)
    }

    /// A name for a leg of a media plane that somebody else simulates.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    pub(crate) fn worker(self) -> usize {
        (self.0 & ((1 << WORKER_BITS) - 1)) as usize
    }

    #[cfg(test)]
    pub(crate) fn for_tests(serial: u64) -> Self {
        Self::new(serial, 0)
    }
}

const WORKER_BITS: u32 = 6;
pub(crate) const WORKERS_MAX: usize = 1 << WORKER_BITS;

/// What a leg tells, with its owner's word for it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Who tells.
    pub leg: LegId,
    /// What its owner gave to [`Media::open`](crate::Media::open).
    pub token: u64,
    /// What.
    pub event: Event,
}

/// One thread's reports. What repeats itself (digits, speech, tones) is dropped when the sink is full; the rest waits
/// here, in order, for at most [`BACKLOG`] of it.
pub(crate) struct Reports {
    sink: Sink,
    backlog: VecDeque<Report>,
    dropped: u64,
}

pub(crate) type Sink = Arc<dyn Fn(Report) -> bool + Send + Sync>;

/// Reports a thread keeps for a sink that is full; beyond them the newest are dropped, and counted.
pub(crate) const BACKLOG: usize = 8_192;

impl Reports {
    pub(crate) fn new(sink: Sink) -> Self {
        Self { sink, backlog: VecDeque::new(), dropped: 0 }
    }

    pub(crate) fn push(&mut self, report: Report) {
        let repeats = matches!(
            report.event,
            Event::Dtmf { .. } | Event::SpeechStarted | Event::SpeechEnded { .. } | Event::Tone(_)
        );
        if repeats {
            if !self.backlog.is_empty() || !(self.sink)(report) {
                self.dropped += 1;
            }
            return;
        }
        if self.backlog.is_empty() {
            let kept = report.clone();
            if !(self.sink)(report) {
                self.backlog.push_back(kept);
            }
        } else if self.backlog.len() < BACKLOG {
            self.backlog.push_back(report);
        } else {
            self.dropped += 1;
        }
    }

    /// Tries again what waits.
    pub(crate) fn flush(&mut self) {
        while let Some(report) = self.backlog.front() {
            if !(self.sink)(report.clone()) {
                return;
            }
            self.backlog.pop_front();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.backlog.is_empty()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports")
            .field("backlog", &self.backlog.len())
            .field("dropped", &self.dropped)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;

    fn report(event: Event) -> Report {
        Report { leg: LegId::for_tests(1), token: 0, event }
    }

    #[test]
    fn a_full_sink_loses_what_repeats_and_gets_the_rest_later_in_order() {
        let open = Arc::new(AtomicBool::new(false));
        let told = Arc::new(Mutex::new(Vec::new()));
        let (door, list) = (open.clone(), told.clone());
        let mut reports = Reports::new(Arc::new(move |report: Report| {
            let open = door.load(Ordering::Relaxed);
            if open && let Event::Marked { mark, .. } = report.event {
                list.lock().expect("no panic").push(mark);
            }
            open
        }));
        for mark in 0..5 {
            reports.push(report(Event::Marked { mark, cleared: false }));
            reports.push(report(Event::SpeechStarted));
        }
        assert_eq!(reports.dropped(), 5);
        open.store(true, Ordering::Relaxed);
        reports.push(report(Event::Marked { mark: 5, cleared: false }));
        reports.flush();
        assert_eq!(*told.lock().expect("no panic"), [0, 1, 2, 3, 4, 5]);
        assert!(reports.is_empty());
    }
}
