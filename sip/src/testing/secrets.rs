//! What may end up in a log says nothing of keys, passwords or bodies.

use super::*;
use crate::message::Writer;

/// An SRTP key as SDP offers it (RFC 4568 §9.1).
const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

/// The digest that answered a challenge.
fn digest_of(request: &Message) -> String {
    let header = request.header(Name::Authorization).expect("it was challenged");
    let (_, rest) = header.split_once("response=\"").expect("a digest");
    rest.split('"').next().expect("its value").to_owned()
}

#[test]
fn no_debug_of_a_call_tells_its_keys_or_its_digests() {
    let offer = format!("v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n");
    let mut lone = Lone::new();
    let call = Invite {
        tap: true,
        credentials: Some(credentials()),
        body: Some(Body::sdp(offer.clone())),
        ..invite()
    };
    let (_, first) = lone.call(call);
    let challenge = "Digest realm=\"r\", nonce=\"n\"";
    lone.hear(respond_with(&first, 401, "x", &[("WWW-Authenticate", challenge)]));
    lone.sent_request(Method::Ack);
    let (transmit, request) = lone.sent_by();
    lone.hear(respond_saying(&request, 200, "callee", &[], &offer));
    lone.sent_request(Method::Ack);
    let mut said: Vec<String> = lone.events.iter().map(|event| format!("{event:?}")).collect();
    assert!(
        said.iter().any(|text| text.contains("Answered")) && said.iter().any(|text| text.contains("Traced"))
    );
    said.push(format!("{transmit:?} {request:?} {:?}", Message::parse(transmit.payload.clone())));
    said.push(format!(
        "{:?}",
        Writer::request("INVITE", "sip:a").header(Name::Authorization, digest_of(&request))
    ));
    for text in said {
        for secret in [KEY, "secret", &digest_of(&request)] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let body = Body::sdp(offer);
    assert_eq!(format!("{body:?}"), "Body { content_type: \"application/sdp\", bytes: 89 bytes }");
    assert_eq!(format!("{request:?}"), format!("Message {{ 2 INVITE, {} bytes }}", transmit.payload.len()));
}
