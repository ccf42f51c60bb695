//! Shell: examinations for a running switch, one at a time for each trunk.
#![expect(clippy::disallowed_methods, reason = "a shell: it starts a task for each examination")]

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::gate::Gate;
use super::patient::{Patient, Probe, Within};
use super::run::{self, DoctorError, Findings};
use crate::admission::Admission;
use crate::config::Config;
use crate::directory::Directory;
use crate::model::{Key, PhoneNumber, Trunk, TrunkId};

/// Where trunks are examined. Cheap to clone.
#[derive(Clone)]
pub struct Practice {
    config: Arc<Config>,
    directory: Directory,
    admission: Admission,
    /// Trunks that are being examined: no more than there are trunks.
    busy: Arc<Mutex<HashSet<TrunkId>>>,
}

/// Why there are no findings.
#[derive(Debug, thiserror::Error)]
pub enum PracticeError {
    /// This trunk is being examined already.
    #[error("the trunk is being examined already")]
    Busy,
    /// It could not be examined.
    #[error(transparent)]
    Doctor(#[from] DoctorError),
    /// The examination panicked.
    #[error("the examination failed in a way that nobody foresaw")]
    Panicked,
}

impl Practice {
    /// With the switch's own addresses and timers; its calls pass the gate that every call passes.
    pub fn new(config: Config, directory: Directory, admission: Admission) -> Self {
        Self { config: Arc::new(config), directory, admission, busy: Arc::default() }
    }

    /// Examines a trunk for this key. It goes on if nobody waits any more: a call that rings is not left alone.
    pub async fn examine(
        &self,
        key: &Key,
        trunk: &Arc<Trunk>,
        call: Option<PhoneNumber>,
        probe: Probe,
    ) -> Result<Findings, PracticeError> {
        let visit = Visit::begin(&self.busy, trunk.id).ok_or(PracticeError::Busy)?;
        let snapshot = self.directory.snapshot();
        let from = Patient::caller(snapshot.numbers().iter().map(Arc::as_ref), trunk);
        // The rules may have been read again since the start.
        let within = Within::of(trunk, snapshot.rules());
        let patient = Patient { probe, within, ..Patient::new(&self.config, Arc::clone(trunk), from, call) };
        let gate = Gate { admission: self.admission.clone(), key: key.clone() };
        let task = tokio::spawn(async move {
            let _visit = visit;
            run::examine(patient, Some(gate), |_| {}).await
        });
        Ok(task.await.map_err(|_| PracticeError::Panicked)??)
    }
}

/// One trunk's turn; over when dropped.
struct Visit {
    busy: Arc<Mutex<HashSet<TrunkId>>>,
    trunk: TrunkId,
}

impl Visit {
    fn begin(busy: &Arc<Mutex<HashSet<TrunkId>>>, trunk: TrunkId) -> Option<Self> {
        let is_free = busy.lock().unwrap_or_else(PoisonError::into_inner).insert(trunk);
        is_free.then(|| Self { busy: Arc::clone(busy), trunk })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.trunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_has_one_examination_at_a_time() {
        let busy = Arc::default();
        let first = Visit::begin(&busy, TrunkId(1)).expect("free");
        assert!(Visit::begin(&busy, TrunkId(1)).is_none());
        assert!(Visit::begin(&busy, TrunkId(2)).is_some());
        drop(first);
        assert!(Visit::begin(&busy, TrunkId(1)).is_some());
    }
}
