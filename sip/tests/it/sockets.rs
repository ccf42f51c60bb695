//! Connections over the loopback: messages both ways, TLS with right and wrong certificates, keep-alives, bounds.
#![expect(clippy::disallowed_methods, reason = "real sockets need a real deadline")]

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use trunkline_sip::transport::StreamLimits;
use trunkline_sip::{
    Body, ClientTls, ClientTlsConfig, Config, Endpoint, Flow, FlowLost, Invite, Listen, Path, Protocol,
    Reliable, ServerTls, ServerTlsConfig, Target, TlsError, TlsPeer, Transmit, TransportError, UserAgent,
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
    format!("OPTIONS sip:a SIP/2.0\r\nCall-ID: {call_id}\r\nContent-Length: 2\r\n\r\nhi").into()
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
    let free = std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let udp = free.expect("a free port");
    let both = [Protocol::Udp, Protocol::Tcp].map(|protocol| Listen { protocol, address: udp });
    let (mut near, mut far) = (
        Endpoint::bind(&[any(Protocol::Udp)], None).expect("a free port"),
        Endpoint::bind(&both, None).expect("the port is free for both"),
    );
    assert_eq!(far.listening(), both);
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

#[tokio::test]
async fn messages_in_pieces_and_together_arrive_whole() {
    let mut far = tcp(limits());
    let mut client = TcpStream::connect(far.local_addrs()[0]).await.expect("connected");
    client.set_nodelay(true).expect("set");
    let both = [options("1"), options("2")].concat();
    for piece in both.chunks(7) {
        client.write_all(piece).await.expect("written");
        client.flush().await.expect("flushed");
        tokio::task::yield_now().await;
    }
    let mut got = Vec::new();
    while got.len() < 2 {
        far.readable().await.expect("readable");
        far.receive(|_, message| got.push(message)).expect("read");
    }
    assert_eq!(got, [options("1"), options("2")]);
}

#[tokio::test]
async fn a_ping_gets_its_pong_and_noise_gets_the_door() {
    let mut far = tcp(limits());
    let mut client = TcpStream::connect(far.local_addrs()[0]).await.expect("connected");
    client.write_all(b"\r\n\r\n").await.expect("written");
    far.readable().await.expect("readable");
    far.receive(|_, _| panic!("no message")).expect("read");
    let mut pong = [0; 2];
    client.read_exact(&mut pong).await.expect("a pong");
    assert_eq!(&pong, b"\r\n");
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("written");
    let error = loss(&mut far).await;
    assert_eq!(error, TransportError::Framing("a message without Content-Length"));
    assert_eq!(client.read(&mut pong).await.expect("closed"), 0);
}

/// An endpoint that pings every 40 ms or so, connected to a peer played by hand.
async fn pinging() -> (Endpoint, TcpStream) {
    let (ping, pong) = (Duration::from_millis(40), Duration::from_millis(400));
    let mut near = tcp(StreamLimits { ping, pong, ..limits() });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    near.queue(transmit(to(Protocol::Tcp, listener.local_addr().expect("bound")), options("1")));
    let (mut peer, _) = listener.accept().await.expect("connected");
    let mut buffer = vec![0; options("1").len()];
    peer.read_exact(&mut buffer).await.expect("the message");
    (near, peer)
}

#[tokio::test]
async fn whoever_stops_answering_pings_is_lost() {
    let (mut near, mut peer) = pinging().await;
    let mut ping = [0; 4];
    peer.read_exact(&mut ping).await.expect("a ping");
    assert_eq!(&ping, b"\r\n\r\n");
    peer.write_all(b"\r\n").await.expect("written");
    assert_eq!(loss(&mut near).await, TransportError::Silent);
}

#[tokio::test]
async fn whoever_never_answered_a_ping_is_left_in_peace() {
    let (mut near, mut peer) = pinging().await;
    let mut pings = [0; 4 * 4];
    peer.read_exact(&mut pings).await.expect("several pings");
    near.receive(|_, _| panic!("no message")).expect("read");
    assert_eq!(near.poll_lost(), None);
}

#[tokio::test]
async fn half_a_message_and_silence_end_a_connection() {
    let short = Duration::from_millis(50);
    let mut far = tcp(StreamLimits { half_message: short, ..limits() });
    let mut client = TcpStream::connect(far.local_addrs()[0]).await.expect("connected");
    client.write_all(b"OPTIONS sip:a SIP/2.0\r\n").await.expect("written");
    assert_eq!(loss(&mut far).await, TransportError::Framing("half a message"));
    let mut far = tcp(StreamLimits { greeting: short, ..limits() });
    let _client = TcpStream::connect(far.local_addrs()[0]).await.expect("connected");
    assert_eq!(loss(&mut far).await, TransportError::Idle);
    let mut far = tcp(StreamLimits { idle: short, ..limits() });
    let mut client = TcpStream::connect(far.local_addrs()[0]).await.expect("connected");
    client.write_all(&options("1")).await.expect("written");
    message(&mut far).await;
    assert_eq!(loss(&mut far).await, TransportError::Idle);
}

#[tokio::test]
async fn connections_of_one_address_are_bounded() {
    let mut far = tcp(StreamLimits { per_address_max: 2, ..limits() });
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = TcpStream::connect(far.local_addrs()[0]).await.expect("connected");
        // The third is closed already, perhaps.
        let _ = client.write_all(&options("1")).await;
        clients.push(client);
    }
    let mut heard = 0;
    while heard < 2 || far.stream_counters().turned_away == 0 {
        far.readable().await.expect("readable");
        far.receive(|_, _| heard += 1).expect("read");
    }
    assert_eq!((heard, far.stream_counters().accepted), (2, 2));
    // When one leaves, there is room again.
    clients.remove(0);
    assert_eq!(loss(&mut far).await, TransportError::Closed);
    let mut client = TcpStream::connect(far.local_addrs()[0]).await.expect("connected");
    client.write_all(&options("2")).await.expect("written");
    message(&mut far).await;
}

