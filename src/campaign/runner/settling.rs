//! What becomes of recipients and campaigns when a call is not started: what a refusal means, whom it is told of, who is given back.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinError;

use super::super::hours::{self, Hours};
use super::super::lines::Line;
use super::{Dialled, PUT_OFF_EVERY, READ_EVERY, RETRY, RETRY_RECIPIENT, RETRY_TRUNK, Runner, Turn};
use crate::clock::wall_now;
use crate::model::{CampaignId, CampaignStatus, ClaimedRecipient, RecipientId, Refusal, Timestamp};

/// Why somebody is never called for whom there is no hour.
const NO_HOUR: &str = "its number may lie in time zones that have no hour of the callees' window in common, or none with the campaign's window, within a fortnight: say its timezone";

/// A campaign does not go on.
pub struct Halt {
    to: CampaignStatus,
    reason: &'static str,
}

impl Halt {
    /// Something that it needs is gone.
    pub const fn failed(reason: &'static str) -> Self {
        Self { to: CampaignStatus::Failed, reason }
    }

    /// Somebody has to say what becomes of it.
    pub const fn paused(reason: &'static str) -> Self {
        Self { to: CampaignStatus::Paused, reason }
    }
}

/// What a refusal means for its campaign.
pub enum Meaning {
    /// Nobody of it can be called.
    Campaign(&'static str),
    /// This recipient cannot be called.
    Recipient,
    /// Not now; later.
    Later(Duration),
    /// The trunks by which the callee may be dialled take no calls.
    Down,
    /// There is no room.
    Full(Duration),
    /// There is no money.
    Unpaid,
    /// The recipient is no longer ours.
    Superseded,
}

impl Runner {
    /// A call was not started, and so nobody was dialled.
    pub(super) async fn refused(
        &self,
        line: &mut Line,
        claimed: Option<ClaimedRecipient>,
        refusal: &Refusal,
    ) -> Option<Turn> {
        let turn = match meaning(refusal) {
            Meaning::Campaign(reason) => return self.stop(line, Halt::failed(reason)).await,
            Meaning::Superseded => return Some(Turn::Went),
            Meaning::Recipient => {
                if let Some(claimed) = claimed {
                    let recipient = RecipientId { campaign: line.campaign.id, position: claimed.position };
                    self.fail_recipient(recipient, refusal).await;
                }
                return Some(Turn::Went);
            }
            Meaning::Down if let Some(claimed) = &claimed => {
                // There was room a moment ago: it is this one's trunks alone.
                line.put_off.push(claimed.position);
                return Some(Turn::Went);
            }
            Meaning::Down => later(line, RETRY_TRUNK),
            Meaning::Later(wait) => later(line, wait),
            Meaning::Full(wait) => Turn::Full(wait),
            Meaning::Unpaid => {
                line.not_before = Some(Instant::now() + READ_EVERY);
                line.is_unpaid = true;
                Turn::Wait(READ_EVERY)
            }
        };
        if let Some(claimed) = claimed {
            line.claimed.push_front(claimed);
        }
        Some(turn)
    }

    /// An intent was committed, or not.
    pub(super) async fn dialled(&mut self, done: Result<Dialled, JoinError>) {
        let tally = &self.inner.tally;
        let (recipient, result) = match done {
            Ok(done) => done,
            // Its lease lapses, and it is dialled if nothing of it is on disk.
            Err(error) => return tracing::error!(%error, "a campaign's call could not be started"),
        };
        let Err(refusal) = result else { return add(&tally.dialled, 1) };
        match meaning(&refusal) {
            Meaning::Superseded => {
                tracing::debug!(campaign = %recipient.campaign, recipient = recipient.position, "stopped before its call");
            }
            Meaning::Recipient => self.fail_recipient(recipient, &refusal).await,
            Meaning::Campaign(_) | Meaning::Down | Meaning::Later(_) | Meaning::Full(_) | Meaning::Unpaid => {
                tracing::warn!(campaign = %recipient.campaign, recipient = recipient.position, %refusal,
                    "a campaign's call was not started; it is tried again");
                if let Some(line) = self.lines.find(recipient.campaign) {
                    line.not_before = Some(Instant::now() + RETRY);
                    line.is_drained = false;
                }
                self.give_back(recipient.campaign, vec![recipient.position]).await;
            }
        }
    }

    /// Whoever of those that are claimed may not be called now, by its own clock, is given back until it may.
    pub(super) async fn sift(&self, line: &mut Line) -> Option<Turn> {
        let (campaign, now) = (line.campaign.id, wall_now());
        let (mut open, mut later) = (VecDeque::new(), Vec::new());
        let hours = hours::of(&line.campaign, line.claimed.iter().map(|claimed| &claimed.recipient), now);
        for (claimed, hours) in std::mem::take(&mut line.claimed).into_iter().zip(hours) {
            match hours {
                Hours::Open => open.push_back(claimed),
                Hours::Later(at) => later.push((claimed.position, at)),
                Hours::Never => {
                    let recipient = RecipientId { campaign, position: claimed.position };
                    self.fail_recipient(recipient, &NO_HOUR).await;
                }
            }
        }
        (line.claimed, line.is_sifting) = (open, true);
        if later.is_empty() {
            return Some(Turn::Went);
        }
        Some(self.postpone(campaign, later, Turn::Went).await)
    }

