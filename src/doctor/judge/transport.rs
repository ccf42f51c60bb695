//! Connections that fail, and certificates that do not convince (RFC 3261 §26.3.2.1, RFC 5922 §7).

use std::time::Duration;

use trunkline_sip::{Protocol, TransportError};

use super::words::{hop, table};
use crate::doctor::finding::{Code, Finding, Step};
use crate::doctor::observation::Exchange;
use crate::doctor::patient::Patient;

/// Why nothing could be carried; nothing, if something was.
pub fn transport(patient: &Patient, exchange: &Exchange) -> Option<Finding> {
    let error = exchange.transport.as_ref().filter(|_| exchange.last_final().is_none())?;
    let (step, code, advice) = failure(patient, error);
    Some(Finding::fault(step, code, format!("spoke to {}", patient.trunk.uri), error.to_string(), advice))
}

/// A certificate is renewed this long before it ends, if anybody looks after it.
const RENEWAL: Duration = Duration::from_secs(30 * DAY_SECONDS);
const DAY_SECONDS: u64 = 86_400;

/// TLS that came about, and for how long it will.
pub fn tls(patient: &Patient, target: &trunkline_sip::Target, exchange: &Exchange) -> Option<Finding> {
    if target.protocol != Protocol::Tls {
        return None;
    }
    let verified = patient.trunk.tls.as_ref().is_none_or(|tls| tls.verify);
    let tried = format!("spoke {}", hop(target));
    let left = exchange.certificate_left;
    let days = left.map(|left| left.as_secs() / DAY_SECONDS);
    if let (Some(days), true) = (days, left < Some(RENEWAL)) {
        return Some(Finding::warning(
            Step::Tls,
            Code::CertificateExpiring,
            tried,
            format!("the certificate ends in {days} days"),
            format!(
                "Ask the carrier to renew its certificate: in {days} days it expires, and then no call is placed over TLS."
            ),
        ));
    }
    let good = match days {
        Some(days) => format!("the certificate is good, and the trunk's, for {days} days more"),
        None => "the certificate is good, and the trunk's".to_owned(),
    };
    Some(match verified {
        true => Finding::ok(Step::Tls, tried, good),
        false => Finding::ok(Step::Tls, tried, "any certificate is believed: `verify = false`"),
    })
}

fn failure(patient: &Patient, error: &TransportError) -> (Step, Code, String) {
    let table = table(&patient.trunk);
    let tls = |code, advice: String| (Step::Tls, code, advice);
    match error {
        TransportError::CertificateName { expected, found } => tls(
            Code::CertificateName,
            match found.first() {
                Some(name) => format!(
                    "In {table} set `tls.server_name = \"{name}\"`, which is whom the certificate names, or the host in `uri` to it; if \
                     {name} is not your carrier, ask it why {expected} shows that certificate."
                ),
                None => format!("Ask the carrier for a certificate that names {expected}."),
            },
        ),
        TransportError::Expired => tls(
            Code::CertificateExpired,
            "Ask the carrier to renew its certificate, which has expired; and see that this machine's clock is right.".into(),
        ),
        TransportError::NotValidYet => tls(
            Code::CertificateExpired,
            "See that this machine's clock is right: the carrier's certificate is not valid yet.".into(),
        ),
        TransportError::UnknownIssuer => tls(
            Code::CertificateUntrusted,
            format!("In {table} set `tls.ca` to a file with the carrier's own certificate authority, in PEM; ask the carrier for it."),
        ),
        TransportError::Revoked | TransportError::Certificate(_) => {
            tls(Code::CertificateUntrusted, format!("Ask the carrier for another certificate: {error}."))
        }
        TransportError::ClientCertificate(_) => tls(
            Code::TlsFailed,
            format!("In {table} set `tls.certificate` and `tls.key` to the client certificate that the carrier gave you."),
        ),
        TransportError::NotTls => tls(
            Code::TlsFailed,
            format!("In {table} correct the port in `uri`, usually 5061, or leave TLS out: what answers there speaks none."),
        ),
        TransportError::Tls(_) | TransportError::HandshakeTimedOut => tls(
            Code::TlsFailed,
            format!("Ask the carrier which TLS versions it speaks (1.2 and 1.3 are spoken here), and check the port in {table}."),
        ),
        TransportError::Refused | TransportError::Unreachable | TransportError::TimedOut => (
            Step::Connect,
            Code::PortRefused,
            format!("In {table} correct host and port in `uri`, and let the connection through every firewall."),
        ),
        _ => (
            Step::Connect,
            Code::ConnectionDropped,
            format!(
                "In {table} try `uri` with `;transport=udp`; and ask the carrier why it drops our connection ({error}) instead of \
                 answering: our address may not be allowed, or what listens there is not SIP."
            ),
        ),
    }
}
