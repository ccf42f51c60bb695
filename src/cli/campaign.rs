//! `trunkline campaign`: the running switch's campaigns, by its API.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use serde_json::Value;

use crate::cli::ConfigArgs;
use crate::cli::api::Api;
use crate::model::CampaignId;

/// Arguments of `trunkline campaign`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The key's campaigns, newest first.
    List {
        /// Only those that stand so.
        #[arg(long)]
        status: Option<Status>,
        /// At most so many.
        #[arg(long, default_value_t = LIMIT, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIMIT)))]
        limit: u32,
        #[command(flatten)]
        asking: Asking,
    },
    /// One campaign.
    Show(One),
    /// Call from now on, whatever the date; the window still holds.
    Launch(One),
    /// Call nobody more.
    Pause(One),
    /// Go on as before the pause.
    Resume(One),
    /// Never call whoever was not called.
    Cancel(One),
}

#[derive(Clone, Copy, ValueEnum)]
enum Status {
    Scheduled,
    Running,
    Paused,
    Completed,
    Cancelled,
    Failed,
}

#[derive(clap::Args)]
struct One {
    /// The campaign, `batchcall_…`.
    #[arg(value_name = "ID", value_parser = id)]
    id: CampaignId,
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args)]
struct Asking {
    /// The key to ask with, by its id; without it the first Nixflex key of the configuration.
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// The API's JSON instead of lines.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Campaigns of one list: what one answer can hold.
const LIMIT: u32 = 50;

/// Asks, and prints the answer.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (asking, one, order) = match args.command {
        Command::List { status, limit, asking } => {
            let word = status.as_ref().and_then(Status::to_possible_value);
            let status = word.map_or_else(String::new, |word| format!("&status={}", word.get_name()));
            let campaigns = asking.api()?.get(&format!("/v1/calls/batch?limit={limit}{status}")).await?;
            match asking.json {
                true => println!("{campaigns:#}"),
                false => print!("{}", table(&campaigns)),
            }
            return Ok(ExitCode::SUCCESS);
        }
        Command::Show(one) => (one.asking, one.id, None),
        Command::Launch(one) => (one.asking, one.id, Some("launch")),
        Command::Pause(one) => (one.asking, one.id, Some("pause")),
        Command::Resume(one) => (one.asking, one.id, Some("resume")),
        Command::Cancel(one) => (one.asking, one.id, Some("cancel")),
    };
    let api = asking.api()?;
    let answer = match order {
        None => api.get(&format!("/v1/calls/batch/{one}")).await?,
        Some(order) => api.post(&format!("/v1/calls/batch/{one}/{order}"), Vec::new()).await?,
    };
    match (asking.json, order) {
        (true, _) => println!("{answer:#}"),
        (false, Some(_)) => println!(
            "{one} is {}: {} of {} recipients are still to be called",
            answer["status"].as_str().unwrap_or("-"),
            answer["queued_count"],
            answer["recipients_count"]
        ),
        (false, None) => print!("{}", lines(&answer)),
    }
    Ok(ExitCode::SUCCESS)
}

impl Asking {
    fn api(&self) -> anyhow::Result<Api> {
        Api::nixflex(&self.config.load()?, self.key.as_deref())
    }
}

fn id(text: &str) -> Result<CampaignId, &'static str> {
    text.parse().map_err(|()| "must be `batchcall_` and 16 hexadecimal digits")
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(shown).collect::<Vec<_>>().join(","),
        value => value.to_string(),
    }
}

fn lines(campaign: &Value) -> String {
    let fields = campaign.as_object().into_iter().flatten();
    fields.map(|(name, value)| format!("{name:22}{}\n", shown(value))).collect()
}

fn table(campaigns: &Value) -> String {
    const COLUMNS: [(&str, &str); 8] = [
        ("ID", "campaign_id"),
        ("STATUS", "status"),
        ("TOTAL", "recipients_count"),
        ("QUEUED", "queued_count"),
        ("ACTIVE", "active_count"),
        ("ANSWERED", "answered_count"),
        ("MADE", "created_at"),
        ("NAME", "name"),
    ];
    let mut rows = vec![COLUMNS.map(|(title, _)| title.to_owned())];
    for campaign in campaigns["campaigns"].as_array().into_iter().flatten() {
        rows.push(COLUMNS.map(|(_, field)| shown(&campaign[field])));
    }
    let widths: [usize; COLUMNS.len()] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let line = |row: &[String; COLUMNS.len()]| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_says_how_each_campaign_stands() {
        let campaigns = json!({ "campaigns": [{ "campaign_id": "batchcall_0000000000000001", "status": "running",
            "recipients_count": 3, "queued_count": 1, "active_count": 2, "answered_count": 0,
            "created_at": "2026-06-15T08:00:00.000Z", "name": null }] });
        let table = table(&campaigns);
        let lines: Vec<_> = table.lines().collect();
        assert!(lines[0].starts_with("ID                          STATUS   TOTAL  QUEUED"), "{table}");
        assert!(
            lines[1].ends_with("running  3      1       2       0         2026-06-15T08:00:00.000Z  -"),
            "{table}"
        );
    }
}
