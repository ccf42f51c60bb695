//! What an `answer_url` is asked, and the `{"actions":[…]}` that it answers, in keyed form (`{"say":{"text":"…"}}`, or for one
//! field just `{"say":"…"}`) or typed form (`{"type":"say","text":"…"}`). A document with an action that is not known, or not
//! understood, is refused as a whole: half of what a program meant is not what it meant.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use url::Url;

use super::event::envelope;
use crate::face::UnreadableSteps;
use crate::model::{
    Bot, CallRecord, DIGITS_MAX, Destination, Dial, Dialect, Gather, HEADERS_MAX, Header, Listener, Occasion,
    PhoneNumber, RING_USUAL, SPOKEN_BYTES_MAX, STEPS_MAX, Side, Sound, Step, Timestamp, Track, URL_BYTES_MAX,
    WAIT_MAX,
};

/// For how long a digit is awaited when nobody says.
const GATHER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a pause is when nobody says.
const PAUSE: Duration = Duration::from_secs(1);

/// The body of the request that asks what to do: an event's envelope, whose `data` says what came of the last action.
pub fn question(occasion: &Occasion, at: Timestamp, record: &CallRecord) -> String {
    let (event, data) = match occasion {
        Occasion::Answered => ("call.answered", json!({})),
        Occasion::Gathered { digits, end } => {
            ("gather.completed", json!({ "digits": digits, "reason": end.as_str() }))
        }
        Occasion::Dialled(dialled) => (
            "bridge.completed",
            json!({
                "status": dialled.status.as_str(),
                "call_id": dialled.call.map(|call| format!("call_{call}")),
                "duration_seconds": dialled.talked.as_secs(),
                "sip_code": dialled.sip_status,
            }),
        ),
        Occasion::Redirected => ("call.redirected", json!({})),
    };
    envelope(event, at, record, &data)
}

/// The steps of a document that came from `base`, to which its URLs may be relative.
pub fn steps(base: &str, body: &[u8]) -> Result<Vec<Step>, UnreadableSteps> {
    let document: Value = serde_json::from_slice(body).map_err(|_| wrong("it is not JSON"))?;
    let actions = document.get("actions").and_then(Value::as_array);
    let actions = actions.ok_or_else(|| wrong("`actions` must be an array"))?;
    let base = Url::parse(base).map_err(|_| wrong("its own URL cannot be read"))?;
    list(&base, actions, false)
}

fn list(base: &Url, actions: &[Value], is_prompt: bool) -> Result<Vec<Step>, UnreadableSteps> {
    if actions.len() > STEPS_MAX {
        return Err(wrong(format!("it has more than {STEPS_MAX} actions")));
    }
    let read = |(index, action): (usize, &Value)| {
        let read = Action::of(base, action).and_then(|action| action.step(is_prompt));
        read.map_err(|problem| wrong(format!("action {index}: {}", problem.0)))
    };
    actions.iter().enumerate().map(read).collect()
}

/// One action: its name and its fields, whichever form it has.
struct Action<'a> {
    base: &'a Url,
    name: &'a str,
    fields: Fields<'a>,
}

