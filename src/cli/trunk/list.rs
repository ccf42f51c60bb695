//! `trunkline trunk list`: how the running switch's trunks stand, or, when none runs, which the configuration declares.
//!
//! The state lives in the running switch, so it is asked over its own API: at `[http] listen`, with a key. Where nobody listens
//! there, nothing is known but what is written, and no key is needed.

use std::process::ExitCode;

use serde_json::Value;

use crate::cli::api::{Api, listens};
use crate::cli::asking::Asking;
use crate::cli::out;
use crate::config::Config;

/// Arguments of `trunkline trunk list`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    asking: Asking,
}

/// Exits with 0, or with 1 if the switch would not tell.
pub async fn run(Args { asking }: Args) -> anyhow::Result<ExitCode> {
    let config = asking.whom.config()?;
    let trunks = if listens(&config).await? {
        ask(&asking.whom.api_of(&config)?).await?
    } else {
        out::note(format_args!(
            "No switch listens on {}: this is what the configuration says.",
            config.http.listen
        ));
        declared(&config)
    };
    match asking.json {
        true => out::line(format_args!("{trunks:#}"))?,
        false => out::print(table(&trunks))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What the running switch says.
async fn ask(api: &Api) -> anyhow::Result<Value> {
    let all = api.all("/v1/native/trunks").await?;
    let trunks: Vec<Value> = all.iter().map(stands).collect();
    Ok(serde_json::json!({ "trunks": trunks }))
}

/// How one stands, and which it is.
fn stands(trunk: &Value) -> Value {
    let mut stands = trunk["health"].clone();
    for key in ["id", "name", "uri", "enabled"] {
        stands[key] = trunk[key].clone();
    }
    stands
}

fn declared(config: &Config) -> Value {
    let trunk = |trunk: &crate::model::Trunk| {
        serde_json::json!({ "name": trunk.name, "uri": trunk.uri, "enabled": trunk.enabled,
            "channels": { "max": trunk.channels }, "cps": { "max": trunk.cps } })
    };
    let trunks: Vec<_> = config.objects.trunks.iter().map(trunk).collect();
    serde_json::json!({ "trunks": trunks })
}

fn table(trunks: &Value) -> String {
    let mut rows = vec![["NAME", "STATE", "SINCE", "CALLS", "CPS", "WHY"].map(String::from)];
    for trunk in trunks["trunks"].as_array().into_iter().flatten() {
        let text = |key: &str| trunk[key].as_str().unwrap_or("-").to_owned();
        let number =
            |value: &Value| value.as_f64().map_or_else(|| "-".to_owned(), |number| format!("{number:.1}"));
        let calls = match (trunk["channels"]["in_use"].as_u64(), trunk["channels"]["max"].as_u64()) {
            (used, Some(max)) => format!("{}/{max}", used.unwrap_or(0)),
            (Some(used), None) => used.to_string(),
            (None, None) => "-".to_owned(),
        };
        let state = if trunk["enabled"] == false { "disabled".to_owned() } else { text("state") };
        let cps = if trunk["cps"]["now"].is_null() { &trunk["cps"]["max"] } else { &trunk["cps"]["now"] };
        rows.push([text("name"), state, text("since"), calls, number(cps), text("why")]);
    }
    let widths: [usize; 6] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let line = |row: &[String; 6]| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_how_each_trunk_stands() {
        let trunks = serde_json::json!({ "trunks": [
            { "name": "t1", "enabled": true, "state": "down", "since": "2026-01-01T00:00:00.000Z",
              "why": "OPTIONS got no answer, 3 times in a row", "channels": { "in_use": 2, "max": 10 },
              "cps": { "now": 2.5, "max": 5.0 } },
            { "name": "spare", "enabled": false, "state": "unknown", "channels": { "in_use": 0, "max": null },
              "cps": { "now": null, "max": null } },
        ] });
        let table = table(&trunks);
        let lines: Vec<_> = table.lines().collect();
        assert!(lines[0].starts_with("NAME   STATE     SINCE"), "{table}");
        assert!(
            lines[1].contains("down") && lines[1].contains("2/10   2.5  OPTIONS got no answer"),
            "{table}"
        );
        assert!(lines[2].starts_with("spare  disabled  -"), "{table}");
    }

    #[test]
    fn what_is_declared_tells_no_secret() {
        let text =
            "[[trunk]]\nname = \"t1\"\nuri = \"sip:a.example\"\nusername = \"u\"\npassword = \"hidden\"\n";
        let declared = declared(&Config::parse("t", text, []).expect("valid")).to_string();
        assert!(declared.contains("t1") && !declared.contains("hidden"), "{declared}");
    }
}
