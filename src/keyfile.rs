//! The switch's own secret: 64 hexadecimal digits in `TRUNKLINE_KEY`, which switches on one database must share, or made at
//! the first start and kept in `data_dir` with mode 0600. From it follow the keys that hash bodies and seal secrets.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::model::Secret;

const FILE: &str = "trunkline.key";
const VARIABLE: &str = "TRUNKLINE_KEY";
const LENGTH: usize = 32;

/// The key under which request bodies are hashed for idempotency. The same over restarts.
pub fn body_hash(data_dir: &Path) -> io::Result<[u8; 32]> {
    derive(&load(data_dir)?, b"request bodies")
}

/// What signs links to recordings. The same over restarts and on every node, so that a link outlives both.
pub fn link_key(data_dir: &Path) -> io::Result<[u8; 32]> {
    derive(&load(data_dir)?, b"recording links")
}

/// What signs the addresses at which bots connect.
pub fn stream_key(data_dir: &Path) -> io::Result<[u8; 32]> {
    derive(&load(data_dir)?, b"streams of bots")
}

/// What the operator's own requests to the running switch show: whoever can read the key file is the operator.
pub fn operator_token(data_dir: &Path) -> io::Result<String> {
    Ok(format!("op_{}", hex::encode(derive(&load(data_dir)?, b"operator")?)))
}

/// One key for each purpose, so that no two uses share one (RFC 5869's expand step, one block).
fn derive(secret: &[u8; LENGTH], purpose: &[u8]) -> io::Result<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(purpose);
    mac.update(&[1]);
    Ok(mac.finalize().into_bytes().into())
}

/// Seals secrets that must be read again: AES-256-GCM, each under a nonce of its own, bound to what it belongs to, so that one
/// object's secret cannot be put in another's place.
pub struct Sealer(RandomizedNonceKey);

/// What sealed texts begin with: the form that they have.
const SEALED: &str = "v1.";

impl Sealer {
    /// Under the switch's own key.
    pub fn load(data_dir: &Path) -> io::Result<Self> {
        Ok(Self::new(&derive(&load(data_dir)?, b"sealed secrets")?))
    }

    /// Under this key.
    pub fn new(key: &[u8; LENGTH]) -> Self {
        Self(RandomizedNonceKey::new(&AES_256_GCM, key).expect("the key's length is the cipher's"))
    }

    /// A text that only [`Sealer::open`] with the same context reads. Fails only if the system has no randomness.
    pub fn seal(&self, context: &str, plain: &str) -> io::Result<String> {
        let mut sealed = plain.as_bytes().to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(context), &mut sealed);
        let nonce = nonce.map_err(|_| io::Error::other("the system has no randomness"))?;
        sealed.splice(..0, nonce.as_ref().iter().copied());
        Ok(format!("{SEALED}{}", STANDARD_NO_PAD.encode(sealed)))
    }

    /// The text that was sealed; `None` if it was under another key or in another context, or was changed.
    pub fn open(&self, context: &str, sealed: &str) -> Option<Secret<String>> {
        let mut bytes = STANDARD_NO_PAD.decode(sealed.strip_prefix(SEALED)?).ok()?;
        let (nonce, body) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.0.open_in_place(nonce, Aad::from(context), body).ok()?;
        String::from_utf8(plain.to_vec()).ok().map(Secret::new)
    }
}

fn load(data_dir: &Path) -> io::Result<[u8; LENGTH]> {
    match std::env::var(VARIABLE) {
        Ok(text) => from_hex(&text),
        Err(_) => load_file(data_dir),
    }
}

fn from_hex(text: &str) -> io::Result<[u8; LENGTH]> {
    let mut key = [0; LENGTH];
    hex::decode_to_slice(text.trim(), &mut key).map_err(|_| {
        let reason = format!("{VARIABLE} must be {} hexadecimal digits", 2 * LENGTH);
        io::Error::new(io::ErrorKind::InvalidInput, reason)
    })?;
    Ok(key)
}

fn load_file(data_dir: &Path) -> io::Result<[u8; LENGTH]> {
    let path = data_dir.join(FILE);
    let fresh: [u8; LENGTH] = rand::random();
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            file.write_all(&fresh)?;
            file.sync_all()?;
            Ok(fresh)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mut kept = [0; LENGTH];
            let mut file = std::fs::File::open(&path)?;
            file.read_exact(&mut kept).map_err(|error| {
                io::Error::new(error.kind(), format!("{} is shorter than {LENGTH} bytes", path.display()))
            })?;
            Ok(kept)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_the_same_over_restarts_and_is_nobody_elses_to_read() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a temporary directory");
        let first = body_hash(directory.path()).expect("made");
        assert_eq!(body_hash(directory.path()).expect("read"), first);
        let mode = std::fs::metadata(directory.path().join(FILE)).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_sealed_is_opened_with_the_same_key_in_the_same_context_alone() {
        let (sealer, other) = (Sealer::new(&[1; 32]), Sealer::new(&[2; 32]));
        let sealed = sealer.seal("object:7", "trunkpass").expect("sealed");
        assert!(!sealed.contains("trunkpass"));
        assert_ne!(sealer.seal("object:7", "trunkpass").expect("sealed"), sealed, "a nonce of its own");
        let opened = |sealer: &Sealer, context, sealed: &str| sealer.open(context, sealed);
        assert!(opened(&sealer, "object:7", &sealed) == Some(Secret::new("trunkpass".to_owned())));
        assert!(opened(&sealer, "object:8", &sealed).is_none());
        assert!(opened(&other, "object:7", &sealed).is_none());
        let mut bent = sealed.clone().into_bytes();
        bent[10] ^= 1;
        for damaged in ["", "v1.", "v1.AAAA", &sealed[..20], &String::from_utf8_lossy(&bent)] {
            assert!(opened(&sealer, "object:7", damaged).is_none(), "{damaged}");
        }
    }

    #[test]
    fn a_key_from_the_environment_has_its_length() {
        assert_eq!(from_hex(&format!(" {}\n", "ab".repeat(32))).expect("a key"), [0xab; 32]);
        for text in ["", "ab", &"zz".repeat(32), &"ab".repeat(33)] {
            assert!(from_hex(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_damaged_key_file_is_refused_and_not_replaced() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join(FILE), b"short").expect("written");
        assert!(body_hash(directory.path()).is_err());
    }
}
