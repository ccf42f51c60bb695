//! Log lines: where they go and how they look. Whoever logs never waits for whoever reads: a thread of its own writes, and a line
//! that finds no room is lost and counted.

use std::io::IsTerminal;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, registry, reload};

use crate::config::{Log, LogFormat};

/// Lines that wait while nobody reads; past it they are lost.
const LINES_MAX: usize = 8_192;
/// How long the end waits for the lines before it.
const FLUSH_MAX: Duration = Duration::from_secs(2);

/// Lines go to standard error until this is dropped, which writes those that wait.
pub struct Logging {
    writer: Option<WorkerGuard>,
    lost: ErrorCounter,
    filter: reload::Handle<EnvFilter, Registry>,
}

/// Lines go to standard error from now on.
pub fn start(log: &Log) -> anyhow::Result<Logging> {
    let (filter, handle) = reload::Layer::new(EnvFilter::try_new(&log.filter)?);
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES_MAX)
        .thread_name("log")
        .finish(std::io::stderr());
    let lost = writer.error_counter();
    let lines = fmt::layer()
        .with_writer(writer)
        // A line that cannot be written (a full disk, a reader that is gone) is lost: to complain of it on the same standard
        // error would panic, and the task that logs would end with it.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    match log.format {
        LogFormat::Text => registry().with(filter).with(lines).init(),
        LogFormat::Json => registry().with(filter).with(lines.json()).init(),
    }
    Ok(Logging { writer: Some(guard), lost, filter: handle })
}

impl Logging {
    /// Tells how many lines found no room.
    pub fn lost(&self) -> impl Fn() -> u64 + Send + 'static {
        let lost = self.lost.clone();
        move || lost.dropped_lines() as u64
    }

    /// Other lines from now on.
    pub fn refilter(&self, log: &Log) -> anyhow::Result<()> {
        Ok(self.filter.reload(EnvFilter::try_new(&log.filter)?)?)
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        let (flushed, done) = mpsc::channel::<()>();
        // Apart, since the writer complains of an output that is stuck on one that may be stuck as well.
        let ending = thread::Builder::new().name("log-end".into()).spawn(move || {
            drop(writer);
            drop(flushed);
        });
        if ending.is_ok() {
            let _ = done.recv_timeout(FLUSH_MAX);
        }
    }
}
