//! The examples of RFC 4317, as far as audio is concerned: what we answer to its offers, and read in its answers.

use super::*;

const ALICE: &str = "v=0\no=alice 2890844526 2890844526 IN IP4 host.atlanta.example.com\ns=\n\
                     c=IN IP4 192.0.2.101\nt=0 0\n";
const BOB: &str =
    "v=0\no=bob 2808844564 2808844564 IN IP4 host.biloxi.example.com\ns=\nc=IN IP4 192.0.2.201\nt=0 0\n";

#[test]
fn section_2_1_audio_and_video() {
    let offer = format!(
        "{ALICE}m=audio 49170 RTP/AVP 0 8 97\na=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\na=rtpmap:97 iLBC/8000\n\
         m=video 51372 RTP/AVP 31 32\na=rtpmap:31 H261/90000\na=rtpmap:32 MPV/90000\n"
    );
    let (text, negotiated) = answer_with(&Capabilities::default(), &offer).expect("an answer");
    assert_eq!(lines(&text, "m="), ["m=audio 20000 RTP/AVP 0", "m=video 0 RTP/AVP 31 32"]);
    assert_eq!(negotiated.remote, "192.0.2.101:49170".parse().ok());
    let answer = format!("{BOB}m=audio 49174 RTP/AVP 0\na=rtpmap:0 PCMU/8000\nm=video 49170 RTP/AVP 32\n");
    assert_eq!(accept(&answer).expect("agreement").codec, Codec::Pcmu);
}

#[test]
fn section_2_2_a_codec_that_only_one_has() {
    let offer = format!("{ALICE}m=audio 49170 RTP/AVP 97\na=rtpmap:97 iLBC/8000\n");
    assert!(matches!(answer_with(&Capabilities::default(), &offer), Err(SdpError::NoCodec { .. })));
}

#[test]
fn section_2_4_two_audio_streams_of_which_one_is_telephone_events() {
    let offer = format!(
        "{ALICE}m=audio 49170 RTP/AVP 0 97\na=rtpmap:0 PCMU/8000\na=rtpmap:97 iLBC/8000\n\
         m=audio 49172 RTP/AVP 98\na=rtpmap:98 telephone-event/8000\na=sendonly\n"
    );
    let (text, negotiated) = answer_with(&Capabilities::default(), &offer).expect("an answer");
    assert_eq!(lines(&text, "m="), ["m=audio 20000 RTP/AVP 0", "m=audio 0 RTP/AVP 98"]);
    assert_eq!(negotiated.telephone_event, None);
}

#[test]
fn section_3_1_hold_and_unhold() {
    let mut bob = ours(&Capabilities::default());
    let offer = |version: u64, direction: &str| {
        wire(&format!(
            "v=0\no=alice 2890844526 {version} IN IP4 host.atlanta.example.com\ns=\nc=IN IP4 192.0.2.101\nt=0 0\n\
             m=audio 49170 RTP/AVP 0 97\na=rtpmap:0 PCMU/8000\na=rtpmap:97 iLBC/8000\n{direction}"
        ))
    };
    for (version, direction, send, our_version) in
        [(1, "", true, 1), (2, "a=sendonly\n", false, 2), (3, "", true, 3), (3, "", true, 3)]
    {
        let (answer, negotiated, _) = bob.answer(&offer(version, direction)).expect("an answer");
        assert_eq!((negotiated.send, negotiated.receive), (send, true));
        let text = String::from_utf8(answer.to_vec()).expect("text");
        assert!(text.contains(&format!("o=- 7 {our_version} ")), "{text}");
    }
}

#[test]
fn section_4_1_a_second_stream_is_added_and_refused() {
    let mut bob = ours(&Capabilities::default());
    let first = format!("{ALICE}m=audio 49170 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n");
    let (_, before, _) = bob.answer(&wire(&first)).expect("an answer");
    let second = format!("{first}m=video 49172 RTP/AVP 31\na=rtpmap:31 H261/90000\n");
    let (answer, after, _) = bob.answer(&wire(&second)).expect("an answer");
    assert_eq!(before, after);
    let text = String::from_utf8(answer.to_vec()).expect("text");
    assert_eq!(lines(&text, "m="), ["m=audio 20000 RTP/AVP 0", "m=video 0 RTP/AVP 31"]);
}

#[test]
fn section_5_1_a_third_party_moves_the_stream() {
    let mut bob = ours(&Capabilities::default());
    let offer = |address: &str| wire(&format!("{ALICE}m=audio 49170 RTP/AVP 0\nc=IN IP4 {address}\n"));
    assert_eq!(bob.answer(&offer("0.0.0.0")).expect("an answer").1.remote, None);
    let moved = bob.answer(&offer("192.0.2.55")).expect("an answer").1;
    assert_eq!((moved.remote, moved.send), ("192.0.2.55:49170".parse().ok(), true));
}
