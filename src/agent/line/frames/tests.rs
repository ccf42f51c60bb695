//! Against tungstenite as the other side: what one writes the other reads, in pieces of any length.

use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketContext};
use tokio_tungstenite::tungstenite::{Bytes, Message as Theirs};

use super::*;

/// A message, as both know it.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
}

/// Both directions of a connection in memory, for tungstenite: what it reads, and what it writes.
#[derive(Default)]
struct Pipe {
    to_it: std::collections::VecDeque<u8>,
    from_it: Vec<u8>,
}

impl std::io::Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.to_it.is_empty() {
            return Err(std::io::ErrorKind::WouldBlock.into());
        }
        self.to_it.read(into)
    }
}

impl std::io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.from_it.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn other(side: Side) -> Role {
    if side == Side::Client { Role::Server } else { Role::Client }
}

/// All that is there whole.
fn read(inward: &mut Inward) -> Result<Vec<(Got, Option<Said>)>, Fault> {
    let mut all = vec![];
    while let Some(got) = inward.next()? {
        let said = match got {
            Got::Message => Some(match inward.message()? {
                Incoming::Text(text) => Said::Text(text.to_owned()),
                Incoming::Binary(bytes) => Said::Binary(bytes.to_vec()),
            }),
            Got::Ping => Some(Said::Binary(inward.payload().to_vec())),
            Got::Pong | Got::Close(_) => None,
        };
        all.push((got, said));
    }
    Ok(all)
}

fn come(side: Side, bytes: &[u8]) -> Result<Vec<(Got, Option<Said>)>, Fault> {
    read(&mut Inward::new(side, bytes))
}

fn text(words: &str) -> (Got, Option<Said>) {
    (Got::Message, Some(Said::Text(words.to_owned())))
}

#[test]
fn what_tungstenite_says_is_understood_however_it_is_cut() {
    let mut random = StdRng::seed_from_u64(6_455);
    for side in [Side::Client, Side::Server] {
        let mut context = WebSocketContext::new(other(side), None);
        let mut pipe = Pipe::default();
        let mut expected = vec![];
        for length in [0, 1, 2, 125, 126, 127, 500, 4_096, 65_535, 65_536, 200_000, 300, 3] {
            let words: String = (0..length).map(|n| if n % 7 == 0 { 'ß' } else { 'x' }).collect();
            let mut bytes = vec![0; length];
            random.fill_bytes(&mut bytes);
            context.write(&mut pipe, Theirs::text(words.clone())).expect("written");
            context.write(&mut pipe, Theirs::Ping(Bytes::from_static(b"there?"))).expect("written");
            context.write(&mut pipe, Theirs::binary(bytes.clone())).expect("written");
            context.flush(&mut pipe).expect("flushed");
            expected.push(text(&words));
            expected.push((Got::Ping, Some(Said::Binary(b"there?".to_vec()))));
            expected.push((Got::Message, Some(Said::Binary(bytes))));
        }
        let mut inward = Inward::new(side, &pipe.from_it[..11]);
        let mut rest = &pipe.from_it[11..];
        let mut all = vec![];
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(random.random_range(1..=rest.len().min(5_000)));
            inward.buffer().extend_from_slice(piece);
            all.extend(read(&mut inward).expect("no fault"));
            rest = later;
        }
        assert!(all == expected, "{side:?}");
        assert_eq!(inward.buffer().len(), 0);
    }
}

#[test]
fn what_is_said_tungstenite_understands() {
    for side in [Side::Client, Side::Server] {
        let mut context = WebSocketContext::new(other(side), None);
        let mut pipe = Pipe::default();
        for length in [0usize, 1, 2, 3, 4, 5, 125, 126, 127, 65_535, 65_536, 200_000] {
            let bytes: Vec<u8> = (0..length).map(|n| b'a' + (n % 26) as u8).collect();
            let mut out = BytesMut::new();
            write(&mut out, side, Opcode::Text, &bytes);
            write(&mut out, side, Opcode::Binary, &bytes);
            pipe.to_it.extend(&out);
            let words = String::from_utf8(bytes.clone()).expect("letters");
            assert_eq!(context.read(&mut pipe).expect("read"), Theirs::text(words), "{side:?} {length}");
            assert_eq!(context.read(&mut pipe).expect("read"), Theirs::binary(bytes), "{side:?} {length}");
        }
    }
}

