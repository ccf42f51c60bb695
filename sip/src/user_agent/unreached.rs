//! What a failed way to the far end does to what is under way: connections that are gone, and datagrams that do not arrive.

use std::time::Instant;

use super::UserAgent;
use crate::arena::Key;
use crate::invite::Phase;
use crate::path::FlowLost;
use crate::transaction::{Owner, Severed};
use crate::transport_error::TransportError;

impl UserAgent {
    /// An ICMP error about what went to some address (RFC 3261 §18.4). Anybody may forge one, so that it ends only what has begun
    /// nothing: a request outside of every dialog, of which nothing was heard. All else has its timers.
    pub(super) fn handle_unreached(&mut self, now: Instant, lost: &FlowLost) {
        let unheard = self.layer.unheard(lost.path.remote);
        if !unheard.is_empty() {
            self.layer.unheard_by(now, &lost.path);
        }
        for (owner, key) in unheard {
            if self.begins(owner, key)
                && let Some(severed) = self.layer.give_up(key)
            {
                self.tell_severed(now, severed, &lost.error);
            }
        }
    }

    /// Tells whose request it was that did not arrive, or will never be answered.
    pub(super) fn tell_severed(&mut self, now: Instant, severed: Severed, error: &TransportError) {
        match severed.owner {
            Owner::Invite(key) => self.invite_severed(now, key, severed, error),
            Owner::Request(key) => self.request_severed(now, key, severed.key, error),
            Owner::Nobody => {}
        }
    }

    /// Whether a transaction of ours is outside of every dialog.
    fn begins(&self, owner: Owner, transaction: Key) -> bool {
        match owner {
            Owner::Invite(key) => self.usages.get(key).is_some_and(|usage| {
                usage.invite == Some(transaction) && matches!(usage.phase, Phase::Calling(_))
            }),
            Owner::Request(key) => {
                self.requests.get(key).is_some_and(|request| request.dialog.remote_tag.is_empty())
            }
            Owner::Nobody => false,
        }
    }
}
