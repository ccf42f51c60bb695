//! One challenge: read from a WWW-Authenticate or Proxy-Authenticate line, written into one, answered.

use std::fmt::Write as _;

use md5::Md5;
use sha2::{Sha256, Sha512_256};

use super::Credentials;
use crate::message::{Params, Split, unescape, unquote};

/// A hash function, and whether the session form of A1 is used (RFC 7616 §3.4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Algorithm {
    /// The hash.
    pub hash: Hash,
    /// `-sess`.
    pub session: bool,
}

/// The hash functions of RFC 8760.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Hash {
    /// Broken, and what most trunks still ask for.
    Md5,
    /// SHA-256
    Sha256,
    /// SHA-512/256
    Sha512_256,
}

impl Algorithm {
    /// MD5 without session: what a challenge means that names none.
    pub const MD5: Self = Self { hash: Hash::Md5, session: false };
    /// SHA-256 without session.
    pub const SHA_256: Self = Self { hash: Hash::Sha256, session: false };

    /// The algorithm of a token, in any case.
    pub fn from_token(token: &str) -> Option<Self> {
        ALL.iter().find(|(text, _)| text.eq_ignore_ascii_case(token)).map(|(_, algorithm)| *algorithm)
    }

    /// The token.
    pub fn as_str(self) -> &'static str {
        ALL.iter().find(|(_, algorithm)| *algorithm == self).map_or("MD5", |(text, _)| text)
    }

    pub(super) fn strength(self) -> Hash {
        self.hash
    }

    /// The hash in lower-case hexadecimal of the parts, joined by colons.
    pub(super) fn hash(self, parts: &[&str]) -> String {
        match self.hash {
            Hash::Md5 => hash_hex::<Md5>(parts),
            Hash::Sha256 => hash_hex::<Sha256>(parts),
            Hash::Sha512_256 => hash_hex::<Sha512_256>(parts),
        }
    }
}

const ALL: [(&str, Algorithm); 6] = [
    ("MD5", Algorithm::MD5),
    ("MD5-sess", Algorithm { hash: Hash::Md5, session: true }),
    ("SHA-256", Algorithm::SHA_256),
    ("SHA-256-sess", Algorithm { hash: Hash::Sha256, session: true }),
    ("SHA-512-256", Algorithm { hash: Hash::Sha512_256, session: false }),
    ("SHA-512-256-sess", Algorithm { hash: Hash::Sha512_256, session: true }),
];

fn hash_hex<D: md5::Digest>(parts: &[&str]) -> String {
    let mut hasher = D::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hasher.update(b":");
        }
        hasher.update(part.as_bytes());
    }
    let mut hex = String::with_capacity(64);
    for byte in hasher.finalize() {
        write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
    }
    hex
}

/// A digest challenge that can be answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    /// Whose users we are asked about, escapes taken out.
    pub realm: String,
    /// The server's nonce, as written.
    pub nonce: String,
    /// To be given back as it came.
    pub opaque: Option<String>,
    /// The hash.
    pub algorithm: Algorithm,
    /// Whether qop=auth is offered; without it the answer is that of RFC 2069.
    pub qop_auth: bool,
    /// The credentials were right, the nonce too old.
    pub stale: bool,
}

impl Challenge {
    /// The answerable challenges of one header line; there may be several, of any scheme.
    pub fn parse_line(line: &str) -> Vec<Self> {
        let mut found = Vec::new();
        let mut current = Vec::new();
        let mut is_digest = false;
        for part in Split::new(line, b',') {
            let parameter = match split_scheme(part) {
                Some((scheme, parameter)) => {
                    found.extend(Self::from_parameters(&std::mem::take(&mut current)));
                    is_digest = scheme.eq_ignore_ascii_case("Digest");
                    parameter
                }
                None => part,
            };
            if let (true, Some((name, value))) = (is_digest, parameter.split_once('=')) {
                current.push((name.trim_ascii(), unquote(value)));
            }
        }
        found.extend(Self::from_parameters(&current));
        found
    }

    fn from_parameters(parameters: &[(&str, &str)]) -> Option<Self> {
        let get = |name| {
            parameters.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
        };
        let qop = get("qop").filter(|qop| !qop.is_empty());
        let qop_auth =
            qop.is_some_and(|qop| qop.split(',').any(|word| word.trim_ascii().eq_ignore_ascii_case("auth")));
        if qop.is_some() && !qop_auth {
            return None;
        }
        Some(Self {
            realm: unescape(get("realm")?).into_owned(),
            nonce: get("nonce")?.to_owned(),
            opaque: get("opaque").map(str::to_owned),
            algorithm: get("algorithm").map_or(Some(Algorithm::MD5), Algorithm::from_token)?,
            qop_auth,
            stale: get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The realm of a challenge line's first challenge, whatever its scheme or algorithm.
    pub fn realm_of(line: &str) -> Option<String> {
        let (_, rest) = line.trim_ascii().split_once([' ', '\t'])?;
        let mut params = Params::list(rest, b',');
        params
            .find(|(name, _)| name.eq_ignore_ascii_case("realm"))
            .map(|(_, realm)| unescape(realm).into_owned())
    }

    /// The value of an Authorization or Proxy-Authorization header.
    pub fn answer(
        &self,
        credentials: &Credentials,
        method: &str,
        uri: &str,
        cnonce: &str,
        nonce_count: u32,
    ) -> String {
        let count = format!("{nonce_count:08x}");
        let response = self.response(credentials, method, uri, cnonce, &count);
        let mut value = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", algorithm={}",
            escape(&credentials.username),
            escape(&self.realm),
            self.nonce,
            self.algorithm.as_str(),
        );
        if self.qop_auth {
            value.push_str(&format!(", cnonce=\"{cnonce}\", qop=auth, nc={count}"));
        } else if self.algorithm.session {
            value.push_str(&format!(", cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque=\"{opaque}\""));
        }
        value
    }

    /// RFC 7616 §3.4.1.
    pub(super) fn response(
        &self,
        credentials: &Credentials,
        method: &str,
        uri: &str,
        cnonce: &str,
        count: &str,
    ) -> String {
        let algorithm = self.algorithm;
        let mut secret = algorithm.hash(&[&credentials.username, &self.realm, &credentials.password]);
        if algorithm.session {
            secret = algorithm.hash(&[&secret, &self.nonce, cnonce]);
        }
        let what = algorithm.hash(&[method, uri]);
        match self.qop_auth {
            true => algorithm.hash(&[&secret, &self.nonce, count, cnonce, "auth", &what]),
            false => algorithm.hash(&[&secret, &self.nonce, &what]),
        }
    }

    /// The value of a WWW-Authenticate or Proxy-Authenticate header that makes this challenge.
    pub fn issue(&self) -> String {
        let mut value = format!(
            "Digest realm=\"{}\", nonce=\"{}\", algorithm={}",
            escape(&self.realm),
            self.nonce,
            self.algorithm.as_str()
        );
        if self.qop_auth {
            value.push_str(", qop=\"auth\"");
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque=\"{opaque}\""));
        }
        if self.stale {
            value.push_str(", stale=true");
        }
        value
    }
}

/// `Digest realm="a"` begins a challenge, `realm="a"` goes on with one.
fn split_scheme(part: &str) -> Option<(&str, &str)> {
    let (word, rest) = part.split_once([' ', '\t'])?;
    let rest = rest.trim_ascii_start();
    (!word.contains('=') && !rest.starts_with('=') && rest.contains('=')).then_some((word, rest))
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
