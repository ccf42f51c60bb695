//! Every signal in its cadence, and what only resembles it.

use super::*;
use crate::amd::{FaxTone, Segment};

const US_RING: [f64; 2] = [440.0, 480.0];
const UK_RING: [f64; 2] = [400.0, 450.0];
const US_BUSY: [f64; 2] = [480.0, 620.0];

#[test]
fn ringing_of_three_continents_is_ringback() {
    let us = Line::new().cadence(2, &US_RING, &[(2000, 4000)]);
    let europe = Line::new().cadence(2, &[425.0], &[(1000, 4000)]);
    let uk = Line::new().cadence(2, &UK_RING, &[(400, 200), (400, 2000)]);
    for line in [us, europe, uk] {
        assert_eq!(classes(&line), [Class::Ringback]);
        assert_eq!(classes(&line.noise(60.0)), [Class::Ringback]);
    }
}

#[test]
fn ringing_after_the_answer_restarts_the_clock() {
    let line = Line::new().cadence(2, &US_RING, &[(2000, 4000)]).silence(200).voice(600).silence(1500);
    let verdicts = verdicts(Params::default(), &line);
    assert_eq!(
        verdicts.iter().map(|verdict| verdict.class).collect::<Vec<_>>(),
        [Class::Ringback, Class::Human]
    );
    assert!(verdicts[1].at_ms > 12_000);
}

#[test]
fn a_tone_that_never_ends_is_nobody_speaking() {
    for hz in [&[440.0][..], &[425.0], &[350.0, 440.0]] {
        let verdicts = verdicts(Params::default(), &Line::new().tone(hz, 9_500));
        let classes: Vec<_> = verdicts.iter().map(|verdict| verdict.class).collect();
        assert!(
            matches!(classes[..], [.., Class::NoSpeech | Class::Machine | Class::Unknown]),
            "{hz:?}: {classes:?}"
        );
    }
}

#[test]
fn busy_and_congestion_are_told_apart_by_their_pace() {
    for hz in [&US_BUSY[..], &[425.0], &[400.0]] {
        assert_eq!(causes(&Line::new().cadence(4, hz, &[(500, 500)])), [Cause::Tone(Tone::Busy)], "{hz:?}");
        assert_eq!(causes(&Line::new().cadence(4, hz, &[(375, 375)])), [Cause::Tone(Tone::Busy)], "{hz:?}");
        assert_eq!(
            causes(&Line::new().cadence(6, hz, &[(250, 250)])),
            [Cause::Tone(Tone::Congestion)],
            "{hz:?}"
        );
    }
}

#[test]
fn information_tones_say_why() {
    let reasons = [
        ([913.8, 1370.6, 1776.7], [274, 274, 380], Sit::Intercept),
        ([985.2, 1370.6, 1776.7], [380, 274, 380], Sit::VacantCode),
        ([913.8, 1428.5, 1776.7], [274, 380, 380], Sit::Reorder),
        ([985.2, 1428.5, 1776.7], [380, 380, 380], Sit::NoCircuit),
        ([950.0, 1400.0, 1800.0], [330, 330, 330], Sit::Unspecified),
    ];
    for (hz, ms, reason) in reasons {
        let mut line = Line::new().silence(130);
        for (hz, ms) in hz.into_iter().zip(ms) {
            line = line.tone(&[hz], ms);
        }
        assert_eq!(causes(&line.silence(1000)), [Cause::Tone(Tone::Sit(reason))]);
    }
}

#[test]
fn information_tones_out_of_order_are_none() {
    let line =
        Line::new().tone(&[1776.7], 330).tone(&[1370.6], 330).tone(&[913.8], 330).silence(40).voice(20);
    assert!(!causes(&line).iter().any(|cause| matches!(cause, Cause::Tone(Tone::Sit(_)))));
}

