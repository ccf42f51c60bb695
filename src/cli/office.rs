//! Where the command line changes objects: in the store, beside a switch that may be running and takes over within a second what
//! was changed.

use std::sync::Arc;

use anyhow::Context;

use crate::config::{Config, Database};
use crate::directory::{Directory, ObjectError, Registry, RegistryParts};
use crate::keyfile::Sealer;
use crate::model::Tenant;
use crate::store::{DatabaseTarget, ObjectStore};

/// The objects of one configuration's store.
pub struct Office {
    pub registry: Registry,
    store: ObjectStore,
}

impl Office {
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let target = match &config.database {
            Database::Sqlite(path) => DatabaseTarget::Sqlite(path.clone()),
            Database::Postgres(url) => DatabaseTarget::Postgres(url.clone()),
        };
        crate::house::private_folder(&config.data_dir)?;
        let store = ObjectStore::open(&target).await?;
        let sealer = Sealer::load(&config.data_dir).context("the key file")?;
        let parts = RegistryParts {
            store: store.clone(),
            sealer: Arc::new(sealer),
            directory: Directory::new(config.objects.clone()),
            changed: Arc::default(),
        };
        Ok(Self { registry: Registry::open(parts).await?, store })
    }

    /// A tenant by name or id; without one the file's.
    pub fn tenant(&self, text: Option<&str>) -> anyhow::Result<Tenant> {
        let snapshot = self.registry.snapshot();
        let tenants = snapshot.tenants();
        let found = match text {
            None => tenants.first(),
            Some(text) => {
                let named = tenants.iter().find(|tenant| tenant.name == text);
                named.or_else(|| tenants.iter().find(|tenant| tenant.id.to_string() == text))
            }
        };
        found.cloned().with_context(|| format!("no tenant is called {}", text.unwrap_or("default")))
    }

    pub async fn close(self) {
        self.store.close().await;
    }
}

/// What the API would say, for people.
pub fn refused(error: ObjectError) -> anyhow::Error {
    anyhow::Error::new(error)
}
