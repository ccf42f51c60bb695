//! What a key may see and change of its tenant's objects. A key of one agent or application has its vendor's own collections, and
//! of the switch's own what these show it anyway.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::calls::PathText;
use crate::directory::Snapshot;
use crate::face::Problem;
use crate::face::collection::{self, Collection};
use crate::face::resource::Shape;
use crate::model::{Key, Object, ObjectKind, ObjectProblem, TenantId};

/// How a collection looks to this key; an error if its vendor has no such thing, or the key may not look.
pub fn shape(what: Collection, key: &Key) -> Result<Shape, Problem> {
    let shape = collection::shape(key.face, what).ok_or(Problem::NoSuchPath)?;
    let may = match what {
        Collection::Native(ObjectKind::Tenant) => true,
        Collection::Native(kind) => key.is_of_tenant() || collection::has(key.face, kind),
        _ => true,
    };
    if may { Ok(shape) } else { Err(ObjectProblem::Forbidden.into()) }
}

/// The same for who changes something there. Tenants are the operator's.
pub fn shape_to_change(what: Collection, key: &Key) -> Result<Shape, Problem> {
    let may = match what {
        Collection::Native(ObjectKind::Tenant) => is_operator(key),
        Collection::Native(_) => key.is_of_tenant(),
        _ => true,
    };
    if may { shape(what, key) } else { Err(ObjectProblem::Forbidden.into()) }
}

/// What a key may see of a kind: its tenant's; of tenants itself, and the operator's key every one.
pub fn visible<'s>(snapshot: &'s Snapshot, key: &Key, kind: ObjectKind) -> Vec<&'s Arc<Object>> {
    match kind {
        ObjectKind::Tenant => {
            snapshot.tenant_objects().filter(|object| is_operator(key) || object.id == key.tenant.0).collect()
        }
        _ => snapshot.objects(key.tenant, kind).collect(),
    }
}

/// One of those; another tenant's looks like none.
pub fn find<'s>(
    snapshot: &'s Snapshot,
    key: &Key,
    kind: ObjectKind,
    id: &PathText,
) -> Result<&'s Arc<Object>, Problem> {
    let missing = || Problem::Object(ObjectProblem::NotFound(kind));
    let text = id.text();
    let found = match kind {
        ObjectKind::Tenant => {
            snapshot.tenant_object(text).filter(|object| is_operator(key) || object.id == key.tenant.0)
        }
        _ => snapshot.object(key.tenant, kind, text),
    };
    found.ok_or_else(missing)
}

/// Whose the new object is to be: the key's tenant's. The operator makes the first key of another tenant.
pub fn tenant_of(
    snapshot: &Snapshot,
    key: &Key,
    kind: ObjectKind,
    fields: &mut Map<String, Value>,
) -> Result<TenantId, Problem> {
    let wanted = fields.remove("tenant").filter(|_| kind == ObjectKind::Key && is_operator(key));
    let text = match wanted {
        None | Some(Value::Null) => return Ok(key.tenant),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    };
    Ok(snapshot.tenant(&text).ok_or(ObjectProblem::NotFound(ObjectKind::Tenant))?.id)
}

/// A key of one agent or application has nothing to do with what is the whole tenant's.
pub fn of_tenant(key: &Key) -> Result<(), ObjectProblem> {
    if key.is_of_tenant() { Ok(()) } else { Err(ObjectProblem::Forbidden) }
}

/// Whoever has a key of the tenant whose objects the configuration file declares runs the switch.
fn is_operator(key: &Key) -> bool {
    key.tenant == crate::config::FILE_TENANT && key.is_of_tenant()
}
