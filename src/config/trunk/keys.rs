//! Certificates and keys: files that are read once, when the configuration is, so that what is wrong with them is told
//! before a call needs them.

use std::sync::{Arc, Once};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use trunkline_sip::{ClientTls, ClientTlsConfig};
use uuid::Uuid;

use super::table;
use crate::config::checker::Checker;
use crate::config::uri;
use crate::model::{Secret, SigningKey, Stir, TrunkTls};

/// A certificate's URL, in bytes: it goes into every INVITE twice.
const URL_MAX: usize = 512;

pub fn tls(table: &table::Tls, path: &str, check: &mut Checker<'_>) -> Option<TrunkTls> {
    let key = |name: &str| format!("{path}.{name}");
    check.that(path, table.certificate.is_some() == table.key.is_some(), || {
        "certificate and key go together".into()
    });
    if let Some(name) = &table.server_name {
        check.that(&key("server_name"), uri::is_host(name), || super::not_host(name));
    }
    check.that(&key("verify"), table.verify || (table.ca.is_none() && table.server_name.is_none()), || {
        "is false, so ca and server_name would have no effect".into()
    });
    let ca = read(table.ca.as_deref(), &key("ca"), has_certificate, check);
    let certificate = read(table.certificate.as_deref(), &key("certificate"), has_certificate, check);
    let private = read(table.key.as_deref(), &key("key"), has_key, check);
    let read_all = ca.is_some() == table.ca.is_some()
        && certificate.is_some() == table.certificate.is_some()
        && private.is_some() == table.key.is_some();
    if !read_all || certificate.is_some() != private.is_some() {
        return None;
    }
    let config = ClientTlsConfig {
        server_name: table.server_name.clone(),
        ca_pem: ca.clone(),
        certificate_pem: certificate.clone(),
        key_pem: private.clone(),
        verify: table.verify,
    };
    let client = match ClientTls::new(config) {
        Ok(client) => client,
        Err(error) => {
            check.fault(path, error.to_string());
            return None;
        }
    };
    Some(TrunkTls {
        client,
        ca,
        certificate,
        key: private.map(Secret::new),
        server_name: table.server_name.clone(),
        verify: table.verify,
    })
}

pub fn stir(table: &table::Stir, path: &str, check: &mut Checker<'_>) -> Option<Stir> {
    let key = |name: &str| format!("{path}.{name}");
    if let Err(reason) = certificate_url(&table.certificate_url) {
        check.fault(&key("certificate_url"), reason);
    }
    let origid = table.origid.as_deref().map(|text| {
        let origid = Uuid::try_parse(text).map_err(|_| format!("`{text}` is not a UUID"));
        check.or(&key("origid"), origid, Uuid::nil())
    });
    let certificate = read(table.certificate.as_deref(), &key("certificate"), has_certificate, check);
    let pem = read(Some(&table.key), &key("key"), |_| Ok(()), check)?;
    let signing = match SigningKey::from_pem(&pem) {
        Ok(signing) => signing,
        Err(reason) => {
            check.fault(&key("key"), format!("{}{reason}", named(&table.key, check)));
            return None;
        }
    };
    let fits = certificate.is_none_or(|pem| certifies(&pem, &signing));
    check.that(&key("certificate"), fits, || "is not the certificate of this key".into());
    Some(Stir {
        key: signing,
        certificate_url: table.certificate_url.clone(),
        origid,
        on_failure: table.on_failure,
        warned: Arc::new(Once::new()),
    })
}

/// The URL stands between angle brackets in a header, and verifiers fetch it by HTTPS (ATIS-1000074 §5.3.1).
fn certificate_url(text: &str) -> Result<(), String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"\\".contains(&byte));
    let host = url::Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.has_host());
    if plain && text.len() <= URL_MAX && host.is_some() {
        return Ok(());
    }
    Err(format!("must be an https:// URL of at most {URL_MAX} ASCII characters"))
}

/// Is this the key that the certificate speaks of? Its public half, an uncompressed point, stands in the subject's key
/// information as it is (RFC 5480 §2.2), and no other 65 bytes of a certificate look like it.
fn certifies(pem: &[u8], key: &SigningKey) -> bool {
    let Some(Ok(certificate)) = CertificateDer::pem_slice_iter(pem).next() else { return false };
    certificate.windows(key.public().len()).any(|window| window == key.public())
}

fn read(
    path: Option<&str>,
    key: &str,
    holds: impl Fn(&[u8]) -> Result<(), &'static str>,
    check: &mut Checker<'_>,
) -> Option<Vec<u8>> {
    let path = path?;
    let bytes = check.pem(key, path)?;
    if let Err(reason) = holds(&bytes) {
        check.fault(key, format!("{}{reason}", named(path, check)));
        return None;
    }
    Some(bytes)
}

/// The file before what is wrong with it; text has no name.
fn named(path: &str, check: &Checker<'_>) -> String {
    if check.is_inline { String::new() } else { format!("`{path}` ") }
}

fn has_certificate(pem: &[u8]) -> Result<(), &'static str> {
    let mut certificates = CertificateDer::pem_slice_iter(pem).peekable();
    if certificates.peek().is_none() || certificates.any(|certificate| certificate.is_err()) {
        return Err("holds no certificate in PEM form");
    }
    Ok(())
}

fn has_key(pem: &[u8]) -> Result<(), &'static str> {
    PrivateKeyDer::from_pem_slice(pem).map(|_| ()).map_err(|_| "holds no private key in PEM form")
}
