//! `[agent.stream]`: somebody's bot that talks in an agent's place.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use super::super::checker::Checker;
use crate::model::{Bot, CallAt, Dialect, Encoding, HearsFrom, PARAMETERS_BYTES_MAX, PARAMETERS_MAX, Secret};

/// Somebody's bot that talks in an agent's place.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Stream)]
pub struct Table {
    /// Where the bot listens: `wss://`, or `tcp://` with its port for `audiosocket`. Left out if the bot connects to the switch.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// The bot connects to the switch, at `/v1/stream/{call}`, from when it would be called.
    #[serde(default)]
    accept: bool,
    /// Whose media stream the bot was written for.
    #[schema(schema_with = dialects)]
    dialect: String,
    /// How audio travels; what the dialect's service sends if left out.
    #[schema(schema_with = encodings, required = false)]
    encoding: Option<String>,
    /// The handshake's `Authorization`. It is never shown again.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>, write_only)]
    authorization: Option<Secret<String>>,
    /// What the bot is told in every call, beside the call's own variables.
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    /// When it is called: while the callee's phone rings, once somebody answered, or once it is known who.
    #[serde(default)]
    call_at: CallAt,
    /// From when on it hears the callee: from the answer, or from when its own first words are heard, within five seconds.
    #[serde(default)]
    hears_from: HearsFrom,
    /// How long it may take to be there.
    #[serde(default = "connect_timeout")]
    #[schema(minimum = 1, maximum = 60)]
    connect_timeout_seconds: u64,
    /// How long it is tried again when it is lost in mid-call; not at all if left out.
    #[schema(minimum = 1, maximum = 60)]
    reconnect_seconds: Option<u64>,
}

fn dialects() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Dialect::ALL.map(Dialect::as_str)))
        .build()
}

fn encodings() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Encoding::ALL.map(Encoding::as_str)))
        .build()
}

fn connect_timeout() -> u64 {
    10
}

/// The bot that a table describes; `None` where that cannot be, and the fault was told.
pub fn bot(table: &Table, allow_plain: bool, path: &str, check: &mut Checker<'_>) -> Option<Arc<Bot>> {
    let path = format!("{path}.stream");
    let dialect =
        word::<Dialect>(&table.dialect, &Dialect::ALL.map(Dialect::as_str), &path, "dialect", check);
    let encoding = table
        .encoding
        .as_ref()
        .map(|text| word::<Encoding>(text, &Encoding::ALL.map(Encoding::as_str), &path, "encoding", check));
    let parameters: Vec<_> = table.parameters.clone().into_iter().collect();
    check.that(&format!("{path}.parameters"), Bot::takes(&parameters), || {
        format!("must be at most {PARAMETERS_MAX}, of {PARAMETERS_BYTES_MAX} bytes together")
    });
    let authorization = table.authorization.clone();
    let can_be_sent =
        |secret: &Secret<String>| secret.reveal().bytes().all(|byte| matches!(byte, b' '..=b'~'));
    check.that(&format!("{path}.authorization"), authorization.as_ref().is_none_or(can_be_sent), || {
        "must be one line of ASCII".into()
    });
    let seconds = |key: &str| format!("{path}.{key}");
    let connect_within =
        check.seconds(&seconds("connect_timeout_seconds"), table.connect_timeout_seconds, 1..=60);
    let reconnect_within = table
        .reconnect_seconds
        .map(|reconnect| check.seconds(&seconds("reconnect_seconds"), reconnect, 1..=60));
    let dialect = dialect?;
    let url = place(table, dialect, allow_plain)
        .map_err(|(key, reason)| check.fault(&format!("{path}.{key}"), reason))
        .ok()?;
    let encoding = match encoding {
        Some(encoding) => Some(encoding?),
        None => None,
    };
    check.that(&format!("{path}.encoding"), encoding.is_none_or(|it| dialect.carries(it)), || {
        format!("`{}` does not carry it", dialect.as_str())
    });
    Some(Arc::new(Bot {
        url,
        dialect,
        encoding,
        authorization,
        parameters,
        call_at: table.call_at,
        hears_from: table.hears_from,
        connect_within,
        reconnect_within,
    }))
}

fn word<T: FromStr>(text: &str, words: &[&str], path: &str, key: &str, check: &mut Checker<'_>) -> Option<T> {
    let parsed = text.parse().ok();
    check.that(&format!("{path}.{key}"), parsed.is_some(), || {
        format!("`{text}` must be one of {}", words.join(", "))
    });
    parsed
}

/// Where the bot is called, or that it calls; else which key is wrong, and why.
fn place(table: &Table, dialect: Dialect, allow_plain: bool) -> Result<Option<Url>, (&'static str, String)> {
    match (&table.url, table.accept) {
        (Some(text), false) => url(text, dialect, allow_plain).map(Some).map_err(|reason| ("url", reason)),
        (Some(_), true) => Err(("accept", "accept and url: one of them must go".into())),
        (None, false) => Err(("url", "is missing; a bot that connects by itself has accept = true".into())),
        (None, true) if !dialect.is_websocket() => {
            Err(("accept", format!("`{}` is not spoken over a WebSocket", dialect.as_str())))
        }
        (None, true) if table.authorization.is_some() => {
            Err(("authorization", "is for a bot that is called; one that connects shows a key".into()))
        }
        (None, true) => Ok(None),
    }
}

fn url(text: &str, dialect: Dialect, allow_plain: bool) -> Result<Url, String> {
    let url = dialect.address(text)?;
    match url.scheme() {
        "ws" if !allow_plain => Err("is not encrypted, which needs webhooks.allow_http = true".into()),
        _ => Ok(url),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn parse(table: &str) -> Result<Config, ConfigError> {
        let text = format!("[[agent]]\nid = \"a\"\n[agent.stream]\n{table}");
        Config::parse("t.toml", &text, std::iter::empty())
    }

    #[test]
    fn a_bot_is_called_or_it_calls() {
        let of =
            |table| parse(table).expect("valid").objects.agents[0].bot.as_ref().map(|bot| bot.url.is_some());
        assert_eq!(of("dialect = \"twilio\"\nurl = \"wss://bot.example/\""), Some(true));
        assert_eq!(of("dialect = \"vonage\"\naccept = true\nreconnect_seconds = 5"), Some(false));
    }

    #[test]
    fn what_it_cannot_be_is_refused_by_the_key_that_is_wrong() {
        for (table, fault) in [
            ("dialect = \"twilio\"", "stream.url: is missing"),
            ("dialect = \"twilio\"\naccept = false", "stream.url: is missing"),
            (
                "dialect = \"twilio\"\naccept = true\nurl = \"wss://bot.example/\"",
                "stream.accept: accept and url",
            ),
            (
                "dialect = \"audiosocket\"\naccept = true",
                "stream.accept: `audiosocket` is not spoken over a WebSocket",
            ),
            (
                "dialect = \"twilio\"\naccept = true\nauthorization = \"a\"",
                "stream.authorization: is for a bot that is called",
            ),
        ] {
            let refused = parse(table).expect_err("must be refused").to_string();
            assert!(refused.contains(fault), "{table}: {refused}");
        }
    }
}
