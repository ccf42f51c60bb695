//! Writes what the books hold: one transaction at a time, in order, again and again until the database takes it.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::books::Pending;
use crate::store::{StoreError, Write};

/// Rows a transaction.
const ROWS_MAX: usize = 1000;
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// Runs until the last handle is gone and everything is written.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let (rows, closed) = {
            let mut books = shared.books();
            (books.take_pending(ROWS_MAX), books.closed)
        };
        if !rows.is_empty() {
            if write(&shared, rows).await.is_err() {
                return;
            }
        } else if closed {
            return;
        } else {
            shared.work.notified().await;
        }
    }
}

/// Writes rows until they are on disk. The only way to fail is a store that was closed.
async fn write(shared: &Shared, rows: Vec<Pending>) -> Result<(), StoreError> {
    let writes: Arc<[Write]> = rows.iter().map(|pending| pending.write.clone()).collect();
    match persist(shared, writes).await {
        Ok(()) => forget(shared, &rows),
        Err(error) if error.is_rows_fault() => {
            for row in rows {
                one(shared, row).await?;
            }
        }
        Err(error) => {
            tracing::error!(%error, rows = rows.len(), "calls' ends are lost: the store was closed before them");
            return Err(error);
        }
    }
    Ok(())
}

/// One row on its own. One that the database will never take must not keep the others from it.
async fn one(shared: &Shared, row: Pending) -> Result<(), StoreError> {
    match persist(shared, [row.write.clone()].into()).await {
        Err(error) if error.is_rows_fault() => {
            let call = match &row.write {
                Write::Answered { call, .. } | Write::Told { call, .. } | Write::Withdrawn(call) => {
                    Some(*call)
                }
                Write::Judged { record, .. } | Write::Ended(record) => Some(record.call),
                Write::DoNotCall(entry) => entry.call,
            };
            let call = call.map(tracing::field::display);
            tracing::error!(call, %error, "the database refuses this row for good; it is dropped");
        }
        result => result?,
    }
    forget(shared, &[row]);
    Ok(())
}

fn forget(shared: &Shared, rows: &[Pending]) {
    shared.books().forget(rows);
    shared.written.notify_waiters();
}

async fn persist(shared: &Shared, writes: Arc<[Write]>) -> Result<(), StoreError> {
    let mut wait = RETRY_FIRST;
    loop {
        match shared.store.write(Arc::clone(&writes)).await {
            Ok(0) => return Ok(()),
            Ok(_) => {
                shared.webhooks.wake();
                return Ok(());
            }
            Err(error @ StoreError::Closed) => return Err(error),
            Err(error) if error.is_rows_fault() => return Err(error),
            // The store logged it.
            Err(_) => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_MAX);
            }
        }
    }
}
