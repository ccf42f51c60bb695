//! A person's audio: one WebRTC connection with a browser, opened by an SDP offer and held as long as the person is there,
//! through many calls. PCMU passes as it is between the browser and the [`Port`](trunkline_media::Port) of the call that is on.
//!
//! The only room that names `webrtc`. Knows nothing of people, of whose call is whose, or of HTTP. Each connection is one
//! task of ours and one of the crate's; whatever an offer or a packet makes the crate do, its own connection alone ends.

#![expect(clippy::disallowed_methods, reason = "a shell: it reads the clock and spawns")]

mod audio;
mod carrier;
mod leg;
mod offer;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_PCMU, MIME_TYPE_TELEPHONE_EVENT};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceGatheringState, RTCIceServer, RTCPeerConnectionState, RTCSessionDescription, Registry,
    SettingEngineBuilder, configure_rtcp_reports,
};
use webrtc::rtp_transceiver::RtpSender;

use super::desk::wire::IceServer;
pub use audio::Stats;
use audio::{CLOCK_HZ, PCMU};
use carrier::Carrier;
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
/// ICE's consent is lost after so long without an answer (RFC 7675 has 30 s at most).
const ICE_DISCONNECTED: Duration = Duration::from_secs(3);
const ICE_FAILED: Duration = Duration::from_secs(4);
const ICE_KEEPALIVE: Duration = Duration::from_secs(1);
/// Ports that are tried before there is none: somebody else may have taken some.
const PORTS_TRIED_MAX: u32 = 16;
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

#[cfg(test)]
mod tests;
