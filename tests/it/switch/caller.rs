//! A caller with a digest that sipp does not have (SHA-256): the house's own user agent on a socket, for one call.
#![expect(clippy::disallowed_methods, reason = "it talks to a switch that runs: by the clock")]

use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use trunkline_media::{Capabilities, sdp::Local, srtp::Secret};
use trunkline_sip::{Body, Config, Credentials, Event, Failure, Invite, Path, Reliable, UserAgent};

use super::eventually;

/// How many were made.
static CALLS: AtomicU8 = AtomicU8::new(5);

/// How a call came out.
#[derive(Debug)]
pub enum Told {
    /// It was answered, and the other side hung up.
    Talked,
    /// It was refused.
    Refused(Box<Failure>),
}

/// Calls this number at the switch as this user, and stays until it is over.
pub fn call(from: SocketAddrV4, switch: SocketAddrV4, number: &str, (user, password): (&str, &str)) -> Told {
    // A process that another test is just starting may hold the last call's socket for a moment.
    let socket = eventually("the address is free", || UdpSocket::bind(from).ok());
    socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
    // Each call is another one: its branches, tags and Call-ID too.
    let seed = CALLS.fetch_add(1, Ordering::Relaxed);
    let mut agent = UserAgent::new(Config::new(from.into()), [seed; 32]);
    let rtp = SocketAddr::new((*from.ip()).into(), 6_000);
    let offer = Local::new(rtp, 1, Capabilities::default(), Secret::new([6; 32])).offer().0;
    let invite = Invite {
        token: 1,
        uri: format!("sip:{number}@{switch}"),
        from: format!("<sip:+15550102030@{}>", from.ip()),
        to: format!("<sip:{number}@{}>", switch.ip()),
        route: None,
        credentials: Some(Arc::new(Credentials::new(user, password))),
        tls: None,
        headers: Vec::new(),
        body: Some(Body::sdp(offer.to_bytes())),
        call_id: None,
        tap: false,
        reliable: Reliable::default(),
        session: None,
    };
    agent.invite(Instant::now(), invite).expect("a call");
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut buffer = [0; 8_192];
    while Instant::now() < deadline {
        while let Some(transmit) = agent.poll_transmit() {
            socket.send_to(&transmit.payload, transmit.path.remote).expect("loopback takes all");
        }
        match agent.poll_event() {
            Some(Event::Ended { .. }) => return Told::Talked,
            Some(Event::Failed { failure, .. }) => return Told::Refused(Box::new(failure)),
            Some(_) => continue,
            None => {}
        }
        if let Ok((length, remote)) = socket.recv_from(&mut buffer) {
            let message = buffer[..length].to_vec().into();
            agent.handle_message(Instant::now(), Path::udp(from.into(), remote), message);
        }
        agent.handle_timeout(Instant::now());
    }
    panic!("the call does not end");
}
