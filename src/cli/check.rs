//! `trunkline check`: says what a configuration declares, or everything that is wrong with it.

use std::process::ExitCode;

use crate::cli::{ConfigArgs, out};
use crate::config::Config;

/// Arguments of `trunkline check`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Exits with 0 and a summary, or with 2 and the faults.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    out::print(summary(&args.config.load()?))?;
    Ok(ExitCode::SUCCESS)
}

fn summary(config: &Config) -> String {
    let objects = &config.objects;
    let sip: Vec<_> = config.sip.listen.iter().map(ToString::to_string).collect();
    let recording = match config.recording.enabled {
        true => config.recording.directory.display().to_string(),
        false => "off".to_owned(),
    };
    let unlimited = || "no limit".to_owned();
    let rows = [
        ("http", config.http.listen.to_string()),
        ("sip", sip.join(", ")),
        (
            "media",
            format!(
                "{}, ports {}-{}",
                config.media.address,
                config.media.ports.start(),
                config.media.ports.end()
            ),
        ),
        ("database", config.database.to_string()),
        ("recordings", recording),
        ("calls", config.limits.concurrent.map_or_else(unlimited, |calls| format!("{calls} at once"))),
        ("trunks", names(objects.trunks.iter().map(|trunk| trunk.name.as_str()))),
        ("agents", names(objects.agents.iter().map(|agent| agent.alias.as_str()))),
        ("numbers", names(objects.numbers.iter().map(|number| number.e164.as_str()))),
        ("keys", names(objects.keys.iter().map(|key| key.public.as_str()))),
    ];
    let rows: String = rows.iter().map(|(name, value)| format!("  {name:<11}{value}\n")).collect();
    format!("The configuration is valid.\n{rows}")
}

/// How many, and the first few of them.
fn names<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 5;
    let count = names.len();
    let shown: Vec<_> = names.take(SHOWN).collect();
    match (count, count.saturating_sub(SHOWN)) {
        (0, _) => "none".to_owned(),
        (_, 0) => format!("{count} ({})", shown.join(", ")),
        (_, more) => format!("{count} ({} and {more} more)", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_names_what_is_declared_and_no_secret() {
        let text =
            "[[trunk]]\nname = \"t1\"\nuri = \"sip:a.example\"\nusername = \"u\"\npassword = \"hidden\"\n";
        let summary = summary(&Config::parse("t", text, []).expect("valid"));
        assert!(summary.contains("  trunks     1 (t1)\n"), "{summary}");
        assert!(!summary.contains("hidden"));
    }

    #[test]
    fn long_lists_are_cut() {
        let many: Vec<_> = (0..7).map(|n| n.to_string()).collect();
        assert_eq!(names(many.iter().map(String::as_str)), "7 (0, 1, 2, 3, 4 and 2 more)");
        assert_eq!(names([].into_iter()), "none");
    }
}
