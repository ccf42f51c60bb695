//! What a description says, to be judged.

use super::*;

#[test]
fn a_description_is_told_in_its_parts_and_in_words() {
    let text = "m=audio 4000 RTP/AVP 0 18 97 13 101\na=rtpmap:97 iLBC/8000\na=rtpmap:101 telephone-event/8000\n\
                a=ptime:30\na=maxptime:60\na=rtcp-mux\na=recvonly\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\n\
                m=video 0 RTP/AVP 31\n";
    let description = inspect(&wire(text)).expect("a description");
    assert_eq!(
        description,
        Description {
            address: "198.51.100.9".parse().ok(),
            is_private: false,
            port: 4_000,
            codecs: vec!["PCMU/8000".to_owned(), "G729/8000".to_owned(), "iLBC/8000".to_owned()],
            direction: Direction::RecvOnly,
            srtp: Keying::Sdes { suites: vec!["AES_CM_128_HMAC_SHA1_80".to_owned()], required: false },
            rtcp_mux: true,
            ptime_ms: Some(30),
            maxptime_ms: Some(60),
            dtmf_clocks_hz: vec![8_000],
            comfort_noise: true,
            others: vec!["video RTP/AVP (port 0)".to_owned()],
        }
    );
    assert_eq!(
        description.to_string(),
        "198.51.100.9:4000, PCMU/8000 G729/8000 iLBC/8000, recvonly, SRTP or plain RTP (AES_CM_128_HMAC_SHA1_80), 30 ms"
    );
}

#[test]
fn addresses_of_no_use_from_elsewhere_are_private() {
    for (address, private) in [
        ("IP4 10.0.0.1", true),
        ("IP4 172.31.255.1", true),
        ("IP4 192.168.1.2", true),
        ("IP4 100.64.0.1", true),
        ("IP4 169.254.1.1", true),
        ("IP4 127.0.0.1", true),
        ("IP4 203.0.113.1", false),
        ("IP4 172.32.0.1", false),
        ("IP4 0.0.0.0", false),
        ("IP6 fd00::1", true),
        ("IP6 fe80::1", true),
        ("IP6 ::1", true),
        ("IP6 ::ffff:10.0.0.1", true),
        ("IP6 2001:db8::1", false),
        ("IP4 media.example.com", false),
    ] {
        let text = format!("v=0\nc=IN {address}\nt=0 0\nm=audio 4000 RTP/AVP 0\n");
        assert_eq!(inspect(&wire(&text)).expect("a description").is_private, private, "{address}");
    }
}

#[test]
fn what_is_no_audio_says_so_and_what_is_odd_is_told_all_the_same() {
    assert_eq!(inspect(&wire("m=image 4000 udptl t38\n")), Err(SdpError::T38));
    assert_eq!(inspect(b"hello"), Err(SdpError::Malformed));
    let odd = inspect(&wire("v=0\nm=audio 0 UDP/TLS/RTP/SAVPF 120\n")).expect("a description");
    assert_eq!((odd.address, odd.port, &odd.srtp), (None, 0, &Keying::Dtls));
    assert_eq!(
        odd.to_string(),
        "no address, port 0, payload type 120, sendrecv, SRTP with keys by DTLS, no telephone events"
    );
}
