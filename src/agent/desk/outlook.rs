//! For how many calls more there would be somebody: asked before a campaign dials.

use std::iter;

use super::Desk;
use super::person::Present;
use crate::model::Whom;

/// What somebody who is about to dial wants to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outlook {
    /// People who would take such a call now.
    pub free: usize,
    /// Calls under way that will need one of them.
    pub needed: usize,
}

impl Desk {
    /// How many people would take a call for any of these now.
    pub fn free(&self, whom: &Whom) -> usize {
        self.outlook(whom, iter::empty()).free
    }

    /// How things stand for a call for any of these, while nobody talks yet in calls for each of those. People who would not take our
    /// call are reckoned to take the others' first, and calls that few would take to be served before those that many would.
    pub fn outlook<'w>(&self, whom: &Whom, unattended: impl Iterator<Item = &'w Whom>) -> Outlook {
        let idle: Vec<&Present> =
            self.idle.iter().filter_map(|(_, person)| self.people.get(person)).collect();
        let (ours, mut others): (Vec<_>, Vec<_>) =
            idle.iter().copied().partition(|person| person.takes(whom));
        let rivals = |wanted: &Whom| wanted == whom || ours.iter().any(|person| person.takes(wanted));
        let takers = |wanted: &Whom| idle.iter().filter(|person| person.takes(wanted)).count();
        let mut wishes = by_whom(unattended);
        wishes.sort_by_key(|(wanted, _)| (takers(wanted), rivals(wanted)));
        let mut needed = 0;
        for (wanted, count) in wishes {
            let mut left = count;
            others.retain(|person| {
                let is_taken = left > 0 && person.takes(wanted);
                left -= usize::from(is_taken);
                !is_taken
            });
            if rivals(wanted) {
                needed += left;
            }
        }
        Outlook { free: ours.len(), needed }
    }
}

/// How many want whom. There are few queues, and many calls.
fn by_whom<'w>(unattended: impl Iterator<Item = &'w Whom>) -> Vec<(&'w Whom, usize)> {
    let mut counted: Vec<(&Whom, usize)> = Vec::new();
    for wanted in unattended {
        match counted.iter_mut().find(|(known, _)| *known == wanted) {
            Some((_, count)) => *count += 1,
            None => counted.push((wanted, 1)),
        }
    }
    counted
}
