//! Connections over the loopback: messages both ways, and where they go when one is gone.
#![expect(clippy::disallowed_methods, reason = "real sockets need a real deadline")]

mod bounds;
mod secure;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use trunkline_sip::transport::StreamLimits;
use trunkline_sip::{
    Body, ClientTls, ClientTlsConfig, Config, Endpoint, Flow, FlowLost, Invite, Listen, Path, Protocol,
    Reliable, Target, TlsPeer, Transmit, TransportError, UserAgent,
};

fn any(protocol: Protocol) -> Listen {
    Listen { protocol, address: SocketAddr::from(([127, 0, 0, 1], 0)) }
}

fn limits() -> StreamLimits {
    StreamLimits::default()
}

fn tcp(limits: StreamLimits) -> Endpoint {
    Endpoint::bind_with(&[any(Protocol::Tcp)], None, limits).expect("a free port")
}

fn options(call_id: &str) -> Bytes {
    format!(
        "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{call_id}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\
         Call-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 2\r\n\r\nhi"
    )
    .into()
}

fn to(protocol: Protocol, remote: SocketAddr) -> Path {
    Path { protocol, local: SocketAddr::from(([127, 0, 0, 1], 0)), remote, flow: Flow::Opened(0) }
}

fn transmit(path: Path, payload: Bytes) -> Transmit {
    Transmit { path, payload, tls: None, is_grown: false }
}

/// Waits for whatever happens first, a message or a loss, at any of the endpoints.
async fn next(endpoints: &mut [&mut Endpoint]) -> (usize, Result<(Path, Bytes), FlowLost>) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        for (at, endpoint) in endpoints.iter_mut().enumerate() {
            let mut got = Vec::new();
            endpoint.receive(|path, message| got.push((path, message))).expect("read");
            assert!(got.len() <= 1, "one at a time, please");
            if let Some(message) = got.pop() {
                return (at, Ok(message));
            }
            if let Some(lost) = endpoint.poll_lost() {
                return (at, Err(lost));
            }
        }
        let waits = endpoints.iter().map(|endpoint| Box::pin(endpoint.readable()));
        let readable = tokio::time::timeout_at(deadline, select_any(waits.collect())).await;
        readable.expect("something in time").expect("readable");
    }
}

async fn select_any<F: Future + Unpin>(mut futures: Vec<F>) -> F::Output {
    std::future::poll_fn(|context| {
        for future in &mut futures {
            if let std::task::Poll::Ready(output) = std::pin::Pin::new(future).poll(context) {
                return std::task::Poll::Ready(output);
            }
        }
        std::task::Poll::Pending
    })
    .await
}

async fn message(endpoint: &mut Endpoint) -> (Path, Bytes) {
    next(&mut [endpoint]).await.1.expect("a message")
}

async fn loss(endpoint: &mut Endpoint) -> TransportError {
    next(&mut [endpoint]).await.1.expect_err("a loss").error
}

/// What comes of sending one message from one endpoint to another: it arrives, or the sender hears why not.
async fn deliver(
    near: &mut Endpoint,
    far: &mut Endpoint,
    path: Path,
    tls: Option<TlsPeer>,
) -> Result<Path, TransportError> {
    near.queue(Transmit { path, payload: options("1"), tls, is_grown: false });
    loop {
        match next(&mut [near, far]).await {
            (1, Ok((path, message))) => {
                assert_eq!(message, options("1"));
                return Ok(path);
            }
            (0, Err(lost)) => return Err(lost.error),
            // What the far end has to say about a failed handshake is not our business.
            (1, Err(_)) => {}
            (at, what) => panic!("unexpected at {at}: {what:?}"),
        }
    }
}

#[tokio::test]
async fn a_connection_is_opened_once_and_carries_answers_back() {
    let (mut near, mut far) = (tcp(limits()), tcp(limits()));
    let path = to(Protocol::Tcp, far.local_addrs()[0]);
    near.queue(transmit(path, options("1")));
    let (back, got) = message(&mut far).await;
    assert_eq!((got, back.local), (options("1"), far.local_addrs()[0]));
    assert!(matches!(back.flow, Flow::Accepted(_)));
    far.queue(transmit(back, options("2")));
    assert_eq!(message(&mut near).await, (path, options("2")));
    near.queue(transmit(path, options("3")));
    assert_eq!(message(&mut far).await, (back, options("3")));
    assert_eq!((near.stream_counters().opened, far.stream_counters().accepted), (1, 1));

    // The far end goes away with all its connections; the next message finds nobody.
    drop(far);
    assert_eq!(loss(&mut near).await, TransportError::Closed);
    near.queue(transmit(path, options("4")));
    assert_eq!(loss(&mut near).await, TransportError::Refused);
    assert_eq!(TransportError::Refused.to_string(), "connection refused");
}

