//! Digest access authentication (RFC 7616, RFC 8760; RFC 2069 where a server offers no qop). Takes its cnonce from outside, keeps
//! one nonce count for each nonce, and holds no password. Knows nothing of transactions: it is told of a response and gives
//! header lines. `auth-int` is not spoken.

mod challenge;
mod verify;

use std::fmt;

pub use self::{
    challenge::{Algorithm, Challenge, Hash},
    verify::Answer,
};
use crate::message::{Message, Name};

/// What a trunk or a callee knows us by.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name, as the realm knows it.
    pub username: String,
    /// The password in clear: a digest cannot be made of less.
    pub password: String,
    /// The only realm they are for; any that asks without one. They are shown to nobody else.
    pub realm: Option<String>,
}

impl Credentials {
    /// For whatever realm asks.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self { username: username.into(), password: password.into(), realm: None }
    }
}

/// A password is not for logs, and a user name often is a phone number.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials { .. }")
    }
}

/// The challenges one call or registration has met, and how far each nonce is used. Several realms may ask at once: a trunk's
/// proxy and the server behind it.
#[derive(Clone, Default, Debug)]
pub struct Authenticator {
    realms: Vec<Realm>,
}

#[derive(Clone, Debug)]
struct Realm {
    /// Proxy-Authorization (407) or Authorization (401).
    is_proxy: bool,
    challenge: Challenge,
    cnonce: String,
    /// Requests made with this nonce.
    nonce_count: u32,
    /// Challenges of this realm taken up since the request at hand began.
    tries: u8,
}

/// What a 401 or 407 means for the request it answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Challenged {
    /// Send the request again, with [`Authenticator::authorizations`].
    Retry,
    /// Our credentials were refused: the realm asks again although it had its answer.
    Refused,
    /// No challenge that we could answer: no digest, or no algorithm or qop we speak.
    Unsupported,
}

impl Authenticator {
    /// Nothing challenged yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new request begins, one that may be challenged afresh. Known nonces go on being used.
    pub fn begin_request(&mut self) {
        for realm in &mut self.realms {
            realm.tries = 0;
        }
    }

    /// Takes up the challenges of a 401 or 407. Of each realm the strongest algorithm is chosen; a realm that had its answer may
    /// ask once more, when it calls the nonce stale (RFC 7616 §3.3). `cnonce` must be fresh and unguessable.
    pub fn handle_response(&mut self, response: &Message, cnonce: &str) -> Challenged {
        let mut outcome = Challenged::Unsupported;
        for (is_proxy, name) in [(false, Name::WwwAuthenticate), (true, Name::ProxyAuthenticate)] {
            let mut offered: Vec<Challenge> = response.lines(name).flat_map(Challenge::parse_line).collect();
            offered.truncate(CHALLENGES_MAX);
            while let Some(chosen) = take_strongest_of_first_realm(&mut offered) {
                match self.take_up(is_proxy, chosen, cnonce) {
                    true if outcome != Challenged::Refused => outcome = Challenged::Retry,
                    true => {}
                    false => outcome = Challenged::Refused,
                }
            }
        }
        outcome
    }

    /// The header lines for the next request with this method and Request-URI: one for each realm that asked.
    pub fn authorizations(
        &mut self,
        credentials: &Credentials,
        method: &str,
        uri: &str,
    ) -> Vec<(Name, String)> {
        let answer = |realm: &mut Realm| {
            realm.nonce_count = realm.nonce_count.saturating_add(1);
            let name = if realm.is_proxy { Name::ProxyAuthorization } else { Name::Authorization };
            (name, realm.challenge.answer(credentials, method, uri, &realm.cnonce, realm.nonce_count))
        };
        self.realms.iter_mut().map(answer).collect()
    }

    fn take_up(&mut self, is_proxy: bool, challenge: Challenge, cnonce: &str) -> bool {
        let same = |realm: &&Realm| realm.is_proxy == is_proxy && realm.challenge.realm == challenge.realm;
        let tries = match self.realms.iter().find(same) {
            Some(realm) if realm.tries > u8::from(challenge.stale) => return false,
            Some(realm) => realm.tries + 1,
            None if self.realms.len() == REALMS_MAX => return false,
            None => 1,
        };
        self.realms.retain(|realm| realm.is_proxy != is_proxy || realm.challenge.realm != challenge.realm);
        self.realms.push(Realm { is_proxy, challenge, cnonce: cnonce.to_owned(), nonce_count: 0, tries });
        true
    }
}

/// Takes all challenges of the first one's realm out, and gives the strongest; among equals the server's first.
fn take_strongest_of_first_realm(offered: &mut Vec<Challenge>) -> Option<Challenge> {
    let realm = offered.first()?.realm.clone();
    let (same, others): (Vec<_>, Vec<_>) = offered.drain(..).partition(|challenge| challenge.realm == realm);
    *offered = others;
    same.into_iter().reduce(
        |best, next| {
            if next.algorithm.strength() > best.algorithm.strength() { next } else { best }
        },
    )
}

/// Realms that may ask at once; more is no chain of proxies any more.
const REALMS_MAX: usize = 4;
/// Challenges of one response that are looked at.
const CHALLENGES_MAX: usize = 16;

#[cfg(test)]
mod tests;
