//! `trunkline tenant`: whose calls, keys and objects are kept apart.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::Map;

use super::office::{Office, refused};
use crate::cli::{ConfigArgs, out};
use crate::clock::wall_now;
use crate::directory::{Expect, NewObject, Outcome};
use crate::model::{ObjectKind, StoredResponse, TenantId};

/// Arguments of `trunkline tenant`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a tenant; prints its id.
    Create {
        /// What it is called.
        name: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Every tenant; the first one owns what the configuration file declares.
    List {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Remove a tenant that has nothing any more.
    Delete {
        /// Its name or id.
        tenant: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

/// Runs one of its commands.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = match &args.command {
        Command::Create { config, .. } | Command::List { config } | Command::Delete { config, .. } => config,
    };
    let config = config.load()?;
    let office = Office::open(&config).await?;
    let done = work(&office, args.command).await;
    office.close(done).await
}

async fn work(office: &Office, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { name, .. } => {
            let new = NewObject {
                tenant: TenantId(0),
                kind: ObjectKind::Tenant,
                name: Some(name),
                document: Map::new(),
                at: wall_now(),
            };
            let render =
                |object: &crate::model::Object| StoredResponse { status: 201, body: object.id.to_string() };
            match office.registry.create(new, None, render).await.map_err(refused)? {
                Outcome::New(made) | Outcome::Replayed(made) => out::line(made.body)?,
            }
            out::note(format_args!("The tenant is in {}.", office.database));
        }
        Command::List { .. } => {
            for tenant in office.registry.snapshot().tenants() {
                out::line(format_args!("{}  {}", tenant.id, tenant.name))?;
            }
        }
        Command::Delete { tenant, .. } => {
            let id = office.tenant(Some(&tenant))?.id;
            let text = id.to_string();
            office.registry.remove(id, ObjectKind::Tenant, &text, Expect::Any).await.map_err(refused)?;
            out::note(format_args!("The tenant is gone from {}.", office.database));
        }
    }
    Ok(())
}
