//! Who sits at a bridge: heard behind the gate, told what the callee says, mixed, muted, joined to another bridge.

use super::*;
use crate::g711::Law;
use crate::port::{self, Frame, Marked, Pace, Port, STALE, WORDS_MAX};

fn tone(value: i16) -> Frame {
    let mut frame = [0; FRAME];
    Law::Mu.encode(&[value; FRAME], &mut frame);
    frame
}

fn linear(frame: &Frame) -> i16 {
    let mut samples = [0; FRAME];
    Law::Mu.decode(frame, &mut samples);
    samples[0]
}

/// A call with somebody at its first place.
fn seated(pace: Pace) -> (Pair, Port) {
    let mut pair = Pair::connected(1, Wire::default(), deaf(), deaf());
    let (port, seat) = port::pair(pace);
    pair.near(Command::Join { place: 0, seat: Box::new(seat) });
    pair.far(Command::OpenGate);
    (pair, port)
}

fn all_heard(port: &mut Port) -> Vec<i16> {
    std::iter::from_fn(|| port.hear()).map(|frame| linear(&frame)).collect()
}

/// The payloads that the near side has sent, from a packet on.
fn payloads(pair: &Pair, from: usize) -> Vec<Vec<u8>> {
    let rtp = pair.near.sent[from..].iter().filter(|(channel, _)| *channel == Channel::Rtp);
    rtp.map(|(_, packet)| packet[12..].to_vec()).collect()
}

#[test]
fn a_bots_words_wait_for_the_gate_and_pass_as_they_came() {
    let (mut pair, mut port) = seated(Pace::Queued);
    let words: Vec<Frame> = (0..WORDS_MAX).map(|at| tone(1_000 + 100 * at as i16)).collect();
    assert!(words.iter().all(|word| port.say(word)));
    pair.advance(SECOND);
    assert_eq!((port.played(), port.room()), (0, 0));
    let before = pair.near.sent.len();
    pair.near(Command::OpenGate);
    pair.advance(SECOND);
    let said = payloads(&pair, before);
    assert!(said.windows(words.len()).any(|window| window == words), "untouched and without a gap");
    assert_eq!(pair.near.count(|event| matches!(event, Event::Opened { .. })), 1);
    assert_eq!(pair.near.count(|event| matches!(event, Event::Drained)), 1, "it has fallen silent");
}

#[test]
fn what_a_bot_takes_back_before_the_gate_opens_makes_room_at_once_for_what_it_says_instead() {
    let (mut pair, mut port) = seated(Pace::Queued);
    for _ in 1..WORDS_MAX {
        assert!(port.say(&tone(1_000)));
    }
    assert!(port.mark(7));
    pair.advance(SECOND);
    assert_eq!((port.room(), port.poll_marked()), (0, None));
    port.clear();
    pair.advance(Duration::from_millis(20));
    assert_eq!((port.room(), port.poll_marked()), (WORDS_MAX, Some(Marked { mark: 7, cleared: true })));
    assert!(port.say(&tone(2_000)));
    pair.near(Command::OpenGate);
    pair.advance(Duration::from_millis(20));
    assert_eq!(port.played(), 1, "in the gate's first tick");
}

#[test]
fn a_bot_hears_the_callee_from_the_answer_on() {
    let mut pair = Pair::new(1, Wire::default(), deaf(), deaf());
    let (ours, theirs) = agreement(&Capabilities::default());
    let (mut port, seat) = port::pair(Pace::Queued);
    pair.near(Command::Remote(ours));
    pair.far(Command::Remote(theirs));
    pair.near(Command::Join { place: 0, seat: Box::new(seat) });
    pair.far(Command::Answered);
    pair.far(Command::OpenGate);
    pair.far(play(&clip(1_000, 8_000), 1));
    pair.advance(Duration::from_millis(100));
    assert_eq!(all_heard(&mut port), [0; 0], "nobody has answered");
    pair.near(Command::Answered);
    let mut heard = Vec::new();
    for _ in 0..10 {
        pair.advance(Duration::from_millis(20));
        heard.extend(all_heard(&mut port));
    }
    assert_eq!(heard.len(), 10);
    assert!(heard.iter().skip(2).all(|sample| (7_500..8_500).contains(sample)), "{heard:?}");
}

#[test]
fn who_speaks_at_once_with_a_clip_is_heard_with_it() {
    let (mut pair, mut port) = seated(Pace::Live);
    pair.near(Command::OpenGate);
    pair.near(play(&clip(200, 4_000), 1));
    for _ in 0..10 {
        assert!(port.say(&tone(2_000)));
        pair.advance(TICK);
    }
    let said = pair.near.agent_side();
    let loudest = said.iter().max().copied().expect("frames");
    assert!((5_700..6_300).contains(&loudest), "{loudest}");
}

