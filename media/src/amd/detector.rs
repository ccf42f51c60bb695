//! The detector: samples in, verdicts out.

use super::{Params, Tone, Verdict};

/// One call's detector. Never allocates after [`Detector::new`].
#[derive(Clone, Debug)]
pub struct Detector {
    params: Params,
}

impl Detector {
    /// A detector that has heard nothing yet.
    #[must_use]
    pub fn new(params: Params) -> Self {
        Self { params }
    }

    /// The call was answered: this sample is the zero of all times, and the analysis begins. What was heard before is
    /// early media: its tones are known ([`Detector::tone`]), but no verdict is given.
    pub fn answered(&mut self) {
        todo!()
    }

    /// Takes the next samples, any number of them. At most one verdict comes back per call; should a very long push
    /// hold two, the next push (an empty one will do) returns the second.
    pub fn push(&mut self, samples: &[i16]) -> Option<Verdict> {
        let _ = (samples, &self.params);
        todo!()
    }

    /// Whether somebody speaks at this moment. Goes on after the verdict, for turns and barge-in.
    #[must_use]
    pub fn speaking(&self) -> bool {
        todo!()
    }

    /// Loudness of the last 20 ms in dBFS, −96 at digital silence.
    #[must_use]
    pub fn level(&self) -> f32 {
        todo!()
    }

    /// The signal last recognised, early media included.
    #[must_use]
    pub fn tone(&self) -> Option<Tone> {
        todo!()
    }
}
