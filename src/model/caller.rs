//! How a number is written for a trunk, which headers show it, and who has vouched for it.

use std::sync::{Arc, Once};

use uuid::Uuid;

use super::{PhoneNumber, SigningKey};

/// How a trunk wants the called number, and ours.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NumberFormat {
    /// The called number, in the Request-URI and To.
    pub called: NumberStyle,
    /// Our own, in From and the caller-ID headers.
    pub calling: NumberStyle,
    /// What stands before the called number (a wholesale carrier's tech prefix).
    pub prefix: String,
    /// `;user=phone` at every URI whose user is a number (RFC 3261 §19.1.1).
    pub user_phone: bool,
}

/// How a number is written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum NumberStyle {
    /// `+447386172392`.
    #[default]
    E164,
    /// `447386172392`.
    Plain,
    /// `00447386172392`, `011447386172392`.
    International {
        /// `00`, `011`.
        exit_code: String,
    },
    /// `07386172392` at home, `0033…` abroad.
    National {
        /// The country code of home, without `+`.
        calling_code: String,
        /// What stands before a national number.
        national_prefix: String,
        /// What stands before a foreign one's country code.
        exit_code: String,
    },
}

impl NumberStyle {
    /// The number as it is dialled.
    pub fn write(&self, number: &PhoneNumber) -> String {
        let digits = number.digits();
        match self {
            Self::E164 => number.as_str().to_owned(),
            Self::Plain => digits.to_owned(),
            Self::International { exit_code } => format!("{exit_code}{digits}"),
            Self::National { calling_code, national_prefix, exit_code } => {
                match digits.strip_prefix(calling_code.as_str()) {
                    Some(national) => format!("{national_prefix}{national}"),
                    None => format!("{exit_code}{digits}"),
                }
            }
        }
    }
}

/// A header that says who calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum IdentityHeader {
    /// `P-Asserted-Identity` (RFC 3325).
    Pai,
    /// `P-Preferred-Identity` (RFC 3325).
    Ppi,
    /// `Remote-Party-ID` (draft-ietf-sip-privacy-04).
    Rpid,
}

/// What is known of our right to use a number as a caller id.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum RightToUse {
    /// We assigned the number, or have seen proof: attestation A.
    Verified,
    /// The customer is known and says that it is theirs: attestation B.
    Customer,
    /// Nothing: attestation C.
    #[default]
    Unknown,
}

/// STIR/SHAKEN signing (RFC 8224, RFC 8588).
#[derive(Clone, Debug)]
pub struct Stir {
    /// What signs.
    pub key: SigningKey,
    /// Where a verifier finds the certificate (`x5u`, `info`).
    pub certificate_url: String,
    /// Names us as the origin; without one, each trunk and number gets one of its own that stays.
    pub origid: Option<Uuid>,
    /// What becomes of a call that cannot be signed.
    pub on_failure: UnsignedCalls,
    /// That calls go unsigned is said once for each trunk.
    pub warned: Arc<Once>,
}

/// What becomes of a call that cannot be signed.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum UnsignedCalls {
    /// It goes without, and the log says so.
    #[default]
    Send,
    /// It does not leave.
    Refuse,
}

/// What a trunk may cost in a UTC day. Millionths of the customer's own currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpendLimit {
    /// At most so much a day.
    pub per_day_micros: u64,
    /// What a minute costs.
    pub per_minute_micros: u64,
}
