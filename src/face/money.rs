//! What faces have in common where they speak of money: how amounts and times are read, and why money is asked for in vain.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{Micros, Refusal, Timestamp};

/// Why money is asked for in vain.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BillingProblem {
    /// `[billing] enabled` is not set.
    #[error("billing is not enabled on this switch")]
    Off,
    /// Nobody could confirm a payment.
    #[error("no payment hook is configured: only the operator can credit this account")]
    NoHook,
    /// The payment was not made.
    #[error("the payment was declined: {0}")]
    Declined(String),
    /// Only the operator may.
    #[error("only the operator sets the rates of this account")]
    NotAllowed,
}

impl BillingProblem {
    /// The HTTP status, the same in every face.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Off => 404,
            Self::NoHook => 409,
            Self::Declined(_) => 402,
            Self::NotAllowed => 403,
        }
    }

    /// The code, the same in every face.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Off => "billing_disabled",
            Self::NoHook => "payment_hook_missing",
            Self::Declined(_) => "payment_declined",
            Self::NotAllowed => "permission_denied",
        }
    }
}

/// An object in a request's body. What is absent and what is no JSON are told apart from a field that is wrong.
pub(super) fn parse<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, Refusal> {
    super::must_be_object(body)?;
    serde_json::from_slice(body).map_err(|error| wrong("body", &format!("cannot be read: {error}")))
}

/// An amount of units, as a string or as a number: `"12.50"`, `12.5`, `12`. Above zero.
pub(super) fn amount(field: &'static str, value: Option<&RawValue>) -> Result<Micros, Refusal> {
    let micros = optional_amount(field, value)?.ok_or(Refusal::MissingField(field))?;
    if micros.is_positive() { Ok(micros) } else { Err(wrong(field, "must be above zero")) }
}

/// The same, which may be absent, `null` or zero. A number is taken as it is written: no float stands between.
pub(super) fn optional_amount(
    field: &'static str,
    value: Option<&RawValue>,
) -> Result<Option<Micros>, Refusal> {
    let Some(text) = value.map(RawValue::get).filter(|text| *text != "null") else { return Ok(None) };
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    inner.parse().map(Some).map_err(|error: crate::model::InvalidAmount| wrong(field, &error.to_string()))
}

/// An RFC 3339 time.
pub(super) fn time(field: &'static str, text: &str) -> Result<Timestamp, Refusal> {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    let invalid = |_| wrong(field, "must be an RFC 3339 time such as 2027-01-01T00:00:00Z");
    parsed.map(|time| Timestamp(time.as_millisecond())).map_err(invalid)
}

pub(super) fn wrong(field: &str, reason: &str) -> Refusal {
    Refusal::InvalidField { field: field.into(), reason: reason.into() }
}

/// Names and values of a query, decoded. A name that is given twice counts once, as it stands last.
pub(super) fn query(text: &str) -> impl Iterator<Item = (String, String)> {
    url::form_urlencoded::parse(text.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned()))
}
