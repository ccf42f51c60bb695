//! `[http] tls_cert`, `tls_key`: what the API shows to those who connect by HTTPS.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::checker::Checker;
use super::file;

/// A certificate with its chain and its key. Cheap to clone; has no Debug of its content.
#[derive(Clone)]
pub struct Https {
    config: Arc<ServerConfig>,
    certificate: CertificateDer<'static>,
}

impl Https {
    /// How to speak TLS as its owner.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// What clients are shown first. Whoever reads the same file knows by it whom he talks to.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }
}

impl fmt::Debug for Https {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Https").finish_non_exhaustive()
    }
}

/// Both files are read at once: one that is missing must not wait for the first client to be noticed.
pub fn https(http: &file::Http, check: &mut Checker<'_>) -> Option<Https> {
    let (Some(certificate), Some(key)) = (&http.tls_cert, &http.tls_key) else {
        check.that("http.tls_cert", http.tls_cert.is_none() == http.tls_key.is_none(), || {
            "tls_cert and tls_key go together".into()
        });
        return None;
    };
    let chain = check
        .pem("http.tls_cert", certificate)
        .and_then(|pem| check.or("http.tls_cert", chain(certificate, &pem).map(Some), None));
    let private = check
        .pem("http.tls_key", key)
        .and_then(|pem| check.or("http.tls_key", private(key, &pem).map(Some), None));
    let made =
        made(chain?, private?).map_err(|error| format!("`{key}` is no key of the certificate: {error}"));
    check.or("http.tls_key", made.map(Some), None)
}

fn chain(path: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = chain.ok().filter(|chain| !chain.is_empty());
    found.ok_or_else(|| format!("`{path}` holds no certificate in PEM"))
}

fn private(path: &str, pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| format!("`{path}` holds no private key in PEM"))
}

fn made(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Https, rustls::Error> {
    let certificate = chain.first().cloned().ok_or(rustls::Error::NoCertificatesPresented)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Https { config: Arc::new(config), certificate })
}
