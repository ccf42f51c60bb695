//! Whoever may be dialled only by trunks that are full makes way for others of its campaign, and goes first as soon as there is room.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::lines::Line;
use super::{CLAIM_MAX, PASS_EVERY, RETRY, Runner, Turn};
use crate::model::{ClaimedRecipient, Key, PhoneNumber, Refusal, Trunk};
use crate::trunk::destination;

impl Runner {
    /// Those who were passed over, and for whom there is room by now, are claimed before anybody else.
    pub(super) async fn catch_up(&self, line: &mut Line, key: &Key) -> Result<(), Option<Turn>> {
        let now = Instant::now();
        if line.claimed.is_empty() {
            line.passed.handle_timeout(now);
        }
        if line.claimed.front().is_some_and(|first| !line.passed.is_fresh(first.rank())) {
            return Ok(());
        }
        let has_room = |trunks: &[Arc<Trunk>]| self.full_for(now, key, trunks).is_none();
        let Some((kind, from)) = line.passed.first_with_room(has_room) else { return Ok(()) };
        // Nobody of them is to be left out.
        self.make_way(line).await;
        // The next of a kind may stand behind many others.
        let limit = if std::mem::take(&mut line.is_sifting) { CLAIM_MAX } else { 1 };
        let claimed = self.take(line, from, limit).await?;
        let is_all = claimed.len() < limit as usize;
        line.passed.handle_claimed(kind, claimed.last().map(ClaimedRecipient::rank), is_all);
        line.claimed.extend(claimed);
        line.claimed.make_contiguous().sort_by_key(ClaimedRecipient::rank);
        Ok(())
    }

    /// Those who were passed over are given back, and stand where they stood. For how long the campaign rests then, if it does.
    pub(super) async fn make_way(&self, line: &mut Line) -> Option<Duration> {
        let positions = line.passed.take_positions();
        let count = u32::try_from(positions.len()).ok().filter(|count| *count > 0)?;
        tracing::debug!(campaign = %line.campaign.id, count, "recipients make way: the trunks that may dial them are full");
        self.give_back(line.campaign.id, positions).await;
        Some(PASS_EVERY * count)
    }

    /// For how long there is nobody left but those who were passed over, and no room for them. `None`: others are looked for.
    pub(super) fn waits_for_trunks(&self, line: &Line, key: &Key) -> Option<Duration> {
        let now = Instant::now();
        let others_in = line.passed.fresh_in(now)?;
        let waits = line.passed.trunks().map(|trunks| self.full_for(now, key, trunks).unwrap_or_default());
        waits.min().map(|wait| wait.min(others_in))
    }

    /// Is somebody before this one who waits for the same trunks?
    pub(super) fn would_overtake(
        &self,
        line: &Line,
        claimed: &ClaimedRecipient,
        from: Option<&PhoneNumber>,
    ) -> bool {
        !line.passed.is_empty() && line.passed.is_before(&self.trunks_to(line, claimed, from), claimed.rank())
    }

    /// A call met a limit. If it is that of its own trunks alone, it makes way; else all wait for whichever passes first.
    pub(super) async fn limited(
        &self,
        line: &mut Line,
        claimed: ClaimedRecipient,
        from: Option<&PhoneNumber>,
        (key, all): (&Key, &[Arc<Trunk>]),
        refusal: Refusal,
    ) -> Option<Turn> {
        let own = self.trunks_to(line, &claimed, from).len();
        let is_of_some = own > 0 && own < all.len();
        let refusal = match is_of_some.then(|| self.admission.look(Instant::now(), key, all)) {
            Some(Ok(_)) => return Some(self.pass_over(line, claimed, from)),
            Some(Err(soonest @ Refusal::Limited { .. })) => soonest,
            Some(Err(_)) | None => refusal,
        };
        self.refused(line, Some(claimed), &refusal).await
    }

    /// This one makes way until its trunks have room.
    pub(super) fn pass_over(
        &self,
        line: &mut Line,
        claimed: ClaimedRecipient,
        from: Option<&PhoneNumber>,
    ) -> Turn {
        let trunks = self.trunks_to(line, &claimed, from);
        if !line.passed.pass(Instant::now(), trunks, claimed.rank()) {
            line.claimed.push_front(claimed);
            return Turn::Full(RETRY);
        }
        // Whoever comes next may be the same.
        line.is_sifting = true;
        Turn::Went
    }

    /// The trunks that may dial this one and show it this number.
    fn trunks_to(
        &self,
        line: &Line,
        claimed: &ClaimedRecipient,
        from: Option<&PhoneNumber>,
    ) -> Vec<Arc<Trunk>> {
        let campaign = &line.campaign;
        let snapshot = self.inner.directory.snapshot();
        let Ok(route) = snapshot.way(campaign.tenant, &campaign.agent.render(), from) else { return vec![] };
        let may_dial =
            |trunk: &Trunk| destination::check(trunk, &route.from, &claimed.recipient.phone).is_ok();
        route.trunks.into_iter().map(|(trunk, _)| trunk).filter(|trunk| may_dial(trunk)).collect()
    }

    /// For how long a call by these trunks would wait for room, if it would.
    fn full_for(&self, now: Instant, key: &Key, trunks: &[Arc<Trunk>]) -> Option<Duration> {
        match self.admission.look(now, key, trunks) {
            Err(Refusal::Limited { retry_after, .. }) => Some(retry_after),
            _ => None,
        }
    }
}
