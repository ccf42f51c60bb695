//! Shell: the gate of a running switch, which a probe call passes like any other (see [`crate::admission`]).
#![expect(clippy::disallowed_methods, reason = "a shell: it reads the clock")]

use std::time::{Duration, Instant};

use crate::admission::{Admission, Permit};
use crate::model::{Key, Refusal, Trunk};

/// Whose gate, and for whom.
pub struct Gate {
    /// The switch's.
    pub admission: Admission,
    /// Who asked.
    pub key: Key,
}

/// A call waits so long for its turn among the calls of a second; for a channel it does not wait.
const TURN: Duration = Duration::from_secs(3);

impl Gate {
    /// Room for one call by this trunk, or in words why there is none.
    pub async fn enter(&self, trunk: &Trunk) -> Result<Permit, String> {
        let until = Instant::now() + TURN;
        loop {
            let refusal = match self.admission.admit_probe(Instant::now(), &self.key, trunk) {
                Ok(permit) => return Ok(permit),
                Err(refusal) => refusal,
            };
            match refusal {
                Refusal::Limited { retry_after, .. } if Instant::now() + retry_after <= until => {
                    tokio::time::sleep(retry_after).await;
                }
                Refusal::Limited { name, .. } => {
                    return Err(format!(
                        "not called, for there is no room: the limit of {name} is reached; ask again when a call has ended"
                    ));
                }
                Refusal::TrunkDown { reason, .. } => return Err(format!("not called: {reason}")),
                other => return Err(format!("not called: {other}")),
            }
        }
    }
}
