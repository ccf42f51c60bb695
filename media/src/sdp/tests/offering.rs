//! Our offer, and what answers to it mean.

use super::*;

#[test]
fn the_offer_reads_as_rfc_8866_writes_it() {
    let (offer, _) = ours(&Capabilities::default()).offer();
    let expected = "v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
        m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=maxptime:60\r\n\
        a=sendrecv\r\na=rtcp:20001\r\n";
    assert_eq!(std::str::from_utf8(&offer.to_bytes()), Ok(expected));
}

#[test]
fn every_codec_and_option_has_its_lines() {
    let capabilities = Capabilities {
        codecs: vec![Codec::Opus, Codec::G722, Codec::Pcma],
        ptime_ms: 40,
        rtcp_mux: true,
        comfort_noise: true,
        ..Capabilities::default()
    };
    let (offer, _) = ours(&capabilities).offer();
    let text = String::from_utf8(offer.to_bytes().to_vec()).expect("text");
    assert_eq!(lines(&text, "m="), ["m=audio 20000 RTP/AVP 111 9 8 13 101 110"]);
    assert_eq!(
        lines(&text, "a="),
        [
            "a=rtpmap:111 opus/48000/2",
            "a=fmtp:111 useinbandfec=1;stereo=0;sprop-stereo=0",
            "a=rtpmap:9 G722/8000",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:13 CN/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-16",
            "a=rtpmap:110 telephone-event/48000",
            "a=fmtp:110 0-16",
            "a=ptime:40",
            "a=maxptime:60",
            "a=sendrecv",
            "a=rtcp:20001",
            "a=rtcp-mux",
        ]
    );
    let opus_alone = Capabilities { comfort_noise: true, ..with(&[Codec::Opus]) };
    let text = String::from_utf8(ours(&opus_alone).offer().0.to_bytes().to_vec()).expect("text");
    assert_eq!(lines(&text, "m="), ["m=audio 20000 RTP/AVP 111 110"], "nothing of the narrow band");
}

#[test]
fn the_version_grows_only_when_something_changed() {
    let mut local = ours(&Capabilities::default());
    let first = local.offer().0.to_bytes();
    assert_eq!(local.offer().0.to_bytes(), first, "the same again (RFC 3264 §8)");
    let hold = wire("m=audio 4000 RTP/AVP 0\na=sendonly\n");
    let (held, _, _) = local.answer(&hold).expect("an answer");
    assert!(std::str::from_utf8(&held).expect("text").contains("o=- 7 2 IN IP4"));
    assert_eq!(local.answer(&hold).expect("an answer").0, held, "a refresh");
    assert!(local.answer(&wire("m=audio 4000 RTP/AVP 18\n")).is_err());
    let again = local.offer().0.to_bytes();
    assert!(std::str::from_utf8(&again).expect("text").contains("o=- 7 3 IN IP4"), "an error sends nothing");
}

#[test]
fn a_later_offer_has_every_line_of_the_session() {
    let mut local = ours(&Capabilities::default());
    let theirs = wire(
        "m=video 5000 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=audio 4000 RTP/AVP 0\nm=image 6000 udptl t38\n",
    );
    local.answer(&theirs).expect("an answer");
    let (offer, pending) = local.offer();
    let text = String::from_utf8(offer.to_bytes().to_vec()).expect("text");
    assert_eq!(
        lines(&text, "m="),
        ["m=video 0 RTP/AVP 96", "m=audio 20000 RTP/AVP 0 8 101", "m=image 0 udptl t38"],
        "RFC 3264 §8"
    );
    let answer = wire("m=video 0 RTP/AVP 96\nm=audio 4002 RTP/AVP 8\nm=image 0 udptl t38\n");
    let agreed = pending.accept(&answer).expect("agreement");
    assert_eq!((agreed.codec, agreed.remote), (Codec::Pcma, "198.51.100.9:4002".parse().ok()));
    assert_eq!(local.offer().0.to_bytes(), offer.to_bytes(), "the same again");
    // Once they have but one line, so have we.
    local.answer(&wire("m=audio 4000 RTP/AVP 0\n")).expect("an answer");
    let text = String::from_utf8(local.offer().0.to_bytes().to_vec()).expect("text");
    assert_eq!(lines(&text, "m="), ["m=audio 20000 RTP/AVP 0 8 101"]);
}

