//! What is done to a call that lives, in the switch's own words. An unknown field is a mistake, and is refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use utoipa::ToSchema;

use crate::model::{
    CallId, DIGITS_MAX, Destination, Dial, HEADERS_MAX, Handover, Header, InvalidDestination, Meanwhile,
    PhoneNumber, RING_USUAL, Refusal, SPOKEN_BYTES_MAX, Side, Sound, Step, StoredResponse, URL_BYTES_MAX,
    Whisper,
};

/// One thing to be done.
pub struct Control {
    /// What.
    pub step: Step,
    /// What is being said is cut short for it.
    pub interrupt: bool,
}

impl From<Step> for Control {
    fn from(step: Step) -> Self {
        Self { step, interrupt: false }
    }
}

/// What is said.
#[derive(Deserialize, ToSchema)]
#[schema(as = native::Say)]
#[serde(deny_unknown_fields)]
pub struct Say {
    #[schema(required, nullable = false, pattern = r"\S")]
    text: Option<String>,
    #[serde(default)]
    interrupt: bool,
}

/// `{"text":"…","interrupt":false}`
pub fn say(body: &[u8]) -> Result<Control, Refusal> {
    let Say { text, interrupt } = read(body)?;
    let text = text.ok_or(Refusal::MissingField("text"))?;
    let spoken = text.trim();
    if spoken.is_empty() {
        return Err(Refusal::MissingField("text"));
    }
    if spoken.len() > SPOKEN_BYTES_MAX {
        return Err(wrong("text", format!("is longer than {SPOKEN_BYTES_MAX} bytes")));
    }
    Ok(Control { step: Step::Say(spoken.into()), interrupt })
}

/// What is played: one of both.
#[derive(Deserialize, ToSchema)]
#[schema(as = native::Play)]
#[serde(deny_unknown_fields)]
pub struct Play {
    url: Option<String>,
    audio: Option<String>,
    #[serde(default)]
    interrupt: bool,
}

/// `{"url":"https://…"}` or `{"audio":"<a WAV file in Base64>"}`, and `"interrupt"`.
pub fn play(body: &[u8]) -> Result<Control, Refusal> {
    let Play { url, audio, interrupt } = read(body)?;
    let sound = match (url, audio) {
        (Some(_), Some(_)) => return Err(wrong("audio", "goes without `url`")),
        (None, None) => return Err(Refusal::MissingField("url")),
        (Some(url), None) if url.len() > URL_BYTES_MAX => {
            return Err(wrong("url", format!("is longer than {URL_BYTES_MAX} bytes")));
        }
        (Some(url), None) => Sound::Url(url),
        (None, Some(audio)) => {
            let wav = STANDARD.decode(audio).map_err(|_| wrong("audio", "is not Base64"))?;
            if !(wav.starts_with(b"RIFF") && wav.get(8..12) == Some(b"WAVE")) {
                return Err(wrong("audio", "is no WAV file"));
            }
            Sound::Wav(Arc::from(wav))
        }
    };
    Ok(Control { step: Step::Play(sound), interrupt })
}

/// What is keyed.
#[derive(Deserialize, ToSchema)]
#[schema(as = native::Digits)]
#[serde(deny_unknown_fields)]
pub struct Digits {
    #[schema(required, nullable = false, pattern = "^[0-9*#A-Da-d,wW]+$")]
    digits: Option<String>,
}

