//! Prometheus' text format, read back.

use std::collections::BTreeMap;
use std::fmt;

/// Every sample by name and labels as they were written: `trunkline_calls_live`, `trunkline_calls_ended_total{trunk="t1",…}`.
#[derive(Clone, Debug)]
pub struct Metrics(pub BTreeMap<String, f64>);

/// What is not zero, but for the buckets of histograms.
impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.0.iter().filter(|(name, value)| **value != 0.0 && !name.contains("_bucket"));
        told.into_iter().try_for_each(|(name, value)| writeln!(f, "{name} {value}"))
    }
}

impl Metrics {
    pub fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
        });
        Self(samples.collect())
    }

    /// The sum of this name's samples that carry all of these labels; 0 if there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let matches = |key: &str| {
            let (own, rest) = key.split_once('{').unwrap_or((key, ""));
            own == name && labels.iter().all(|(label, value)| rest.contains(&format!("{label}=\"{value}\"")))
        };
        self.0.iter().filter(|(key, _)| matches(key)).map(|(_, value)| value).sum()
    }

    /// Calls that ended so.
    pub fn ended(&self, disposition: &str) -> f64 {
        self.sum("trunkline_calls_ended_total", &[("disposition", disposition)])
    }

    /// Calls that ended, however.
    pub fn ended_all(&self) -> f64 {
        self.sum("trunkline_calls_ended_total", &[])
    }

    /// A count of the SIP user agent: `sip("cancels_sent_total")`.
    pub fn sip(&self, name: &str) -> f64 {
        self.sum(&format!("trunkline_sip_{name}"), &[])
    }

    /// Nothing is left of any call: no call, no leg, no event under way.
    pub fn is_idle(&self) -> bool {
        ["trunkline_calls_live", "trunkline_calls_queued", "trunkline_media_legs"]
            .into_iter()
            .chain(["trunkline_webhook_tries_in_flight", "trunkline_store_queued_writes"])
            .all(|name| self.sum(name, &[]) == 0.0)
    }
}
