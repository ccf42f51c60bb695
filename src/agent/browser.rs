//! A person's audio: one WebRTC connection with a browser, opened by an SDP offer and held as long as the person is there,
//! through many calls. PCMU passes as it is between the browser and the [`Port`] of the call that is on.
//!
//! The only file that names `webrtc`. Knows nothing of people, of whose call is whose, or of HTTP. Each connection is one
//! task of ours and one of the crate's; whatever an offer or a packet makes the crate do, its own connection alone ends.

#![expect(clippy::disallowed_methods, reason = "a shell: it reads the clock and spawns")]

mod audio;
mod leg;
mod offer;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_PCMU, MIME_TYPE_TELEPHONE_EVENT};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use trunkline_media::Port;
use trunkline_media::rtp::Header;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceGatheringState, RTCIceServer, RTCPeerConnectionState, RTCSessionDescription, Registry,
    SettingEngineBuilder, configure_rtcp_reports,
};
use webrtc::rtp_transceiver::RtpSender;

use super::desk::wire::IceServer;
pub use audio::Stats;
use audio::{CLOCK_HZ, Came, Inward, Outward, PCMU, TICK};
use leg::Command;
pub use leg::{Event, Gone, Leg, OpenError};
pub use offer::OFFER_MAX;
use offer::{accepts_pcmu, event_type};

/// How connections are made.
#[derive(Clone)]
pub struct Config {
    /// Where browsers reach us: the address of our candidates. Unspecified: every interface's.
    pub address: IpAddr,
    /// UDP ports for it, one a connection. From 0: whatever the kernel gives.
    pub ports: RangeInclusive<u16>,
    /// STUN and TURN, for us and for the pages.
    pub ice_servers: Vec<IceServer>,
    /// Connections at once.
    pub legs_max: usize,
}

/// From the offer to the answer. What was gathered by then is offered.
const GATHER_MAX: Duration = Duration::from_secs(2);
/// The whole of offer and answer.
const NEGOTIATE_MAX: Duration = Duration::from_secs(5);
/// From the answer to the first packet that may pass.
const CONNECT_MAX: Duration = Duration::from_secs(15);
/// No audio for so long and the browser is gone, though it did not say so: it sends even when it is muted.
const QUIET_MAX: Duration = Duration::from_secs(5);
/// ICE's consent is lost after so long without an answer (RFC 7675 has 30 s at most).
const ICE_DISCONNECTED: Duration = Duration::from_secs(3);
const ICE_FAILED: Duration = Duration::from_secs(4);
const ICE_KEEPALIVE: Duration = Duration::from_secs(1);
/// How often it is looked whether the browser said goodbye.
const WATCH: Duration = Duration::from_millis(200);
/// Ports that are tried before there is none: somebody else may have taken some.
const PORTS_TRIED_MAX: u32 = 16;
/// Frames that are passed on in one tick, after one that came late.
const BURST_MAX: usize = 3;
/// Events and commands that wait.
const QUEUE: usize = 32;
/// What we ask events to be sent as; the offer's own number prevails.
const EVENT_TYPE: u8 = 101;

/// Makes connections. Cheap to clone.
#[derive(Clone)]
pub struct Legs {
    config: Arc<Config>,
    rooms: Arc<Semaphore>,
    /// Which port is next.
    turn: Arc<AtomicU32>,
}

/// A connection that was offered and answered.
pub struct Opened {
    /// What the browser is to be told.
    pub answer: String,
    /// To command it.
    pub leg: Leg,
    /// What happens. After [`Event::Gone`] nothing does.
    pub events: mpsc::Receiver<Event>,
}

impl Legs {
    /// None yet.
    pub fn new(config: Config) -> Self {
        let rooms = Arc::new(Semaphore::new(config.legs_max.min(Semaphore::MAX_PERMITS)));
        Self { config: Arc::new(config), rooms, turn: Arc::default() }
    }

    /// What pages are told for their own connections.
    pub fn ice_servers(&self) -> &[IceServer] {
        &self.config.ice_servers
    }

    /// Waits until every connection has ended.
    pub async fn drained(&self) {
        let all = self.config.legs_max.min(Semaphore::MAX_PERMITS);
        // The semaphore is never closed; more rooms than a u32 counts are not waited for.
        let _ = self.rooms.acquire_many(u32::try_from(all).unwrap_or(u32::MAX)).await;
    }

    /// The next address to try.
    fn next_address(&self) -> SocketAddr {
        let (first, last) = (*self.config.ports.start(), *self.config.ports.end());
        let count = u32::from(last.saturating_sub(first)) + 1;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % count;
        let port = if first == 0 { 0 } else { first + turn as u16 };
        SocketAddr::new(self.config.address, port)
    }

