//! The server's side: checks the answer to a challenge it made. It keeps no nonces; whoever issued one knows it.

use super::{Challenge, Credentials};
use crate::message::{Params, unescape};

/// An Authorization or Proxy-Authorization value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer<'a> {
    /// As written, escapes kept.
    pub username: &'a str,
    /// As written, escapes kept.
    pub realm: &'a str,
    /// The nonce that is answered.
    pub nonce: &'a str,
    /// The Request-URI that was hashed.
    pub uri: &'a str,
    /// The hash.
    pub response: &'a str,
    /// The client's nonce; empty where qop is not used.
    pub cnonce: &'a str,
    /// Eight hexadecimal digits; empty where qop is not used.
    pub nonce_count: &'a str,
}

impl<'a> Answer<'a> {
    /// Reads a value; `None` when it is not of the Digest scheme or lacks a part.
    pub fn parse(value: &'a str) -> Option<Self> {
        let (scheme, rest) = value.trim_ascii().split_once(' ')?;
        let find = |name| Params::list(rest, b',').find(|(found, _)| *found == name).map(|(_, value)| value);
        scheme.eq_ignore_ascii_case("Digest").then_some(Self {
            username: find("username")?,
            realm: find("realm")?,
            nonce: find("nonce")?,
            uri: find("uri")?,
            response: find("response")?,
            cnonce: find("cnonce").unwrap_or_default(),
            nonce_count: find("nc").unwrap_or_default(),
        })
    }

    /// Whether this answers `challenge` for a request of `method`, by somebody with these credentials. The count must be
    /// eight digits; that it grows is for the keeper of the nonce to watch.
    pub fn verify(&self, challenge: &Challenge, credentials: &Credentials, method: &str) -> bool {
        let count = self.nonce_count;
        let counted = count.len() == 8 && count.bytes().all(|byte| byte.is_ascii_hexdigit());
        let expected = challenge.response(credentials, method, self.uri, self.cnonce, count);
        unescape(self.username) == credentials.username
            && unescape(self.realm) == challenge.realm
            && self.nonce == challenge.nonce
            && (counted || !challenge.qop_auth)
            && expected.eq_ignore_ascii_case(self.response)
    }
}