#[test]
fn barge_in_takes_back_what_the_bot_has_said_before_its_time() {
    let (mut pair, mut port) = seated(Pace::Queued);
    pair.near(Command::OpenGate);
    assert!((0..8).all(|_| port.say(&tone(5_000))) && port.mark(3));
    pair.advance(Duration::from_millis(60));
    pair.near(Command::Clear);
    let before = pair.near.sent.len();
    pair.advance(SECOND);
    assert!(payloads(&pair, before).iter().all(|payload| payload.iter().all(|byte| *byte == 0xff)));
    assert!(port.take_flush() && port.played() < 8);
    assert_eq!(port.poll_marked().map(|marked| (marked.mark, marked.cleared)), Some((3, true)));
}

#[test]
fn a_muted_agent_goes_on_unheard() {
    let (mut pair, mut port) = seated(Pace::Queued);
    pair.near(Command::OpenGate);
    pair.near(Command::Heard { agent: false, seated: true, callee: true });
    assert!((0..5).all(|_| port.say(&tone(5_000))));
    pair.advance(SECOND);
    assert_eq!(port.played(), 5);
    assert!(pair.near.agent_side().iter().all(|sample| *sample == 0));
}

#[test]
fn who_is_apart_hears_clips_and_of_those_who_sit_there_what_they_say_afterwards() {
    let (mut pair, mut port) = seated(Pace::Queued);
    pair.near(Command::OpenGate);
    pair.near(Command::Heard { agent: true, seated: false, callee: false });
    assert!((0..5).all(|_| port.say(&tone(5_000))) && port.mark(3));
    pair.near(play(&clip(40, 9_000), 1));
    pair.advance(SECOND);
    assert_eq!((port.played(), port.poll_marked().map(|marked| marked.cleared)), (5, Some(false)));
    let said = pair.near.agent_side();
    let loud = |least: i16, said: &[i16]| said.iter().filter(|sample| **sample > least).count();
    assert_eq!((loud(8_000, &said), loud(9_500, &said)), (320, 0), "the clip, and nobody with it");
    pair.near(Command::Heard { agent: true, seated: true, callee: true });
    assert!(port.say(&tone(5_000)));
    pair.advance(SECOND);
    assert!(loud(4_000, &pair.near.agent_side()) > 320, "who sits there is heard again");
}

#[test]
fn a_whisper_is_heard_by_whom_it_is_meant_for() {
    let (mut pair, mut agent) = seated(Pace::Live);
    let (mut party, seat) = port::pair(Pace::Live);
    pair.near(Command::OpenGate);
    pair.near(Command::Join { place: 1, seat: Box::new(seat) });
    let (caller, whisperer, listener) = (Members::CALLEE, Members::at(0), Members::at(1));
    // The callee waits; the two beside talk about it.
    pair.near(Command::Hear { who: caller, whom: Members::NOBODY });
    pair.near(Command::Hear { who: whisperer, whom: listener });
    pair.near(Command::Hear { who: listener, whom: whisperer });
    pair.far(play(&clip(2_000, 9_000), 1));
    for _ in 0..10 {
        assert!(agent.say(&tone(3_000)) && party.say(&tone(-6_000)));
        pair.advance(TICK);
    }
    let close = |heard: &[i16], to: i16| heard.iter().all(|sample| (sample - to).abs() < 300);
    let (to_agent, to_party) = (all_heard(&mut agent), all_heard(&mut party));
    assert!(to_agent.len() >= 9 && close(&to_agent[1..], -6_000), "{to_agent:?}");
    assert!(to_party.len() >= 9 && close(&to_party[1..], 3_000), "{to_party:?}");
    assert!(pair.near.agent_side().iter().all(|sample| *sample == 0));
    // Then all three, and nobody hears itself.
    for who in [caller, whisperer, listener] {
        pair.near(Command::Hear { who, whom: Members::ALL });
    }
    for _ in 0..10 {
        assert!(agent.say(&tone(3_000)) && party.say(&tone(-6_000)));
        pair.advance(TICK);
    }
    let (to_agent, to_party) = (all_heard(&mut agent), all_heard(&mut party));
    assert!(close(&to_agent[2..], 3_000) && close(&to_party[2..], 12_000), "{to_agent:?} {to_party:?}");
    let to_callee = pair.near.agent_side();
    assert!(close(&to_callee[to_callee.len() - FRAME..], -3_000));
}

