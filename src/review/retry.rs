//! What follows a try that came to nothing. Pure.

use std::time::Duration;

use super::Unusable;
use crate::egress::{Answer, EgressError};

/// Tries of one part of a call's review, in all.
pub const TRIES_MAX: u32 = 5;
/// An answer that is of no use may be better the next time; twice is enough.
const UNUSABLE_MAX: u32 = 2;
/// The wait after the first try; four times as long after each one more.
const BACKOFF_FIRST: Duration = Duration::from_secs(2);
/// The longest wait, whatever an endpoint asks for.
const BACKOFF_MAX: Duration = Duration::from_secs(3_600);
/// How much of a refusal is told, in characters.
const SAID_MAX: usize = 200;

/// Why a try came to nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The endpoint could not be reached, or has no time now.
    Passing {
        /// In one clause.
        why: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// It answered what nobody can use.
    Unusable(String),
    /// It would be no better the next time.
    Final(String),
}

impl From<Unusable> for Failure {
    fn from(Unusable(why): Unusable) -> Self {
        Self::Unusable(why)
    }
}

impl Failure {
    /// The same, should it quote a secret, without it.
    pub fn without(self, secret: &str) -> Self {
        let clean = |why: String| why.replace(secret, "…");
        match self {
            Self::Passing { why, retry_after } => Self::Passing { why: clean(why), retry_after },
            Self::Unusable(why) => Self::Unusable(clean(why)),
            Self::Final(why) => Self::Final(clean(why)),
        }
    }
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another try, so long from now.
    Again(Duration),
    /// It is given up, for this.
    Never(String),
}

/// The body of a good answer, or why there is none.
pub fn body(tried: Result<Answer, EgressError>) -> Result<bytes::Bytes, Failure> {
    let answer = tried.map_err(|error| {
        let why = error.to_string();
        match error {
            EgressError::Timeout(_)
            | EgressError::Nobody(_)
            | EgressError::Connection(_)
            | EgressError::Certificate(_) => Failure::Passing { why, retry_after: None },
            EgressError::TooLong { .. } => Failure::Unusable(why),
            EgressError::Url(_) | EgressError::Address | EgressError::Output(_) | EgressError::Client(_) => {
                Failure::Final(why)
            }
        }
    })?;
    match answer.status {
        200..=299 => Ok(answer.body),
        // RFC 9110 §15.5.9, RFC 6585 §4, and whatever is the server's own trouble.
        408 | 425 | 429 | 500..=599 => {
            Err(Failure::Passing { why: told(&answer), retry_after: answer.retry_after })
        }
        _ => Err(Failure::Final(told(&answer))),
    }
}

/// The status, and the error's own message where there is one.
fn told(answer: &Answer) -> String {
    let document: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
    let message = document.as_ref().and_then(|document| document.pointer("/error/message")?.as_str());
    match message {
        Some(message) => {
            let said: String = message.chars().filter(|letter| !letter.is_control()).take(SAID_MAX).collect();
            format!("HTTP {}: {said}", answer.status)
        }
        None => format!("HTTP {}", answer.status),
    }
}

/// What follows the `attempt`th try of a part that came to nothing, by which so many answers were `unusable`. `unit` is random, from 0 to 1.
pub fn next(failure: Failure, attempt: u32, unusable: u32, unit: f64) -> Next {
    let (why, is_enough, asked) = match failure {
        Failure::Final(why) => return Next::Never(why),
        Failure::Unusable(why) => (why, unusable >= UNUSABLE_MAX, None),
        Failure::Passing { why, retry_after } => (why, false, retry_after),
    };
    if is_enough || attempt >= TRIES_MAX {
        return Next::Never(why);
    }
    let quadruplings = attempt.saturating_sub(1).min(8);
    let wait = BACKOFF_FIRST.saturating_mul(1 << (2 * quadruplings)).mul_f64(0.8 + 0.4 * unit);
    Next::Again(wait.max(asked.unwrap_or_default()).min(BACKOFF_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Answer, EgressError> {
        let retry_after = Some(Duration::from_secs(90));
        Ok(Answer { status, retry_after, location: None, body: body.to_owned().into() })
    }

    fn passing(why: &str, seconds: Option<u64>) -> Failure {
        Failure::Passing { why: why.into(), retry_after: seconds.map(Duration::from_secs) }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_will_not_is_given_up() {
        assert_eq!(body(answer(200, "x")), Ok("x".into()));
        for status in [408, 425, 429, 500, 502, 503, 529] {
            assert_eq!(body(answer(status, "")), Err(passing(&format!("HTTP {status}"), Some(90))));
        }
        for status in [301, 400, 401, 403, 404, 413, 422] {
            assert_eq!(body(answer(status, "")), Err(Failure::Final(format!("HTTP {status}"))));
        }
        let connection = EgressError::Connection("refused".into());
        assert_eq!(body(Err(connection)), Err(passing("refused", None)));
        let address = body(Err(EgressError::Address));
        assert_eq!(address, Err(Failure::Final("the address is not allowed".into())));
        assert!(matches!(body(Err(EgressError::TooLong { bytes_max: 1 })), Err(Failure::Unusable(_))));
    }

    #[test]
    fn an_errors_own_message_is_told_in_one_short_line() {
        let document = format!("{{\"error\":{{\"message\":\"Wrong\\n key{}\"}}}}", "x".repeat(500));
        let Err(Failure::Final(why)) = body(answer(401, &document)) else { panic!("refused") };
        assert!(why.starts_with("HTTP 401: Wrong keyx") && why.len() < 250, "{why}");
    }

    #[test]
    fn waits_grow_fourfold_and_end() {
        let waits = |failure: &Failure| {
            let waits = (1..=TRIES_MAX).map(|attempt| match next(failure.clone(), attempt, attempt, 0.5) {
                Next::Again(wait) => Some(wait.as_secs()),
                Next::Never(_) => None,
            });
            waits.collect::<Vec<_>>()
        };
        assert_eq!(waits(&passing("x", None)), [Some(2), Some(8), Some(32), Some(128), None]);
        assert_eq!(waits(&passing("x", Some(60)))[..3], [Some(60), Some(60), Some(60)]);
        assert_eq!(waits(&passing("x", Some(u64::MAX)))[0], Some(3_600));
        assert_eq!(waits(&Failure::Unusable("x".into())), [Some(2), None, None, None, None]);
        assert_eq!(waits(&Failure::Final("x".into()))[0], None);
        assert_eq!(next(passing("why", None), u32::MAX, 0, 1.0), Next::Never("why".into()));
        let unusable = Failure::Unusable("x".into());
        assert!(matches!(next(unusable.clone(), 4, 1, 0.5), Next::Again(_)), "the first that was of no use");
        assert_eq!(next(unusable, TRIES_MAX, 1, 0.5), Next::Never("x".into()));
    }
}
