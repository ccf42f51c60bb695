//! Builds the house from its configuration, room by room, and takes it down in the order that loses nothing.
#![expect(clippy::disallowed_methods, reason = "a shell: it starts the tasks")]

mod counting;
mod keeping;
mod opening;
#[cfg(feature = "browser")]
pub(crate) mod people;
mod retention;
mod wiring;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trunkline_media::{Media, MediaConfig};
use trunkline_sip::{Endpoint, Resolver, ResolverConfig, ResolverError};

use crate::admission::{Admission, Limits};
#[cfg(feature = "browser")]
use crate::agent::floor::Floor;
use crate::agent::line::Lanes;
use crate::agent::stream::Reception;
use crate::call::{Board, Command, Driver, DriverParts, Mailbox, Shard};
use crate::campaign::{Campaigns, Runner};
use crate::cashier::Cashier;
use crate::clock::wall_now;
use crate::config::Config;
use crate::dialer::{self, Dialer, DialerParts, Settings};
use crate::directory::{Directory, Registry};
use crate::doctor::Practice;
use crate::egress::{Egress, EgressError};
use crate::http::{self, Api, Bounds, RateLimits, Readiness, Rehearse, Streams, Tickets};
use crate::journal::{self, Journal};
use crate::keyfile;
use crate::metrics::Metrics;
use crate::model::{Review, ReviewOffer, Timestamp, TranscriptBy, numbering};
use crate::rehearsal::Rehearsal;
use crate::review::{ReviewParts, Reviews};
use crate::store::{Retention, Store, StoreError};
use crate::threads;
use crate::tts::Tts;
use crate::webhook::{Asker, Wake, Webhooks};
use keeping::{Keeping, doors, watch};
pub use opening::database;
pub(crate) use opening::private_folder;
use opening::{cashier, io_error, links, recordings, registry, sip_config, webhooks};
use wiring::{errands, events, intents};

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
    #[error("the database: {0}")]
    Store(#[from] StoreError),
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
}

/// What trunks' spending is counted by.
const DAY_MS: i64 = 86_400_000;
/// How long a stopping house waits for each of its rooms.
const ROOM_DEADLINE: Duration = Duration::from_secs(10);
/// How long requests under way may take once the API is told to stop.
const HTTP_DRAIN: Duration = Duration::from_secs(5);

