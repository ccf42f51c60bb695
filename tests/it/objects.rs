//! Tenants, keys and objects in the store, through the real binary.

mod isolation;
mod keys;
mod native;
mod nixflex;
mod vendors;

use std::process::{Command, Output};

use base64::Engine;

use crate::switch::{Client, Reply, Switch};

/// Runs `trunkline` beside the switch, in its folder.
pub fn trunkline(switch: &Switch, words: &[&str]) -> Output {
    command(switch, words).output().expect("the program runs")
}

fn command(switch: &Switch, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.args(words).args(["--config", "trunkline.toml"]).current_dir(switch.folder());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TRUNKLINE_") {
            command.env_remove(name);
        }
    }
    command
}

/// The same, which must go well; what it prints.
pub fn told(switch: &Switch, words: &[&str]) -> String {
    let output = trunkline(switch, words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

/// A client of the switch with these credentials.
pub fn client(switch: &Switch, credentials: &str) -> Client {
    Client::with(&format!("http://{}", switch.place.http()), &format!("Bearer {credentials}"))
}

/// The same, as this vendor's clients show their credentials.
pub fn client_of(switch: &Switch, face: &str, credentials: &str) -> Client {
    if face != "twilio" {
        return client(switch, credentials);
    }
    let basic = base64::engine::general_purpose::STANDARD.encode(credentials);
    Client::with(&format!("http://{}", switch.place.http()), &format!("Basic {basic}"))
}

/// The API's word for what went wrong.
pub fn code(reply: &Reply) -> (u16, &str) {
    (reply.status, reply.json["error"]["code"].as_str().unwrap_or_default())
}
