//! What a call costs the media plane: CPU milliseconds per call-second with playout, detection and stereo recording on,
//! beside a bare batched UDP echo of the same packets.
//!
//! `cargo bench --bench media_cost -- [--seconds 10] [--workers 1] [100 300 500 1000]`
//!
//! One thread of this process plays all callees: it sends each leg a packet every 20 ms, and reads what comes back. Its
//! CPU is not counted; that of the threads `media-*` and `bench-echo` is, as the kernel accounts it in
//! `/proc/self/task/*/schedstat`. Linux only.

#![expect(clippy::disallowed_methods, reason = "a bench: it reads the clock and runs threads")]

use std::{
    fs, io, mem,
    net::{SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use trunkline_media::{
    BridgeSpec, Capabilities, Clip, Command, Media, MediaConfig, Offer, OpenError, RecordingSpec, amd,
    g711::Law, sdp,
};

const TICK: Duration = Duration::from_millis(20);
const SLOTS: usize = 20;
const PACKET: usize = 172;
const BATCH: usize = 64;

fn main() {
    let arguments = Arguments::read();
    raise_file_limit();
    println!("{} s each, {} media worker(s); CPU ms per call-second", arguments.seconds, arguments.workers);
    println!(
        "{:>6} {:>8} {:>10} {:>8} {:>8} {:>6} {:>8} {:>9} {:>8}",
        "legs", "media", "(recorder)", "echo", "ratio", "lost", "overruns", "missed", "dropped"
    );
    for legs in &arguments.legs {
        let echo = echo_cost(*legs, arguments.seconds);
        let cost = media_cost(*legs, &arguments);
        println!(
            "{legs:>6} {:>8.3} {:>10.3} {echo:>8.3} {:>8.2} {:>6} {:>8} {:>9} {:>8}",
            cost.media + cost.recorder,
            cost.recorder,
            (cost.media + cost.recorder) / echo,
            cost.lost,
            cost.overruns,
            cost.missed,
            cost.dropped
        );
        if cost.missed * 100 > *legs as u64 * arguments.seconds * 50 || cost.dropped > 0 {
            println!(
                "       (more than 1 % of the ticks came too late, or frames were dropped: too busy a machine to mean much)"
            );
        }
    }
}

struct Arguments {
    legs: Vec<usize>,
    seconds: u64,
    workers: usize,
}

impl Arguments {
    fn read() -> Self {
        let mut read = Self { legs: Vec::new(), seconds: 10, workers: 1 };
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        while let Some(word) = words.next() {
            let mut number = || words.next().and_then(|word| word.parse().ok()).expect("a number follows");
            match word.as_str() {
                "--seconds" => read.seconds = number() as u64,
                "--workers" => read.workers = number(),
                legs => read.legs.push(legs.parse().expect("numbers of legs, --seconds or --workers")),
            }
        }
        if read.legs.is_empty() {
            read.legs = vec![100, 300, 500, 1_000];
        }
        read
    }
}

struct Cost {
    media: f64,
    recorder: f64,
    lost: u64,
    overruns: u64,
    missed: u64,
    dropped: u64,
}

fn media_cost(legs: usize, arguments: &Arguments) -> Cost {
    let directory = std::env::temp_dir().join(format!("trunkline-media-cost-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory for the recordings");
    let config = MediaConfig {
        address: [127, 0, 0, 1].into(),
        ports: 20_000..=29_999,
        workers: arguments.workers,
        seed: [1; 32],
    };
    let media = Media::start(config, |_| true).expect("a media plane");
    let sockets: Vec<UdpSocket> = (0..SOURCES).map(|_| source_socket()).collect();
    let clip = Arc::new(Clip::from_samples(&speech(30)));
    let targets: Vec<SocketAddr> = (0..legs)
        .map(|index| {
            let callee = sockets[index % SOURCES].local_addr().expect("an address");
            start_leg(&media, callee, directory.join(format!("{index}.wav")), &clip)
        })
        .collect();
    let source = Source::start(sockets, targets);
    thread::sleep(Duration::from_secs(2));
    let before = (cpu("media-"), cpu("media-recorder"), media.counters());
    thread::sleep(Duration::from_secs(arguments.seconds));
    let after = (cpu("media-"), cpu("media-recorder"), media.counters());
    source.stop();
    assert!(media.shutdown(Instant::now() + Duration::from_secs(10)), "the media plane ends");
    remove(&directory);
    let per_call_second =
        |time: Duration| time.as_secs_f64() * 1_000.0 / (legs as f64 * arguments.seconds as f64);
    let recorder = per_call_second(after.1 - before.1);
    Cost {
        media: per_call_second(after.0 - before.0) - recorder,
        recorder,
        lost: after.2.lost - before.2.lost,
        overruns: after.2.overruns - before.2.overruns,
        missed: after.2.ticks_missed - before.2.ticks_missed,
        dropped: after.2.frames_dropped - before.2.frames_dropped,
    }
}

fn start_leg(media: &Media, callee: SocketAddr, path: PathBuf, clip: &Arc<Clip>) -> SocketAddr {
    let spec = BridgeSpec { detect: Some(amd::Params::default()), ..BridgeSpec::default() };
    // The mailbox is bounded, and this is faster than a worker: wait for room.
    let opened = loop {
        match media.open(spec.clone(), 0, Some(RecordingSpec { path: path.clone() })) {
            Err(OpenError::Overloaded) => thread::yield_now(),
            opened => break opened.expect("a leg"),
        }
    };
    let (offer, pending) = Offer::new(opened.local, 1, &Capabilities::default());
    let (answer, _) = sdp::answer(&offer.to_bytes(), callee, 2, &Capabilities::default()).expect("an answer");
    let negotiated = pending.accept(&answer).expect("agreement");
    let send = |command: &dyn Fn() -> Command| {
        while media.send(opened.leg, command()).is_err() {
            thread::yield_now();
        }
    };
    send(&|| Command::Remote(negotiated.clone()));
    send(&|| Command::OpenGate);
    send(&|| Command::Answered);
    (0..60).for_each(|_| send(&|| Command::Play { clip: clip.clone(), mark: None }));
    opened.local
}

/// The same packets, read and sent back by a thread that does nothing else.
fn echo_cost(legs: usize, seconds: u64) -> f64 {
    let sockets: Vec<UdpSocket> = (0..SOURCES).map(|_| source_socket()).collect();
    let echoes: Vec<UdpSocket> = (0..SOURCES).map(|_| source_socket()).collect();
    let targets = (0..legs).map(|index| echoes[index % SOURCES].local_addr().expect("an address")).collect();
    let over = Arc::new(AtomicBool::new(false));
    let seen = over.clone();
    let echo = thread::Builder::new().name("bench-echo".into()).spawn(move || {
        let mut batch = Batch::new();
        let mut next = Instant::now();
        while !seen.load(Ordering::Relaxed) {
            next += TICK / SLOTS as u32;
            thread::sleep(next.saturating_duration_since(Instant::now()));
            for socket in &echoes {
                while batch.receive(socket) == BATCH && batch.send(socket, BATCH) {}
                batch.send(socket, batch.filled);
            }
        }
    });
    let source = Source::start(sockets, targets);
    thread::sleep(Duration::from_secs(1));
    let before = cpu("bench-echo");
    thread::sleep(Duration::from_secs(seconds));
    let after = cpu("bench-echo");
    over.store(true, Ordering::Relaxed);
    source.stop();
    echo.expect("a thread").join().expect("the echo ends");
    (after - before).as_secs_f64() * 1_000.0 / (legs as f64 * seconds as f64)
}

/// All callees.
struct Source {
    over: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

const SOURCES: usize = 4;

impl Source {
    fn start(sockets: Vec<UdpSocket>, targets: Vec<SocketAddr>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        let thread = thread::Builder::new()
            .name("bench-source".into())
            .spawn(move || talk(&sockets, &targets, &seen))
            .expect("a thread");
        Self { over, thread }
    }

    fn stop(self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the source ends");
    }
}

fn talk(sockets: &[UdpSocket], targets: &[SocketAddr], over: &AtomicBool) {
    let mut pcmu = vec![0; 8_000 * 20];
    Law::Mu.encode(&speech(20), &mut pcmu);
    let mut batch = Batch::new();
    let mut packet = [0; PACKET];
    packet[0] = 0x80;
    let mut next = Instant::now();
    for tick in 0u32.. {
        for slot in 0..SLOTS {
            next += TICK / SLOTS as u32;
            thread::sleep(next.saturating_duration_since(Instant::now()));
            for (index, target) in targets.iter().enumerate().skip(slot).step_by(SLOTS) {
                // Callees talk at different moments.
                let at = (tick as usize + index * 37) * 160 % pcmu.len();
                packet[2..4].copy_from_slice(&(tick as u16).to_be_bytes());
                packet[4..8].copy_from_slice(&(tick * 160).to_be_bytes());
                packet[8..12].copy_from_slice(&(index as u32 + 1).to_be_bytes());
                packet[12..].copy_from_slice(&pcmu[at..at + 160]);
                let _ = sockets[index % SOURCES].send_to(&packet, target);
            }
            for socket in sockets {
                while batch.receive(socket) == BATCH {}
            }
        }
        if over.load(Ordering::Relaxed) {
            return;
        }
    }
}

fn source_socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_nonblocking(true).expect("nonblocking");
    socket
}

/// Something like speech: syllables of a voiced sound, words, pauses.
fn speech(seconds: usize) -> Vec<i16> {
    let sample = |index: usize| {
        let time = index as f32 / 8_000.0;
        let talking = time % 2.5 < 1.6;
        let syllable = (time * 4.0 * std::f32::consts::PI).sin().abs();
        let voice: f32 = (1..8u8)
            .map(|harmonic| {
                (time * 130.0 * f32::from(harmonic) * std::f32::consts::TAU).sin() / f32::from(harmonic)
            })
            .sum();
        if talking { (voice * syllable * 5_000.0) as i16 } else { (index * 7_919 % 41) as i16 - 20 }
    };
    (0..seconds * 8_000).map(sample).collect()
}

/// CPU time of this process's threads whose name begins so.
fn cpu(name: &str) -> Duration {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux").flatten().map(|entry| entry.path());
    let matching =
        tasks.filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.starts_with(name)));
    let nanoseconds = matching.filter_map(|task| {
        let stat = fs::read_to_string(task.join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

fn remove(directory: &PathBuf) {
    fs::remove_dir_all(directory).expect("the recordings can be removed");
}

fn raise_file_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is ours and lives through both calls.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
}

/// recvmmsg and sendmmsg over buffers of its own.
struct Batch {
    buffers: Vec<[u8; PACKET]>,
    names: Vec<libc::sockaddr_in>,
    filled: usize,
}

impl Batch {
    fn new() -> Self {
        // SAFETY: all zero bytes are a valid sockaddr_in.
        let blank: libc::sockaddr_in = unsafe { mem::zeroed() };
        Self { buffers: vec![[0; PACKET]; BATCH], names: vec![blank; BATCH], filled: 0 }
    }

    fn receive(&mut self, socket: &UdpSocket) -> usize {
        let received = self.call(|headers| {
            // SAFETY: `call` gives BATCH headers whose pointers are valid for the call.
            unsafe {
                libc::recvmmsg(
                    socket.as_raw_fd(),
                    headers,
                    BATCH as u32,
                    libc::MSG_DONTWAIT,
                    std::ptr::null_mut(),
                )
            }
        });
        self.filled = received.unwrap_or(0);
        self.filled
    }

    fn send(&mut self, socket: &UdpSocket, count: usize) -> bool {
        let sent = self.call(|headers| {
            // SAFETY: as in `receive`; the names were written by it.
            unsafe { libc::sendmmsg(socket.as_raw_fd(), headers, count as u32, libc::MSG_DONTWAIT) }
        });
        count > 0 && sent.is_ok()
    }

    fn call(&mut self, call: impl FnOnce(*mut libc::mmsghdr) -> i32) -> io::Result<usize> {
        let buffers = self.buffers.iter_mut();
        let mut vectors: Vec<libc::iovec> = buffers
            .map(|buffer| libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: PACKET })
            .collect();
        let mut headers: Vec<libc::mmsghdr> = vectors
            .iter_mut()
            .zip(&mut self.names)
            .map(|(vector, name)| {
                // SAFETY: all zero bytes are a valid mmsghdr.
                let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
                header.msg_hdr.msg_name = (&raw mut *name).cast();
                header.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_in>() as u32;
                header.msg_hdr.msg_iov = &raw mut *vector;
                header.msg_hdr.msg_iovlen = 1;
                header
            })
            .collect();
        usize::try_from(call(headers.as_mut_ptr())).map_err(|_| io::Error::last_os_error())
    }
}
