//! Audio between a browser's connection and the port of the call that is on, for as long as the person is there.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use trunkline_media::Port;
use trunkline_media::rtp::Header;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::RTCPeerConnectionState;
use webrtc::rtp_transceiver::RtpSender;

use super::News;
use super::audio::{Came, Inward, Outward, Stats, TICK};
use super::leg::{Command, Event, Gone};

/// From the answer to the first packet that may pass.
const CONNECT_MAX: Duration = Duration::from_secs(15);
/// No audio for so long and the browser is gone, though it did not say so: it sends even when it is muted.
const QUIET_MAX: Duration = Duration::from_secs(5);
/// How often it is looked whether the browser said goodbye.
const WATCH: Duration = Duration::from_millis(200);
/// Frames that are passed on in one tick, after one that came late.
const BURST_MAX: usize = 3;

/// Carries audio between a connection and the port of the call that is on.
pub(super) struct Carrier {
    inward: Inward,
    outward: Outward,
    track: Arc<TrackLocalStaticRTP>,
    sender: Arc<dyn RtpSender>,
    events: mpsc::Sender<Event>,
    port: Option<Box<Port>>,
    /// By which whoever attached it knows the call.
    number: u64,
    refused: u64,
    digits: u64,
    connected: bool,
    /// When the last packet came.
    heard: Instant,
}

impl Carrier {
    pub fn new(
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
            number: 0,
            refused: 0,
            digits: 0,
            connected: false,
            heard: Instant::now(),
        }
    }

    pub async fn carry(mut self, mut commands: mpsc::Receiver<Command>, news: News) {
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
                    Some(Command::Attach(number, port)) => {
                        (self.number, self.port) = (number, Some(port));
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
            self.tell(Event::Parted(self.number));
        }
    }

    fn pressed(&mut self, digit: char) {
        self.digits += 1;
        self.tell(Event::Digit(self.number, digit));
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
