//! Whatever two of us can, both sides come to the same; and nothing that comes by network makes us panic.

use proptest::prelude::*;

use super::*;

fn capabilities() -> impl Strategy<Value = Capabilities> {
    let codecs = Just(Codec::ALL.to_vec())
        .prop_shuffle()
        .prop_flat_map(|codecs| (1..=codecs.len()).prop_map(move |count| codecs[..count].to_vec()));
    let srtp = prop_oneof![Just(Srtp::Off), Just(Srtp::Offered), Just(Srtp::Required)];
    (codecs, any::<bool>(), 1u16..=6, srtp, any::<bool>(), any::<bool>()).prop_map(
        |(codecs, telephone_event, tens, srtp, rtcp_mux, comfort_noise)| Capabilities {
            codecs,
            telephone_event,
            ptime_ms: tens * 10,
            srtp,
            rtcp_mux,
            comfort_noise,
        },
    )
}

fn far() -> SocketAddr {
    "192.0.2.2:30000".parse().expect("an address")
}

fn check_mirror(ours: &Negotiated, theirs: &Negotiated) -> Result<(), TestCaseError> {
    prop_assert_eq!((ours.remote, theirs.remote), (Some(far()), Some(local())));
    let rtcp =
        |remote: SocketAddr| Some(SocketAddr::new(remote.ip(), remote.port() + u16::from(!ours.rtcp_mux)));
    prop_assert_eq!((ours.remote_rtcp, theirs.remote_rtcp), (rtcp(far()), rtcp(local())));
    prop_assert_eq!(ours.codec, theirs.codec);
    prop_assert_eq!(ours.rtcp_mux, theirs.rtcp_mux);
    prop_assert_eq!((ours.send, ours.receive), (theirs.receive, theirs.send));
    for (sender, receiver) in [(ours, theirs), (theirs, ours)] {
        prop_assert_eq!(receiver.incoming.of(sender.payload_type), Some(Format::Audio(sender.codec)));
        if let Some(number) = sender.telephone_event {
            let events = Format::Events { clock_hz: sender.codec.clock_hz() };
            prop_assert_eq!(receiver.incoming.of(number), Some(events));
        }
        if let Some(number) = sender.comfort_noise {
            prop_assert_eq!(receiver.incoming.of(number), Some(Format::ComfortNoise));
        }
    }
    prop_assert_eq!(ours.telephone_event.is_some(), theirs.telephone_event.is_some());
    prop_assert_eq!(ours.comfort_noise.is_some(), theirs.comfort_noise.is_some());
    match (&ours.security, &theirs.security) {
        (Some(ours), Some(theirs)) => {
            prop_assert!(
                ours.send == theirs.receive && ours.receive == theirs.send && ours.send != ours.receive
            );
        }
        (ours, theirs) => prop_assert!(ours.is_none() && theirs.is_none()),
    }
    Ok(())
}

proptest! {
    #[test]
    fn both_sides_come_to_the_same(near in capabilities(), other in capabilities()) {
        let mut caller = ours(&near);
        let (offer, pending) = caller.offer();
        let mut callee = Local::of_any_codec(far(), 9, other.clone(), Secret::new([8; 32]));
        let in_common = near.codecs.iter().find(|codec| other.codecs.contains(codec));
        let expected = match (near.srtp, other.srtp, in_common) {
            (Srtp::Off, Srtp::Required, _) => "NoSrtp",
            (Srtp::Required, Srtp::Off, _) => "NeedsSrtp",
            (_, _, None) => "NoCodec",
            _ => "",
        };
        match callee.answer(&offer.to_bytes()) {
            Ok((answer, theirs, repeated)) => {
                prop_assert_eq!(expected, "");
                let ours = pending.accept(&answer).expect("agreement");
                check_mirror(&ours, &theirs)?;
                prop_assert_eq!(Some(&ours.codec), in_common, "the offerer's preference");
                prop_assert_eq!(ours.security.is_some(), near.srtp != Srtp::Off && other.srtp != Srtp::Off);
                prop_assert_eq!(ours.rtcp_mux, near.rtcp_mux && other.rtcp_mux);
                let length = |ptime: u16| match (ours.codec, ptime) {
                    (Codec::Opus, 30) => 20,
                    (Codec::Opus, 50) => 40,
                    _ => ptime,
                };
                prop_assert_eq!((ours.ptime_ms, theirs.ptime_ms), (length(other.ptime_ms), length(near.ptime_ms)));
                // What was an answer is an offer once it refreshes the session.
                let (refreshed, ours, _) = caller.answer(&answer).expect("an answer");
                check_mirror(&ours, &repeated.accept(&refreshed).expect("agreement"))?;
                // And back again, in a re-INVITE of theirs.
                let (offer, pending) = callee.offer();
                let (answer, ours, _) = Local::of_any_codec(local(), 7, near, Secret::new([3; 32])).answer(&offer.to_bytes()).expect("an answer");
                check_mirror(&ours, &pending.accept(&answer).expect("agreement"))?;
            }
            Err(error) => {
                let error = format!("{error:?}");
                prop_assert!(!expected.is_empty() && error.starts_with(expected), "{} {}", expected, error);
            }
        }
    }

    #[test]
    fn hostile_sdp_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = pending().preview(&bytes);
        let _ = answer(&bytes, local(), 1, &Capabilities::default());
        let _ = inspect(&bytes);
    }

    #[test]
    fn hostile_lines_never_panic(
        lines in proptest::collection::vec(
            "(v=0|m=(audio|image|video) [0-9]{0,6}(/[0-9]{1,3})? (RTP/S?AVPF?|udptl|UDP/TLS/RTP/SAVPF)( [0-9]{1,4}| t38){0,4}\
             |c=IN IP[46] [0-9a-f.:/]{0,20}|c=IN IP4 192.0.2.9|a=(rtpmap|fmtp|rtcp|ptime|maxptime|fingerprint):[ -~]{0,20}\
             |a=rtpmap:[0-9]{1,3} (opus|PCMU|G722|CN|telephone-event)/[0-9]{1,6}(/2)?\
             |a=crypto:[0-9]{0,10} AES_CM_128_HMAC_SHA1_80 inline:[a-zA-Z0-9+/=|^:;]{0,60}( [A-Z=]{0,9})?|a=[ -~]{0,9}|o=[ -~]{0,30})",
            0..14,
        ),
        srtp in prop_oneof![Just(Srtp::Off), Just(Srtp::Offered), Just(Srtp::Required)],
    ) {
        let capabilities = Capabilities { srtp, comfort_noise: true, rtcp_mux: true, ..with(&Codec::ALL) };
        let text = format!("v=0\r\nc=IN IP4 192.0.2.8\r\n{}\r\n", lines.join("\r\n"));
        let _ = ours(&capabilities).offer().1.preview(text.as_bytes());
        let _ = inspect(text.as_bytes());
        if let Ok((sdp, negotiated, _)) = ours(&capabilities).answer(text.as_bytes()) {
            let again = inspect(&sdp).expect("our own answer can be read");
            prop_assert_eq!(again.address, Some(local().ip()));
            prop_assert!(negotiated.payload_type < 128 && (10..=60).contains(&negotiated.ptime_ms));
            prop_assert!(negotiated.security.is_none() || srtp != Srtp::Off);
            prop_assert!(negotiated.security.is_some() || srtp != Srtp::Required);
        }
    }
}
