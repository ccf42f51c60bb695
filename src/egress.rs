//! The only way out by HTTP or WebSocket. Requests and connections go to public addresses, and to those that the configuration allows, nowhere else:
//! a tenant's URL must not reach what stands beside the switch. Addresses are checked where the connection is made, so a
//! name that changes its mind between check and use gains nothing.
#![expect(clippy::disallowed_methods, reason = "a shell: a date in an answer is read against the clock")]

mod dial;
mod failure;
mod guard;
mod pinned;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use ipnet::IpNet;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use url::{Host, Url};

pub use dial::{Connection, as_line};
use failure::chain;
use guard::Guard;

/// Where requests may go.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// May the scheme be `http`?
    pub allow_http: bool,
    /// Addresses that are allowed although they are not public.
    pub allow_addresses: Vec<IpNet>,
}

/// A guarded HTTP client with connections kept alive. Cheap to clone.
#[derive(Clone)]
pub struct Egress {
    client: reqwest::Client,
    guard: Arc<Guard>,
    tls: Arc<rustls::ClientConfig>,
    allow_http: bool,
}

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
    /// The answer is longer than is read.
    #[error("the answer is longer than {bytes_max} bytes")]
    TooLong {
        /// What is read, in bytes.
        bytes_max: usize,
    },
    /// Nobody listens there.
    #[error("{0}")]
    Nobody(String),
    /// The connection failed, before an answer came or while it did.
    #[error("{0}")]
    Connection(String),
    /// Who answered could not prove to be whom the URL names.
    #[error("{0}")]
    Certificate(String),
    /// What came could not be written where it was to go.
    #[error("what came could not be written: {0}")]
    Output(std::io::ErrorKind),
    /// The client could not be built.
    #[error("the HTTP client cannot be built: {0}")]
    Client(String),
}

/// What came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// When to come again (RFC 9110 §10.2.3).
    pub retry_after: Option<Duration>,
    /// `Location`, as it was written: nobody goes there unless the caller does.
    pub location: Option<String>,
    /// At most the first 64 KB of the body.
    pub body: Bytes,
}

impl Answer {
    /// The absolute URL to which a redirection (RFC 9110 §15.4) sends whoever asked at this one, without a fragment.
    pub fn moved(&self, from: &str) -> Option<String> {
        let location =
            self.location.as_ref().filter(|_| matches!(self.status, 301 | 302 | 303 | 307 | 308))?;
        let mut to = Url::parse(from).ok()?.join(location).ok()?;
        to.set_fragment(None);
        Some(to.into())
    }
}

/// For the connection, its TLS handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For everything, from the name's look-up to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// For what may be very long, to the last byte.
const COPY_TIMEOUT: Duration = Duration::from_secs(3600);
const BODY_MAX: usize = 64 * 1024;
/// Connections to one host that wait for the next request.
const IDLE_MAX: usize = 8;

impl Egress {
    /// Builds the client.
    pub fn new(policy: Policy) -> Result<Egress, EgressError> {
        Self::build(policy, |client| client)
    }

    /// Believes whoever shows this certificate, and nobody else: for commands that ask the switch they belong to.
    pub fn pinned(
        policy: Policy,
        certificate: rustls_pki_types::CertificateDer<'static>,
    ) -> Result<Egress, EgressError> {
        let tls = pinned::tls(certificate).map_err(|error| EgressError::Client(chain(&error)))?;
        Self::build(policy, |client| client.tls_backend_preconfigured(tls))
    }

