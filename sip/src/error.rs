//! What a caller of the user agent can do wrong, or can meet: refusals that happen before anything is sent.
//! What happens afterwards is an [`crate::Event`], never an error.

/// A request that was refused at the door.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// One of the maxima of [`crate::Config`] is reached; try later or elsewhere.
    #[error("the user agent is at its maximum of {max} {what}")]
    Overloaded {
        /// Which maximum: `invites` or `transactions`.
        what: &'static str,
        /// Its value.
        max: usize,
    },
    /// A URI that cannot be called: not `sip:`, no host, or with characters that would end a header line.
    #[error("not a usable SIP URI: {0}")]
    Uri(String),
    /// A header, name-addr or Call-ID that would break the message it stands in (CR, LF or NUL).
    #[error("not a usable header value: {0}")]
    Header(String),
}

/// A datagram that is not heard and not answered: either no message at all, or one without what an answer needs. Faults that
/// can be answered are a [`crate::message::Defect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Nothing, empty lines or zeros: it holds a NAT binding open (RFC 5626 §3.5.1).
    #[error("a keep-alive")]
    KeepAlive,
    /// A STUN message.
    #[error("a STUN message")]
    Stun,
    /// More than 65,535 bytes.
    #[error("more than 65,535 bytes")]
    TooLarge,
    /// A line of more than 16 KB, its continuations included.
    #[error("a line of more than 16 KB")]
    LineTooLong,
    /// More than 128 header fields.
    #[error("more than 128 header fields")]
    TooManyHeaders,
    /// The empty line that ends the head never comes.
    #[error("the head does not end")]
    Truncated,
    /// The first line is neither a request's nor a response's.
    #[error("not a SIP start line")]
    StartLine,
    /// A header field that every answer copies is missing, empty or, for the Via, unreadable.
    #[error("no usable {}", .0.as_str())]
    Missing(crate::message::Name),
}