/// `{"digits":"12#"}`
pub fn dtmf(body: &[u8]) -> Result<Control, Refusal> {
    let digits = read::<Digits>(body)?.digits.ok_or(Refusal::MissingField("digits"))?;
    let is_key =
        |byte: u8| matches!(byte.to_ascii_uppercase(), b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D' | b',' | b'W');
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.bytes().all(is_key) {
        return Err(wrong("digits", format!("must be 1 to {DIGITS_MAX} of 0-9 * # A-D , w")));
    }
    Ok(Step::SendDigits(digits).into())
}

/// `{"side":"agent"}` or `{"side":"callee"}`: who is not heard any more; without it, the agent.
pub fn mute(body: &[u8]) -> Result<Control, Refusal> {
    side(body).map(|side| Step::Mute(side).into())
}

/// The same, to be heard again.
pub fn unmute(body: &[u8]) -> Result<Control, Refusal> {
    side(body).map(|side| Step::Unmute(side).into())
}

/// Who is not heard any more, or is again.
#[derive(Deserialize, ToSchema)]
#[schema(as = native::Muted)]
#[serde(deny_unknown_fields)]
pub struct Muted {
    #[schema(pattern = "^(agent|callee)$")]
    side: Option<String>,
}

fn side(body: &[u8]) -> Result<Side, Refusal> {
    match read_or_nothing::<Muted>(body)?.and_then(|body| body.side).as_deref() {
        None | Some("agent") => Ok(Side::Agent),
        Some("callee") => Ok(Side::Callee),
        Some(_) => Err(wrong("side", "must be agent or callee")),
    }
}

/// Where to.
#[derive(Deserialize, ToSchema)]
#[schema(as = native::Transfer)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    #[schema(required, nullable = false, pattern = r"^\+[1-9][0-9]{1,14}$")]
    to: Option<String>,
}

/// `{"to":"+15551230002"}`
pub fn transfer(body: &[u8]) -> Result<Control, Refusal> {
    let to = read::<Transfer>(body)?.to.ok_or(Refusal::MissingField("to"))?;
    let to: PhoneNumber = to.parse().map_err(|_| Refusal::InvalidPhone { field: "to" })?;
    Ok(Step::Transfer(to).into())
}

/// Where to, and how.
#[derive(Deserialize, ToSchema)]
#[schema(as = native::Handover)]
#[serde(deny_unknown_fields)]
pub struct Handing {
    /// A number or, but for a blind transfer, a SIP URI.
    #[schema(required, nullable = false)]
    to: Option<String>,
    /// `blind` (by REFER), `attended` or `warm`; `blind` if left out.
    #[schema(pattern = "^(blind|attended|warm)$")]
    mode: Option<String>,
    /// What the new party alone is told before it is put through.
    whisper: Option<Whispered>,
    /// The agent stays, as the third.
    #[serde(default)]
    agent_stays: bool,
    /// The number that is shown, one of the tenant's own.
    #[schema(pattern = r"^\+[1-9][0-9]{1,14}$")]
    from: Option<String>,
    /// By this trunk.
    trunk: Option<String>,
    #[schema(minimum = 1, maximum = 600)]
    ring_timeout_seconds: Option<u64>,
    /// What the callee hears meanwhile: a WAV file.
    music_url: Option<String>,
    /// Headers of the INVITE, `X-…` alone.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    record: bool,
}

/// What one party alone is told: one of both.
#[derive(Deserialize, ToSchema)]
#[schema(as = native::Whisper)]
#[serde(deny_unknown_fields)]
pub struct Whispered {
    text: Option<String>,
    url: Option<String>,
}

