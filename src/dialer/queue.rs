//! Calls that were accepted over a limit and wait for room, in memory: their prompts are stored nowhere.
//!
//! One line for each key and trunk, served in turn, so that a full trunk holds up nobody else's calls; and no more than half of the
//! places for a tenant that is not alone.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::Inner;
use crate::admission::Admission;
use crate::model::{CallId, CallPlan, KeyId, Refusal, TenantId, Timestamp, TrunkId};

/// Calls that may wait. Over it, requests are refused.
const WAITING_MAX: usize = 10_000;
/// Of these, one of several tenants' at most.
const WAITING_MAX_OF_ONE: usize = WAITING_MAX / 2;
/// Where a limit that is not about room (calls a second) is looked at again at the latest, and how soon a call is tried again that
/// could not start.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A call that waits.
pub struct Waiting {
    pub plan: CallPlan,
    /// When its life began, once it was first tried: whether that is on disk may not be known, and what is written again is not told
    /// again.
    pub started_at: Option<Timestamp>,
    lane: Lane,
}

type Lane = (Option<KeyId>, TrunkId);

#[derive(Default)]
pub struct Queue {
    lines: Mutex<Lines>,
    arrived: Notify,
}

#[derive(Default)]
struct Lines {
    lanes: VecDeque<(Lane, VecDeque<Waiting>)>,
    /// Whose turn has come, until it has left or is back in its lane.
    starting: Option<Starting>,
    /// Places that are taken: by calls that wait, that start, and that are just being accepted.
    taken: usize,
    by_tenant: HashMap<TenantId, usize>,
}

struct Starting {
    call: CallId,
    /// Somebody has hung it up since.
    is_hung_up: bool,
}

/// Where a call is that somebody hangs up.
#[derive(PartialEq, Eq, Debug)]
pub enum Found {
    /// It waited, and does so no more.
    Waiting,
    /// Its turn has come: it does not leave, or is hung up as soon as it has.
    Starting,
    /// Not here.
    Elsewhere,
}

/// Room for one waiting call.
pub struct Place<'a> {
    queue: &'a Queue,
    tenant: TenantId,
    is_filled: bool,
}