#[tokio::test]
async fn what_waits_on_a_connection_is_bounded() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let mut near = tcp(StreamLimits { queued_bytes_max: 100_000, ..limits() });
    let path = to(Protocol::Tcp, listener.local_addr().expect("bound"));
    let body = "x".repeat(60_000);
    let long = Bytes::from(format!("OPTIONS sip:a SIP/2.0\r\nl: {}\r\n\r\n{body}", body.len()));
    // Nothing leaves before the runtime has its turn.
    near.queue(transmit(path, long.clone()));
    assert_eq!(near.poll_lost(), None);
    near.queue(transmit(path, long));
    assert_eq!(near.poll_lost().map(|lost| lost.error), Some(TransportError::Overflow));
}

#[tokio::test]
async fn an_address_that_does_not_answer_times_out() {
    let mut near = tcp(StreamLimits { connect: Duration::ZERO, ..limits() });
    near.queue(transmit(to(Protocol::Tcp, SocketAddr::from(([127, 0, 0, 1], 9))), options("1")));
    let error = loss(&mut near).await;
    assert!(matches!(error, TransportError::TimedOut | TransportError::Refused), "{error}");
}

/// An authority and what it signs.
struct Authority {
    pem: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("signed").pem().into_bytes();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate and its key.
    fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> (Vec<u8>, Vec<u8>) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        (certificate.pem().into_bytes(), key.serialize_pem().into_bytes())
    }

    fn believed(&self) -> ClientTlsConfig {
        ClientTlsConfig { ca_pem: Some(self.pem.clone()), ..ClientTlsConfig::default() }
    }
}

fn server(pair: (Vec<u8>, Vec<u8>), client_ca_pem: Option<Vec<u8>>) -> Endpoint {
    let config = ServerTlsConfig { certificate_pem: pair.0, key_pem: pair.1, client_ca_pem };
    let tls = ServerTls::new(config).expect("a certificate and its key");
    Endpoint::bind(&[any(Protocol::Tls)], Some(tls)).expect("a free port")
}

fn peer(host: &str, config: ClientTlsConfig) -> Option<TlsPeer> {
    Some(TlsPeer { host: host.into(), tls: Some(ClientTls::new(config).expect("sound files")) })
}

/// What comes of calling a server as some host.
async fn call(far: &mut Endpoint, host: &str, config: ClientTlsConfig) -> Result<Path, TransportError> {
    let mut near = tcp(limits());
    let path = to(Protocol::Tls, far.local_addrs()[0]);
    deliver(&mut near, far, path, peer(host, config)).await
}

#[tokio::test]
async fn tls_wants_the_hosts_own_certificate() {
    let authority = Authority::new();
    let mut far = server(authority.sign("a.example", |_| {}), None);
    let path = call(&mut far, "a.example", authority.believed()).await.expect("the right name");
    assert_eq!(path.protocol, Protocol::Tls);
    let error = call(&mut far, "b.example", authority.believed()).await.expect_err("another name");
    assert_eq!(error.to_string(), "certificate is for a.example, not b.example");
    let named = ClientTlsConfig { server_name: Some("a.example".into()), ..authority.believed() };
    call(&mut far, "203.0.113.7", named).await.expect("the configuration names whom it expects");
    let blind = ClientTlsConfig { verify: false, ..ClientTlsConfig::default() };
    call(&mut far, "b.example", blind).await.expect("nobody looks");
    let stranger = call(&mut far, "a.example", Authority::new().believed()).await.expect_err("a stranger");
    assert_eq!(stranger, TransportError::UnknownIssuer);
    let mut by_address = server(authority.sign("127.0.0.1", |_| {}), None);
    call(&mut by_address, "127.0.0.1", authority.believed()).await.expect("an address is a name, too");
}

