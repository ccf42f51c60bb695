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