#[test]
fn an_ipv6_description_says_so_and_is_read() {
    let address = "[2001:db8::1]:20000".parse().expect("an address");
    let (offer, pending) = Offer::new(address, 7, &Capabilities::default());
    let text = String::from_utf8(offer.to_bytes().to_vec()).expect("text");
    assert!(text.contains("c=IN IP6 2001:db8::1\r\n") && text.contains("o=- 7 1 IN IP6 2001:db8::1\r\n"));
    let answer =
        wire("v=0\no=- 1 1 IN IP6 2001:db8::9\ns=-\nc=IN IP6 2001:db8::9\nt=0 0\nm=audio 4000 RTP/AVP 0\n");
    let negotiated = pending.accept(&answer).expect("agreement");
    assert_eq!(negotiated.remote, "[2001:db8::9]:4000".parse().ok());
    assert_eq!(negotiated.remote_rtcp, "[2001:db8::9]:4001".parse().ok());
}

#[test]
fn a_static_codec_needs_no_rtpmap_and_a_dynamic_number_is_mapped() {
    let plain = accept("m=audio 4000 RTP/AVP 8\n").expect("agreement");
    assert_eq!((plain.codec, plain.payload_type, plain.telephone_event), (Codec::Pcma, 8, None));
    let mapped = accept(
        "m=audio 4000 RTP/AVP 18 97 96\na=rtpmap:97 pcmu/8000/1\na=rtpmap:96 telephone-event/8000\na=ptime:30\n",
    )
    .expect("agreement");
    assert_eq!((mapped.codec, mapped.payload_type, mapped.ptime_ms), (Codec::Pcmu, 97, 30));
    assert_eq!(mapped.telephone_event, Some(96), "ours go under their number");
    for number in [101, 96] {
        assert_eq!(
            mapped.incoming.of(number),
            Some(Format::Events { clock_hz: 8_000 }),
            "theirs under either"
        );
    }
}

#[test]
fn an_answer_may_change_the_number_of_a_dynamic_codec() {
    let capabilities = with(&[Codec::Opus, Codec::Pcmu]);
    let answer = "m=audio 4000 RTP/AVP 96 97\na=rtpmap:96 OPUS/48000/2\na=rtpmap:97 telephone-event/48000\n\
                  a=fmtp:96 maxplaybackrate=16000; useinbandfec=1; maxaveragebitrate=20000;usedtx=1;cbr=0\n";
    let negotiated = accept_with(&capabilities, answer).expect("agreement");
    assert_eq!((negotiated.codec, negotiated.payload_type), (Codec::Opus, 96));
    assert_eq!(negotiated.telephone_event, Some(97));
    for number in [96, 111] {
        assert_eq!(negotiated.incoming.of(number), Some(Format::Audio(Codec::Opus)));
    }
    assert_eq!(
        negotiated.opus,
        OpusReceiver {
            fec: true,
            dtx: true,
            cbr: false,
            bitrate_max: Some(20_000),
            playback_rate_max_hz: 16_000
        }
    );
}

#[test]
fn the_first_of_several_codecs_is_sent_and_all_are_understood() {
    let capabilities = with(&[Codec::Pcmu, Codec::Pcma, Codec::G722]);
    let negotiated = accept_with(&capabilities, "m=audio 4000 RTP/AVP 9 8 0\n").expect("agreement");
    assert_eq!((negotiated.codec, negotiated.payload_type), (Codec::G722, 9));
    let audio = |number| negotiated.incoming.of(number);
    assert_eq!(audio(0), Some(Format::Audio(Codec::Pcmu)));
    assert_eq!(audio(8), Some(Format::Audio(Codec::Pcma)));
    assert_eq!((audio(18), audio(3)), (None, None));
}

#[test]
fn g722_is_found_under_its_clock_by_decree_and_under_its_real_one() {
    for line in ["", "a=rtpmap:9 G722/8000\n", "a=rtpmap:9 g722/16000\n"] {
        let answer = format!("m=audio 4000 RTP/AVP 9\n{line}");
        assert_eq!(accept_with(&with(&[Codec::G722]), &answer).map(|agreed| agreed.codec), Ok(Codec::G722));
    }
}

