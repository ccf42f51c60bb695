//! The switch's own secret: 64 hexadecimal digits in `TRUNKLINE_KEY`, which switches on one database must share, or made at
//! the first start and kept in `data_dir` with mode 0600. From it follow the keys that hash bodies and seal secrets. Whether it is
//! the one that a database was sealed under is known by its fingerprint (see [`crate::directory::unlock`]).

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tempfile::NamedTempFile;

use crate::model::Secret;
use crate::private;

const FILE: &str = "trunkline.key";
/// Where the key may be said instead.
pub const VARIABLE: &str = "TRUNKLINE_KEY";
const LENGTH: usize = 32;

/// The switch's own secret.
pub struct SwitchKey([u8; LENGTH]);

impl SwitchKey {
    /// The one in `TRUNKLINE_KEY`, or the one in its file below this folder; `None` if it is in neither.
    pub fn find(data_dir: &Path) -> io::Result<Option<Self>> {
        match variable() {
            Some(text) => parse(&text).map(Some),
            None => read(&path(data_dir)),
        }
    }

    /// Makes one, in its file below this folder. Of two who make one at once both have the same.
    pub fn make(data_dir: &Path) -> io::Result<Self> {
        let (path, fresh) = (path(data_dir), Self::passing());
        private::folder(data_dir)?;
        if let Some(kept) = read(&path)? {
            return Ok(kept);
        }
        // Whole before it has its name, so that nobody ever finds a part of it.
        let mut draft = NamedTempFile::new_in(data_dir)?;
        draft.write_all(&fresh.0)?;
        draft.as_file().sync_all()?;
        private::hand_over(draft.as_file(), &path)?;
        match draft.persist_noclobber(&path) {
            Ok(_) => Ok(fresh),
            Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => {
                read(&path)?.ok_or_else(|| io::ErrorKind::NotFound.into())
            }
            Err(failed) => Err(failed.error),
        }
    }

    /// One that is kept nowhere, of a house that keeps nothing.
    pub fn passing() -> Self {
        Self(rand::random())
    }

    /// The key under which request bodies are hashed for idempotency. The same over restarts.
    pub fn body_hash(&self) -> [u8; 32] {
        self.derive(b"request bodies")
    }

    /// What signs links to recordings. The same over restarts and on every node, so that a link outlives both.
    pub fn link_key(&self) -> [u8; 32] {
        self.derive(b"recording links")
    }

    /// What signs the addresses at which bots connect.
    pub fn stream_key(&self) -> [u8; 32] {
        self.derive(b"streams of bots")
    }

    /// What the operator's own requests to the running switch show: whoever can read the key file is the operator.
    pub fn operator_token(&self) -> String {
        format!("op_{}", hex::encode(self.derive(b"operator")))
    }

    /// What a database remembers of the key that its secrets are sealed under. The key does not follow from it.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.derive(b"fingerprint"))
    }

    /// What seals secrets.
    pub fn sealer(&self) -> Sealer {
        Sealer::new(&self.derive(b"sealed secrets"))
    }

    /// One key for each purpose, so that no two uses share one (RFC 5869's expand step, one block).
    fn derive(&self, purpose: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(purpose);
        mac.update(&[1]);
        mac.finalize().into_bytes().into()
    }
}

/// Where the key is kept, if it is in no variable.
pub fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

/// What `TRUNKLINE_KEY` says, if it says anything.
pub fn variable() -> Option<String> {
    std::env::var_os(VARIABLE).map(|text| text.to_string_lossy().into_owned())
}

/// Reads a key as the variable has it.
pub fn parse(text: &str) -> io::Result<SwitchKey> {
    let mut key = [0; LENGTH];
    hex::decode_to_slice(text.trim(), &mut key).map_err(|_| {
        let reason = format!("must be {} hexadecimal digits", 2 * LENGTH);
        io::Error::new(io::ErrorKind::InvalidInput, reason)
    })?;
    Ok(SwitchKey(key))
}

fn read(path: &Path) -> io::Result<Option<SwitchKey>> {
    let mut kept = [0; LENGTH];
    let mut file = match std::fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    file.read_exact(&mut kept).map_err(|error| {
        io::Error::new(error.kind(), format!("{} is shorter than {LENGTH} bytes", path.display()))
    })?;
    Ok(Some(SwitchKey(kept)))
}

/// Seals secrets that must be read again: AES-256-GCM, each under a nonce of its own, bound to what it belongs to, so that one
/// object's secret cannot be put in another's place.
pub struct Sealer(RandomizedNonceKey);

/// What sealed texts begin with: the form that they have.
const SEALED: &str = "v1.";

impl Sealer {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_the_same_over_restarts_and_is_nobody_elses_to_read() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a temporary directory");
        assert!(read(&path(directory.path())).expect("readable").is_none(), "nobody makes one by looking");
        let first = SwitchKey::make(directory.path()).expect("made").body_hash();
        let again = read(&path(directory.path())).expect("readable").expect("it is there");
        assert_eq!(again.body_hash(), first);
        assert_eq!(SwitchKey::make(directory.path()).expect("kept").body_hash(), first);
        let mode = std::fs::metadata(path(directory.path())).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn of_many_who_make_one_at_once_all_have_the_same() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let make = || SwitchKey::make(directory.path()).expect("made").fingerprint();
            let makers: Vec<_> = (0..16).map(|_| scope.spawn(make)).collect();
            makers.into_iter().map(|maker| maker.join().expect("it made one")).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        let left = std::fs::read_dir(directory.path()).expect("readable").count();
        assert_eq!(left, 1, "the key, and nothing else");
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
        assert_eq!(parse(&format!(" {}\n", "ab".repeat(32))).expect("a key").0, [0xab; 32]);
        for text in ["", "ab", &"zz".repeat(32), &"ab".repeat(33)] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_damaged_key_file_is_refused_and_not_replaced() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join(FILE), b"short").expect("written");
        assert!(read(&path(directory.path())).is_err());
        assert!(SwitchKey::make(directory.path()).is_err());
    }
}
