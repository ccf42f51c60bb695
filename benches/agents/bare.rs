//! The least that streams can cost: a program of one thread that reads a message from each of its TCP connections and writes one
//! to each, every 20 ms, and does nothing else.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::process::Process;

const TICK: Duration = Duration::from_millis(20);
const SLOTS: usize = 20;
/// Bytes of 20 ms in Twilio's dialect, with a WebSocket's header.
const MESSAGE: usize = 360;

/// The word that makes this program the one that is measured.
pub const ROLE: &str = "bare";

/// Connects to the other side, and goes on until it is ended.
pub fn play(address: &str, connections: &str) {
    let address: SocketAddr = address.parse().expect("an address");
    let count: usize = connections.parse().expect("a number");
    let streams = (0..count).map(|_| TcpStream::connect(address).expect("a connection")).collect();
    exchange(streams, &AtomicBool::new(false));
}

/// Milliseconds of CPU a connection-second.
pub async fn cost(connections: usize, span: Duration) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let program = std::env::current_exe().expect("this program");
    let count = connections.to_string();
    let measured = Process::start(program.to_str().expect("UTF-8"), &[ROLE, &address, &count]);
    let over = Arc::<AtomicBool>::default();
    let seen = Arc::clone(&over);
    let other: JoinHandle<()> = thread::spawn(move || {
        let accepted = (0..connections).map(|_| listener.accept().expect("a connection").0).collect();
        exchange(accepted, &seen);
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (began, before) = (Instant::now(), measured.cpu());
    tokio::time::sleep(span).await;
    let (took, cpu) = (began.elapsed(), measured.cpu() - before);
    over.store(true, Ordering::Relaxed);
    other.join().expect("it ends");
    cpu.as_secs_f64() * 1_000.0 / (connections as f64 * took.as_secs_f64())
}

fn exchange(mut streams: Vec<TcpStream>, over: &AtomicBool) {
    for stream in &streams {
        stream.set_nodelay(true).expect("set");
        stream.set_nonblocking(true).expect("set");
    }
    let (message, mut buffer) = ([0x55; MESSAGE], [0; 4 * MESSAGE]);
    let mut next = Instant::now();
    while !over.load(Ordering::Relaxed) {
        for slot in 0..SLOTS {
            next += TICK / SLOTS as u32;
            thread::sleep(next.saturating_duration_since(Instant::now()));
            for stream in streams.iter_mut().skip(slot).step_by(SLOTS) {
                // What is not there yet, or finds no room, is there or finds it next time.
                let _ = stream.read(&mut buffer);
                let _ = stream.write(&message);
            }
        }
    }
}
