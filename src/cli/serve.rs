//! `trunkline serve`: the switch, until it is told to stop.
#![expect(clippy::disallowed_methods, reason = "a shell: it starts what runs beside the switch")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::log::Logging;
use crate::cli::{ConfigArgs, descriptors, log};
use crate::config::{Config, Database, Settings};
use crate::house::{House, Options};
use crate::tts::Tts;

/// Arguments of `trunkline serve`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// How long what is left of a broken switch may take to close.
const CLOSING: Duration = Duration::from_secs(20);

/// Runs the switch. SIGHUP reads the configuration again. The first SIGTERM or SIGINT drains it: no new calls, live ones finish;
/// the second ends them. Before it is ready the first ends it. A switch that has lost what it cannot do without fails.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    // Before anything is read: what is written meanwhile, with a signal, is read again.
    let mut signals = Signals::new()?;
    let config = args.config.load()?;
    let log = log::start(&config.log)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        config = %args.config.path().display(),
        database = %config.database,
        "starting"
    );
    descriptors::raise(&config);
    warn_if_plain(&config);
    warn_if_elsewhere(&config);
    let settings = config.settings.clone();
    let house = tokio::select! {
        house = House::build(config, Options::default()) => house?,
        () = signals.stop() => {
            tracing::info!("stopped before it was ready");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let lost = log.lost();
    house.metrics.add_source(move |metrics| metrics.export_log(lost()));
    tracing::info!(http = %house.http, sip = ?house.sip, "ready");
    tell_supervisor(NotifyState::Ready);
    tokio::spawn(try_speech(house.tts.clone()));
    let serving = Serving { args, log, settings };
    tokio::select! {
        () = serving.run(&house, &mut signals) => {}
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

/// Whoever started us may want to know (sd_notify(3)); mostly nobody does.
fn tell_supervisor(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager could not be told how the switch stands");
    }
}

/// Keys, prompts and recordings pass by the API. Behind a proxy that encrypts, or within a container's own network, plain is well.
fn warn_if_plain(config: &Config) {
    let listen = config.http.listen;
    if config.http.tls.is_none() && !listen.ip().is_loopback() {
        tracing::warn!(
            %listen,
            "the API is not encrypted, and may be reached from elsewhere: set http.tls_cert and http.tls_key, or let a reverse \
             proxy speak HTTPS for it"
        );
    }
}

/// Until relative paths began at the file's folder, they began where the switch was started.
fn warn_if_elsewhere(config: &Config) {
    let left = Path::new("data/trunkline.db");
    if let Database::Sqlite(path) = &config.database
        && !path.exists()
        && left.exists()
    {
        tracing::warn!(
            database = %path.display(),
            "a new database is made here, and there is one in ./data: relative paths begin at the configuration's own folder"
        );
    }
}

async fn try_speech(tts: Tts) {
    if let Err(error) = tts.probe().await {
        tracing::warn!(%error, "no text to speech: calls will end as agent_failed");
    }
}

/// What is needed while it runs.
struct Serving {
    args: Args,
    log: Logging,
    /// What the switch was started with.
    settings: Settings,
}

impl Serving {
    /// Serves until no call lives that may finish.
    async fn run(&self, house: &House, signals: &mut Signals) {
        while let Wanted::Reload = signals.next().await {
            self.reload(house).await;
        }
        tell_supervisor(NotifyState::Stopping);
        tracing::info!(
            calls = house.journal.live(),
            "draining: no new calls; signal again to end the live ones"
        );
        tokio::select! {
            () = house.drain() => {}
            () = signals.stop() => {
                tracing::warn!(calls = house.journal.live(), "ending the live calls");
                house.hangup_all().await;
            }
        }
    }

    async fn reload(&self, house: &House) {
        let config = match self.args.config.load() {
            Ok(config) => config,
            Err(refused) => return tracing::error!(%refused, "the configuration stays as it was"),
        };
        house.reload(&config).await;
        warn_if_plain(&config);
        if let Err(error) = self.log.refilter(&config.log) {
            tracing::error!(%error, "the log's filter stays as it was");
        }
        for key in self.settings.waiting(&config.settings) {
            tracing::warn!("{key} changed: takes effect at the next start");
        }
        tracing::info!("objects, limits, prices, certificates and the log's filter were read again");
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

    /// A hangup that comes meanwhile waits for [`Signals::next`].
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
