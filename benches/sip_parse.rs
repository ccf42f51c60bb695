//! What one SIP message costs to read: our byte index beside rsip, in one run. `cargo bench --bench sip_parse`
//!
//! "read" is what a user agent needs of every message: start line, all headers, Via with branch, From and To with tags, Call-ID
//! and CSeq. rsip is asked for the same through its typed headers.
#![expect(clippy::disallowed_methods, reason = "a shell: a bench holds a clock")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use rsip::prelude::{HeadersExt, ToTypedHeader, UntypedHeader};
use trunkline_sip::{Message, message::Writer};

/// Counts allocations on their way to the system's allocator.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let messages = [("INVITE", INVITE), ("180", RINGING), ("200", OK), ("BYE", BYE)];
    println!("message   bytes   ours ns  allocs    rsip ns  allocs   ratio");
    for (name, text) in messages {
        let bytes = Bytes::from_static(text.as_bytes());
        // Turn and turn about, so that a busy machine wrongs both alike; the best round of each counts.
        let rounds = (0..ROUNDS).map(|_| (measure(|| ours(&bytes)), measure(|| theirs(text.as_bytes()))));
        let (ours, theirs) =
            rounds.reduce(|best, next| (best.0.min(next.0), best.1.min(next.1))).expect("several rounds");
        println!(
            "{name:8} {:6} {:9} {:7} {:10} {:7} {:7.1}",
            text.len(),
            ours.0.as_nanos(),
            ours.1,
            theirs.0.as_nanos(),
            theirs.1,
            theirs.0.as_secs_f64() / ours.0.as_secs_f64()
        );
    }
    let request = Message::parse(Bytes::from_static(INVITE.as_bytes())).expect("a readable message");
    let source = "198.51.100.1:5060".parse().expect("an address");
    let written = measure(|| {
        black_box(Writer::response_to(&request, source, 180, "Ringing", Some("a1b2c3")).finish());
    });
    println!("\nwriting a 180 to that INVITE: {} ns, {} allocations", written.0.as_nanos(), written.1);
}

/// The time and the allocations of one call.
fn measure(mut call: impl FnMut()) -> (Duration, u64) {
    for _ in 0..CALLS / 10 {
        call();
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed);
    let start = Instant::now();
    for _ in 0..CALLS {
        call();
    }
    (start.elapsed() / CALLS, (ALLOCATIONS.load(Ordering::Relaxed) - allocations) / u64::from(CALLS))
}

fn ours(datagram: &Bytes) {
    let message = Message::parse(datagram.clone()).expect("a readable message");
    let via = message.top_via().expect("a Via");
    black_box((via.host, via.branch(), message.cseq(), message.call_id()));
    black_box((message.from().and_then(|from| from.tag()), message.to().and_then(|to| to.tag())));
    black_box(message.body());
}

fn theirs(datagram: &[u8]) {
    let message = rsip::SipMessage::try_from(datagram).expect("a readable message");
    let via = message.via_header().expect("a Via").typed().expect("a readable Via");
    let from = message.from_header().expect("a From").typed().expect("a readable From");
    let to = message.to_header().expect("a To").typed().expect("a readable To");
    let cseq = message.cseq_header().expect("a CSeq").typed().expect("a readable CSeq");
    black_box((via.branch(), from.tag(), to.tag(), cseq.seq, cseq.method));
    black_box(message.call_id_header().expect("a Call-ID").value());
}

const ROUNDS: usize = 7;
const CALLS: u32 = 20_000;

const INVITE: &str = "INVITE sip:+447446466847@192.0.2.10:5060 SIP/2.0\r\n\
Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK0aBf3c21;rport\r\n\
Record-Route: <sip:198.51.100.1;lr>\r\n\
Max-Forwards: 69\r\n\
From: \"Ann\" <sip:+441632960000@carrier.example.com>;tag=as5f2b7c1e\r\n\
To: <sip:+447446466847@192.0.2.10>\r\n\
Contact: <sip:+441632960000@203.0.113.7:5080>\r\n\
Call-ID: 5a1f0c0e7a1d4a0d@203.0.113.7\r\n\
CSeq: 102 INVITE\r\n\
User-Agent: Carrier SBC 7.2\r\n\
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH\r\n\
Supported: replaces, timer\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 192\r\n\
\r\n\
v=0\r\no=- 1733212345 1733212345 IN IP4 203.0.113.7\r\ns=-\r\nc=IN IP4 203.0.113.7\r\nt=0 0\r\nm=audio 14022 RTP/AVP 8 0 101\r\n\
a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

const RINGING: &str = "SIP/2.0 180 Ringing\r\n\
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK77aa01;received=192.0.2.10;rport=5060\r\n\
From: <sip:+441632960000@192.0.2.10>;tag=7c1e\r\n\
To: <sip:+447446466847@198.51.100.1>;tag=as5f2b\r\n\
Call-ID: 91c0ffee@192.0.2.10\r\n\
CSeq: 1 INVITE\r\n\
Contact: <sip:198.51.100.1:5060>\r\n\
Content-Length: 0\r\n\r\n";

const OK: &str = "SIP/2.0 200 OK\r\n\
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK77aa01;received=192.0.2.10;rport=5060\r\n\
Record-Route: <sip:198.51.100.1;lr>\r\n\
From: <sip:+441632960000@192.0.2.10>;tag=7c1e\r\n\
To: <sip:+447446466847@198.51.100.1>;tag=as5f2b\r\n\
Call-ID: 91c0ffee@192.0.2.10\r\n\
CSeq: 1 INVITE\r\n\
Contact: <sip:198.51.100.1:5060>\r\n\
Supported: replaces, timer\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 106\r\n\
\r\n\
v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 14022 RTP/AVP 0\r\na=ptime:20\r\n";

const BYE: &str = "BYE sip:+441632960000@192.0.2.10:5060 SIP/2.0\r\n\
Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK0aBf3c22;rport\r\n\
Max-Forwards: 70\r\n\
From: <sip:+447446466847@198.51.100.1>;tag=as5f2b\r\n\
To: <sip:+441632960000@192.0.2.10>;tag=7c1e\r\n\
Call-ID: 91c0ffee@192.0.2.10\r\n\
CSeq: 103 BYE\r\n\
Reason: Q.850;cause=16;text=\"Normal call clearing\"\r\n\
Content-Length: 0\r\n\r\n";