    fn build(
        policy: Policy,
        tls: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Result<Egress, EgressError> {
        let guard = Arc::new(Guard::new(policy.allow_addresses));
        let client = tls(reqwest::Client::builder())
            .dns_resolver(Arc::clone(&guard))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .http1_only()
            .user_agent(concat!("trunkline/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .pool_max_idle_per_host(IDLE_MAX)
            .build()
            .map_err(|error| EgressError::Client(chain(&error)))?;
        Ok(Egress { client, guard, tls: dial::tls()?, allow_http: policy.allow_http })
    }

    /// Believes this authority and no other: for servers of the tests.
    #[cfg(test)]
    pub(crate) fn trusting(self, authority: rustls_pki_types::CertificateDer<'static>) -> Egress {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority).expect("an authority");
        Egress { tls: dial::trusting(roots).expect("a configuration"), ..self }
    }

    /// May a request go there, as far as the URL itself tells? For validation when a URL is configured.
    pub fn check(&self, url: &str) -> Result<(), EgressError> {
        self.parse(url).map(drop)
    }

    /// Sends a POST; headers are names and values.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<Answer, EgressError> {
        self.send(self.client.post(self.parse(url)?).body(body), headers).await
    }

    /// As [`Egress::post`], for what takes longer to send and to answer.
    pub async fn post_within(
        &self,
        timeout: Duration,
        url: &str,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<Answer, EgressError> {
        self.send(self.client.post(self.parse(url)?).timeout(timeout).body(body), headers).await
    }

    /// As [`Egress::post_within`], for what answers with a file of at most so many bytes; a longer one is no answer.
    pub async fn exchange(
        &self,
        timeout: Duration,
        url: &str,
        headers: &[(&'static str, String)],
        body: Bytes,
        bytes_max: usize,
    ) -> Result<Answer, EgressError> {
        self.whole(self.client.post(self.parse(url)?).body(body), timeout, headers, bytes_max).await
    }

    /// Gets a file of at most so many bytes; a longer one is no answer.
    pub async fn fetch(&self, timeout: Duration, url: &str, bytes_max: usize) -> Result<Answer, EgressError> {
        self.fetch_with(timeout, url, &[], bytes_max).await
    }

    /// As [`Egress::fetch`], for who must say something; headers are names and values.
    pub async fn fetch_with(
        &self,
        timeout: Duration,
        url: &str,
        headers: &[(&'static str, String)],
        bytes_max: usize,
    ) -> Result<Answer, EgressError> {
        self.whole(self.client.get(self.parse(url)?), timeout, headers, bytes_max).await
    }

    /// Sends a GET; headers are names and values.
    pub async fn get(&self, url: &str, headers: &[(&'static str, String)]) -> Result<Answer, EgressError> {
        self.send(self.client.get(self.parse(url)?), headers).await
    }

    /// Sends a DELETE; headers are names and values.
    pub async fn delete(&self, url: &str, headers: &[(&'static str, String)]) -> Result<Answer, EgressError> {
        self.send(self.client.delete(self.parse(url)?), headers).await
    }

    /// As [`Egress::get`], for what takes longer to answer.
    pub async fn get_within(
        &self,
        timeout: Duration,
        url: &str,
        headers: &[(&'static str, String)],
    ) -> Result<Answer, EgressError> {
        self.send(self.client.get(self.parse(url)?).timeout(timeout), headers).await
    }

    /// Sends a GET and writes the body of a 2xx answer out as it comes, however long it is; any other answer is given back as
    /// [`Egress::get`] gives it.
    pub async fn copy(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<Answer, EgressError> {
        let mut response =
            self.begin(self.client.get(self.parse(url)?).timeout(COPY_TIMEOUT), headers).await?;
        if !response.status().is_success() {
            return read(response, BODY_MAX).await;
        }
        let unwritten = |error: std::io::Error| EgressError::Output(error.kind());
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            to.write_all(&chunk).await.map_err(unwritten)?;
        }
        to.flush().await.map_err(unwritten)?;
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after: None,
            location: None,
            body: Bytes::new(),
        })
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        headers: &[(&'static str, String)],
    ) -> Result<Answer, EgressError> {
        self.send_for(request, headers, BODY_MAX).await
    }

    async fn whole(
        &self,
        request: reqwest::RequestBuilder,
        timeout: Duration,
        headers: &[(&'static str, String)],
        bytes_max: usize,
    ) -> Result<Answer, EgressError> {
        // One byte more tells what just fits from what does not.
        let read = self.send_for(request.timeout(timeout), headers, bytes_max + 1).await;
        let answer = read.map_err(|error| match error {
            // The one that was given, and not the usual one.
            EgressError::Timeout(TIMEOUT) => EgressError::Timeout(timeout),
            error => error,
        })?;
        if answer.body.len() > bytes_max { Err(EgressError::TooLong { bytes_max }) } else { Ok(answer) }
    }

    async fn send_for(
        &self,
        request: reqwest::RequestBuilder,
        headers: &[(&'static str, String)],
        bytes_max: usize,
    ) -> Result<Answer, EgressError> {
        read(self.begin(request, headers).await?, bytes_max).await
    }

    async fn begin(
        &self,
        request: reqwest::RequestBuilder,
        headers: &[(&'static str, String)],
    ) -> Result<reqwest::Response, EgressError> {
        let mut map = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("callers give printable ASCII");
            map.insert(HeaderName::from_static(name), value);
        }
        request.headers(map).send().await.map_err(failed)
    }

    /// A literal address needs no resolver, so it is checked here.
    fn parse(&self, url: &str) -> Result<Url, EgressError> {
        let url = Url::parse(url).map_err(|_| EgressError::Url("it cannot be read"))?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            "http" => return Err(EgressError::Url("its scheme must be https")),
            _ => return Err(EgressError::Url("its scheme is neither http nor https")),
        }
        let allowed = match url.host() {
            Some(Host::Ipv4(address)) => self.guard.allows(address.into()),
            Some(Host::Ipv6(address)) => self.guard.allows(address.into()),
            Some(Host::Domain(_)) => true,
            None => return Err(EgressError::Url("it has no host")),
        };
        if allowed { Ok(url) } else { Err(EgressError::Address) }
    }
}

async fn read(mut response: reqwest::Response, bytes_max: usize) -> Result<Answer, EgressError> {
    let retry_after = response.headers().get(RETRY_AFTER).and_then(retry_after);
    let location = response.headers().get(LOCATION).and_then(|value| Some(value.to_str().ok()?.to_owned()));
    let status = response.status().as_u16();
    let mut body = BytesMut::new();
    // What is over the bound is never read: dropping the response closes its connection.
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        let room = bytes_max - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == bytes_max {
            break;
        }
    }
    Ok(Answer { status, retry_after, location, body: body.freeze() })
}

/// Seconds, or a date (RFC 9110 §5.6.7).
fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let value = value.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(SystemTime::from(date).duration_since(SystemTime::now()).unwrap_or_default())
}

/// The error in words that name no URL: its query may hold a token.
fn failed(error: reqwest::Error) -> EgressError {
    if error.is_timeout() {
        return EgressError::Timeout(if error.is_connect() { CONNECT_TIMEOUT } else { TIMEOUT });
    }
    failure::kind(&error.without_url())
}

#[cfg(test)]
mod tests;