#[test]
fn telephone_events_have_the_clock_of_their_codec_or_the_one_there_is() {
    let capabilities = with(&[Codec::Opus, Codec::Pcmu]);
    let both =
        "a=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/8000\na=rtpmap:110 telephone-event/48000\n";
    let opus =
        accept_with(&capabilities, &format!("m=audio 4000 RTP/AVP 96 101 110\n{both}")).expect("agreement");
    assert_eq!((opus.telephone_event, opus.telephone_event_hz), (Some(110), 48_000));
    let pcmu =
        accept_with(&capabilities, &format!("m=audio 4000 RTP/AVP 0 110 101\n{both}")).expect("agreement");
    assert_eq!(pcmu.telephone_event, Some(101));
    let narrow =
        accept_with(&capabilities, &format!("m=audio 4000 RTP/AVP 96 101\n{both}")).expect("agreement");
    assert_eq!(
        (narrow.telephone_event, narrow.telephone_event_hz),
        (Some(101), 8_000),
        "many know of 8,000 alone"
    );
    let without = Capabilities { telephone_event: false, ..capabilities };
    let none = accept_with(&without, &format!("m=audio 4000 RTP/AVP 96 101\n{both}")).expect("agreement");
    assert_eq!((none.telephone_event, none.incoming.of(101)), (None, None));
}

#[test]
fn comfort_noise_is_sent_where_both_have_it_and_the_codec_has_none() {
    let capabilities = Capabilities { comfort_noise: true, ..with(&[Codec::Opus, Codec::Pcmu]) };
    let pcmu = accept_with(&capabilities, "m=audio 4000 RTP/AVP 0 13\n").expect("agreement");
    assert_eq!((pcmu.comfort_noise, pcmu.incoming.of(13)), (Some(13), Some(Format::ComfortNoise)));
    let mapped =
        accept_with(&capabilities, "m=audio 4000 RTP/AVP 0 98\na=rtpmap:98 cn/8000\n").expect("agreement");
    assert_eq!(mapped.comfort_noise, Some(98));
    let opus = accept_with(&capabilities, "m=audio 4000 RTP/AVP 96 13\na=rtpmap:96 opus/48000/2\n")
        .expect("agreement");
    assert_eq!(opus.comfort_noise, None);
    assert_eq!(accept("m=audio 4000 RTP/AVP 0 13\n").expect("agreement").comfort_noise, None);
}

#[test]
fn we_send_the_packet_length_that_they_ask_for_within_bounds() {
    let capabilities = Capabilities { ptime_ms: 30, ..with(&[Codec::Pcmu, Codec::Opus]) };
    for (attributes, pcmu, opus) in [
        ("", 30, 20),
        ("a=ptime:40\n", 40, 40),
        ("a=ptime:50\n", 50, 40),
        ("a=ptime:25\n", 20, 20),
        ("a=ptime:5\n", 10, 10),
        ("a=ptime:200\n", 60, 60),
        ("a=ptime:0\n", 30, 20),
        ("a=ptime:x\n", 30, 20),
        ("a=ptime:20.0\n", 20, 20),
        ("a=ptime:40\na=maxptime:20\n", 20, 20),
        ("a=maxptime:150\n", 30, 20),
        ("a=maxptime:10\n", 10, 10),
    ] {
        let ptime = |format: &str| {
            let answer = format!("m=audio 4000 RTP/AVP {format}\na=rtpmap:96 opus/48000/2\n{attributes}");
            accept_with(&capabilities, &answer).expect("agreement").ptime_ms
        };
        assert_eq!((ptime("0"), ptime("96")), (pcmu, opus), "{attributes:?}");
    }
}

#[test]
fn the_stream_s_own_address_and_rtcp_win() {
    let answer = "m=audio 4000 RTP/AVP 0\nc=IN IP4 203.0.113.5\na=rtcp:53020 IN IP4 203.0.113.6\n";
    let negotiated = accept(answer).expect("agreement");
    assert_eq!(negotiated.remote, "203.0.113.5:4000".parse().ok());
    assert_eq!(negotiated.remote_rtcp, "203.0.113.6:53020".parse().ok());
}

#[test]
fn rtcp_is_multiplexed_where_both_say_so_and_has_its_own_port_otherwise() {
    let capabilities = Capabilities { rtcp_mux: true, ..Capabilities::default() };
    let both =
        accept_with(&capabilities, "m=audio 4000 RTP/AVP 0\na=rtcp-mux\na=rtcp:4000\n").expect("agreement");
    assert_eq!((both.rtcp_mux, both.remote_rtcp), (true, both.remote));
    let theirs_has_not = accept_with(&capabilities, "m=audio 4000 RTP/AVP 0\n").expect("agreement");
    assert_eq!(theirs_has_not.remote_rtcp, "198.51.100.9:4001".parse().ok());
    let unasked = accept("m=audio 4000 RTP/AVP 0\na=rtcp-mux\n").expect("agreement");
    assert!(!theirs_has_not.rtcp_mux && !unasked.rtcp_mux);
}

