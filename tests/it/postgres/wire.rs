//! A wire to a database that can fall silent: what was connected by then is neither closed nor heard again, as when a host on the
//! way is gone, and what connects later is carried.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::Builder;

use socket2::Socket;
use sqlx::postgres::PgConnectOptions;

/// A listener before a database.
pub struct Wire {
    address: SocketAddr,
    carried: Arc<Mutex<Vec<Carried>>>,
}

/// A connection. Both its ends stay open for as long as this is there.
struct Carried {
    is_silent: Arc<AtomicBool>,
    server: Socket,
    _client: Socket,
}

impl Wire {
    /// To the server of this URL.
    pub fn to(url: &str) -> Self {
        let options = PgConnectOptions::from_str(url).expect("a URL of a database");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let carried = Arc::<Mutex<Vec<Carried>>>::default();
        let wire = Self { address, carried: Arc::clone(&carried) };
        let accept = move || {
            for client in listener.incoming() {
                let client = Socket::from(client.expect("a connection"));
                let (is_silent, server) = (Arc::<AtomicBool>::default(), server(&options));
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let is_silent = Arc::clone(&is_silent);
                    let (from, to) = (from.try_clone().expect("a copy"), to.try_clone().expect("a copy"));
                    Builder::new().spawn(move || carry(from, to, &is_silent)).expect("a thread");
                }
                carried.lock().expect("whole").push(Carried { is_silent, server, _client: client });
            }
        };
        Builder::new().spawn(accept).expect("a thread");
        wire
    }

    /// The same database by this way.
    pub fn url(&self, url: &str) -> String {
        let mut url = url::Url::parse(url).expect("a URL");
        url.set_query(None);
        url.set_host(Some(&self.address.ip().to_string())).expect("an address");
        url.set_port(Some(self.address.port())).expect("a port");
        url.into()
    }

    /// From now on nothing passes by the connections there are. The server learns it, as it does by its own asking after a
    /// while; the other side does not.
    pub fn fall_silent(&self) {
        for carried in &*self.carried.lock().expect("whole") {
            carried.is_silent.store(true, Ordering::SeqCst);
            // Fails only if the server has closed it.
            let _ = carried.server.shutdown(std::net::Shutdown::Both);
        }
    }
}

fn server(options: &PgConnectOptions) -> Socket {
    let (host, port) = (options.get_host(), options.get_port());
    match options.get_socket() {
        Some(folder) => {
            let path = folder.join(format!(".s.PGSQL.{port}"));
            Socket::from(OwnedFd::from(UnixStream::connect(path).expect("the cluster runs")))
        }
        None => Socket::from(TcpStream::connect((host, port)).expect("the cluster runs")),
    }
}

/// Carries bytes one way until its end; an end in the silence is not told.
fn carry(mut from: Socket, mut to: Socket, is_silent: &AtomicBool) {
    let mut bytes = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if !is_silent.load(Ordering::SeqCst) && to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    if !is_silent.load(Ordering::SeqCst) {
        let _ = to.shutdown(std::net::Shutdown::Write);
    }
}
