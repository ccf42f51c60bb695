//! Which price a number has: of the rates that are valid now the one with the longest prefix, a tenant's own before one for
//! everybody, a newer before an older.

use std::collections::HashMap;

use crate::model::{ListedRate, PhoneNumber, Rate, TenantId, Timestamp};

/// Every rate, by its prefix.
#[derive(Clone, Default, Debug)]
pub struct Rates {
    by_prefix: HashMap<String, Vec<ListedRate>>,
}

impl Rates {
    /// These.
    pub fn new(listed: impl IntoIterator<Item = ListedRate>) -> Self {
        let mut rates = Self::default();
        listed.into_iter().for_each(|listed| rates.add(listed));
        rates
    }

    /// One more.
    pub fn add(&mut self, listed: ListedRate) {
        self.by_prefix.entry(listed.rate.prefix.clone()).or_default().push(listed);
    }

    /// The price of a call from this tenant to this number; `None`: it has none, and is not placed.
    pub fn find(&self, tenant: TenantId, to: &PhoneNumber, now: Timestamp) -> Option<&Rate> {
        let digits = to.digits();
        (0..=digits.len()).rev().find_map(|length| self.best(tenant, &digits[..length], now))
    }

    /// The price of a call from this tenant to a SIP URI, if there is one.
    pub fn of_endpoints(&self, tenant: TenantId, now: Timestamp) -> Option<&Rate> {
        self.best(tenant, Rate::ENDPOINTS, now)
    }

    /// Those that hold for a tenant, its own and everybody's, by prefix.
    pub fn of(&self, tenant: TenantId) -> Vec<&ListedRate> {
        let is_its = |listed: &&ListedRate| listed.tenant.is_none_or(|owner| owner == tenant);
        let mut found: Vec<_> = self.by_prefix.values().flatten().filter(is_its).collect();
        found.sort_by(|a, b| (&a.rate.prefix, a.id).cmp(&(&b.rate.prefix, b.id)));
        found
    }

    fn best(&self, tenant: TenantId, prefix: &str, now: Timestamp) -> Option<&Rate> {
        let listed = self.by_prefix.get(prefix)?.iter();
        let of_tenant = listed.filter(|listed| listed.tenant.is_none_or(|owner| owner == tenant));
        let valid = of_tenant.filter(|listed| listed.is_valid(now));
        let best = valid.max_by_key(|listed| (listed.tenant.is_some(), listed.valid_from, listed.id));
        best.map(|listed| &listed.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Micros;

    const OURS: TenantId = TenantId(1);

    fn listed(id: u64, prefix: &str, per_minute: i64) -> ListedRate {
        let rate = Rate {
            prefix: prefix.into(),
            per_minute: Micros(per_minute),
            first_interval: 60,
            next_interval: 60,
            minimum: Micros::ZERO,
            connection_fee: Micros::ZERO,
        };
        ListedRate { id, tenant: None, rate, valid_from: None, valid_until: None }
    }

    fn price(rates: &[ListedRate], to: &str, now: i64) -> Option<i64> {
        let rates = Rates::new(rates.to_vec());
        let to = to.parse().expect("a number");
        rates.find(OURS, &to, Timestamp(now)).map(|rate| rate.per_minute.0)
    }

    #[test]
    fn the_longest_prefix_wins() {
        let rates = [listed(1, "", 1), listed(2, "44", 2), listed(3, "447", 3), listed(4, "4420", 4)];
        for (to, cost) in
            [("+447386172392", 3), ("+442071838750", 4), ("+441212345678", 2), ("+33123456789", 1)]
        {
            assert_eq!(price(&rates, to, 0), Some(cost), "{to}");
        }
        assert_eq!(price(&rates[1..], "+33123456789", 0), None);
    }

    #[test]
    fn of_one_prefix_the_tenants_own_goes_first_and_then_the_newest_that_is_valid() {
        let own = ListedRate { tenant: Some(OURS), ..listed(1, "44", 1) };
        let others = ListedRate { tenant: Some(TenantId(2)), ..listed(2, "44", 2) };
        let next = ListedRate { valid_from: Some(Timestamp(100)), ..listed(3, "44", 3) };
        let past = ListedRate { valid_until: Some(Timestamp(50)), ..listed(4, "447", 4) };
        let everybodys = [listed(9, "44", 9), others.clone(), next.clone(), past.clone()];
        assert_eq!(
            [0, 50, 99, 100].map(|now| price(&everybodys, "+447386172392", now)),
            [4, 9, 9, 3].map(Some)
        );
        assert_eq!(price(&[own, others, next], "+447386172392", 100), Some(1));
    }

    #[test]
    fn a_tenant_sees_its_own_and_everybodys() {
        let rates = Rates::new([
            ListedRate { tenant: Some(TenantId(2)), ..listed(1, "44", 1) },
            listed(2, "44", 2),
            listed(3, "33", 3),
        ]);
        assert_eq!(rates.of(OURS).iter().map(|listed| listed.id).collect::<Vec<_>>(), [3, 2]);
    }
}
