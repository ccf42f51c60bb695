//! Why a transport failed, in words that a trunk's owner can act on. Knows nothing of who asked.

/// Why a message could not be carried.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// No route to that address.
    #[error("no route to the host")]
    Unreachable,
    /// No answer to our connecting, or to what was sent.
    #[error("timed out")]
    TimedOut,
    /// The far end closed the connection.
    #[error("connection closed by the far end")]
    Closed,
    /// The far end reset the connection.
    #[error("connection reset")]
    Reset,
    /// The far end no longer answers our keep-alives (RFC 5626 §4.4.1).
    #[error("no answer to keep-alives")]
    Silent,
    /// The connection carried nothing for so long that we closed it.
    #[error("idle for too long")]
    Idle,
    /// The far end takes nothing, and too much waits to be sent.
    #[error("too much waits to be sent")]
    Overflow,
    /// Too many connections are open.
    #[error("too many connections")]
    TooMany,
    /// We have no address of that family or transport.
    #[error("no local address to send from")]
    NoLocal,
    /// What came is no SIP.
    #[error("the far end does not speak SIP: {0}")]
    Framing(&'static str),
    /// The TLS handshake was not answered in time.
    #[error("the TLS handshake timed out")]
    HandshakeTimedOut,
    /// The far end's certificate is somebody else's.
    #[error("certificate is for {}, not {expected}", names(.found))]
    CertificateName {
        /// Whom we expected.
        expected: String,
        /// Whom it names.
        found: Vec<String>,
    },
    /// Nobody we believe vouches for the certificate.
    #[error("certificate from an unknown issuer")]
    UnknownIssuer,
    /// The certificate was good once.
    #[error("certificate expired")]
    Expired,
    /// The certificate will be good one day.
    #[error("certificate not valid yet")]
    NotValidYet,
    /// The certificate was taken back.
    #[error("certificate revoked")]
    Revoked,
    /// Something else about the certificate.
    #[error("certificate refused: {0}")]
    Certificate(String),
    /// The far end wants a certificate of ours, and has none or another.
    #[error("the far end wants a client certificate that it trusts: {0}")]
    ClientCertificate(String),
    /// The far end speaks no TLS.
    #[error("the far end does not speak TLS")]
    NotTls,
    /// The handshake failed otherwise.
    #[error("TLS: {0}")]
    Tls(String),
    /// Anything else the system said.
    #[error("{0}")]
    Io(String),
}

impl TransportError {
    /// Whether there was a connection, and the far end or the network between took it away. A server that closes idle connections
    /// may do so just as we send something.
    pub(crate) fn was_connected(&self) -> bool {
        matches!(self, Self::Closed | Self::Reset | Self::Silent | Self::Idle)
    }

    /// Whether nobody takes up a connection, or takes anything off one.
    pub(crate) fn is_nobody(&self) -> bool {
        matches!(self, Self::Refused | Self::Unreachable | Self::TimedOut | Self::HandshakeTimedOut)
    }
}

fn names(found: &[String]) -> String {
    match found {
        [] => String::from("nobody"),
        found => found.join(", "),
    }
}
