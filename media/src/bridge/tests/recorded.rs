//! What is recorded of a call, and when.

use super::*;
#[test]
fn the_recording_is_aligned_to_the_sample() {
    let mut pair = Pair::connected(7, Wire::default(), deaf(), deaf());
    pair.near(Command::OpenGate);
    pair.far(Command::OpenGate);
    pair.advance(SECOND);
    pair.near(play(&clip(100, 10_000), 1));
    pair.far(play(&clip(100, -10_000), 1));
    pair.advance(SECOND);
    let (near, far) = (&pair.near, &pair.far);
    assert_eq!(near.frames.len(), far.frames.len());
    assert!((99..=101).contains(&near.frames.len()), "{}", near.frames.len());
    // What one side said, the other heard 40 ms later: 5 to 25 ms of wire and tick, 20 of buffer.
    for (speaker, listener) in [(near, far), (far, near)] {
        let loud = |samples: Vec<i16>| samples.iter().position(|sample| sample.unsigned_abs() > 5_000);
        let (said, heard) =
            (loud(speaker.agent_side()).expect("said"), loud(listener.callee_side()).expect("heard"));
        assert_eq!((said % FRAME, heard - said), (0, 2 * FRAME));
    }
    assert_eq!(pair.near.agent_side().iter().filter(|sample| **sample > 5_000).count(), 800);
    assert_eq!(pair.far.callee_side().iter().filter(|sample| **sample > 5_000).count(), 800);
}

#[test]
fn a_recording_begins_with_the_answer_and_skips_no_tick_in_a_stall() {
    let mut pair = Pair::new(8, Wire::default(), deaf(), deaf());
    pair.near(Command::Remote(agreement(&Capabilities::default()).0));
    pair.advance(SECOND);
    assert!(pair.near.frames.is_empty());
    pair.near(Command::Answered);
    pair.advance(SECOND);
    pair.now += SECOND;
    let sent = pair.near.sent.len();
    while pair.near.bridge.poll_timeout().is_some_and(|due| due <= pair.now) {
        pair.near.bridge.handle_timeout(pair.now);
        pair.near.drain(pair.now);
    }
    assert_eq!(pair.near.frames.len(), 100);
    let burst = pair.near.sent[sent..].iter().filter(|(channel, _)| *channel == Channel::Rtp).count();
    assert!(burst <= 4, "{burst}");
    assert!(pair.near.bridge.stats().ticks_missed >= 46);
}

#[test]
fn a_callee_that_is_not_heard_is_neither_noticed_nor_recorded_but_its_keys_are() {
    let mut pair = Pair::connected(15, Wire::default(), listening(), deaf());
    pair.near(Command::Heard { agent: true, seated: true, callee: false });
    pair.far(Command::OpenGate);
    pair.advance(SECOND);
    let before = pair.near.frames.len();
    pair.far(play(&greeting(1_000), 1));
    pair.far(Command::SendDtmf { digits: "5".parse().expect("digits") });
    pair.advance(4 * SECOND);
    assert_eq!(pair.near.count(|event| matches!(event, Event::SpeechStarted)), 0);
    assert_eq!(pair.near.digits(), "5");
    assert!(pair.near.callee_side()[before * FRAME..].iter().all(|sample| *sample == 0));
}

#[test]
fn a_recording_rests_and_goes_on() {
    let mut pair = Pair::connected(16, Wire::default(), deaf(), deaf());
    pair.near(Command::Record(false));
    let before = pair.near.frames.len();
    pair.advance(SECOND);
    assert_eq!(pair.near.frames.len(), before);
    pair.near(Command::Record(true));
    pair.advance(SECOND);
    assert!((49..=51).contains(&(pair.near.frames.len() - before)), "{}", pair.near.frames.len());
}

#[test]
fn early_media_is_heard_but_not_recorded() {
    let mut pair = Pair::new(13, Wire::default(), deaf(), deaf());
    let (ours, theirs) = agreement(&Capabilities::default());
    pair.far(Command::Remote(theirs));
    pair.far(Command::OpenGate);
    pair.far(play(&clip(2_000, 8_000), 1));
    pair.advance(SECOND);
    assert_eq!(pair.near.count(|event| matches!(event, Event::Started)), 0, "no SDP, nobody is known");
    pair.near(Command::Remote(ours));
    pair.advance(SECOND);
    assert_eq!(pair.near.count(|event| matches!(event, Event::Started)), 1);
    assert!(pair.near.frames.is_empty() && pair.near.sent.is_empty());
}
