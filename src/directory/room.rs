//! How much a tenant may have: whoever makes objects without an end stops nobody else's changes, nor the switch. Pure.

use crate::model::{ObjectProblem, TenantId};
use crate::store::StoredObject;

/// Objects of one tenant in the store, of all kinds together. Every change looks at all of them.
pub const OBJECTS_MAX: usize = 10_000;
/// Bytes of their documents, secrets and names: they live in memory, and each change copies them.
pub const BYTES_MAX: usize = 16 << 20;

/// Whether a tenant may have these rows, who had those before. What grows is held to it: who has more than that already may still
/// change it into less, and remove it.
pub fn is_enough(
    before: &[StoredObject],
    after: &[StoredObject],
    tenant: TenantId,
) -> Result<(), ObjectProblem> {
    let (had, has) = (Size::of(before, tenant), Size::of(after, tenant));
    if has.objects > OBJECTS_MAX && has.objects > had.objects {
        return Err(ObjectProblem::TooMany(format!("a tenant has {OBJECTS_MAX} objects at most")));
    }
    if has.bytes > BYTES_MAX && has.bytes > had.bytes {
        let megabytes = BYTES_MAX >> 20;
        return Err(ObjectProblem::TooMany(format!("a tenant's objects take {megabytes} MiB at most")));
    }
    Ok(())
}

/// What a tenant has.
struct Size {
    objects: usize,
    bytes: usize,
}

impl Size {
    fn of(rows: &[StoredObject], tenant: TenantId) -> Self {
        let own = || rows.iter().filter(|row| row.tenant == tenant);
        let bytes = |row: &StoredObject| {
            row.name.len() + row.document.len() + row.sealed.as_ref().map_or(0, String::len)
        };
        Self { objects: own().count(), bytes: own().map(bytes).sum() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ObjectKind, Timestamp};

    fn row(id: u64, tenant: u64, bytes: usize) -> StoredObject {
        StoredObject {
            id,
            kind: ObjectKind::Agent,
            tenant: TenantId(tenant),
            name: String::new(),
            document: " ".repeat(bytes),
            sealed: None,
            revision: 1,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        }
    }

    #[test]
    fn a_tenant_has_so_many_objects_and_another_one_s_do_not_count() {
        let rows =
            |count: usize, tenant: u64| (0..count as u64).map(|id| row(id, tenant, 2)).collect::<Vec<_>>();
        let (full, over) = (rows(OBJECTS_MAX, 7), rows(OBJECTS_MAX + 1, 7));
        assert_eq!(is_enough(&full[1..], &full, TenantId(7)), Ok(()));
        assert!(is_enough(&full, &over, TenantId(7)).is_err());
        assert_eq!(is_enough(&over, &over, TenantId(7)), Ok(()), "what is there may be changed");
        assert_eq!(is_enough(&rows(OBJECTS_MAX + 2, 7), &over, TenantId(7)), Ok(()), "and removed");
        assert_eq!(is_enough(&full, &over, TenantId(8)), Ok(()));
    }

    #[test]
    fn a_tenant_s_objects_take_so_many_bytes() {
        let full = [row(1, 7, BYTES_MAX - 5), row(2, 7, 5), row(3, 8, BYTES_MAX)];
        let over = [row(1, 7, BYTES_MAX - 5), row(2, 7, 6)];
        assert_eq!(is_enough(&[], &full, TenantId(7)), Ok(()));
        assert!(is_enough(&full, &over, TenantId(7)).is_err());
        assert_eq!(is_enough(&over, &over, TenantId(7)), Ok(()));
    }
}
