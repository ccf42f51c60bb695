//! `/2010-04-01/Accounts/{account}/Calls/{sid}.json`: what Twilio's clients ask of a call that there is.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::calls::{PathTexts, find, reading, shown};
use super::keyed::{as_reader_of, as_writer_of};
use super::{Api, body, control};
use crate::face::native::control::Control;
use crate::face::twilio::{Change, parse_change};
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

/// The account's call.
async fn call(api: &Api, key: &Key, path: &PathTexts) -> Result<CallRecord, Problem> {
    let (account, file) = path.two();
    if account != key.public {
        return Err(Problem::InvalidApiKey);
    }
    find(api, key, file.strip_suffix(".json").unwrap_or(file)).await
}
