//! How TLS is spoken, as client to one trunk and as server (RFC 3261 §26.3.1, RFC 5922). The only file besides
//! `transport/tls.rs` that names rustls. Opaque to the core.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};

use crate::certificate;

/// How to speak TLS to one trunk. Has no Debug: its key is not for logs.
#[derive(Clone)]
pub struct ClientTlsConfig {
    /// The name its certificate must bear, in place of the URI's host.
    pub server_name: Option<String>,
    /// The authorities to believe, in place of the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Our certificate and its chain, for a trunk that asks for one.
    pub certificate_pem: Option<Vec<u8>>,
    /// Its private key.
    pub key_pem: Option<Vec<u8>>,
    /// Whether the trunk must prove who it is. Without it anybody on the way can listen.
    pub verify: bool,
}

impl Default for ClientTlsConfig {
    fn default() -> Self {
        Self { server_name: None, ca_pem: None, certificate_pem: None, key_pem: None, verify: true }
    }
}

/// What a [`ClientTlsConfig`] became. Two of them never share a connection, whatever they say.
pub struct ClientTls {
    pub(crate) server_name: Option<String>,
    pub(crate) config: Arc<ClientConfig>,
    witness: Arc<Witness>,
}

/// How to speak TLS to those who connect to us. Has no Debug: its key is not for logs.
#[derive(Clone)]
pub struct ServerTlsConfig {
    /// Our certificate and its chain.
    pub certificate_pem: Vec<u8>,
    /// Its private key.
    pub key_pem: Vec<u8>,
    /// Whose certificates clients must show; none: they need not show any.
    pub client_ca_pem: Option<Vec<u8>>,
}

/// What a [`ServerTlsConfig`] became.
pub struct ServerTls {
    config: RwLock<Arc<ServerConfig>>,
}

/// Certificates or keys that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file that holds no certificate.
    #[error("no certificate in the PEM of the {0}")]
    NoCertificate(&'static str),
    /// A file that holds no private key.
    #[error("no usable private key in the PEM")]
    NoKey,
    /// A certificate without its key, or a key without its certificate.
    #[error("a certificate and its key go together")]
    Half,
    /// A certificate nobody can be checked against.
    #[error("a certificate of the authorities is not usable: {0}")]
    Authority(String),
    /// Certificate and key do not match, or one is not usable.
    #[error("certificate or key is not usable: {0}")]
    Pair(String),
    /// The system has no certificate authorities.
    #[error("the system has no certificate authorities: name one")]
    NoAuthorities,
}

impl ClientTls {
    /// Reads certificates and keys.
    ///
    /// # Errors
    /// [`TlsError`] for what cannot be used.
    pub fn new(config: ClientTlsConfig) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder =
            builder.with_safe_default_protocol_versions().expect("aws-lc-rs speaks TLS 1.2 and 1.3");
        let verifier: Arc<dyn ServerCertVerifier> = match config.verify {
            true => {
                let roots = match &config.ca_pem {
                    Some(pem) => authorities(pem)?,
                    None => system_authorities()?,
                };
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|error| TlsError::Authority(error.to_string()))?
            }
            false => Arc::new(Anyone(provider)),
        };
        let witness = Arc::new(Witness { verifier, expires: Mutex::new(None) });
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::clone(&witness) as _);
        let client = match (&config.certificate_pem, &config.key_pem) {
            (Some(certificate), Some(key)) => builder
                .with_client_auth_cert(certificates(certificate, "client certificate")?, private_key(key)?)
                .map_err(|error| TlsError::Pair(error.to_string()))?,
            (None, None) => builder.with_no_client_auth(),
            _ => return Err(TlsError::Half),
        };
        Ok(Arc::new(Self { server_name: config.server_name, config: Arc::new(client), witness }))
    }

    /// When the certificate that the trunk showed last ceases to be good; `None` before the first handshake.
    #[must_use]
    pub fn certificate_expires(&self) -> Option<SystemTime> {
        *self.witness.expires.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerTls {
    /// Reads certificates and keys.
    ///
    /// # Errors
    /// [`TlsError`] for what cannot be used.
    pub fn new(config: ServerTlsConfig) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder =
            builder.with_safe_default_protocol_versions().expect("aws-lc-rs speaks TLS 1.2 and 1.3");
        let builder = match &config.client_ca_pem {
            Some(pem) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(pem)?), provider)
                        .build();
                builder.with_client_cert_verifier(
                    verifier.map_err(|error| TlsError::Authority(error.to_string()))?,
                )
            }
            None => builder.with_no_client_auth(),
        };
        let chain = certificates(&config.certificate_pem, "server certificate")?;
        let server = builder
            .with_single_cert(chain, private_key(&config.key_pem)?)
            .map_err(|error| TlsError::Pair(error.to_string()))?;
        Ok(Arc::new(Self { config: RwLock::new(Arc::new(server)) }))
    }

    /// Shows what another one shows, to those who connect from now on.
    pub fn replace(&self, other: &Self) {
        let newer = other.current();
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = newer;
    }

    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::NoCertificate(what))?;
    if chain.is_empty() { Err(TlsError::NoCertificate(what)) } else { Ok(chain) }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsError::NoKey)
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, "certificate authorities")? {
        roots.add(certificate).map_err(|error| TlsError::Authority(error.to_string()))?;
    }
    Ok(roots)
}

fn system_authorities() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    // One unreadable certificate among a hundred is no reason not to start.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsError::NoAuthorities) } else { Ok(roots) }
}

/// Leaves it to another whom to believe, and remembers until when the certificate is good.
#[derive(Debug)]
struct Witness {
    verifier: Arc<dyn ServerCertVerifier>,
    expires: Mutex<Option<SystemTime>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.expires.lock().unwrap_or_else(PoisonError::into_inner) = certificate::not_after(end_entity);
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[rustls::DistinguishedName]> {
        self.verifier.root_hint_subjects()
    }
}

/// Believes whoever is there, because its owner said so in so many words. Signatures are still checked.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
