//! Why an offer or answer came to nothing, in words that help.

/// Why an offer or answer came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// It could not be read, or is larger than we read.
    #[error("malformed SDP")]
    Malformed,
    /// No `m=audio` over RTP.
    #[error("no audio over RTP{}", brackets("offered", .offered))]
    NoAudio {
        /// What there is instead, as `video RTP/AVP`.
        offered: Vec<String>,
    },
    /// The audio stream was refused or removed (port 0).
    #[error("the audio stream was refused (port 0)")]
    Rejected,
    /// No codec in common.
    #[error("no codec in common: they have {}, we have {}", list(.offered), list(.ours))]
    NoCodec {
        /// What they have, as `G729/8000`.
        offered: Vec<String>,
        /// What we have.
        ours: Vec<String>,
    },
    /// An answer chose what had not been offered (RFC 3264 §6.1).
    #[error("the answer's codecs were not offered: they chose {}, we offered {}", list(.chosen), list(.ours))]
    NotOffered {
        /// What it chose.
        chosen: Vec<String>,
        /// What we had offered.
        ours: Vec<String>,
    },
    /// No `c=` line, or one that is neither a unicast IP address nor 0.0.0.0.
    #[error("no usable connection address{}", brackets("c=", .found.as_slice()))]
    NoAddress {
        /// The address that cannot be used, if there is one.
        found: Option<String>,
    },
    /// They insist on SRTP, and it is off here.
    #[error("they insist on SRTP ({protocol}), which is off for this trunk")]
    NeedsSrtp {
        /// Their transport protocol.
        protocol: String,
    },
    /// We insist on SRTP, and they have none.
    #[error("SRTP is required for this trunk, and they have plain {protocol}")]
    NoSrtp {
        /// Their transport protocol.
        protocol: String,
    },
    /// SRTP with nothing in it that we can use.
    #[error("no usable SRTP key: {}", list(.refused))]
    NoKey {
        /// For each `a=crypto` line its suite and what is wrong with it. Never a key.
        refused: Vec<String>,
    },
    /// They want keys by DTLS (RFC 5764), we have them in the SDP (RFC 4568).
    #[error("they want SRTP with keys by DTLS ({protocol}), we have keys by SDP (RFC 4568)")]
    Dtls {
        /// Their transport protocol.
        protocol: String,
    },
    /// A fax, T.38 alone (RFC 3264: refuse with 488).
    #[error("a fax by T.38, which is not supported")]
    T38,
    /// There is no offer that this could be the answer to.
    #[error("an answer without an offer")]
    NoOffer,
}

fn list(words: &[String]) -> String {
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

fn brackets(label: &str, words: &[String]) -> String {
    if words.is_empty() { String::new() } else { format!(" ({label} {})", words.join(", ")) }
}
