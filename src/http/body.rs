//! Reading a request's body within a length and a time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use futures_util::StreamExt;

use crate::face::Problem;
use crate::model::Refusal;

/// What is read and thrown away of a body that is too long, so that the client has stopped sending when the answer comes:
/// a connection closed before that would lose the answer with it.
const DISCARD_MAX: usize = 16 << 20;

/// The whole body.
pub async fn read(headers: &HeaderMap, body: Body, max: usize, timeout: Duration) -> Result<Bytes, Problem> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > (max + DISCARD_MAX) as u64) {
        return Err(Problem::BodyTooLarge { limit: max });
    }
    match tokio::time::timeout(timeout, collect(body, max)).await {
        Ok(result) => result,
        Err(_) => Err(Problem::BodyTimeout),
    }
}

async fn collect(body: Body, max: usize) -> Result<Bytes, Problem> {
    let mut chunks = body.into_data_stream();
    let mut whole = Bytes::new();
    let mut longer: Option<Vec<u8>> = None;
    let mut length = 0;
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else { return Err(broken()) };
        length += chunk.len();
        if length > max + DISCARD_MAX {
            break;
        }
        // Most bodies come in one piece, which is kept as it is.
        match &mut longer {
            _ if length > max => longer = None,
            Some(buffer) => buffer.extend_from_slice(&chunk),
            None if whole.is_empty() => whole = chunk,
            None => longer = Some([whole.as_ref(), chunk.as_ref()].concat()),
        }
    }
    if length > max {
        return Err(Problem::BodyTooLarge { limit: max });
    }
    Ok(longer.map_or(whole, Bytes::from))
}

fn broken() -> Problem {
    Refusal::InvalidField { field: "body".into(), reason: "was cut off".into() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let never = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let read = read(&HeaderMap::new(), never, 9, Duration::from_secs(10)).await;
        assert_eq!(read, Err(Problem::BodyTimeout));
    }
}
