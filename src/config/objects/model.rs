//! `[agent.model]`: a hosted speech-to-speech model that talks in an agent's place.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use super::super::checker::Checker;
use super::super::uri;
use crate::model::{Model, PhoneNumber, Provider, Secret, Tools, WebhookTool};

/// Bytes of a saved prompt.
pub const PROMPT_BYTES_MAX: usize = 64 * 1024;
/// Tools of somebody's server, and numbers to put callees through to.
const TOOLS_MAX: usize = 16;
const TRANSFER_MAX: usize = 32;
/// Bytes of what a tool is said to be good for, and of the schema of its arguments.
const DESCRIPTION_BYTES_MAX: usize = 1_024;
const PARAMETERS_BYTES_MAX: usize = 8 * 1024;
/// Names that are the switch's own.
const OWN: [&str; 4] = ["end_call", "send_dtmf", "do_not_call", "transfer"];

/// A hosted speech-to-speech model that talks in an agent's place.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Model)]
pub struct Table {
    /// Whose protocol it speaks.
    #[schema(schema_with = providers)]
    provider: String,
    /// The model: `openai`'s realtime model, `deepgram`'s thinking one, `elevenlabs`' agent id.
    #[schema(max_length = 128)]
    model: String,
    /// Where it is; the provider's own servers if left out. `ws://` needs `webhooks.allow_http`.
    #[schema(format = "uri")]
    url: Option<String>,
    /// What opens the provider's door. It is never shown again.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>, write_only)]
    api_key: Option<Secret<String>>,
    /// Whose voice, as the provider names it.
    #[schema(max_length = 128)]
    voice: Option<String>,
    /// The agent's saved prompt: the call's own follows it.
    #[schema(max_length = 65536)]
    prompt: Option<String>,
    /// The language, as the provider names it.
    #[schema(max_length = 32)]
    language: Option<String>,
    /// How freely it chooses its words (`deepgram`).
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f64>,
    /// How fast it talks; 1 is as usual. `openai`: 0.25 to 1.5, `deepgram`: 0.25 to 2, `elevenlabs`: 0.7 to 1.2.
    #[schema(minimum = 0.25, maximum = 2)]
    speed: Option<f64>,
    /// The model that understands the callee in words (`openai`, `deepgram`).
    #[schema(max_length = 128)]
    listener: Option<String>,
    /// Whose model thinks (`deepgram`): `open_ai`, `anthropic`, `google` and so on.
    #[schema(max_length = 64)]
    thinker: Option<String>,
    /// What it may do besides talking.
    #[serde(default)]
    tools: ToolsTable,
    /// How long it may take to be there.
    #[serde(default = "connect_timeout")]
    #[schema(minimum = 1, maximum = 60)]
    connect_timeout_seconds: u64,
    /// How long it is tried again when it is lost in mid-call; not at all if left out.
    #[schema(minimum = 1, maximum = 60)]
    reconnect_seconds: Option<u64>,
}

/// What a model may do besides talking.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ModelTools)]
struct ToolsTable {
    /// Hang up.
    end_call: bool,
    /// Press keys.
    send_dtmf: bool,
    /// Put the callee's number on the do-not-call list.
    do_not_call: bool,
    /// Put the callee through to one of these numbers, in E.164.
    #[schema(max_items = 32)]
    transfer: Vec<String>,
    /// What somebody's server does for it.
    #[schema(max_items = 16)]
    webhooks: Vec<WebhookTable>,
}

impl Default for ToolsTable {
    fn default() -> Self {
        Self {
            end_call: true,
            send_dtmf: false,
            do_not_call: false,
            transfer: Vec::new(),
            webhooks: Vec::new(),
        }
    }
}

/// A tool of somebody's server: it gets the arguments by POST, and answers what the model is told.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ModelWebhook)]
struct WebhookTable {
    /// How the model names it.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    name: String,
    /// What it is good for.
    #[schema(max_length = 1024)]
    description: String,
    /// A JSON schema of its arguments, an object's.
    #[serde(default)]
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
    /// Where it is.
    #[schema(format = "uri")]
    url: String,
    /// How long it may take: the callee waits.
    #[serde(default = "tool_timeout")]
    #[schema(minimum = 1, maximum = 30)]
    timeout_seconds: u64,
}

