//! `trunkline call hangup|say|play|dtmf|hold|resume|transfer`: what is done to a call of the running switch, by its API.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::cli::asking::Whom;
use crate::cli::out;
use crate::model::PhoneNumber;

/// What is done, and to which call.
#[derive(clap::Subcommand)]
pub enum Order {
    /// End a call of the running switch.
    Hangup(To),
    /// Say something on it.
    Say {
        #[command(flatten)]
        to: To,
        /// What.
        text: String,
        /// Cut short what is being said.
        #[arg(long)]
        interrupt: bool,
    },
    /// Play a WAV file on it.
    Play {
        #[command(flatten)]
        to: To,
        /// An http or https URL that the switch fetches, or a file here.
        source: String,
        /// Cut short what is being said.
        #[arg(long)]
        interrupt: bool,
    },
    /// Press keys on it.
    Dtmf {
        #[command(flatten)]
        to: To,
        /// `0`-`9`, `*`, `#`, `A`-`D`; `,` or `w` is half a second of pause.
        digits: String,
    },
    /// Put its far end on hold.
    Hold(To),
    /// Take its far end back.
    Resume(To),
    /// Have its far end put through to another number.
    Transfer {
        #[command(flatten)]
        to: To,
        /// Where to, in E.164 form.
        number: PhoneNumber,
    },
}

/// Which call.
#[derive(clap::Args)]
pub struct To {
    /// The call's id, in any rendering.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    whom: Whom,
}

/// Has it done.
pub async fn run(order: Order) -> anyhow::Result<ExitCode> {
    let (to, verb, body) = match order {
        Order::Hangup(to) => (to, "hangup", json!({})),
        Order::Say { to, text, interrupt } => (to, "say", json!({ "text": text, "interrupt": interrupt })),
        Order::Play { to, source, interrupt } => (to, "play", sound(&source, interrupt)?),
        Order::Dtmf { to, digits } => (to, "dtmf", json!({ "digits": digits })),
        Order::Hold(to) => (to, "hold", json!({})),
        Order::Resume(to) => (to, "resume", json!({})),
        Order::Transfer { to, number } => (to, "transfer", json!({ "to": number.as_str() })),
    };
    let api = to.whom.api()?;
    // Whatever is no id of a call names nothing: it must not name another path.
    anyhow::ensure!(
        to.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
        "`{}` is no call's id",
        to.id
    );
    api.post(&format!("/v1/native/calls/{}/{verb}", to.id), body.to_string().into_bytes()).await?;
    out::line(format_args!("{verb}: accepted"))?;
    Ok(ExitCode::SUCCESS)
}

fn sound(source: &str, interrupt: bool) -> anyhow::Result<Value> {
    if source.starts_with("http://") || source.starts_with("https://") {
        return Ok(json!({ "url": source, "interrupt": interrupt }));
    }
    let wav = std::fs::read(PathBuf::from(source)).with_context(|| source.to_owned())?;
    Ok(json!({ "audio": STANDARD.encode(wav), "interrupt": interrupt }))
}
