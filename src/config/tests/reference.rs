//! The reference names every key that there is: what the parser would have expected is looked for where its reader looks.

use super::refused;

const CONFIGURATION: &str = include_str!("../../../CONFIGURATION.md");
const README: &str = include_str!("../../../README.md");

/// Where a table's keys are told, and the beginning of a file that has the table.
const TABLES: [(&str, &str, &str); 40] = [
    (CONFIGURATION, "## The file itself", ""),
    (CONFIGURATION, "## `[http]`", "[http]"),
    (CONFIGURATION, "## `[sip]`", "[sip]"),
    (CONFIGURATION, "## `[media]`", "[media]"),
    (CONFIGURATION, "## `[limits]`", "[limits]"),
    (CONFIGURATION, "## `[recording]`", "[recording]"),
    (CONFIGURATION, "## `[log]`", "[log]"),
    (CONFIGURATION, "## `[amd]`", "[amd]"),
    (CONFIGURATION, "## `[tts]`", "[tts]"),
    (CONFIGURATION, "## `[transcription]`, `[analysis]`", "[transcription]"),
    (CONFIGURATION, "## `[transcription]`, `[analysis]`", "[analysis]"),
    (CONFIGURATION, "## `[webhooks]`, `[events]`", "[webhooks]"),
    (CONFIGURATION, "## `[webhooks]`, `[events]`", "[events]"),
    (CONFIGURATION, "## `[retention]`", "[retention]"),
    (CONFIGURATION, "## `[people]`", "[people]"),
    (CONFIGURATION, "## `[people]`", "[[people.ice_servers]]"),
    (CONFIGURATION, "## `[billing]`, `[billing.topup]`, `[[rate]]`", "[billing]"),
    (CONFIGURATION, "## `[billing]`, `[billing.topup]`, `[[rate]]`", "[billing.topup]"),
    (CONFIGURATION, "## `[billing]`, `[billing.topup]`, `[[rate]]`", "[[rate]]"),
    (README, "## Trunks", "[[trunk]]"),
    (README, "## Trunks", "[[trunk]]\n[trunk.tls]"),
    (README, "## Trunks", "[[trunk]]\n[trunk.stir]"),
    (README, "## Trunks", "[[trunk]]\n[trunk.spend]"),
    (README, "## Trunks", "[[trunk]]\n[trunk.inbound]"),
    (CONFIGURATION, "## `[[agent]]`", "[[agent]]"),
    (CONFIGURATION, "### `[[agent.script]]`", "[[agent]]\n[[agent.script]]"),
    (CONFIGURATION, "### `[[agent.script]]`", "[[agent]]\n[[agent.script]]\n[agent.script.gather]"),
    (CONFIGURATION, "### `[[agent.script]]`", "[[agent]]\n[[agent.script]]\n[agent.script.listen]"),
    (CONFIGURATION, "### `[[agent.script]]`", "[[agent]]\n[[agent.script]]\n[agent.script.branch]"),
    (CONFIGURATION, "### `[agent.stream]`", "[[agent]]\n[agent.stream]"),
    (CONFIGURATION, "### `[agent.model]`", "[[agent]]\n[agent.model]"),
    (CONFIGURATION, "### `[agent.model]`", "[[agent]]\n[agent.model.tools]"),
    (CONFIGURATION, "### `[agent.sip]`", "[[agent]]\n[agent.sip]"),
    (CONFIGURATION, "### `[agent.people]`", "[[agent]]\n[agent.people]"),
    (CONFIGURATION, "### `[agent.transcription]`, `[agent.analysis]`", "[[agent]]\n[agent.transcription]"),
    (CONFIGURATION, "### `[agent.transcription]`, `[agent.analysis]`", "[[agent]]\n[agent.analysis]"),
    (CONFIGURATION, "## `[[number]]`", "[[number]]"),
    (CONFIGURATION, "## `[[key]]`", "[[key]]"),
    (CONFIGURATION, "## `[[application]]`, `[[person]]`", "[[application]]"),
    (CONFIGURATION, "## `[[application]]`, `[[person]]`", "[[person]]"),
];

#[test]
fn every_key_that_the_parser_knows_stands_in_the_reference() {
    for (document, heading, table) in TABLES {
        let part = part(document, heading);
        for key in keys(table) {
            let is_told = part.contains(&format!("`{key}`")) || part.contains(&format!(".{key}]"));
            assert!(is_told, "`{key}` of {table} is not told of under {heading}");
        }
    }
}

/// What the parser would have taken in the place of a key that it does not know.
fn keys(table: &str) -> Vec<String> {
    let said = refused(&format!("{table}\nunheard_of = 1\n"), &[]);
    let expected = said.lines().find_map(|line| line.split_once("unknown field `unheard_of`, expected "));
    let (_, expected) = expected.unwrap_or_else(|| panic!("{table}: {said}"));
    let keys: Vec<_> = expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(!keys.is_empty(), "{table}: {said}");
    keys
}

/// A part of a document: from its heading to the next one that is not below it.
fn part<'d>(document: &'d str, heading: &str) -> &'d str {
    let start =
        document.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("nothing is headed {heading}"));
    let body = &document[start + 1 + heading.len()..];
    let level = heading.bytes().take_while(|byte| *byte == b'#').count();
    let ends = (1..=level).filter_map(|level| body.find(&format!("\n{} ", "#".repeat(level))));
    &body[..ends.min().unwrap_or(body.len())]
}
