//! `GET /v1/calls/{id}/recording`: the WAV file, whole or one range of it (RFC 9110 §14).

use std::io::SeekFrom;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::Api;
use super::calls::{PathText, as_reader, as_reader_of, find, unreadable};
use super::error::ApiError;
use super::objects::wall_now;
use crate::face::Problem;
use crate::face::link::{self, Shown};
use crate::model::{CallId, CallRecord, CallState, Face, Key};

/// What is read from the disk at once, in bytes.
const CHUNK: u64 = 64 << 10;

/// The recording of a call that has ended, for a key of its tenant or by a link that an event has brought.
pub async fn read(
    State(api): State<Api>,
    headers: HeaderMap,
    id: PathText,
    RawQuery(query): RawQuery,
) -> Response {
    if let Some(link) = linked(&api, id.text(), query.as_deref()).await {
        return by_link(&api, &headers, link).await;
    }
    let send = async |key: &Key| whole_or_part(&api, &headers, find(&api, key, id.text()).await?).await;
    as_reader(&api, &headers, send).await
}

/// `GET /v1/calls/{id}/audio`: the same in ThunderPhone's words.
pub async fn audio(
    State(api): State<Api>,
    headers: HeaderMap,
    id: PathText,
    RawQuery(query): RawQuery,
) -> Response {
    if let Some(link) = linked(&api, id.text(), query.as_deref()).await {
        return by_link(&api, &headers, link).await;
    }
    let send = async |key: &Key| whole_or_part(&api, &headers, find(&api, key, id.text()).await?).await;
    as_reader_of(&api, Face::ThunderPhone, &headers, send).await
}

/// The call that a valid link names. Who has none, or one that is over, is asked for a key like everybody.
async fn linked(api: &Api, id: &str, query: Option<&str>) -> Option<Result<CallRecord, Problem>> {
    let (tenant, expires, signature) = link::shown(query?)?;
    let call: CallId = id.parse().ok()?;
    let shown = Shown { tenant, expires, signature: &signature };
    if !api.links.as_ref()?.is_valid(call, shown, wall_now()) {
        return None;
    }
    if let Some(record) = api.journal.find(call).filter(|record| record.tenant == tenant) {
        return Some(Ok(record));
    }
    let found = api.store.call(tenant, call).await.map_err(unreadable);
    Some(found.and_then(|record| record.ok_or(Problem::CallNotFound)))
}

async fn by_link(api: &Api, headers: &HeaderMap, found: Result<CallRecord, Problem>) -> Response {
    let sent = match found {
        Ok(record) => whole_or_part(api, headers, record).await,
        Err(problem) => Err(problem),
    };
    sent.unwrap_or_else(|problem| ApiError::shared(problem).into_response())
}

async fn whole_or_part(api: &Api, headers: &HeaderMap, record: CallRecord) -> Result<Response, Problem> {
    let (file, length) = open(api, record).await?;
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    send(file, length, range).await
}

async fn open(api: &Api, record: CallRecord) -> Result<(File, u64), Problem> {
    let path = record.recording.filter(|_| record.state == CallState::Ended);
    let path = api.data_dir.join(path.ok_or(Problem::RecordingNotFound)?);
    let opened = async {
        let file = File::open(&path).await?;
        let length = file.metadata().await?.len();
        Ok::<_, std::io::Error>((file, length))
    };
    opened.await.map_err(|error| {
        tracing::warn!(call = %record.call, path = %path.display(), %error, "a recording cannot be read");
        Problem::RecordingNotFound
    })
}

async fn send(mut file: File, length: u64, range: Option<&str>) -> Result<Response, Problem> {
    let asked = range.map_or(Asked::Whole, |text| asked(text, length));
    let (status, first, last) = match asked {
        Asked::Whole => (StatusCode::OK, 0, length),
        Asked::Part { first, end } => (StatusCode::PARTIAL_CONTENT, first, end),
        Asked::Beyond => {
            let range = HeaderValue::try_from(format!("bytes */{length}")).map_err(|_| Problem::Internal)?;
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, [(CONTENT_RANGE, range)]).into_response());
        }
    };
    file.seek(SeekFrom::Start(first)).await.map_err(|_| Problem::RecordingNotFound)?;
    let mut response = (status, chunks(file, last - first)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(last - first));
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {first}-{}/{length}", last - 1);
        headers.insert(CONTENT_RANGE, HeaderValue::try_from(range).map_err(|_| Problem::Internal)?);
    }
    Ok(response)
}

/// So many bytes from where the file stands, read as the client takes them.
fn chunks(file: File, length: u64) -> Body {
    Body::from_stream(stream::try_unfold((file, length), async |(mut file, left)| {
        if left == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let mut chunk = vec![0; usize::try_from(left.min(CHUNK)).expect("at most 64 KiB")];
        let read = file.read(&mut chunk).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        chunk.truncate(read);
        Ok(Some((Bytes::from(chunk), (file, left - read as u64))))
    }))
}

/// What a `Range` header asks of a file.
#[derive(PartialEq, Eq, Debug)]
enum Asked {
    /// All of it: also for what is no range, or several of them, which a server may ignore (§14.2).
    Whole,
    /// From `first` up to before `end`.
    Part { first: u64, end: u64 },
    /// Nothing that the file has.
    Beyond,
}

fn asked(text: &str, length: u64) -> Asked {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Asked::Whole;
    };
    let number =
        |text: &str| if text.bytes().all(|b| b.is_ascii_digit()) { text.parse::<u64>().ok() } else { None };
    match (first, number(first), last, number(last)) {
        // The last bytes of it.
        ("", _, _, Some(0)) => Asked::Beyond,
        ("", _, _, Some(_)) if length == 0 => Asked::Beyond,
        ("", _, _, Some(suffix)) => Asked::Part { first: length.saturating_sub(suffix), end: length },
        (_, Some(first), "", _) if first < length => Asked::Part { first, end: length },
        (_, Some(first), _, Some(last)) if first <= last && first < length => {
            Asked::Part { first, end: last.saturating_add(1).min(length) }
        }
        (_, Some(first), "", _) if first >= length => Asked::Beyond,
        (_, Some(first), _, Some(last)) if first <= last => Asked::Beyond,
        _ => Asked::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        let part = |first, end| Asked::Part { first, end };
        for (text, meant) in [
            ("bytes=0-9", part(0, 10)),
            ("bytes=90-", part(90, 100)),
            ("bytes=90-500", part(90, 100)),
            ("bytes=-10", part(90, 100)),
            ("bytes=-500", part(0, 100)),
            ("bytes=100-", Asked::Beyond),
            ("bytes=100-200", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
            ("bytes=9-0", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("bytes=0-99999999999999999999999", Asked::Whole),
        ] {
            assert_eq!(asked(text, 100), meant, "{text}");
        }
        assert_eq!(asked("bytes=-5", 0), Asked::Beyond);
    }
}
