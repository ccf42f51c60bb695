//! What can go wrong between the switch and its database.

use std::sync::Arc;

/// A store that could not do what it was asked. Clones, since one failed commit is told to everybody who waited for it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another switch holds this database.
    #[error("another switch is using {0}")]
    Locked(String),
    /// The database cannot be reached or opened, or its schema is not ours.
    #[error("the database {target} cannot be opened: {reason}")]
    Open {
        /// Which, without credentials.
        target: String,
        /// Why.
        reason: String,
    },
    /// The writer's queue is full. Nothing was written.
    #[error("the store's queue is full")]
    QueueFull,
    /// The last commit failed, and no write is tried before the database takes one again. Nothing was written.
    #[error("the database takes no writes at present")]
    Unavailable,
    /// A statement or a commit failed. Whether a commit that failed is on disk is not known.
    #[error("the database failed: {0}")]
    Database(Arc<sqlx::Error>),
    /// A call with this id is already there.
    #[error("call {0} is already stored")]
    Duplicate(crate::model::CallId),
    /// A row holds what no release of this switch wrote.
    #[error("the database holds an unreadable {0}")]
    Corrupt(&'static str),
    /// Ids are used up (2^53).
    #[error("no call ids are left")]
    NoIds,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed => Self::Closed,
            error => Self::Database(Arc::new(error)),
        }
    }
}

impl StoreError {
    /// Would the same row fail again on a healthy database?
    pub fn is_rows_fault(&self) -> bool {
        matches!(self, Self::Database(error) if is_rows_fault(error))
    }
}

/// Would another row have been taken? Constraint violations and unfit values (SQLSTATE classes 22 and 23; SQLite's
/// ERROR, TOOBIG, CONSTRAINT and MISMATCH) are the row's fault, everything else is the database's.
pub(super) fn is_rows_fault(error: &sqlx::Error) -> bool {
    let Some(code) = error.as_database_error().and_then(|error| error.code()) else { return false };
    if code.len() == 5 {
        return code.starts_with("22") || code.starts_with("23");
    }
    matches!(code.parse::<u32>().map(|code| code & 0xff), Ok(1 | 18 | 19 | 20))
}