    /// How many more connections there may be.
    pub fn room(&self) -> usize {
        self.rooms.available_permits()
    }

    /// Answers a browser's offer.
    ///
    /// # Errors
    /// The offer is not one that can be answered, or there is no room.
    pub async fn open(&self, offer: &str) -> Result<Opened, OpenError> {
        let offer = offer::narrowed(offer)?;
        let room = Arc::clone(&self.rooms).try_acquire_owned().map_err(|_| OpenError::Full)?;
        let (tell, told) = oneshot::channel();
        tokio::spawn(live(self.clone(), offer, tell, room));
        told.await.unwrap_or(Err(OpenError::Failed))
    }
}

/// One connection, from its offer to its end.
async fn live(
    legs: Legs,
    offer: String,
    tell: oneshot::Sender<Result<Opened, OpenError>>,
    room: OwnedSemaphorePermit,
) {
    let (told, mut news) = News::pair();
    let told = Arc::new(told);
    let source = rand::random();
    let track = Arc::new(TrackLocalStaticRTP::new(our_track(source)));
    let Some(connection) = made(&legs, &told).await else {
        let _ = tell.send(Err(OpenError::Failed));
        return;
    };
    let negotiated = negotiate(&*connection, offer, Arc::clone(&track), &mut news);
    let negotiated = AssertUnwindSafe(timeout(NEGOTIATE_MAX, negotiated)).catch_unwind().await;
    match negotiated {
        Ok(Ok(Ok((answer, sender)))) => {
            let (commands, commanded) = mpsc::channel(QUEUE);
            let (events, happened) = mpsc::channel(QUEUE);
            let carrier = Carrier::new(source, event_type(&answer), track, sender, events);
            let opened = Opened { answer, leg: Leg { commands }, events: happened };
            if tell.send(Ok(opened)).is_ok() {
                let carried = AssertUnwindSafe(carrier.carry(commanded, news)).catch_unwind().await;
                if carried.is_err() {
                    tracing::error!("a browser's connection panicked");
                }
            }
        }
        Ok(Ok(Err(error))) => drop(tell.send(Err(error))),
        Ok(Err(_)) | Err(_) => drop(tell.send(Err(OpenError::Failed))),
    }
    // Without this the crate's own task would live on.
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a browser's connection did not close cleanly");
    }
    drop(room);
}

/// A connection on the first port that is free.
async fn made(legs: &Legs, told: &Arc<Told>) -> Option<Arc<dyn PeerConnection>> {
    for _ in 0..PORTS_TRIED_MAX {
        let address = legs.next_address();
        let built = AssertUnwindSafe(build(&legs.config, address, Arc::clone(told))).catch_unwind().await;
        match built {
            Ok(Ok(connection)) => return Some(connection),
            Ok(Err(error)) => tracing::debug!(%error, %address, "no connection at this address"),
            Err(_) => tracing::error!("making a connection panicked"),
        }
        if address.port() == 0 {
            break;
        }
    }
    tracing::warn!("there is no address for a browser's connection");
    None
}

async fn build(
    config: &Config,
    address: SocketAddr,
    told: Arc<Told>,
) -> Result<Arc<dyn PeerConnection>, webrtc::error::Error> {
    let mut media = MediaEngine::default();
    for (mime_type, payload_type) in [(MIME_TYPE_PCMU, PCMU), (MIME_TYPE_TELEPHONE_EVENT, EVENT_TYPE)] {
        let rtp_codec = RTCRtpCodec { mime_type: mime_type.to_owned(), ..pcmu() };
        media.register_codec(RTCRtpCodecParameters { rtp_codec, payload_type }, RtpCodecKind::Audio)?;
    }
    let ice_servers = config.ice_servers.iter().map(|server| RTCIceServer {
        urls: server.urls.clone(),
        username: server.username.clone().unwrap_or_default(),
        credential: server.credential.clone().unwrap_or_default(),
    });
    let settings = SettingEngineBuilder::new()
        .with_ice_timeouts(Some(ICE_DISCONNECTED), Some(ICE_FAILED), Some(ICE_KEEPALIVE))
        .with_include_loopback_candidate(config.address.is_loopback())
        .build();
    let connection = PeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().with_ice_servers(ice_servers.collect()).build())
        .with_media_engine(media)
        .with_setting_engine(settings)
        .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
        .with_handler(told)
        .with_udp_addrs(vec![address])
        .build()
        .await?;
    Ok(Arc::new(connection))
}

