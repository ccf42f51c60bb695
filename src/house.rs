//! Builds the house from its configuration, room by room, and takes it down in the order that loses nothing.
#![expect(clippy::disallowed_methods, reason = "a shell: it starts the tasks")]

mod api;
mod counting;
mod endings;
mod keeping;
mod opening;
#[cfg(feature = "browser")]
pub(crate) mod people;
mod retention;
mod sockets;
mod vigil;
mod wiring;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trunkline_media::{Media, MediaConfig};
use trunkline_sip::{Resolver, ResolverConfig, ResolverError, ServerTls};

use crate::admission::Admission;
#[cfg(feature = "browser")]
use crate::agent::floor::Floor;
use crate::agent::line::Lanes;
use crate::agent::stream::Reception;
use crate::call::{Board, Command, Driver, DriverParts, Mailbox, Shard};
use crate::campaign::{Campaigns, Pace, Runner};
use crate::cashier::Cashier;
use crate::clock::wall_now;
use crate::config::Config;
use crate::dialer::{self, Dialer, DialerParts, Settings};
use crate::directory::{Directory, Registry, UnlockError};
use crate::egress::{Egress, EgressError};
use crate::http::Tls;
use crate::journal::{self, Journal};
use crate::metrics::Metrics;
use crate::model::{Review, ReviewOffer, Timestamp, TranscriptBy, numbering, whereabouts};
use crate::review::{ReviewParts, Reviews};
use crate::store::{Retention, Store, StoreError};
use crate::threads;
use crate::tts::Tts;
use crate::webhook::{Asker, Wake, Webhooks};
use keeping::{Keeping, doors, watch};
use opening::{cashier, database, io_error, limits, recordings, registry, sip_config, switch_key, webhooks};
use sockets::Sockets;
use vigil::Vigil;
use wiring::{errands, events, intents, reachable};

