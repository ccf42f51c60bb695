//! How much CPU a whole call costs: two user agents in one thread, no sockets. Prints microseconds a call, and per agent.
//!
//! `cargo run --release -p trunkline-sip --example call_rate -- [calls] [alive at once]`

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_sip::{Body, Config, End, Event, Invite, InviteId, Path, UserAgent};

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0 8 101\r\n\
    a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n";

struct Side {
    agent: UserAgent,
    address: SocketAddr,
    spent: Duration,
}

impl Side {
    fn new(address: &str, seed: u8) -> Self {
        let address: SocketAddr = address.parse().expect("an address literal");
        let mut config = Config::new(address);
        (config.invites_max, config.transactions_max) = (10_000_000, 10_000_000);
        Self { agent: UserAgent::new(config, [seed; 32]), address, spent: Duration::ZERO }
    }

    fn timed<T>(&mut self, work: impl FnOnce(&mut UserAgent) -> T) -> T {
        let before = Instant::now();
        let result = work(&mut self.agent);
        self.spent += before.elapsed();
        result
    }
}

/// Carries everything that wants to leave one side over to the other.
fn carry(now: Instant, from: &mut Side, to: &mut Side) -> usize {
    let payloads: Vec<Bytes> = from.timed(|agent| {
        std::iter::from_fn(|| agent.poll_transmit()).map(|transmit| transmit.payload).collect()
    });
    let path = Path::udp(to.address, from.address);
    // A socket gives fresh bytes.
    let datagrams: Vec<Bytes> = payloads.iter().map(|payload| Bytes::copy_from_slice(payload)).collect();
    let carried = datagrams.len();
    to.timed(|agent| datagrams.into_iter().for_each(|datagram| agent.handle_message(now, path, datagram)));
    carried
}

fn main() {
    let argument =
        |at, default| std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (calls, alive): (usize, usize) = (argument(1, 200_000), argument(2, 100));
    let (mut uac, mut uas) = (Side::new("10.0.0.1:5060", 1), Side::new("10.0.0.2:5060", 2));
    let (began, began_wall) = (cpu_time().unwrap_or_default(), Instant::now());
    let (mut now, mut ended, mut messages) = (Instant::now(), 0, 0);
    for _ in 0..calls / alive {
        // A thousand calls a second, so that timers fire as they do in life.
        now += Duration::from_millis(alive as u64);
        for side in [&mut uac, &mut uas] {
            side.timed(|agent| agent.handle_timeout(now));
        }
        for token in 0..alive {
            uac.timed(|agent| agent.invite(now, invite(token as u64)).expect("there is room"));
        }
        loop {
            let carried = carry(now, &mut uac, &mut uas);
            uas.timed(|agent| answer_all(now, agent));
            let back = carry(now, &mut uas, &mut uac);
            ended += uac.timed(|agent| hang_up_all(now, agent));
            messages += carried + back;
            if carried + back == 0 {
                break;
            }
        }
    }
    // The wall's clock says who spent how much, the kernel's how much it was: other programs may have run in between.
    let busy = cpu_time().map_or(began_wall.elapsed(), |after| after - began);
    let scale = began_wall.elapsed().as_secs_f64();
    let per_call = |spent: Duration| busy.as_secs_f64() * spent.as_secs_f64() / scale * 1e6 / ended as f64;
    println!("{ended} calls, {messages} messages, {alive} at once");
    println!("CPU: UAC {:.2} µs a call, UAS {:.2} µs a call", per_call(uac.spent), per_call(uas.spent));
}

/// How long this process has run on a CPU (Linux).
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

fn answer_all(now: Instant, agent: &mut UserAgent) {
    while let Some(event) = agent.poll_event() {
        if let Event::Incoming { id, .. } = event {
            agent.progress(now, id, 180, None, false);
            agent.answer(now, id, Body::sdp(OFFER));
        }
    }
}

fn hang_up_all(now: Instant, agent: &mut UserAgent) -> usize {
    let (mut ended, mut answered): (usize, Vec<InviteId>) = (0, Vec::new());
    while let Some(event) = agent.poll_event() {
        match event {
            Event::Answered { id, .. } => answered.push(id),
            Event::Ended { end: End::Local, .. } => ended += 1,
            Event::Failed { failure, .. } => panic!("a call failed: {failure:?}"),
            _ => {}
        }
    }
    answered.into_iter().for_each(|id| agent.hangup(now, id, None));
    ended
}

fn invite(token: u64) -> Invite {
    Invite {
        token,
        uri: String::from("sip:+447700900123@10.0.0.2:5060"),
        from: String::from("<sip:+447446466847@10.0.0.1>"),
        to: String::from("<sip:+447700900123@10.0.0.2>"),
        route: None,
        credentials: None,
        tls: None,
        headers: Vec::new(),
        body: Some(Body::sdp(OFFER)),
        call_id: None,
        tap: false,
        reliable: trunkline_sip::Reliable::Off,
        session: None,
    }
}
