use std::net::UdpSocket;

use trunkline_media::MediaConfig;
use trunkline_sip::{Config, DialogState, Listen, ResolverConfig, Timers};

use super::*;
use crate::admission::{Admission, Limits};
use crate::call::shard::Orphan;
use crate::config::{self, Speaker};
use crate::egress::Policy;

/// More than the sockets give at two turns.
const FLOOD: usize = 130;
/// What they give at one.
const BATCH: usize = 64;
/// After this, what has no answer is sent again.
const T1: Duration = Duration::from_secs(1);

/// A shard at rest, and the way into it.
fn parts(endpoint: Endpoint) -> DriverParts {
    let timers = Timers { t1: T1, ..Timers::default() };
    let config = Config { timers, ..Config::new(endpoint.local_addrs()[0]) };
    let egress = Egress::new(Policy::default()).expect("a client");
    let speaker = Speaker::Program(Vec::new());
    let tts = Tts::new(config::Tts { speaker, voice: None, voices: Default::default() }).expect("a program");
    let media =
        MediaConfig { address: [127, 0, 0, 1].into(), ports: 27_000..=27_003, workers: 1, seed: [1; 32] };
    let (mailbox, inputs) = Mailbox::new();
    DriverParts {
        shard: Shard::new(config, [7; 32], Admission::new(Limits::default())),
        endpoint,
        resolver: Resolver::new(ResolverConfig::default()).expect("a resolver"),
        reachable: Arc::new(|_, _, _| true),
        mailbox,
        inputs,
        media: Arc::new(Media::start(media, |_| true).expect("a media thread")),
        tts,
        events: Arc::new(|_| {}),
        intents: Arc::new(|_| Box::pin(async { (true, None) })),
        errands: Arc::new(|_| unreachable!("no call asks for anything")),
        people: Arc::new(|_| false),
        egress,
        lanes: Lanes::start(1).expect("a thread"),
        reception: Reception::default(),
        callers: Arc::new(|_| {}),
        dials: Arc::new(|_| {}),
        board: Board::default(),
    }
}

/// Says BYE to the peer.
fn bye(peer: &UdpSocket, call_id: &str) -> Command {
    let peer = peer.local_addr().expect("bound");
    Command::End(Box::new(Orphan {
        call: CallId::new(1).expect("an id"),
        dialog: DialogState {
            call_id: call_id.to_owned(),
            local_tag: "ours".to_owned(),
            remote_tag: "theirs".to_owned(),
            local_uri: "<sip:a@127.0.0.1>".to_owned(),
            remote_uri: format!("<sip:b@{peer}>"),
            remote_target: format!("sip:b@{peer}"),
            route_set: Vec::new(),
            local_cseq: 1,
            remote: peer,
            protocol: Protocol::Udp,
            tls_host: None,
        },
        credentials: None,
        tls: None,
    }))
}

#[tokio::test]
async fn sockets_that_are_never_empty_keep_neither_the_mailbox_nor_a_timer_waiting() {
    let endpoint = Endpoint::bind(&[Listen::udp("127.0.0.1:0".parse().expect("an address"))], None);
    let endpoint = endpoint.expect("a free port");
    let peer = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    for number in 0..FLOOD {
        let ping = format!(
            "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{number};rport\r\n\
             From: <sip:b@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: {number}\r\nCSeq: 1 OPTIONS\r\n\r\n"
        );
        peer.send_to(ping.as_bytes(), endpoint.local_addrs()[0]).expect("sent");
    }
    // Otherwise the mailbox comes first, since nobody has looked at the socket yet.
    endpoint.readable().await.expect("it is flooded");
    let mut parts = parts(endpoint);
    // It was sent a while ago, and is due again.
    let before = Instant::now().checked_sub(T1).expect("the machine is older");
    parts.shard.handle_command(before, bye(&peer, "timer"));
    while parts.shard.poll_transmit().is_some() {}
    parts.mailbox.room().expect("room").give(bye(&peer, "mailbox"));

    let stop = CancellationToken::new();
    let driving = tokio::spawn(Driver::new(parts).run(stop.clone()));
    peer.set_nonblocking(true).expect("a socket");
    let peer = tokio::net::UdpSocket::from_std(peer).expect("a socket");
    let mut waited_for = vec!["Call-ID: timer", "Call-ID: mailbox"];
    let mut answers = 0;
    while !waited_for.is_empty() {
        let mut datagram = [0; 2_048];
        let length = tokio::time::timeout(Duration::from_secs(10), peer.recv(&mut datagram));
        let length = length.await.expect("in time").expect("read");
        let text = String::from_utf8_lossy(&datagram[..length]);
        match text.starts_with("BYE") {
            true => waited_for.retain(|id| !text.contains(id)),
            false => answers += 1,
        }
    }
    assert!(answers <= BATCH, "they left with the first turn, and not after {answers} answers");
    stop.cancel();
    driving.await.expect("it stops");
}
