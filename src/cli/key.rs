//! `trunkline key`: API keys. What a key's owner sends is shown once, when it is made; what is kept is its hash.

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::office::{Office, existing, refused};
use crate::cli::{ConfigArgs, out};
use crate::clock::wall_now;
use crate::config::{Config, StoredKey};
use crate::directory::{self, Change, Expect, Issued, NewObject, issue};
use crate::model::{Face, Object, ObjectKind, StoredResponse};
use crate::store::Store;

/// Arguments of `trunkline key`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key, and show once what its owner sends.
    Create(Create),
    /// Every key, without its secret.
    List {
        /// Only this tenant's, by name or id.
        #[arg(long)]
        tenant: Option<String>,
        /// Print one JSON array instead of a table.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Let nobody use a key any more.
    Revoke {
        /// Its id, or its public half.
        id: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Go on without the switch's own key, which is lost: another one is this database's from now on. No switch may run.
    ///
    /// It is the one in `TRUNKLINE_KEY` or in `data_dir/trunkline.key`, or else a new one. Whatever was sealed under the lost one must
    /// be given anew: trunks' passwords, models' keys, the signing secrets of API keys and webhook endpoints.
    Adopt {
        #[command(flatten)]
        config: ConfigArgs,
    },
}

#[derive(clap::Args)]
struct Create {
    /// Whose API its owner writes against.
    #[arg(long, value_parser = face)]
    face: Face,
    /// Whose it is, by name or id; without it the one whom the configuration file's objects belong to.
    #[arg(long)]
    tenant: Option<String>,
    /// A name to know it by.
    #[arg(long)]
    name: Option<String>,
    /// The agent that a Voiceflow key belongs to, by name or id.
    #[arg(long)]
    agent: Option<String>,
    /// The application that a MiniVoice key belongs to, by name or id.
    #[arg(long)]
    application: Option<String>,
    /// At most so many calls at once.
    #[arg(long, value_name = "CALLS")]
    concurrent: Option<u32>,
    /// At most so many reading requests a minute.
    #[arg(long, value_name = "REQUESTS")]
    reads_per_minute: Option<u32>,
    /// At most so many changing requests a minute.
    #[arg(long, value_name = "REQUESTS")]
    writes_per_minute: Option<u32>,
    /// What its calls may cost a day, as `25.00`.
    #[arg(long, value_name = "AMOUNT")]
    spend_per_day: Option<String>,
    /// What one of its calls may cost.
    #[arg(long, value_name = "AMOUNT")]
    spend_per_call: Option<String>,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

fn face(text: &str) -> Result<Face, String> {
    serde_json::from_value(Value::String(text.to_owned())).map_err(|error| error.to_string())
}

/// Runs one of its commands.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Create(create) => {
            let office = Office::open(&create.config.load()?).await?;
            let done = make(&office, create).await;
            office.close(done).await
        }
        Command::List { tenant, json, config } => {
            let office = Office::open(&config.load()?).await?;
            let done = list(&office, tenant.as_deref(), json);
            office.close(done).await
        }
        Command::Revoke { id, config } => {
            let office = Office::open(&config.load()?).await?;
            let done = revoke(&office, &id).await;
            office.close(done).await
        }
        Command::Adopt { config } => adopt(&config.load()?).await,
    }
}

/// The store is opened as a switch opens it: it is refused while one runs.
async fn adopt(config: &Config) -> anyhow::Result<ExitCode> {
    let store = Store::open(&existing(config)?).await?;
    let adopted = directory::adopt(&store.objects(), &config.data_dir).await;
    store.close().await;
    adopted?;
    out::note(format_args!("From now on this is the key of {}.", config.database));
    Ok(ExitCode::SUCCESS)
}

