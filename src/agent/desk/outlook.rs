//! For how many calls more there would be somebody: asked before a campaign dials.

use std::iter;

use super::Desk;
use super::person::{Present, State};
use crate::model::{Busy, CallId, Outlook, Whom};

impl Desk {
    /// How many people would take a call for any of these now.
    pub fn free(&self, whom: &Whom) -> usize {
        self.outlook(whom, iter::empty()).free
    }

    /// How things stand for a call for any of these, while nobody talks yet in calls for each of those. People who would not take our
    /// call are reckoned to take the others' first, and calls that few would take to be served before those that many would.
    pub fn outlook<'w>(&self, whom: &Whom, unattended: impl Iterator<Item = (CallId, &'w Whom)>) -> Outlook {
        let idle: Vec<&Present> =
            self.idle.iter().filter_map(|(_, person)| self.people.get(person)).collect();
        let (ours, mut others): (Vec<_>, Vec<_>) =
            idle.iter().copied().partition(|person| person.takes(whom));
        let rivals = |wanted: &Whom| wanted == whom || ours.iter().any(|person| person.takes(wanted));
        let takers = |wanted: &Whom| idle.iter().filter(|person| person.takes(wanted)).count();
        let mut wishes = by_whom(unattended);
        wishes.sort_by_key(|(wanted, _)| (takers(wanted), rivals(wanted)));
        let mut needed = Vec::new();
        for (wanted, mut calls) in wishes {
            others.retain(|person| !(person.takes(wanted) && calls.pop().is_some()));
            if rivals(wanted) {
                needed.append(&mut calls);
            }
        }
        Outlook { free: ours.len(), needed, busy: self.busy(whom) }
    }

    /// Who would take a call for any of these, if it had none.
    fn busy(&self, whom: &Whom) -> Vec<Busy> {
        let stays = |present: &&Present| present.takes(whom) && !present.leaves_after;
        let busy = |present: &Present| match present.state {
            State::Talking { call } => Some(Busy::Talking { call, since: present.since }),
            State::WrapUp { until } => Some(Busy::WrapUp { until }),
            // Who was cut off, or does not answer, may be gone.
            State::Offline | State::Available | State::Ringing { .. } | State::Away { .. } => None,
        };
        self.people.values().filter(stays).filter_map(busy).collect()
    }
}

/// Which calls want whom. There are few queues, and many calls.
fn by_whom<'w>(unattended: impl Iterator<Item = (CallId, &'w Whom)>) -> Vec<(&'w Whom, Vec<CallId>)> {
    let mut wishes: Vec<(&Whom, Vec<CallId>)> = Vec::new();
    for (call, wanted) in unattended {
        match wishes.iter_mut().find(|(known, _)| *known == wanted) {
            Some((_, calls)) => calls.push(call),
            None => wishes.push((wanted, vec![call])),
        }
    }
    wishes
}
