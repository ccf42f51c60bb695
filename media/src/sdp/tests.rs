use proptest::prelude::*;

use super::*;

fn local() -> SocketAddr {
    "192.0.2.1:20000".parse().expect("an address")
}

fn pending() -> PendingOffer {
    Offer::new(local(), 7, &Capabilities::default()).1
}

fn accept(answer: &str) -> Result<Negotiated, SdpError> {
    pending().accept(answer.replace('\n', "\r\n").as_bytes())
}

const HEAD: &str = "v=0\no=- 1 1 IN IP4 198.51.100.9\ns=-\nc=IN IP4 198.51.100.9\nt=0 0\n";

#[test]
fn the_offer_reads_as_rfc_8866_writes_it() {
    let (offer, _) = Offer::new(local(), 7, &Capabilities::default());
    let expected = "v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
        m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\na=rtcp:20001\r\n";
    assert_eq!(std::str::from_utf8(&offer.to_bytes()), Ok(expected));
}

#[test]
fn offer_and_answer_agree_on_both_sides() {
    let (offer, pending) = Offer::new(local(), 7, &Capabilities::default());
    let far: SocketAddr = "192.0.2.2:30000".parse().expect("an address");
    let caps = Capabilities { codecs: vec![Codec::Pcma], ..Capabilities::default() };
    let (answer, theirs) = answer(&offer.to_bytes(), far, 9, &caps).expect("an answer");
    let ours = pending.accept(&answer).expect("agreement");
    assert_eq!((ours.remote, theirs.remote), (Some(far), Some(local())));
    assert_eq!(ours.remote_rtcp, Some("192.0.2.2:30001".parse().expect("an address")));
    assert_eq!((ours.codec, ours.payload_type, ours.telephone_event), (Codec::Pcma, 8, Some(101)));
    assert_eq!((theirs.codec, theirs.payload_type, theirs.telephone_event), (Codec::Pcma, 8, Some(101)));
}

#[test]
fn a_static_codec_needs_no_rtpmap_and_a_dynamic_number_is_mapped() {
    let plain = accept(&format!("{HEAD}m=audio 4000 RTP/AVP 8\n")).expect("agreement");
    assert_eq!((plain.codec, plain.payload_type, plain.telephone_event), (Codec::Pcma, 8, None));
    let mapped = format!(
        "{HEAD}m=audio 4000 RTP/AVP 18 97 96\na=rtpmap:97 pcmu/8000/1\na=rtpmap:96 telephone-event/8000\na=ptime:30\n"
    );
    let mapped = accept(&mapped).expect("agreement");
    assert_eq!((mapped.codec, mapped.payload_type, mapped.ptime_ms), (Codec::Pcmu, 97, 30));
    assert_eq!(mapped.telephone_event, Some(96));
    assert_eq!(mapped.incoming.of(101), Some(Format::Events { clock_hz: 8_000 }));
}

#[test]
fn the_stream_s_own_address_and_rtcp_win() {
    let answer =
        format!("{HEAD}m=audio 4000 RTP/AVP 0\nc=IN IP4 203.0.113.5\na=rtcp:53020 IN IP4 203.0.113.6\n");
    let negotiated = accept(&answer).expect("agreement");
    assert_eq!(negotiated.remote, "203.0.113.5:4000".parse().ok());
    assert_eq!(negotiated.remote_rtcp, "203.0.113.6:53020".parse().ok());
}

#[test]
fn every_kind_of_hold_is_understood() {
    for (attribute, send, receive) in [
        ("sendrecv", true, true),
        ("sendonly", false, true),
        ("recvonly", true, false),
        ("inactive", false, false),
    ] {
        let media = accept(&format!("{HEAD}m=audio 4000 RTP/AVP 0\na={attribute}\n")).expect("agreement");
        assert_eq!((media.send, media.receive), (send, receive), "{attribute}");
        let session = accept(&format!("{HEAD}a={attribute}\nm=audio 4000 RTP/AVP 0\n")).expect("agreement");
        assert_eq!(session, media);
    }
    let old = accept(&format!("{HEAD}m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\n")).expect("agreement");
    assert_eq!((old.remote, old.remote_rtcp, old.send), (None, None, false));
}

