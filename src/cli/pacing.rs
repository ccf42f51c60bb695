//! `trunkline pacing`: how far campaigns had better dial ahead of people, tried without calling anybody.
#![expect(clippy::disallowed_methods, reason = "a command begins at some instant")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::asking::table;
use super::{EXIT_USAGE, out};
use crate::campaign::pacing::trial::{self, RING_MIN, Report, Setting};
use crate::model::Pacing;

/// Arguments of `trunkline pacing`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// People who take calls.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    people: u64,
    /// Of a hundred calls, those that a person answers.
    #[arg(long, value_name = "PERCENT", default_value_t = 20.0, value_parser = percent)]
    humans: f64,
    /// Of a hundred calls, those that a machine answers.
    #[arg(long, value_name = "PERCENT", default_value_t = 20.0, value_parser = percent)]
    machines: f64,
    /// How long it rings before somebody answers, on average.
    #[arg(long, value_name = "SECONDS", default_value_t = 12, value_parser = clap::value_parser!(u64).range(2..=600))]
    ring: u64,
    /// How long a call may ring: the agent's `ring_timeout_seconds`.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=600))]
    ring_max: u64,
    /// From the answer until it is known who answered, on average.
    #[arg(long, value_name = "MS", default_value_t = 1_500, value_parser = clap::value_parser!(u64).range(0..=30_000))]
    verdict_ms: u64,
    /// How long is talked, on average.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=7_200))]
    talk: u64,
    /// What people have after each call: `wrap_up_seconds`.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=600))]
    wrap_up: u64,
    /// How long whoever answers may hear nobody.
    #[arg(long, value_name = "MS", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    patience_ms: u64,
    /// Calls at once, talks among them: what the trunk and the key allow.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    lines: u64,
    /// For how long is called.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=48))]
    hours: u64,
    /// What is drawn by lot: the same number is the same day.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this many calls for each person who is free, from 1 to 3.
    #[arg(long, value_name = "CALLS", value_parser = ratio)]
    calls_per_person: Option<Pacing>,
    /// Only with this share of callees who may hear nobody, from 0.1 to 2.5.
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    abandoned_percent: Option<Pacing>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

const HELP: &str = "Nobody is called: callees, rings and talks are drawn by lot, and paced as a campaign's are. Talks spread log-normally; \
    nobody answers within two seconds. Like a campaign, each stops dialling ahead while nearly 3 % were abandoned.";

/// What is compared if nothing is named.
const COMPARED: [Pacing; 7] = [
    Pacing::ONE_EACH,
    Pacing::Ratio(150),
    Pacing::Ratio(200),
    Pacing::Ratio(300),
    Pacing::Predictive(5),
    Pacing::Predictive(10),
    Pacing::Predictive(20),
];

/// How each is shown.
const COLUMNS: [(&str, &str); 8] = [
    ("PACING", "/pacing"),
    ("CALLS", "/calls"),
    ("ANSWERED", "/answered"),
    ("ABANDONED", "/abandoned"),
    ("ABANDONED %", "/abandoned_percent"),
    ("TALKING %", "/talking_percent"),
    ("TALKS/HOUR", "/talks_per_person_hour"),
    ("WAIT S", "/wait_seconds"),
];

/// Tries, and prints what came of it.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.humans + args.machines > 100.0 {
        out::note("error: --humans and --machines are more than a hundred together");
        return Ok(ExitCode::from(EXIT_USAGE));
    }
    let setting = args.setting();
    let named: Vec<Pacing> = args.calls_per_person.into_iter().chain(args.abandoned_percent).collect();
    let tried = if named.is_empty() { COMPARED.to_vec() } else { named };
    let rows: Vec<Value> = tried
        .into_iter()
        .map(|pacing| row(&setting, pacing, &trial::run(&setting, pacing, Instant::now())))
        .collect();
    let rows = Value::from(rows);
    match args.json {
        true => out::line(format_args!("{rows:#}"))?,
        false => out::print(table(&COLUMNS, &rows))?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn setting(&self) -> Setting {
        let count = |number: u64| usize::try_from(number).expect("within its range");
        Setting {
            people: count(self.people),
            humans: self.humans / 100.0,
            machines: self.machines / 100.0,
            ring: Duration::from_secs(self.ring).max(RING_MIN),
            ring_max: Duration::from_secs(self.ring_max),
            verdict: Duration::from_millis(self.verdict_ms),
            talk: Duration::from_secs(self.talk),
            wrap_up: Duration::from_secs(self.wrap_up),
            patience: Duration::from_millis(self.patience_ms),
            lines: count(self.lines),
            time: Duration::from_secs(self.hours * 3_600),
            seed: self.seed,
        }
    }
}