fn providers() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Provider::ALL.map(Provider::as_str)))
        .build()
}

fn connect_timeout() -> u64 {
    10
}

fn tool_timeout() -> u64 {
    8
}

/// The model that a table describes; `None` where that cannot be, and the fault was told.
pub fn model(table: &Table, allow_plain: bool, path: &str, check: &mut Checker<'_>) -> Option<Arc<Model>> {
    let path = format!("{path}.model");
    let provider = table.provider.parse().ok();
    check.that(&format!("{path}.provider"), provider.is_some(), || {
        let all = Provider::ALL.map(Provider::as_str).join(", ");
        format!("`{}` must be one of {all}", table.provider)
    });
    short(&Some(table.model.clone()), 128, &path, "model", check);
    for (name, value, most) in [
        ("voice", &table.voice, 128),
        ("language", &table.language, 32),
        ("listener", &table.listener, 128),
        ("thinker", &table.thinker, 64),
    ] {
        short(value, most, &path, name, check);
    }
    let fits = table.prompt.as_ref().is_none_or(|prompt| prompt.len() <= PROMPT_BYTES_MAX);
    check.that(&format!("{path}.prompt"), fits, || format!("is longer than {PROMPT_BYTES_MAX} bytes"));
    let visible = |secret: &Secret<String>| {
        let key = secret.reveal();
        !key.is_empty() && key.len() <= 4_096 && key.bytes().all(|byte| matches!(byte, b'!'..=b'~'))
    };
    check.that(&format!("{path}.api_key"), table.api_key.as_ref().is_none_or(visible), || {
        "must be one word of ASCII".into()
    });
    between(table.temperature, (0.0, 2.0), &path, "temperature", check);
    let seconds = |key: &str| format!("{path}.{key}");
    let connect_within =
        check.seconds(&seconds("connect_timeout_seconds"), table.connect_timeout_seconds, 1..=60);
    let reconnect_within =
        table.reconnect_seconds.map(|wait| check.seconds(&seconds("reconnect_seconds"), wait, 1..=60));
    let tools = tools(&table.tools, allow_plain, &format!("{path}.tools"), check);
    let provider = provider?;
    only_where_it_is(table, provider, &path, check);
    between(table.speed, speeds(provider), &path, "speed", check);
    let url = url(table.url.as_deref().unwrap_or(provider.url()), allow_plain)
        .map_err(|reason| check.fault(&format!("{path}.url"), reason))
        .ok()?;
    Some(Arc::new(Model {
        provider,
        model: table.model.clone(),
        url,
        api_key: table.api_key.clone(),
        voice: table.voice.clone(),
        prompt: table.prompt.clone(),
        language: table.language.clone(),
        temperature: table.temperature,
        speed: table.speed,
        listener: table.listener.clone(),
        thinker: table.thinker.clone(),
        tools,
        connect_within,
        reconnect_within,
    }))
}

/// What a provider's protocol has no place for is refused, rather than said to nobody.
fn only_where_it_is(table: &Table, provider: Provider, path: &str, check: &mut Checker<'_>) {
    let is = |providers: &[Provider]| providers.contains(&provider);
    for (name, is_set, has_place) in [
        ("temperature", table.temperature.is_some(), is(&[Provider::Deepgram])),
        ("thinker", table.thinker.is_some(), is(&[Provider::Deepgram])),
        ("listener", table.listener.is_some(), is(&[Provider::OpenAi, Provider::Deepgram])),
    ] {
        check.that(&format!("{path}.{name}"), !is_set || has_place, || {
            format!("`{}` does not take it", provider.as_str())
        });
    }
}

/// How fast a provider's models talk, at least and at most: it refuses a session that says otherwise, while a callee waits.
fn speeds(provider: Provider) -> (f64, f64) {
    match provider {
        Provider::OpenAi => (0.25, 1.5),
        Provider::Deepgram => (0.25, 2.0),
        Provider::ElevenLabs => (0.7, 1.2),
    }
}

