//! One challenge: read from a WWW-Authenticate or Proxy-Authenticate line, written into one, answered.

use std::fmt::{self, Write as _};

use md5::{Digest, Md5};
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
        self.hash_bytes(parts.join(":").as_bytes())
    }

    /// The hash in lower-case hexadecimal.
    pub(super) fn hash_bytes(self, bytes: &[u8]) -> String {
        match self.hash {
            Hash::Md5 => hex(&Md5::digest(bytes)),
            Hash::Sha256 => hex(&Sha256::digest(bytes)),
            Hash::Sha512_256 => hex(&Sha512_256::digest(bytes)),
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

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
    }
    hex
}

/// How much of a request a digest protects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Qop {
    /// Method and Request-URI.
    Auth,
    /// The body as well.
    AuthInt,
}

impl Qop {
    /// Of those offered the one we use. `auth` where it is to be had: gateways that rewrite a body would break `auth-int`.
    fn choose(offered: &str) -> Option<Self> {
        let has = |word: &str| offered.split(',').any(|found| found.trim_ascii().eq_ignore_ascii_case(word));
        [Self::Auth, Self::AuthInt].into_iter().find(|qop| has(qop.as_str()))
    }

    /// The token.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

/// What a digest is made over.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// The method's token.
    pub method: &'a str,
    /// The Request-URI.
    pub uri: &'a str,
    /// The body; empty if there is none.
    pub body: &'a [u8],
}

impl fmt::Debug for Signed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, body, .. } = self;
        write!(f, "Signed {{ {method}, {} bytes }}", body.len())
    }
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
    /// How much is protected; `None`, where no qop is offered, is RFC 2069.
    pub qop: Option<Qop>,
    /// Whether the server wants the user name hashed (RFC 7616 §3.4.4).
    pub userhash: bool,
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
        let is_true = |name| get(name).is_some_and(|value: &str| value.eq_ignore_ascii_case("true"));
        let qop = match get("qop").filter(|qop| !qop.trim_ascii().is_empty()) {
            Some(offered) => Some(Qop::choose(offered)?),
            None => None,
        };
        // What goes back as it came must not end its quotes early.
        let quotable = |name| get(name).filter(|value| is_quotable(value));
        Some(Self {
            realm: unescape(get("realm")?).into_owned(),
            nonce: quotable("nonce")?.to_owned(),
            opaque: match get("opaque") {
                Some(_) => Some(quotable("opaque")?.to_owned()),
                None => None,
            },
            algorithm: get("algorithm").map_or(Some(Algorithm::MD5), Algorithm::from_token)?,
            qop,
            userhash: is_true("userhash"),
            stale: is_true("stale"),
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
        signed: &Signed<'_>,
        cnonce: &str,
        nonce_count: u32,
    ) -> String {
        let count = format!("{nonce_count:08x}");
        let response = self.response(credentials, signed, cnonce, &count);
        let username = match self.userhash {
            true => self.algorithm.hash(&[&credentials.username, &self.realm]),
            false => escape(&credentials.username),
        };
        let mut value = format!(
            "Digest username=\"{username}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\", algorithm={}",
            escape(&self.realm),
            self.nonce,
            signed.uri,
            self.algorithm.as_str(),
        );
        match self.qop {
            Some(qop) => {
                value.push_str(&format!(", cnonce=\"{cnonce}\", qop={}, nc={count}", qop.as_str()));
            }
            None if self.algorithm.session => value.push_str(&format!(", cnonce=\"{cnonce}\"")),
            None => {}
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque=\"{opaque}\""));
        }
        if self.userhash {
            value.push_str(", userhash=true");
        }
        value
    }

    /// RFC 7616 §3.4.1.
    pub(super) fn response(
        &self,
        credentials: &Credentials,
        signed: &Signed<'_>,
        cnonce: &str,
        count: &str,
    ) -> String {
        let algorithm = self.algorithm;
        let mut secret = algorithm.hash(&[&credentials.username, &self.realm, &credentials.password]);
        if algorithm.session {
            secret = algorithm.hash(&[&secret, &self.nonce, cnonce]);
        }
        let what = match self.qop {
            Some(Qop::AuthInt) => {
                algorithm.hash(&[signed.method, signed.uri, &algorithm.hash_bytes(signed.body)])
            }
            Some(Qop::Auth) | None => algorithm.hash(&[signed.method, signed.uri]),
        };
        match self.qop {
            Some(qop) => algorithm.hash(&[&secret, &self.nonce, count, cnonce, qop.as_str(), &what]),
            None => algorithm.hash(&[&secret, &self.nonce, &what]),
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
        if let Some(qop) = self.qop {
            value.push_str(&format!(", qop=\"{}\"", qop.as_str()));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque=\"{opaque}\""));
        }
        if self.stale {
            value.push_str(", stale=true");
        }
        if self.userhash {
            value.push_str(", userhash=true");
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

/// Whether text may stand between quotes as it is: every quote in it is escaped, and no backslash is the last.
fn is_quotable(text: &str) -> bool {
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return false,
            '\\' if letters.next().is_none() => return false,
            _ => {}
        }
    }
    true
}

pub(super) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
