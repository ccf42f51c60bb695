//! Far ends that put us on hold, where another party talks with them: it hears music meanwhile, and nothing of what they send.

use std::sync::Arc;
use std::time::Duration;

use trunkline::model::{CallAt, CallFact, CallId, Dial, Handover, SipAgent, Step, Trunk};
use trunkline::simulator::Persona;

use super::pairs::hand_over;
use super::transfers::allowing;
use super::{Deed, PHONE, Weather, World};

const SECOND: Duration = Duration::from_secs(1);

/// A SIP endpoint takes the calls that come in.
fn answered_by_an_endpoint(world: &mut World) {
    let to = format!("+1555010000{}", Persona::Silent.digit()).parse().expect("E.164");
    let dial = Arc::new(Dial { ring_timeout: 10 * SECOND, ..Dial::new(vec![to]) });
    world.answer_by(SipAgent { dial, variables: Vec::new(), call_at: CallAt::Ringing });
}

fn until_moved(world: &mut World) -> CallId {
    for _ in 0..200 {
        let has_moved = |fact: &CallFact| matches!(fact, CallFact::Moved { .. });
        if let Some(call) = world.calls().into_iter().find(|call| world.facts(*call).iter().any(has_moved)) {
            return call;
        }
        world.advance(SECOND / 10);
    }
    panic!("nobody takes its place")
}

#[test]
fn who_takes_the_place_of_a_far_end_that_held_us_is_heard() {
    for deed in [&Deed::Replaces, &Deed::Refers("+15550100009")] {
        let mut world = World::new(1, Weather::CALM).with_phone(1, allowing);
        answered_by_an_endpoint(&mut world);
        world.phone_calls(Deed::Holds(deed));
        let call = until_moved(&mut world);
        assert!(world.is_callee_heard(call), "{deed:?}");
        assert_eq!(world.thrown_away(), 1, "the endpoint's music is over: {deed:?}");
        world.run_out();
        world.assert_quiet();
    }
}

#[test]
fn who_holds_while_the_agent_consults_with_him_is_waited_for_with_music_once_he_is_put_through() {
    // Everybody is at the phone: the caller, the agent, and whom the agent consults.
    let there = |trunk: &mut Trunk| trunk.uri = format!("sip:{PHONE}");
    let mut world = World::new(2, Weather::CALM).with_phone(2, there);
    answered_by_an_endpoint(&mut world);
    world.phone_calls(Deed::Stays);
    world.advance(SECOND);
    let call = world.calls()[0];
    let handover = Handover { consult: true, whisper: None, ..hand_over(Persona::Silent) };
    assert_eq!(world.control(call, Step::HandOver(Arc::new(handover))), Ok(()));
    world.advance(SECOND);
    let [_, colleague] = world.seconds(call)[..] else { panic!("two parties were called") };
    for on in [true, false, true] {
        world.phone_holds(on);
        world.advance(SECOND);
    }
    assert_eq!(world.thrown_away(), 0, "the caller's music goes on");
    assert_eq!(world.control(call, Step::CompleteTransfer), Ok(()));
    world.advance(SECOND);
    assert_eq!(world.thrown_away(), 0, "it waits for the colleague from now on");
    world.phone_holds(false);
    world.advance(SECOND);
    assert_eq!(world.thrown_away(), 1, "no longer than that");
    assert!(world.is_callee_heard(colleague));
    world.hangup(call);
    world.run_out();
    world.assert_quiet();
}
