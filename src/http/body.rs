//! Reading a request's body within a length and a time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::face::Problem;
use crate::model::Refusal;

/// What is read and thrown away of a body that is too long, so that the client has stopped sending when the answer comes:
/// a connection closed before that would lose the answer with it.
const DISCARD_MAX: usize = 16 << 20;

/// Whoever sends at least so many bytes a second is waited for, however long the body: 32 MiB may take nine minutes on a line of
/// half a megabit, and a body that trickles ends with the timeout.
const BYTES_A_SECOND_MIN: u32 = 64 << 10;

/// The whole body, within this time and what its bytes take at [`BYTES_A_SECOND_MIN`].
pub async fn read(headers: &HeaderMap, body: Body, max: usize, timeout: Duration) -> Result<Bytes, Problem> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > (max + DISCARD_MAX) as u64) {
        return Err(Problem::BodyTooLarge { limit: max });
    }
    collect(body, max, timeout).await
}

/// How long so many bytes may take at most.
fn patience(timeout: Duration, bytes: usize) -> Duration {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    timeout + Duration::from_secs_f64(f64::from(bytes) / f64::from(BYTES_A_SECOND_MIN))
}

async fn collect(body: Body, max: usize, timeout: Duration) -> Result<Bytes, Problem> {
    let begun = Instant::now();
    let mut chunks = body.into_data_stream();
    let mut whole = Bytes::new();
    let mut longer: Option<Vec<u8>> = None;
    let mut length = 0;
    loop {
        let next = tokio::time::timeout_at(begun + patience(timeout, length), chunks.next()).await;
        let Some(chunk) = next.map_err(|_| Problem::BodyTimeout)? else { break };
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

    /// So many pieces of this length, one a second.
    fn pieces(count: usize, length: usize) -> Body {
        let piece = move |left: usize| async move {
            if left == 0 {
                return None;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>(vec![b' '; length]), left - 1))
        };
        Body::from_stream(futures_util::stream::unfold(count, piece))
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_body_over_an_ordinary_line_is_waited_for_and_a_trickle_is_not() {
        let (max, timeout) = (32 << 20, Duration::from_secs(10));
        let floor = BYTES_A_SECOND_MIN as usize;
        let begun = Instant::now();
        let whole =
            read(&HeaderMap::new(), pieces(512, floor), max, timeout).await.expect("it comes in time");
        assert_eq!((whole.len(), begun.elapsed()), (max, Duration::from_secs(512)));
        let begun = Instant::now();
        let half = read(&HeaderMap::new(), pieces(512, floor / 2), max, timeout).await;
        assert_eq!((half, begun.elapsed()), (Err(Problem::BodyTimeout), Duration::from_millis(19_500)));
        let begun = Instant::now();
        let trickle = read(&HeaderMap::new(), pieces(512, 1), max, timeout).await;
        assert_eq!(trickle, Err(Problem::BodyTimeout));
        assert!(begun.elapsed() <= Duration::from_secs(11), "{:?}", begun.elapsed());
    }
}
