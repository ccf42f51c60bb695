//! What is fetched, over loopback, from guides that send us elsewhere.
#![expect(clippy::disallowed_methods, reason = "servers are tasks of their own")]

use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::*;
use crate::config::Config;
use crate::egress::Policy;
use crate::face::nixflex::ended_call;

const TWIML: &str = r#"<Response><Redirect>next</Redirect></Response>"#;

type Seen = Arc<Mutex<Vec<(Method, String, HeaderMap, Bytes)>>>;

/// A guide that answers what its path says: `/302/to/there` sends whoever asks to `/to/there`, and any other one says what to do. Gives
/// its base URL, and what it was asked.
async fn guide() -> (String, Seen) {
    let seen = Seen::default();
    let told = Arc::clone(&seen);
    let answer = async move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| -> Response {
        told.lock().expect("nobody panicked").push((method, uri.to_string(), headers, body));
        let status = uri.path().get(1..4).and_then(|status| status.parse().ok());
        match status.and_then(|status| StatusCode::from_u16(status).ok()) {
            Some(status) => (status, [(header::LOCATION, uri.path()[4..].to_owned())]).into_response(),
            None => TWIML.into_response(),
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (format!("http://{address}"), seen)
}

fn errands() -> Errands {
    let allow_addresses = vec!["127.0.0.0/8".parse().expect("a network")];
    Errands::new(Egress::new(Policy { allow_http: true, allow_addresses }).expect("a client"))
}

async fn steps(face: Face, url: String, verb: Verb) -> Result<Vec<Step>, String> {
    let file = "[[key]]\nface = \"nixflex\"\nid = \"nxf_a\"\nsecret = \"nxfs_secret\"\n";
    let key = Config::parse("t", file, []).expect("valid").objects.keys.remove(0);
    let link = Link { url, verb };
    errands()
        .steps((&link, face), &Occasion::Answered, &key, &ended_call(), Timestamp(1_700_000_000_000))
        .await
}

fn asked(seen: &Seen) -> Vec<(String, String, bool)> {
    let asked = std::mem::take(&mut *seen.lock().expect("nobody panicked"));
    let told = |text: &[u8]| String::from_utf8_lossy(text).contains("CallStatus=in-progress");
    asked
        .into_iter()
        .map(|(method, uri, headers, body)| {
            assert!(headers.contains_key("x-twilio-signature"));
            let path = uri.split('?').next().unwrap_or_default().to_owned();
            (method.to_string(), path, told(&body) || told(uri.as_bytes()))
        })
        .collect()
}

#[tokio::test]
async fn a_guide_that_moved_is_asked_where_it_is_and_its_words_are_relative_to_that() {
    let (base, seen) = guide().await;
    for (verb, path, way) in [
        (Verb::Post, "/302/to/there", vec![("POST", "/302/to/there", true), ("GET", "/to/there", true)]),
        (Verb::Post, "/308/to/there", vec![("POST", "/308/to/there", true), ("POST", "/to/there", true)]),
        (Verb::Get, "/301/to/there", vec![("GET", "/301/to/there", true), ("GET", "/to/there", false)]),
    ] {
        let steps = steps(Face::Twilio, format!("{base}{path}"), verb).await.expect("a document");
        let [Step::Redirect(link)] = &steps[..] else { panic!("it was one verb") };
        assert_eq!(link.url, format!("{base}/to/next"));
        let expected: Vec<_> =
            way.iter().map(|(verb, path, told)| ((*verb).to_owned(), (*path).to_owned(), *told)).collect();
        assert_eq!(asked(&seen), expected);
    }
}

#[tokio::test]
async fn who_sends_us_round_in_circles_or_where_nobody_may_go_is_left() {
    let (base, seen) = guide().await;
    let round = format!("{base}{}", "/307".repeat(9));
    let refused = steps(Face::Twilio, round, Verb::Post).await.err();
    assert_eq!(refused.as_deref(), Some("the answer URL: HTTP 307"));
    assert_eq!(asked(&seen).len(), 1 + REDIRECTS_MAX);
    let refused = steps(Face::Twilio, format!("{base}/302//10.0.0.1/"), Verb::Post).await.err();
    assert_eq!(refused.as_deref(), Some("the answer URL: the address is not allowed"));
    let refused = steps(Face::MiniVoice, format!("{base}/302/to/there"), Verb::Post).await.err();
    assert_eq!(refused.as_deref(), Some("the answer URL: HTTP 302"), "its documents stay where they are");
}

#[tokio::test]
async fn a_sound_that_moved_is_fetched_where_it_is() {
    let (base, seen) = guide().await;
    let refused = errands().sound(Sound::Url(format!("{base}/302/303/there.wav"))).await.err();
    assert_eq!(refused.map(|why| why.starts_with("a sound cannot be played")), Some(true), "it is none");
    let paths: Vec<_> = seen.lock().expect("nobody panicked").iter().map(|seen| seen.1.clone()).collect();
    assert_eq!(paths, ["/302/303/there.wav", "/303/there.wav", "/there.wav"]);
}
