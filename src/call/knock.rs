//! A call that comes in and whose trunk is known, until somebody says who answers it.

use std::sync::Arc;

use trunkline_sip::{Incoming, InviteId};

use crate::model::{PhoneNumber, Trunk};
use crate::trunk::called;

/// Somebody calls. Answer each with [`Command::Receive`](super::Command::Receive) or [`Command::Turn`](super::Command::Turn).
pub struct Knock {
    /// Its INVITE.
    pub invite: InviteId,
    /// The trunks that send from where it came: at least one.
    pub trunks: Vec<Arc<Trunk>>,
    /// Did it prove to be by its trunk? Else its address says so alone.
    pub is_proven: bool,
    /// What was asked.
    pub incoming: Box<Incoming>,
}

impl Knock {
    /// The numbers that may be meant, the likeliest first. The Request-URI says it; where it names our Contact, as behind a
    /// registration, P-Called-Party-ID (RFC 7315 §4.2) or the To does.
    pub fn called(&self) -> Vec<PhoneNumber> {
        let by = |trunk: &Arc<Trunk>| {
            let mut found = called::numbers(&self.incoming.uri, trunk);
            let party = self.incoming.headers("P-Called-Party-ID").map(str::to_owned);
            for header in party.chain([self.incoming.to.clone()]) {
                found.extend(called::numbers_of(&header, trunk));
            }
            found
        };
        self.trunks.iter().flat_map(by).collect()
    }

    /// The number that calls by this trunk, as far as it is one: P-Asserted-Identity, which the trunk vouches for (RFC 3325
    /// §9.1), before From.
    pub fn calling(&self, trunk: &Trunk) -> Option<PhoneNumber> {
        let asserted = self.incoming.headers("P-Asserted-Identity").map(str::to_owned);
        let mut shown = asserted.chain([self.incoming.from.clone()]);
        shown.find_map(|header| called::numbers_of(&header, trunk).into_iter().next())
    }
}
