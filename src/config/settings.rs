//! What the file and the environment say of the switch itself: everything but the objects, key by key, as it was written. Two readings
//! differ in what somebody changed meanwhile.

use std::collections::BTreeMap;
use std::fmt;

use toml::Value;

use super::source::Source;

/// Values by key: `http.listen`.
#[derive(Clone, Default, PartialEq)]
pub struct Settings(BTreeMap<String, Value>);

/// What is taken over while the switch runs: these, and what is below them.
const LIVE: [&str; 10] = [
    "amd",
    "billing",
    "http.tls_cert",
    "http.tls_key",
    "limits",
    "log.filter",
    "sip.allow_addresses",
    "sip.inbound_networks",
    "sip.tls_cert",
    "sip.tls_key",
];
/// What is not, though it is below one of those.
const NOT_LIVE: [&str; 2] = ["billing.enabled", "limits.queue_seconds"];
/// What is where there was something before, and still is: what listens by TLS does not begin to, or cease.
const REPLACED: [&str; 2] = ["sip.tls_cert", "sip.tls_key"];

impl Settings {
    pub(super) fn of(source: &Source) -> Self {
        let mut settings = BTreeMap::new();
        for (name, value) in source.values().as_table().into_iter().flatten() {
            match value {
                Value::Table(keys) => {
                    settings.extend(keys.iter().map(|(key, value)| (format!("{name}.{key}"), value.clone())));
                }
                // Objects and prices are always read again.
                Value::Array(_) => {}
                value => drop(settings.insert(name.clone(), value.clone())),
            }
        }
        Self(settings)
    }

    /// The keys in which another reading differs, and which wait for the next start.
    pub fn waiting(&self, newer: &Self) -> Vec<String> {
        let mut keys: Vec<&String> = self.0.keys().chain(newer.0.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        let waits = |key: &&String| match (self.0.get(*key), newer.0.get(*key)) {
            (before, after) if before == after => false,
            (Some(_), Some(_)) => !is_live(key),
            _ => !is_live(key) || REPLACED.contains(&key.as_str()),
        };
        keys.into_iter().filter(waits).cloned().collect()
    }
}

/// Values may be secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn is_live(key: &str) -> bool {
    let is_below =
        |live: &&str| key.strip_prefix(*live).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    LIVE.iter().any(is_below) && !NOT_LIVE.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn waiting(before: &str, after: &str) -> Vec<String> {
        let read = |text: &str| Config::parse("t", text, []).expect("valid").settings;
        read(before).waiting(&read(after))
    }

    #[test]
    fn what_was_changed_and_is_not_taken_over_waits_for_the_next_start() {
        let before =
            "data_dir = \"a\"\n[http]\nlisten = \"127.0.0.1:8080\"\n[media]\nports = \"20000-20099\"\n";
        assert_eq!(waiting(before, before), [] as [String; 0]);
        let after = "data_dir = \"b\"\n[http]\nlisten = \"127.0.0.1:9090\"\n[webhooks]\nallow_http = true\n";
        assert_eq!(waiting(before, after), ["data_dir", "http.listen", "media.ports", "webhooks.allow_http"]);
    }

    #[test]
    fn what_is_taken_over_does_not_wait() {
        let before = "[limits]\nconcurrent = 5\n[log]\nfilter = \"info\"\nformat = \"text\"\n";
        let after = "[limits]\ncps = 2.0\n[log]\nfilter = \"debug\"\nformat = \"json\"\n[amd]\ninitial_silence = 2000\n\
            [billing]\nenabled = true\ndefault_balance = \"5\"\n[[rate]]\nprefix = \"44\"\nper_minute = \"1\"\n";
        assert_eq!(waiting(before, after), ["billing.enabled", "log.format"]);
    }

    #[test]
    fn certificates_of_sip_are_replaced_and_neither_added_nor_taken_away() {
        let settings = |name: Option<&str>| {
            let keys = ["sip.tls_cert", "sip.tls_key"].into_iter();
            let values = name.into_iter().flat_map(|name| {
                keys.clone().map(move |key| (key.to_owned(), Value::String(name.to_owned())))
            });
            Settings(values.collect())
        };
        let (none, one, other) = (settings(None), settings(Some("a")), settings(Some("b")));
        assert_eq!(one.waiting(&other), [] as [String; 0]);
        for (before, after) in [(&none, &one), (&one, &none)] {
            assert_eq!(before.waiting(after), ["sip.tls_cert", "sip.tls_key"]);
        }
    }

    #[test]
    fn values_are_not_printed() {
        let settings =
            Config::parse("t", "database_url = \"postgres://u:hush@db/x\"\n", []).expect("valid").settings;
        let printed = format!("{settings:?}");
        assert!(printed.contains("database_url") && !printed.contains("hush"), "{printed}");
    }
}
