//! Tickets for bots that have no key: each names one call of one tenant and ten minutes, and lets one connection in.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::model::{CallId, TenantId, Timestamp};

/// How long a ticket is good for, in milliseconds. Whoever is late reads the call again and has another.
const LASTS_MS: i64 = 10 * 60_000;

/// Makes and checks tickets. `Clone`, not `Debug`: it holds the key.
#[derive(Clone)]
pub struct Tickets {
    key: [u8; 32],
}

impl Tickets {
    /// Signed by this key.
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// A new ticket for this call's bot; `number` is nobody else's.
    pub fn issue(&self, call: CallId, tenant: TenantId, number: u64, now: Timestamp) -> String {
        let expires = now.0.saturating_add(LASTS_MS).div_euclid(1_000);
        let signature = self.sign(call, tenant, number, expires).finalize().into_bytes();
        format!("{expires}.{number:016x}.{}", hex::encode(signature))
    }

    /// The ticket's number, if it is one of ours, for this call, and not over.
    pub fn check(&self, call: CallId, tenant: TenantId, shown: &str, now: Timestamp) -> Option<u64> {
        let mut parts = shown.split('.');
        let (expires, number, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let expires: i64 = expires.parse().ok()?;
        let number = u64::from_str_radix(number, 16).ok()?;
        let signature = hex::decode(signature).ok()?;
        let is_whole = parts.next().is_none();
        let is_ours = self.sign(call, tenant, number, expires).verify_slice(&signature).is_ok();
        (is_whole && is_ours && now.0.div_euclid(1_000) < expires).then_some(number)
    }

    fn sign(&self, call: CallId, tenant: TenantId, number: u64, expires: i64) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(format!("{}.{}.{number}.{expires}", call.get(), tenant.0).as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    #[test]
    fn a_ticket_is_good_for_its_call_and_its_time_alone() {
        let tickets = Tickets::new([7; 32]);
        let (call, other) = (CallId::new(1).expect("an id"), CallId::new(2).expect("an id"));
        let ticket = tickets.issue(call, TenantId(1), 42, NOW);
        let check = |call, tenant, shown: &str, now| tickets.check(call, TenantId(tenant), shown, now);
        assert_eq!(check(call, 1, &ticket, NOW), Some(42));
        assert_eq!(check(call, 1, &ticket, Timestamp(NOW.0 + LASTS_MS - 1)), Some(42));
        assert_eq!(check(call, 1, &ticket, Timestamp(NOW.0 + LASTS_MS)), None);
        assert_eq!(check(other, 1, &ticket, NOW), None);
        assert_eq!(check(call, 2, &ticket, NOW), None, "another tenant's");
        assert_eq!(Tickets::new([8; 32]).check(call, TenantId(1), &ticket, NOW), None, "another switch's");
    }

    #[test]
    fn what_is_no_ticket_or_was_bent_is_none() {
        let tickets = Tickets::new([7; 32]);
        let call = CallId::new(1).expect("an id");
        let ticket = tickets.issue(call, TenantId(1), 42, NOW);
        let longer = ticket.replacen("17000", "17001", 1);
        let renumbered = ticket.replacen(".000000000000002a.", ".000000000000002b.", 1);
        assert!(longer != ticket && renumbered != ticket);
        let more = format!("{ticket}.1");
        for bent in
            ["", ".", "..", "1.2.3", "a.b.c", &ticket[..ticket.len() - 2], &longer, &renumbered, &more]
        {
            assert_eq!(tickets.check(call, TenantId(1), bent, NOW), None, "{bent}");
        }
    }
}
