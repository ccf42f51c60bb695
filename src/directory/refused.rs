//! Why an object is not changed; what a fault means for whoever asked for the change that would make it.

use std::io;

use super::thing::ObjectFault;
use crate::model::ObjectProblem;
use crate::store::StoreError;

/// Why an object was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// For a reason that its owner can do something about.
    #[error(transparent)]
    Refused(#[from] ObjectProblem),
    /// A field does not hold.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which; empty for the whole.
        field: String,
        /// Why.
        reason: String,
    },
    /// The same idempotency key was used with another body.
    #[error("the idempotency key was used with another body")]
    IdempotencyConflict,
    /// The secrets could not be sealed.
    #[error("secrets cannot be sealed: {0}")]
    Sealing(#[from] io::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The object itself would not hold. What serde says of a field that is not there, in the words of the API.
pub fn own(fault: &ObjectFault) -> ObjectError {
    if fault.is_taken {
        return taken(fault);
    }
    let missing = fault.reason.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    match missing {
        Some(field) if fault.field.is_empty() => ObjectProblem::Missing(field.to_owned()).into(),
        Some(field) => ObjectProblem::Missing(format!("{}.{field}", fault.field)).into(),
        None => ObjectError::Invalid { field: fault.field.clone(), reason: fault.reason.clone() },
    }
}

/// Another object would not hold any more.
pub fn other(fault: &ObjectFault) -> ObjectError {
    if fault.is_taken {
        // It is somebody else's: nothing is said of it.
        return taken(fault);
    }
    ObjectProblem::InUse(format!("{} needs it: {}", fault.what, fault.reason)).into()
}

fn taken(fault: &ObjectFault) -> ObjectError {
    ObjectProblem::InUse(format!("{}: {}", fault.field, fault.reason)).into()
}
