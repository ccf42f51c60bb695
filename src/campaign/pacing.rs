//! How far a campaign dials ahead of its people: the next call leaves if whoever answers it would find somebody with as good a chance as
//! was wanted. Knows nothing of calls but when they ring, are answered, want a person and end; of no socket, store or clock.
//!
//! | file | what |
//! |---|---|
//! | `chance` | how many of some events come to pass, and how sure a share is |
//! | `habits` | what one campaign's calls have taught |
//! | [`trial`] | a day of such a campaign, in no time: how a pacing does before anybody is called |
//!
//! The rule. Of the calls under way each will want a person with a chance that its campaign's earlier calls have taught, by how long it
//! has been ringing; each person who is busy will be free by the time the next callee has waited enough, with a chance that earlier talks
//! have taught. The risk is the chance that at least as many calls want somebody as there are people for them, averaged over how long the
//! next call may take to want one. While nothing is known every call counts, and nobody comes back: that is one call for each who is free.

mod chance;
mod habits;
pub mod trial;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::chance::Count;
use self::habits::{Chances, Habits};
use crate::model::{Busy, CallId, CampaignId, Learned, Outlook};

/// What is known of the calls of campaigns that need people. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Pace(Arc<Mutex<Pacer>>);

impl Pace {
    /// Only for as long as it takes to note a fact, or to weigh one call.
    pub fn lock(&self) -> MutexGuard<'_, Pacer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same, in one hand.
#[derive(Debug, Default)]
pub struct Pacer {
    calls: HashMap<CallId, Call>,
    campaigns: HashMap<CampaignId, Known>,
}

/// A call under way.
#[derive(Clone, Copy, Debug)]
struct Call {
    campaign: CampaignId,
    dialled_at: Instant,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Ringing,
    Answered,
    /// By no person.
    Automated,
    /// A person has, or is to, since then.
    Wanted(Instant),
    /// It needs nobody any more: it was talked to for so long, if anybody came.
    Served {
        talk: Duration,
    },
}

#[derive(Debug)]
struct Known {
    habits: Habits,
    dialled_at: Instant,
    /// What came of weighing its next call, and what may.
    risk: Option<(f64, f64)>,
}

/// A call that may be made.
#[derive(Clone, Copy, Debug)]
pub struct Next<'a> {
    /// Whose it would be.
    pub campaign: CampaignId,
    /// The people whom it would need.
    pub outlook: &'a Outlook,
    /// Whose calls are as good as under way for these people, and in no outlook yet: a campaign for each.
    pub begun: &'a [CampaignId],
    /// How long whoever answers may hear nobody.
    pub patience: Duration,
    /// What people have after each call.
    pub wrap_up: Duration,
}

/// How often it is looked whether somebody may be called.
pub const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Campaigns that are remembered; the one that has called nobody for longest goes.
const CAMPAIGNS_MAX: usize = 256;
/// Busy people who are reckoned with: those who are likeliest to come back.
const BUSY_MAX: usize = 128;

/// May one more call be under way, with so many calls for each who is free, in hundredths?
pub const fn is_room(under_way: usize, free: usize, for_each: u32) -> bool {
    (under_way as u64) * 100 < free as u64 * for_each as u64
}

impl Pacer {
    /// A call's INVITE left.
    pub fn handle_dialled(&mut self, now: Instant, call: CallId, campaign: CampaignId) {
        if self.campaigns.len() >= CAMPAIGNS_MAX && !self.campaigns.contains_key(&campaign) {
            let oldest = self.campaigns.iter().min_by_key(|(_, known)| known.dialled_at).map(|(id, _)| *id);
            oldest.map(|oldest| self.campaigns.remove(&oldest));
        }
        let known = self.campaigns.entry(campaign);
        known
            .or_insert_with(|| Known { habits: Habits::default(), dialled_at: now, risk: None })
            .dialled_at = now;
        self.calls.insert(call, Call { campaign, dialled_at: now, stage: Stage::Ringing });
    }

    /// It was answered.
    pub fn handle_answered(&mut self, now: Instant, call: CallId) {
        let Some((known, habits)) = self.find(call) else { return };
        if let Stage::Ringing = known.stage {
            known.stage = Stage::Answered;
            habits.handle_rung(now.saturating_duration_since(known.dialled_at), true);
        }
    }

    /// By a machine, which nobody is to talk to.
    pub fn handle_automated(&mut self, call: CallId) {
        let Some((known, habits)) = self.find(call) else { return };
        if let Stage::Answered = known.stage {
            known.stage = Stage::Automated;
            habits.handle_known(None);
        }
    }

    /// It wants a person.
    pub fn handle_wanted(&mut self, now: Instant, call: CallId) {
        let Some((known, habits)) = self.find(call) else { return };
        match known.stage {
            Stage::Answered => {
                known.stage = Stage::Wanted(now);
                habits.handle_known(Some(now.saturating_duration_since(known.dialled_at)));
            }
            Stage::Ringing | Stage::Automated | Stage::Wanted(_) | Stage::Served { .. } => {}
        }
    }

    /// It needs nobody any more, though it may go on: nobody came, or it went on to somebody else.
    pub fn handle_served(&mut self, now: Instant, call: CallId) {
        let Some((known, _)) = self.find(call) else { return };
        if let Stage::Wanted(then) = known.stage {
            known.stage = Stage::Served { talk: now.saturating_duration_since(then) };
        }
    }

    /// Does a call that lives need nobody any more?
    pub fn is_served(&self, call: CallId) -> bool {
        matches!(self.calls.get(&call), Some(Call { stage: Stage::Served { .. }, .. }))
    }

