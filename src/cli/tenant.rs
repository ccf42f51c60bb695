//! `trunkline tenant`: whose calls, keys and objects are kept apart.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Map, Value};

use super::office::{Office, refused};
use crate::cli::{ConfigArgs, out};
use crate::clock::wall_now;
use crate::directory::{Change, Expect, NewObject, Outcome};
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
        /// Calls at once, those that come in and those that go out.
        #[arg(long)]
        concurrent: Option<u32>,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Change how many calls at once a tenant may have.
    Limit {
        /// Its name or id.
        tenant: String,
        /// Calls at once, those that come in and those that go out; without it as many as there is room for.
        #[arg(long)]
        concurrent: Option<u32>,
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
        Command::Create { config, .. }
        | Command::Limit { config, .. }
        | Command::List { config }
        | Command::Delete { config, .. } => config,
    };
    let config = config.load()?;
    let office = Office::open(&config).await?;
    let done = work(&office, args.command).await;
    office.close(done).await
}

async fn work(office: &Office, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { name, concurrent, .. } => {
            let new = NewObject {
                tenant: TenantId(0),
                kind: ObjectKind::Tenant,
                name: Some(name),
                document: limits(concurrent),
                at: wall_now(),
            };
            let render =
                |object: &crate::model::Object| StoredResponse { status: 201, body: object.id.to_string() };
            match office.registry.create(new, None, render).await.map_err(refused)? {
                Outcome::New(made) | Outcome::Replayed(made) => out::line(made.body)?,
            }
            out::note(format_args!("The tenant is in {}.", office.database));
        }
        Command::Limit { tenant, concurrent, .. } => {
            let id = office.tenant(Some(&tenant))?.id;
            let document = limits(concurrent);
            let patch = Change::patch(document, Expect::Any, wall_now());
            office.registry.update(id, ObjectKind::Tenant, id.0, patch).await.map_err(refused)?;
        }
        Command::List { .. } => {
            for tenant in office.registry.snapshot().tenants() {
                let limit =
                    tenant.concurrent.map_or_else(String::new, |most| format!("  {most} calls at once"));
                out::line(format_args!("{}  {}{limit}", tenant.id, tenant.name))?;
            }
        }
        Command::Delete { tenant, .. } => {
            let id = office.tenant(Some(&tenant))?.id;
            office.registry.remove(id, ObjectKind::Tenant, id.0, Expect::Any).await.map_err(refused)?;
            out::note(format_args!("The tenant is gone from {}.", office.database));
        }
    }
    Ok(())
}

/// What a tenant's document says of it; what is not limited takes back what was said before.
fn limits(concurrent: Option<u32>) -> Map<String, Value> {
    Map::from_iter([("concurrent".to_owned(), concurrent.map_or(Value::Null, Value::from))])
}
