//! Offer and answer (RFC 3264) in SDP (RFC 8866): one audio stream, plain or by SRTP with keys in the SDP (RFC 4568). Pure.
//! Knows nothing of SIP: who may answer when is the dialog's affair, the token [`PendingOffer`] only knows what its
//! answer answers.
//!
//! | what | module |
//! |---|---|
//! | our side of a dialog: versions, keys | `local` |
//! | offer, answer, and what either comes to | `offer`, `answer`, `draft`, `agree`, `negotiated` |
//! | what one kind of line means | `formats`, `crypto`, `read`, `direction` |
//! | the lines themselves | `syntax` |
//! | what a description says, to be judged | `inspect` |

mod agree;
mod answer;
mod capabilities;
mod crypto;
mod direction;
mod draft;
mod error;
mod formats;
mod inspect;
mod local;
mod negotiated;
mod offer;
mod read;
mod syntax;

pub(crate) use self::capabilities::DYNAMIC_MIN;
pub use self::{
    capabilities::{
        COMFORT_NOISE, Capabilities, OPUS, PTIME_MS_MAX, PTIME_MS_MIN, Srtp, TELEPHONE_EVENT,
        TELEPHONE_EVENT_WIDE,
    },
    direction::Direction,
    error::SdpError,
    inspect::{Description, Keying, inspect},
    local::{Local, answer},
    negotiated::{FORMATS_MAX, Format, Incoming, Negotiated, OpusReceiver},
    offer::{Offer, PendingOffer},
};

#[cfg(test)]
mod tests;
