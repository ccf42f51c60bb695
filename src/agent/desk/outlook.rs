//! For how many calls more there would be somebody: asked before a campaign dials.

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
        self.outlook(whom, &[]).free
    }

    /// How things stand for a call for any of these, while nobody talks yet in calls for each of those. People who would not take our
    /// call are reckoned to take the others' first.
    pub fn outlook(&self, whom: &Whom, unattended: &[Whom]) -> Outlook {
        let idle = self.idle.iter().filter_map(|(_, person)| self.people.get(person));
        let (ours, mut others): (Vec<&Present>, Vec<&Present>) = idle.partition(|person| person.takes(whom));
        let mut needed = 0;
        for (wanted, count) in by_whom(unattended) {
            let mut left = count;
            others.retain(|person| {
                let is_taken = left > 0 && person.takes(wanted);
                left -= usize::from(is_taken);
                !is_taken
            });
            if wanted == whom || ours.iter().any(|person| person.takes(wanted)) {
                needed += left;
            }
        }
        Outlook { free: ours.len(), needed }
    }
}

/// How many want whom. There are few queues, and many calls.
fn by_whom(unattended: &[Whom]) -> Vec<(&Whom, usize)> {
    let mut counted: Vec<(&Whom, usize)> = Vec::new();
    for wanted in unattended {
        match counted.iter_mut().find(|(known, _)| *known == wanted) {
            Some((_, count)) => *count += 1,
            None => counted.push((wanted, 1)),
        }
    }
    counted
}
