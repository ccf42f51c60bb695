//! A client's promise that a repeated request is the same request: `Idempotency-Key`, or `idempotency_key` in the body.

use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::error::json;
use crate::directory::Outcome;
use crate::model::{Idempotency, Refusal};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const HEADER: &str = "idempotency-key";
const KEY_BYTES_MAX: usize = 255;

/// An answer that was given before, which says so.
pub fn replayed(mut answer: Response) -> Response {
    answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    answer
}

/// What came of a request, now or when it came first.
pub fn answer(outcome: Outcome) -> Response {
    match outcome {
        Outcome::New(made) => json(made),
        Outcome::Replayed(made) => replayed(json(made)),
    }
}

/// The promise, if the request makes one. The body is kept as a keyed hash only.
pub fn promise(
    headers: &HeaderMap,
    in_body: Option<String>,
    body: &[u8],
    body_hash_key: &[u8; 32],
) -> Result<Option<Idempotency>, Refusal> {
    let Some(key) = key(headers, in_body)? else { return Ok(None) };
    if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(wrong(format!("must be 1 to {KEY_BYTES_MAX} printable ASCII characters")));
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(body_hash_key).expect("HMAC takes a key of any length");
    mac.update(body);
    Ok(Some(Idempotency { key, body_hash: mac.finalize().into_bytes().into() }))
}

/// The promise that a body makes, taken out of it.
pub fn take(fields: &mut serde_json::Map<String, serde_json::Value>) -> Result<Option<String>, Refusal> {
    match fields.remove("idempotency_key") {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(serde_json::Value::String(key)) => Ok(Some(key)),
        Some(_) => Err(wrong("must be a string")),
    }
}

/// The promise that a body makes whose parser passes over it. What is no JSON object makes none.
pub fn in_body(body: &[u8]) -> Result<Option<String>, Refusal> {
    take(&mut serde_json::from_slice(body).unwrap_or_default())
}

fn key(headers: &HeaderMap, in_body: Option<String>) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(in_body) };
    if values.next().is_some() {
        return Err(wrong("is given twice"));
    }
    let in_header = value.to_str().map_err(|_| wrong("must be printable ASCII"))?;
    match in_body {
        Some(in_body) if in_body != in_header => Err(wrong("differs from the Idempotency-Key header")),
        _ => Ok(Some(in_header.to_owned())),
    }
}

fn wrong(reason: impl Into<String>) -> Refusal {
    Refusal::InvalidField { field: "idempotency_key".into(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promised(headers: &[&str], in_body: Option<&str>, body: &str) -> Result<Option<Idempotency>, Refusal> {
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(HEADER, value.parse().expect("a header value"));
        }
        promise(&map, in_body.map(str::to_owned), body.as_bytes(), &[7; 32])
    }

    #[test]
    fn header_and_body_say_the_same_or_one_is_silent() {
        let key =
            |result: Result<Option<Idempotency>, Refusal>| result.expect("valid").map(|promise| promise.key);
        assert_eq!(key(promised(&[], None, "b")), None);
        assert_eq!(key(promised(&["k"], None, "b")).as_deref(), Some("k"));
        assert_eq!(key(promised(&[], Some("k"), "b")).as_deref(), Some("k"));
        assert_eq!(key(promised(&["k"], Some("k"), "b")).as_deref(), Some("k"));
    }

    #[test]
    fn a_body_may_promise_beside_whatever_else_it_says() {
        for (body, key) in [
            (r#"{"action":"start","idempotency_key":"k"}"#, Some("k")),
            ("{}", None),
            ("[]", None),
            ("", None),
        ] {
            assert_eq!(in_body(body.as_bytes()), Ok(key.map(str::to_owned)), "{body}");
        }
        assert!(in_body(br#"{"idempotency_key":1}"#).is_err());
    }

    #[test]
    fn a_key_that_is_doubtful_is_refused() {
        let long = "k".repeat(256);
        for (headers, in_body) in [
            (&["k"][..], Some("l")),
            (&["k", "k"], None),
            (&[""], None),
            (&[], Some("")),
            (&[], Some("a\tb")),
            (&[], Some("schlüssel")),
            (&[], Some(long.as_str())),
        ] {
            assert!(promised(headers, in_body, "b").is_err(), "{headers:?} {in_body:?}");
        }
    }

    #[test]
    fn the_hash_follows_the_body() {
        let hash = |body| promised(&["k"], None, body).expect("valid").expect("promised").body_hash;
        assert_eq!(hash("a"), hash("a"));
        assert_ne!(hash("a"), hash("b"));
    }
}