/// Why the house could not be built.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    /// An address, a folder or a file.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's words.
        error: io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The switch's key.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The names of trunks.
    #[error(transparent)]
    Resolver(#[from] ResolverError),
    /// The HTTP client.
    #[error(transparent)]
    Egress(#[from] EgressError),
}

/// How a house differs from what its configuration says.
#[derive(Default)]
pub struct Options {
    /// Keep nothing: the database in memory. For one call from the command line, and for the demonstration.
    pub ephemeral: bool,
    /// The renderer, if it was made beforehand.
    pub tts: Option<Tts>,
}

/// A running switch.
pub struct House {
    /// Where the API listens.
    pub http: SocketAddr,
    /// Where SIP comes in.
    pub sip: Vec<SocketAddr>,
    /// Places calls.
    pub dialer: Dialer,
    /// Tells what happens to them.
    pub journal: Journal,
    /// Whose they are.
    pub directory: Directory,
    /// How text becomes speech.
    pub tts: Tts,
    /// What is counted.
    pub metrics: Metrics,
    /// What the API is encrypted with.
    https: Tls,
    /// What SIP shows to those who connect by TLS.
    sip_tls: Option<Arc<ServerTls>>,
    store: Store,
    cashier: Option<Cashier>,
    media: Arc<Media>,
    webhooks: Arc<Webhooks>,
    admission: Admission,
    /// Changes what is declared.
    registry: Registry,
    /// The way out.
    egress: Egress,
    /// The threads that carry what bots say.
    lanes: Lanes,
    /// The way in for bots.
    reception: Reception,
    /// Tells the webhooks' worker that there is work.
    wake: Wake,
    /// Where people take calls.
    #[cfg(feature = "browser")]
    floor: Floor,
    tasks: Vec<(CancellationToken, JoinHandle<()>)>,
    vigil: Vigil,
}

/// What trunks' spending is counted by.
const DAY_MS: i64 = 86_400_000;
/// How long a stopping house waits for each of its rooms.
const ROOM_DEADLINE: Duration = Duration::from_secs(10);

impl House {
    /// Builds everything, settles what an earlier run left, and opens the doors: SIP first, HTTP last. Their
    /// addresses are taken before.
    pub async fn build(config: Config, options: Options) -> Result<Self, HouseError> {
        let metrics = Metrics::new();
        let directory = Directory::new(config.objects.clone());
        let store = Store::open(&database(&config, options.ephemeral)?).await?;
        let Sockets { http, sip: endpoint } = Sockets::bind(&config).await?;
        let key = switch_key(&config, &options, &store).await?;
        let registry = registry(&key, &store, &directory).await?;
        let (webhooks, wake, egress) = webhooks(&config, &key, &store, &directory)?;
        let cashier = cashier(&config, &options, &store).await?;
        let journal_config =
            journal::Config { data_dir: config.data_dir.clone(), ..journal::Config::default() };
        let journal = Journal::start(store.clone(), journal_config, wake.clone());
        let tts = match options.tts {
            Some(tts) => tts,
            None => Tts::new(config.tts.clone())?,
        };
        let recordings = recordings(&config)?;

        let resolver = Resolver::new(ResolverConfig {
            nameservers: config.sip.nameservers.clone(),
            listening: endpoint.listening(),
        })?;
        let sip = endpoint.local_addrs();
        let (mailbox, inputs) = Mailbox::new();
        let sink = mailbox.clone();
        let media_config = MediaConfig {
            address: config.media.address,
            ports: config.media.ports.clone(),
            workers: config.media.workers,
            seed: rand::random(),
        };
        let media = Media::start(media_config, move |report| sink.report(report));
        let media = Arc::new(media.map_err(io_error("the media threads cannot start"))?);
        let admission = Admission::new(limits(&config));
        admission.limit_tenants(directory.snapshot().tenants());
        let pace = Pace::default();
        let events = events(&journal, &metrics, &pace, &directory);
        #[cfg(feature = "browser")]
        let floor = people::open(&config.people, &directory, &mailbox, &pace, &metrics);
        #[cfg(feature = "browser")]
        let finder = people::finder(&floor, &pace);
        // Whoever was built without them has nobody.
        #[cfg(not(feature = "browser"))]
        let finder: crate::call::People = Arc::new(|_| false);
        let lanes = Lanes::start(threads::for_short_turns())
            .map_err(io_error("the threads for bots cannot start"))?;
        let (board, reception) = (Board::default(), Reception::default());
        let names = resolver.clone();
        let dialer = Dialer::start(DialerParts {
            directory: directory.clone(),
            admission: admission.clone(),
            journal: journal.clone(),
            store: store.clone(),
            cashier: cashier.clone(),
            media: Arc::clone(&media),
            mailbox: mailbox.clone(),
            metrics: metrics.clone(),
            events: Arc::clone(&events),
            asker: Asker::new(egress.clone()),
            settings: Settings {
                recordings,
                // Who is gone with the call goes over nothing.
                reviews: if options.ephemeral { ReviewOffer::default() } else { config.reviews.offer() },
                advertise: config.media.advertise,
                rtp_timeout: config.media.rtp_timeout,
                queue_max: config.limits.queue,
            },
        })
        .await?;
        let reachable = reachable(&directory);
        let doors = doors(directory.snapshot().trunks(), &resolver, &reachable).await;
        let sip_config = sip_config(&config, &endpoint.listening(), doors.trust());
        let mut shard = Shard::new(sip_config, rand::random(), admission.clone());
        shard.handle_command(Instant::now(), Command::Doors(doors));
        let driver = Driver::new(DriverParts {
            shard,
            endpoint,
            resolver,
            reachable: Arc::clone(&reachable),
            mailbox: mailbox.clone(),
            inputs,
            media: Arc::clone(&media),
            tts: tts.clone(),
            events,
            intents: intents(&journal, &dialer),
            errands: errands(&egress, &journal),
            people: finder,
            egress: egress.clone(),
            lanes: lanes.clone(),
            reception: reception.clone(),
            callers: dialer::callers(&dialer),
            dials: dialer::dials(&dialer),
            board: board.clone(),
        });
        let mut house = Self {
            http: http.local_addr().map_err(io_error("HTTP"))?,
            sip,
            https: Tls::new(config.http.tls.clone()),
            sip_tls: config.sip.tls.clone(),
            dialer,
            journal,
            directory,
            tts,
            metrics: metrics.clone(),
            store,
            cashier,
            media,
            webhooks,
            admission,
            registry,
            egress,
            lanes,
            reception,
            wake,
            #[cfg(feature = "browser")]
            floor,
            tasks: Vec::new(),
            vigil: Vigil::default(),
        };
        house.vital("sip", |stop| driver.run(stop));
        for (room, over) in [
            ("store", house.store.over()),
            ("journal", house.journal.over()),
            ("dialer", house.dialer.over()),
            ("webhooks", house.webhooks.over()),
        ] {
            house.vital(room, |stop| async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = over.cancelled() => {}
                }
            });
        }
        house.count(&metrics, board.clone(), mailbox.clone());
        // A house for one call is no switch: it neither registers in the switch's place nor asks around.
        let keeps = !options.ephemeral;
        let (directory, admission) = (house.directory.clone(), house.admission.clone());
        let keeping = Keeping { directory, resolver: names, mailbox, admission, reachable, board, keeps };
        let changed = house.registry.changed();
        house.vital("trunks", |stop| keeping.run(changed, stop));
        let registry = house.registry.clone();
        house.task(|stop| watch(registry, stop));
        // The numbering plan's first look is slow; nobody's first call should wait for it.
        tokio::task::spawn_blocking(numbering::warm);
        tokio::task::spawn_blocking(whereabouts::warm);
        house.restore_spend().await?;
        house.dialer.recover().await?;
        if let Some(cashier) = house.cashier.clone() {
            house.task(|stop| cashier.run(stop));
        }
        if !options.ephemeral {
            let reviews = house.reviews(&config, &metrics)?;
            house.task(|stop| reviews.run(stop));
        }
        let kept = retention::Kept {
            told: Retention { events: config.events.keep, deliveries: config.webhooks.keep },
            calls: config.retention.calls,
            recordings: config.retention.recordings,
            data_dir: config.data_dir.clone(),
        };
        let store = house.store.clone();
        house.task(|stop| retention::run(store, kept, stop));
        let campaigns = house.campaigns(&metrics, pace, options.ephemeral).await?;
        house.open_api(http, &config, &key, campaigns);
        Ok(house)
    }

    /// Takes over what another reading of the configuration says of objects, limits, prices and certificates; live calls keep
    /// theirs. What else it says waits (see [`crate::config::Settings::waiting`]).
    pub async fn reload(&self, config: &Config) {
        let mut objects = config.objects.clone();
        // It waits, since who sends was made by it: what may be declared is what is sent.
        objects.rules.allow_http = self.directory.snapshot().rules().allow_http;
        if let Err(error) = self.registry.replace_file(objects).await {
            tracing::error!(%error, "objects stay as they were");
        }
        self.admission.set_limits(limits(config));
        self.https.replace(config.http.tls.clone());
        if let Some((shown, newer)) = self.sip_tls.as_ref().zip(config.sip.tls.as_ref()) {
            shown.replace(newer);
        }
        if let Some((cashier, billing)) = self.cashier.as_ref().zip(config.billing.as_ref())
            && let Err(error) = cashier.replace(billing).await
        {
            tracing::error!(%error, "prices and spend controls stay as they were");
        }
    }

    /// No new calls from now on; resolves when the last live one is over and written down.
    pub async fn drain(&self) {
        self.dialer.drain();
        self.journal.drained().await;
    }

    /// Resolves when something that the switch cannot do without has ended unasked. The log says what; nothing is left to do but to
    /// stop and to be started again.
    pub async fn lost(&self) {
        self.vigil.lost().await;
    }

    /// Resolves when every call that ended is written down and none lives.
    pub async fn drained_to_disk(&self) {
        self.journal.drained().await;
    }

    /// Ends every live call with a BYE or a CANCEL, and waits for them, but not for ever.
    pub async fn hangup_all(&self) {
        self.dialer.drain();
        self.dialer.hangup_all().await;
        if tokio::time::timeout(ROOM_DEADLINE, self.journal.drained()).await.is_err() {
            tracing::error!(
                calls = self.journal.live(),
                "calls did not end in time; the next start settles them"
            );
        }
    }

    /// Takes the house down: API, shard, media, webhooks, store.
    pub async fn stop(mut self) {
        // The API was opened last and closes first.
        while let Some((stop, task)) = self.tasks.pop() {
            stop.cancel();
            if tokio::time::timeout(ROOM_DEADLINE, task).await.is_err() {
                tracing::error!("a room did not stop in time");
            }
        }
        let Self { dialer, media, webhooks, store, lanes, .. } = self;
        drop(dialer);
        let deadline = Instant::now() + ROOM_DEADLINE;
        // Every other holder went with its task. Joining threads blocks.
        let media = Arc::into_inner(media);
        let ended =
            tokio::task::spawn_blocking(move || media.is_some_and(|media| media.shutdown(deadline))).await;
        if !matches!(ended, Ok(true)) {
            tracing::error!("the media threads or a recording were not finished in time");
        }
        let delivered = async {
            if let Some(webhooks) = Arc::into_inner(webhooks) {
                webhooks.shutdown().await;
            }
        };
        if tokio::time::timeout(ROOM_DEADLINE, delivered).await.is_err() {
            tracing::warn!("webhooks under way were left for the next start");
        }
        store.close().await;
        // Bots had this long to be told that their calls are over.
        drop(lanes);
    }

    fn task<F>(&mut self, run: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(stop.clone()));
        self.tasks.push((stop, task));
    }

    /// Starts what the switch cannot do without.
    fn vital<F>(&mut self, room: &'static str, run: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let watched = self.vigil.over(room, tokio::spawn(run(stop.clone())), stop.clone());
        self.tasks.push((stop, tokio::spawn(watched)));
    }

    /// What trunks have cost today, before this run: a restart gives nobody a second day.
    async fn restore_spend(&self) -> Result<(), HouseError> {
        let (now, on) = (Instant::now(), wall_now());
        self.admission.handle_calendar(now, on);
        let midnight = Timestamp(on.0 - on.0.rem_euclid(DAY_MS));
        let snapshot = self.directory.snapshot();
        let tenants: BTreeSet<_> = snapshot.trunks().iter().map(|trunk| trunk.tenant).collect();
        for tenant in tenants {
            let spent = self.store.minutes_by_trunk(tenant, midnight, on).await?;
            for (name, minutes) in spent {
                if let Some(trunk) = snapshot.trunk(tenant, &name) {
                    self.admission.restore_spend(now, trunk, minutes);
                }
            }
        }
        Ok(())
    }

    /// Campaigns are dialled after what an earlier run left was settled. A house for one call dials nobody else.
    async fn campaigns(
        &mut self,
        metrics: &Metrics,
        pace: Pace,
        is_ephemeral: bool,
    ) -> Result<Campaigns, HouseError> {
        let campaigns = Campaigns::new(self.store.clone(), self.directory.clone(), pace.clone());
        campaigns.settle().await?;
        if !is_ephemeral {
            let runner = Runner::new(&campaigns, self.admission.clone(), self.dialer.clone());
            #[cfg(feature = "browser")]
            let runner = runner.staffed(people::staffing(&self.floor, &self.journal, &self.directory, &pace));
            self.vital("campaigns", |stop| runner.run(stop));
        }
        let counted = campaigns.counters();
        metrics.add_source(move |metrics| metrics.export_campaigns(&counted()));
        Ok(campaigns)
    }

    /// Who goes over calls that are over.
    fn reviews(&self, config: &Config, metrics: &Metrics) -> Result<Reviews, EgressError> {
        for agent in &config.objects.agents {
            let offered = Review::wanted(agent, config.reviews.offer());
            let lacks = |is_offered: fn(&Review) -> bool| !offered.as_ref().is_some_and(is_offered);
            if agent.transcript == TranscriptBy::Endpoint && lacks(|review| review.transcription.is_some()) {
                tracing::warn!(
                    agent = agent.alias,
                    "its recordings should become words, and no endpoint is configured"
                );
            }
            if agent.analysis.is_some() && lacks(|review| review.analysis.is_some()) {
                tracing::warn!(
                    agent = agent.alias,
                    "its calls should be analysed, and no endpoint is configured"
                );
            }
        }
        Reviews::new(ReviewParts {
            store: self.store.clone(),
            directory: self.directory.clone(),
            config: config.reviews.clone(),
            egress: self.egress.clone(),
            data_dir: config.data_dir.clone(),
            wake: self.wake.clone(),
            metrics: metrics.clone(),
        })
    }
}
