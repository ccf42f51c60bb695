//! Shell: which key a database's secrets are sealed under. A key is made for a database that has never seen one, and never beside
//! one that has: with a new one in the lost one's place everything sealed would be lost in silence.

use std::io;
use std::path::Path;

use super::sealed;
use crate::keyfile::{self, SwitchKey};
use crate::store::{ObjectStore, StoreError};

/// Why a database stays closed.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// Nobody has the key that it was sealed under.
    #[error(
        "the database was sealed under another key ({lack}). Bring that key back; if it is lost for good, `trunkline key adopt` goes \
         on without what was sealed"
    )]
    OtherKey {
        /// What is there in its place.
        lack: String,
    },
    /// The key's file.
    #[error("the key file: {0}")]
    KeyFile(#[from] io::Error),
    /// The database.
    #[error("the database: {0}")]
    Store(#[from] StoreError),
}

/// The key of this database, from its file or from `TRUNKLINE_KEY`.
pub async fn unlock(store: &ObjectStore, data_dir: &Path) -> Result<SwitchKey, UnlockError> {
    let path = keyfile::path(data_dir);
    let other = |is_there| UnlockError::OtherKey { lack: lack(&path, is_there) };
    let found = SwitchKey::find(data_dir)?;
    if let Some(known) = store.key_fingerprint().await? {
        let is_there = found.is_some();
        return found.filter(|key| key.fingerprint() == known).ok_or_else(|| other(is_there));
    }
    // Of an earlier release, or new.
    if !opens(store, found.as_ref()).await? {
        return Err(other(found.is_some()));
    }
    let key = match found {
        Some(key) => key,
        None => SwitchKey::make(data_dir)?,
    };
    let fingerprint = key.fingerprint();
    let is_first = store.keep_fingerprint(None, &fingerprint).await?;
    if is_first || store.key_fingerprint().await?.as_ref() == Some(&fingerprint) {
        return Ok(key);
    }
    Err(other(true))
}

/// The key that is there, or else a new one, is this database's from now on. What was sealed under the one before is lost.
pub async fn adopt(store: &ObjectStore, data_dir: &Path) -> Result<SwitchKey, UnlockError> {
    let key = match SwitchKey::find(data_dir)? {
        Some(key) => key,
        None => SwitchKey::make(data_dir)?,
    };
    let before = store.key_fingerprint().await?;
    store.keep_fingerprint(before.as_deref(), &key.fingerprint()).await?;
    Ok(key)
}

/// Does this key, or the lack of one, fit what is sealed? One secret that opens is enough: another key may have been at work beside it.
async fn opens(store: &ObjectStore, key: Option<&SwitchKey>) -> Result<bool, StoreError> {
    let mut rows = store.read().await?.objects;
    rows.retain(|row| row.sealed.is_some());
    let sealer = key.map(SwitchKey::sealer);
    let opens = |sealer| rows.iter().any(|row| sealed::open(sealer, row).is_some());
    Ok(rows.is_empty() || sealer.as_ref().is_some_and(opens))
}

fn lack(path: &Path, is_there: bool) -> String {
    let (path, variable) = (path.display(), keyfile::VARIABLE);
    match (keyfile::variable(), is_there) {
        (Some(_), _) => format!("{variable} is another one"),
        (None, true) => format!("{path} is another one, and {variable} is not set"),
        (None, false) => format!("{path} is missing, and {variable} is not set"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;
    use crate::keyfile::Sealer;
    use crate::model::{ObjectKind, TenantId, Timestamp};
    use crate::store::{DatabaseTarget, ObjectChange, Store, StoredObject};

    /// A database that has seen no key, with a trunk whose password is sealed by this one.
    async fn sealed_by(sealer: &Sealer) -> ObjectStore {
        let store = Store::open(&DatabaseTarget::Memory).await.expect("opens").objects();
        let mut document = Map::from_iter([("password".to_owned(), Value::String("trunkpass".to_owned()))]);
        let sealed = sealed::seal(sealer, 1001, ObjectKind::Trunk, &mut document).expect("sealed");
        let row = StoredObject {
            id: 1001,
            kind: ObjectKind::Trunk,
            tenant: TenantId(1),
            name: "t".to_owned(),
            document: "{}".to_owned(),
            sealed,
            revision: 1,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        };
        let change = ObjectChange { put: vec![row], ..ObjectChange::default() };
        store.change(&change).await.expect("writable");
        store
    }

    #[tokio::test]
    async fn a_new_database_takes_the_key_that_is_there_and_no_other_afterwards() {
        let (folder, other) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let store = Store::open(&DatabaseTarget::Memory).await.expect("opens").objects();
        let made = unlock(&store, folder.path()).await.expect("made").fingerprint();
        assert_eq!(unlock(&store, folder.path()).await.expect("the same").fingerprint(), made);
        let refused = unlock(&store, other.path()).await.err().expect("refused").to_string();
        assert!(refused.contains("trunkline.key is missing, and TRUNKLINE_KEY is not set"), "{refused}");
        assert!(!keyfile::path(other.path()).exists());
        SwitchKey::make(other.path()).expect("made");
        let refused = unlock(&store, other.path()).await.err().expect("refused").to_string();
        assert!(refused.contains("trunkline.key is another one"), "{refused}");
        adopt(&store, other.path()).await.expect("adopted");
        unlock(&store, other.path()).await.expect("its own now");
        assert!(unlock(&store, folder.path()).await.is_err());
    }

    #[tokio::test]
    async fn a_database_of_an_earlier_release_takes_a_key_that_opens_what_is_sealed_in_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = sealed_by(&Sealer::new(&[7; 32])).await;
        assert!(unlock(&store, folder.path()).await.is_err());
        assert!(!keyfile::path(folder.path()).exists(), "no key is made beside what is sealed");
        let key = SwitchKey::make(folder.path()).expect("made");
        assert!(unlock(&store, folder.path()).await.is_err(), "nor is a wrong one taken");
        assert_eq!(store.key_fingerprint().await.expect("readable"), None);
        let store = sealed_by(&key.sealer()).await;
        unlock(&store, folder.path()).await.expect("opened");
        assert_eq!(store.key_fingerprint().await.expect("readable"), Some(key.fingerprint()));
    }
}