#[test]
fn every_kind_of_hold_is_understood() {
    for (attribute, send, receive) in [
        ("sendrecv", true, true),
        ("sendonly", false, true),
        ("RecvOnly", true, false),
        ("inactive", false, false),
    ] {
        let media = accept(&format!("m=audio 4000 RTP/AVP 0\na={attribute}\n")).expect("agreement");
        assert_eq!((media.send, media.receive), (send, receive), "{attribute}");
        let session = accept(&format!("{HEAD}a={attribute}\nm=audio 4000 RTP/AVP 0\n")).expect("agreement");
        assert_eq!(session, media);
    }
    let old = accept("m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\n").expect("agreement");
    assert_eq!((old.remote, old.remote_rtcp, old.send), (None, None, false));
    let old = accept("m=audio 4000 RTP/AVP 0\nc=IN IP6 ::\n").expect("agreement");
    assert_eq!((old.remote, old.send), (None, false));
}

#[test]
fn an_answer_that_cannot_work_says_why() {
    let not_offered = |chosen: &[&str]| SdpError::NotOffered {
        chosen: chosen.iter().map(|name| (*name).to_owned()).collect(),
        ours: vec!["PCMU/8000".to_owned(), "PCMA/8000".to_owned()],
    };
    let no_audio = |offered: &[&str]| SdpError::NoAudio {
        offered: offered.iter().map(|name| (*name).to_owned()).collect(),
    };
    let no_address = |found: &str| SdpError::NoAddress { found: Some(found.to_owned()) };
    for (rest, error) in [
        ("", no_audio(&[])),
        ("m=video 4000 RTP/AVP 96\n", no_audio(&["video RTP/AVP"])),
        ("m=audio 0 RTP/AVP 0\n", SdpError::Rejected),
        (
            "m=audio 4000 RTP/AVP 18 9 101\na=rtpmap:101 telephone-event/8000\n",
            not_offered(&["G729/8000", "G722/8000"]),
        ),
        ("m=audio 4000 RTP/AVP 97\na=rtpmap:97 iLBC/8000\n", not_offered(&["iLBC/8000"])),
        ("m=audio 4000 RTP/AVP 0\na=rtpmap:0 PCMU/16000\n", not_offered(&["PCMU/16000"])),
        ("m=audio 4000 RTP/AVP 0\nc=IN IP4 host.example\n", no_address("host.example")),
        ("m=audio 4000 RTP/AVP 0\nc=IN IP4 239.1.1.1/127\n", no_address("239.1.1.1/127")),
        ("m=audio 99999 RTP/AVP 0\n", SdpError::Malformed),
        ("m=audio 4000 RTP/SAVP 0\n", SdpError::NeedsSrtp { protocol: "RTP/SAVP".to_owned() }),
    ] {
        assert_eq!(accept(rest), Err(error), "{rest}");
    }
    assert_eq!(accept("v=0\nm=audio 4000 RTP/AVP 0\n"), Err(SdpError::NoAddress { found: None }));
    assert_eq!(accept(&"v=0\n".repeat(10_000)), Err(SdpError::Malformed));
    let error = accept("m=audio 4000 RTP/AVP 18\n").expect_err("not offered");
    assert_eq!(
        error.to_string(),
        "the answer's codecs were not offered: they chose G729/8000, we offered PCMU/8000, PCMA/8000"
    );
}

#[test]
fn no_number_is_read_twice_however_often_it_is_written() {
    let numbers = "0 101 8 200 -1 101 ".repeat(500);
    let offer = wire(&format!("m=audio 4000 RTP/AVP {numbers}\na=rtpmap:101 telephone-event/8000\n"));
    let description = syntax::decode(&offer).expect("it can be read");
    let stream = &description.streams[0];
    assert_eq!(formats::payload_types(stream).collect::<Vec<_>>(), [0, 101, 8]);
}

