//! The API's description: the same as served, printed and committed; each of its examples is taken and answered as it says; a
//! fuzzer that reads it finds nothing; its page loads nothing from elsewhere.

mod examples;
mod fuzzed;
mod page;

use serde_json::Value;

use crate::cli::trunkline;
use crate::switch::{Manner, Receiver};

/// The committed document.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/openapi/openapi.json");

/// What the program prints.
fn printed() -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let output = trunkline(folder.path(), &["openapi"]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn document() -> Value {
    serde_json::from_str(&printed()).expect("JSON")
}

#[test]
fn the_committed_description_is_the_programs_own() {
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    let printed = printed();
    let differs = committed.lines().zip(printed.lines()).enumerate().find(|(_, (old, new))| old != new);
    assert!(
        committed == printed,
        "the API changed, first at {differs:?}: look at the difference and commit it:\n\
         cargo run -- openapi > tests/it/openapi/openapi.json"
    );
}

/// A payment hook that confirms, and a receiver that takes everything.
fn hook() -> Receiver {
    let hook = Receiver::start();
    hook.set(Manner::Say(200, r#"{"status":"confirmed"}"#));
    hook
}

/// What the examples name, and money to pay for their calls.
fn extra(hook: &Receiver) -> String {
    format!(
        r#"
[billing]
enabled = true
default_balance = "100000"
[billing.topup]
hook_url = "{}"
secret = "hush"
[[rate]]
prefix = "+"
per_minute = "0.01"
[[trunk]]
name = "carrier"
uri = "sip:127.0.0.1:5999"
options_interval_seconds = 0
"#,
        hook.url()
    )
}
