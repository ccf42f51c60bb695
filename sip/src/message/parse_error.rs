//! Why a datagram is no message at all.

use super::name::Name;

/// A datagram that is not heard and not answered: either no message at all, or one without what an answer needs. Faults that
/// can be answered are a [`Defect`](super::Defect).
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
    Missing(Name),
}
