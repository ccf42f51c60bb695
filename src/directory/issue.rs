//! New API keys: what is shown once, and what is kept of it.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::config::StoredKey;
use crate::model::{Face, Secret};

/// A key that was just made.
pub struct Issued {
    /// Its public half: what it is looked up by.
    pub public: String,
    /// What its owner sends, shown once.
    pub credentials: Secret<String>,
    /// What is kept: its face, the hash of its secret half, and what signs.
    pub document: Map<String, Value>,
}

/// Random bytes of a secret: 192 bits, which nobody guesses, so that a plain hash of them is enough.
const SECRET_BYTES: usize = 24;
/// Random bytes of a public half.
const PUBLIC_BYTES: usize = 12;

/// Makes a key for this face.
pub fn issue(face: Face) -> Issued {
    let secret = format!("nxfs_{}", hex::encode(rand::random::<[u8; SECRET_BYTES]>()));
    let public = format!("nxf_{}", hex::encode(rand::random::<[u8; PUBLIC_BYTES]>()));
    let credentials = format!("{public}:{secret}");
    let mut document = Map::new();
    document.insert("face".to_owned(), Value::String(face.as_str().to_owned()));
    document
        .insert(StoredKey::HASH.to_owned(), Value::String(hex::encode(Sha256::digest(secret.as_bytes()))));
    document.insert(StoredKey::SIGNING.to_owned(), Value::String(secret));
    Issued { public, credentials: Secret::new(credentials), document }
}

/// A secret that signs a receiver's events, in Standard Webhooks' form.
pub fn signing_secret() -> String {
    use base64::Engine;
    let bytes: [u8; SECRET_BYTES] = rand::random();
    format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}
