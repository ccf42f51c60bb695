//! What a campaign may ask for beyond seed 001, where everybody is called once, as often as they are named, whatever becomes of it:
//! `retry`, `pause_after_failures`, `deduplicate`.

use std::collections::HashSet;
use std::time::Duration;

use crate::face::body::{Body, wrong};
use crate::model::{NewRecipient, Refusal, Retry, RetryReason};

/// What `retry` may say.
const RETRY: [&str; 3] = ["max_attempts", "wait_seconds", "on"];
/// How long to wait if nothing is said, in seconds: busy lines are free again by then.
const WAIT_SECONDS: u64 = 900;
/// Failures in succession that anybody may wait for.
const FAILURES_MAX: u32 = 1_000;

/// `{"max_attempts": 3, "wait_seconds": 900, "on": ["busy", "no_answer", "failed"]}`
pub fn retry(body: &Body<'_>) -> Result<Option<Retry>, Refusal> {
    let Some(raw) = body.field("retry") else { return Ok(None) };
    let within = |refusal| match refusal {
        Refusal::InvalidField { field, reason } => wrong(&format!("retry.{field}"), reason),
        refusal => refusal,
    };
    let fields = Body::of(raw.get()).map_err(|_| wrong("retry", "must be an object"))?;
    if let Some(unknown) = fields.names().find(|name| !RETRY.contains(name)) {
        return Err(wrong(&format!("retry.{unknown}"), "is not a field of retry"));
    }
    let most = format!("must be 2 to {}, the first call included", Retry::ATTEMPTS_MAX);
    let attempts_max: Option<u32> = fields.typed("max_attempts", &most).map_err(within)?;
    let attempts_max = attempts_max.filter(|attempts| (2..=Retry::ATTEMPTS_MAX).contains(attempts));
    let attempts_max = attempts_max.ok_or_else(|| wrong("retry.max_attempts", most))?;
    let reason = format!("must be {} to {} seconds", Retry::WAIT_SECONDS_MIN, Retry::WAIT_SECONDS_MAX);
    let wait: u64 = fields.typed("wait_seconds", &reason).map_err(within)?.unwrap_or(WAIT_SECONDS);
    if !(Retry::WAIT_SECONDS_MIN..=Retry::WAIT_SECONDS_MAX).contains(&wait) {
        return Err(wrong("retry.wait_seconds", reason));
    }
    let words: Option<Vec<String>> = fields.typed("on", "must be an array of strings").map_err(within)?;
    let on = match words {
        None => RetryReason::USUAL.to_vec(),
        Some(words) => reasons(&words).ok_or_else(|| {
            wrong("retry.on", "must name at least one of busy, no_answer, rejected, failed, voicemail")
        })?,
    };
    Ok(Some(Retry { attempts_max, wait: Duration::from_secs(wait), on }))
}

/// Each once, in the order of the model, so that it reads back as it was made.
fn reasons(words: &[String]) -> Option<Vec<RetryReason>> {
    let named: Option<Vec<_>> = words.iter().map(|word| RetryReason::from_word(word)).collect();
    let named = named.filter(|named| !named.is_empty())?;
    Some(RetryReason::ALL.into_iter().filter(|reason| named.contains(reason)).collect())
}

/// `pause_after_failures`
pub fn breaker(body: &Body<'_>) -> Result<Option<u32>, Refusal> {
    let reason = format!("must be 1 to {FAILURES_MAX}");
    let most: Option<u32> = body.typed("pause_after_failures", &reason)?;
    match most {
        Some(most) if !(1..=FAILURES_MAX).contains(&most) => Err(wrong("pause_after_failures", reason)),
        most => Ok(most),
    }
}

/// Of several recipients with one number the first stays; says how many went.
pub fn keep_first(recipients: &mut Vec<NewRecipient>) -> u64 {
    let before = recipients.len();
    let mut seen = HashSet::with_capacity(before);
    recipients.retain(|recipient| seen.insert(recipient.phone.clone()));
    (before - recipients.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Retry>, String> {
        let body = format!("{{\"retry\":{text}}}");
        retry(&Body::parse(body.as_bytes()).expect("JSON")).map_err(|refusal| match refusal {
            Refusal::InvalidField { field, .. } => field,
            other => panic!("{other}"),
        })
    }

    #[test]
    fn what_is_left_out_is_the_usual() {
        let usual =
            Retry { attempts_max: 3, wait: Duration::from_secs(900), on: RetryReason::USUAL.to_vec() };
        assert_eq!(read(r#"{"max_attempts":3}"#), Ok(Some(usual)));
        assert_eq!(read("null"), Ok(None));
    }

    #[test]
    fn the_ends_are_kept_once_and_in_order() {
        let made = read(r#"{"max_attempts":2,"wait_seconds":1,"on":["no_answer","busy","busy"]}"#);
        let made = made.expect("valid").expect("one");
        assert_eq!(
            (made.on, made.wait),
            (vec![RetryReason::Busy, RetryReason::NoAnswer], Duration::from_secs(1))
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_name() {
        for (text, field) in [
            ("[]", "retry"),
            ("true", "retry"),
            ("{}", "retry.max_attempts"),
            (r#"{"max_attempts":1}"#, "retry.max_attempts"),
            (r#"{"max_attempts":11}"#, "retry.max_attempts"),
            (r#"{"max_attempts":"3"}"#, "retry.max_attempts"),
            (r#"{"max_attempts":3,"wait_seconds":0}"#, "retry.wait_seconds"),
            (r#"{"max_attempts":3,"wait_seconds":604801}"#, "retry.wait_seconds"),
            (r#"{"max_attempts":3,"on":[]}"#, "retry.on"),
            (r#"{"max_attempts":3,"on":["answered"]}"#, "retry.on"),
            (r#"{"max_attempts":3,"tries":3}"#, "retry.tries"),
        ] {
            assert_eq!(read(text), Err(field.to_owned()), "{text}");
        }
    }
}
