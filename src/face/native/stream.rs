//! The bot that listens in on a call that talks, or that takes it over: where it is, and what it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use utoipa::ToSchema;

use super::control::{Control, read, wrong};
use crate::model::{
    Bot, CONNECT_WITHIN, Dialect, Listener, PARAMETERS_BYTES_MAX, PARAMETERS_MAX, Refusal, Secret, Step,
};

/// Somebody's bot.
#[derive(Deserialize, ToSchema)]
#[schema(as = native::BotStream)]
#[serde(deny_unknown_fields)]
pub struct BotStream {
    /// Where it listens: `wss://`, or `tcp://` with its port for `audiosocket`.
    #[schema(required, nullable = false)]
    url: Option<String>,
    /// Whose media stream it was written for; `twilio` if left out.
    #[schema(pattern = "^(twilio|telnyx|plivo|vonage|exotel|jambonz|audiosocket)$")]
    dialect: Option<String>,
    /// How audio travels; what the dialect's service sends if left out.
    #[schema(pattern = "^(pcmu|pcma|l16_8000|l16_16000|l16_24000)$")]
    encoding: Option<String>,
    /// The handshake's `Authorization`.
    #[schema(value_type = Option<String>, write_only)]
    authorization: Option<Secret<String>>,
    /// What it is told.
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    /// How long it may take to be there.
    #[schema(minimum = 1, maximum = 60)]
    connect_timeout_seconds: Option<u64>,
    /// What it hears if it listens in: `callee` (the default), `agent` or `both`; both each for itself where the dialect names the track of
    /// each frame (`twilio`, `telnyx`, `plivo`), else as one sound.
    #[schema(pattern = "^(callee|agent|both)$")]
    track: Option<String>,
}

/// `{"url":"wss://…","dialect":"twilio","track":"callee"}`: it listens in.
pub fn start_stream(body: &[u8]) -> Result<Control, Refusal> {
    let asked: BotStream = read(body)?;
    let track = word(asked.track.as_deref(), "track")?.unwrap_or_default();
    let listener = Listener { bot: bot(asked)?, track };
    Ok(Step::StartStream(Arc::new(listener)).into())
}

/// The same without a track: the call is its own from now on.
pub fn connect(body: &[u8]) -> Result<Control, Refusal> {
    let asked: BotStream = read(body)?;
    if asked.track.is_some() {
        return Err(wrong("track", "is for whoever listens in: a bot that talks hears the callee"));
    }
    Ok(Step::Connect(Arc::new(bot(asked)?)).into())
}

fn bot(asked: BotStream) -> Result<Bot, Refusal> {
    let dialect = word(asked.dialect.as_deref(), "dialect")?.unwrap_or(Dialect::Twilio);
    let text = asked.url.ok_or(Refusal::MissingField("url"))?;
    let url = dialect.address(&text).map_err(|reason| wrong("url", reason))?;
    let encoding = word(asked.encoding.as_deref(), "encoding")?;
    if encoding.is_some_and(|encoding| !dialect.carries(encoding)) {
        return Err(wrong("encoding", format!("is not carried by {}", dialect.as_str())));
    }
    let parameters: Vec<_> = asked.parameters.into_iter().collect();
    if !Bot::takes(&parameters) {
        let reason = format!("must be at most {PARAMETERS_MAX}, of {PARAMETERS_BYTES_MAX} bytes together");
        return Err(wrong("parameters", reason));
    }
    let is_line = |secret: &Secret<String>| secret.reveal().bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !asked.authorization.as_ref().is_none_or(is_line) {
        return Err(wrong("authorization", "must be one line of ASCII"));
    }
    let connect_within = match asked.connect_timeout_seconds {
        None => CONNECT_WITHIN,
        Some(seconds @ 1..=60) => Duration::from_secs(seconds),
        Some(_) => return Err(wrong("connect_timeout_seconds", "must be 1 to 60")),
    };
    Ok(Bot {
        encoding,
        authorization: asked.authorization,
        parameters,
        connect_within,
        ..Bot::at(url, dialect)
    })
}

fn word<T: std::str::FromStr>(text: Option<&str>, field: &str) -> Result<Option<T>, Refusal> {
    let parsed =
        text.map(|text| text.parse().map_err(|_| wrong(field, "is none of the words that are known")));
    parsed.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Track;

    #[test]
    fn a_bot_is_read_with_what_it_is_told() {
        let body = br#"{"url":"wss://bot.example/a","dialect":"vonage","encoding":"l16_8000","track":"both",
            "authorization":"Bearer a","parameters":{"plan":"gold"},"connect_timeout_seconds":3}"#;
        let Step::StartStream(listener) = start_stream(body).expect("a bot").step else { panic!("a stream") };
        assert_eq!((listener.track, listener.bot.dialect), (Track::Both, Dialect::Vonage));
        assert_eq!(listener.bot.parameters, [("plan".to_owned(), "gold".to_owned())]);
        assert_eq!(listener.bot.connect_within, Duration::from_secs(3));
        let connected = connect(br#"{"url":"ws://bot.example/"}"#).expect("a bot");
        assert!(matches!(connected.step, Step::Connect(bot) if bot.dialect == Dialect::Twilio));
    }

    #[test]
    fn a_bot_that_cannot_be_is_refused_by_the_field_that_is_wrong() {
        for (body, field) in [
            (r#"{"url":"https://bot.example"}"#, "url"),
            (r#"{"url":"tcp://bot.example","dialect":"audiosocket"}"#, "url"),
            (r#"{"url":"wss://bot.example","dialect":"morse"}"#, "dialect"),
            (r#"{"url":"wss://bot.example","encoding":"l16_8000"}"#, "encoding"),
            (r#"{"url":"wss://bot.example","track":"left"}"#, "track"),
            (r#"{"url":"wss://bot.example","authorization":"a\r\nb: c"}"#, "authorization"),
            (r#"{"url":"wss://bot.example","connect_timeout_seconds":0}"#, "connect_timeout_seconds"),
        ] {
            match start_stream(body.as_bytes()) {
                Err(Refusal::InvalidField { field: named, .. }) => assert_eq!(named, field, "{body}"),
                other => panic!("{body}: {:?}", other.map(|control| control.step)),
            }
        }
        assert!(matches!(start_stream(b"{}"), Err(Refusal::MissingField("url"))));
        assert!(connect(br#"{"url":"wss://bot.example","track":"agent"}"#).is_err());
    }
}
