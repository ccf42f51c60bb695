//! Who talks how long, on quiet and noisy lines; the edges of each threshold.

use std::time::Duration;

use super::*;

const HELLO: &[u8] = include_bytes!("../../../testdata/amd/hello.wav");
const RECEPTION: &[u8] = include_bytes!("../../../testdata/amd/reception.wav");
const VOICEMAIL: &[u8] = include_bytes!("../../../testdata/amd/voicemail.wav");

#[test]
fn a_short_greeting_and_silence_are_a_human() {
    let verdict = verdict(Params::default(), &Line::new().silence(400).voice(600).silence(2000));
    assert_eq!((verdict.class, verdict.cause), (Class::Human, Cause::AfterGreetingSilence));
    assert_eq!(verdict.at_ms, 1500);
    assert_eq!(
        verdict.to_string(),
        "human: spoke 0.60 s, then 0.50 s of silence (after_greeting_silence 0.50 s)"
    );
}

#[test]
fn long_talk_is_a_machine_as_soon_as_it_is_long() {
    let verdict = verdict(Params::default(), &Line::new().silence(400).voice(5000).silence(1000));
    assert_eq!((verdict.class, verdict.cause), (Class::Machine, Cause::LongGreeting));
    assert_eq!(verdict.at_ms, 3400);
}

#[test]
fn the_greeting_threshold_is_sharp() {
    let line = |ms| Line::new().silence(400).voice(ms).silence(2000);
    assert_eq!(classes(&line(2980)), [Class::Human]);
    assert_eq!(classes(&line(3000)), [Class::Machine]);
}

#[test]
fn the_wait_grows_with_the_greeting_between_half_and_all_of_the_parameter() {
    for (spoke, wait) in [(300, 500), (600, 500), (1000, 800), (1200, 960), (1400, 1000), (2500, 1000)] {
        let verdict = verdict(Params::default(), &Line::new().silence(400).voice(spoke).silence(2000));
        assert_eq!(verdict.evidence.measured, wait, "after {spoke} ms");
        assert_eq!(verdict.at_ms, 400 + spoke + wait);
    }
}

#[test]
fn nobody_is_never_a_machine() {
    for line in [Line::new().silence(9000), Line::new().silence(9000).noise(400.0)] {
        for gap in [0, 20, 200] {
            let verdict = verdict(Params::default(), &line.clone().after_gap(gap));
            assert_eq!((verdict.class, verdict.at_ms), (Class::NoSpeech, 5000), "after {gap} ms");
        }
    }
    // What roars from the first moment on may be taken for a word, and for no more.
    let roar = Line::new().silence(9000).noise(4000.0);
    for gap in [0, 20, 200] {
        assert_ne!(verdict(Params::default(), &roar.clone().after_gap(gap)).class, Class::Machine);
    }
}

#[test]
fn a_click_is_no_word() {
    let line = Line::new().silence(400).voice(80).silence(1500).voice(500).silence(1500);
    let verdict = verdict(Params::default(), &line);
    assert_eq!((verdict.class, verdict.evidence.words, verdict.at_ms), (Class::Human, 1, 2980));
}

#[test]
fn the_noise_floor_follows_the_line() {
    for (noise, gap) in
        [(5.0, 0), (50.0, 0), (200.0, 0), (500.0, 0), (5.0, 20), (50.0, 20), (200.0, 60), (500.0, 200)]
    {
        let line = Line::new().silence(1000).voice(600).silence(2500).noise(noise).after_gap(gap);
        let verdict = verdict(Params::default(), &line);
        assert_eq!(verdict.class, Class::Human, "noise {noise} after {gap} ms");
        assert!(
            (verdict.evidence.noise_floor / noise as f32 - 1.0).abs() < 0.35,
            "{}",
            verdict.evidence.noise_floor
        );
    }
}

#[test]
fn a_gap_in_what_comes_is_no_silence_of_the_lines() {
    let noisy = |line: Line| line.noise(150.0);
    let before = noisy(Line::new().silence(600));
    let gap = Line::new().silence(700);
    let line = before.clone().then(&gap).then(&noisy(Line::new().silence(8000)));
    assert_eq!(classes(&line), [Class::NoSpeech]);
    let beep = before
        .then(&noisy(Line::new().voice(3500).silence(400)))
        .then(&gap)
        .then(&noisy(Line::new().silence(300).tone(&[1000.0], 300).silence(1500)));
    assert_eq!(classes(&beep), [Class::Machine, Class::Voicemail]);
}

