//! Our answer to all kinds of offers.

use super::*;

#[test]
fn offer_and_answer_agree_on_both_sides() {
    let (offer, pending) = ours(&Capabilities::default()).offer();
    let far: SocketAddr = "192.0.2.2:30000".parse().expect("an address");
    let (answer, theirs) = answer(&offer.to_bytes(), far, 9, &with(&[Codec::Pcma])).expect("an answer");
    let ours = pending.accept(&answer).expect("agreement");
    assert_eq!((ours.remote, theirs.remote), (Some(far), Some(local())));
    assert_eq!(ours.remote_rtcp, Some("192.0.2.2:30001".parse().expect("an address")));
    assert_eq!((ours.codec, ours.payload_type, ours.telephone_event), (Codec::Pcma, 8, Some(101)));
    assert_eq!((theirs.codec, theirs.payload_type, theirs.telephone_event), (Codec::Pcma, 8, Some(101)));
}

#[test]
fn an_answer_has_as_many_streams_as_the_offer_and_its_times() {
    let offer = "v=0\no=- 1 1 IN IP4 198.51.100.9\ns=-\nc=IN IP4 198.51.100.9\nt=2873397496 2873404696\n\
                 m=video 5000 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=audio 0 RTP/AVP 0\nm=audio 4000 RTP/SAVP 0\n\
                 m=audio 4002 RTP/AVP 0\nm=image 4004 udptl t38\nm=application 9 TCP/MSRP *\n";
    let (text, negotiated) = answer_with(&Capabilities::default(), offer).expect("an answer");
    assert_eq!(negotiated.remote, "198.51.100.9:4002".parse().ok());
    assert_eq!(
        lines(&text, "m="),
        [
            "m=video 0 RTP/AVP 96",
            "m=audio 0 RTP/AVP 0",
            "m=audio 0 RTP/SAVP 0",
            "m=audio 20000 RTP/AVP 0",
            "m=image 0 udptl t38",
            "m=application 0 TCP/MSRP *",
        ]
    );
    assert_eq!(lines(&text, "t="), ["t=2873397496 2873404696"]);
}

#[test]
fn their_numbers_are_kept_with_what_goes_beside_the_codec() {
    let capabilities = Capabilities { comfort_noise: true, rtcp_mux: true, ..with(&Codec::ALL) };
    let offer = "m=audio 4000 RTP/AVP 99 0 13 98 97\na=rtpmap:99 opus/48000/2\na=rtpmap:98 telephone-event/8000\n\
                 a=rtpmap:97 telephone-event/48000\na=rtcp-mux\n";
    let (text, negotiated) = answer_with(&capabilities, offer).expect("an answer");
    assert_eq!(lines(&text, "m="), ["m=audio 20000 RTP/AVP 99 97"]);
    assert!(text.contains("a=rtcp-mux\r\n") && !text.contains("a=rtcp:"));
    assert_eq!((negotiated.telephone_event, negotiated.rtcp_mux), (Some(97), true));
    assert_eq!(negotiated.incoming.of(0), Some(Format::Audio(Codec::Pcmu)), "if they switch all the same");
    let (text, negotiated) =
        answer_with(&Capabilities { codecs: vec![Codec::Pcmu], ..capabilities }, offer).expect("an answer");
    assert_eq!(lines(&text, "m="), ["m=audio 20000 RTP/AVP 0 13 98"]);
    assert_eq!((negotiated.comfort_noise, negotiated.telephone_event), (Some(13), Some(98)));
}

#[test]
fn whom_we_hold_is_held_whatever_it_offers() {
    let mut local = ours(&Capabilities::default());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    assert!(text(&local.offer().0.to_bytes()).contains("a=sendrecv\r\n"));
    local.hold(true);
    let held = text(&local.offer().0.to_bytes());
    assert!(held.contains("a=sendonly\r\n") && held.contains("o=- 7 2 IN"), "{held}");
    for (theirs, ours, receive) in [("sendrecv", "sendonly", false), ("sendonly", "inactive", false)] {
        let offer = wire(&format!("m=audio 4000 RTP/AVP 0\na={theirs}\n"));
        let (answer, negotiated, _) = local.answer(&offer).expect("an answer");
        assert!(text(&answer).contains(&format!("a={ours}\r\n")), "{theirs}");
        assert_eq!(negotiated.receive, receive, "{theirs}");
    }
    local.hold(false);
    assert!(text(&local.offer().0.to_bytes()).contains("a=sendrecv\r\n"));
}

