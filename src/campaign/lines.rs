//! Whose turn it is: round robin by key, then by campaign, so that a key with many campaigns gets no more than a key with one.
//! Pure.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::model::{Campaign, CampaignId, CampaignStatus, ClaimedRecipient, KeyId, Timestamp};

/// One campaign in hand.
pub struct Line {
    /// As it was when it was last read.
    pub campaign: Campaign,
    /// What its calls are about, once somebody was claimed.
    pub prompt: Option<Arc<str>>,
    /// Who is claimed and not dialled.
    pub claimed: VecDeque<ClaimedRecipient>,
    /// Who is claimed, and makes way: by the trunks that may dial it there are no calls now, by others there are.
    pub put_off: Vec<u32>,
    /// Until when they are ours.
    pub lease_until: Option<Instant>,
    /// It is left alone until then.
    pub not_before: Option<Instant>,
    /// Only because nobody can pay.
    pub is_unpaid: bool,
    /// Its window is closed until then.
    pub closed_until: Option<Timestamp>,
    /// Of whom was claimed last, some may not be called yet by their own clocks: others may be the same.
    pub is_sifting: bool,
    /// Somebody of it has made way, and comes due by the clock.
    pub has_put_off: bool,
    /// Nobody is due until it is read again.
    pub is_drained: bool,
    /// It dials no further ahead of its people: too many callees heard nobody.
    pub is_held_back: bool,
    /// When that is looked at again.
    pub abandonment_due: Option<Instant>,
}

/// All of them.
#[derive(Default)]
pub struct Lines {
    keys: VecDeque<(KeyId, VecDeque<Line>)>,
}

impl Line {
    fn new(campaign: Campaign) -> Self {
        Self {
            campaign,
            prompt: None,
            claimed: VecDeque::new(),
            put_off: Vec::new(),
            lease_until: None,
            not_before: None,
            is_unpaid: false,
            closed_until: None,
            is_sifting: false,
            has_put_off: false,
            is_drained: false,
            is_held_back: false,
            abandonment_due: None,
        }
    }
}

impl Lines {
    /// What the store says of the open campaigns now. Those that run on keep whom they have claimed; those that are gone are
    /// dropped, with claims that the store has taken back already.
    pub fn refresh(&mut self, open: Vec<Campaign>) {
        let old = std::mem::take(&mut self.keys);
        let order: Vec<KeyId> = old.iter().map(|(key, _)| *key).collect();
        let mut known: HashMap<CampaignId, Line> =
            old.into_iter().flat_map(|(_, lines)| lines).map(|line| (line.campaign.id, line)).collect();
        for key in order {
            self.keys.push_back((key, VecDeque::new()));
        }
        for campaign in open {
            let line = match known.remove(&campaign.id) {
                Some(line) if campaign.status == CampaignStatus::Running => {
                    Line { campaign, is_drained: false, closed_until: None, ..line }
                }
                _ => Line::new(campaign),
            };
            self.push(line);
        }
        self.keys.retain(|(_, lines)| !lines.is_empty());
    }

    /// The next line of the key whose turn it is. It is to be given back by [`Lines::push`].
    pub fn next(&mut self) -> Option<Line> {
        let (key, mut lines) = self.keys.pop_front()?;
        let line = lines.pop_front();
        if !lines.is_empty() {
            self.keys.push_back((key, lines));
        }
        line
    }

    /// Puts a line behind the others of its key, and its key, if it had no other, behind the other keys.
    pub fn push(&mut self, line: Line) {
        match self.keys.iter_mut().find(|(key, _)| *key == line.campaign.key) {
            Some((_, lines)) => lines.push_back(line),
            None => self.keys.push_back((line.campaign.key, VecDeque::from([line]))),
        }
    }

    /// Whoever was left alone for want of money is tried again.
    pub fn handle_money(&mut self) {
        let lines = self.keys.iter_mut().flat_map(|(_, lines)| lines);
        for line in lines.filter(|line| line.is_unpaid) {
            (line.is_unpaid, line.not_before) = (false, None);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.iter().map(|(_, lines)| lines.len()).sum()
    }

    /// Every line.
    pub fn iter(&self) -> impl Iterator<Item = &Line> {
        self.keys.iter().flat_map(|(_, lines)| lines)
    }

    /// One of them.
    pub fn find(&mut self, id: CampaignId) -> Option<&mut Line> {
        self.keys.iter_mut().flat_map(|(_, lines)| lines).find(|line| line.campaign.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::step;
    use super::*;

    fn campaign(id: u64, key: u64, status: CampaignStatus) -> Campaign {
        Campaign { id: CampaignId(id), key: KeyId(key), ..step::tests::campaign(status, false, 0) }
    }

    fn turns(lines: &mut Lines, count: usize) -> Vec<u64> {
        let mut turn = || {
            let line = lines.next().expect("there are lines");
            let id = line.campaign.id.0;
            lines.push(line);
            id
        };
        (0..count).map(|_| turn()).collect()
    }

    #[test]
    fn keys_take_turns_and_so_do_each_keys_campaigns() {
        let mut lines = Lines::default();
        let running = CampaignStatus::Running;
        lines.refresh(vec![campaign(1, 7, running), campaign(2, 7, running), campaign(3, 8, running)]);
        assert_eq!(turns(&mut lines, 6), [1, 3, 2, 3, 1, 3]);
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn money_wakes_those_who_want_it_and_nobody_else() {
        let (mut lines, later) = (Lines::default(), Some(Instant::now()));
        let running = CampaignStatus::Running;
        lines.refresh(vec![campaign(1, 7, running), campaign(2, 7, running)]);
        for (id, is_unpaid) in [(1, true), (2, false)] {
            let line = lines.find(CampaignId(id)).expect("there");
            (line.not_before, line.is_unpaid) = (later, is_unpaid);
        }
        lines.handle_money();
        assert_eq!(lines.find(CampaignId(1)).expect("there").not_before, None);
        assert_eq!(lines.find(CampaignId(2)).expect("there").not_before, later);
    }

    #[test]
    fn who_runs_on_keeps_its_claims_and_who_stopped_does_not() {
        let mut lines = Lines::default();
        let running = CampaignStatus::Running;
        lines.refresh(vec![campaign(1, 7, running), campaign(2, 7, running)]);
        for id in [1, 2] {
            lines.find(CampaignId(id)).expect("there").prompt = Some("p".into());
        }
        lines.refresh(vec![campaign(1, 7, running), campaign(2, 7, CampaignStatus::Scheduled)]);
        assert!(lines.find(CampaignId(1)).expect("there").prompt.is_some());
        assert!(lines.find(CampaignId(2)).expect("there").prompt.is_none());
        lines.refresh(vec![]);
        assert!(lines.next().is_none());
    }
}