impl House {
    /// Builds everything, settles what an earlier run left, and opens the doors: SIP first, HTTP last.
    pub async fn build(config: Config, options: Options) -> Result<Self, HouseError> {
        let metrics = Metrics::new();
        let directory = Directory::new(config.objects.clone());
        let store = Store::open(&database(&config, options.ephemeral)?).await?;
        let registry = registry(&config, &store, &directory).await?;
        let (webhooks, wake, egress) = webhooks(&config, &store, &directory)?;
        let cashier = cashier(&config, &options, &store).await?;
        let journal_config =
            journal::Config { data_dir: config.data_dir.clone(), ..journal::Config::default() };
        let journal = Journal::start(store.clone(), journal_config, wake.clone());
        let tts = match options.tts {
            Some(tts) => tts,
            None => Tts::new(config.tts.clone())?,
        };
        let recordings = recordings(&config)?;

        let endpoint = Endpoint::bind(&config.sip.listen, config.sip.tls.clone())
            .map_err(io_error("SIP cannot listen"))?;
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
        let admission =
            Admission::new(Limits { concurrent: config.limits.concurrent, cps: config.limits.cps });
        let events = events(&journal, &metrics);
        #[cfg(feature = "browser")]
        let floor = people::open(&config.people, &directory, &mailbox, &metrics);
        #[cfg(feature = "browser")]
        let finder = people::finder(&floor);
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
            },
        });
        let doors = doors(directory.snapshot().trunks(), &resolver).await;
        let sip_config = sip_config(&config, &endpoint.listening(), doors.trust());
        let mut shard = Shard::new(sip_config, rand::random(), admission.clone());
        shard.handle_command(Instant::now(), Command::Doors(doors));
        let driver = Driver::new(DriverParts {
            shard,
            endpoint,
            resolver,
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
            http: config.http.listen,
            sip,
            dialer,
            journal,
            directory,
            tts,
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
        };
        house.task(|stop| driver.run(stop));
        house.count(&metrics, board.clone(), mailbox.clone());
        // A house for one call is no switch: it neither registers in the switch's place nor asks around.
        let keeps = !options.ephemeral;
        let keeping = Keeping { directory: house.directory.clone(), resolver: names, mailbox, board, keeps };
        let changed = house.registry.changed();
        house.task(|stop| keeping.run(changed, stop));
        let registry = house.registry.clone();
        house.task(|stop| watch(registry, stop));
        // The numbering plan's first look is slow; nobody's first call should wait for it.
        tokio::task::spawn_blocking(numbering::warm);
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
        let campaigns = house.campaigns(&metrics, options.ephemeral).await?;
        house.open_http(&config, metrics, campaigns).await?;
        Ok(house)
    }

    /// Reads the objects of a new configuration; live calls keep theirs.
    pub async fn reload(&self, config: &Config) {
        self.registry.replace_file(config.objects.clone());
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
    async fn campaigns(&mut self, metrics: &Metrics, is_ephemeral: bool) -> Result<Campaigns, HouseError> {
        let campaigns = Campaigns::new(self.store.clone(), self.directory.clone());
        campaigns.settle().await?;
        if !is_ephemeral {
            let runner = Runner::new(&campaigns, self.admission.clone(), self.dialer.clone());
            #[cfg(feature = "browser")]
            let runner = runner.staffed(people::staffing(&self.floor, &self.journal));
            self.task(|stop| runner.run(stop));
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

    async fn open_http(
        &mut self,
        config: &Config,
        metrics: Metrics,
        campaigns: Campaigns,
    ) -> Result<(), HouseError> {
        let listen = config.http.listen;
        let listener =
            TcpListener::bind(listen).await.map_err(io_error(&format!("HTTP cannot listen on {listen}")))?;
        self.http = listener.local_addr().map_err(io_error("HTTP"))?;
        let (dialer, store) = (self.dialer.clone(), self.store.clone());
        let streams = Streams::default();
        let api = Api::from(http::Parts {
            originate: self.dialer.clone().into(),
            control: self.dialer.clone().into(),
            directory: self.directory.clone(),
            store: self.store.clone(),
            journal: self.journal.clone(),
            streams: streams.clone(),
            wake: self.wake.clone(),
            cashier: self.cashier.clone(),
            operator_token: keyfile::operator_token(&config.data_dir).map_err(io_error("the key file"))?,
            registry: self.registry.clone(),
            rehearse: {
                let rehearsal = Rehearsal::new(self.tts.clone());
                Rehearse::new(move |test| {
                    let rehearsal = rehearsal.clone();
                    async move { rehearsal.run(test).await }
                })
            },
            egress: self.egress.clone(),
            reception: self.reception.clone(),
            tickets: Tickets::new(keyfile::stream_key(&config.data_dir).map_err(io_error("the key file"))?),
            #[cfg(feature = "browser")]
            floor: self.floor.clone(),
            admission: self.admission.clone(),
            campaigns,
            practice: Practice::new(config.clone(), self.directory.clone(), self.admission.clone()),
            metrics: metrics.clone(),
            readiness: Readiness::new(move || match (dialer.is_draining(), store.healthy()) {
                (true, _) => Err("draining".into()),
                (false, false) => Err("the database takes no writes at present".into()),
                (false, true) => Ok(()),
            }),
            data_dir: config.data_dir.clone(),
            public_url: config.http.public_url.clone(),
            links: links(config)?,
            body_hash_key: keyfile::body_hash(&config.data_dir).map_err(io_error("the key file"))?,
            body_max: config.http.body_max,
            batch_body_max: config.http.batch_body_max,
            body_timeout: config.http.body_timeout,
            limits: RateLimits::default(),
        });
        let bounds = Bounds {
            connections_max: config.http.connections_max,
            header_timeout: config.http.header_timeout,
            drain: HTTP_DRAIN,
        };
        // A stream has no end of its own: it would be waited for, and cut.
        #[cfg(feature = "browser")]
        let floor = self.floor.clone();
        self.task(|stop| async move {
            let closing = async {
                stop.cancelled().await;
                streams.close();
                #[cfg(feature = "browser")]
                floor.close().await;
            };
            tokio::join!(http::serve(listener, http::router(api), metrics, bounds, stop.clone()), closing);
        });
        Ok(())
    }
}