#[tokio::test]
async fn ipv6_carries_datagrams_connections_and_tls_both_ways() {
    let authority = Authority::new();
    let (certificate_pem, key_pem) = authority.sign("::1", |_| {});
    let tls =
        ServerTls::new(ServerTlsConfig { certificate_pem, key_pem, client_ca_pem: None }).expect("sound");
    let loopback = |port| SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port));
    let every = [Protocol::Udp, Protocol::Tcp, Protocol::Tls]
        .map(|protocol| Listen { protocol, address: loopback(0) });
    let mut far = Endpoint::bind(&every, Some(tls)).expect("an address ::1");
    let mut near = Endpoint::bind(&every[..1], None).expect("an address ::1");
    for Listen { protocol, address } in far.listening().to_vec() {
        let flow = if protocol == Protocol::Udp { Flow::Datagrams } else { Flow::Opened(1) };
        let path = Path { protocol, local: near.local_addrs()[0], remote: address, flow };
        // As the user agent has it from `sips:[::1]`.
        let tls = if protocol == Protocol::Tls { peer("[::1]", authority.believed()) } else { None };
        near.queue(Transmit { tls, ..transmit(path, options("there")) });
        near.flush().expect("sent");
        let (back, got) = message(&mut far).await;
        assert_eq!((back.protocol, back.remote.ip(), got), (protocol, loopback(0).ip(), options("there")));
        far.queue(transmit(back, options("back")));
        far.flush().expect("sent");
        assert_eq!(message(&mut near).await, (path, options("back")));
    }
}

#[tokio::test]
async fn tls_wants_a_certificate_of_today() {
    let authority = Authority::new();
    let expired = authority.sign("a.example", |params| params.not_after = date_time_ymd(2020, 1, 1));
    let error = call(&mut server(expired, None), "a.example", authority.believed()).await;
    assert_eq!(error.expect_err("expired"), TransportError::Expired);
    let early = authority.sign("a.example", |params| params.not_before = date_time_ymd(4000, 1, 1));
    let error = call(&mut server(early, None), "a.example", authority.believed()).await;
    assert_eq!(error.expect_err("too early"), TransportError::NotValidYet);
}

#[tokio::test]
async fn tls_shows_a_certificate_to_whom_asks_for_one() {
    let authority = Authority::new();
    let mut far = server(authority.sign("a.example", |_| {}), Some(authority.pem.clone()));
    let with = |pair: (Vec<u8>, Vec<u8>)| ClientTlsConfig {
        certificate_pem: Some(pair.0),
        key_pem: Some(pair.1),
        ..authority.believed()
    };
    call(&mut far, "a.example", with(authority.sign("us.example", |_| {}))).await.expect("ours is good");
    let error = call(&mut far, "a.example", authority.believed()).await.expect_err("none was shown");
    assert_eq!(error, TransportError::ClientCertificate("none was shown".into()));
    let unknown = with(Authority::new().sign("us.example", |_| {}));
    let error = call(&mut far, "a.example", unknown).await.expect_err("nobody knows its issuer");
    assert!(matches!(error, TransportError::ClientCertificate(_) | TransportError::Tls(_)), "{error}");
}

#[tokio::test]
async fn who_speaks_no_tls_is_told_from_who_has_a_bad_certificate() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let mut near = tcp(limits());
    let path = to(Protocol::Tls, listener.local_addr().expect("bound"));
    let tls = peer("a.example", Authority::new().believed());
    near.queue(Transmit { path, payload: options("1"), tls, is_grown: false });
    let (mut peer, _) = listener.accept().await.expect("connected");
    peer.write_all(b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.expect("written");
    assert_eq!(loss(&mut near).await, TransportError::NotTls);
}

#[test]
fn unusable_certificates_and_keys_are_refused_in_words() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign("a.example", |_| {});
    let (_, another) = authority.sign("a.example", |_| {});
    let client = |config| ClientTls::new(config).map(|_| ()).expect_err("unusable");
    let half = ClientTlsConfig { certificate_pem: Some(certificate.clone()), ..authority.believed() };
    assert_eq!(client(half), TlsError::Half);
    let empty = ClientTlsConfig { ca_pem: Some(b"nothing".to_vec()), ..ClientTlsConfig::default() };
    assert_eq!(client(empty), TlsError::NoCertificate("certificate authorities"));
    let server = |certificate_pem, key_pem| {
        ServerTls::new(ServerTlsConfig { certificate_pem, key_pem, client_ca_pem: None }).map(|_| ())
    };
    assert_eq!(server(certificate.clone(), b"nothing".to_vec()), Err(TlsError::NoKey));
    assert!(matches!(server(certificate.clone(), another), Err(TlsError::Pair(_))));
    assert_eq!(server(certificate, key), Ok(()));
    let tls = Endpoint::bind(&[any(Protocol::Tls)], None);
    assert!(tls.is_err(), "TLS without a certificate");
}

#[test]
fn nobodys_key_is_printed() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign("a.example", |_| {});
    let config =
        ClientTlsConfig { certificate_pem: Some(certificate), key_pem: Some(key), ..authority.believed() };
    let tls: Arc<ClientTls> = ClientTls::new(config).expect("sound");
    assert_eq!(format!("{tls:?}"), "ClientTls { .. }");
}