#[test]
fn fax_machines_are_known_at_both_ends() {
    for hz in [1062.0, 1100.0, 1138.0] {
        let calling = Line::new().silence(300).cadence(1, &[hz], &[(500, 3000)]);
        assert_eq!(causes(&calling), [Cause::Tone(Tone::Fax(FaxTone::Cng))], "{hz}");
    }
    let answering = Line::new().silence(200).tone(&[2100.0], 3000).silence(500);
    assert_eq!(causes(&answering), [Cause::Tone(Tone::Fax(FaxTone::Ced))]);
}

#[test]
fn a_beep_of_any_frequency_after_a_greeting_is_a_voicemail() {
    for hz in [400.0, 480.0, 703.0, 742.0, 882.0, 1000.0, 1100.0, 1335.0, 1777.0, 2000.0, 2250.0] {
        for ms in [160, 300, 760] {
            let line =
                Line::new().silence(300).voice(3500).silence(410).tone(&[hz], ms).silence(1500).noise(30.0);
            let verdicts = verdicts(Params::default(), &line);
            let [machine, voicemail] = verdicts.as_slice() else { panic!("{hz} Hz, {ms} ms: {verdicts:?}") };
            assert_eq!((machine.class, voicemail.class), (Class::Machine, Class::Voicemail));
            let Cause::Tone(Tone::Beep { hz: measured }) = voicemail.cause else { panic!("{voicemail}") };
            assert!((f64::from(measured) - hz).abs() <= 5.0, "{hz} Hz measured as {measured}");
        }
    }
}

#[test]
fn two_tones_at_once_may_be_a_beep_but_not_a_digit() {
    let after_greeting =
        |hz: &[f64]| Line::new().silence(300).voice(3500).silence(400).tone(hz, 400).silence(1500);
    assert_eq!(classes(&after_greeting(&[650.0, 820.0])), [Class::Machine, Class::Voicemail]);
    for (low, high) in [(697.0, 1209.0), (770.0, 1336.0), (852.0, 1477.0), (941.0, 1633.0)] {
        assert_eq!(classes(&after_greeting(&[low, high])), [Class::Machine], "{low}+{high}");
    }
}

#[test]
fn what_is_too_short_or_moves_or_does_not_stop_is_no_beep() {
    let greeting = Line::new().silence(300).voice(3500).silence(400);
    assert_eq!(classes(&greeting.clone().tone(&[1000.0], 80).silence(1000)), [Class::Machine]);
    assert_eq!(classes(&greeting.clone().tone(&[1000.0], 3000).silence(1000)), [Class::Machine]);
    let siren = (0..20).fold(greeting, |line, step| line.tone(&[700.0 + 40.0 * f64::from(step)], 20));
    assert_eq!(classes(&siren.silence(1000)), [Class::Machine]);
}

#[test]
fn every_beep_is_told_after_a_machine() {
    let line = Line::new().silence(300).voice(3500).silence(300).cadence(2, &[1000.0], &[(300, 2000)]);
    assert_eq!(classes(&line), [Class::Machine, Class::Voicemail, Class::Voicemail]);
}

#[test]
fn a_dial_tone_is_nobody_speaking() {
    assert_eq!(classes(&Line::new().tone(&[350.0, 440.0], 7000)), [Class::NoSpeech]);
}

#[test]
fn early_media_is_heard_but_not_judged() {
    let ringing = Line::new().cadence(2, &US_RING, &[(2000, 4000)]);
    let hello = Line::new().silence(500).voice(500).silence(1000);
    let mut detector = Detector::new(Params::default());
    assert_eq!(ringing.samples().chunks(160).find_map(|packet| detector.push(packet)), None);
    assert_eq!(detector.tone(), Some(Tone::Ringback));
    detector.answered();
    let verdict = hello.samples().chunks(160).find_map(|packet| detector.push(packet)).expect("a person");
    assert_eq!(verdict.class, Class::Human);
    assert_eq!(verdict.at_ms, 1500);
    let rings =
        |segment: &Segment| segment.kind == SegmentKind::Tone { hz: 440 } && segment.from_ms < -11_900;
    assert!(verdict.evidence.segments.iter().any(rings), "early media is evidence");
}
