//! Campaigns whose calls are people's: nobody is called for whom there would be nobody to talk.

use std::time::Instant;

use super::super::abandonment::{self, COUNT_EVERY};
use super::super::lines::Line;
use super::super::pacing::{Next, is_room};
use super::Runner;
use crate::clock::wall_now;
use crate::model::{Abandonment, Agent, Pacing};

/// Counting takes one part in so many of the time at most: a large campaign is counted more rarely.
const COUNT_SHARE: u32 = 50;

impl Runner {
    /// Of an agent whose calls are people's, no more calls are under way than its pacing allows.
    pub(super) async fn has_people(&self, line: &mut Line, agent: &Agent) -> bool {
        if !agent.staff.as_ref().is_some_and(|staff| staff.pacing.dials_ahead()) {
            // It may have been held back before it was set so.
            (line.is_held_back, line.abandonment_due) = (false, None);
        }
        let (Some(staff), Some(staffing)) = (&agent.staff, &self.staffing) else { return true };
        let outlook = staffing(agent.tenant, staff.whom.clone()).await;
        // Those whose intents are being committed live nowhere yet.
        let begun = self.dials.for_people_of(agent.tenant);
        let is_room = |for_each| is_room(outlook.needed.len() + begun.len(), outlook.free, for_each);
        match staff.pacing {
            _ if is_room(100) => true,
            Pacing::Ratio(for_each) => for_each > 100 && is_room(for_each) && !self.is_held_back(line).await,
            Pacing::Predictive(per_mille) => {
                let next = Next {
                    campaign: line.campaign.id,
                    outlook: &outlook,
                    begun: &begun,
                    patience: staff.patience,
                    wrap_up: staff.wrap_up,
                };
                let share = f64::from(per_mille) / 1_000.0;
                self.inner.pace.lock().allows(Instant::now(), &next, share) && !self.is_held_back(line).await
            }
        }
    }

    /// Has it abandoned too many to dial ahead of its people? Counted if it is time to; what cannot be read holds it back.
    async fn is_held_back(&self, line: &mut Line) -> bool {
        let begun = Instant::now();
        if line.abandonment_due.is_some_and(|due| begun < due) {
            return line.is_held_back;
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
        is_near
    }
}
