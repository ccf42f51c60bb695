//! What the demonstration shows: lines while calls live, and a table, or JSON, once they are over.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::json;

use super::cast::Role;
use crate::cli::{out, story};
use crate::model::{Outcome, RecordingResult};

/// How one call ended.
pub struct Report {
    /// Whose call.
    pub role: Role,
    outcome: Outcome,
}

impl Report {
    /// Of a call that is over.
    pub fn new(role: Role, outcome: &Outcome) -> Self {
        Self { role, outcome: outcome.clone() }
    }

    /// Did it end as its callee was meant to end it?
    pub fn is_as_meant(&self) -> bool {
        self.outcome.disposition == self.role.expected
    }

    fn verdict(&self) -> Option<&str> {
        self.outcome.heard.as_ref().map(|heard| heard.class)
    }

    fn recording(&self) -> Option<&Path> {
        match &self.outcome.recording {
            Some(RecordingResult::Saved { path, .. } | RecordingResult::Cut { path, .. }) => Some(path),
            Some(RecordingResult::Failed { .. }) | None => None,
        }
    }

    fn json(&self) -> String {
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        json!({
            "callee": self.role.name,
            "expected": self.role.expected.as_str(),
            "outcome": self.outcome.disposition.as_str(),
            "verdict": self.verdict(),
            "verdict_reason": self.outcome.heard.as_ref().map(|heard| &heard.reason),
            "dead_air_ms": self.outcome.dead_air.map(ms),
            "duration_ms": story::duration(&self.outcome).map(ms),
            "recording": self.recording(),
        })
        .to_string()
    }

    fn row(&self) -> String {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        let mark = if self.is_as_meant() { "✓" } else { "✗" };
        format!(
            "{:<10} {mark} {:<20} {:<9} {:>9} {:>9}  {}",
            self.role.name,
            self.outcome.disposition.as_str(),
            self.verdict().unwrap_or("-"),
            or_dash(self.outcome.dead_air.map(|gap| format!("{} ms", gap.as_millis()))),
            or_dash(story::duration(&self.outcome).map(story::seconds)),
            or_dash(self.recording().map(super::shown)),
        )
    }
}

/// Where it is shown.
pub struct Screen {
    json: bool,
    colour: bool,
    started: OnceLock<Instant>,
}

impl Screen {
    /// Standard output: a person's terminal, a file, or, with `json`, a program.
    pub fn new(json: bool) -> Self {
        Self { json, colour: std::io::stdout().is_terminal(), started: OnceLock::new() }
    }

    /// Before the first call.
    pub fn opening(&self, http: SocketAddr, sip: SocketAddr) {
        if !self.json {
            out::show(format_args!(
                "The switch: API on http://{http}, SIP on udp:{sip}. Five calls, all at once:\n"
            ));
        }
    }

    /// Something happened.
    pub fn fact(&self, role: &Role, at: Instant, line: &str) {
        if self.json {
            return;
        }
        let since = at.saturating_duration_since(*self.started.get_or_init(|| at)).as_secs_f64();
        match self.colour {
            // One colour a callee, so that the eye can follow one call through all of them.
            true => out::show(format_args!(
                "{since:6.2}  \x1b[3{}m{:<10}\x1b[0m {line}",
                role.position() + 2,
                role.name
            )),
            false => out::show(format_args!("{since:6.2}  {:<10} {line}", role.name)),
        }
    }

    /// All is over.
    pub fn summary(&self, reports: &[Report], data_dir: &Path) {
        if self.json {
            return reports.iter().for_each(|report| out::show(report.json()));
        }
        out::show(format_args!(
            "\n{:<10}   {:<20} {:<9} {:>9} {:>9}  recording",
            "callee", "outcome", "verdict", "dead air", "talked"
        ));
        reports.iter().for_each(|report| out::show(report.row()));
        let as_meant = reports.iter().filter(|report| report.is_as_meant()).count();
        out::show(format_args!(
            "\n{as_meant} of {} calls ended as their callee was meant to end them.",
            reports.len()
        ));
        out::show(format_args!(
            "Recordings (stereo: the callee left, the agent right): {}",
            super::shown(&data_dir.join("recordings"))
        ));
    }
}
