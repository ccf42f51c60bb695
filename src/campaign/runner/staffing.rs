//! Campaigns whose calls are people's: nobody is called for whom there would be nobody to talk.

use std::time::{Duration, Instant};

use super::super::abandonment;
use super::super::lines::Line;
use super::Runner;
use crate::clock::wall_now;
use crate::model::{Abandonment, Agent, Staff};

/// How often the calls that a campaign has abandoned are counted anew, while it may dial ahead of its people.
const COUNT_EVERY: Duration = Duration::from_secs(15);
/// And so many times as long as it took: a large campaign is counted more rarely.
const COUNT_SHARE: u32 = 50;

impl Runner {
    /// Of an agent whose calls are people's, no more calls are under way than so many for each who is free.
    pub(super) async fn has_people(&self, line: &mut Line, agent: &Agent) -> bool {
        if !agent.staff.as_ref().is_some_and(|staff| staff.dials_ahead()) {
            // It may have been held back before it was set so.
            (line.is_held_back, line.abandonment_due) = (false, None);
        }
        let (Some(staff), Some(staffing)) = (&agent.staff, &self.staffing) else { return true };
        let (free, needed) = staffing(agent.tenant, staff.whom.clone()).await;
        // Those whose intents are being committed live nowhere yet.
        let under_way = (needed + self.dials.for_people_of(agent.tenant)) as u64;
        let is_room = |for_each: u32| under_way * 100 < free as u64 * u64::from(for_each);
        if staff.dials_ahead() && is_room(staff.calls_per_person) {
            self.count_abandoned(line).await;
        }
        is_room(if line.is_held_back { Staff::ONE_EACH } else { staff.calls_per_person })
    }

    /// Looks whether a campaign may dial ahead of its people, if it is time to. What cannot be read holds it back.
    async fn count_abandoned(&self, line: &mut Line) {
        let begun = Instant::now();
        if line.abandonment_due.is_some_and(|due| begun < due) {
            return;
        }
        let campaign = line.campaign.id;
        let is_near = match self.inner.store.abandonment(campaign, wall_now().before(Abandonment::SPAN)).await
        {
            Ok(calls) => abandonment::is_near(calls),
            Err(error) => {
                tracing::error!(%campaign, %error, "the calls that a campaign has abandoned could not be counted");
                true
            }
        };
        line.abandonment_due = Some(Instant::now() + COUNT_EVERY.max(begun.elapsed() * COUNT_SHARE));
        if is_near != std::mem::replace(&mut line.is_held_back, is_near) {
            tracing::warn!(%campaign, is_held_back = is_near, "nearly 3 % abandoned calls keep a campaign from dialling ahead");
        }
    }
}
