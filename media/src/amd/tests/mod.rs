//! Facts about the detector, told on a synthesised line.

mod line;
mod missing;
mod properties;
mod talk;
mod tones;

use super::{Cause, Class, Detector, Params, Rule, SegmentKind, Sit, Tone, Verdict};
use line::Line;

/// All verdicts that `params` give on a line answered at its first sample.
fn verdicts(params: Params, line: &Line) -> Vec<Verdict> {
    let mut detector = Detector::new(params);
    detector.answered();
    line.samples().chunks(160).filter_map(|packet| detector.push(packet)).collect()
}

/// What our own rule says, in order.
fn classes(line: &Line) -> Vec<Class> {
    verdicts(Params::default(), line).iter().map(|verdict| verdict.class).collect()
}

/// What decided, in order.
fn causes(line: &Line) -> Vec<Cause> {
    verdicts(Params::default(), line).iter().map(|verdict| verdict.cause).collect()
}

/// The only verdict on the line.
fn verdict(params: Params, line: &Line) -> Verdict {
    let verdicts = verdicts(params, line);
    let [verdict] = verdicts.as_slice() else { panic!("one verdict expected, not {verdicts:?}") };
    verdict.clone()
}
