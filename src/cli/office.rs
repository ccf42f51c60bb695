//! Where the command line changes objects: in the store, beside a switch that may be running and takes over within a second what
//! was changed.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::config::{Config, Database};
use crate::directory::{Directory, ObjectError, Registry, RegistryParts, unlock};
use crate::model::Tenant;
use crate::store::{DatabaseTarget, ObjectStore};

/// The objects of one configuration's store.
pub struct Office {
    pub registry: Registry,
    /// Which one, for people.
    pub database: Database,
    store: ObjectStore,
}

impl Office {
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let store = ObjectStore::open(&existing(config)?).await?;
        let key = unlock(&store, &config.data_dir).await?;
        let parts = RegistryParts {
            store: store.clone(),
            sealer: Arc::new(key.sealer()),
            directory: Directory::new(config.objects.clone()),
            changed: Arc::default(),
        };
        Ok(Self { registry: Registry::open(parts).await?, database: config.database.clone(), store })
    }

    /// A tenant by name or id; without one the file's.
    pub fn tenant(&self, text: Option<&str>) -> anyhow::Result<Tenant> {
        let snapshot = self.registry.snapshot();
        let found = text.map_or_else(|| snapshot.tenants().first(), |text| snapshot.tenant(text));
        found.cloned().with_context(|| format!("no tenant is called {}", text.unwrap_or("default")))
    }

    /// Whatever was done here.
    pub async fn close(self, done: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
        self.store.close().await;
        done.map(|()| ExitCode::SUCCESS)
    }
}

/// The configuration's database. A switch makes one when it starts; a command that did, too, would change one that no switch uses.
pub fn existing(config: &Config) -> anyhow::Result<DatabaseTarget> {
    Ok(match &config.database {
        Database::Postgres(url) => DatabaseTarget::Postgres(url.clone()),
        Database::Sqlite(path) if path.exists() => DatabaseTarget::Sqlite(path.clone()),
        Database::Sqlite(path) => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            bail!(
                "there is no database at {}: name the switch's configuration (--config), or start the switch once",
                path.display()
            )
        }
    })
}

/// What the API would say, for people.
pub fn refused(error: ObjectError) -> anyhow::Error {
    anyhow::Error::new(error)
}
