//! `trunkline batch`: a file of recipients becomes a campaign of the running switch, by the API's own request.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use crate::cli::api::Failure;
use crate::cli::asking::Asking;
use crate::cli::out;
use crate::model::PhoneNumber;

/// What a file looks like.
const FILES: &str = "\
A CSV file has a line of names, of which one is `phone`; `prompt_override` is the recipient's own prompt, `timezone` the zone of its
own clock, and every other column is a variable. A JSON file holds an array of recipients as the API takes them, or a whole request, which the options lie over.

Exit codes: 0 the campaign was made; 1 it was refused, or no switch answers; 2 wrong command line or configuration.";

/// Arguments of `trunkline batch`.
#[derive(clap::Args)]
#[command(after_help = FILES)]
pub struct Args {
    /// The recipients: `.csv` or `.json`.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Who talks.
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// What every call is about. `{name}` stands for a variable, `[END_CALL]` ends the call.
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// The number that calls, in E.164 form; may be left out if the agent has only one, or gives each callee one (`caller_ids`).
    #[arg(long, value_name = "NUMBER")]
    from: Option<PhoneNumber>,
    /// What the campaign is called.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// The day on which it becomes due, `YYYY-MM-DD`; without it, now.
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
    /// The IANA time zone of the date and the window.
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// When it may call, `09:00-18:00`; one that ends before it starts reaches into the next day.
    #[arg(long, value_name = "FROM-UNTIL", value_parser = window)]
    window: Option<(u16, u16)>,
    /// On which days, `mon,tue,wed`.
    #[arg(long, value_name = "DAYS", value_delimiter = ',')]
    days: Vec<String>,
    /// When callees may be called by their own clocks, `08:00-21:00`, within the window.
    #[arg(long, value_name = "FROM-UNTIL", value_parser = window)]
    callee_window: Option<(u16, u16)>,
    /// On which days of their calendars, `mon,tue,wed`.
    #[arg(long, value_name = "DAYS", value_delimiter = ',')]
    callee_days: Vec<String>,
    /// Call the valid numbers though others are invalid.
    #[arg(long)]
    skip_invalid: bool,
    #[command(flatten)]
    asking: Asking,
}

/// Makes the campaign.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let api = args.asking.nixflex()?;
    let request = request(&args)?;
    match api.post("/v1/calls/batch", Value::Object(request).to_string().into_bytes()).await {
        Ok(made) => {
            match args.asking.json {
                true => out::line(format_args!("{made:#}"))?,
                false => out::line(told(&made))?,
            }
            invalid(&made["invalid"]);
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            if let Failure::Refused { body, .. } = &failure {
                invalid(&body["error"]["details"]["invalid"]);
            }
            Err(failure.into())
        }
    }
}

fn told(made: &Value) -> String {
    let text = |name: &str| made[name].as_str().unwrap_or("-").to_owned();
    format!("{} is {}: {} recipients", text("campaign_id"), text("status"), made["valid_count"])
}

fn invalid(listed: &Value) {
    let told = |one: &Value| {
        let (phone, reason) = (one["phone"].as_str().unwrap_or(""), one["reason"].as_str());
        format!("recipient {}: `{phone}` is {}", one["index"], reason.unwrap_or("invalid"))
    };
    let lines: Vec<String> = listed.as_array().into_iter().flatten().map(told).collect();
    if !lines.is_empty() {
        out::note(lines.join("\n"));
    }
}

/// The file, and the options over it.
fn request(args: &Args) -> anyhow::Result<Map<String, Value>> {
    let shown = args.file.display();
    let mut request = match args.file.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => Map::from_iter([("recipients".to_owned(), Value::Array(csv(&args.file)?))]),
        Some("json") => {
            let bytes = std::fs::read(&args.file).with_context(|| format!("{shown}"))?;
            match serde_json::from_slice(unmarked(&bytes)).with_context(|| format!("{shown}"))? {
                Value::Object(request) => request,
                recipients @ Value::Array(_) => Map::from_iter([("recipients".to_owned(), recipients)]),
                _ => bail!("{shown}: neither an array of recipients nor a request"),
            }
        }
        _ => bail!("{shown}: its name must end in .csv or .json"),
    };
    let mut over = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            request.insert(name.to_owned(), value);
        }
    };
    let text = |text: &Option<String>| text.clone().map(Value::String);
    over("agent_id", text(&args.agent));
    over("prompt", text(&args.prompt));
    over("from_number", args.from.as_ref().map(|from| json!(from.as_str())));
    over("name", text(&args.name));
    over("schedule_type", args.date.as_ref().map(|_| json!("schedule")));
    over("scheduled_date", text(&args.date));
    over("timezone", text(&args.timezone));
    over("window_start_minutes", args.window.map(|(start, _)| json!(start)));
    over("window_end_minutes", args.window.map(|(_, end)| json!(end)));
    over("window_days", (!args.days.is_empty()).then(|| json!(args.days)));
    over("callee_window_start_minutes", args.callee_window.map(|(start, _)| json!(start)));
    over("callee_window_end_minutes", args.callee_window.map(|(_, end)| json!(end)));
    over("callee_window_days", (!args.callee_days.is_empty()).then(|| json!(args.callee_days)));
    over("skip_invalid", args.skip_invalid.then_some(json!(true)));
    Ok(request)
}