enum Fields<'a> {
    Many(&'a Map<String, Value>),
    /// The keyed form's shorthand.
    One(&'a Value),
}

impl<'a> Action<'a> {
    fn of(base: &'a Url, action: &'a Value) -> Result<Self, UnreadableSteps> {
        let fields = action.as_object().ok_or_else(|| wrong("it must be an object"))?;
        if let Some(name) = fields.get("type") {
            let name = name.as_str().ok_or_else(|| wrong("`type` must be a string"))?;
            return Ok(Self { base, name, fields: Fields::Many(fields) });
        }
        let mut entries = fields.iter();
        let (Some((name, value)), None) = (entries.next(), entries.next()) else {
            return Err(wrong("it must have a `type`, or one key"));
        };
        let fields = match value {
            Value::Object(fields) => Fields::Many(fields),
            value => Fields::One(value),
        };
        Ok(Self { base, name, fields })
    }

    fn step(&self, is_prompt: bool) -> Result<Step, UnreadableSteps> {
        let step = match self.name {
            "say" => Step::Say(self.text(&["text"])?.into()),
            "play" => Step::Play(Sound::Url(self.url(&["url"])?)),
            "pause" => Step::Pause(self.seconds(&["seconds", "length"])?.unwrap_or(PAUSE)),
            _ if is_prompt => return Err(wrong(format!("`{}` is no part of a prompt", self.name))),
            "gather" => Step::Gather(Box::new(self.gather()?)),
            "send_digits" => Step::SendDigits(self.digits()?),
            "redirect" => Step::Redirect(self.url(&["url"])?.into()),
            "transfer" => Step::Transfer(self.number()?),
            "bridge" => Step::Dial(Arc::new(self.bridge()?)),
            "hold" => Step::Hold,
            "resume" => Step::Resume,
            "mute" => Step::Mute(self.side()?),
            "unmute" => Step::Unmute(self.side()?),
            "start_recording" => Step::StartRecording,
            "stop_recording" => Step::StopRecording,
            "hangup" => Step::Hangup,
            "start_stream" => Step::StartStream(Arc::new(self.listener()?)),
            "stop_stream" => Step::StopStream,
            // Whatever stands there is shown to nobody: it may be anything.
            _ => return Err(wrong("its name is not known")),
        };
        Ok(step)
    }

    /// The first of these fields that is there; the shorthand is the first.
    fn field(&self, names: &[&str]) -> Option<&'a Value> {
        let found = match &self.fields {
            Fields::Many(fields) => names.iter().find_map(|name| fields.get(*name)),
            Fields::One(value) => Some(*value),
        };
        found.filter(|value| !value.is_null())
    }

    fn string(&self, names: &[&str], bytes_max: usize) -> Result<Option<&'a str>, UnreadableSteps> {
        let Some(value) = self.field(names) else { return Ok(None) };
        match value.as_str() {
            Some(text) if text.len() <= bytes_max => Ok(Some(text)),
            _ => Err(wrong(format!("`{}` must be a string of at most {bytes_max} bytes", names[0]))),
        }
    }

    fn text(&self, names: &[&str]) -> Result<&'a str, UnreadableSteps> {
        let text = self.string(names, SPOKEN_BYTES_MAX)?.map(str::trim).filter(|text| !text.is_empty());
        text.ok_or_else(|| wrong(format!("`{}` is missing or empty", names[0])))
    }

    fn url(&self, names: &[&str]) -> Result<String, UnreadableSteps> {
        let text = self.string(names, URL_BYTES_MAX)?;
        let text = text.ok_or_else(|| wrong(format!("`{}` is missing", names[0])))?;
        let url = self.base.join(text).map_err(|_| wrong(format!("`{}` is no URL", names[0])))?;
        Ok(url.into())
    }

    fn seconds(&self, names: &[&str]) -> Result<Option<Duration>, UnreadableSteps> {
        let Some(value) = self.field(names) else { return Ok(None) };
        let seconds = value.as_f64().filter(|seconds| (0.0..=WAIT_MAX.as_secs_f64()).contains(seconds));
        let problem = || wrong(format!("`{}` must be 0 to {} seconds", names[0], WAIT_MAX.as_secs()));
        seconds.map(Duration::from_secs_f64).map(Some).ok_or_else(problem)
    }

    fn number(&self) -> Result<PhoneNumber, UnreadableSteps> {
        let text = self.string(&["to", "number"], URL_BYTES_MAX)?.unwrap_or_default();
        text.parse().map_err(|_| wrong("`to` is not a valid E.164 number"))
    }

    /// Somebody is called and talks with the callee, here: a number or a SIP URI.
    fn bridge(&self) -> Result<Dial, UnreadableSteps> {
        let text = self.string(&["to", "number", "uri"], URL_BYTES_MAX)?.unwrap_or_default();
        let to: Destination =
            text.parse().map_err(|_| wrong("`to` is neither a valid E.164 number nor a SIP URI"))?;
        let Fields::Many(fields) = self.fields else { return Ok(Dial::new(vec![to])) };
        let caller = self.string(&["from", "caller_id"], URL_BYTES_MAX)?;
        let caller = caller.map(|text| text.parse().map_err(|_| wrong("`from` is not a valid E.164 number")));
        let ring_timeout = self.seconds(&["timeout", "timeout_seconds"])?.unwrap_or(RING_USUAL);
        if ring_timeout.is_zero() {
            return Err(wrong("`timeout` must be more than 0 seconds"));
        }
        let flag = |name: &str| match fields.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(said)) => Ok(*said),
            Some(_) => Err(wrong(format!("`{name}` must be true or false"))),
        };
        let action = self.field(&["action", "action_url"]).map(|_| self.url(&["action", "action_url"]));
        Ok(Dial {
            caller: caller.transpose()?,
            ring_timeout,
            headers: self.headers(fields)?,
            record: flag("record")?,
            action: action.transpose()?,
            ..Dial::new(vec![to])
        })
    }

    fn headers(&self, fields: &Map<String, Value>) -> Result<Vec<Header>, UnreadableSteps> {
        let given = match fields.get("headers") {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Object(given)) if given.len() <= HEADERS_MAX => given,
            Some(_) => return Err(wrong(format!("`headers` must be an object of at most {HEADERS_MAX}"))),
        };
        let header = |(name, value): (&String, &Value)| {
            let header = value.as_str().and_then(|value| Header::new(name, value));
            header.ok_or_else(|| wrong("`headers` must be X- headers of one short line"))
        };
        given.iter().map(header).collect()
    }

    fn digits(&self) -> Result<String, UnreadableSteps> {
        let digits = self.string(&["digits"], DIGITS_MAX)?.unwrap_or_default();
        let is_key = |byte: u8| matches!(byte.to_ascii_uppercase(), b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D' | b',' | b'W');
        match digits.bytes().all(is_key) && !digits.is_empty() {
            true => Ok(digits.to_owned()),
            false => Err(wrong(format!("`digits` must be 1 to {DIGITS_MAX} of 0-9 * # A-D , w"))),
        }
    }

    fn side(&self) -> Result<Side, UnreadableSteps> {
        match self.choice("side")? {
            None | Some("agent") => Ok(Side::Agent),
            Some("callee") => Ok(Side::Callee),
            Some(_) => Err(wrong("`side` must be agent or callee")),
        }
    }

    /// A word that may be left out, as it is in the shorthand.
    fn choice(&self, name: &str) -> Result<Option<&'a str>, UnreadableSteps> {
        match self.fields {
            Fields::Many(_) => self.string(&[name], DIGITS_MAX),
            Fields::One(_) => Ok(None),
        }
    }

    /// The bot behind a `start_stream` expects Twilio's messages, the most spoken of them, unless its `dialect` says otherwise.
    fn listener(&self) -> Result<Listener, UnreadableSteps> {
        let dialect = match self.choice("dialect")? {
            None => Dialect::Twilio,
            Some(word) => word.parse().map_err(|()| wrong("`dialect` is none that is known"))?,
        };
        let text = self.string(&["url"], URL_BYTES_MAX)?.unwrap_or_default();
        let url = dialect.address(text).map_err(|reason| wrong(format!("`url` {reason}")))?;
        let track = match self.choice("track")? {
            None => Track::Callee,
            Some(word) => word.parse().map_err(|()| wrong("`track` must be callee, agent or both"))?,
        };
        Ok(Listener { bot: Bot::at(url, dialect), track })
    }

    fn gather(&self) -> Result<Gather, UnreadableSteps> {
        let Fields::Many(fields) = self.fields else { return Err(wrong("`gather` must be an object")) };
        let digits_max = match self.field(&["num_digits", "max_digits"]) {
            None => DIGITS_MAX,
            Some(value) => {
                let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
                count
                    .filter(|count| (1..=DIGITS_MAX).contains(count))
                    .ok_or_else(|| wrong(format!("`num_digits` must be 1 to {DIGITS_MAX}")))?
            }
        };
        let finish_on = match self.string(&["finish_on_key"], DIGITS_MAX)? {
            None => Some('#'),
            Some("") => None,
            Some(key) => match (key.chars().next(), key.len()) {
                (Some(key @ ('0'..='9' | '*' | '#')), 1) => Some(key),
                _ => return Err(wrong("`finish_on_key` must be one of 0-9 * #, or empty")),
            },
        };
        let action = self.field(&["action", "action_url"]).map(|_| self.url(&["action", "action_url"]));
        Ok(Gather {
            turn: None,
            prompt: self.prompt(fields)?,
            digits_max,
            finish_on,
            timeout: self.seconds(&["timeout", "timeout_seconds"])?.unwrap_or(GATHER_TIMEOUT),
            action: action.transpose()?.map(Into::into),
            ask_if_empty: true,
        })
    }

    /// `prompt` is what is said, or a list of says, plays and pauses; `say` and `play` stand for one each.
    fn prompt(&self, fields: &Map<String, Value>) -> Result<Vec<Step>, UnreadableSteps> {
        match fields.get("prompt") {
            Some(Value::Array(actions)) => return list(self.base, actions, true),
            Some(Value::String(_)) => return Ok(vec![Step::Say(self.text(&["prompt"])?.into())]),
            None | Some(Value::Null) => {}
            Some(_) => return Err(wrong("`prompt` must be a string or an array")),
        }
        let mut prompt = Vec::new();
        for name in ["say", "play"] {
            if let Some(value) = fields.get(name) {
                let fields = match value {
                    Value::Object(fields) => Fields::Many(fields),
                    value => Fields::One(value),
                };
                prompt.push(Action { base: self.base, name, fields }.step(true)?);
            }
        }
        Ok(prompt)
    }
}