fn tools(table: &ToolsTable, allow_plain: bool, path: &str, check: &mut Checker<'_>) -> Tools {
    check.that(&format!("{path}.transfer"), table.transfer.len() <= TRANSFER_MAX, || {
        format!("must be at most {TRANSFER_MAX} numbers")
    });
    let mut transfer: Vec<PhoneNumber> = Vec::new();
    for (index, text) in table.transfer.iter().enumerate() {
        match text.parse() {
            Ok(number) => transfer.push(number),
            Err(error) => check.fault(&format!("{path}.transfer[{index}]"), format!("`{text}` is {error}")),
        }
    }
    check.that(&format!("{path}.webhooks"), table.webhooks.len() <= TOOLS_MAX, || {
        format!("must be at most {TOOLS_MAX}")
    });
    let mut webhooks: Vec<WebhookTool> = Vec::new();
    for (index, table) in table.webhooks.iter().enumerate() {
        let path = format!("{path}.webhooks[{index}]");
        let is_new = !OWN.contains(&table.name.as_str()) && webhooks.iter().all(|it| it.name != table.name);
        check.that(&format!("{path}.name"), is_new, || format!("`{}` is another tool's", table.name));
        webhooks.push(webhook(table, allow_plain, &path, check));
    }
    let ToolsTable { end_call, send_dtmf, do_not_call, .. } = *table;
    Tools { end_call, send_dtmf, do_not_call, transfer, webhooks }
}

fn webhook(table: &WebhookTable, allow_plain: bool, path: &str, check: &mut Checker<'_>) -> WebhookTool {
    let is_name = (1..=64).contains(&table.name.len())
        && table.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    check.that(&format!("{path}.name"), is_name, || {
        format!("`{}` must be 1 to 64 letters, digits, `_` or `-`", table.name)
    });
    let is_said = !table.description.trim().is_empty() && table.description.len() <= DESCRIPTION_BYTES_MAX;
    check.that(&format!("{path}.description"), is_said, || {
        format!("must be 1 to {DESCRIPTION_BYTES_MAX} bytes")
    });
    let schema = serde_json::to_string(&table.parameters).map_or(usize::MAX, |text| text.len());
    let kind = table.parameters.get("type");
    let is_object = kind.is_none_or(|kind| kind == "object") && schema <= PARAMETERS_BYTES_MAX;
    check.that(&format!("{path}.parameters"), is_object, || {
        format!("must be the schema of an object, of at most {PARAMETERS_BYTES_MAX} bytes")
    });
    if let Err(reason) = uri::webhook(&table.url, allow_plain) {
        check.fault(&format!("{path}.url"), reason);
    }
    let deadline = check.seconds(&format!("{path}.timeout_seconds"), table.timeout_seconds, 1..=30);
    let mut parameters = table.parameters.clone();
    parameters.entry("type").or_insert_with(|| "object".into());
    parameters.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    WebhookTool {
        name: table.name.clone(),
        description: table.description.clone(),
        parameters,
        url: table.url.clone(),
        deadline,
    }
}

/// Notes a fault where that is not one short line.
pub fn short(value: &Option<String>, most: usize, path: &str, name: &str, check: &mut Checker<'_>) {
    let fits = value.as_ref().is_none_or(|text| {
        (1..=most).contains(&text.len()) && !text.trim().is_empty() && !text.chars().any(char::is_control)
    });
    check.that(&format!("{path}.{name}"), fits, || format!("must be one line of 1 to {most} bytes"));
}

fn between(value: Option<f64>, (least, most): (f64, f64), path: &str, name: &str, check: &mut Checker<'_>) {
    let fits = value.is_none_or(|value| (least..=most).contains(&value));
    check.that(&format!("{path}.{name}"), fits, || format!("must be {least} to {most}"));
}

fn url(text: &str, allow_plain: bool) -> Result<Url, String> {
    // What stands before an `@` may be a password: the URL itself is not quoted.
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    match url.scheme() {
        "wss" => {}
        "ws" if allow_plain => {}
        "ws" => return Err("is not encrypted, which needs webhooks.allow_http = true".into()),
        _ => return Err("must begin with wss://".into()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must hold no credentials: there is api_key".into());
    }
    if url.host_str().is_none_or(str::is_empty) { Err("must name a host".into()) } else { Ok(url) }
}

#[cfg(test)]
mod tests;