#[test]
fn sloppy_senders_are_read() {
    for text in [
        "v=0\nc=IN IP4 198.51.100.9\nm=audio 4000 RTP/AVP 0\n",
        "v=0\no=me 1 x\ns=\nb=AS\nb=TIAS:64000\nk=?\nt=now\nz=0\nr=1\nc=IN IP4 198.51.100.9\nm=audio 4000 RTP/AVP 0\n",
        "v=0\n\nc=IN  IP4 198.51.100.9 \n\nm=audio  4000  RTP/AVP  0 \na= rtpmap:0 PCMU/8000\n\n",
        "v=0\nc=IN IP4 198.51.100.9\nc=IN IP4 198.51.100.10\nm=audio 4000 RTP/AVP 0\nb=\ni=\ni=x\n",
        "v=0\nc=IN IP4 198.51.100.9\na=group:BUNDLE a\na=ice-lite\nm=audio 4000 rtp/avp 0\na=mid:a\na=ice-ufrag:x\n\
         a=candidate:1 1 udp 1 10.0.0.1 9 typ host\na=ssrc:1 cname:x\na=rtcp-fb:* nack\na\n",
    ] {
        let negotiated = accept(text).expect(text);
        assert_eq!(negotiated.remote, "198.51.100.9:4000".parse().ok(), "{text}");
    }
    let latin1 = [
        b"v=0\r\no=J\xfcrgen 1 1 IN IP4 198.51.100.9\r\ns=Gru\xdf\r\n".as_slice(),
        b"c=IN IP4 198.51.100.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=label:\xfc\r\n",
    ]
    .concat();
    assert!(pending().preview(&latin1).is_ok());
}

#[test]
fn what_this_build_has_not_is_neither_offered_nor_taken() {
    let capabilities = with(&[Codec::Opus, Codec::Pcma]);
    let (offer, pending) = Offer::new(local(), 7, &capabilities);
    let offered = String::from_utf8(offer.to_bytes().to_vec()).expect("text");
    assert_eq!(offered.contains("opus"), Codec::Opus.is_available());
    let answer = "m=audio 4000 RTP/AVP 96 8\na=rtpmap:96 opus/48000/2\n";
    let taken = if Codec::Opus.is_available() { Codec::Opus } else { Codec::Pcma };
    assert_eq!(pending.preview(&wire(answer)).map(|negotiated| negotiated.codec), Ok(taken));
    let alone = pending.preview(&wire("m=audio 4000 RTP/AVP 96\na=rtpmap:96 opus/48000/2\n"));
    assert_eq!(alone.is_ok(), Codec::Opus.is_available(), "{alone:?}");
}

#[test]
fn a_number_means_the_same_for_as_long_as_the_session_lasts() {
    let mut local = ours(&with(&[Codec::Opus, Codec::Pcmu]));
    // As Linphone offers, and with something of its own where our Opus would be.
    let theirs = wire(
        "m=audio 4000 RTP/AVP 97 0 101 100 111\na=rtpmap:97 speex/16000\na=rtpmap:101 telephone-event/48000\n\
         a=rtpmap:100 telephone-event/8000\na=rtpmap:111 G726-32/8000\n",
    );
    local.answer(&theirs).expect("an answer");
    let (offer, pending) = local.offer();
    let text = String::from_utf8(offer.to_bytes().to_vec()).expect("text");
    assert_eq!(lines(&text, "m="), ["m=audio 20000 RTP/AVP 96 0 100 101"], "RFC 3264 §8.3.2");
    assert_eq!(
        lines(&text, "a=rtpmap:"),
        [
            "a=rtpmap:96 opus/48000/2",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:100 telephone-event/8000",
            "a=rtpmap:101 telephone-event/48000"
        ]
    );
    assert_eq!(local.offer().0.to_bytes(), offer.to_bytes(), "the same again");
    let answer = wire("m=audio 4000 RTP/AVP 0 100\na=rtpmap:100 telephone-event/8000\n");
    let negotiated = pending.accept(&answer).expect("agreement");
    assert_eq!(negotiated.incoming.of(96), Some(Format::Audio(Codec::Opus)));
    assert_eq!((negotiated.telephone_event, negotiated.telephone_event_hz), (Some(100), 8_000));
}

#[test]
fn an_event_lasts_by_the_clock_that_they_gave_its_number() {
    let capabilities = with(&[Codec::Opus, Codec::Pcmu]);
    let answer =
        "m=audio 4000 RTP/AVP 111 101\na=rtpmap:111 opus/48000/2\na=rtpmap:101 telephone-event/48000\n";
    let agreed = accept_with(&capabilities, answer).expect("agreement");
    assert_eq!((agreed.telephone_event, agreed.telephone_event_hz), (Some(101), 48_000));
}
