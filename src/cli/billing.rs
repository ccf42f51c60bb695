//! `trunkline billing`: what only the operator does with money. The running switch is asked over its own API, with a token that
//! only who can read its key file has; where none runs, the ledger is written directly.

use std::process::ExitCode;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Subcommand;
use serde_json::{Value, json};

use super::api::{Failure, home};
use super::office::{Office, existing};
use super::{out, reachable};
use crate::cashier::Cashier;
use crate::cli::ConfigArgs;
use crate::config::{Billing, Config};
use crate::egress::{Egress, Policy};
use crate::keyfile::SwitchKey;
use crate::model::{Micros, TenantId};
use crate::store::Store;

/// Arguments of `trunkline billing`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Give a tenant money.
    Credit(CreditArgs),
}

#[derive(clap::Args)]
struct CreditArgs {
    /// The tenant, by name or id; whoever the configuration's keys belong to is `default`, or 1.
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// How much, in units of the currency: 25.00.
    #[arg(value_name = "AMOUNT", value_parser = amount)]
    amount: Micros,
    /// What it is for. The same reference is credited once, so a command that is repeated gives nothing twice.
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

fn amount(text: &str) -> Result<Micros, String> {
    let micros: Micros = text.parse().map_err(|error: crate::model::InvalidAmount| error.to_string())?;
    if micros.is_positive() { Ok(micros) } else { Err("must be above zero".into()) }
}

/// Runs one of its commands.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Command::Credit(args) = args.command;
    let config = args.config.load()?;
    let Some(billing) = &config.billing else { bail!("billing is off: set enabled = true in [billing]") };
    let answer = match ask(&config, &args).await? {
        Some(answer) => answer,
        None => write(&config, billing, &args).await?,
    };
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    if answer["credited"] == false {
        out::line("nothing was credited: this reference was credited before")?;
    }
    out::line(format_args!(
        "tenant {} has {} {} available",
        args.tenant,
        text("available"),
        text("currency")
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Has the running switch do it; `None` if there is none.
async fn ask(config: &Config, args: &CreditArgs) -> anyhow::Result<Option<Value>> {
    // No switch runs without a key.
    let Some(key) = SwitchKey::find(&config.data_dir).context("the key file")? else { return Ok(None) };
    let headers = [
        ("authorization", format!("Bearer {}", key.operator_token())),
        ("content-type", "application/json".to_owned()),
    ];
    let (egress, base) = home(config)?;
    let url = format!("{base}/v1/native/billing/credits");
    let body =
        json!({ "tenant": args.tenant, "amount": args.amount.to_string(), "reference": args.reference });
    let answer = match egress.post(&url, &headers, Bytes::from(body.to_string())).await {
        Ok(answer) => answer,
        Err(error) => match Failure::unanswered(error, reachable(config.http.listen)) {
            Failure::Nobody(_) => return Ok(None),
            failure => return Err(failure.into()),
        },
    };
    if !matches!(answer.status, 200 | 201) {
        bail!("{url} answers {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    Ok(Some(serde_json::from_slice(&answer.body).context("the answer is no JSON")?))
}

/// Nobody listens. A switch that runs all the same holds the database, and then this is refused.
async fn write(config: &Config, billing: &Billing, args: &CreditArgs) -> anyhow::Result<Value> {
    let tenant = tenant(config, &args.tenant).await?;
    let store = Store::open(&existing(config)?).await?;
    let cashier = Cashier::open(billing, store.clone(), Egress::new(Policy::default())?).await?;
    let credited = cashier.credit(tenant, args.amount, args.reference.clone()).await;
    let standing = cashier.standing(tenant).await;
    store.close().await;
    let (credited, (standing, currency)) = (credited?, standing?);
    Ok(json!({
        "credited": credited, "currency": currency.as_str(), "available": standing.available.to_string(),
    }))
}

/// Whose account it is: nobody has one who is no tenant.
async fn tenant(config: &Config, text: &str) -> anyhow::Result<TenantId> {
    let office = Office::open(config).await?;
    let found = office.tenant(Some(text));
    office.close(Ok(())).await?;
    Ok(found?.id)
}
