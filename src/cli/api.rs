//! The running switch's API, as a terminal asks it: at `[http] listen`, with a key.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWrite;

use super::credentials::authorization;
use super::reachable;
use crate::config::Config;
use crate::egress::{Answer, Egress, EgressError, Policy};
use crate::model::Face;

/// One switch, one key.
pub struct Api {
    egress: Egress,
    address: SocketAddr,
    /// Scheme and address.
    base: String,
    authorization: String,
}

/// The way to the running switch, and what its URLs begin with.
pub fn home(config: &Config) -> anyhow::Result<(Egress, String)> {
    let address = reachable(config.http.listen);
    let policy = Policy { allow_http: true, allow_addresses: vec![address.ip().into()] };
    Ok(match &config.http.tls {
        Some(https) => (Egress::pinned(policy, https.certificate().clone())?, format!("https://{address}")),
        None => (Egress::new(policy)?, format!("http://{address}")),
    })
}

/// Does anybody listen there? Who asks only that needs no key.
pub async fn listens(config: &Config) -> anyhow::Result<bool> {
    let (egress, base) = home(config)?;
    let answer = egress.get(&format!("{base}/livez"), &[]).await;
    match answer.map_err(|error| Failure::unanswered(error, reachable(config.http.listen))) {
        Ok(_) => Ok(true),
        Err(Failure::Nobody(_)) => Ok(false),
        Err(failure) => Err(failure.into()),
    }
}

/// Why there is no answer that helps.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nobody listens there.
    #[error("no switch listens on {0}")]
    Nobody(SocketAddr),
    /// Somebody does, and is not known by its certificate.
    #[error(
        "who listens on {0} shows another certificate than http.tls_cert: a switch takes over a new one after SIGHUP"
    )]
    Stranger(SocketAddr),
    /// It refused, and says why.
    #[error("the switch answers {status}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The error's code and message.
        message: String,
        /// The whole answer.
        body: Value,
    },
    /// The way there failed.
    #[error(transparent)]
    Egress(EgressError),
    /// No JSON.
    #[error("the switch's answer is no JSON")]
    Unreadable,
}

impl Failure {
    /// Why nothing came from there.
    pub fn unanswered(error: EgressError, address: SocketAddr) -> Self {
        match error {
            EgressError::Nobody(_) => Self::Nobody(address),
            EgressError::Certificate(_) => Self::Stranger(address),
            error => Self::Egress(error),
        }
    }
}

/// Many recipients take their time to be sent and stored.
const POST_TIMEOUT: Duration = Duration::from_secs(300);
const GET_TIMEOUT: Duration = Duration::from_secs(10);
/// Objects of one page: the most that the API gives.
const PAGE: &str = "limit=200";
/// What is read of an answer, in bytes: a million recipients may be invalid, each with its reason.
const ANSWER_MAX: usize = 128 << 20;

impl Api {
    /// Asks with the key of this name, with this key, or with the first that will do (see [`authorization`]).
    pub fn new(config: &Config, key: Option<&str>, only: Option<Face>) -> anyhow::Result<Self> {
        let (egress, base) = home(config)?;
        let authorization = authorization(config, key, only)?;
        Ok(Self { egress, address: reachable(config.http.listen), base, authorization })
    }

    /// `GET` of a path.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        let headers = [("authorization", self.authorization.clone())];
        self.read(self.egress.fetch_with(GET_TIMEOUT, &self.url(path), &headers, ANSWER_MAX).await)
    }

    /// All of a native collection, page by page.
    pub async fn all(&self, path: &str) -> Result<Vec<Value>, Failure> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let mut page = self.get(&format!("{path}?{PAGE}{after}")).await?;
            if let Some(data) = page["data"].as_array_mut() {
                all.append(data);
            }
            match page["next_cursor"].as_str() {
                Some(cursor) => after = format!("&cursor={cursor}"),
                None => return Ok(all),
            }
        }
    }

    /// `POST` to a path.
    pub async fn post(&self, path: &str, body: Vec<u8>) -> Result<Value, Failure> {
        let headers =
            [("authorization", self.authorization.clone()), ("content-type", "application/json".to_owned())];
        let url = self.url(path);
        self.read(self.egress.exchange(POST_TIMEOUT, &url, &headers, body.into(), ANSWER_MAX).await)
    }

    /// `DELETE` of a path.
    pub async fn delete(&self, path: &str) -> Result<(), Failure> {
        let headers = [("authorization", self.authorization.clone())];
        match self.egress.delete(&self.url(path), &headers).await {
            Ok(answer) if answer.status == 204 => Ok(()),
            refused => self.read(refused).map(drop),
        }
    }

    /// Copies the answer to a `GET`, however long it is, as it comes.
    pub async fn copy(&self, path: &str, to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Failure> {
        let headers = [("authorization", self.authorization.clone())];
        match self.egress.copy(&self.url(path), &headers, to).await {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            refused => self.read(refused).map(drop),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn read(&self, answer: Result<Answer, EgressError>) -> Result<Value, Failure> {
        let answer = answer.map_err(|error| Failure::unanswered(error, self.address))?;
        let body: Result<Value, _> = serde_json::from_slice(&answer.body);
        if (200..300).contains(&answer.status) {
            return body.map_err(|_| Failure::Unreadable);
        }
        let body = body.unwrap_or_default();
        let text = |name: &str| body["error"][name].as_str().unwrap_or("-").to_owned();
        Err(Failure::Refused {
            status: answer.status,
            message: format!("{}: {}", text("code"), text("message")),
            body,
        })
    }
}