#[test]
fn the_silence_of_early_media_is_forgotten_at_the_answer() {
    let ringing = Line::new().cadence(2, &[440.0, 480.0], &[(2000, 4000)]);
    let answered = Line::new().silence(8000).noise(150.0);
    let mut detector = Detector::new(Params::default());
    assert_eq!(ringing.samples().chunks(160).find_map(|packet| detector.push(packet)), None);
    detector.answered();
    let verdict = answered.samples().chunks(160).find_map(|packet| detector.push(packet)).expect("silence");
    assert_eq!((verdict.class, verdict.at_ms), (Class::NoSpeech, 5000));
}

#[test]
fn a_word_is_heard_though_nothing_was_heard_before_it() {
    for (gap, word) in [(30, 400), (5, 520), (0, 300)] {
        let mut detector = Detector::new(Params::default());
        detector.answered();
        let word = Line::new().voice(word);
        let made_up = |count: usize| std::iter::repeat_n(None, count);
        let packets = word.samples().chunks(160).map(|packet| Some(packet.to_vec())).collect::<Vec<_>>();
        let line = made_up(gap).chain(packets).chain(made_up(150));
        let verdict = line.into_iter().find_map(|packet| match packet {
            Some(packet) => detector.push(&packet),
            None => detector.push_made_up(&[0; 160]),
        });
        assert_eq!(verdict.map(|verdict| verdict.class), Some(Class::Human), "after {gap} frames");
    }
}

#[test]
fn what_was_made_up_says_nothing_of_the_noise() {
    let noise = Line::new().silence(8000).noise(150.0);
    let mut detector = Detector::new(Params::default());
    detector.answered();
    let made_up = (0..100).find_map(|_| detector.push_made_up(&[0; 160]));
    let verdict = made_up.or_else(|| noise.samples().chunks(160).find_map(|packet| detector.push(packet)));
    assert_eq!(verdict.map(|verdict| (verdict.class, verdict.at_ms)), Some((Class::NoSpeech, 5000)));
}

#[test]
fn a_voice_below_the_silence_threshold_is_not_heard() {
    let line = Line::new().silence(400).voice_at(0.05, 600).silence(5500);
    assert_eq!(classes(&line), [Class::Human]);
    let deaf = Params { silence_threshold: 400, ..Params::default() };
    assert_eq!(verdict(deaf, &line).class, Class::NoSpeech);
}

#[test]
fn a_pause_like_a_persons_is_overturned_by_talking_on() {
    let line = Line::new().silence(400).voice(600).silence(900).voice(4000).silence(1000);
    assert_eq!(causes(&line), [Cause::AfterGreetingSilence, Cause::TalkedOn]);
}

#[test]
fn a_person_who_repeats_hello_stays_a_person() {
    let line =
        Line::new().silence(400).voice(500).silence(1200).voice(500).silence(800).voice(700).silence(3000);
    assert_eq!(classes(&line), [Class::Human]);
}

#[test]
fn a_persons_answer_to_us_overturns_nothing() {
    let line = Line::new().silence(400).voice(500).silence(3500).voice(4000).silence(1000);
    assert_eq!(classes(&line), [Class::Human]);
}

/// What is said of a line while we speak from and to these milliseconds.
fn classes_while_we_speak(line: &Line, ours: std::ops::Range<u32>) -> Vec<Class> {
    let mut detector = Detector::new(Params::default());
    detector.answered();
    let told = line.samples().chunks(160).zip((0..).step_by(20)).filter_map(|(packet, at)| {
        detector.our_side(ours.contains(&at));
        detector.push(packet)
    });
    told.map(|verdict| verdict.class).collect()
}

#[test]
fn what_is_said_after_our_first_word_overturns_nothing() {
    // The verdict falls at 1500 ms.
    let line = Line::new().silence(400).voice(600).silence(1500).voice(4000).silence(1000);
    assert_eq!(classes(&line), [Class::Human, Class::Machine]);
    assert_eq!(classes_while_we_speak(&line, 1500..2400), [Class::Human], "an answer to us");
    assert_eq!(classes_while_we_speak(&line, 1500..7000), [Class::Human], "our own echo");
    assert_eq!(classes_while_we_speak(&line, 100..300), [Class::Human], "an answer to our opener");
    assert_eq!(classes_while_we_speak(&line, 2900..3000), [Class::Human], "it goes on into our words");
    assert_eq!(
        classes_while_we_speak(&line, 4600..5000),
        [Class::Human, Class::Machine],
        "it had talked on before"
    );
    let again =
        Line::new().silence(400).voice(600).silence(700).voice(300).silence(700).voice(1900).silence(1000);
    assert_eq!(classes(&again), [Class::Human, Class::Machine]);
    assert_eq!(
        classes_while_we_speak(&again, 2000..2700),
        [Class::Human],
        "hello again, and an answer to us"
    );
    let beep = line.clone().tone(&[1000.0], 400).silence(1000);
    assert_eq!(classes_while_we_speak(&beep, 1500..9000), [Class::Human], "too late for a beep");
    let beep =
        Line::new().silence(400).voice(600).silence(1500).voice(1000).tone(&[1000.0], 400).silence(1000);
    assert_eq!(classes_while_we_speak(&beep, 1500..9000), [Class::Human, Class::Voicemail]);
}

