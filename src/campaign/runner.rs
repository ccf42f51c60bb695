//! The task that dials. It asks admission for room before it claims, claims a few recipients under a lease, and has each call's
//! intent committed, which moves its recipient, before the INVITE leaves. Whatever it holds in memory may be lost at any moment:
//! the next start takes claims back and dials nobody who may have been dialled.

mod dials;
mod settling;
mod staffing;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use self::dials::Dials;
use self::settling::{Halt, Meaning, meaning};
use super::hours;
use super::lines::{Line, Lines};
use super::pacing::LOOK_EVERY;
use super::{Campaigns, Inner, window};
use crate::admission::Admission;
use crate::clock::wall_now;
use crate::dialer::Dialer;
use crate::directory::Route;
use crate::model::{
    AgentChoice, CallId, Campaign, CampaignStatus, ClaimedRecipient, Key, OutboundRequest, Outlook,
    PhoneNumber, RecipientId, Refusal, TenantId, Timestamp, Whom, Window,
};
use crate::store::{RecipientClaim, StoreError};

/// Dials the recipients of all campaigns. One a switch.
pub struct Runner {
    inner: Arc<Inner>,
    admission: Admission,
    dialer: Dialer,
    lines: Lines,
    dials: Dials<Dialled>,
    waits_for_room: bool,
    /// There are as many campaigns as are looked after at once.
    is_full: bool,
    staffing: Option<Staffing>,
}

/// For an agent whose calls are people's: how things stand with them.
pub type Staffing = Arc<dyn Fn(TenantId, Whom) -> BoxFuture<'static, Outlook> + Send + Sync>;

/// What became of one recipient's call.
type Dialled = (RecipientId, Result<CallId, Refusal>);

/// What a line's turn came to.
enum Turn {
    /// Somebody is being dialled, or there is more to do at once.
    Went,
    /// Nothing, for so long.
    Wait(Duration),
    /// Nothing until there is room, or for so long.
    Full(Duration),
}

/// How often campaigns are read anew though nobody said that one changed: clocks are set, leases lapse (seed 001: "re-checked
/// each minute").
const READ_EVERY: Duration = Duration::from_secs(60);
/// Campaigns that are due so soon are read; they are read anew several times before that.
const READ_AHEAD: Duration = Duration::from_secs(300);
/// How soon a database that failed is asked again.
const RETRY: Duration = Duration::from_secs(1);
/// How soon a trunk that takes no calls is looked at again.
const RETRY_TRUNK: Duration = Duration::from_secs(5);
/// How soon a recipient is tried again for whom there is no trunk, while there are some for others.
const RETRY_RECIPIENT: Duration = Duration::from_secs(60);
/// What each of them costs its campaign: so many a second make way at most, however many there are.
const PUT_OFF_EVERY: Duration = Duration::from_millis(20);
/// How long claimed recipients are ours.
const LEASE: Duration = Duration::from_secs(60);
/// Claims older than this are given back rather than dialled, so that none lapses under way.
const LEASE_USED: Duration = Duration::from_secs(40);
/// Recipients claimed at once by one campaign.
const CLAIM_MAX: u32 = 50;
/// How often it is looked whether somebody who is to be called again is due.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Turns given before anything else is looked at: recipients who cannot be called cost one each, and hold nothing up.
const TURNS_MAX: usize = 256;
/// Intents being committed at once.
const DIALS_AT_ONCE: usize = 64;

impl Runner {
    /// A runner of these campaigns, that asks for room here and dials there.
    pub fn new(campaigns: &Campaigns, admission: Admission, dialer: Dialer) -> Self {
        Self {
            inner: Arc::clone(&campaigns.0),
            admission,
            dialer,
            lines: Lines::default(),
            dials: Dials::new(),
            waits_for_room: false,
            is_full: false,
            staffing: None,
        }
    }

    /// Who knows how things stand with people. Without it campaigns of people dial as others do.
    #[must_use]
    pub fn staffed(self, staffing: Staffing) -> Self {
        Self { staffing: Some(staffing), ..self }
    }