/// In the configuration's words.
fn row(setting: &Setting, pacing: Pacing, report: &Report) -> Value {
    let name = match pacing {
        Pacing::Ratio(hundredths) => format!("calls_per_person = {:?}", f64::from(hundredths) / 100.0),
        Pacing::Predictive(per_mille) => format!("abandoned_percent = {:?}", f64::from(per_mille) / 10.0),
    };
    let time = setting.time.as_secs_f64() * setting.people as f64;
    let talks = report.answered - report.abandoned;
    let rounded = |value: f64, places: i32| {
        let by = 10_f64.powi(places);
        if value.is_finite() { json!((value * by).round() / by) } else { Value::Null }
    };
    json!({
        "pacing": name,
        "calls": report.calls,
        "answered": report.answered,
        "abandoned": report.abandoned,
        "abandoned_percent": rounded(report.abandoned as f64 * 100.0 / report.answered as f64, 2),
        "talking_percent": rounded(report.talked.as_secs_f64() * 100.0 / time, 1),
        "talks_per_person_hour": rounded(talks as f64 * 3_600.0 / time, 1),
        "wait_seconds": rounded(report.idle.as_secs_f64() / talks as f64, 1),
    })
}

fn percent(text: &str) -> Result<f64, &'static str> {
    let percent: f64 = text.parse().map_err(|_| "must be a number")?;
    if (0.0..=100.0).contains(&percent) { Ok(percent) } else { Err("must be from 0 to 100") }
}

fn ratio(text: &str) -> Result<Pacing, &'static str> {
    text.parse().ok().and_then(Pacing::ratio).ok_or("must be a number from 1 to 3")
}

fn share(text: &str) -> Result<Pacing, &'static str> {
    text.parse().ok().and_then(Pacing::predictive).ok_or("must be a number from 0.1 to 2.5")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &str) -> Option<Args> {
        Line::try_parse_from(format!("pacing {line}").split_whitespace()).ok().map(|line| line.args)
    }

    #[test]
    fn a_row_says_what_a_pacing_came_to_in_the_configurations_words() {
        let setting = args("--people 2 --hours 1").expect("a line").setting();
        let report = Report {
            calls: 100,
            answered: 50,
            abandoned: 1,
            talked: Duration::from_secs(3_600),
            idle: Duration::from_secs(98),
        };
        assert_eq!(
            row(&setting, Pacing::Predictive(20), &report),
            json!({ "pacing": "abandoned_percent = 2.0", "calls": 100, "answered": 50, "abandoned": 1,
                "abandoned_percent": 2.0, "talking_percent": 50.0, "talks_per_person_hour": 24.5, "wait_seconds": 2.0 })
        );
        let nobody = row(&setting, Pacing::Ratio(150), &Report::default());
        assert_eq!(
            (&nobody["pacing"], &nobody["wait_seconds"]),
            (&json!("calls_per_person = 1.5"), &Value::Null)
        );
    }

    #[test]
    fn what_cannot_be_tried_is_refused() {
        for line in [
            "--people 0",
            "--humans 101",
            "--humans x",
            "--calls-per-person 3.5",
            "--abandoned-percent 3",
            "--abandoned-percent nan",
            "--hours 0",
        ] {
            assert!(args(line).is_none(), "{line}");
        }
        assert_eq!(
            args("--abandoned-percent 0.5").and_then(|args| args.abandoned_percent),
            Some(Pacing::Predictive(5))
        );
    }
}
