//! The Reason header (RFC 3326): why a call ended, in Q.850 or SIP terms.

/// One reason value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    /// `Q.850`, `SIP` or another registered protocol.
    pub protocol: String,
    /// The protocol's cause value.
    pub cause: Option<u16>,
    /// Words for people.
    pub text: Option<String>,
}
