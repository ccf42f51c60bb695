use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::config::{self, Speaker, SpeechEndpoint};
use crate::model::Secret;
use crate::tts::{Tts, TtsError, tests::wav};

/// What the endpoint was told: its key, and the body.
type Asked = (String, Value);

/// An endpoint that answers this; and what it is asked.
#[expect(clippy::disallowed_methods, reason = "a server of the tests, which runs beside them")]
async fn endpoint(status: u16, answer: Vec<u8>) -> (SocketAddr, mpsc::Receiver<Asked>) {
    let (tell, asked) = mpsc::channel(16);
    let speak = async move |headers: HeaderMap, body: Bytes| -> Response {
        let key = headers["authorization"].to_str().expect("text").to_owned();
        let body = serde_json::from_slice(&body).expect("JSON");
        tell.send((key, body)).await.expect("somebody looks");
        (StatusCode::from_u16(status).expect("a status"), answer).into_response()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let router = Router::new().route("/v1/audio/speech", post(speak));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, asked)
}

fn renderer(address: SocketAddr) -> Tts {
    let endpoint = SpeechEndpoint {
        url: format!("http://{address}/v1/audio/speech").parse().expect("a URL"),
        model: "tts-1".to_owned(),
        api_key: Some(Secret::new("sk-hunter2".to_owned())),
    };
    Tts::new(config::Tts {
        speaker: Speaker::Endpoint(endpoint),
        voice: Some("alloy".to_owned()),
        voices: [("ann".to_owned(), "nova".to_owned())].into(),
    })
    .expect("a client")
}

#[tokio::test]
async fn a_text_is_asked_for_once_with_the_voice_that_the_configuration_names() {
    let (address, mut asked) = endpoint(200, wav(8_000)).await;
    let tts = renderer(address);
    let clip = tts.render("hello", Some("ann")).await.expect("rendered");
    assert_eq!(clip.duration(), Duration::from_secs(1));
    let expected = serde_json::json!({
        "model": "tts-1", "input": "hello", "voice": "nova", "response_format": "wav"
    });
    assert_eq!(asked.recv().await, Some(("Bearer sk-hunter2".to_owned(), expected)));
    assert!(Arc::ptr_eq(&clip, &tts.render("hello", Some("ann")).await.expect("from the cache")));
    tts.render("hello", Some("whoever")).await.expect("rendered");
    let (_, usual) = asked.recv().await.expect("another voice is another text");
    assert_eq!(usual["voice"], "alloy");
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn whoever_refuses_or_sends_no_audio_is_told_of_and_tried_again() {
    let (address, mut asked) = endpoint(401, b"no such key\r\n".to_vec()).await;
    let tts = renderer(address);
    for _ in 0..2 {
        let error = tts.render("hello", None).await.expect_err("refused");
        assert_eq!(error.to_string(), "the speech endpoint answered 401: no such key");
        assert!(asked.recv().await.is_some(), "a refusal is not kept");
    }
    let (address, _asked) = endpoint(200, b"<html>".to_vec()).await;
    let error = renderer(address).render("hello", None).await.expect_err("that is no audio");
    assert!(matches!(*error, TtsError::Wav(_)), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_an_error_without_its_key() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let error = renderer(address).render("hello", None).await.expect_err("nobody is there").to_string();
    assert!(error.starts_with("the speech endpoint: ") && !error.contains("hunter2"), "{error}");
}
