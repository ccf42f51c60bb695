//! What holds for any samples: the same verdicts however they are cut, bounded evidence, valid JSON, no panic.

use proptest::prelude::*;

use super::*;
use crate::amd::Evidence;

fn told(samples: &[i16], chunk: usize) -> Vec<String> {
    let mut detector = Detector::new(Params::default());
    detector.answered();
    let mut told: Vec<_> = samples.chunks(chunk).filter_map(|packet| detector.push(packet)).collect();
    told.extend(std::iter::from_fn(|| detector.push(&[])));
    told.iter().map(Verdict::to_json).collect()
}

#[test]
fn packets_of_any_size_give_the_same_bytes() {
    let line = Line::new()
        .cadence(1, &[440.0, 480.0], &[(2000, 500)])
        .voice(700)
        .silence(1100)
        .voice(4000)
        .silence(330)
        .tone(&[882.0], 310)
        .silence(1000)
        .noise(25.0);
    let whole = told(line.samples(), 160);
    assert_eq!(whole.len(), 3, "human, machine, voicemail: {whole:?}");
    for chunk in [1, 80, 159, 160, 240, 1000, line.samples().len()] {
        assert_eq!(told(line.samples(), chunk), whole, "packets of {chunk}");
    }
}

#[test]
fn the_time_line_is_bounded_and_keeps_its_end() {
    let chatter = (0..200).fold(Line::new(), |line, _| line.voice(60).silence(100)).silence(5000);
    let verdict = verdict(Params::default(), &chatter);
    assert_eq!(verdict.class, Class::NoSpeech);
    assert!(verdict.evidence.segments.len() <= Evidence::SEGMENTS_MAX);
    let long = Line::new()
        .silence(300)
        .voice(3500)
        .cadence(120, &[1000.0], &[(40, 100)])
        .silence(400)
        .tone(&[1000.0], 300)
        .silence(400);
    let last = verdicts(Params::default(), &long).pop().expect("a beep");
    assert!(last.evidence.dropped > 0);
    let end = last.evidence.segments.last().expect("segments").to_ms;
    assert_eq!(u32::try_from(end), Ok(last.at_ms));
}

#[test]
fn a_verdict_is_one_json_object() {
    let verdict = verdict(Params::default(), &Line::new().silence(400).voice(600).silence(1000));
    assert_eq!(
        verdict.to_json(),
        concat!(
            r#"{"class":"human","cause":"after_greeting_silence","confidence":0.91,"at_ms":1500,"#,
            r#""because":"human: spoke 0.60 s, then 0.50 s of silence (after_greeting_silence 0.50 s)","#,
            r#""evidence":{"words":1,"speech_ms":600,"noise_floor":0.0,"threshold":"after_greeting_silence","#,
            r#""threshold_value":500,"measured":500,"dropped":0,"segments":["#,
            r#"{"kind":"silence","from_ms":0,"to_ms":400},{"kind":"speech","from_ms":400,"to_ms":1000},"#,
            r#"{"kind":"silence","from_ms":1000,"to_ms":1500}]}}"#
        )
    );
}

/// Stretches of audio that are each plausible, in any order, of any loudness.
fn stretch() -> impl Strategy<Value = Vec<i16>> {
    prop_oneof![
        prop::collection::vec(any::<i16>(), 0..2000),
        (any::<i16>(), 0usize..4000).prop_map(|(level, length)| vec![level; length]),
        (100.0f64..3900.0, 100u32..900).prop_map(|(hz, ms)| Line::new().tone(&[hz], ms).samples().to_vec()),
        (100u32..900).prop_map(|ms| Line::new().voice(ms).samples().to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_samples_in_any_packets_do_not_panic_and_agree(
        stretches in prop::collection::vec(stretch(), 0..12),
        chunk in 1usize..700,
        answered_after in 0usize..3000,
    ) {
        let samples = stretches.concat();
        let none = Params { greeting: Default::default(), silence_threshold: 0, ..Params::default() };
        for params in [Params::default(), Params::asterisk(), none] {
            let mut detector = Detector::new(params);
            let (before, after) = samples.split_at(answered_after.min(samples.len()));
            prop_assert!(before.chunks(chunk).find_map(|packet| detector.push(packet)).is_none());
            detector.answered();
            for packet in after.chunks(chunk) {
                if let Some(verdict) = detector.push(packet) {
                    prop_assert!((0.0..=1.0).contains(&verdict.confidence));
                    prop_assert!(!verdict.to_string().is_empty());
                }
                prop_assert!(detector.level().is_finite());
            }
        }
        prop_assert_eq!(told(&samples, chunk), told(&samples, 160));
    }
}
