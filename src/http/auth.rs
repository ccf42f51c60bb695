//! Whose request it is: `Bearer KEY_ID:KEY_SECRET`, `Bearer TOKEN`, the token alone, or Basic credentials, as the key's face has it.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::directory::Snapshot;
use crate::face::Problem;
use crate::model::{Face, Key};

/// Longer credentials are nobody's, in bytes.
const CREDENTIALS_MAX: usize = 1024;

/// What shows a Nixflex key's public half.
const PUBLIC_PREFIX: &str = "nxf_";

/// What a request shows of a key.
#[derive(PartialEq, Eq, Debug)]
struct Shown {
    /// What it is looked up by.
    public: String,
    secret: String,
    way: Way,
}

impl Shown {
    /// What looks like a pair may be a token that has a colon.
    fn whole(&self) -> Option<Self> {
        (self.way == Way::Pair).then(|| token(&format!("{}:{}", self.public, self.secret), Way::Token))
    }
}

/// How it was shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// `Bearer id:secret`
    Pair,
    /// `Bearer token`
    Token,
    /// `token`, without a scheme.
    Bare,
    /// `Basic base64(id:secret)` (RFC 7617).
    Basic,
}

impl Way {
    /// Does this vendor take it so?
    const fn is_of(self, face: Face) -> bool {
        match face {
            Face::Nixflex => matches!(self, Self::Pair),
            Face::ThunderPhone | Face::MiniVoice => matches!(self, Self::Token),
            Face::Voiceflow => matches!(self, Self::Token | Self::Bare),
            Face::Twilio => matches!(self, Self::Basic),
        }
    }
}

/// The key that a request shows, if it is one of ours, its secret is right, and it is shown as its vendor has it.
pub fn authenticate(headers: &HeaderMap, directory: &Snapshot) -> Result<Arc<Key>, Problem> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let header = header.map(str::trim).filter(|text| !text.is_empty() && text.len() <= CREDENTIALS_MAX);
    let shown = shown(header.ok_or(Problem::InvalidApiKey)?).ok_or(Problem::InvalidApiKey)?;
    let shown = shown.whole().filter(|whole| directory.key(&whole.public).is_some()).unwrap_or(shown);
    // Said of every key, known or not: whether a key exists is not told to who has no secret.
    if shown.secret.is_empty() {
        return Err(Problem::KeySecretRequired);
    }
    let key = directory.key(&shown.public);
    // An unknown key costs the same hash and comparison as a known one.
    let hash: [u8; 32] = Sha256::digest(shown.secret.as_bytes()).into();
    let kept = key.map_or([0; 32], |key| key.secret_hash);
    let right = bool::from(hash.ct_eq(&kept));
    match key {
        Some(key) if right && shown.way.is_of(key.face) => Ok(Arc::clone(key)),
        // What looks like the public half of a pair came without the other.
        None if shown.way == Way::Token && shown.secret.starts_with(PUBLIC_PREFIX) => {
            Err(Problem::KeySecretRequired)
        }
        _ => Err(Problem::InvalidApiKey),
    }
}

/// The same on a path of one face, whose client it is.
pub fn authenticate_as(face: Face, headers: &HeaderMap, directory: &Snapshot) -> Result<Arc<Key>, Problem> {
    let key = match authenticate(headers, directory) {
        // Nixflex's own words for half a key: there every key has two.
        Err(Problem::InvalidApiKey) if face == Face::Nixflex && is_half(headers) => {
            return Err(Problem::KeySecretRequired);
        }
        result => result?,
    };
    if key.face == face { Ok(key) } else { Err(Problem::InvalidApiKey) }
}

/// One word where a pair belongs.
fn is_half(headers: &HeaderMap) -> bool {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(shown);
    header.is_some_and(|shown| shown.way == Way::Token)
}

fn shown(header: &str) -> Option<Shown> {
    let (scheme, credentials) = match header.split_once(' ') {
        Some((scheme, credentials)) => (scheme, credentials.trim()),
        None => return Some(token(header, Way::Bare)),
    };
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        return pair(id, secret, Way::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    match credentials.split_once(':') {
        Some((id, secret)) => pair(id, secret, Way::Pair),
        None if credentials.is_empty() => None,
        None => Some(token(credentials, Way::Token)),
    }
}

fn pair(id: &str, secret: &str, way: Way) -> Option<Shown> {
    (!id.is_empty()).then(|| Shown { public: id.to_owned(), secret: secret.to_owned(), way })
}

fn token(token: &str, way: Way) -> Shown {
    Shown { public: Key::public_of(token), secret: token.to_owned(), way }
}
