//! The system's and rustls' errors in the words of [`TransportError`].

use std::io;

use rustls::{AlertDescription, CertificateError, Error as Tls};

use crate::transport_error::TransportError;

/// What an error of a socket, or of the TLS on it, means.
pub(super) fn of(error: &io::Error) -> TransportError {
    use io::ErrorKind as Kind;
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>()) {
        return of_tls(tls);
    }
    match error.kind() {
        Kind::ConnectionRefused => TransportError::Refused,
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => TransportError::Reset,
        Kind::TimedOut => TransportError::TimedOut,
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => TransportError::Unreachable,
        Kind::AddrNotAvailable => TransportError::NoLocal,
        // TLS cut off without a farewell.
        Kind::UnexpectedEof => TransportError::Closed,
        _ => TransportError::Io(error.to_string()),
    }
}

fn of_tls(error: &Tls) -> TransportError {
    match error {
        Tls::InvalidCertificate(error) => of_certificate(error),
        Tls::InvalidMessage(_) => TransportError::NotTls,
        Tls::AlertReceived(alert) => of_alert(*alert),
        error => TransportError::Tls(error.to_string()),
    }
}

fn of_certificate(error: &CertificateError) -> TransportError {
    match error {
        CertificateError::NotValidForNameContext { expected, presented } => TransportError::CertificateName {
            expected: expected.to_str().into_owned(),
            found: presented.iter().map(|name| bare(name).to_owned()).collect(),
        },
        // An authority made anew under its old name has another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TransportError::UnknownIssuer,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TransportError::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TransportError::NotValidYet
        }
        CertificateError::Revoked => TransportError::Revoked,
        error => TransportError::Certificate(error.to_string()),
    }
}

/// What the far end has against us. Certificates are what a client is asked for; anything else is about TLS itself.
fn of_alert(alert: AlertDescription) -> TransportError {
    use AlertDescription as Alert;
    let why = match alert {
        Alert::CertificateRequired | Alert::NoCertificate => "none was shown",
        Alert::UnknownCA => "its issuer is unknown there",
        Alert::CertificateExpired => "it has expired",
        Alert::CertificateRevoked => "it was revoked",
        Alert::BadCertificate | Alert::UnsupportedCertificate | Alert::CertificateUnknown => {
            "it was not accepted"
        }
        Alert::AccessDenied => "access was denied",
        alert => return TransportError::Tls(format!("the far end refused the handshake ({alert:?})")),
    };
    TransportError::ClientCertificate(why.to_owned())
}

/// `DnsName("a.example")` without what is around it.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}