impl Queue {
    /// `is_alone`: there is no other tenant.
    pub fn reserve(&self, tenant: TenantId, is_alone: bool) -> Option<Place<'_>> {
        let mut lines = self.lines();
        let most = if is_alone { WAITING_MAX } else { WAITING_MAX_OF_ONE };
        if lines.taken >= WAITING_MAX || lines.by_tenant.get(&tenant).is_some_and(|own| *own >= most) {
            return None;
        }
        lines.taken += 1;
        *lines.by_tenant.entry(tenant).or_default() += 1;
        Some(Place { queue: self, tenant, is_filled: false })
    }

    pub fn len(&self) -> usize {
        let lines = self.lines();
        lines.lanes.iter().map(|(_, lane)| lane.len()).sum::<usize>() + usize::from(lines.starting.is_some())
    }

    /// Empties every line.
    pub fn take_all(&self) -> Vec<Waiting> {
        let mut lines = self.lines();
        let waiting: Vec<Waiting> = lines.lanes.drain(..).flat_map(|(_, lane)| lane).collect();
        waiting.iter().for_each(|waiting| lines.free(waiting));
        waiting
    }

    /// Those at the heads of their lines for whom waiting is over, and why.
    pub fn take_over<T>(&self, is_over: impl Fn(&mut CallPlan) -> Option<T>) -> Vec<(Waiting, T)> {
        let mut lines = self.lines();
        let mut over = Vec::new();
        for (_, lane) in &mut lines.lanes {
            while let Some(why) = lane.front_mut().and_then(|waiting| is_over(&mut waiting.plan)) {
                over.extend(lane.pop_front().map(|waiting| (waiting, why)));
            }
        }
        lines.lanes.retain(|(_, lane)| !lane.is_empty());
        over.iter().for_each(|(waiting, _)| lines.free(waiting));
        over
    }

    /// Takes this call out of its line, or notes that it is not to leave.
    pub fn hang_up(&self, call: CallId) -> Found {
        let mut lines = self.lines();
        if let Some(starting) = lines.starting.as_mut().filter(|starting| starting.call == call) {
            starting.is_hung_up = true;
            return Found::Starting;
        }
        let place = |lane: &VecDeque<Waiting>| lane.iter().position(|waiting| waiting.plan.call == call);
        let taken = lines.lanes.iter_mut().find_map(|(_, lane)| lane.remove(place(lane)?));
        let Some(waiting) = taken else { return Found::Elsewhere };
        lines.lanes.retain(|(_, lane)| !lane.is_empty());
        lines.free(&waiting);
        Found::Waiting
    }

    /// The call whose turn had come goes back to the head of its lane, with its place; it comes back here if it was hung up.
    pub fn put_back(&self, waiting: Waiting) -> Option<Waiting> {
        let mut lines = self.lines();
        if lines.starting.take().is_some_and(|starting| starting.is_hung_up) {
            lines.free(&waiting);
            return Some(waiting);
        }
        lines.lane(waiting.lane).push_front(waiting);
        None
    }

    /// Was the call whose turn has come hung up since?
    pub fn is_hung_up(&self) -> bool {
        self.lines().starting.as_ref().is_some_and(|starting| starting.is_hung_up)
    }

    /// The call whose turn had come has left, or never will; says whether it was hung up before.
    pub fn left(&self, tenant: TenantId) -> bool {
        let mut lines = self.lines();
        lines.free_one(tenant);
        lines.starting.take().is_some_and(|starting| starting.is_hung_up)
    }

    /// The first call, of any lane in turn, that `admit` lets through: its turn has come until it is [`Queue::put_back`] or has
    /// [`Queue::left`]. Or the shortest time until it is worth asking again, or `None` if nobody waits.
    fn next<P>(
        &self,
        admit: impl Fn(&mut CallPlan) -> Result<P, Refusal>,
    ) -> Option<Result<(Waiting, P), Duration>> {
        let mut lines = self.lines();
        let mut again = None;
        for _ in 0..lines.lanes.len() {
            let (of, mut lane) = lines.lanes.pop_front()?;
            let admitted = lane.front_mut().map(|waiting| admit(&mut waiting.plan));
            let taken = match admitted {
                Some(Ok(permit)) => lane.pop_front().map(|waiting| (waiting, permit)),
                Some(Err(Refusal::Limited { retry_after, .. })) => {
                    again = Some(again.map_or(retry_after, |soonest: Duration| soonest.min(retry_after)));
                    None
                }
                Some(Err(_)) | None => None,
            };
            if !lane.is_empty() {
                lines.lanes.push_back((of, lane));
            }
            if let Some((waiting, permit)) = taken {
                lines.starting = Some(Starting { call: waiting.plan.call, is_hung_up: false });
                return Some(Ok((waiting, permit)));
            }
        }
        again.map(Err)
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn lane(&mut self, of: Lane) -> &mut VecDeque<Waiting> {
        let known = self.lanes.iter().position(|(lane, _)| *lane == of);
        let index = known.unwrap_or_else(|| {
            self.lanes.push_back((of, VecDeque::new()));
            self.lanes.len() - 1
        });
        &mut self.lanes[index].1
    }

    fn free(&mut self, waiting: &Waiting) {
        self.free_one(waiting.plan.agent.tenant);
    }

    fn free_one(&mut self, tenant: TenantId) {
        self.taken = self.taken.saturating_sub(1);
        if let Some(own) = self.by_tenant.get_mut(&tenant) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                self.by_tenant.remove(&tenant);
            }
        }
    }
}

impl Place<'_> {
    /// Takes the place.
    pub fn fill(mut self, plan: CallPlan) {
        // It is given back when the call leaves the queue.
        self.is_filled = true;
        let lane = (plan.key.as_ref().map(|key| key.id), plan.trunk.id);
        self.queue.lines().lane(lane).push_back(Waiting { plan, started_at: None, lane });
        self.queue.arrived.notify_one();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.is_filled {
            self.queue.lines().free_one(self.tenant);
        }
    }
}

/// Starts waiting calls as room is made, until the dialer is gone. While it waits it holds nothing of the dialer: whoever
/// takes the house down needs the last handle of its rooms.
pub async fn run(dialer: Weak<Inner>, queue: Arc<Queue>, admission: Admission) {
    let mut room = admission.room();
    loop {
        let Some(inner) = dialer.upgrade() else { return };
        inner.end_overdue();
        // Its money was kept back when it was accepted.
        let pause = match queue.next(|plan| inner.admit(plan, None)) {
            Some(Ok((waiting, (permit, _)))) => {
                if inner.start_waiting(waiting, permit).await {
                    continue;
                }
                // The room that it gave back is none that anybody could use.
                room.mark_unchanged();
                LOOK_AGAIN
            }
            Some(Err(again)) => again.min(LOOK_AGAIN),
            None => LOOK_AGAIN,
        };
        drop(inner);
        // Room, an arrival, or the clock, whichever is first.
        let arrived = queue.arrived.notified();
        let _ = tokio::time::timeout(pause, async {
            tokio::select! {
                _ = room.changed() => {}
                () = arrived => {}
            }
        })
        .await;
    }
}
