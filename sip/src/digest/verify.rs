//! An answer to a challenge, as its server sees it. Keeps nothing; whoever issued a nonce knows it.

use super::{Algorithm, Challenge, Credentials, Signed};
use crate::message::{Params, unescape};

/// An Authorization or Proxy-Authorization value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer<'a> {
    /// As written, escapes kept; a hash with `userhash`.
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
    /// `auth`, `auth-int`, or empty.
    pub qop: &'a str,
    /// The algorithm; MD5 where none is named.
    pub algorithm: Algorithm,
    /// Whether the user name is hashed (RFC 7616 §3.4.4).
    pub userhash: bool,
}

impl<'a> Answer<'a> {
    /// Reads a value; `None` when it is not of the Digest scheme, lacks a part, or has an algorithm that nobody offers.
    pub fn parse(value: &'a str) -> Option<Self> {
        let (scheme, rest) = value.trim_ascii().split_once(' ')?;
        let find = |name: &str| {
            Params::list(rest, b',')
                .find(|(found, _)| found.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        };
        scheme.eq_ignore_ascii_case("Digest").then_some(Self {
            username: find("username")?,
            realm: find("realm")?,
            nonce: find("nonce")?,
            uri: find("uri")?,
            response: find("response")?,
            cnonce: find("cnonce").unwrap_or_default(),
            nonce_count: find("nc").unwrap_or_default(),
            qop: find("qop").unwrap_or_default(),
            algorithm: find("algorithm").map_or(Some(Algorithm::MD5), Algorithm::from_token)?,
            userhash: find("userhash").is_some_and(|value| value.eq_ignore_ascii_case("true")),
        })
    }

    /// The nonce count; `None` unless it is eight hexadecimal digits and not zero.
    pub fn count(&self) -> Option<u32> {
        let digits =
            self.nonce_count.len() == 8 && self.nonce_count.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u32::from_str_radix(self.nonce_count, 16).ok()).flatten().filter(|count| *count > 0)
    }

    /// Whether this answers `challenge` for a request with this method and body, by somebody with these credentials. That the
    /// count grows is for the keeper of the nonce to watch.
    pub fn verify(
        &self,
        challenge: &Challenge,
        credentials: &Credentials,
        method: &str,
        body: &[u8],
    ) -> bool {
        let signed = Signed { method, uri: self.uri, body };
        let expected = challenge.response(credentials, &signed, self.cnonce, self.nonce_count);
        let is_named = match self.userhash {
            true => self.username == challenge.algorithm.hash(&[&credentials.username, &challenge.realm]),
            false => unescape(self.username) == credentials.username,
        };
        is_named
            && unescape(self.realm) == challenge.realm
            && self.nonce == challenge.nonce
            && (self.count().is_some() || challenge.qop.is_none())
            && same_hex(&expected, self.response)
    }
}

/// Compares in a time that does not tell where the first difference is.
pub(super) fn same_hex(ours: &str, theirs: &str) -> bool {
    let differing = |differing, (a, b): (u8, u8)| differing | (a ^ b.to_ascii_lowercase());
    ours.len() == theirs.len() && ours.bytes().zip(theirs.bytes()).fold(0, differing) == 0
}
