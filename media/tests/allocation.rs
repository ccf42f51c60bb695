//! Once a call stands, a packet costs no allocation, plain or protected. A binary of its own, since the allocator counts
//! for the whole process.
#![expect(unsafe_code, reason = "an allocator has no safe form")]
#![expect(clippy::disallowed_methods, reason = "the test takes one instant to count from")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use trunkline_media::{
    Bridge, BridgeSpec, Capabilities, Channel, Clip, Codec, Command, Offer, Srtp, port, sdp,
};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: all is left to the system's allocator; the count is a thread's own and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// Two bridges that talk to each other without a network between them.
struct Call {
    near: Bridge,
    far: Bridge,
    now: Instant,
}

impl Call {
    fn new(capabilities: &Capabilities) -> Self {
        let (near, far) = (address("192.0.2.1:20000"), address("192.0.2.2:30000"));
        let (offer, pending) = Offer::new(near, 1, capabilities);
        let (answer, theirs) = sdp::answer(&offer.to_bytes(), far, 2, capabilities).expect("an answer");
        let ours = pending.accept(&answer).expect("agreement");
        let bridge = |seed| {
            Bridge::new(BridgeSpec { speech: false, inband_dtmf: true, ..BridgeSpec::default() }, seed)
        };
        let mut call = Self { near: bridge(1), far: bridge(2), now: Instant::now() };
        let clip = Arc::new(Clip::from_samples(&[5_000; 160_000]));
        for (bridge, negotiated) in [(&mut call.near, ours), (&mut call.far, theirs)] {
            for command in [
                Command::Remote(negotiated),
                Command::Answered,
                Command::OpenGate,
                Command::Play { clip: clip.clone(), mark: None },
            ] {
                bridge.handle_command(call.now, command);
            }
        }
        call
    }

    /// Ticks; the allocations of those in which no report was written, which may allocate.
    fn run(&mut self, ticks: usize) -> u64 {
        let (near, far) = (address("192.0.2.1:20000"), address("192.0.2.2:30000"));
        let mut allocations = 0;
        for _ in 0..ticks {
            let before = COUNT.with(Cell::get);
            self.now += Duration::from_millis(20);
            self.near.handle_timeout(self.now);
            self.far.handle_timeout(self.now);
            let reported = carry(self.now, &mut self.near, &mut self.far, near)
                | carry(self.now, &mut self.far, &mut self.near, far);
            allocations += if reported { 0 } else { COUNT.with(Cell::get) - before };
        }
        allocations
    }
}

/// Whether there was a report among what was carried.
fn carry(now: Instant, sender: &mut Bridge, receiver: &mut Bridge, from: SocketAddr) -> bool {
    let mut reported = false;
    while let Some(transmit) = sender.poll_transmit() {
        let is_report = transmit.channel == Channel::Rtcp;
        let by = SocketAddr::new(from.ip(), from.port() + u16::from(is_report));
        receiver.handle_message(now, transmit.channel, by, transmit.payload);
        reported |= is_report;
    }
    while sender.poll_event().is_some() {}
    reported
}

#[test]
fn a_packet_costs_no_allocation_once_a_call_stands() {
    for srtp in [Srtp::Off, Srtp::Required] {
        let mut call = Call::new(&Capabilities { srtp, ..Capabilities::default() });
        call.run(100);
        let before = call.far.stats().packets_in;
        assert_eq!(call.run(800), 0, "{srtp:?}");
        let stats = call.far.stats();
        assert!(stats.packets_in - before >= 800 && stats.unauthentic == 0, "{srtp:?} {stats:?}");
    }
}

#[test]
fn so_it_is_in_every_codec_and_packet_length() {
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_available()) {
        for ptime_ms in [10, 20, 30, 60] {
            let codecs = vec![codec];
            let mut call = Call::new(&Capabilities { codecs, ptime_ms, ..Capabilities::default() });
            call.run(100);
            let before = call.far.stats().packets_in;
            assert_eq!(call.run(800), 0, "{codec:?} {ptime_ms}");
            let packets = call.far.stats().packets_in - before;
            assert!(packets >= 800 * 20 / 60, "{codec:?} {ptime_ms}: {packets}");
        }
    }
}

#[test]
fn so_it_is_where_a_bot_and_another_call_sit_beside() {
    let mut call = Call::new(&Capabilities::default());
    let (mut bot, queued) = port::pair(port::Pace::Queued);
    let (here, mut there) = port::between();
    for (place, seat) in [(0, queued), (1, here)] {
        call.near.handle_command(call.now, Command::Join { place, seat: Box::new(seat) });
    }
    let frame = [0x10; 160];
    let mut heard = frame;
    call.run(100);
    let mut allocations = 0;
    for tick in 0..800 {
        let before = COUNT.with(Cell::get);
        assert!(bot.say(&frame) && (tick % 8 != 0 || bot.mark(tick)));
        there.offer(&frame);
        allocations += COUNT.with(Cell::get) - before;
        allocations += call.run(1);
        let before = COUNT.with(Cell::get);
        while bot.hear().is_some() || bot.poll_marked().is_some() || there.pull(&mut heard) {}
        allocations += COUNT.with(Cell::get) - before;
    }
    assert_eq!((allocations, bot.played() >= 790), (0, true));
}
