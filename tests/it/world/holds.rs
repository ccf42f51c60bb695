//! Far ends that put us on hold, where another party talks with them: it hears music meanwhile, and nothing of what they send.

use std::sync::Arc;
use std::time::Duration;

use trunkline::model::{CallAt, CallFact, CallId, Dial, SipAgent};
use trunkline::simulator::Persona;

use super::transfers::allowing;
use super::{Deed, Weather, World};

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