#[test]
fn a_message_in_pieces_is_whole_and_control_frames_may_stand_between() {
    let pieces = b"\x01\x03one\x00\x00\x89\x02hi\x00\x04 two\x8a\x00\x80\x06 three\x82\x01!";
    let all = come(Side::Client, pieces).expect("no fault");
    let ping = (Got::Ping, Some(Said::Binary(b"hi".to_vec())));
    let last = (Got::Message, Some(Said::Binary(b"!".to_vec())));
    assert_eq!(all, [ping, (Got::Pong, None), text("one two three"), last]);
    // A character may be cut in two.
    assert_eq!(come(Side::Client, b"\x01\x01\xc3\x80\x01\x9f").expect("no fault"), [text("ß")]);
}

#[test]
fn a_close_frame_says_its_code_or_none() {
    assert_eq!(come(Side::Client, b"\x88\x00"), Ok(vec![(Got::Close(None), None)]));
    assert_eq!(come(Side::Client, b"\x88\x02\x03\xe8"), Ok(vec![(Got::Close(Some(1000)), None)]));
    assert_eq!(come(Side::Client, b"\x88\x05\x0f\xa1bye"), Ok(vec![(Got::Close(Some(4001)), None)]));
}

#[test]
fn whatever_the_protocol_forbids_is_named() {
    let long = (MESSAGE_MAX as u64 + 1).to_be_bytes();
    let too_long = [&[0x82, 127][..], &long].concat();
    for (bytes, fault) in [
        (&b"\xc1\x01a"[..], Fault::Reserved),
        (b"\x83\x01a", Fault::Opcode),
        (b"\x81\x81aaaaa", Fault::Mask),
        (b"\x82\x7e\x00\x7d", Fault::Length),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", Fault::Length),
        (b"\x09\x00", Fault::Control),
        (b"\x89\x7e\x00\x7e", Fault::Control),
        (b"\x80\x01a", Fault::Pieces),
        (b"\x01\x01a\x81\x01b", Fault::Pieces),
        (b"\x88\x01\x03", Fault::Close),
        (b"\x88\x02\x03\xed", Fault::Close),
        (b"\x88\x03\x03\xe8\xff", Fault::Close),
        (b"\x81\x02\xff\xfe", Fault::Utf8),
        (&too_long, Fault::TooLong),
    ] {
        assert_eq!(come(Side::Client, bytes), Err(fault), "{bytes:x?}");
    }
    assert_eq!(come(Side::Server, b"\x81\x01a"), Err(Fault::Mask));
}

#[test]
fn pieces_that_are_too_much_together_are_too_long() {
    let half = MESSAGE_MAX / 2 + 1;
    let mut inward = Inward::new(Side::Client, &[]);
    for first in [0x02, 0x80] {
        inward.buffer().extend_from_slice(&[first, 127]);
        inward.buffer().extend_from_slice(&(half as u64).to_be_bytes());
        inward.buffer().extend_from_slice(&vec![0; half]);
    }
    assert_eq!(inward.next(), Err(Fault::TooLong));
}

#[test]
fn room_for_a_long_message_is_given_back() {
    let mut out = BytesMut::new();
    write(&mut out, Side::Server, Opcode::Binary, &vec![7; MESSAGE_MAX]);
    let mut inward = Inward::new(Side::Client, &out);
    assert_eq!(read(&mut inward).expect("no fault").len(), 1);
    assert!(inward.buffer().capacity() <= KEPT);
}

#[test]
fn any_bytes_are_messages_or_a_fault() {
    let mut random = StdRng::seed_from_u64(1);
    let mut faults = 0;
    for _ in 0..20_000 {
        let mut bytes = vec![0; random.random_range(0..40)];
        random.fill_bytes(&mut bytes);
        // Most first bytes are none: make more of them so.
        if let Some(first) = bytes.first_mut() {
            *first &= 0x8f;
        }
        faults += u32::from(come(Side::Client, &bytes).is_err() && come(Side::Server, &bytes).is_err());
    }
    assert!(faults > 10_000, "{faults}");
}

#[test]
fn steady_messages_cost_no_allocation() {
    let (mut out, mut inward) = (BytesMut::with_capacity(1_024), Inward::new(Side::Client, &[]));
    let mut places = std::collections::HashSet::new();
    for _ in 0..1_000 {
        out.clear();
        write(&mut out, Side::Server, Opcode::Text, &[b'x'; 320]);
        inward.buffer().reserve(4_096);
        inward.buffer().extend_from_slice(&out);
        assert_eq!(inward.next(), Ok(Some(Got::Message)));
        places.insert(inward.payload().as_ptr() as usize);
    }
    assert!(places.len() <= 4 * 4_096 / 324 + 1, "{} places for a thousand messages", places.len());
}
