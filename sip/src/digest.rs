//! Digest access authentication (RFC 7616, RFC 8760; RFC 2069 where a server offers no qop). Takes its cnonce from outside, keeps
//! one nonce count for each nonce, and holds no password. Knows nothing of transactions: it is told of a response and gives
//! header lines.

mod challenge;
mod guard;
mod verify;

use std::fmt;

pub use self::{
    challenge::{Algorithm, Challenge, Hash, Qop, Signed},
    guard::{Guard, Verdict},
    verify::Answer,
};
use crate::message::{Message, Name, Params};

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

    fn are_for(&self, realm: &str) -> bool {
        self.realm.as_deref().is_none_or(|ours| ours == realm)
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

    /// Whether nobody has challenged yet.
    pub fn is_empty(&self) -> bool {
        self.realms.is_empty()
    }

    /// A new request begins, one that may be challenged afresh. Known nonces go on being used.
    pub fn begin_request(&mut self) {
        for realm in &mut self.realms {
            realm.tries = 0;
        }
    }

    /// What one of several requests in a dialog begins with. Its nonce counts are not used again here.
    pub fn lend(&mut self) -> Self {
        let mut lent = self.clone();
        lent.begin_request();
        for realm in &mut self.realms {
            realm.nonce_count = realm.nonce_count.saturating_add(1);
        }
        lent
    }

    /// Takes over what a request learnt that began with `lend`.
    pub fn learn(&mut self, lent: Self) {
        for theirs in lent.realms {
            let has_room = self.realms.len() < REALMS_MAX;
            match self.realms.iter_mut().find(|ours| ours.is_of(theirs.is_proxy, &theirs.challenge.realm)) {
                Some(ours) if ours.challenge.nonce == theirs.challenge.nonce => {
                    ours.nonce_count = ours.nonce_count.max(theirs.nonce_count);
                }
                Some(ours) => *ours = theirs,
                None if has_room => self.realms.push(theirs),
                None => {}
            }
        }
    }

    /// Takes up the challenges of a 401 or 407. Of each realm the strongest algorithm is chosen. A realm that had its answer may
    /// ask again when it calls the nonce stale (RFC 7616 §3.3). A realm that the credentials are not for gets none. `cnonce` must
    /// be fresh and unguessable.
    pub fn handle_response(
        &mut self,
        credentials: &Credentials,
        response: &Message,
        cnonce: &str,
    ) -> Challenged {
        let mut outcome = Challenged::Unsupported;
        for (is_proxy, name) in [(false, Name::WwwAuthenticate), (true, Name::ProxyAuthenticate)] {
            let mut offered: Vec<Challenge> = response.lines(name).flat_map(Challenge::parse_line).collect();
            offered.retain(|challenge| credentials.are_for(&challenge.realm));
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

    /// A request was accepted: the server may name the nonce it wants next (RFC 7616 §3.5). The session forms hash their first
    /// nonce into the secret, and keep it.
    pub fn handle_success(&mut self, response: &Message) {
        let Some(info) = response.header(Name::AuthenticationInfo) else { return };
        let mut params = Params::list(info, b',');
        let Some((_, next)) = params.find(|(name, _)| name.eq_ignore_ascii_case("nextnonce")) else { return };
        let mut servers =
            self.realms.iter_mut().filter(|realm| !realm.is_proxy && !realm.challenge.algorithm.session);
        // Of several it does not say which.
        let (Some(realm), None) = (servers.next(), servers.next()) else { return };
        if !next.is_empty() && realm.challenge.nonce != next {
            next.clone_into(&mut realm.challenge.nonce);
            realm.nonce_count = 0;
        }
    }

    /// The header lines for the next request: one for each realm that asked.
    pub fn authorizations(&mut self, credentials: &Credentials, signed: &Signed<'_>) -> Vec<(Name, String)> {
        let answer = |realm: &mut Realm| {
            realm.nonce_count = realm.nonce_count.saturating_add(1);
            let name = if realm.is_proxy { Name::ProxyAuthorization } else { Name::Authorization };
            (name, realm.challenge.answer(credentials, signed, &realm.cnonce, realm.nonce_count))
        };
        self.realms.iter_mut().map(answer).collect()
    }

    /// The request that these lines were for did not leave: the next one bears the same counts (RFC 7616 §3.4).
    pub fn take_back(&mut self) {
        for realm in &mut self.realms {
            realm.nonce_count = realm.nonce_count.saturating_sub(1);
        }
    }

    fn take_up(&mut self, is_proxy: bool, challenge: Challenge, cnonce: &str) -> bool {
        let known = self.realms.iter().position(|realm| realm.is_of(is_proxy, &challenge.realm));
        let known = known.map(|at| self.realms.remove(at));
        let mut realm = Realm { is_proxy, challenge, cnonce: cnonce.to_owned(), nonce_count: 0, tries: 1 };
        let is_taken = match known {
            None if self.realms.len() == REALMS_MAX => return false,
            None => true,
            Some(known) => {
                let tries_max = if realm.challenge.stale { 1 + STALE_MAX } else { 1 };
                let is_taken = known.tries < tries_max;
                realm.tries = known.tries.saturating_add(1);
                if known.challenge.nonce == realm.challenge.nonce {
                    // The same nonce once more: the server counts on.
                    (realm.nonce_count, realm.cnonce) = (known.nonce_count, known.cnonce);
                }
                is_taken
            }
        };
        self.realms.push(realm);
        is_taken
    }
}

impl Realm {
    fn is_of(&self, is_proxy: bool, realm: &str) -> bool {
        self.is_proxy == is_proxy && self.challenge.realm == realm
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

/// Times a realm may call its nonce stale before one request of ours gives up.
const STALE_MAX: u8 = 2;
/// Realms that may ask at once; more is no chain of proxies any more.
const REALMS_MAX: usize = 4;
/// Challenges of one response that are looked at.
const CHALLENGES_MAX: usize = 16;

#[cfg(test)]
mod tests;
