//! Opens the rooms that have a folder, a key or an address of their own, as the configuration describes them.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use trunkline_sip::{Config as SipConfig, Listen, Local, Timers, Trust};

use super::{HouseError, Options};
use crate::admission::Limits;
use crate::cashier::Cashier;
use crate::clock::wall_now;
use crate::config::{Config, Database};
use crate::directory::{Directory, Registry, RegistryParts, unlock};
use crate::egress::{Egress, Policy};
use crate::face::link::Links;
use crate::keyfile::SwitchKey;
use crate::model::RING_MAX;
use crate::private;
use crate::store::{DatabaseTarget, Store};
use crate::webhook::{self, Keys, Wake, Webhooks};

/// Where the switch keeps its rows; makes the folder.
pub(super) fn database(config: &Config, ephemeral: bool) -> Result<DatabaseTarget, HouseError> {
    private_folder(&config.data_dir)?;
    Ok(match &config.database {
        _ if ephemeral => DatabaseTarget::Memory,
        Database::Sqlite(path) => DatabaseTarget::Sqlite(path.clone()),
        Database::Postgres(url) => DatabaseTarget::Postgres(url.clone()),
    })
}

/// A house for one call or for a show has no accounts: nobody would know of them afterwards.
pub(super) async fn cashier(
    config: &Config,
    options: &Options,
    store: &Store,
) -> Result<Option<Cashier>, HouseError> {
    match &config.billing {
        Some(billing) if !options.ephemeral => {
            let egress = Egress::new(policy(config))?;
            Ok(Some(Cashier::open(billing, store.clone(), egress).await?))
        }
        _ => Ok(None),
    }
}

pub(super) fn policy(config: &Config) -> Policy {
    Policy {
        allow_http: config.webhooks.allow_http,
        allow_addresses: config.webhooks.allow_addresses.clone(),
    }
}

/// The key that this database's secrets are sealed under. What keeps nothing needs none that is kept.
pub(super) async fn switch_key(
    config: &Config,
    options: &Options,
    store: &Store,
) -> Result<SwitchKey, HouseError> {
    match options.ephemeral {
        true => Ok(SwitchKey::passing()),
        false => Ok(unlock(&store.objects(), &config.data_dir).await?),
    }
}

/// The tenants' objects, from now on beside the file's.
pub(super) async fn registry(
    key: &SwitchKey,
    store: &Store,
    directory: &Directory,
) -> Result<Registry, HouseError> {
    let parts = RegistryParts {
        store: store.objects(),
        sealer: Arc::new(key.sealer()),
        directory: directory.clone(),
        changed: Arc::default(),
    };
    Ok(Registry::open(parts).await?)
}

/// Of the whole switch.
pub(super) fn limits(config: &Config) -> Limits {
    Limits { concurrent: config.limits.concurrent, cps: config.limits.cps }
}

pub(super) fn recordings(config: &Config) -> Result<Option<std::path::PathBuf>, HouseError> {
    let directory: &Path = &config.recording.directory;
    if !config.recording.enabled {
        return Ok(None);
    }
    private_folder(directory)?;
    // A recording's path is kept as it is from `data_dir`; where it is not below that, it is kept whole.
    let whole = || std::path::absolute(directory).map_err(io_error("the folder of recordings"));
    let is_below = directory.starts_with(&config.data_dir);
    Ok(Some(if is_below { directory.to_owned() } else { whole()? }))
}

fn private_folder(path: &Path) -> Result<(), HouseError> {
    private::folder(path).map_err(io_error(&format!("the folder {}", path.display())))
}

pub(super) fn webhooks(
    config: &Config,
    key: &SwitchKey,
    store: &Store,
    directory: &Directory,
) -> Result<(Arc<Webhooks>, Wake, Egress), HouseError> {
    let policy = policy(config);
    let keys = directory.clone();
    let keys: Keys = Arc::new(move |key| {
        let signing = keys.snapshot().signer(key)?;
        let previous = signing.previous.filter(|(_, until)| *until > wall_now()).map(|(secret, _)| secret);
        Some(webhook::Signer { key: signing.key, url: signing.url, previous })
    });
    let wake = Wake::default();
    let egress = Egress::new(policy)?;
    let settings = webhook::Config { links: links(config, key), ..webhook::Config::default() };
    let webhooks = Webhooks::start(store.clone(), egress.clone(), keys, wake.clone(), settings);
    Ok((Arc::new(webhooks), wake, egress))
}

/// What recordings are fetched by without a key, if it is known how the world reaches us.
pub(super) fn links(config: &Config, key: &SwitchKey) -> Option<Links> {
    Some(Links::new(config.http.public_url.clone()?, key.link_key()))
}

/// What the user agent is told of itself. What is listened on beyond what was asked for stands beside UDP.
pub(super) fn sip_config(config: &Config, listening: &[Listen], trust: Trust) -> SipConfig {
    let asked = config.sip.listen.len();
    let local = |(at, listen): (usize, &Listen)| Local {
        protocol: listen.protocol,
        bound: listen.address,
        advertised: match at < asked {
            true => config.sip.advertised(*listen),
            false => config.sip.advertised_beside(*listen),
        },
    };
    let locals: Vec<Local> = listening.iter().enumerate().map(local).collect();
    SipConfig {
        user_agent: config.sip.user_agent.clone(),
        timers: Timers {
            t1: config.sip.t1,
            t2: config.sip.t2,
            t4: config.sip.t4,
            // Every call has a ring timeout of its own: this one is for what would ring beyond the longest.
            c: RING_MAX + Duration::from_secs(30),
        },
        trust,
        locals,
        ..SipConfig::new(SocketAddr::from(([0, 0, 0, 0], 0)))
    }
}

pub(super) fn io_error(what: &str) -> impl FnOnce(io::Error) -> HouseError {
    let what = what.to_owned();
    move |error| HouseError::Io { what, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stops_a_call_from_ringing_for_as_long_as_its_agent_may_say() {
        let config = Config::parse("t", "", []).expect("valid");
        assert!(sip_config(&config, &[], Trust::Anyone).timers.c > RING_MAX);
    }
}