/// A listener on whose door nobody answers: its queue is full, and the kernel drops further knocks as a firewall would.
async fn deaf() -> (socket2::Socket, Vec<TcpStream>) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    socket.listen(0).expect("listening");
    let address = socket.local_addr().expect("bound").as_socket().expect("an address");
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        waiting.push(stream.expect("connected"));
        assert!(waiting.len() < 16, "the queue has an end");
    }
    (socket, waiting)
}

#[tokio::test]
async fn a_message_that_grew_does_not_wait_long_for_its_connection() {
    let (socket, _waiting) = deaf().await;
    let path = to(Protocol::Tcp, socket.local_addr().expect("bound").as_socket().expect("an address"));
    let (long, short) = (Duration::from_secs(60), Duration::from_millis(100));
    let mut near = tcp(StreamLimits { connect: long, connect_grown: short, ..limits() });
    near.queue(Transmit { is_grown: true, ..transmit(path, options("1")) });
    assert_eq!(loss(&mut near).await, TransportError::TimedOut);
    let mut near = tcp(StreamLimits { connect: short, connect_grown: long, ..limits() });
    near.queue(transmit(path, options("1")));
    assert_eq!(loss(&mut near).await, TransportError::TimedOut);
}

#[tokio::test]
async fn udp_and_tcp_share_an_endpoint_and_a_port() {
    let bind = || Endpoint::bind(&[any(Protocol::Udp)], None).expect("a free port");
    let (mut near, mut far) = (bind(), bind());
    let udp = far.local_addrs()[0];
    assert_eq!(
        far.listening(),
        [Protocol::Udp, Protocol::Tcp].map(|protocol| Listen { protocol, address: udp })
    );
    near.queue(transmit(Path::udp(near.local_addrs()[0], udp), options("by datagram")));
    near.flush().expect("sent");
    assert_eq!(message(&mut far).await.0.protocol, Protocol::Udp);
    near.queue(transmit(to(Protocol::Tcp, udp), options("by connection")));
    assert_eq!(message(&mut far).await.0.protocol, Protocol::Tcp);
}

fn invite(uri: &str) -> Invite {
    Invite {
        token: 1,
        uri: uri.to_owned(),
        from: String::from("<sip:caller@127.0.0.1>"),
        to: format!("<{uri}>"),
        route: None,
        credentials: None,
        tls: None,
        headers: Vec::new(),
        body: Some(Body::sdp("v=0 offer")),
        call_id: None,
        tap: false,
        reliable: Reliable::Off,
        session: None,
    }
}

/// A call to a name whose first host is dead, over real sockets: no timer runs out, for none is asked.
#[tokio::test]
async fn an_icmp_error_sends_an_invite_to_the_next_host() {
    for host in [IpAddr::from([127, 0, 0, 1]), IpAddr::from(Ipv6Addr::LOCALHOST)] {
        let bind = || {
            let listen = Listen::udp(SocketAddr::new(host, 0));
            Endpoint::bind(&[listen], None).expect("a free port")
        };
        let (mut near, mut far) = (bind(), bind());
        let (local, alive, dead) = (near.local_addrs()[0], far.local_addrs()[0], bind().local_addrs()[0]);
        let mut ua = UserAgent::new(Config::new(local), [7; 32]);
        ua.invite(Instant::now(), invite("sip:callee@carrier.example")).expect("there is room");
        let query = ua.poll_query().expect("a name needs a question");
        ua.handle_targets(Instant::now(), query.id, vec![Target::udp(dead), Target::udp(alive)]);
        let mut hops = Vec::new();
        loop {
            while let Some(transmit) = ua.poll_transmit() {
                hops.push(transmit.path.remote);
                near.queue(transmit);
            }
            near.flush().expect("sent");
            match next(&mut [&mut near, &mut far]).await {
                (0, Err(lost)) => ua.handle_flow_lost(Instant::now(), &lost),
                (1, Ok((path, invite))) => {
                    assert!(invite.starts_with(b"INVITE sip:callee@carrier.example SIP/2.0"));
                    assert_eq!(path.remote, local);
                    break;
                }
                (at, what) => panic!("unexpected at {at}: {what:?}"),
            }
        }
        assert_eq!(hops, [dead, alive]);
        assert!(ua.poll_event().is_none(), "the call goes on");
    }
}

#[tokio::test]
async fn an_accepted_connection_that_is_gone_is_not_opened_again() {
    let mut far = tcp(limits());
    let mut client = TcpStream::connect(far.local_addrs()[0]).await.expect("connected");
    client.write_all(&options("1")).await.expect("written");
    let (back, _) = message(&mut far).await;
    drop(client);
    assert_eq!(loss(&mut far).await, TransportError::Closed);
    far.queue(transmit(back, options("2")));
    assert_eq!(loss(&mut far).await, TransportError::Closed);
    assert_eq!(far.stream_counters().opened, 0);
}
