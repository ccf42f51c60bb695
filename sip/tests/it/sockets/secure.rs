//! TLS: right and wrong certificates, whom they name and who vouches for them.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

use trunkline_sip::{ServerTls, ServerTlsConfig, TlsError};

use super::*;

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
