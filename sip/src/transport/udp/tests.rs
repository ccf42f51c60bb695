use std::{future::poll_fn, time::Duration};

use super::*;

fn pair() -> (UdpSocket, UdpSocket) {
    let bind = || UdpSocket::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    (bind(), bind())
}

async fn read(socket: &mut UdpSocket) -> Vec<(SocketAddr, Bytes)> {
    let mut got = Vec::new();
    let ready = poll_fn(|context| socket.poll_readable(context));
    tokio::time::timeout(Duration::from_secs(5), ready).await.expect("in time").expect("readable");
    socket.receive(64, |from, datagram| got.push((from, datagram))).expect("read");
    got
}

#[tokio::test]
async fn a_batch_arrives_in_order_and_says_where_from() {
    let (mut alice, mut bob) = pair();
    for n in 0..100u8 {
        alice.queue(bob.local_addr(), Bytes::copy_from_slice(&[n; 700]));
    }
    assert_eq!(alice.flush().expect("sent"), 100);
    let mut got = Vec::new();
    while got.len() < 100 {
        got.extend(read(&mut bob).await);
    }
    assert!(got.iter().all(|(from, _)| *from == alice.local_addr()));
    assert!(got.iter().zip(0..).all(|((_, datagram), n)| datagram[..] == [n; 700]));
    assert_eq!((alice.counters().sent, bob.counters().received), (100, 100));
}

#[tokio::test]
async fn the_longest_datagram_arrives_whole() {
    let (mut alice, mut bob) = pair();
    alice.queue(bob.local_addr(), Bytes::from(vec![7; 65_507]));
    alice.flush().expect("sent");
    assert_eq!(read(&mut bob).await[0].1.len(), 65_507);
}

#[tokio::test]
async fn what_the_kernel_refuses_does_not_hold_up_the_rest() {
    let (mut alice, mut bob) = pair();
    alice.queue(bob.local_addr(), Bytes::from(vec![7; 65_508]));
    alice.queue(bob.local_addr(), Bytes::from_static(b"next"));
    assert_eq!(alice.flush().expect("sent"), 1);
    assert_eq!(alice.counters().send_errors, 1);
    assert_eq!(read(&mut bob).await[0].1, "next");
}

#[tokio::test]
async fn a_closed_port_does_not_end_the_socket() {
    let (mut alice, bob) = pair();
    let gone = bob.local_addr();
    drop(bob);
    let (mut carol, _) = pair();
    alice.queue(gone, Bytes::from_static(b"anybody?"));
    alice.flush().expect("sent");
    carol.queue(alice.local_addr(), Bytes::from_static(b"me"));
    carol.flush().expect("sent");
    assert_eq!(read(&mut alice).await[0].1, "me");
}

/// An address where nobody is.
fn nobody() -> SocketAddr {
    let (gone, _) = pair();
    gone.local_addr()
}

#[tokio::test]
async fn a_closed_port_is_told_of_though_nothing_else_comes() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let bind = || UdpSocket::bind(address.parse().expect("an address")).expect("a free port");
        let (mut alice, gone) = (bind(), bind().local_addr());
        alice.queue(gone, Bytes::from_static(b"anybody?"));
        alice.queue(gone, Bytes::from_static(b"nobody?"));
        alice.flush().expect("sent");
        assert_eq!(read(&mut alice).await, []);
        assert_eq!(alice.poll_unreached(), Some((gone, TransportError::Refused)));
        assert_eq!(alice.poll_unreached(), None, "once each");
        assert_eq!(alice.counters().receive_errors, 2);
        let ready = poll_fn(|context| alice.poll_readable(context));
        let woken = tokio::time::timeout(Duration::from_millis(50), ready).await;
        assert!(woken.is_err(), "all was heard: nobody is woken for it again");
    }
}

#[tokio::test]
async fn what_goes_to_a_closed_port_costs_no_other_datagram() {
    let (mut alice, mut bob) = pair();
    let gone = nobody();
    for n in 0..60u8 {
        alice.queue(gone, Bytes::from_static(b"anybody?"));
        alice.queue(bob.local_addr(), Bytes::copy_from_slice(&[n]));
    }
    assert_eq!(alice.flush().expect("sent"), 120);
    assert_eq!(alice.counters().send_errors, 0);
    let mut got = Vec::new();
    while got.len() < 60 {
        got.extend(read(&mut bob).await);
    }
    assert!(got.iter().zip(0..).all(|((_, datagram), n)| datagram[..] == [n]));
}

#[tokio::test]
async fn what_comes_in_is_read_whatever_became_of_what_went_out() {
    let (mut alice, mut bob) = pair();
    for n in 0..60u8 {
        alice.queue(nobody(), Bytes::from_static(b"anybody?"));
        alice.flush().expect("sent");
        bob.queue(alice.local_addr(), Bytes::copy_from_slice(&[n]));
        bob.flush().expect("sent");
    }
    let mut got = Vec::new();
    while got.len() < 60 {
        got.extend(read(&mut alice).await);
    }
    assert!(got.iter().zip(0..).all(|((_, datagram), n)| datagram[..] == [n]));
}

#[tokio::test]
async fn those_who_were_not_reached_are_bounded_and_none_is_waited_for_twice() {
    let (mut alice, _) = pair();
    let gone: Vec<UdpSocket> = (0..ERRORS_MAX + 3).map(|_| pair().0).collect();
    let gone: Vec<SocketAddr> = gone.into_iter().map(|socket| socket.local_addr()).collect();
    for address in &gone {
        alice.queue(*address, Bytes::from_static(b"anybody?"));
    }
    alice.flush().expect("sent");
    while (alice.counters().receive_errors as usize) < gone.len() {
        assert_eq!(read(&mut alice).await, []);
    }
    let told: Vec<SocketAddr> =
        std::iter::from_fn(|| alice.poll_unreached()).map(|(address, _)| address).collect();
    assert_eq!(told, gone[..ERRORS_MAX]);
}

#[tokio::test]
async fn an_error_leaves_the_runtime_a_socket_that_it_can_wait_for() {
    let (mut alice, mut bob) = pair();
    alice.queue(nobody(), Bytes::from_static(b"anybody?"));
    alice.flush().expect("sent");
    read(&mut alice).await;
    assert!(alice.is_marked);
    alice.unmark();
    assert!(!alice.is_marked);
    alice.queue(bob.local_addr(), Bytes::from_static(b"on"));
    poll_fn(|context| alice.poll_writable(context)).await.expect("writable");
    alice.flush().expect("sent");
    assert_eq!(read(&mut bob).await[0].1, "on");
    bob.queue(alice.local_addr(), Bytes::from_static(b"and back"));
    bob.flush().expect("sent");
    assert_eq!(read(&mut alice).await[0].1, "and back");
}

#[tokio::test]
async fn the_queue_is_bounded() {
    let (mut alice, bob) = pair();
    for _ in 0..QUEUE_MAX + 3 {
        alice.queue(bob.local_addr(), Bytes::from_static(b"x"));
    }
    assert!(alice.is_blocked());
    assert_eq!(alice.counters().queue_full, 3);
}
