//! Carriers that sipp cannot play: those who answer to the wrong port, drop connections, show wrong certificates, or have a
//! name server of their own. Each is a thread that ends with its test.
#![expect(clippy::disallowed_methods, reason = "a carrier of its own is a thread of its own")]

use std::io::{Read, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::server::WebPkiClientVerifier;
use socket2::SockRef;
use trunkline_sip::{Message, Method, Name};

/// A carrier that runs until it is dropped.
pub struct Fake {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How often a thread looks whether it is over.
const LOOK: Duration = Duration::from_millis(50);

impl Fake {
    pub(super) fn start(mut turn: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                turn();
            }
        });
        Self { stop, thread: Some(thread) }
    }

    /// Answers every OPTIONS with 200, to the port that the topmost Via names, whatever port it came from (RFC 2543 at heart).
    pub fn without_rport(at: SocketAddrV4) -> Self {
        let socket = UdpSocket::bind(at).expect("a free port");
        socket.set_read_timeout(Some(LOOK)).expect("a timeout");
        let mut datagram = [0; 4_096];
        Self::start(move || {
            let Ok((length, from)) = socket.recv_from(&mut datagram) else { return };
            let Some((message, answer)) = answered(&datagram[..length]) else { return };
            let port = message.top_via().and_then(|via| via.port).unwrap_or(5060);
            let _ = socket.send_to(answer.as_bytes(), SocketAddr::new(from.ip(), port));
        })
    }

    /// Answers every OPTIONS over UDP with 200.
    pub fn sound(at: SocketAddrV4) -> Self {
        let socket = UdpSocket::bind(at).expect("a free port");
        socket.set_read_timeout(Some(LOOK)).expect("a timeout");
        let mut datagram = [0; 4_096];
        Self::start(move || {
            let Ok((length, from)) = socket.recv_from(&mut datagram) else { return };
            if let Some((_, answer)) = answered(&datagram[..length]) {
                let _ = socket.send_to(answer.as_bytes(), from);
            }
        })
    }

    /// Takes every connection, waits for a word, and closes it.
    pub fn that_drops_connections(at: SocketAddrV4) -> Self {
        let listener = listener(at, LOOK);
        Self::start(move || {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
            let _ = stream.read(&mut [0; 64]);
        })
    }

    /// Speaks TLS with this certificate and key (PEM), and answers every OPTIONS with 200.
    pub fn over_tls(at: SocketAddrV4, certificate: &str, key: &str) -> Self {
        let config = tls(certificate, key);
        let listener = listener(at, LOOK);
        Self::start(move || {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
            let mut session = rustls::ServerConnection::new(Arc::clone(&config)).expect("a session");
            let mut tls = rustls::Stream::new(&mut session, &mut stream);
            let (mut heard, mut part) = (Vec::new(), [0; 4_096]);
            while let Ok(length @ 1..) = tls.read(&mut part) {
                heard.extend_from_slice(&part[..length]);
                if heard.ends_with(b"\r\n\r\n")
                    && let Some((_, answer)) = answered(&std::mem::take(&mut heard))
                {
                    let _ = tls.write_all(answer.as_bytes());
                }
            }
        })
    }
}

/// Who waits here for a connection waits so long, and then looks whether all is over.
pub(super) fn listener(at: SocketAddrV4, wait: Duration) -> TcpListener {
    let listener = TcpListener::bind(at).expect("a free port");
    SockRef::from(&listener).set_read_timeout(Some(wait)).expect("a timeout");
    listener
}

/// A name server (RFC 1035, RFC 2782) that knows one domain: SRV records of `_sip._udp`, the first with the lower priority, and an
/// address for each.
impl Fake {
    pub fn name_server(at: SocketAddrV4, domain: &str, servers: &[SocketAddrV4]) -> Self {
        let socket = UdpSocket::bind(at).expect("a free port");
        socket.set_read_timeout(Some(LOOK)).expect("a timeout");
        let (domain, servers) = (domain.to_owned(), servers.to_vec());
        let mut datagram = [0; 1_500];
        Self::start(move || {
            let Ok((length, from)) = socket.recv_from(&mut datagram) else { return };
            if let Some(answer) = named(&datagram[..length], &domain, &servers) {
                let _ = socket.send_to(&answer, from);
            }
        })
    }
}

const A: u16 = 1;
const SRV: u16 = 33;
/// The header of a DNS message, in bytes.
const DNS_HEADER: usize = 12;

/// The answer to a DNS question; one without records where nothing is known.
fn named(question: &[u8], domain: &str, servers: &[SocketAddrV4]) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (DNS_HEADER, Vec::new());
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(question.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes(question.get(at..at + 2)?.try_into().ok()?);
    let name = labels.join(".");
    let mut records: Vec<Vec<u8>> = Vec::new();
    for (index, server) in servers.iter().enumerate() {
        let host = format!("s{index}.{domain}");
        if kind == SRV && name == format!("_sip._udp.{domain}") {
            let mut data = Vec::new();
            for number in [10 * (index as u16 + 1), 1, server.port()] {
                data.extend(number.to_be_bytes());
            }
            data.extend(encoded(&host));
            records.push(data);
        }
        if kind == A && name == host {
            records.push(server.ip().octets().to_vec());
        }
    }
    let mut answer = question[..2].to_vec();
    // A response, recursion available, no error; one question, so many answers.
    answer.extend([0x85, 0x80, 0, 1]);
    answer.extend((records.len() as u16).to_be_bytes());
    answer.extend([0; 4]);
    answer.extend(&question[DNS_HEADER..at + 4]);
    for data in records {
        // The name asked for, class IN, a minute.
        answer.extend([0xc0, DNS_HEADER as u8]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 60]);
        answer.extend((data.len() as u16).to_be_bytes());
        answer.extend(data);
    }
    Some(answer)
}

fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An OPTIONS, and 200 for it.
fn answered(datagram: &[u8]) -> Option<(Message, String)> {
    let message = Message::parse(datagram.to_vec().into()).ok()?;
    if message.method() != Some(Method::Options) {
        return None;
    }
    let header = |name: Name| message.header(name).unwrap_or_default().to_owned();
    let answer = format!(
        "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=fake\r\nCall-ID: {}\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
        header(Name::Via),
        header(Name::From),
        header(Name::To),
        header(Name::CallId),
        header(Name::CSeq),
    );
    Some((message, answer))
}

fn tls(certificate: &str, key: &str) -> Arc<rustls::ServerConfig> {
    server(certificate, key, None)
}

/// How a server speaks TLS with this certificate and key, and to whom: with an authority, to those alone whom it vouches for.
pub fn server(own: &str, key: &str, clients: Option<&str>) -> Arc<rustls::ServerConfig> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    let chain = vec![certificate(own)];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider));
    let config = config.with_safe_default_protocol_versions().expect("versions");
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(authority) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(certificate(authority)).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    Arc::new(config.with_single_cert(chain, key).expect("a pair"))
}