/// `{"to":"+15551230002","mode":"warm","whisper":{"text":"…"}}`
pub fn hand_over(body: &[u8]) -> Result<Control, Refusal> {
    let asked: Handing = read(body)?;
    let to = asked.to.ok_or(Refusal::MissingField("to"))?;
    let consult = match asked.mode.as_deref() {
        None | Some("blind") => {
            let plain = asked.whisper.is_none()
                && !asked.agent_stays
                && !asked.record
                && asked.headers.is_empty()
                && [&asked.from, &asked.trunk, &asked.music_url].iter().all(|field| field.is_none())
                && asked.ring_timeout_seconds.is_none();
            if !plain {
                return Err(wrong("mode", "must be attended or warm where more than `to` is said"));
            }
            let to: PhoneNumber = to.parse().map_err(|_| Refusal::InvalidPhone { field: "to" })?;
            return Ok(Step::Transfer(to).into());
        }
        Some("attended") => true,
        Some("warm") => false,
        Some(_) => return Err(wrong("mode", "must be blind, attended or warm")),
    };
    let to: Destination =
        to.parse().map_err(|error: InvalidDestination| wrong("to", format!("is {error}")))?;
    let from = asked.from.map(|from| from.parse().map_err(|_| Refusal::InvalidPhone { field: "from" }));
    let ring_timeout = match asked.ring_timeout_seconds {
        None => RING_USUAL,
        Some(seconds @ 1..=600) => Duration::from_secs(seconds),
        Some(_) => return Err(wrong("ring_timeout_seconds", "must be 1 to 600")),
    };
    if asked.headers.len() > HEADERS_MAX {
        return Err(wrong("headers", format!("must be at most {HEADERS_MAX}")));
    }
    let header = |(name, value): (&String, &String)| {
        Header::new(name, value).ok_or_else(|| wrong("headers", "must be X- headers of one short line"))
    };
    let dial = Dial {
        trunk: asked.trunk,
        caller: from.transpose()?,
        ring_timeout,
        headers: asked.headers.iter().map(header).collect::<Result<_, _>>()?,
        meanwhile: Meanwhile::Music(asked.music_url.map(|url| file("music_url", url)).transpose()?),
        early_media: false,
        record: asked.record,
        ..Dial::new(vec![to])
    };
    let whisper = asked.whisper.map(whisper).transpose()?;
    let handover = Handover { dial: Arc::new(dial), consult, whisper, agent_stays: asked.agent_stays };
    Ok(Step::HandOver(Arc::new(handover)).into())
}

fn whisper(said: Whispered) -> Result<Whisper, Refusal> {
    match (said.text.as_deref().map(str::trim), said.url) {
        (Some(text), None) if !text.is_empty() && text.len() <= SPOKEN_BYTES_MAX => {
            Ok(Whisper::Say(text.into()))
        }
        (Some(_), None) => Err(wrong("whisper.text", format!("must be 1 to {SPOKEN_BYTES_MAX} bytes"))),
        (None, Some(url)) => file("whisper.url", url).map(Whisper::Play),
        _ => Err(wrong("whisper", "must have one of `text` and `url`")),
    }
}

fn file(field: &str, url: String) -> Result<Sound, Refusal> {
    if url.len() > URL_BYTES_MAX {
        return Err(wrong(field, format!("is longer than {URL_BYTES_MAX} bytes")));
    }
    Ok(Sound::Url(url))
}

/// There is nothing to say.
#[derive(Deserialize, ToSchema)]
#[schema(as = native::Nothing)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// What has nothing more to say: an empty body, or an empty object.
pub fn plain(step: Step, body: &[u8]) -> Result<Control, Refusal> {
    read_or_nothing::<Nothing>(body)?;
    Ok(step.into())
}

/// It will be done; how it goes is told as every fact is.
pub fn accepted(call: CallId) -> StoredResponse {
    StoredResponse { status: 202, body: json!({ "call_id": call.ca(), "status": "accepted" }).to_string() }
}

fn read_or_nothing<T: DeserializeOwned>(body: &[u8]) -> Result<Option<T>, Refusal> {
    if body.trim_ascii().is_empty() { Ok(None) } else { read(body).map(Some) }
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    crate::face::must_be_object(body)?;
    serde_json::from_slice(body).map_err(|error| wrong("body", format!("is not understood: {error}")))
}

