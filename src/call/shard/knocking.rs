//! Who calls from outside: by which trunk, and whether he may. Nothing of a call exists yet.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_sip::{Authentication, Body, Incoming, InviteId};

use super::super::knock::Knock;
use super::super::machine::Call;
use super::super::offers;
use super::Shard;
use crate::model::{CallId, Trunk};
use crate::trunk::doors::REALM;

impl Shard {
    /// Turns a call away that knocked; with 401 it is asked for proof.
    pub(super) fn turn(&mut self, now: Instant, invite: InviteId, status: u16, after: Option<Duration>) {
        self.knocking.remove(&invite);
        if status == 401 {
            let _ = self.agent.authenticate(now, invite, REALM, |_| None);
            return;
        }
        let seconds = |after: Duration| after.as_millis().div_ceil(1_000).max(1).to_string();
        let headers = after.map(|after| ("Retry-After".to_owned(), seconds(after)));
        self.agent.reject(now, invite, status, headers.into_iter().collect());
    }

    /// Somebody calls: who may he be?
    pub(super) fn knocked(&mut self, now: Instant, invite: InviteId, incoming: Box<Incoming>) {
        let is_sdp = |body: &Body| offers::sdp(Some(body)).is_some();
        if !incoming.body.as_ref().is_none_or(is_sdp) {
            let accept = ("Accept".to_owned(), "application/sdp, multipart/mixed".to_owned());
            return self.agent.reject(now, invite, 415, vec![accept]);
        }
        let mut trunks = self.doors.at(incoming.path.remote.ip());
        // Two may send from one network, but a password is one's own: whoever shows one is who he proves to be.
        let is_proven =
            trunks.is_empty() || self.doors.is_locked() && self.agent.shows_credentials(invite, REALM);
        if is_proven {
            trunks = self.proven(now, invite).into_iter().collect();
        }
        if let Some(replaced) = incoming.replaces.filter(|_| !trunks.is_empty()) {
            return self.replaced(now, invite, replaced, &trunks, &incoming);
        }
        if !trunks.is_empty() {
            self.knocking.insert(invite);
            self.out.knocks.push_back(Knock { invite, trunks, is_proven, incoming });
        }
    }

    /// Somebody wants to take the far end's place in a call of ours. Who comes by another trunk is not told that there is one.
    fn replaced(
        &mut self,
        now: Instant,
        invite: InviteId,
        replaced: InviteId,
        trunks: &[Arc<Trunk>],
        incoming: &Incoming,
    ) {
        let id = self.agent.token(replaced).and_then(CallId::new);
        let is_own = |call: &Call| call.is_by(trunks) && call.is_party(replaced);
        let Some(id) = id.filter(|id| self.calls.get(id).is_some_and(is_own)) else {
            return self.agent.reject(now, invite, 481, Vec::new());
        };
        self.with(now, id, |call, cx| {
            call.handle_replacing(cx, invite, &incoming.call_id, incoming.body.as_ref());
        });
    }

    /// The trunk that a caller from nowhere proves to be. Without proof he is asked for it or refused, here.
    fn proven(&mut self, now: Instant, invite: InviteId) -> Option<Arc<Trunk>> {
        if !self.doors.is_locked() {
            self.agent.reject(now, invite, 403, Vec::new());
            return None;
        }
        let doors = &self.doors;
        let password =
            |user: &str| doors.by_username(user)?.inbound.password.as_ref().map(|word| word.reveal().clone());
        match self.agent.authenticate(now, invite, REALM, password) {
            Authentication::Passed { username } => self.doors.by_username(&username).cloned(),
            Authentication::Challenged | Authentication::Refused => None,
        }
    }
}
