//! A program that says what is done with a call: an HTTP server with a document for each path, and a WAV file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// What was asked.
#[derive(Clone, Debug)]
pub struct Question {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: BTreeMap<String, String>,
    pub bytes: Vec<u8>,
    pub json: Value,
}

/// What a path answers: a status and a body.
pub type Answers = BTreeMap<&'static str, (u16, String)>;

/// A server on loopback, as long as it lives.
pub struct Answerer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Question>>>,
    _runtime: Runtime,
}

type Shared = (Arc<Answers>, Arc<Mutex<Vec<Question>>>);

impl Answerer {
    pub fn start(answers: Answers) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let asked = Arc::<Mutex<Vec<Question>>>::default();
        let shared: Shared = (Arc::new(answers), Arc::clone(&asked));
        let app = Router::new().fallback(answer).with_state(shared);
        runtime.spawn(async move { axum::serve(listener, app).await.expect("axum::serve does not end") });
        Self { address, asked, _runtime: runtime }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything so far.
    pub fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(
    State((answers, asked)): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    if uri.path() == "/tone.wav" {
        return wav().into_response();
    }
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let path = uri.path().to_owned();
    let found = answers.get(path.as_str()).cloned().unwrap_or((404, String::new()));
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(Question {
        method: method.to_string(),
        path,
        query: uri.query().unwrap_or_default().to_owned(),
        headers,
        bytes: bytes.to_vec(),
        json,
    });
    (StatusCode::from_u16(found.0).expect("a status"), found.1).into_response()
}

/// Half a second of a clip of the simulator's.
pub fn wav() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/audio/hello.wav");
    std::fs::read(path).expect("a file of the repository")
}
