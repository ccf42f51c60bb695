//! What connections carry besides messages, and what they may cost: pieces, pings, deadlines, maxima.

use tokio::io::AsyncReadExt;

use super::*;

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
    for greeting in [&b""[..], b"\r\n\r\n", b"\r\n\r\n\r\n\r\n"] {
        let mut far = tcp(StreamLimits { greeting: short, ..limits() });
        let mut client = TcpStream::connect(far.local_addrs()[0]).await.expect("connected");
        client.write_all(greeting).await.expect("written");
        assert_eq!(loss(&mut far).await, TransportError::Idle, "pings are no greeting");
    }
    let mut far = tcp(StreamLimits { greeting: short, ..limits() });
    let mut client = TcpStream::connect(far.local_addrs()[0]).await.expect("connected");
    client.write_all(b"HELLO\r\nContent-Length: 0\r\n\r\n").await.expect("written");
    message(&mut far).await;
    assert_eq!(loss(&mut far).await, TransportError::Idle, "nor is what is no SIP");
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
async fn a_full_house_still_opens_its_own() {
    let (mut house, mut far) = (tcp(StreamLimits { connections_max: 4, ..limits() }), tcp(limits()));
    let mut strangers = Vec::new();
    while house.stream_counters().turned_away == 0 {
        strangers.push(TcpStream::connect(house.local_addrs()[0]).await.expect("connected"));
        house.readable().await.expect("readable");
        house.receive(|_, _| panic!("nobody says anything")).expect("read");
    }
    assert_eq!(house.stream_counters().accepted, 2);
    for peer in 0..2 {
        let path = to(Protocol::Tcp, far.local_addrs()[0]);
        house.queue(transmit(Path { flow: Flow::Opened(peer), ..path }, options("1")));
        message(&mut far).await;
    }
    let path = Path { flow: Flow::Opened(2), ..to(Protocol::Tcp, far.local_addrs()[0]) };
    house.queue(transmit(path, options("1")));
    assert_eq!(loss(&mut house).await, TransportError::TooMany);
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
