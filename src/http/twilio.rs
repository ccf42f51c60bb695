//! `/2010-04-01/Accounts/{account}/Calls/{sid}.json` and `…/Recordings/{sid}`: what Twilio's clients ask of a call that there is.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::calls::{PathTexts, find, reading, shown};
use super::keyed::{as_reader_of, as_writer_of};
use super::recording::{erase, whole_or_part};
use super::{Api, body, control};
use crate::face::native::control::Control;
use crate::face::twilio::{self, Change, parse_change};
use crate::face::{self, Problem};
use crate::model::{CallRecord, CallState, Face, Guide, Key, Step};

/// `GET`
pub async fn read(State(api): State<Api>, headers: HeaderMap, path: PathTexts) -> Response {
    let work = async |key: &Key| {
        let record = call(&api, key, &path).await?;
        Ok(show(&api, key, &headers, &record))
    };
    as_reader_of(&api, Face::Twilio, &headers, work).await
}

/// `POST`: `Status=completed` hangs up, `Status=canceled` too if nobody answered yet, `Url` sends it to another document, `Twiml` is one.
pub async fn change(State(api): State<Api>, headers: HeaderMap, path: PathTexts, body: Body) -> Response {
    let work = async |key: &Key| {
        let body = body::read(&headers, body, api.body_max, api.body_timeout).await?;
        let record = call(&api, key, &path).await?;
        let change = parse_change(&body)?;
        let answered = record.state == CallState::Answered;
        match (record.state, change) {
            (_, Change::Follow(guide)) => {
                let guide = Guide { key: Some(Arc::new(key.clone())), ..guide };
                let asked = Control { step: Step::Follow(Arc::new(guide)), interrupt: true };
                control::obey(&api, &record, asked).await?;
            }
            // As Twilio's clients know a call that is over: they hang up in any case, whoever was first.
            (CallState::Ended, _) => return Err(Problem::CallNotFound),
            (_, Change::Cancel) if answered => {}
            (_, Change::Complete | Change::Cancel) => api.control.hangup(record.call).await,
        }
        Ok(show(&api, key, &headers, &record))
    };
    as_writer_of(&api, Face::Twilio, &headers, work).await
}

fn show(api: &Api, key: &Key, headers: &HeaderMap, record: &CallRecord) -> Response {
    reading(api, key, headers, |reader| shown(face::call(reader, record)))
}

/// `GET …/Calls/{sid}/Recordings.json`: a call has one recording, or none.
pub async fn recordings(State(api): State<Api>, headers: HeaderMap, path: PathTexts) -> Response {
    let work = async |key: &Key| {
        let record = call(&api, key, &path).await?;
        Ok(shown(twilio::recordings(&record, &key.public)))
    };
    as_reader_of(&api, Face::Twilio, &headers, work).await
}

/// `GET …/Recordings/{sid}.json`, and `{sid}` or `{sid}.wav` for the audio itself.
pub async fn recording(State(api): State<Api>, headers: HeaderMap, path: PathTexts) -> Response {
    let work = async |key: &Key| {
        let (sid, form) = recorded(key, &path)?;
        let record = find(&api, key, &sid).await?;
        match form {
            Form::Audio => whole_or_part(&api, &headers, record).await,
            Form::Resource => {
                twilio::recording(&record, &key.public).map(shown).ok_or(Problem::RecordingNotFound)
            }
        }
    };
    as_reader_of(&api, Face::Twilio, &headers, work).await
}

/// `DELETE …/Recordings/{sid}.json`
pub async fn erase_recording(State(api): State<Api>, headers: HeaderMap, path: PathTexts) -> Response {
    let work = async |key: &Key| erase(&api, key, &recorded(key, &path)?.0).await;
    as_writer_of(&api, Face::Twilio, &headers, work).await
}

/// The account's call.
async fn call(api: &Api, key: &Key, path: &PathTexts) -> Result<CallRecord, Problem> {
    let file = of_account(key, path)?;
    find(api, key, file.strip_suffix(".json").unwrap_or(file)).await
}

/// What of a recording is asked for.
enum Form {
    Resource,
    Audio,
}

/// The SID of the call whose recording the path names, and what of it.
fn recorded(key: &Key, path: &PathTexts) -> Result<(String, Form), Problem> {
    let file = of_account(key, path)?;
    let (sid, form) = match file.rsplit_once('.') {
        Some((sid, "json")) => (sid, Form::Resource),
        Some((sid, "wav")) => (sid, Form::Audio),
        Some(_) => return Err(Problem::RecordingNotFound),
        None => (file, Form::Audio),
    };
    let digits = sid.strip_prefix("RE").ok_or(Problem::RecordingNotFound)?;
    Ok((format!("CA{digits}"), form))
}

/// What the path names below the key's own account.
fn of_account<'a>(key: &Key, path: &'a PathTexts) -> Result<&'a str, Problem> {
    let (account, file) = path.two();
    if account == key.public { Ok(file) } else { Err(Problem::InvalidApiKey) }
}
