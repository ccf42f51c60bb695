//! Whether a change of the store's objects would hold: it is made over a copy of the rows, and whatever it would break, here or
//! elsewhere, refuses it. Knows nothing of the database.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use serde_json::{Map, Value};

use super::refused::{self, ObjectError};
use super::thing::ObjectFault;
use super::{Directory, Snapshot, Sources};
use super::{merge, room};
use crate::config::Objects;
use crate::model::{Object, ObjectKind, ObjectProblem, TenantId, Timestamp};
use crate::store::StoredObject;

impl Directory {
    pub(super) fn version(&self) -> u64 {
        self.snapshot().version
    }

    pub(super) fn row(&self, id: u64) -> Option<StoredObject> {
        self.change_nothing(|sources| sources.stored.rows.iter().find(|row| row.id == id).cloned())
    }

    /// The numbers of which a call by this trunk has proven that it carries calls, as they are once nothing is proven of it any
    /// more. Of those that nobody ever had to verify nothing is taken.
    pub(super) fn unproven(&self, trunk: u64, at: Timestamp) -> Vec<StoredObject> {
        self.change_nothing(|sources| {
            let rows = sources.stored.rows.iter().filter(|row| row.kind == ObjectKind::Number);
            rows.filter_map(|row| unverified(row, trunk, at)).collect()
        })
    }

    fn change_nothing<T>(&self, look: impl FnOnce(&mut Sources) -> T) -> T {
        look(&mut self.sources.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether everything would hold with these rows in place and without those; the version that this was looked up in, and the
    /// object in question as it would be, of which this is said. What somebody else has taken from it meanwhile holds nothing else
    /// of it up.
    pub(super) fn try_with(
        &self,
        put: &[StoredObject],
        remove: &[u64],
        (id, kind): (u64, ObjectKind),
        said: &Map<String, Value>,
    ) -> Result<(u64, Option<Arc<Object>>), ObjectError> {
        self.change_nothing(|sources| {
            // Those of what is committed: whatever changes it merges it under this lock.
            let Sources { file, stored, faults } = sources;
            if let Some(row) = put.iter().find(|row| name_is_taken(row, file, &stored.rows)) {
                return Err(ObjectProblem::NameTaken(row.name.clone()).into());
            }
            let before: HashSet<_> = faults.iter().map(told).collect();
            // Under another number its claim is another.
            let is_renamed = |row: &StoredObject| {
                stored.rows.iter().any(|known| known.id == row.id && known.name != row.name)
            };
            let is_another = kind == ObjectKind::Number && put.iter().any(is_renamed);
            let rows = with(&stored.rows, put, remove);
            if let Some(row) = put.first() {
                room::is_enough(&stored.rows, &rows, row.tenant)?;
            }
            let kept = std::mem::replace(&mut stored.rows, rows);
            let merged = merge::merge(file, stored);
            stored.rows = kept;
            let is_lost = |fault: &ObjectFault| {
                fault.is_taken && !is_another && before.contains(&told(fault)) && !says(said, &fault.field)
            };
            let is_own = |fault: &&ObjectFault| fault.id == id && !remove.contains(&id) && !is_lost(fault);
            let own = merged.faults.iter().find(is_own);
            if let Some(fault) = own {
                return Err(refused::own(fault));
            }
            if let Some(broken) = merged.faults.iter().find(|fault| !before.contains(&told(fault))) {
                return Err(refused::other(broken));
            }
            let is_it = |object: &&Arc<Object>| {
                object.id == id && object.kind == kind && !object.is_managed_by_file()
            };
            Ok((stored.version, merged.objects.documents.iter().find(is_it).cloned()))
        })
    }
}

/// A number that dials through this trunk and is verified, as one that is not.
fn unverified(row: &StoredObject, trunk: u64, at: Timestamp) -> Option<StoredObject> {
    let Ok(Value::Object(mut document)) = serde_json::from_str(&row.document) else { return None };
    // The store keeps references by id.
    let trunk = Value::String(trunk.to_string());
    let choices = document.get("trunks").and_then(Value::as_array).into_iter().flatten();
    let mut named = document.get("trunk").into_iter().chain(choices.filter_map(|choice| choice.get("name")));
    let is_proven = document.get("verified") == Some(&Value::Bool(true)) && named.any(|name| *name == trunk);
    is_proven.then(|| {
        document.insert("verified".to_owned(), Value::Bool(false));
        StoredObject {
            document: Value::Object(document).to_string(),
            revision: row.revision + 1,
            updated_at: at,
            ..row.clone()
        }
    })
}

fn told(fault: &ObjectFault) -> (u64, String) {
    (fault.id, fault.field.clone())
}

/// Is this field, `a.b` of the object `a`, among what is said?
fn says(said: &Map<String, Value>, field: &str) -> bool {
    let mut path = field.split('.');
    let first = path.next().and_then(|key| said.get(key));
    path.fold(first, |value, key| value?.get(key)).is_some()
}

fn name_is_taken(row: &StoredObject, file: &Objects, rows: &[StoredObject]) -> bool {
    let same = |kind: ObjectKind, tenant: TenantId, name: &str| {
        kind == row.kind && name == row.name && (tenant == row.tenant || kind.is_shared_name())
    };
    file.documents.iter().any(|object| same(object.kind, object.tenant, &object.name))
        || rows.iter().any(|other| other.id != row.id && same(other.kind, other.tenant, &other.name))
}

/// Rows by age, with these in place and without those.
pub fn with(rows: &[StoredObject], put: &[StoredObject], remove: &[u64]) -> Vec<StoredObject> {
    let goes = |id: u64| remove.contains(&id) || put.iter().any(|row| row.id == id);
    let mut rows: Vec<_> = rows.iter().filter(|row| !goes(row.id)).chain(put).cloned().collect();
    rows.sort_by_key(|row| row.id);
    rows
}

/// References are kept by id, so that what they mean can be renamed.
pub fn refer_by_id(
    snapshot: &Snapshot,
    tenant: TenantId,
    kind: ObjectKind,
    document: &mut Map<String, Value>,
) {
    if !matches!(kind, ObjectKind::Agent | ObjectKind::Number | ObjectKind::Application | ObjectKind::Key) {
        return;
    }
    let refer = |value: &mut Value, kind: ObjectKind| {
        let text = match &*value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return,
        };
        *value =
            Value::String(snapshot.object(tenant, kind, &text).map_or(text, |object| object.id.to_string()));
    };
    for (key, kind) in
        [("trunk", ObjectKind::Trunk), ("agent", ObjectKind::Agent), ("application", ObjectKind::Application)]
    {
        if let Some(value) = document.get_mut(key) {
            refer(value, kind);
        }
    }
    for choice in document.get_mut("trunks").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(name) = choice.get_mut("name") {
            refer(name, ObjectKind::Trunk);
        }
    }
}