#[test]
fn a_hold_offer_is_answered_in_kind() {
    for (theirs, ours) in [
        ("sendonly", "recvonly"),
        ("recvonly", "sendonly"),
        ("inactive", "inactive"),
        ("sendrecv", "sendrecv"),
    ] {
        let (text, negotiated) =
            answer_with(&Capabilities::default(), &format!("m=audio 4000 RTP/AVP 0\na={theirs}\n"))
                .expect("an answer");
        assert!(text.contains(&format!("a={ours}\r\n")), "{text}");
        assert_eq!(Direction::new(negotiated.send, negotiated.receive).attribute(), ours);
    }
    let (text, negotiated) =
        answer_with(&Capabilities::default(), "m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\n")
            .expect("an answer");
    assert!(text.contains("a=recvonly") && negotiated.remote.is_none() && !negotiated.send, "{text}");
}

#[test]
fn a_fax_is_refused_as_one_and_audio_beside_it_is_taken() {
    let fax = "m=image 4000 udptl t38\na=T38FaxVersion:0\n";
    for offer in
        [fax.to_owned(), format!("m=audio 0 RTP/AVP 0\n{fax}"), format!("{fax}m=audio 0 RTP/AVP 0\n")]
    {
        assert_eq!(answer_with(&Capabilities::default(), &offer).err(), Some(SdpError::T38), "{offer}");
    }
    let (text, _) =
        answer_with(&Capabilities::default(), &format!("m=audio 4002 RTP/AVP 0\n{fax}")).expect("audio");
    assert_eq!(lines(&text, "m="), ["m=audio 20000 RTP/AVP 0", "m=image 0 udptl t38"]);
    let removed = "m=audio 0 RTP/AVP 0\nm=image 0 udptl t38\n";
    assert_eq!(answer_with(&Capabilities::default(), removed).err(), Some(SdpError::Rejected));
    assert_eq!(SdpError::T38.to_string(), "a fax by T.38, which is not supported");
}

#[test]
fn an_offer_that_cannot_work_says_what_they_have_and_what_we_have() {
    for (offer, words) in [
        ("m=video 4000 RTP/AVP 96\n", "no audio over RTP (offered video RTP/AVP)"),
        ("m=audio 4000 TCP/RTP/AVP 0\n", "no audio over RTP (offered audio TCP/RTP/AVP)"),
        (
            "m=audio 4000 RTP/AVP 18 97 35\na=rtpmap:97 iLBC/8000\n",
            "no codec in common: they have G729/8000, iLBC/8000, payload type 35, we have PCMU/8000, PCMA/8000",
        ),
        (
            "m=audio 4000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000\n",
            "no codec in common: they have nothing, we have PCMU/8000, PCMA/8000",
        ),
        ("m=audio 4000 RTP/AVP 0\nc=IN IP4 a.example\n", "no usable connection address (c= a.example)"),
        ("m=audio 4000 RTP/SAVP 0\n", "they insist on SRTP (RTP/SAVP), which is off for this trunk"),
        (
            "m=audio 4000 UDP/TLS/RTP/SAVPF 0\na=fingerprint:sha-256 AA\n",
            "they want SRTP with keys by DTLS (UDP/TLS/RTP/SAVPF), we have keys by SDP (RFC 4568)",
        ),
        ("m=audio 0 RTP/AVP 0\n", "the audio stream was refused (port 0)"),
    ] {
        let error = answer_with(&Capabilities::default(), offer).expect_err(offer);
        assert_eq!(error.to_string(), words, "{offer}");
    }
}
