//! Intents that are being committed, and for whose people: what lives nowhere yet is in nobody else's count. Knows nothing of calls.

use std::collections::HashMap;

use tokio::task::{Id, JoinError, JoinSet};

use crate::model::{CampaignId, TenantId};

/// What is under way; each comes to one of these.
pub struct Dials<T> {
    set: JoinSet<T>,
    /// Those that will need one of this tenant's people, and whose they are.
    for_people: HashMap<Id, (TenantId, CampaignId)>,
}

impl<T: Send + 'static> Dials<T> {
    /// None.
    pub fn new() -> Self {
        Self { set: JoinSet::new(), for_people: HashMap::new() }
    }

    /// One more, of a campaign that needs one of this tenant's people, or of one that needs nobody.
    pub fn spawn(
        &mut self,
        people: Option<(TenantId, CampaignId)>,
        dial: impl Future<Output = T> + Send + 'static,
    ) {
        let id = self.set.spawn(dial).id();
        self.for_people.extend(people.map(|whose| (id, whose)));
    }

    /// What one of them came to; `None`: there are none. Whoever stops waiting loses nothing.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        let done = self.set.join_next_with_id().await?;
        let id = done.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        self.for_people.remove(&id);
        Some(done.map(|(_, came_to)| came_to))
    }

    /// How many there are, whomever they are for.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whose those are that need one of this tenant's people.
    pub fn for_people_of(&self, tenant: TenantId) -> Vec<CampaignId> {
        let ours = self.for_people.values().filter(|(whose, _)| *whose == tenant);
        ours.map(|(_, campaign)| *campaign).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_dialled_for_bots_or_for_another_tenants_people_needs_none_of_ours() {
        let mut dials = Dials::new();
        for _ in 0..63 {
            dials.spawn(None, std::future::pending::<()>());
        }
        dials.spawn(Some((TenantId(2), CampaignId(1))), std::future::pending());
        assert_eq!((dials.len(), dials.for_people_of(TenantId(1))), (64, vec![]));
        dials.spawn(Some((TenantId(1), CampaignId(2))), async {});
        assert_eq!(dials.for_people_of(TenantId(1)), [CampaignId(2)]);
        assert!(dials.join_next().await.expect("there are some").is_ok());
        assert_eq!((dials.len(), dials.for_people_of(TenantId(1))), (64, vec![]));
        assert_eq!(dials.for_people_of(TenantId(2)), [CampaignId(1)]);
    }
}
