//! A key that signs caller ids: ES256, that is ECDSA over P-256 with SHA-256 (RFC 7518 §3.4, RFC 8225 §8).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

/// Parsed once, shared by every trunk that signs with it. Shows nothing of itself.
#[derive(Clone)]
pub struct SigningKey(Arc<EcdsaKeyPair>);

impl SigningKey {
    /// From PEM: PKCS #8, or SEC 1 (`EC PRIVATE KEY`).
    pub fn from_pem(pem: &[u8]) -> Result<Self, &'static str> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = match PrivateKeyDer::from_pem_slice(pem) {
            Ok(PrivateKeyDer::Pkcs8(key)) => EcdsaKeyPair::from_pkcs8(algorithm, key.secret_pkcs8_der()),
            Ok(PrivateKeyDer::Sec1(key)) => {
                EcdsaKeyPair::from_private_key_der(algorithm, key.secret_sec1_der())
            }
            _ => return Err("holds no private key in PEM form"),
        };
        pair.map(|pair| Self(Arc::new(pair))).map_err(|_| "is not a P-256 key, which ES256 needs")
    }

    /// The signature of a message: r and s, 64 bytes. `None` if the system has no randomness.
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let signature = self.0.sign(&SystemRandom::new(), message).ok()?;
        Some(signature.as_ref().to_vec())
    }

    /// The public half: an uncompressed point, 65 bytes.
    pub fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}
