//! `[tts]`: what makes speech of a text, and what it calls its voices.

use url::Url;

use super::checker::Checker;
use super::file;
use super::{Speaker, SpeechEndpoint, Tts};

/// flite, in a voice that it has built in.
const FLITE: [&str; 7] = ["flite", "-voice", "{voice}", "-f", "{text_file}", "-o", "{wav_file}"];
const FLITE_VOICE: &str = "slt";
/// Those that flite has built in.
const FLITE_VOICES: [&str; 4] = ["awb", "kal16", "rms", "slt"];
/// Voices that may be named.
const VOICES_MAX: usize = 1_000;

pub fn tts(tts: file::Tts, check: &mut Checker<'_>) -> Tts {
    check.that("tts.voices", tts.voices.as_ref().is_none_or(|voices| voices.len() <= VOICES_MAX), || {
        format!("names more than {VOICES_MAX} voices")
    });
    check.that("tts.url", tts.url.is_none() || tts.command.is_none(), || {
        "url and command: one of them must go".into()
    });
    let for_endpoint = [("tts.model", tts.model.is_some()), ("tts.api_key", tts.api_key.is_some())];
    for (key, is_said) in for_endpoint {
        check.that(key, tts.url.is_some() || !is_said, || "goes with url, and only with it".into());
    }
    match (&tts.url, &tts.command) {
        (Some(_), _) => endpoint(tts, check),
        (None, Some(_)) => program(tts, check),
        (None, None) => {
            let own = |word: &str| (word.to_owned(), word.to_owned());
            Tts {
                speaker: Speaker::Program(FLITE.map(str::to_owned).to_vec()),
                voice: tts.voice.or(Some(FLITE_VOICE.to_owned())),
                voices: tts.voices.unwrap_or_else(|| FLITE_VOICES.map(own).into()),
            }
        }
    }
}

fn endpoint(tts: file::Tts, check: &mut Checker<'_>) -> Tts {
    let text = tts.url.unwrap_or_default();
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    check.that("tts.url", url.is_some(), || {
        "must be an http or https URL, such as https://api.openai.com/v1/audio/speech".into()
    });
    for (key, said) in [("tts.model", &tts.model), ("tts.voice", &tts.voice)] {
        let is_said = said.as_ref().is_some_and(|word| !word.trim().is_empty());
        check.that(key, is_said, || "is missing: an endpoint is told both a model and a voice".into());
    }
    let is_token = |byte: u8| byte.is_ascii_graphic();
    let fits =
        tts.api_key.as_ref().is_none_or(|key| !key.reveal().is_empty() && key.reveal().bytes().all(is_token));
    check.that("tts.api_key", fits, || "must be one word of ASCII".into());
    // A key that a header cannot hold was a fault above.
    let api_key = tts.api_key.filter(|_| fits);
    let unknown = || Url::parse("http://0.0.0.0/").expect("a URL");
    let endpoint =
        SpeechEndpoint { url: url.unwrap_or_else(unknown), model: tts.model.unwrap_or_default(), api_key };
    Tts { speaker: Speaker::Endpoint(endpoint), voice: tts.voice, voices: tts.voices.unwrap_or_default() }
}

fn program(tts: file::Tts, check: &mut Checker<'_>) -> Tts {
    let command = tts.command.unwrap_or_default();
    let voices = tts.voices.unwrap_or_default();
    let has_voices = command.iter().any(|word| word.contains("{voice}"));
    check.that("tts.voice", !has_voices || tts.voice.is_some(), || {
        "is missing: what does {voice} in the command stand for where nobody names one?".into()
    });
    for (key, is_said) in [("tts.voice", tts.voice.is_some()), ("tts.voices", !voices.is_empty())] {
        check.that(key, has_voices || !is_said, || "needs {voice} in one of the command's arguments".into());
    }
    let program = command.first().is_some_and(|program| !program.trim().is_empty());
    check.that("tts.command", program, || "must name a program".into());
    for placeholder in ["{text_file}", "{wav_file}"] {
        let used = command.iter().skip(1).any(|word| word.contains(placeholder));
        check.that("tts.command", !program || used, || {
            format!("must use {placeholder} in one of its arguments")
        });
    }
    Tts { speaker: Speaker::Program(command), voice: tts.voice, voices }
}
