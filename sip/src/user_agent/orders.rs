//! What an owner may ask for besides calls: bindings, transfers, and proof of who calls.

use std::time::Instant;

use super::{UserAgent, check_name_addr, refusing, usable_hop};
use crate::config::{Body, Refer, Register};
use crate::digest::{Guard, Verdict};
use crate::error::Error;
use crate::event::{InviteId, RegistrationId};
use crate::message::{Name, Uri};
use crate::registration::REGISTRATIONS_MAX;

/// What an incoming call's credentials are worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Authentication {
    /// The caller knows the password. The call waits for its owner as before.
    Passed {
        /// The user name it was looked up by.
        username: String,
    },
    /// It bore no credentials, or a nonce that is too old: it was challenged with 401, and `Failed` follows. A caller with the
    /// password calls again.
    Challenged,
    /// Wrong user name or password: it was refused with 403, and `Failed` follows.
    Refused,
}

impl UserAgent {
    /// Registers, and keeps the binding until `unregister` (RFC 3261 §10). `Registered` or `RegistrationFailed` follows, and again
    /// whenever something changes. Other targets, other realms and lost bindings are seen to here.
    ///
    /// # Errors
    /// As `invite`.
    pub fn register(&mut self, now: Instant, register: Register) -> Result<RegistrationId, Error> {
        usable_hop(&register.registrar, register.route.as_deref())?;
        check_name_addr(&register.aor)?;
        if let Some(user) = &register.contact_user {
            check_user(user)?;
        }
        if self.registrations.len() >= REGISTRATIONS_MAX {
            self.layer.counters.overloaded += 1;
            return Err(Error::Overloaded { what: "registrations", max: REGISTRATIONS_MAX });
        }
        self.layer.admit()?;
        Ok(self.begin_registration(now, register))
    }

    /// Takes a binding back (Expires 0). `Unregistered` follows once; a dead id is ignored.
    pub fn unregister(&mut self, now: Instant, id: RegistrationId) {
        self.end_registration(now, id.0);
    }

    /// Asks the far end of an answered call to call somebody else (RFC 3515). `ReferProgress` follows. Gives whether the REFER
    /// left: not without a dialog, nor while an earlier one is open.
    pub fn refer(&mut self, now: Instant, id: InviteId, refer: Refer) -> bool {
        let is_usable = Uri::parse(&refer.to).is_some_and(|uri| uri.headers.is_none());
        let is_attributed = refer.referred_by.as_deref().is_none_or(|by| check_name_addr(by).is_ok());
        is_usable && is_attributed && self.layer.admit().is_ok() && self.send_refer(now, id.0, &refer)
    }

    /// Sends an INFO in the dialog of an answered call (RFC 6086), as gateways take digits. Nobody waits for what it comes to. Gives
    /// whether it left.
    pub fn info(&mut self, now: Instant, id: InviteId, body: Body) -> bool {
        self.layer.admit().is_ok() && self.send_info(now, id.0, body)
    }

    /// Agrees to a `Refer`: 202, and the first NOTIFY with 100 (RFC 3515 §2.4.2).
    pub fn accept_refer(&mut self, now: Instant, id: InviteId) {
        self.agree_to_refer(now, id.0);
    }

    /// Refuses a `Refer` with 300 to 699; anything else becomes 500.
    pub fn refuse_refer(&mut self, now: Instant, id: InviteId, status: u16) {
        self.decline_refer(now, id.0, refusing(status));
    }

    /// Tells the far end how the transfer it asked for goes. A status from 200 on is the last word. An empty phrase stands for
    /// the usual one.
    pub fn notify_refer(&mut self, now: Instant, id: InviteId, status: u16, phrase: &str) {
        if (100..700).contains(&status) {
            self.notify(now, id.0, status, phrase);
        }
    }

    /// Asks an incoming call that is not answered for credentials: 401, with SHA-256 and MD5 offered (RFC 8760), sent as `reject`
    /// does. `Failed` follows; the caller calls again, with credentials that `authenticate` looks at.
    pub fn challenge(&mut self, now: Instant, id: InviteId, realm: &str) {
        self.ask_for_credentials(now, id, realm, false);
    }

    /// Whether an incoming call that is not answered bears credentials for a realm, right or wrong. What it shows to others is nothing
    /// to us.
    #[must_use]
    pub fn shows_credentials(&self, id: InviteId, realm: &str) -> bool {
        self.ringing_request(id.0).is_some_and(|request| Guard::is_answered(realm, request))
    }

    /// Looks at the credentials of an incoming call. `password` is asked for the password of a user name.
    pub fn authenticate(
        &mut self,
        now: Instant,
        id: InviteId,
        realm: &str,
        password: impl FnOnce(&str) -> Option<String>,
    ) -> Authentication {
        let Some(request) = self.ringing_request(id.0).cloned() else { return Authentication::Refused };
        match self.guard.verify(now, realm, &request, password) {
            Verdict::Passed { username } => {
                self.let_in(now, id.0);
                Authentication::Passed { username }
            }
            verdict @ (Verdict::Missing | Verdict::Stale) => {
                self.ask_for_credentials(now, id, realm, verdict == Verdict::Stale);
                Authentication::Challenged
            }
            // Another 401 would only have it guess again (RFC 3261 §21.4.4).
            Verdict::Wrong => {
                self.turn_down(now, id.0, 403, &[]);
                Authentication::Refused
            }
        }
    }

    fn ask_for_credentials(&mut self, now: Instant, id: InviteId, realm: &str, stale: bool) {
        let named = |challenge| (Name::WwwAuthenticate.as_str().to_owned(), challenge);
        let challenges: Vec<_> = self.guard.challenges(now, realm, stale).into_iter().map(named).collect();
        self.turn_down(now, id.0, 401, &challenges);
    }
}

/// A Contact's user part is what a URI may hold before its `@`, and nothing that would end it.
fn check_user(user: &str) -> Result<(), Error> {
    let is_usable = !user.contains(['@', ':', '?', ';']) && Uri::parse(&format!("sip:{user}@host")).is_some();
    if is_usable { Ok(()) } else { Err(Error::Uri(user.to_owned())) }
}
