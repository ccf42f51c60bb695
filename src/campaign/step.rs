//! What an order makes of a campaign's status. Pure.

use crate::model::{BatchRefusal, Campaign, CampaignStatus};

/// What its owner may tell a campaign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Dial from now on, whatever the date; the window still holds.
    Launch,
    /// Dial nobody more.
    Pause,
    /// Go on as before the pause.
    Resume,
    /// Never dial whoever was not dialled.
    Cancel,
}

/// The status that an order leads to; `None`: it is so already.
pub fn next(campaign: &Campaign, order: Order) -> Result<Option<CampaignStatus>, BatchRefusal> {
    use CampaignStatus::{Cancelled, Completed, Failed, Paused, Running, Scheduled};
    let over = || Err(BatchRefusal::Over(campaign.status.as_str()));
    match (order, campaign.status) {
        (Order::Cancel, Cancelled) => Ok(None),
        (_, Completed | Cancelled) => over(),
        (Order::Launch, _) if campaign.counts.total == 0 => Err(BatchRefusal::NoRecipients),
        (Order::Launch, Running) | (Order::Pause, Paused) | (Order::Resume, Running | Scheduled) => Ok(None),
        (Order::Launch, Scheduled | Paused | Failed) => Ok(Some(Running)),
        (Order::Pause, Scheduled | Running | Failed) => Ok(Some(Paused)),
        (Order::Resume, Paused | Failed) if campaign.launched_at.is_some() => Ok(Some(Running)),
        (Order::Resume, Paused | Failed) => Ok(Some(Scheduled)),
        (Order::Cancel, Scheduled | Running | Paused | Failed) => Ok(Some(Cancelled)),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::model::{AgentId, CampaignId, Counts, KeyId, TenantId, Timestamp, Window, Zone};

    pub fn campaign(status: CampaignStatus, launched: bool, total: u64) -> Campaign {
        Campaign {
            id: CampaignId(1),
            tenant: TenantId(1),
            key: KeyId(1),
            agent: AgentId(1),
            from: "+447446466847".parse().expect("valid"),
            number_per_callee: false,
            name: None,
            status,
            reason: None,
            zone: Zone::default(),
            window: Window::default(),
            callee_window: Window::default(),
            due_at: Timestamp(0),
            retry: None,
            breaker: None,
            invalid: 0,
            counts: Counts { total, ..Counts::default() },
            created_at: Timestamp(0),
            launched_at: launched.then_some(Timestamp(0)),
            ended_at: None,
        }
    }

    #[test]
    fn every_order_meets_every_status() {
        use CampaignStatus::{Cancelled, Completed, Failed, Paused, Running, Scheduled};
        let over = |word| Err(BatchRefusal::Over(word));
        for (order, status, launched, then) in [
            (Order::Launch, Scheduled, false, Ok(Some(Running))),
            (Order::Launch, Running, true, Ok(None)),
            (Order::Launch, Paused, false, Ok(Some(Running))),
            (Order::Launch, Paused, true, Ok(Some(Running))),
            (Order::Launch, Failed, true, Ok(Some(Running))),
            (Order::Launch, Completed, true, over("completed")),
            (Order::Launch, Cancelled, true, over("cancelled")),
            (Order::Pause, Scheduled, false, Ok(Some(Paused))),
            (Order::Pause, Running, true, Ok(Some(Paused))),
            (Order::Pause, Paused, true, Ok(None)),
            (Order::Pause, Failed, true, Ok(Some(Paused))),
            (Order::Pause, Completed, true, over("completed")),
            (Order::Resume, Paused, true, Ok(Some(Running))),
            (Order::Resume, Paused, false, Ok(Some(Scheduled))),
            (Order::Resume, Scheduled, false, Ok(None)),
            (Order::Resume, Running, true, Ok(None)),
            (Order::Resume, Cancelled, true, over("cancelled")),
            (Order::Cancel, Scheduled, false, Ok(Some(Cancelled))),
            (Order::Cancel, Running, true, Ok(Some(Cancelled))),
            (Order::Cancel, Paused, true, Ok(Some(Cancelled))),
            (Order::Cancel, Cancelled, true, Ok(None)),
            (Order::Cancel, Completed, true, over("completed")),
        ] {
            assert_eq!(next(&campaign(status, launched, 1), order), then, "{order:?} {status:?}");
        }
        let empty = campaign(Scheduled, false, 0);
        assert_eq!(next(&empty, Order::Launch), Err(BatchRefusal::NoRecipients));
    }
}
