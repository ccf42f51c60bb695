//! `trunkline serve`: the switch, until it is told to stop.

use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::{ConfigArgs, descriptors, log};
use crate::house::{House, Options};

/// Arguments of `trunkline serve`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// How long what is left of a broken switch may take to close.
const CLOSING: Duration = Duration::from_secs(20);

/// Runs the switch. SIGHUP reads the configuration's objects again. The first SIGTERM or SIGINT drains it: no new calls,
/// live ones finish; the second ends them. A switch that has lost what it cannot do without fails.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let log = log::start(&config.log)?;
    descriptors::raise(&config);
    // Before anything is built: a signal that comes early is not lost.
    let mut signals = Signals::new()?;
    let house = House::build(config, Options::default()).await?;
    let lost = log.lost();
    house.metrics.add_source(move |metrics| metrics.export_log(lost()));
    tracing::info!(http = %house.http, sip = ?house.sip, "ready");
    if let Err(error) = house.tts.probe().await {
        tracing::warn!(%error, "no text to speech: calls will end as agent_failed");
    }
    tokio::select! {
        () = until_told(&args, &house, &mut signals) => {}
        () = house.lost() => {
            if tokio::time::timeout(CLOSING, house.stop()).await.is_err() {
                tracing::error!("what is left does not close");
            }
            anyhow::bail!("a part of the switch has died, and nobody can be called without it: start it again");
        }
    }
    house.stop().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Serves until no call lives that may finish.
async fn until_told(args: &Args, house: &House, signals: &mut Signals) {
    while let Wanted::Reload = signals.next().await {
        match args.config.load() {
            Ok(config) => {
                house.reload(&config).await;
                tracing::info!("trunks, numbers, agents and keys were read again");
            }
            Err(refused) => tracing::error!(%refused, "the configuration stays as it was"),
        }
    }
    tracing::info!(calls = house.journal.live(), "draining: no new calls; signal again to end the live ones");
    tokio::select! {
        () = house.drain() => {}
        () = signals.stop() => {
            tracing::warn!(calls = house.journal.live(), "ending the live calls");
            house.hangup_all().await;
        }
    }
}

enum Wanted {
    Reload,
    Stop,
}

struct Signals {
    /// A file that reached its size limit (RLIMIT_FSIZE) would end the process with this signal; heard by anybody, the write
    /// fails instead, as on a full disk.
    _file_size: Signal,
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            _file_size: signal(SignalKind::from_raw(libc::SIGXFSZ))?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Wanted {
        tokio::select! {
            _ = self.hangup.recv() => Wanted::Reload,
            _ = self.interrupt.recv() => Wanted::Stop,
            _ = self.terminate.recv() => Wanted::Stop,
        }
    }

    async fn stop(&mut self) {
        while let Wanted::Reload = self.next().await {}
    }
}
