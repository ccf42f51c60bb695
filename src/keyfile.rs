//! The switch's own secret, made at its first start and kept in `data_dir` with mode 0600.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use hmac::{Hmac, Mac};
use sha2::Sha256;

const FILE: &str = "trunkline.key";
const LENGTH: usize = 32;

/// The key under which request bodies are hashed for idempotency. The same over restarts.
pub fn body_hash(data_dir: &Path) -> io::Result<[u8; 32]> {
    derive(&load(data_dir)?, b"request bodies")
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

fn load(data_dir: &Path) -> io::Result<[u8; LENGTH]> {
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
    fn a_damaged_key_file_is_refused_and_not_replaced() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join(FILE), b"short").expect("written");
        assert!(body_hash(directory.path()).is_err());
    }
}