#[test]
fn a_hold_offer_is_answered_in_kind_with_the_next_version() {
    let offer = format!("{HEAD}m=audio 4000 RTP/AVP 0\na=sendonly\n");
    let (answer, negotiated) =
        answer_versioned(offer.as_bytes(), local(), 7, 2, &Capabilities::default()).expect("an answer");
    let text = String::from_utf8(answer.to_vec()).expect("text");
    assert!(text.contains("o=- 7 2 IN IP4") && text.contains("a=recvonly"), "{text}");
    assert!(!negotiated.send && negotiated.receive);
}

#[test]
fn an_answer_has_as_many_streams_as_the_offer() {
    let offer = format!(
        "{HEAD}m=video 5000 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=audio 0 RTP/AVP 0\nm=audio 4000 RTP/SAVP 0\n\
         m=audio 4002 RTP/AVP 0\nm=image 4004 udptl t38\n"
    );
    let (answer, negotiated) =
        answer(offer.as_bytes(), local(), 7, &Capabilities::default()).expect("an answer");
    assert_eq!(negotiated.remote, "198.51.100.9:4002".parse().ok());
    let text = String::from_utf8(answer.to_vec()).expect("text");
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        lines,
        [
            "m=video 0 RTP/AVP 96",
            "m=audio 0 RTP/AVP 0",
            "m=audio 0 RTP/SAVP 0",
            "m=audio 20000 RTP/AVP 0",
            "m=image 0 udptl t38"
        ]
    );
}

#[test]
fn what_cannot_work_is_refused_with_its_reason() {
    for (rest, error) in [
        ("", no_audio()),
        ("m=video 4000 RTP/AVP 96\n", no_audio()),
        ("m=audio 4000 RTP/SAVP 0\n", no_audio()),
        ("m=audio 0 RTP/AVP 0\n", SdpError::Rejected),
        ("m=audio 4000 RTP/AVP 18 9\n", no_codec()),
        ("m=audio 4000 RTP/AVP 0\nc=IN IP4 host.example\n", SdpError::NoAddress { found: None }),
        ("m=audio 4000 RTP/AVP 0\nc=IN IP4 239.1.1.1/127\n", SdpError::NoAddress { found: None }),
        ("m=audio 99999 RTP/AVP 0\n", SdpError::Malformed),
    ] {
        assert_eq!(accept(&format!("{HEAD}{rest}")), Err(error.clone()), "{rest}");
        let answered = answer(format!("{HEAD}{rest}").as_bytes(), local(), 1, &Capabilities::default());
        assert_eq!(answered.map(|(_, negotiated)| negotiated), Err(error), "{rest}");
    }
    assert_eq!(accept("v=0\nm=audio 4000 RTP/AVP 0\n"), Err(SdpError::NoAddress { found: None }));
    assert_eq!(accept(&"v=0\n".repeat(10_000)), Err(SdpError::Malformed));
}

#[test]
fn sloppy_senders_are_read() {
    let no_session_lines = "v=0\nc=IN IP4 198.51.100.9\nm=audio 4000 RTP/AVP 0\n";
    assert!(pending().preview(no_session_lines.as_bytes()).is_ok());
    let latin1 = [
        b"v=0\r\no=J\xfcrgen 1 1 IN IP4 198.51.100.9\r\ns=Gru\xdf\r\n".as_slice(),
        b"c=IN IP4 198.51.100.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
    ]
    .concat();
    assert!(pending().preview(&latin1).is_ok());
}

proptest! {
    #[test]
    fn hostile_sdp_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = pending().preview(&bytes);
        let _ = answer(&bytes, local(), 1, &Capabilities::default());
    }

    #[test]
    fn hostile_lines_never_panic(lines in proptest::collection::vec(
        "(v=0|m=audio [0-9]{0,6}(/[0-9]{1,3})? RTP/AVP( [0-9]{1,4}){0,4}|c=IN IP[46] [0-9a-f.:/]{0,20}|a=(rtpmap|fmtp|rtcp|ptime):[ -~]{0,20}|o=[ -~]{0,30})",
        0..12,
    )) {
        let text = format!("v=0\r\n{}\r\n", lines.join("\r\n"));
        let _ = pending().preview(text.as_bytes());
        if let Ok((sdp, negotiated)) = answer(text.as_bytes(), local(), 1, &Capabilities::default()) {
            prop_assert!(decode(&sdp).is_ok());
            prop_assert!(negotiated.payload_type < 128);
        }
    }
}