/// The answer, with all our candidates in it, and who sends.
async fn negotiate(
    connection: &dyn PeerConnection,
    offer: String,
    track: Arc<TrackLocalStaticRTP>,
    news: &mut News,
) -> Result<(String, Arc<dyn RtpSender>), OpenError> {
    let offer = RTCSessionDescription::offer(offer).map_err(|_| OpenError::Offer)?;
    connection.set_remote_description(offer).await.map_err(|error| {
        tracing::debug!(%error, "an offer was refused");
        OpenError::Offer
    })?;
    let failed = |error: webrtc::error::Error| {
        tracing::warn!(%error, "an offer could not be answered");
        OpenError::Failed
    };
    let sender = connection.add_track(track as Arc<dyn TrackLocal>).await.map_err(failed)?;
    let answer = connection.create_answer(None).await.map_err(failed)?;
    if !accepts_pcmu(&answer.sdp) {
        return Err(OpenError::Offer);
    }
    connection.set_local_description(answer).await.map_err(failed)?;
    let gathered = news.gathered.wait_for(|gathered| *gathered);
    // Late candidates are missed; those that are there may do.
    let _ = timeout(GATHER_MAX, gathered).await;
    let local = connection.local_description().await.ok_or(OpenError::Failed)?;
    Ok((local.sdp, sender))
}

fn pcmu() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_PCMU.to_owned(),
        clock_rate: CLOCK_HZ,
        channels: 0,
        sdp_fmtp_line: String::new(),
        rtcp_feedback: vec![],
    }
}

fn our_track(source: u32) -> MediaStreamTrack {
    let rtp_coding_parameters = RTCRtpCodingParameters { ssrc: Some(source), ..Default::default() };
    let coding = RTCRtpEncodingParameters { rtp_coding_parameters, codec: pcmu(), ..Default::default() };
    let name = |what: &str| format!("trunkline-{what}");
    MediaStreamTrack::new(name("call"), name("audio"), name("audio"), RtpCodecKind::Audio, vec![coding])
}

/// What the crate tells, where it may not be kept waiting.
struct Told {
    state: watch::Sender<RTCPeerConnectionState>,
    gathered: watch::Sender<bool>,
    track: mpsc::Sender<Arc<dyn TrackRemote>>,
}

/// The same, where it is read.
struct News {
    state: watch::Receiver<RTCPeerConnectionState>,
    gathered: watch::Receiver<bool>,
    track: mpsc::Receiver<Arc<dyn TrackRemote>>,
}

