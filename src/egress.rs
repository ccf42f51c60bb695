//! The only way out by HTTP.

use std::time::Duration;

use bytes::Bytes;
use ipnet::IpNet;

/// Where requests may go.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// May the scheme be `http`?
    pub allow_http: bool,
    /// Addresses that are allowed although they are not public.
    pub allow_addresses: Vec<IpNet>,
}

/// A guarded HTTP client. Cheap to clone.
#[derive(Clone)]
pub struct Egress {}

/// A request that got no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EgressError {
    /// Not an absolute URL with a host, or with a scheme that is not allowed.
    #[error("the URL is not allowed: {0}")]
    Url(&'static str),
    /// The host is, or resolves to, an address that is not public and not allowed by configuration.
    #[error("the address is not allowed")]
    Address,
    /// No answer within the deadline.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection failed.
    #[error("{0}")]
    Connection(String),
    /// The client could not be built.
    #[error("the HTTP client cannot be built: {0}")]
    Client(String),
}

/// What came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// When to come again (RFC 9110 §10.2.3), if given in seconds.
    pub retry_after: Option<Duration>,
    /// At most the first 64 KB of the body.
    pub body: Bytes,
}

impl Egress {
    /// Builds the client.
    pub fn new(policy: Policy) -> Result<Egress, EgressError> {
        let _ = policy;
        todo!()
    }
    /// May a request go there, as far as the URL itself tells? For validation when a URL is configured.
    pub fn check(&self, url: &str) -> Result<(), EgressError> {
        let _ = url;
        todo!()
    }
    /// Sends a POST; headers are names and values.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<Answer, EgressError> {
        let _ = (url, headers, body);
        todo!()
    }
}
