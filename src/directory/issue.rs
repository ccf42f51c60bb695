//! New API keys: what is shown once, and what is kept of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::config::StoredKey;
use crate::model::{Face, Key, Secret};

/// A key that was just made.
pub struct Issued {
    /// What it is looked up by.
    pub public: String,
    /// What its owner sends, shown once.
    pub credentials: Secret<String>,
    /// What signs its events, where that is not the secret half itself; shown once.
    pub webhook_secret: Option<Secret<String>>,
    /// What is kept: its face, the hash of its secret half, and what signs.
    pub document: Map<String, Value>,
}

/// Random bytes of a secret: 192 bits, which nobody guesses, so that a plain hash of them is enough.
const SECRET_BYTES: usize = 24;
/// Random bytes of a public half.
const PUBLIC_BYTES: usize = 12;

/// Makes a key for this face, as its vendor's look.
pub fn issue(face: Face) -> Issued {
    let word = || hex::encode(rand::random::<[u8; SECRET_BYTES]>());
    let (public, secret, credentials) = match face {
        Face::Nixflex => {
            let public = format!("nxf_{}", hex::encode(rand::random::<[u8; PUBLIC_BYTES]>()));
            pair(public, format!("nxfs_{}", word()))
        }
        // An account's SID: `AC` and 32 hexadecimal digits.
        Face::Twilio => pair(format!("AC{}", hex::encode(rand::random::<[u8; 16]>())), word()),
        Face::ThunderPhone => token(format!("sk_live_{}", word())),
        Face::Voiceflow => token(format!("vf_{}", word())),
        Face::MiniVoice => token(format!("mv_live_{}", word())),
    };
    // A token is sent with every request; what signs is another secret.
    let webhook_secret = (!face.has_key_id()).then(signing_secret);
    let signing = webhook_secret.as_ref().map_or(&secret, Secret::reveal);
    let mut document = Map::new();
    document.insert("face".to_owned(), Value::String(face.as_str().to_owned()));
    document.insert(StoredKey::SIGNING.to_owned(), Value::String(signing.clone()));
    let hash = hex::encode(Sha256::digest(secret.as_bytes()));
    document.insert(StoredKey::HASH.to_owned(), Value::String(hash));
    Issued { public, credentials: Secret::new(credentials), webhook_secret, document }
}

/// Public half, secret half, and both as they are sent.
fn pair(public: String, secret: String) -> (String, String, String) {
    let credentials = format!("{public}:{secret}");
    (public, secret, credentials)
}

fn token(token: String) -> (String, String, String) {
    (Key::public_of(&token), token.clone(), token)
}

/// What a person signs in with, and the hash that is kept of it.
pub fn person_secret() -> (Secret<String>, String) {
    let secret = format!("person_{}", hex::encode(rand::random::<[u8; SECRET_BYTES]>()));
    let hash = hex::encode(Sha256::digest(secret.as_bytes()));
    (Secret::new(secret), hash)
}

/// A secret that signs events, in Standard Webhooks' form.
pub fn signing_secret() -> Secret<String> {
    let bytes: [u8; SECRET_BYTES] = rand::random();
    Secret::new(format!("whsec_{}", STANDARD.encode(bytes)))
}