impl News {
    fn pair() -> (Told, Self) {
        let (state, states) = watch::channel(RTCPeerConnectionState::New);
        let (gathered, gathering) = watch::channel(false);
        let (track, tracks) = mpsc::channel(1);
        (Told { state, gathered, track }, Self { state: states, gathered: gathering, track: tracks })
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Told {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered.send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.state.send_replace(state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        // One audio line was agreed; a second track is nobody's.
        let _ = self.track.try_send(track);
    }
}

/// Carries audio between a connection and the port of the call that is on.
struct Carrier {
    inward: Inward,
    outward: Outward,
    track: Arc<TrackLocalStaticRTP>,
    sender: Arc<dyn RtpSender>,
    events: mpsc::Sender<Event>,
    port: Option<Box<Port>>,
    refused: u64,
    digits: u64,
    connected: bool,
    /// When the last packet came.
    heard: Instant,
}

impl Carrier {
    fn new(
        source: u32,
        event_type: Option<u8>,
        track: Arc<TrackLocalStaticRTP>,
        sender: Arc<dyn RtpSender>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        Self {
            inward: Inward::new(event_type),
            outward: Outward::new(source, rand::random(), rand::random()),
            track,
            sender,
            events,
            port: None,
            refused: 0,
            digits: 0,
            connected: false,
            heard: Instant::now(),
        }
    }

    async fn carry(mut self, mut commands: mpsc::Receiver<Command>, news: News) {
        let why = self.run(&mut commands, news).await;
        // Whoever waits for the call's end hears of it by the port before anything else.
        self.port = None;
        let gone = Event::Gone(why, self.stats());
        // A receiver that does not read finds the channel closed, which says the same.
        let _ = self.events.try_send(gone);
    }

    async fn run(&mut self, commands: &mut mpsc::Receiver<Command>, mut news: News) -> Gone {
        let mut remote = None::<Arc<dyn TrackRemote>>;
        let mut pace = interval(TICK);
        pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut watch = interval(WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut deadline = pin!(tokio::time::sleep(CONNECT_MAX));
        let track = Arc::clone(&self.track);
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Attach(port)) => {
                        self.port = Some(port);
                        pace.reset_immediately();
                    }
                    Some(Command::Detach) => self.port = None,
                    Some(Command::Stats(tell)) => drop(tell.send(self.stats())),
                    Some(Command::Close) | None => return Gone::Closed,
                },
                Some(track) = news.track.recv(), if remote.is_none() => remote = Some(track),
                event = next(remote.as_deref()) => match event {
                    Some(TrackRemoteEvent::OnRtpPacket(packet)) => self.came(&packet.header, packet.payload),
                    Some(TrackRemoteEvent::OnEnded) | None => return Gone::Left,
                    Some(_) => {}
                },
                _ = pace.tick(), if self.port.is_some() => self.tick().await,
                Ok(()) = news.state.changed() => {
                    let state = *news.state.borrow_and_update();
                    if let Some(why) = self.changed(state) {
                        return why;
                    }
                }
                _ = watch.tick(), if self.connected => {
                    if let Some(why) = self.look().await {
                        return why;
                    }
                }
                () = &mut deadline, if !self.connected => return Gone::Unreachable,
                // Reports of what the browser heard: read so that they do not pile up.
                Some(_) = track.poll() => {}
            }
        }
    }

    fn changed(&mut self, state: RTCPeerConnectionState) -> Option<Gone> {
        match state {
            RTCPeerConnectionState::Connected if !self.connected => {
                self.connected = true;
                self.heard = Instant::now();
                self.tell(Event::Connected);
                None
            }
            RTCPeerConnectionState::Failed if !self.connected => Some(Gone::Unreachable),
            RTCPeerConnectionState::Failed => Some(Gone::Lost),
            RTCPeerConnectionState::Closed => Some(Gone::Left),
            _ => None,
        }
    }

    /// Has the browser said goodbye, or fallen silent?
    async fn look(&mut self) -> Option<Gone> {
        let quiet = self.heard.elapsed();
        if quiet < WATCH {
            return None;
        }
        if quiet > QUIET_MAX {
            return Some(Gone::Lost);
        }
        let transport = self.sender.transport().await.ok().flatten()?;
        let state = transport.state().await.ok()?;
        (state == rtc::peer_connection::transport::RTCDtlsTransportState::Closed).then_some(Gone::Left)
    }

    fn came(&mut self, header: &rtc::rtp::Header, payload: Bytes) {
        self.heard = Instant::now();
        let header = Header {
            payload_type: header.payload_type,
            marker: header.marker,
            sequence: header.sequence_number,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
        };
        let mut came = Came::default();
        self.inward.packet(header, payload, &mut came);
        let Some(port) = &mut self.port else { return };
        for frame in &came.frames {
            self.refused += u64::from(!port.say(frame));
        }
        for digit in came.digits {
            self.pressed(digit.digit);
        }
    }

    async fn tick(&mut self) {
        if let Some(digit) = self.inward.tick() {
            self.pressed(digit.digit);
        }
        for _ in 0..BURST_MAX {
            let Some(frame) = self.port.as_mut().and_then(|port| port.hear()) else { break };
            let header = self.outward.next(Instant::now());
            let header = rtc::rtp::Header {
                version: 2,
                marker: header.marker,
                payload_type: header.payload_type,
                sequence_number: header.sequence,
                timestamp: header.timestamp,
                ssrc: header.ssrc,
                ..Default::default()
            };
            let packet = rtc::rtp::Packet { header, payload: Bytes::copy_from_slice(&frame) };
            // Fails before the connection is there and after it: what is said then is heard by nobody.
            let _ = self.track.write_rtp(packet).await;
        }
        if self.port.as_ref().is_some_and(|port| port.is_over()) {
            self.port = None;
            self.tell(Event::Parted);
        }
    }

    fn pressed(&mut self, digit: char) {
        self.digits += 1;
        self.tell(Event::Digit(digit));
    }

    /// An event for which there is no room is lost: its receiver has stopped.
    fn tell(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            tracing::warn!("a browser's event found no reader");
        }
    }

    fn stats(&self) -> Stats {
        let mut stats = Stats { refused: self.refused, digits: self.digits, ..Stats::default() };
        self.inward.count(&mut stats);
        self.outward.count(&mut stats);
        stats
    }
}

/// The next event of a track, once there is one.
async fn next(track: Option<&dyn TrackRemote>) -> Option<TrackRemoteEvent> {
    match track {
        Some(track) => track.poll().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