    /// It is over. Did one of our people talk?
    pub fn handle_ended(&mut self, now: Instant, call: CallId, talked: bool) {
        if let Some((known, habits)) = self.find(call) {
            let since = |then: Instant| now.saturating_duration_since(then);
            match known.stage {
                Stage::Ringing => habits.handle_rung(since(known.dialled_at), false),
                Stage::Answered => habits.handle_known(None),
                Stage::Automated => {}
                Stage::Wanted(then) => habits.handle_served(talked.then(|| since(then))),
                Stage::Served { talk } => habits.handle_served(talked.then_some(talk)),
            }
        }
        self.calls.remove(&call);
    }

    /// May this call be made, if of all callees who answer such a share may hear nobody?
    pub fn allows(&mut self, now: Instant, next: &Next<'_>, share: f64) -> bool {
        let risk = self.risk(now, next);
        let Some(known) = self.campaigns.get_mut(&next.campaign) else { return risk <= share };
        let allowed = known.habits.allowance(share);
        known.risk = Some((risk, allowed));
        risk <= allowed
    }

    /// What a campaign has taught. `None`: it has called nobody, or nobody for people.
    pub fn learned(&self, now: Instant, campaign: CampaignId) -> Option<Learned> {
        let Known { habits, risk, .. } = self.campaigns.get(&campaign)?;
        Some(Learned { risk: *risk, ..habits.learned(self.ringing(now, campaign)) })
    }

    /// With what chance whoever answers this call hears nobody: from 0 to 1.
    pub fn risk(&self, now: Instant, next: &Next<'_>) -> f64 {
        let Outlook { free, needed, busy } = next.outlook;
        if needed.len() + next.begun.len() < *free {
            return 0.0;
        }
        let leads = self.habits(next.campaign).map_or_else(|| vec![Duration::ZERO], Habits::leads);
        let coming: Vec<Count> =
            leads.iter().map(|lead| self.back(now, busy, *lead + next.patience, next.wrap_up)).collect();
        let back_max = busy.len().min(BUSY_MAX);
        let wanted = self.wanted(now, next, free + back_max);
        let lacks: Vec<f64> = (0..=back_max).map(|count| wanted.at_least(free + count)).collect();
        let risk =
            |back: &Count| lacks.iter().enumerate().map(|(count, lacks)| back.of(count) * lacks).sum::<f64>();
        coming.iter().map(risk).sum::<f64>() / coming.len() as f64
    }

    /// How many of the calls under way will want a person.
    fn wanted(&self, now: Instant, next: &Next<'_>, bound: usize) -> Count {
        let mut chances: HashMap<CampaignId, Chances> = HashMap::new();
        let mut of = |campaign, rung: Option<Duration>| {
            let chances = chances.entry(campaign).or_insert_with(|| self.chances(now, campaign));
            rung.map_or(chances.answered, |rung| chances.ringing(rung))
        };
        let mut wanted = Count::to(bound);
        for call in &next.outlook.needed {
            wanted.add(match self.calls.get(call) {
                Some(Call { campaign, dialled_at, stage: Stage::Ringing }) => {
                    of(*campaign, Some(now.saturating_duration_since(*dialled_at)))
                }
                Some(Call { campaign, stage: Stage::Answered, .. }) => of(*campaign, None),
                Some(Call { stage: Stage::Automated | Stage::Served { .. }, .. }) => 0.0,
                // Of a call that is no campaign's, or whose INVITE has not left, nothing is known.
                Some(Call { stage: Stage::Wanted(_), .. }) | None => 1.0,
            });
        }
        next.begun.iter().for_each(|campaign| wanted.add(of(*campaign, Some(Duration::ZERO))));
        wanted
    }

    /// How many busy people will be free within this time.
    fn back(&self, now: Instant, busy: &[Busy], within: Duration, wrap_up: Duration) -> Count {
        let chance = |busy: &Busy| match *busy {
            Busy::WrapUp { until } if until <= now + within => 1.0,
            Busy::WrapUp { .. } => 0.0,
            Busy::Talking { call, since } => {
                let habits = self.calls.get(&call).and_then(|call| self.habits(call.campaign));
                let (talked, left) = (now.saturating_duration_since(since), within.saturating_sub(wrap_up));
                habits.map_or(0.0, |habits| habits.stops(talked, left))
            }
        };
        let mut chances: Vec<f64> = busy.iter().map(chance).collect();
        chances.sort_unstable_by(|one, other| other.total_cmp(one));
        chances.truncate(BUSY_MAX);
        let mut back = Count::to(chances.len());
        chances.into_iter().for_each(|chance| back.add(chance));
        back
    }

    fn chances(&self, now: Instant, campaign: CampaignId) -> Chances {
        self.habits(campaign).unwrap_or(&Habits::default()).chances(self.ringing(now, campaign))
    }

    /// For how long each of its calls that ring has been.
    fn ringing(&self, now: Instant, campaign: CampaignId) -> impl Iterator<Item = Duration> {
        let rings = move |call: &&Call| call.campaign == campaign && matches!(call.stage, Stage::Ringing);
        self.calls.values().filter(rings).map(move |call| now.saturating_duration_since(call.dialled_at))
    }

    fn habits(&self, campaign: CampaignId) -> Option<&Habits> {
        self.campaigns.get(&campaign).map(|known| &known.habits)
    }

    /// A call that is known, and what its campaign has taught.
    fn find(&mut self, call: CallId) -> Option<(&mut Call, &mut Habits)> {
        let call = self.calls.get_mut(&call)?;
        let known = self.campaigns.get_mut(&call.campaign)?;
        Some((call, &mut known.habits))
    }
}

#[cfg(test)]
mod tests;
