//! `trunkline dnc`: numbers that nobody is to call any more, by the running switch's API.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::json;

use super::asking::{Asking, lines, query};
use super::out;
use crate::face::native::do_not_call::NUMBERS_MAX;
use crate::model::PhoneNumber;

/// Arguments of `trunkline dnc`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The numbers, in their order.
    List {
        /// At most so many.
        #[arg(long, default_value_t = LIMIT, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIMIT)))]
        limit: u32,
        /// Go on after this number.
        #[arg(long, value_name = "NUMBER")]
        after: Option<PhoneNumber>,
        #[command(flatten)]
        asking: Asking,
    },
    /// Is this number on the list, and since when?
    Show {
        /// The number, in E.164 form.
        number: PhoneNumber,
        #[command(flatten)]
        asking: Asking,
    },
    /// Call these numbers no more.
    #[command(after_help = FILES)]
    Add {
        /// Numbers in E.164 form.
        #[arg(value_name = "NUMBER", required_unless_present = "file")]
        numbers: Vec<PhoneNumber>,
        /// More of them, in a CSV file.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// What is to be remembered of them.
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        #[command(flatten)]
        asking: Asking,
    },
    /// Let a number be called again.
    Remove {
        /// The number, in E.164 form.
        number: PhoneNumber,
        #[command(flatten)]
        asking: Asking,
    },
}

/// What a file looks like.
const FILES: &str = "\
A CSV file has a line of names, of which one is `phone`, or no such line, and the numbers first. If one line holds no number, none of
them is sent.";

const PATH: &str = "/v1/native/do-not-call";
/// Numbers of one list: the most that the API gives.
const LIMIT: u32 = 200;

/// Asks, and prints the answer.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List { limit, after, asking } => {
            let after = after.map(|number| number.as_str().to_owned());
            let parameters = query(&[("limit", Some(limit.to_string())), ("after", after)]);
            let found = asking.api()?.get(&format!("{PATH}?{parameters}")).await?;
            asking.print_page(&COLUMNS, &found)?;
        }
        Command::Show { number, asking } => {
            let found = asking.api()?.get(&format!("{PATH}/{}", number.as_str())).await?;
            match asking.json {
                true => out::line(format_args!("{found:#}"))?,
                false => out::print(lines(&found))?,
            }
        }
        Command::Add { numbers, file, note, asking } => {
            let mut numbers: Vec<String> = numbers.iter().map(|number| number.as_str().to_owned()).collect();
            if let Some(file) = file {
                numbers.append(&mut read(&file)?);
            }
            let api = asking.api()?;
            for some in numbers.chunks(NUMBERS_MAX) {
                let body = json!({ "numbers": some, "note": note }).to_string();
                api.post(PATH, body.into()).await?;
            }
            match (asking.json, numbers.len()) {
                (true, count) => out::line(json!({ "count": count }))?,
                (false, 1) => out::line("1 number is called no more")?,
                (false, count) => out::line(format_args!("{count} numbers are called no more"))?,
            }
        }
        Command::Remove { number, asking } => {
            asking.api()?.delete(&format!("{PATH}/{}", number.as_str())).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The numbers of a file.
fn read(path: &Path) -> anyhow::Result<Vec<String>> {
    let shown = path.display();
    let mut rows = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .has_headers(false)
        .flexible(true)
        .from_path(path)
        .with_context(|| format!("{shown}"))?;
    let (mut numbers, mut column) = (Vec::new(), 0);
    for row in rows.records() {
        let row = row.with_context(|| format!("{shown}"))?;
        let line = row.position().map_or(0, csv::Position::line);
        if numbers.is_empty()
            && let Some(named) = row.iter().position(|name| name.trim_start_matches('\u{feff}') == "phone")
        {
            column = named;
            continue;
        }
        let text = row.get(column).unwrap_or_default().trim_start_matches('\u{feff}');
        let number: PhoneNumber = text.parse().with_context(|| format!("{shown}, line {line}"))?;
        numbers.push(number.as_str().to_owned());
    }
    if numbers.is_empty() {
        bail!("{shown} holds no numbers");
    }
    Ok(numbers)
}

const COLUMNS: [(&str, &str); 5] = [
    ("NUMBER", "/number"),
    ("REASON", "/reason"),
    ("SINCE", "/created_at"),
    ("CALL", "/call_id"),
    ("NOTE", "/note"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_numbers_first_or_under_their_name_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("list.csv");
        let of = |text: &str| {
            std::fs::write(&path, text).expect("written");
            read(&path)
        };
        for good in [
            "+15551234567\n+447386172392\n",
            "\u{feff}+15551234567,Ann\r\n+447386172392\r\n",
            "name,phone\nAnn, +15551234567\n\nBob,+447386172392\n",
        ] {
            assert_eq!(of(good).expect("valid"), ["+15551234567", "+447386172392"], "{good}");
        }
        let error = format!("{:#}", of("phone\n+15551234567\n5551234567\n").expect_err("no number"));
        assert!(error.contains("line 3: not a number in E.164 form"), "{error}");
        for bad in ["", "phone\n", "name\nAnn\n"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