fn wrong(why: impl Into<String>) -> UnreadableSteps {
    UnreadableSteps(why.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Action;

    const BASE: &str = "https://bot.example/voice/answer?x=1";

    fn read(actions: &str) -> Result<Vec<Step>, UnreadableSteps> {
        steps(BASE, format!(r#"{{"actions":{actions}}}"#).as_bytes())
    }

    fn only(action: &str) -> Step {
        let mut steps = read(&format!("[{action}]")).unwrap_or_else(|error| panic!("{action}: {error}"));
        assert_eq!(steps.len(), 1, "{action}");
        steps.remove(0)
    }

    #[test]
    fn keyed_and_typed_form_mean_the_same() {
        let number = || "+15551230002".parse().expect("E.164");
        for (keyed, typed, meant) in [
            (r#"{"say":{"text":" Hi. "}}"#, r#"{"type":"say","text":"Hi."}"#, Step::Say("Hi.".into())),
            (
                r#"{"play":"music.wav"}"#,
                r#"{"type":"play","url":"https://bot.example/voice/music.wav"}"#,
                Step::Play(Sound::Url("https://bot.example/voice/music.wav".into())),
            ),
            (
                r#"{"pause":{"seconds":2.5}}"#,
                r#"{"type":"pause","seconds":2.5}"#,
                Step::Pause(Duration::from_millis(2_500)),
            ),
            (
                r#"{"send_digits":"12#"}"#,
                r#"{"type":"send_digits","digits":"12#"}"#,
                Step::SendDigits("12#".into()),
            ),
            (
                r#"{"redirect":{"url":"/next"}}"#,
                r#"{"type":"redirect","url":"/next"}"#,
                Step::Redirect("https://bot.example/next".to_owned().into()),
            ),
            (
                r#"{"transfer":{"to":"+15551230002"}}"#,
                r#"{"type":"transfer","to":"+15551230002"}"#,
                Step::Transfer(number()),
            ),
            (
                r#"{"bridge":{"to":"+15551230002"}}"#,
                r#"{"type":"bridge","number":"+15551230002"}"#,
                Step::Dial(Arc::new(Dial::new(vec![Destination::Number(number())]))),
            ),
            (r#"{"hold":{}}"#, r#"{"type":"hold"}"#, Step::Hold),
            (r#"{"resume":null}"#, r#"{"type":"resume"}"#, Step::Resume),
            (r#"{"mute":true}"#, r#"{"type":"mute"}"#, Step::Mute(Side::Agent)),
            (
                r#"{"unmute":{"side":"callee"}}"#,
                r#"{"type":"unmute","side":"callee"}"#,
                Step::Unmute(Side::Callee),
            ),
            (r#"{"start_recording":{}}"#, r#"{"type":"start_recording"}"#, Step::StartRecording),
            (r#"{"stop_recording":{}}"#, r#"{"type":"stop_recording"}"#, Step::StopRecording),
            (
                r#"{"start_stream":"wss://a.example/b"}"#,
                r#"{"type":"start_stream","url":"wss://a.example/b","track":"callee"}"#,
                Step::StartStream(Arc::new(Listener {
                    bot: Bot::at("wss://a.example/b".parse().expect("a URL"), Dialect::Twilio),
                    track: Track::Callee,
                })),
            ),
            (r#"{"stop_stream":{}}"#, r#"{"type":"stop_stream"}"#, Step::StopStream),
            (r#"{"hangup":{}}"#, r#"{"type":"hangup"}"#, Step::Hangup),
        ] {
            assert!(only(keyed) == meant, "{keyed}");
            assert!(only(typed) == meant, "{typed}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_answered_never_panics(
            name in "say|play|pause|gather|send_digits|transfer|mute|redirect|start_stream|type|[a-z]{0,9}",
            field in "text|url|track|dialect|seconds|prompt|digits|num_digits|finish_on_key|action|to|side|type",
            value in "null|true|-1|1e400|0.5|99999999999999999999|\"\"|\"\u{e9}{0,3}\"|\"#\"|\\[\\]|\\{\\}|\\[\\{\"say\":1\\}\\]",
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let _ = steps(BASE, &bytes);
            let _ = read(&format!("[{{\"{name}\":{value}}}]"));
            let _ = read(&format!("[{{\"{name}\":{{\"{field}\":{value}}}}}]"));
            let _ = read(&format!("[{{\"type\":\"{name}\",\"{field}\":{value}}}]"));
        }
    }

    #[test]
    fn a_gather_says_what_it_waits_for() {
        let Step::Gather(gather) = only(
            r#"{"gather":{"num_digits":4,"finish_on_key":"*","timeout":3,"action":"pin","say":"Your code?"}}"#,
        ) else {
            panic!("it is a gather");
        };
        assert!(gather.prompt == [Step::Say("Your code?".into())]);
        assert_eq!((gather.digits_max, gather.finish_on), (4, Some('*')));
        assert_eq!(gather.timeout, Duration::from_secs(3));
        let action = gather.action.as_ref().and_then(Action::link).map(|link| (link.url.as_str(), link.verb));
        assert_eq!(action, Some(("https://bot.example/voice/pin", crate::model::Verb::Post)));
        let Step::Gather(gather) = only(
            r#"{"type":"gather","prompt":[{"say":"One."},{"pause":1},{"play":{"url":"https://a.example/b.wav"}}]}"#,
        ) else {
            panic!("it is a gather");
        };
        assert_eq!((gather.prompt.len(), gather.digits_max, gather.finish_on), (3, DIGITS_MAX, Some('#')));
        assert_eq!((gather.timeout, gather.action.is_none()), (GATHER_TIMEOUT, true));
    }

    #[test]
    fn what_is_not_understood_is_refused_as_a_whole() {
        for (actions, why) in [
            (r#"[{"say":"Hi."},{"sing":"la"}]"#, "action 1: its name is not known"),
            (r#"[{"say":""}]"#, "action 0: `text` is missing or empty"),
            (r#"[{"say":7}]"#, "action 0: `text` must be a string of at most 8192 bytes"),
            (r#"["say"]"#, "action 0: it must be an object"),
            (r#"[{}]"#, "action 0: it must have a `type`, or one key"),
            (r#"[{"say":"a","play":"b"}]"#, "action 0: it must have a `type`, or one key"),
            (r#"[{"type":7}]"#, "action 0: `type` must be a string"),
            (r#"[{"pause":601}]"#, "action 0: `seconds` must be 0 to 600 seconds"),
            (r#"[{"pause":-1}]"#, "action 0: `seconds` must be 0 to 600 seconds"),
            (r#"[{"play":"http://["}]"#, "action 0: `url` is no URL"),
            (r#"[{"send_digits":"12x"}]"#, "action 0: `digits` must be 1 to 64 of 0-9 * # A-D , w"),
            (r#"[{"bridge":"desk"}]"#, "action 0: `to` is neither a valid E.164 number nor a SIP URI"),
            (
                r#"[{"bridge":{"to":"sip:a@b","headers":{"Via":"c"}}}]"#,
                "action 0: `headers` must be X- headers of one short line",
            ),
            (r#"[{"bridge":{"to":"+12","timeout":0}}]"#, "action 0: `timeout` must be more than 0 seconds"),
            (r#"[{"bridge":{"to":"+12","record":1}}]"#, "action 0: `record` must be true or false"),
            (r#"[{"transfer":{"to":"desk"}}]"#, "action 0: `to` is not a valid E.164 number"),
            (
                r#"[{"start_stream":{"url":"https://a.example"}}]"#,
                "action 0: `url` must begin with wss:// for this dialect",
            ),
            (
                r#"[{"start_stream":{"url":"wss://a.example","track":"left"}}]"#,
                "action 0: `track` must be callee, agent or both",
            ),
            (
                r#"[{"gather":{"prompt":[{"gather":{}}]}}]"#,
                "action 0: action 0: `gather` is no part of a prompt",
            ),
            (r#"[{"gather":{"num_digits":0}}]"#, "action 0: `num_digits` must be 1 to 64"),
            (
                r#"[{"gather":{"finish_on_key":"AB"}}]"#,
                "action 0: `finish_on_key` must be one of 0-9 * #, or empty",
            ),
            (r#"{"say":"Hi."}"#, "`actions` must be an array"),
        ] {
            assert_eq!(read(actions).map_err(|error| error.0), Err(why.to_owned()), "{actions}");
        }
        assert_eq!(steps(BASE, b"hello").map_err(|error| error.0), Err("it is not JSON".to_owned()));
        let many = vec![r#"{"hold":{}}"#; STEPS_MAX + 1].join(",");
        assert!(read(&format!("[{many}]")).is_err());
        assert!(read("[]").is_ok_and(|steps| steps.is_empty()), "nothing to do is something to say");
    }
}