pub(super) fn wrong(field: &str, reason: impl Into<String>) -> Refusal {
    Refusal::InvalidField { field: field.to_owned(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parser = fn(&[u8]) -> Result<Control, Refusal>;

    #[test]
    fn what_is_to_be_done_is_read() {
        for (parse, body, step) in [
            (say as Parser, r#"{"text":" Hi. "}"#, Step::Say("Hi.".into())),
            (
                play,
                r#"{"url":"https://a.example/b.wav"}"#,
                Step::Play(Sound::Url("https://a.example/b.wav".into())),
            ),
            (
                play,
                r#"{"audio":"UklGRgAAAABXQVZF"}"#,
                Step::Play(Sound::Wav(Arc::from(*b"RIFF\0\0\0\0WAVE"))),
            ),
            (dtmf, r#"{"digits":"1,2w#d"}"#, Step::SendDigits("1,2w#d".into())),
            (mute, "", Step::Mute(Side::Agent)),
            (unmute, r#"{"side":"callee"}"#, Step::Unmute(Side::Callee)),
            (transfer, r#"{"to":"+15551230002"}"#, Step::Transfer("+15551230002".parse().expect("E.164"))),
        ] {
            let read = parse(body.as_bytes()).unwrap_or_else(|refusal| panic!("{body}: {refusal}"));
            assert!(read.step == step && !read.interrupt, "{body}");
        }
        assert!(say(br#"{"text":"Hi.","interrupt":true}"#).is_ok_and(|control| control.interrupt));
        assert!(plain(Step::Hold, b"").is_ok() && plain(Step::Hold, b"{}").is_ok());
    }

    #[test]
    fn a_transfer_says_how() {
        let read = |body: &str| hand_over(body.as_bytes()).map(|control| control.step);
        assert!(
            read(r#"{"to":"+15551230002"}"#) == transfer(br#"{"to":"+15551230002"}"#).map(|asked| asked.step)
        );
        let warm = r#"{"to":"sip:desk@pbx.example","mode":"warm","whisper":{"text":" Ann is on the line. "},"agent_stays":true,
            "from":"+15550100000","trunk":"pbx","ring_timeout_seconds":9,"music_url":"https://a.example/m.wav",
            "headers":{"X-Case":"7"},"record":true}"#;
        let Ok(Step::HandOver(handover)) = read(warm) else { panic!("it is a handover") };
        assert!(!handover.consult && handover.agent_stays && handover.dial.record);
        assert!(handover.whisper == Some(Whisper::Say("Ann is on the line.".into())));
        assert_eq!(handover.dial.to[0].as_str(), "sip:desk@pbx.example");
        assert_eq!(handover.dial.ring_timeout, Duration::from_secs(9));
        let Ok(Step::HandOver(handover)) = read(r#"{"to":"+12","mode":"attended"}"#) else {
            panic!("so is this")
        };
        assert!(handover.consult && handover.whisper.is_none());
        for body in [
            "{}",
            r#"{"to":"desk","mode":"warm"}"#,
            r#"{"to":"sip:desk@pbx.example"}"#,
            r#"{"to":"+12","mode":"cold"}"#,
            r#"{"to":"+12","whisper":{"text":"a"}}"#,
            r#"{"to":"+12","mode":"warm","whisper":{}}"#,
            r#"{"to":"+12","mode":"warm","whisper":{"text":" "}}"#,
            r#"{"to":"+12","mode":"warm","whisper":{"text":"a","url":"https://a.example"}}"#,
            r#"{"to":"+12","mode":"warm","from":"0155"}"#,
            r#"{"to":"+12","mode":"warm","ring_timeout_seconds":0}"#,
            r#"{"to":"+12","mode":"warm","headers":{"Via":"a"}}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let long = format!(r#"{{"text":"{}"}}"#, "a".repeat(SPOKEN_BYTES_MAX + 1));
        for (parse, body) in [
            (say as Parser, "{}"),
            (say, r#"{"text":"  "}"#),
            (say, r#"{"text":7}"#),
            (say, r#"{"text":"a","voice":"b"}"#),
            (say, r#"["a"]"#),
            (say, long.as_str()),
            (play, "{}"),
            (play, r#"{"url":"a","audio":"b"}"#),
            (play, r#"{"audio":"!"}"#),
            (play, r#"{"audio":"aGVsbG8="}"#),
            (dtmf, r#"{"digits":""}"#),
            (dtmf, r#"{"digits":"12x"}"#),
            (dtmf, r#"{"digits":12}"#),
            (mute, r#"{"side":"everybody"}"#),
            (transfer, r#"{"to":"0155"}"#),
            (transfer, ""),
        ] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(plain(Step::Hold, br#"{"now":true}"#).is_err());
    }
}