    /// Runs until `stop`, then gives back whom it has claimed.
    pub async fn run(mut self, stop: CancellationToken) {
        let inner = Arc::clone(&self.inner);
        let (mut room, mut money) = (self.admission.room(), self.dialer.more_money());
        let (mut stale, mut read_at) = (true, Instant::now());
        loop {
            if stale || read_at.elapsed() >= READ_EVERY {
                (stale, read_at) = (!self.refresh().await, Instant::now());
            }
            room.mark_unchanged();
            if matches!(money.has_changed(), Ok(true)) {
                money.mark_unchanged();
                self.lines.handle_money();
            }
            let pause = self.turns().await;
            let pause = if stale { RETRY } else { pause.min(READ_EVERY) };
            tokio::select! {
                () = stop.cancelled() => break,
                () = inner.wake.notified() => stale = true,
                Ok(()) = room.changed(), if self.waits_for_room => {}
                Ok(()) = money.changed() => self.lines.handle_money(),
                Some(done) = self.dials.join_next() => self.dialled(done).await,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.leave().await;
    }

    /// Reads the open campaigns anew. `false`: the database failed.
    async fn refresh(&mut self) -> bool {
        let store = &self.inner.store;
        let read = async {
            store.release_lapsed(wall_now()).await?;
            store.open_campaigns(wall_now().after(READ_AHEAD)).await
        };
        match read.await {
            Ok(open) => {
                let (later, is_full) = (open.later, open.is_full());
                if !std::mem::replace(&mut self.is_full, is_full) && is_full {
                    tracing::warn!(
                        "no more campaigns are looked after at once: newer ones wait for one of them to end"
                    );
                }
                self.lines.refresh(open.campaigns);
                let count =
                    |status| self.lines.iter().filter(|line| line.campaign.status == status).count() as u64;
                let tally = &self.inner.tally;
                tally.running.store(count(CampaignStatus::Running), Ordering::Relaxed);
                tally.scheduled.store(count(CampaignStatus::Scheduled) + later, Ordering::Relaxed);
                true
            }
            Err(error) => {
                tracing::error!(%error, "the campaigns could not be read");
                false
            }
        }
    }

    /// Gives every line its turns, until none can go on; says for how long. A few at a time: whoever waits to be heard, a campaign that
    /// was made or a call that was committed, comes between.
    async fn turns(&mut self) -> Duration {
        let (mut pause, mut idle, mut taken) = (READ_EVERY, 0, 0);
        self.waits_for_room = false;
        while idle < self.lines.len() && self.dials.len() < DIALS_AT_ONCE {
            // A round in which nobody goes on is never cut short: it says for how long.
            if taken >= self.lines.len().max(TURNS_MAX) {
                pause = Duration::ZERO;
                break;
            }
            taken += 1;
            let Some(mut line) = self.lines.next() else { break };
            let turn = match line.campaign.status {
                CampaignStatus::Running => self.dial(&mut line).await,
                CampaignStatus::Scheduled => self.fire(&mut line).await,
                CampaignStatus::Cancelled => self.sweep(&line).await,
                CampaignStatus::Paused | CampaignStatus::Completed | CampaignStatus::Failed => None,
            };
            match turn {
                // It is read again when somebody changes it.
                None => continue,
                Some(Turn::Went) => idle = 0,
                Some(Turn::Wait(time)) => (idle, pause) = (idle + 1, pause.min(time)),
                Some(Turn::Full(time)) => {
                    (idle, pause) = (idle + 1, pause.min(time));
                    self.waits_for_room = true;
                }
            }
            self.lines.push(line);
        }
        let held_back = self.lines.iter().filter(|line| line.is_held_back).count();
        self.inner.tally.held_back.store(held_back as u64, Ordering::Relaxed);
        pause
    }

    /// A scheduled campaign runs once it is due and its window is open. `None`: it stands otherwise by now.
    async fn fire(&self, line: &mut Line) -> Option<Turn> {
        let (campaign, now) = (&mut line.campaign, wall_now());
        let due = campaign.due_at.max(now);
        // No opening at all is looked for again: zones' rules change.
        let opening = window::next_open(&campaign.window, &campaign.zone, due);
        if let Some(wait) = until(now, opening) {
            return Some(Turn::Wait(wait));
        }
        let (from, to) = (CampaignStatus::Scheduled, CampaignStatus::Running);
        match self.inner.store.move_campaign(campaign.id, from, to, None, now).await {
            Ok(true) => {
                tracing::info!(campaign = %campaign.id, "a scheduled campaign is due and its window is open");
                campaign.status = to;
                Some(Turn::Went)
            }
            Ok(false) => None,
            Err(error) => {
                tracing::error!(campaign = %campaign.id, %error, "a campaign could not be let go");
                Some(Turn::Wait(RETRY))
            }
        }
    }

    /// A cancelled campaign's recipients are told so, some at a time. `None`: all are.
    async fn sweep(&self, line: &Line) -> Option<Turn> {
        match self.inner.store.cancel_recipients(line.campaign.id, wall_now()).await {
            Ok(0) => None,
            Ok(_) => Some(Turn::Wait(Duration::ZERO)),
            Err(error) => {
                tracing::error!(campaign = %line.campaign.id, %error, "recipients could not be cancelled");
                Some(Turn::Wait(RETRY))
            }
        }
    }

    /// Dials the next recipient of a running campaign, if its window, the limits and its trunks let it. `None`: it stands
    /// otherwise by now.
    async fn dial(&mut self, line: &mut Line) -> Option<Turn> {
        if let Some(wait) = self.rests(line).await {
            return Some(Turn::Wait(wait));
        }
        if line.claimed.is_empty() && !line.put_off.is_empty() {
            return self.put_off(line).await;
        }
        let (key, route) = match self.way(line) {
            Ok(found) => found,
            Err(halt) => return self.stop(line, halt).await,
        };
        if !self.has_people(line, &route.agent).await {
            return Some(Turn::Wait(LOOK_EVERY));
        }
        let trunks: Vec<_> = route.trunks.into_iter().map(|(trunk, _)| trunk).collect();
        let left = match self.admission.look(Instant::now(), &key, &trunks) {
            Ok(left) => left,
            Err(refusal) => return self.refused(line, None, &refusal).await,
        };
        if line.claimed.is_empty()
            && let Err(turn) = self.claim(line, left).await
        {
            return turn;
        }
        let claimed = line.claimed.pop_front()?;
        // Looked at for every call, as the campaign's own window is.
        if !hours::are_open(&line.campaign, &claimed.recipient, wall_now()) {
            line.claimed.push_front(claimed);
            return self.sift(line).await;
        }
        // Known before anything is taken for a call; the commit asks again.
        if claimed.is_forbidden {
            return self.refused(line, Some(claimed), &Refusal::DoNotCall).await;
        }
        let from = self.shown_to(&claimed.recipient.phone, &line.campaign, &key);
        match self.dialer.prepare(request(line, &claimed, from)).await {
            Ok(prepared) => {
                let recipient = RecipientId { campaign: line.campaign.id, position: claimed.position };
                let people = route.agent.staff.as_ref().map(|_| (line.campaign.tenant, line.campaign.id));
                self.dials.spawn(people, async move { (recipient, prepared.start().await) });
                Some(Turn::Went)
            }
            Err(refusal) => self.refused(line, Some(claimed), &refusal).await,
        }
    }

    /// For how long a running campaign is left alone, if it is.
    async fn rests(&self, line: &mut Line) -> Option<Duration> {
        let (now, wall) = (Instant::now(), wall_now());
        if let Some(wait) = line.not_before.and_then(|then| then.checked_duration_since(now)) {
            return Some(wait);
        }
        if line.lease_until.is_some_and(|until| until <= now) {
            self.release(line).await;
        }
        // Looked at for every call: a window closes while a campaign runs.
        if !window::is_open(&line.campaign.window, &line.campaign.zone, wall) {
            self.release(line).await;
            let is_fresh = line.closed_until.is_some_and(|until| until > wall);
            if !is_fresh {
                line.closed_until = window::next_open(&line.campaign.window, &line.campaign.zone, wall);
            }
            return Some(until(wall, line.closed_until).unwrap_or(Duration::ZERO));
        }
        (line.is_drained && line.claimed.is_empty()).then_some(READ_EVERY)
    }

    /// The key whose limits hold, and the way out; or why there is none any more.
    fn way(&self, line: &Line) -> Result<(Arc<Key>, Route), Halt> {
        let campaign = &line.campaign;
        let snapshot = self.inner.directory.snapshot();
        let key = snapshot.key_by_id(campaign.key).cloned().ok_or(Halt::failed("key_not_found"))?;
        if !snapshot.is_usable(&key) {
            return Err(Halt::paused("key_revoked"));
        }
        let agent = campaign.agent.render();
        let way = match campaign.number_per_callee {
            true => snapshot.way_to_anybody(campaign.tenant, &agent),
            false => snapshot.way(campaign.tenant, &agent, Some(&campaign.from)),
        };
        match way {
            Ok(route) => Ok((key, route)),
            Err(refusal) => match meaning(&refusal) {
                Meaning::Campaign(reason) => Err(Halt::failed(reason)),
                _ => Err(Halt::failed("agent_not_found")),
            },
        }
    }

    /// The number that a callee sees; `None` is for its agent to say.
    fn shown_to(&self, to: &PhoneNumber, campaign: &Campaign, key: &Key) -> Option<PhoneNumber> {
        if !campaign.number_per_callee {
            return Some(campaign.from.clone());
        }
        // A trunk that is full is waited for.
        let is_up = |route: &Route| {
            let trunks: Vec<_> = route.trunks.iter().map(|(trunk, _)| Arc::clone(trunk)).collect();
            !matches!(self.admission.look(Instant::now(), key, &trunks), Err(Refusal::TrunkDown { .. }))
        };
        let snapshot = self.inner.directory.snapshot();
        snapshot.way_to(to, campaign.tenant, &campaign.agent.render(), is_up).map(|route| route.from)
    }

    /// Takes recipients for as many calls as there is room for, and no more than a few.
    async fn claim(&self, line: &mut Line, left: u32) -> Result<(), Option<Turn>> {
        let (store, campaign) = (&self.inner.store, line.campaign.id);
        let failed = |error: StoreError| {
            tracing::error!(%campaign, %error, "recipients could not be claimed");
            Some(Turn::Wait(RETRY))
        };
        if line.prompt.is_none() {
            // Erased: the last attempt has ended.
            let prompt = store.campaign_prompt(campaign).await.map_err(failed)?.ok_or(None)?;
            line.prompt = Some(prompt.into());
        }
        let limit = if std::mem::take(&mut line.is_sifting) { CLAIM_MAX } else { left.min(CLAIM_MAX) };
        let claim = RecipientClaim { campaign, now: wall_now(), lease: LEASE, limit };
        let taken_at = Instant::now();
        line.claimed = store.claim_recipients(claim).await.map_err(failed)?.into();
        line.lease_until = Some(taken_at + LEASE_USED);
        self.inner.tally.claimed.fetch_add(line.claimed.len() as u64, Ordering::Relaxed);
        if line.claimed.is_empty() {
            // Whoever is to be called again, or by its own clock, or has made way, comes due by the clock, and nobody says so.
            let campaign = &line.campaign;
            let is_waited_for = campaign.retry.is_some() || campaign.callee_window != Window::default();
            let again = is_waited_for || line.has_put_off;
            line.is_drained = !again;
            line.not_before = again.then(|| taken_at + LOOK_AGAIN);
            line.prompt = None;
            return Err(Some(Turn::Wait(if again { LOOK_AGAIN } else { READ_EVERY })));
        }
        Ok(())
    }

    /// Calls whose intents are being committed are started; everybody else is given back.
    async fn leave(&mut self) {
        while let Some(done) = self.dials.join_next().await {
            self.dialled(done).await;
        }
        while let Some(mut line) = self.lines.next() {
            self.release(&mut line).await;
        }
    }
}

fn request(line: &Line, claimed: &ClaimedRecipient, from: Option<PhoneNumber>) -> OutboundRequest {
    let (campaign, recipient) = (&line.campaign, &claimed.recipient);
    let common = line.prompt.as_deref().unwrap_or_default();
    let agent = AgentChoice::Own(campaign.agent);
    OutboundRequest {
        from,
        prompt: Some(recipient.prompt.clone().unwrap_or_else(|| common.to_owned())),
        variables: recipient.variables.clone(),
        campaign: Some(campaign.id.to_string()),
        recipient: Some(RecipientId { campaign: campaign.id, position: claimed.position }),
        record: Some(true),
        ..OutboundRequest::new(campaign.tenant, campaign.key, agent, recipient.phone.clone())
    }
}

/// How long until then; `None` if it is now. What is in no calendar is looked for again.
fn until(now: Timestamp, then: Option<Timestamp>) -> Option<Duration> {
    let Some(then) = then else { return Some(READ_EVERY) };
    let wait = Duration::from_millis(then.0.saturating_sub(now.0).try_into().unwrap_or(0));
    (!wait.is_zero()).then_some(wait)
}

#[cfg(test)]
mod tests;