#[test]
fn whoever_listens_in_hears_the_side_that_it_asked_for() {
    for (whom, expected) in [
        (Members::CALLEE, 9_000),
        (Members::PLAYED, 4_000),
        (Members::CALLEE.and(Members::PLAYED), 13_000),
        (Members::NOBODY, 0),
    ] {
        let (mut pair, mut listener) = seated(Pace::Queued);
        pair.near(Command::OpenGate);
        pair.near(Command::Hear { who: Members::at(0), whom });
        pair.near(play(&clip(1_000, 4_000), 1));
        pair.far(play(&clip(1_000, 9_000), 1));
        pair.advance(Duration::from_millis(300));
        let heard = all_heard(&mut listener);
        let close = heard.iter().skip(5).all(|sample| (sample - expected).abs() < 300);
        assert!(heard.len() >= 10 && close, "{whom:?}: {heard:?}");
        assert!(pair.near.agent_side().iter().any(|sample| *sample > 3_700), "the call goes on as before");
    }
}

#[test]
fn whoever_hears_both_sides_beside_each_other_hears_them_of_the_same_time() {
    let (mut pair, mut listener) = seated(Pace::Queued);
    pair.near(Command::OpenGate);
    pair.near(Command::Hear { who: Members::at(0), whom: Members::CALLEE.and(Members::BESIDE) });
    pair.near(play(&clip(1_000, 4_000), 1));
    pair.far(play(&clip(1_000, 9_000), 1));
    // What nobody took for so long is too old: of either side.
    pair.advance(Duration::from_millis(600));
    let (mut callee, mut played) = (Vec::new(), Vec::new());
    while let Some(frame) = listener.hear() {
        callee.push(linear(&frame));
        played.push(linear(&listener.hear_beside().expect("each has its other side")));
    }
    assert_eq!((callee.len(), listener.hear_beside()), (STALE, None));
    let close = |heard: &[i16], level: i16| heard.iter().all(|sample| (sample - level).abs() < 300);
    assert!(close(&callee, 9_000) && close(&played, 4_000), "{callee:?} {played:?}");
    assert!(listener.passed_over() > 0);
    // Whoever does not ask for what is beside does not get it instead.
    pair.advance(Duration::from_millis(100));
    let heard = all_heard(&mut listener);
    assert!(heard.len() >= 4 && heard.iter().all(|sample| (sample - 9_000).abs() < 300), "{heard:?}");
}

#[test]
fn two_callees_talk_over_two_bridges_back_to_back() {
    let mut one = Pair::connected(3, Wire { jitter_ms: 15, ..Wire::default() }, deaf(), deaf());
    let mut other = Pair::connected(4, Wire::default(), deaf(), deaf());
    let (here, there) = port::between();
    one.near(Command::Join { place: 0, seat: Box::new(here) });
    other.near(Command::Join { place: 2, seat: Box::new(there) });
    for pair in [&mut one, &mut other] {
        pair.near(Command::OpenGate);
        pair.far(Command::OpenGate);
    }
    one.far(play(&clip(1_000, 7_000), 1));
    other.far(play(&clip(1_000, -7_000), 1));
    for _ in 0..100 {
        one.advance(TICK);
        other.advance(TICK);
    }
    let loud = |side: &Side, sign: i16| {
        side.callee_side().iter().filter(|sample| (6_500..7_500).contains(&(**sample * sign))).count()
    };
    assert!(loud(&one.far, -1) >= 7_500, "{}", loud(&one.far, -1));
    assert!(loud(&other.far, 1) >= 7_500, "{}", loud(&other.far, 1));
    // One leaves, and the other hears nothing of it any more.
    one.near(Command::Close);
    other.advance(Duration::from_millis(200));
    let said = other.near.agent_side();
    assert!(said[said.len() - FRAME..].iter().all(|sample| *sample == 0));
}

#[test]
fn silence_that_somebody_sends_is_no_speech() {
    let (mut pair, mut port) = seated(Pace::Queued);
    pair.near(Command::OpenGate);
    let is_silent = |event: &Event| matches!(event, Event::Drained);
    for (ticks, frame) in [(25, tone(1_000)), (50, [0xff; FRAME]), (25, [0x70; FRAME])] {
        for _ in 0..ticks {
            assert!(port.say(&frame));
            pair.advance(TICK);
        }
    }
    assert_eq!(pair.near.count(|event| matches!(event, Event::Speaks)), 1);
    assert_eq!(pair.near.count(is_silent), 1, "though it goes on sending");
    assert!(port.say(&tone(1_000)));
    pair.advance(SECOND);
    assert_eq!(pair.near.count(|event| matches!(event, Event::Speaks)), 2);
    assert_eq!(pair.near.count(is_silent), 2);
}
