//! What is thought while nothing comes that should.

use std::time::Duration;

use super::*;

/// A stretch of the line, in milliseconds.
#[derive(Clone, Copy)]
enum Part {
    Voice(u32),
    Silence(u32),
    MadeUp(u32),
    Missing(u32),
}

use Part::{MadeUp, Missing, Silence, Voice};

fn judged(params: Params, parts: &[Part]) -> Vec<Verdict> {
    let mut detector = Detector::new(params);
    detector.answered();
    let mut verdicts = Vec::new();
    for part in parts {
        let line = match *part {
            Voice(ms) => Line::new().voice(ms),
            Silence(ms) | MadeUp(ms) | Missing(ms) => Line::new().silence(ms),
        };
        for frame in line.samples().chunks(160) {
            verdicts.extend(match part {
                Voice(_) | Silence(_) => detector.push(frame),
                MadeUp(_) => detector.push_made_up(frame),
                Missing(_) => detector.push_missing(frame),
            });
        }
    }
    verdicts
}

fn told(parts: &[Part]) -> Vec<(Class, u32)> {
    judged(Params::default(), parts).iter().map(|verdict| (verdict.class, verdict.at_ms)).collect()
}

#[test]
fn what_comes_after_it_says_what_was_missing() {
    let (begin, end) = ([Silence(400), Voice(600)], Silence(2_000));
    let with = |parts: &[Part]| told(&[&begin[..], parts].concat());
    assert_eq!(with(&[end]), [(Class::Human, 1_500)]);
    assert_eq!(with(&[Missing(300), end]), [(Class::Human, 1_800)], "the network was late");
    assert_eq!(with(&[Missing(300), MadeUp(2_000)]), [(Class::Human, 1_500)], "it was silence");
    assert_eq!(with(&[Missing(700), MadeUp(2_000)]), [(Class::Human, 1_720)], "it was silence");
    assert_eq!(with(&[Missing(800), Voice(2_400), end]), [(Class::Machine, 4_200)], "of 3 s");
    assert_eq!(with(&[Missing(800), Voice(300), end]).len(), 1, "one turn");
}

#[test]
fn a_second_of_nothing_is_silence() {
    let begin = [Silence(400), Voice(600)];
    assert_eq!(told(&[begin[0], begin[1], Missing(3_000)]), [(Class::Human, 2_000)]);
    assert_eq!(told(&[Silence(400), Missing(9_000)]), [(Class::NoSpeech, 5_000)]);
    assert_eq!(told(&[Missing(9_000)]), [(Class::NoSpeech, 5_000)], "it has sent nothing yet");
}

#[test]
fn the_analysis_takes_no_longer() {
    let stutter = [Voice(200), Missing(900)].repeat(20);
    let verdicts = judged(Params::default(), &stutter);
    let [verdict] = verdicts.as_slice() else { panic!("one verdict expected, not {verdicts:?}") };
    assert_eq!((verdict.cause, verdict.at_ms), (Cause::TotalAnalysisTime, 8_000));
    let hasty = Params { total_analysis_time: Duration::from_secs(3), ..Params::default() };
    assert_eq!(judged(hasty, &stutter)[0].at_ms, 3_000);
}

#[test]
fn the_time_line_shows_it() {
    let verdicts = judged(Params::default(), &[Silence(400), Voice(600), Missing(400), Silence(600)]);
    let segments: Vec<_> =
        verdicts[0].evidence.segments.iter().map(|segment| (segment.kind, segment.to_ms)).collect();
    let (silence, speech, missing) = (SegmentKind::Silence, SegmentKind::Speech, SegmentKind::Missing);
    assert_eq!(segments, [(silence, 400), (speech, 1_000), (missing, 1_400), (silence, 1_900)]);
    assert!(verdicts[0].to_json().contains(r#"{"kind":"missing","from_ms":1000,"to_ms":1400}"#));
}
