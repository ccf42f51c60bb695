//! `trunkline campaign`: the running switch's campaigns, by its API.

use std::collections::HashSet;
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use serde_json::Value;

use crate::cli::api::{Api, Failure};
use crate::cli::asking::{Asking, lines, table};
use crate::cli::out;
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
        /// At most so many; without it all of them.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
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

/// Campaigns of one page.
const PAGE: usize = 50;

/// Asks, and prints the answer.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (asking, one, order) = match args.command {
        Command::List { status, limit, asking } => {
            let campaigns = list(&asking.nixflex()?, status, limit).await?;
            match asking.json {
                true => out::line(format_args!("{campaigns:#}"))?,
                false => out::print(table(&COLUMNS, &campaigns["campaigns"]))?,
            }
            return Ok(ExitCode::SUCCESS);
        }
        Command::Show(one) => (one.asking, one.id, None),
        Command::Launch(one) => (one.asking, one.id, Some("launch")),
        Command::Pause(one) => (one.asking, one.id, Some("pause")),
        Command::Resume(one) => (one.asking, one.id, Some("resume")),
        Command::Cancel(one) => (one.asking, one.id, Some("cancel")),
    };
    let api = asking.nixflex()?;
    let answer = match order {
        None => api.get(&format!("/v1/calls/batch/{one}")).await?,
        Some(order) => api.post(&format!("/v1/calls/batch/{one}/{order}"), Vec::new()).await?,
    };
    match (asking.json, order) {
        (true, _) => out::line(format_args!("{answer:#}"))?,
        (false, Some(_)) => out::line(format_args!(
            "{one} is {}: {} of {} recipients are still to be called",
            answer["status"].as_str().unwrap_or("-"),
            answer["queued_count"],
            answer["recipients_count"]
        ))?,
        (false, None) => out::print(lines(&answer))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The newest campaigns, so many or all, in the form of the API's page. Their number is that of all there are.
async fn list(api: &Api, status: Option<Status>, limit: Option<u32>) -> Result<Value, Failure> {
    let word = status.as_ref().and_then(Status::to_possible_value);
    let status = word.map_or_else(String::new, |word| format!("&status={}", word.get_name()));
    let limit = limit.map_or(usize::MAX, |limit| limit as usize);
    let (mut all, mut offset) = (Vec::new(), 0);
    loop {
        let size = PAGE.min(limit - all.len());
        let mut page = api.get(&format!("/v1/calls/batch?limit={size}&offset={offset}{status}")).await?;
        let found = page["campaigns"].as_array_mut().map(std::mem::take).unwrap_or_default();
        offset += found.len();
        let is_last = found.len() < size;
        all.extend(found);
        once_each(&mut all);
        if is_last || all.len() >= limit {
            page["limit"] = all.len().into();
            page["offset"] = 0.into();
            page["campaigns"] = Value::Array(all);
            return Ok(page);
        }
    }
}

/// One that is made meanwhile moves the others on by one, onto the next page again.
fn once_each(campaigns: &mut Vec<Value>) {
    let mut seen = HashSet::new();
    campaigns.retain(|campaign| seen.insert(campaign["campaign_id"].to_string()));
}

fn id(text: &str) -> Result<CampaignId, &'static str> {
    text.parse().map_err(|()| "must be `batchcall_` and 16 hexadecimal digits")
}

/// How a list shows each.
const COLUMNS: [(&str, &str); 8] = [
    ("ID", "/campaign_id"),
    ("STATUS", "/status"),
    ("TOTAL", "/recipients_count"),
    ("QUEUED", "/queued_count"),
    ("ACTIVE", "/active_count"),
    ("ANSWERED", "/answered_count"),
    ("MADE", "/created_at"),
    ("NAME", "/name"),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_campaign_that_moved_onto_the_next_page_is_listed_once() {
        let mut all = ["a", "b", "b", "c"].map(|id| json!({ "campaign_id": id })).to_vec();
        once_each(&mut all);
        let ids: Vec<_> = all.iter().map(|campaign| campaign["campaign_id"].as_str().expect("one")).collect();
        assert_eq!(ids, ["a", "b", "c"]);
    }

    #[test]
    fn a_table_says_how_each_campaign_stands() {
        let campaigns = json!({ "campaigns": [{ "campaign_id": "batchcall_0000000000000001", "status": "running",
            "recipients_count": 3, "queued_count": 1, "active_count": 2, "answered_count": 0,
            "created_at": "2026-06-15T08:00:00.000Z", "name": null }] });
        let table = table(&COLUMNS, &campaigns["campaigns"]);
        let lines: Vec<_> = table.lines().collect();
        assert!(lines[0].starts_with("ID                          STATUS   TOTAL  QUEUED"), "{table}");
        assert!(
            lines[1].ends_with("running  3      1       2       0         2026-06-15T08:00:00.000Z  -"),
            "{table}"
        );
    }
}