#[test]
fn a_beep_overturns_a_human_verdict_only_in_time() {
    let line = |wait| Line::new().silence(400).voice(900).silence(wait).tone(&[1000.0], 400).silence(1000);
    assert_eq!(classes(&line(2000)), [Class::Human, Class::Voicemail]);
    assert_eq!(classes(&line(9000)), [Class::Human]);
    let firm = Params { flip_within: Duration::ZERO, ..Params::default() };
    assert_eq!(verdict(firm, &line(2000)).class, Class::Human);
}

#[test]
fn time_is_up_also_while_nobody_speaks() {
    let hasty = Params { total_analysis_time: Duration::from_secs(3), ..Params::default() };
    let verdict = verdict(hasty, &Line::new().silence(9_000));
    assert_eq!(
        (verdict.class, verdict.cause, verdict.at_ms),
        (Class::Unknown, Cause::TotalAnalysisTime, 3_000)
    );
}

#[test]
fn word_limits_count_when_they_are_set() {
    let words = (0..4).fold(Line::new().silence(400), |line, _| line.voice(200).silence(120)).silence(2000);
    assert_eq!(classes(&words), [Class::Human]);
    let three = verdict(Params { maximum_number_of_words: 3, ..Params::default() }, &words);
    assert_eq!((three.class, three.cause), (Class::Machine, Cause::TooManyWords));
    let long = Params { maximum_word_length: Duration::from_millis(1000), ..Params::default() };
    let hum = verdict(long, &Line::new().silence(400).voice(1500).silence(2000));
    assert_eq!(hum.cause, Cause::LongWord);
}

#[test]
fn spoken_recordings_are_told_apart() {
    let hello = Line::new().silence(600).recording(HELLO).silence(2000);
    let reception = Line::new().silence(600).recording(RECEPTION).silence(2000);
    let voicemail =
        Line::new().silence(600).recording(VOICEMAIL).silence(400).tone(&[1000.0], 300).silence(1000);
    for noise in [5.0, 60.0] {
        assert_eq!(classes(&hello.clone().noise(noise)), [Class::Human]);
        assert_eq!(classes(&reception.clone().noise(noise)), [Class::Human]);
        assert_eq!(classes(&voicemail.clone().noise(noise)), [Class::Machine, Class::Voicemail]);
    }
}

#[test]
fn speaking_follows_the_turns_after_the_verdict_too() {
    let line = Line::new().silence(400).voice(600).silence(2000).voice(1000).silence(1000);
    let mut detector = Detector::new(Params::default());
    detector.answered();
    let mut changes = Vec::new();
    for (at, packet) in line.samples().chunks(160).enumerate() {
        let before = detector.speaking();
        detector.push(packet);
        if detector.speaking() != before {
            changes.push((at as u32 + 1) * 20);
        }
    }
    assert_eq!(changes, [500, 1200, 3100, 4200]);
}

#[test]
fn asterisks_rule_says_what_asterisk_says() {
    let says = |line: &Line| {
        let verdict = verdict(Params::asterisk(), line);
        (verdict.class, verdict.cause, verdict.at_ms)
    };
    let silence = Line::new().silence(6000);
    assert_eq!(says(&silence), (Class::Machine, Cause::InitialSilence, 2500));
    let hello = Line::new().silence(400).voice(600).silence(2000);
    assert_eq!(says(&hello), (Class::Human, Cause::AfterGreetingSilence, 1800));
    let long = Line::new().silence(400).voice(4000);
    assert_eq!(says(&long), (Class::Machine, Cause::LongGreeting, 1900));
    let words = (0..4).fold(Line::new().silence(400), |line, _| line.voice(200).silence(100));
    assert_eq!(says(&words), (Class::Machine, Cause::TooManyWords, 400 + 600 + 100));
    let beep = Line::new().silence(400).tone(&[1000.0], 400).silence(2000);
    assert_eq!(says(&beep).0, Class::Human, "it knows no tones");
}

#[test]
fn vicidial_waits_longer() {
    let verdict = verdict(Params::vicidial(), &Line::new().silence(400).voice(600).silence(2000));
    assert_eq!((verdict.class, verdict.at_ms), (Class::Human, 2000));
    assert_eq!(Params::vicidial().rule, Rule::Asterisk);
}
