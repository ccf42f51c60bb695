//! Carriers that sipp cannot play: those who answer to the wrong port, drop connections, show wrong certificates, or have a
//! name server of their own. Each is a thread that ends with its test.
#![expect(clippy::disallowed_methods, reason = "a carrier of its own is a thread of its own")]

use std::io::{Read, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use trunkline_sip::{Message, Method, Name};

/// A carrier that runs until it is dropped.
pub struct Fake {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How often a thread looks whether it is over.
const LOOK: Duration = Duration::from_millis(50);

impl Fake {
    fn start(mut turn: impl FnMut() + Send + 'static) -> Self {
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
        let listener = TcpListener::bind(at).expect("a free port");
        listener.set_nonblocking(true).expect("not blocking");
        Self::start(move || match listener.accept() {
            Ok((mut stream, _)) => {
                let _ = stream.set_nonblocking(false);
                let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
                let _ = stream.read(&mut [0; 64]);
            }
            Err(_) => thread::sleep(LOOK),
        })
    }

    /// Speaks TLS with this certificate and key (PEM), and answers every OPTIONS with 200.
    pub fn over_tls(at: SocketAddrV4, certificate: &str, key: &str) -> Self {
        let config = tls(certificate, key);
        let listener = TcpListener::bind(at).expect("a free port");
        listener.set_nonblocking(true).expect("not blocking");
        Self::start(move || {
            let Ok((mut stream, _)) = listener.accept() else { return thread::sleep(LOOK) };
            let _ = stream.set_nonblocking(false);
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
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().expect("versions");
    Arc::new(config.with_no_client_auth().with_single_cert(chain, key).expect("a pair"))
}
