use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::post;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::*;

fn loopback() -> Egress {
    let allow_addresses = vec!["127.0.0.0/8".parse().expect("a network")];
    Egress::new(Policy { allow_http: true, allow_addresses }).expect("a client")
}

/// Serves on loopback until the test ends; gives the base URL.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[test]
fn urls_are_refused_before_anything_is_sent() {
    let strict = Egress::new(Policy::default()).expect("a client");
    for (url, error) in [
        ("hook", EgressError::Url("it cannot be read")),
        ("ftp://example.com/", EgressError::Url("its scheme is neither http nor https")),
        ("http://example.com/", EgressError::Url("its scheme must be https")),
        ("https://127.0.0.1/", EgressError::Address),
        ("https://0x7f.1/", EgressError::Address),
        ("https://2130706433/", EgressError::Address),
        ("https://[::ffff:10.0.0.1]/", EgressError::Address),
        ("https://169.254.169.254/latest/meta-data", EgressError::Address),
    ] {
        assert_eq!(strict.check(url), Err(error), "{url}");
    }
    assert_eq!(strict.check("https://example.com/hook"), Ok(()));
    assert_eq!(loopback().check("http://127.0.0.1:9000/hook"), Ok(()));
}

#[tokio::test]
async fn a_name_that_resolves_to_a_private_address_is_refused() {
    let strict = Egress::new(Policy { allow_http: true, allow_addresses: vec![] }).expect("a client");
    let answer = strict.post("http://localhost:9/", &[], Bytes::new()).await;
    assert_eq!(answer, Err(EgressError::Address));
}

#[tokio::test]
async fn redirects_are_answers_and_bodies_are_cut() {
    let router = Router::new()
        .route("/away", post(|| async { (StatusCode::FOUND, [(header::LOCATION, "http://10.0.0.1/")]) }))
        .route("/large", post(|| async { "x".repeat(1_000_000) }))
        .route(
            "/later",
            post(|| async { (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "120")]) }),
        );
    let base = serve(router).await;
    let egress = loopback();
    let post = async |path: &str| {
        egress.post(&format!("{base}{path}"), &[("x-test", "1".into())], Bytes::from_static(b"{}")).await
    };
    assert_eq!(post("/away").await.expect("answered").status, 302);
    assert_eq!(post("/large").await.expect("answered").body.len(), BODY_MAX);
    let later = post("/later").await.expect("answered");
    assert_eq!((later.status, later.retry_after), (503, Some(Duration::from_secs(120))));
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let read = |value: &'static str| retry_after(&HeaderValue::from_static(value));
    assert_eq!(read("7"), Some(Duration::from_secs(7)));
    assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
    assert!(read("Fri, 06 Nov 2099 08:49:37 GMT").is_some_and(|wait| wait > Duration::from_secs(86_400)));
    assert_eq!(read("soon"), None);
}

#[tokio::test]
async fn a_closed_port_is_told_without_the_urls_secrets() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let answer = loopback().post(&format!("http://u:pw@{address}/hook?token=abc"), &[], Bytes::new()).await;
    let Err(EgressError::Nobody(reason)) = answer else { panic!("{answer:?}") };
    assert!(!reason.contains("abc") && !reason.contains("pw"), "{reason}");
}

/// Shakes hands with whoever comes, by a certificate of its own, and hangs up; its URL, and the certificate.
async fn shakes_hands() -> (String, CertificateDer<'static>) {
    let issued = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("a certificate");
    let certificate = issued.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(issued.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("a server");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            // Whoever does not believe it is gone before the end.
            drop(acceptor.accept(stream).await);
        }
    });
    (format!("https://{address}"), certificate)
}

#[tokio::test]
async fn who_listens_and_is_not_believed_is_not_taken_for_nobody() {
    let ((first, certificate), (second, _)) = (shakes_hands().await, shakes_hands().await);
    let allow_addresses = vec!["127.0.0.0/8".parse().expect("a network")];
    let pinned = Egress::pinned(Policy { allow_http: true, allow_addresses }, certificate).expect("a client");
    let believed = pinned.get(&first, &[]).await;
    assert!(matches!(believed, Err(EgressError::Connection(_))), "it hung up: {believed:?}");
    for egress in [&pinned, &loopback()] {
        let answer = egress.get(&second, &[]).await;
        let Err(EgressError::Certificate(reason)) = answer else { panic!("{answer:?}") };
        assert!(reason.contains("certificate"), "{reason}");
    }
    let url = Url::parse(&second.replace("https", "wss")).expect("a URL");
    let dialled = loopback().dial(&url, Duration::from_secs(5)).await.map(drop);
    assert!(matches!(dialled, Err(EgressError::Certificate(_))), "{dialled:?}");
}

#[test]
fn connections_go_where_requests_may_and_only_encrypted_ones_unless_allowed() {
    let strict = Egress::new(Policy::default()).expect("a client");
    for (url, error) in [
        ("bot", EgressError::Url("it cannot be read")),
        ("https://example.com/", EgressError::Url("its scheme is neither wss, ws nor tcp")),
        ("ws://example.com/", EgressError::Url("its scheme must be wss")),
        ("tcp://example.com:9092", EgressError::Url("its scheme must be wss")),
        ("wss://127.0.0.1/", EgressError::Address),
        ("wss://0x7f.1/", EgressError::Address),
        ("wss://[::1]/", EgressError::Address),
    ] {
        assert_eq!(strict.check_dial(url).map(drop), Err(error), "{url}");
    }
    let open = Egress::new(Policy { allow_http: true, allow_addresses: vec![] }).expect("a client");
    for (url, error) in [
        ("tcp://example.com", EgressError::Url("it has no port")),
        ("tcp:9092", EgressError::Url("it has no host")),
        ("tcp://127.0.0.1:9092", EgressError::Address),
        ("tcp://[::1]:9092", EgressError::Address),
    ] {
        assert_eq!(open.check_dial(url).map(drop), Err(error), "{url}");
    }
    assert!(strict.check_dial("wss://example.com/bot?a=1").is_ok());
    assert!(loopback().check_dial("tcp://127.0.0.1:9092").is_ok());
}

#[tokio::test]
async fn a_name_that_resolves_to_a_private_address_is_not_connected_to() {
    let open = Egress::new(Policy { allow_http: true, allow_addresses: vec![] }).expect("a client");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    // The second is no address to the URL standard, and one to the resolver.
    for host in ["localhost", "0x7f.1", "2130706433"] {
        let url = Url::parse(&format!("tcp://{host}:{port}")).expect("a URL");
        let dialled = open.dial(&url, Duration::from_secs(5)).await;
        assert!(matches!(dialled, Err(EgressError::Address | EgressError::Connection(_))), "{host}");
    }
    let url = Url::parse(&format!("tcp://127.0.0.1:{port}")).expect("a URL");
    assert!(loopback().dial(&url, Duration::from_secs(5)).await.is_ok());
    listener.accept().await.expect("the one connection that was made");
}