async fn make(office: &Office, create: Create) -> anyhow::Result<()> {
    let tenant = office.tenant(create.tenant.as_deref())?;
    let Issued { public, credentials, webhook_secret, mut document } = issue(create.face);
    let limits = [
        ("concurrent", create.concurrent),
        ("reads_per_minute", create.reads_per_minute),
        ("writes_per_minute", create.writes_per_minute),
    ];
    for (name, limit) in limits.into_iter().filter_map(|(name, limit)| Some((name, limit?))) {
        document.insert(name.to_owned(), limit.into());
    }
    let words = [
        ("name", create.name),
        ("agent", create.agent),
        ("application", create.application),
        ("spend_per_day", create.spend_per_day),
        ("spend_per_call", create.spend_per_call),
    ];
    for (name, word) in words.into_iter().filter_map(|(name, word)| Some((name, word?))) {
        document.insert(name.to_owned(), Value::String(word));
    }
    let new =
        NewObject { tenant: tenant.id, kind: ObjectKind::Key, name: Some(public), document, at: wall_now() };
    let id = std::cell::Cell::new(0);
    let render = |object: &Object| {
        id.set(object.id);
        StoredResponse { status: 201, body: String::new() }
    };
    office.registry.create(new, None, render).await.map_err(refused)?;
    let signs = webhook_secret.as_ref().map(|secret| secret.reveal().as_str());
    match create.json {
        true => out::line(
            json!({ "id": id.get(), "tenant": tenant.id.0, "face": create.face, "key": credentials.reveal(),
                "webhook_secret": signs }),
        )?,
        false => {
            out::line(credentials.reveal())?;
            if let Some(secret) = signs {
                out::note(format_args!("Its webhooks are signed with {secret}"));
            }
            let (id, database) = (id.get(), &office.database);
            out::note(format_args!(
                "Key {id} of tenant {} ({}), in {database}. It is not shown again.",
                tenant.id, tenant.name
            ));
        }
    }
    Ok(())
}

fn list(office: &Office, tenant: Option<&str>, as_json: bool) -> anyhow::Result<()> {
    let only = tenant.map(|text| office.tenant(Some(text))).transpose()?;
    let snapshot = office.registry.snapshot();
    let tenants = snapshot.tenants().iter().filter(|tenant| only.as_ref().is_none_or(|only| only == *tenant));
    let keys: Vec<Value> = tenants
        .flat_map(|tenant| {
            snapshot.objects(tenant.id, ObjectKind::Key).map(move |key| shown(&tenant.name, key))
        })
        .collect();
    if as_json {
        out::line(format_args!("{:#}", Value::Array(keys)))?;
        return Ok(());
    }
    let mut rows = vec![["ID", "TENANT", "FACE", "KEY", "NAME", "STATE"].map(String::from)];
    for key in &keys {
        let text = |name: &str| key[name].as_str().unwrap_or("-").to_owned();
        let state = match (key["revoked"] == true, key["managed_by_file"] == true) {
            (true, _) => "revoked",
            (_, true) => "in the file",
            _ => "active",
        };
        rows.push([
            key["id"].to_string(),
            text("tenant"),
            text("face"),
            text("public"),
            text("name"),
            state.to_owned(),
        ]);
    }
    let widths: [usize; 6] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out::line(cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn shown(tenant: &str, key: &Object) -> Value {
    let mut shown = key.document.clone();
    shown.insert("id".to_owned(), key.id.into());
    shown.insert("tenant".to_owned(), tenant.into());
    shown.insert("public".to_owned(), key.name.as_str().into());
    shown.insert("managed_by_file".to_owned(), key.is_managed_by_file().into());
    shown.insert("created_at".to_owned(), key.created_at.map(|at| at.to_string()).into());
    Value::Object(shown)
}

async fn revoke(office: &Office, id: &str) -> anyhow::Result<()> {
    let snapshot = office.registry.snapshot();
    let key = snapshot.tenants().iter().find_map(|tenant| snapshot.object(tenant.id, ObjectKind::Key, id));
    let key = key.with_context(|| format!("there is no key {id}"))?;
    let document = Map::from_iter([(StoredKey::REVOKED.to_owned(), Value::Bool(true))]);
    let change = Change::patch(document, Expect::Any, wall_now());
    office.registry.update(key.tenant, ObjectKind::Key, key.id, change).await.map_err(refused)?;
    out::note(format_args!("Key {} is revoked, in {}.", key.id, office.database));
    Ok(())
}