/// Without the byte order mark by which some programs mark UTF-8.
fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

fn csv(path: &Path) -> anyhow::Result<Vec<Value>> {
    let shown = path.display();
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).with_context(|| format!("{shown}"))?;
    let names = reader.headers().with_context(|| format!("{shown}"))?.clone();
    // Spreadsheets mark UTF-8 by a byte order mark, which the parser takes away.
    if !names.iter().any(|name| name == "phone") {
        bail!("{shown}: its first line names no column `phone`");
    }
    let (mut named, mut seen) = (names.iter().filter(|name| !name.is_empty()), HashSet::new());
    if let Some(twice) = named.find(|name| !seen.insert(*name)) {
        bail!("{shown}: two columns are named `{twice}`: which of them holds is not known");
    }
    let rows = reader.records().map(|row| {
        let row = row.with_context(|| format!("{shown}"))?;
        let mut recipient = Map::new();
        let mut variables = Map::new();
        for (name, value) in names.iter().zip(&row).filter(|(name, _)| !name.is_empty()) {
            let is_own = matches!(name, "phone" | "prompt_override" | "timezone");
            let place = if is_own { &mut recipient } else { &mut variables };
            place.insert(name.to_owned(), json!(value));
        }
        if !variables.is_empty() {
            recipient.insert("variables".to_owned(), Value::Object(variables));
        }
        Ok(Value::Object(recipient))
    });
    rows.collect()
}

/// `09:00-18:00`, in minutes since midnight.
fn window(text: &str) -> Result<(u16, u16), String> {
    let wrong = || "must be two times of the day such as 09:00-18:00".to_owned();
    let clock = |text: &str| {
        let (hours, minutes) = text.split_once(':').filter(|_| text.len() == 5)?;
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        (minutes < 60 && hours * 60 + minutes <= 1_440).then_some(hours * 60 + minutes)
    };
    let (from, until) = text.split_once('-').ok_or_else(wrong)?;
    clock(from).zip(clock(until)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_read_in_minutes() {
        assert_eq!(window("09:00-18:30"), Ok((540, 1_110)));
        assert_eq!(window("18:00-24:00"), Ok((1_080, 1_440)));
        for text in ["", "9-18", "09:00", "09:60-10:00", "24:01-01:00", "9:00-18:00", "-1:00-02:00"] {
            assert!(window(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_mark_of_utf_8_is_no_part_of_a_document() {
        for (bytes, plain) in [("\u{feff}{}", "{}"), ("{}", "{}"), ("", "")] {
            assert_eq!(unmarked(bytes.as_bytes()), plain.as_bytes());
        }
    }

    #[test]
    fn a_table_becomes_recipients_and_every_other_column_a_variable() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("people.csv");
        let text = "\u{feff}phone,patient_name,prompt_override,timezone\n+447111000001,\"Doe, John\",,\n +447111000002 ,Ann,Hi,Asia/Dubai\n";
        std::fs::write(&path, text).expect("written");
        let expected = json!([
            { "phone": "+447111000001", "variables": { "patient_name": "Doe, John" }, "prompt_override": "", "timezone": "" },
            { "phone": "+447111000002", "variables": { "patient_name": "Ann" }, "prompt_override": "Hi", "timezone": "Asia/Dubai" },
        ]);
        assert_eq!(Value::Array(csv(&path).expect("valid")), expected);
        for wrong in [
            "name\nAnn\n",
            "",
            "phone,name\n+12\n",
            "phone,name, name\n+12,Ann,Bob\n",
            "phone,phone\n+12,+13\n",
        ] {
            std::fs::write(&path, wrong).expect("written");
            assert!(csv(&path).is_err(), "{wrong}");
        }
    }
}
