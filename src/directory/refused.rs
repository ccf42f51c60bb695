//! What a fault means for whoever asked for the change that would make it.

use super::merge::ObjectFault;
use super::registry::ObjectError;
use crate::model::ObjectProblem;

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