    /// Whoever of those that were claimed can be dialled by no trunk that takes calls is called later, and the others first.
    pub(super) async fn put_off(&self, line: &mut Line) -> Option<Turn> {
        let (campaign, due_at) = (line.campaign.id, wall_now().after(RETRY_RECIPIENT));
        let later: Vec<_> = line.put_off.drain(..).map(|position| (position, due_at)).collect();
        let count = u32::try_from(later.len()).unwrap_or(u32::MAX);
        tracing::debug!(%campaign, count, "recipients make way: the trunks that may dial them take no calls");
        let rest = PUT_OFF_EVERY * count;
        // Whoever comes next may be the same.
        (line.is_sifting, line.has_put_off) = (true, true);
        line.not_before = Some(Instant::now() + rest);
        Some(self.postpone(campaign, later, Turn::Wait(rest)).await)
    }

    /// Gives back recipients until each one's time, and then does this.
    async fn postpone(&self, campaign: CampaignId, later: Vec<(u32, Timestamp)>, then: Turn) -> Turn {
        add(&self.inner.tally.released, later.len() as u64);
        match self.inner.store.postpone(campaign, later).await {
            Ok(()) => then,
            Err(error) => {
                tracing::error!(%campaign, %error, "recipients could not be put off; their lease lapses");
                Turn::Wait(RETRY)
            }
        }
    }

    async fn fail_recipient(&self, recipient: RecipientId, why: &(impl Display + Sync)) {
        add(&self.inner.tally.failed, 1);
        tracing::warn!(campaign = %recipient.campaign, recipient = recipient.position, %why,
            "a recipient cannot be called; the campaign goes on");
        let (store, reason) = (&self.inner.store, why.to_string());
        if let Err(error) = store.fail_recipient(recipient, reason, wall_now()).await {
            tracing::error!(campaign = %recipient.campaign, %error, "a recipient's failure could not be stored");
        }
    }

    /// The campaign does not go on as it is. It keeps its recipients, and can be launched again.
    pub(super) async fn stop(&self, line: &Line, halt: Halt) -> Option<Turn> {
        let (campaign, Halt { to, reason }) = (line.campaign.id, halt);
        tracing::error!(%campaign, reason, "a campaign cannot go on");
        let store = &self.inner.store;
        match store.move_campaign(campaign, CampaignStatus::Running, to, Some(reason), wall_now()).await {
            Ok(_) => None,
            Err(error) => {
                tracing::error!(%campaign, %error, "that could not be stored");
                Some(Turn::Wait(RETRY))
            }
        }
    }

    pub(super) async fn release(&self, line: &mut Line) {
        line.lease_until = None;
        let claimed = line.claimed.drain(..).map(|claimed| claimed.position);
        let positions: Vec<u32> = claimed.chain(line.put_off.drain(..)).collect();
        if !positions.is_empty() {
            self.give_back(line.campaign.id, positions).await;
        }
    }

    async fn give_back(&self, campaign: CampaignId, positions: Vec<u32>) {
        add(&self.inner.tally.released, positions.len() as u64);
        if let Err(error) = self.inner.store.release_recipients(campaign, positions).await {
            tracing::error!(%campaign, %error, "recipients could not be given back; their lease lapses");
        }
    }
}

/// Nothing of this campaign for so long.
fn later(line: &mut Line, wait: Duration) -> Turn {
    line.not_before = Some(Instant::now() + wait);
    Turn::Wait(wait)
}

pub fn meaning(refusal: &Refusal) -> Meaning {
    match refusal {
        Refusal::AgentNotFound | Refusal::NoAgent => Meaning::Campaign("agent_not_found"),
        Refusal::FromNumberNotFound | Refusal::NumberNotRegistered | Refusal::OutboundDisabled => {
            Meaning::Campaign("from_number_not_found")
        }
        Refusal::AgentMissingPhoneNumber => Meaning::Campaign("agent_missing_phone_number"),
        Refusal::NumberHasNoTrunk | Refusal::DemoNumber | Refusal::UnverifiedVoip => {
            Meaning::Campaign("agent_missing_twilio_credentials")
        }
        Refusal::MissingField(_)
        | Refusal::InvalidField { .. }
        | Refusal::InvalidPhone { .. }
        | Refusal::RateNotFound
        | Refusal::DestinationForbidden { .. }
        | Refusal::DoNotCall => Meaning::Recipient,
        // A call ends and gives back what it did not cost, somebody tops up, or the day ends, which nobody is told.
        Refusal::InsufficientBalance | Refusal::SpendControl => Meaning::Unpaid,
        Refusal::Limited { retry_after, .. } => Meaning::Full(*retry_after),
        Refusal::Superseded => Meaning::Superseded,
        Refusal::TrunkDown { .. } => Meaning::Down,
        Refusal::Overloaded(_) | Refusal::Storage | Refusal::IdempotencyConflict => Meaning::Later(RETRY),
        Refusal::Draining => Meaning::Later(READ_EVERY),
    }
}

fn add(count: &AtomicU64, by: u64) {
    count.fetch_add(by, Ordering::Relaxed);
}
