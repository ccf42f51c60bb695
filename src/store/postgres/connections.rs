//! Connections that nobody waits for without an end. sqlx's own pool asks each one that comes back whether it lives, and keeps
//! its place until it answers: one whose other end fell silent without a word takes a place for as long as the kernel sends again
//! what it was told last, which is a quarter of an hour. Here whatever is done with one has a deadline, and one that misses it
//! is closed at once and leaves its place to the next. So do those that lie idle beside it: what has become of one of them has
//! mostly become of all, and each would cost a deadline more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{PATIENCE, hold};
use crate::store::StoreError;
use crate::store::error::is_rows_fault;

/// A few connections to one database.
pub struct Connections {
    options: PgConnectOptions,
    kind: Kind,
    places: Arc<Semaphore>,
    idle: Idle,
}

/// Those that wait for work.
#[derive(Clone, Default)]
struct Idle(Arc<Mutex<Vec<PgConnection>>>);

/// Whose they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The switch's one writer, who holds its lock.
    Writer,
    /// Those who read.
    Readers,
    /// A command's own, beside a switch.
    Beside,
}

/// One of them, for one piece of work. If nobody waits for that any more, it goes back by itself: with the writer's the lock
/// would go.
pub struct Taken {
    /// Until it is given back or closed.
    connection: Option<PgConnection>,
    place: Option<OwnedSemaphorePermit>,
    idle: Idle,
}

/// Readers at once.
const READERS_MAX: u32 = 4;
/// For what is only read: a report over years may take its time, and holds up nobody.
const READ_PATIENCE: Duration = Duration::from_secs(30);

impl Kind {
    const fn places(self) -> u32 {
        match self {
            Self::Writer | Self::Beside => 1,
            Self::Readers => READERS_MAX,
        }
    }

    const fn patience(self) -> Duration {
        match self {
            Self::Writer => PATIENCE,
            Self::Readers | Self::Beside => READ_PATIENCE,
        }
    }
}

impl Connections {
    /// None yet: each is made when it is wanted.
    pub fn new(options: PgConnectOptions, kind: Kind) -> Self {
        let places = Arc::new(Semaphore::new(kind.places() as usize));
        Self { options, kind, places, idle: Idle::default() }
    }

    /// One that is free, or a new one.
    pub async fn take(&self) -> Result<Taken, sqlx::Error> {
        timeout(PATIENCE, self.free_or_new()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn free_or_new(&self) -> Result<Taken, sqlx::Error> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let free = self.idle.lock().pop();
        let connection = match free {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(Taken { connection: Some(connection), place: Some(place), idle: self.idle.clone() })
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let mut connection = self.options.connect().await?;
        if self.kind == Kind::Writer {
            hold(&mut connection).await?;
        }
        Ok(connection)
    }

    /// Does something with one, for no longer than there is patience for it.
    pub async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        timeout(self.kind.patience(), work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut.into()))
    }

    /// Keeps one for the next, unless the database failed in what was done with it: whatever state its session is in, the next gets
    /// a new one.
    pub async fn give_back<T>(&self, mut taken: Taken, done: Result<T, StoreError>) -> Result<T, StoreError> {
        // Rows that came and cannot be read are no fault of the connection's.
        let is_well = !matches!(&done, Err(StoreError::Database(error)) if !is_rows_fault(error));
        let Some(connection) = taken.connection.take() else { return done };
        if is_well {
            self.idle.keep(connection).await;
        } else {
            self.idle.lock().clear();
        }
        done
    }

    /// Waits for those that are in use, and closes all.
    pub async fn close(&self) {
        // Who is late finds the door closed.
        let _all = timeout(self.kind.patience(), self.places.acquire_many(self.kind.places())).await;
        self.places.close();
        let idle = std::mem::take(&mut *self.idle.lock());
        for connection in idle {
            let _ = timeout(PATIENCE, connection.close()).await;
        }
    }
}

impl Taken {
    pub fn connection(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("whoever gives it back gives it away")
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let (connection, place, idle) = (self.connection.take(), self.place.take(), self.idle.clone());
        if let (Some(connection), Ok(runtime)) = (connection, Handle::try_current()) {
            runtime.spawn(async move {
                idle.keep(connection).await;
                drop(place);
            });
        }
    }
}

impl Idle {
    /// Keeps one that is ready for the next: a transaction that was dropped is rolled back by now, and an answer that nobody
    /// waited for is read. Mostly there is neither, and nothing is said.
    async fn keep(&self, mut connection: PgConnection) {
        let is_ready = matches!(timeout(PATIENCE, connection.flush()).await, Ok(Ok(())));
        let mut idle = self.lock();
        if is_ready {
            idle.push(connection);
        } else {
            idle.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<PgConnection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
