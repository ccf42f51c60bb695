//! The payment hook: one POST that says whether a top-up is paid. The same id on every try, so that whoever answers can tell a
//! repetition; only the word `confirmed` credits anything.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::config::PaymentHook;
use crate::egress::{Answer, Egress};
use crate::model::{Currency, Micros, Secret, Timestamp, TopUp};
use crate::store::Verdict;
use crate::webhook;

pub(super) struct Hook {
    url: String,
    secret: Option<Secret<String>>,
}

/// What the hook is asked.
#[derive(Serialize)]
struct Question<'a> {
    r#type: &'static str,
    id: &'a str,
    tenant: String,
    amount: String,
    amount_micros: Micros,
    currency: &'a str,
    auto_reload: bool,
    created_at: Timestamp,
}

/// What it says.
#[derive(Deserialize)]
struct Word {
    status: String,
    reason: Option<String>,
}

/// Characters of a reason that are kept.
const REASON_MAX: usize = 200;

impl Hook {
    pub fn new(hook: &PaymentHook) -> Self {
        Self { url: hook.url.clone(), secret: hook.secret.clone() }
    }

    /// Asks once, within the egress's deadline. `Err` says why nothing is known: it is to be asked again.
    pub async fn ask(
        &self,
        egress: &Egress,
        top_up: &TopUp,
        currency: Currency,
        now: Timestamp,
    ) -> Result<Verdict, String> {
        let question = Question {
            r#type: "billing.top_up",
            id: &top_up.id,
            tenant: top_up.tenant.to_string(),
            amount: top_up.amount.to_string(),
            amount_micros: top_up.amount,
            currency: currency.as_str(),
            auto_reload: top_up.auto,
            created_at: top_up.created_at,
        };
        let body = serde_json::to_vec(&question).expect("strings and numbers");
        let headers = self.headers(&top_up.id, now.0.div_euclid(1_000), &body);
        let answer = egress.post(&self.url, &headers, Bytes::from(body)).await;
        read(&answer.map_err(|error| error.to_string())?)
    }

    /// `Idempotency-Key`, and Standard Webhooks' signature if there is a secret.
    fn headers(&self, id: &str, unix_seconds: i64, body: &[u8]) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("idempotency-key", id.to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", unix_seconds.to_string()),
        ];
        if let Some(secret) = &self.secret {
            let signature = webhook::standard(secret.reveal(), id, unix_seconds, body);
            headers.push(("webhook-signature", signature));
        }
        headers
    }
}

/// A client's error is a no, but for those that ask to come again; silence and a server's error are no word at all.
fn read(answer: &Answer) -> Result<Verdict, String> {
    let word: Option<Word> = serde_json::from_slice(&answer.body).ok();
    let reason = |word: Option<Word>, or: &str| {
        let text = word.and_then(|word| word.reason).unwrap_or_else(|| or.to_owned());
        text.chars().filter(|c| !c.is_control()).take(REASON_MAX).collect()
    };
    match (answer.status, word) {
        (200..=299, Some(word)) if word.status == "confirmed" => Ok(Verdict::Confirmed),
        (200..=299, Some(word)) if word.status == "declined" => {
            Ok(Verdict::Declined(reason(Some(word), "declined")))
        }
        (200..=299, _) => Err("the payment hook said neither confirmed nor declined".into()),
        (408 | 409 | 425 | 429, _) => Err(format!("the payment hook answered {}", answer.status)),
        (400..=499, word) => Ok(Verdict::Declined(reason(word, "declined by the payment hook"))),
        (status, _) => Err(format!("the payment hook answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, body: &'static str) -> Result<Verdict, String> {
        read(&Answer { status, retry_after: None, location: None, body: Bytes::from_static(body.as_bytes()) })
    }

    #[test]
    fn only_the_word_confirmed_credits() {
        assert_eq!(said(200, r#"{"status":"confirmed"}"#), Ok(Verdict::Confirmed));
        for (status, body) in [
            (200, ""),
            (200, "ok"),
            (204, ""),
            (200, r#"{"status":"pending"}"#),
            (200, r#"{"status":true}"#),
            (202, r#"{"confirmed":true}"#),
            (301, r#"{"status":"confirmed"}"#),
            (500, r#"{"status":"confirmed"}"#),
            (429, ""),
        ] {
            assert!(said(status, body).is_err(), "{status} {body}");
        }
    }

    #[test]
    fn a_no_is_a_no_with_its_reason() {
        let declined = |reason: &str| Ok(Verdict::Declined(reason.into()));
        assert_eq!(said(200, r#"{"status":"declined","reason":"card expired"}"#), declined("card expired"));
        assert_eq!(said(402, r#"{"status":"declined","reason":"no\nmoney"}"#), declined("nomoney"));
        assert_eq!(said(404, "<html>"), declined("declined by the payment hook"));
    }

    /// The example of the Standard Webhooks reference libraries.
    #[test]
    fn a_secret_of_standard_webhooks_is_the_key_that_it_stands_for() {
        let secret = Some(Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()));
        let hook = Hook { url: String::new(), secret };
        let headers = hook.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        let signature = &headers.last().expect("signed").1;
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    /// Checked against `printf 'tu_1.1700000000.{"a":1}' | openssl dgst -sha256 -hmac hush -binary | base64`.
    #[test]
    fn a_request_is_signed_as_standard_webhooks_are() {
        let secret = Some(Secret::new("hush".to_owned()));
        let hook = Hook { url: String::new(), secret };
        let headers = hook.headers("tu_1", 1_700_000_000, br#"{"a":1}"#);
        let signature = &headers.last().expect("signed").1;
        assert_eq!(signature, "v1,UUiYUzJi4S+Z2sfRGRwU+qn6dgXzCb5m3YNu2oQXmHw=");
        assert_eq!(headers[1], ("idempotency-key", "tu_1".to_owned()));
        let open = Hook { url: String::new(), secret: None };
        assert!(open.headers("tu_1", 0, b"").iter().all(|(name, _)| *name != "webhook-signature"));
    }
}
