use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

/// As Chromium offers it, without what has no bearing here.
const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    a=extmap-allow-mixed\r\na=msid-semantic: WMS s\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
    a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=ice-options:trickle\r\n\
    a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
    a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=msid:s t\r\na=rtcp-mux\r\n\
    a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
    a=rtpmap:126 telephone-event/8000\r\na=ssrc:1 cname:c\r\na=ssrc:1 msid:s t\r\n";

fn legs(legs_max: usize) -> Legs {
    Legs::new(Config { address: Ipv4Addr::LOCALHOST.into(), ports: 0..=0, ice_servers: vec![], legs_max })
}

#[tokio::test]
async fn a_browsers_offer_is_answered_with_pcmu_events_and_our_candidate() {
    let opened = legs(1).open(OFFER).await.expect("answered");
    let answer = opened.answer;
    let audio = answer.lines().find(|line| line.starts_with("m=audio")).expect("an audio line");
    assert!(audio.trim_end().ends_with("UDP/TLS/RTP/SAVPF 0 126"), "{audio}");
    assert_eq!(event_type(&answer), Some(126));
    let has = |start: &str| answer.lines().any(|line| line.starts_with(start));
    assert!(has("a=fingerprint:sha-256") && has("a=setup:active") && has("a=sendrecv"), "{answer}");
    assert!(answer.contains(" 127.0.0.1 ") && answer.contains("typ host"), "{answer}");
}

#[tokio::test]
async fn video_beside_the_audio_is_refused_in_the_answer() {
    let video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendrecv\r\na=rtcp-mux\r\n\
                 a=setup:actpass\r\na=rtpmap:96 VP8/90000\r\n";
    let opened = legs(1).open(&format!("{OFFER}{video}")).await.expect("answered");
    let lines: Vec<_> = opened.answer.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(lines.len(), 2, "{}", opened.answer);
    assert!(lines[1].starts_with("m=video 0 "), "{}", opened.answer);
}

#[tokio::test]
async fn an_offer_that_cannot_be_answered_is_refused_and_gives_its_room_back() {
    let legs = legs(1);
    let opus_alone = OFFER.replace("111 0 8 13 110 126", "111").replace("a=rtpmap:0 PCMU/8000\r\n", "");
    let no_keys: String = OFFER
        .lines()
        .filter(|line| !line.contains("fingerprint"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    let data = format!("{OFFER}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n");
    let two = format!("{OFFER}m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\n");
    let long = format!("{OFFER}{}", "a=x\r\n".repeat(offer::LINES_MAX));
    let none = OFFER.split("m=audio").next().unwrap_or("").to_owned();
    for offer in [String::new(), "hello".to_owned(), opus_alone, no_keys, data, two, long, none] {
        let refused = legs.open(&offer).await.map(|_| ()).expect_err("no answer");
        assert_eq!(refused, OpenError::Offer, "{offer}");
    }
    tokio::time::timeout(Duration::from_secs(5), legs.drained()).await.expect("the room is free again");
}

#[tokio::test]
async fn there_are_so_many_rooms_and_no_more() {
    let legs = legs(1);
    let mut opened = legs.open(OFFER).await.expect("answered");
    assert_eq!(legs.open(OFFER).await.map(|_| ()), Err(OpenError::Full));
    opened.leg.close();
    assert!(matches!(opened.events.recv().await, Some(Event::Gone(Gone::Closed, _))));
    assert_eq!(opened.events.recv().await, None);
}

#[tokio::test]
async fn the_call_knows_when_the_connection_is_gone() {
    let opened = legs(1).open(OFFER).await.expect("answered");
    let (port, seat) = trunkline_media::port::pair(trunkline_media::port::Pace::Live);
    assert!(opened.leg.attach(7, port));
    let mut events = opened.events;
    drop(opened.leg);
    assert!(matches!(events.recv().await, Some(Event::Gone(Gone::Closed, _))));
    assert!(seat.is_over());
}

#[tokio::test]
async fn the_connection_knows_when_the_call_is_over_and_waits_for_the_next() {
    let mut opened = legs(1).open(OFFER).await.expect("answered");
    let (port, seat) = trunkline_media::port::pair(trunkline_media::port::Pace::Live);
    assert!(opened.leg.attach(7, port));
    drop(seat);
    assert_eq!(opened.events.recv().await, Some(Event::Parted(7)));
    assert_eq!(opened.leg.stats().await, Some(Stats::default()));
}

#[tokio::test]
async fn a_port_that_somebody_has_is_passed_over_and_ports_come_back() {
    let taken = std::net::UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 77), 0)).expect("a port");
    let taken = (taken.local_addr().expect("bound").port(), taken);
    let (first, last) = (taken.0, taken.0.saturating_add(1));
    let address = Ipv4Addr::new(127, 0, 0, 77).into();
    let legs = Legs::new(Config { address, ports: first..=last, ice_servers: vec![], legs_max: 1 });
    for _ in 0..3 {
        let opened = legs.open(OFFER).await.expect("the other port is free");
        assert!(opened.answer.contains(&format!("127.0.0.77 {last} typ host")), "{}", opened.answer);
        opened.leg.close();
        tokio::time::timeout(Duration::from_secs(5), legs.drained()).await.expect("it ends");
    }
}

/// Whatever the text, there is an answer or a refusal.
#[test]
fn hostile_offers_are_answered_or_refused() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let lines: Vec<&str> = OFFER.split_inclusive("\r\n").collect();
    let mangled = prop::collection::vec((0..lines.len(), 0..4u8, ".{0,40}"), 1..4);
    proptest!(ProptestConfig::with_cases(48), |(changes in mangled)| {
        let mut offer: Vec<String> = lines.iter().map(ToString::to_string).collect();
        for (at, how, text) in changes {
            match how {
                0 => offer[at].clear(),
                1 => offer[at] = format!("{}\r\n", text.replace(['\r', '\n'], "")),
                2 => { let line = offer[at].clone(); offer.push(line); }
                _ => { let half = offer[at].len() / 2; offer[at] = format!("{}{text}\r\n", &offer[at][..half.min(offer[at].floor_char_boundary(half))]); }
            }
        }
        let outcome = runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(20), legs(1).open(&offer.concat())).await
        });
        prop_assert!(outcome.is_ok(), "neither");
    });
}
