//! `Authorization: Bearer KEY_ID:KEY_SECRET`.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::directory::Snapshot;
use crate::face::Problem;
use crate::model::Key;

/// The key that a request shows, if it is one of ours and its secret is right.
pub fn authenticate(headers: &HeaderMap, directory: &Snapshot) -> Result<Arc<Key>, Problem> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, credentials) = header.and_then(|text| text.split_once(' ')).ok_or(Problem::InvalidApiKey)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::InvalidApiKey);
    }
    let credentials = credentials.trim();
    let (public, secret) = credentials.split_once(':').unwrap_or((credentials, ""));
    if public.is_empty() {
        return Err(Problem::InvalidApiKey);
    }
    // Said of every key, known or not: whether a key exists is not told to who has no secret.
    if secret.is_empty() {
        return Err(Problem::KeySecretRequired);
    }
    let key = directory.key(public);
    // An unknown key costs the same hash and comparison as a known one.
    let shown: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    let kept = key.map_or([0; 32], |key| key.secret_hash);
    let right = bool::from(shown.ct_eq(&kept));
    key.filter(|_| right).cloned().ok_or(Problem::InvalidApiKey)
}
