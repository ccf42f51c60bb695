//! A small HTTP client that blocks, over the one that the switch itself uses.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// Requests to one switch.
pub struct Client {
    base: String,
    authorization: String,
    runtime: Runtime,
    http: reqwest::Client,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// By name in lower case; of repeated ones the last.
    pub headers: BTreeMap<String, String>,
    pub text: String,
    /// The body as bytes, as it came.
    pub bytes: Vec<u8>,
    /// `null` if the body is no JSON.
    pub json: Value,
}

impl Client {
    /// With the usual key.
    pub fn new(base: &str) -> Self {
        Self::with(base, &format!("Bearer nxf_demo:{}", super::SECRET))
    }

    /// With the usual key, by HTTPS: this certificate is believed, and no other.
    pub fn believing(base: &str, certificate_pem: &str) -> Self {
        let certificate = reqwest::Certificate::from_pem(certificate_pem.as_bytes()).expect("a certificate");
        let usual = format!("Bearer nxf_demo:{}", super::SECRET);
        Self::build(base, &usual, |http| http.tls_certs_only([certificate]))
    }

    /// With the usual key, for whoever waits longer than a client usually does.
    pub fn patient(base: &str) -> Self {
        let usual = format!("Bearer nxf_demo:{}", super::SECRET);
        Self::build(base, &usual, |http| http.timeout(Duration::from_secs(120)))
    }

    /// With these credentials.
    pub fn with(base: &str, authorization: &str) -> Self {
        Self::build(base, authorization, |http| http)
    }

    fn build(
        base: &str,
        authorization: &str,
        more: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Self {
        // A program with two TLS back ends in its tree must name one, even to speak plain HTTP.
        // The switch closes what idles for some seconds, which a client that runs only while it asks would not notice in time.
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .pool_idle_timeout(Duration::from_secs(1));
        Self {
            base: base.to_owned(),
            authorization: authorization.to_owned(),
            runtime: Builder::new_current_thread().enable_all().build().expect("a runtime"),
            http: more(http).build().expect("an HTTP client"),
        }
    }

    pub fn get(&self, path: &str) -> Reply {
        self.try_get(path).unwrap_or_else(|| panic!("GET {path} got no answer"))
    }

    /// With these headers over the usual ones.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.http.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// `None` if nobody answers.
    pub fn try_get(&self, path: &str) -> Option<Reply> {
        self.send(self.http.get(self.url(path))).ok()
    }

    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_with(path, body.to_string().into(), &[])
    }

    /// Any body, and these headers over the usual ones.
    pub fn post_with(&self, path: &str, body: Vec<u8>, headers: &[(&str, &str)]) -> Reply {
        self.try_post_with(path, body, headers).unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// As [`Client::post_with`], for a switch that may be gone.
    pub fn try_post_with(
        &self,
        path: &str,
        body: Vec<u8>,
        headers: &[(&str, &str)],
    ) -> Result<Reply, reqwest::Error> {
        let mut request =
            self.http.post(self.url(path)).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request)
    }

    /// `PATCH` with these headers.
    pub fn patch(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Reply {
        self.any("PATCH", path, body.to_string().into(), headers)
    }

    /// `DELETE`.
    pub fn delete(&self, path: &str) -> Reply {
        self.any("DELETE", path, Vec::new(), &[])
    }

    /// Any method, body and headers.
    pub fn any(&self, method: &str, path: &str, body: Vec<u8>, headers: &[(&str, &str)]) -> Reply {
        let method = method.parse().expect("a method");
        let mut request =
            self.http.request(method, self.url(path)).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn send(&self, request: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
        let mut request = request.build()?;
        if !request.headers().contains_key("authorization") {
            let value = self.authorization.parse().expect("a valid header");
            request.headers_mut().insert("authorization", value);
        }
        self.runtime.block_on(async {
            let response = self.http.execute(request).await?;
            let text_of =
                |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
            let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text_of(value)));
            let (status, headers) = (response.status().as_u16(), headers.collect());
            let bytes = response.bytes().await?.to_vec();
            let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            Ok(Reply { status, headers, text: String::from_utf8_lossy(&bytes).into_owned(), bytes, json })
        })
    }
}
