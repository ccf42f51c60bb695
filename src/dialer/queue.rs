//! Calls that were accepted over a limit and wait for room, in memory: their prompts are stored nowhere.
//!
//! One line for each key and trunk, served in turn, so that a full trunk holds up nobody else's calls.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::Inner;
use crate::admission::Admission;
use crate::model::{CallId, CallPlan, KeyId, Refusal, TrunkId};

/// Calls that may wait. Over it, requests are refused.
const WAITING_MAX: usize = 10_000;
/// Where a limit that is not about room (calls a second) is looked at again at the latest.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A call that waits.
pub struct Waiting {
    pub plan: CallPlan,
}

type Lane = (Option<KeyId>, TrunkId);

pub struct Queue {
    lanes: Mutex<VecDeque<(Lane, VecDeque<Waiting>)>>,
    places: Arc<Semaphore>,
    arrived: Notify,
}

/// Room for one waiting call.
pub struct Place<'a> {
    queue: &'a Queue,
    permit: OwnedSemaphorePermit,
}

impl Default for Queue {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(WAITING_MAX));
        Self { lanes: Mutex::default(), places, arrived: Notify::new() }
    }
}

impl Queue {
    pub fn reserve(&self) -> Option<Place<'_>> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Place { queue: self, permit })
    }

    pub fn len(&self) -> usize {
        self.lanes().iter().map(|(_, lane)| lane.len()).sum()
    }

    pub fn take_all(&self) -> Vec<Waiting> {
        let waiting: Vec<Waiting> = self.lanes().drain(..).flat_map(|(_, lane)| lane).collect();
        self.places.add_permits(waiting.len());
        waiting
    }

    /// Takes this call out of its line.
    pub fn take(&self, call: CallId) -> Option<Waiting> {
        let mut lanes = self.lanes();
        let place = |line: &VecDeque<Waiting>| line.iter().position(|waiting| waiting.plan.call == call);
        let taken = lanes.iter_mut().find_map(|(_, line)| line.remove(place(line)?));
        lanes.retain(|(_, line)| !line.is_empty());
        if taken.is_some() {
            self.places.add_permits(1);
        }
        taken
    }

    fn push(&self, waiting: Waiting) {
        let of = lane_of(&waiting.plan);
        let mut lanes = self.lanes();
        match lanes.iter_mut().find(|(lane, _)| *lane == of) {
            Some((_, lane)) => lane.push_back(waiting),
            None => lanes.push_back((of, VecDeque::from([waiting]))),
        }
    }

    /// The first call, of any lane in turn, that `admit` lets through; or the shortest time until it is worth asking
    /// again, or `None` if nobody waits.
    fn next<P>(
        &self,
        admit: impl Fn(&mut CallPlan) -> Result<P, Refusal>,
    ) -> Option<Result<(Waiting, P), Duration>> {
        let mut lanes = self.lanes();
        let mut again = None;
        for _ in 0..lanes.len() {
            let (lane, mut line) = lanes.pop_front()?;
            let admitted = line.front_mut().map(|waiting| admit(&mut waiting.plan));
            let taken = match admitted {
                Some(Ok(permit)) => line.pop_front().map(|waiting| (waiting, permit)),
                Some(Err(Refusal::Limited { retry_after, .. })) => {
                    again = Some(again.map_or(retry_after, |soonest: Duration| soonest.min(retry_after)));
                    None
                }
                Some(Err(_)) | None => None,
            };
            if !line.is_empty() {
                lanes.push_back((lane, line));
            }
            if let Some(taken) = taken {
                self.places.add_permits(1);
                return Some(Ok(taken));
            }
        }
        again.map(Err)
    }

    fn lanes(&self) -> MutexGuard<'_, VecDeque<(Lane, VecDeque<Waiting>)>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Takes the place.
    pub fn fill(self, waiting: Waiting) {
        // Given back by hand when the call leaves the queue.
        self.permit.forget();
        self.queue.push(waiting);
        self.queue.arrived.notify_one();
    }
}

fn lane_of(plan: &CallPlan) -> Lane {
    (plan.key.as_ref().map(|key| key.id), plan.trunk.id)
}

/// Starts waiting calls as room is made, until the dialer is gone. While it waits it holds nothing of the dialer: whoever
/// takes the house down needs the last handle of its rooms.
pub async fn run(dialer: Weak<Inner>, queue: Arc<Queue>, admission: Admission) {
    let mut room = admission.room();
    loop {
        let Some(inner) = dialer.upgrade() else { return };
        // Its money was kept back when it was accepted.
        let pause = match queue.next(|plan| inner.admit(plan, None)) {
            Some(Ok((waiting, (permit, _)))) => {
                inner.start_waiting(waiting, permit).await;
                continue;
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
